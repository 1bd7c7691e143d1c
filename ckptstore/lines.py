"""A record as lines of JSON, a field a line, in the one way there is to write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ckptstore.errors import CheckpointCorrupt

if TYPE_CHECKING:
    from collections.abc import Sequence

_encode_lines = msgspec.json.Encoder().encode_lines


def template(names: Sequence[str], end: bytes) -> bytes:
    """What `fill` fills: a line for each of `names`, commas between them, and `end`."""
    return b",\n".join(f'"{name}": %b'.encode() for name in names) + end


def fill(template: bytes, fields: msgspec.Struct) -> bytes:
    """One field a line: the encoder ends each value with a line end, and a value in JSON holds none."""
    return template % tuple(_encode_lines(msgspec.structs.astuple(fields)).split(b"\n")[:-1])


def check_canonical(found: bytes, template: bytes, fields: msgspec.Struct) -> None:
    """There is one way to write a record, so no field can be doubled, hidden, or mean two things to two readers."""
    if found != fill(template, fields):
        raise CheckpointCorrupt("its fields are not as format 1 writes them")
