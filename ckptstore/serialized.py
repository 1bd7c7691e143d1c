"""A serialized state, as parts that need not be in memory at once, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckptstore.backend import Buffer

    Part: TypeAlias = bytes | Iterable[Buffer]


class Serialized(msgspec.Struct, frozen=True):
    """A state's bytes: `parts`, one after the other. `tree`: the length of the JSON, where buffers stand behind it."""

    parts: tuple[Part, ...]
    size: int
    tree: int | None = None


class Gone(Exception):  # noqa: N818 - not an error yet: the checkpoint may have been pruned
    """Something that a manifest names is not there (any more)."""


class Source(Protocol):
    """A serialized state that is stored somewhere: `CheckpointCorrupt` where it is damaged, `Gone` where it is gone."""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...

    def read(self) -> bytes:
        """All of it."""
        ...

    def fill(self, targets: Sequence[tuple[int, memoryview]]) -> None:
        """Into each writable buffer, the bytes from that offset on."""
        ...


def stretch(state: Serialized, offset: int, size: int) -> Buffer:
    """`size` bytes from `offset` on, as they are now."""
    found: list[Buffer] = []
    for part in state.parts:
        for block in (part,) if isinstance(part, bytes) else part:
            if offset < len(block) and size:
                found.append(memoryview(block)[offset : offset + size])
                size -= len(found[-1])
            offset = max(0, offset - len(block))
    return found[0] if len(found) == 1 else b"".join(found)
