"""A record as lines of JSON, a field a line, in the one way there is to write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ckptstore.errors import CheckpointCorrupt

if TYPE_CHECKING:
    from collections.abc import Sequence

_encode_lines = msgspec.json.Encoder().encode_lines
_astuple = msgspec.structs.astuple


def template(names: Sequence[str], end: bytes) -> list[bytes]:
    """What `fill` fills: a line for each of `names`, commas between them, and `end`; each second place is a value's."""
    parts = [f',\n"{name}": '.encode() for name in names]
    return [part for text in (parts[0][2:], *parts[1:], end) for part in (text, b"")]


def fill(template: list[bytes], fields: msgspec.Struct) -> bytes:
    """One field a line: the encoder ends each value with a line end, and a value in JSON holds none."""
    parts = template.copy()
    values = [*_astuple(fields)]  # a list: of any other iterable msgspec 0.22 leaks the iterator
    parts[1::2] = _encode_lines(values).split(b"\n")  # nothing behind the last, so behind `end`
    return b"".join(parts)


def check_canonical(found: bytes, template: list[bytes], fields: msgspec.Struct) -> None:
    """There is one way to write a record, so no field can be doubled, hidden, or mean two things to two readers."""
    if found != fill(template, fields):
        raise CheckpointCorrupt("its fields are not as format 1 writes them")
