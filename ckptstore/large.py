"""
Bytes and arrays that are large enough to stand beside the JSON of a state.

`tags` leaves a `Large` in its tree for each. Who makes JSON of the tree decides: a reference to a buffer beside it, or
`inline`, the form that small ones have.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING, Any

import msgspec

from ckptstore import arrays

if TYPE_CHECKING:
    from ckptstore.serialized import Part

_encode = msgspec.json.Encoder().encode

LEAST = 4 * 1024
"""Bytes of a value that may stand beside the JSON: below, base64 costs under 3 us, and one finds it in its place."""
TOGETHER = 64 * 1024
"""Bytes that such values must come to: below, a state is one piece that fits into its manifest."""


class Large:
    """A value of a tree that JSON does not hold as it is; no Struct, which msgspec would write by itself."""

    __slots__ = ("entry", "value")

    def __init__(self, value: Any, entry: Any) -> None:  # noqa: ANN401 - bytes and their number, or an array and its head
        self.value = value
        self.entry = entry

    @property
    def tag(self) -> str:
        """What a reference to it is tagged with."""
        return "$bytes" if type(self.entry) is int else "$ndarray"

    @property
    def nbytes(self) -> int:
        """The bytes that it has beside the JSON."""
        return self.entry if type(self.entry) is int else self.value.nbytes

    @property
    def part(self) -> bytes | Part:
        """These bytes, not copied."""
        return self.value if type(self.entry) is int else arrays.part(self.value)


def of_bytes(value: bytes) -> Any:  # noqa: ANN401 - JSON-able, or Large
    """`value` for a tree."""
    return {"$bytes": _base64(value)} if len(value) < LEAST else Large(value, len(value))


def inline(value: Any) -> Any:  # noqa: ANN401 - a hook of msgspec; JSON-able
    """A `Large` as it stands within JSON."""
    if value.tag == "$bytes":
        return {"$bytes": _base64(value.value)}
    return {"$ndarray": arrays.described(value.value, value.entry)}


def inlined(tree: Any) -> Any:  # noqa: ANN401 - JSON-able
    """`tree` without a `Large` in it."""
    try:
        _encode(tree)  # the quickest look for one: 30 ns a value
    except (TypeError, UnicodeEncodeError):
        return _inlined(tree)
    return tree


def _inlined(tree: Any) -> Any:  # noqa: ANN401 - JSON-able
    if type(tree) is dict:
        return {key: _inlined(value) for key, value in tree.items()}
    if type(tree) is list or type(tree) is tuple:
        return list(map(_inlined, tree))
    return inline(tree) if type(tree) is Large else tree


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")
