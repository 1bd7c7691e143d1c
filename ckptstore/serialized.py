"""The bytes of a state on their way to and from the storage: in parts, so that they need not be in memory at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckptstore.backend import Buffer


class Part(Protocol):
    """Bytes of a state that need not stand in one piece; each iteration gives all of them, in order."""

    @property
    def nbytes(self) -> int:
        """How many there are."""
        ...

    @property
    def mutable(self) -> bool:
        """Whether somebody else can change what was yielded: who needs it to stay as it is takes a copy first."""
        ...

    def __iter__(self) -> Iterator[memoryview]:
        """Contiguous pieces of format `B`."""
        ...


class Memory:
    """A part that lies in memory as it is, and is not copied."""

    mutable = True  # also where the view is read-only: its owner may still write

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self.nbytes = view.nbytes

    def __iter__(self) -> Iterator[memoryview]:
        yield self._view


class Serialized(msgspec.Struct, frozen=True):
    """A serialized state: `parts` one after the other."""

    parts: tuple[bytes | Part, ...]
    size: int
    tree: int | None = None  # the length of the JSON in front, where buffers stand beside it


class Gone(Exception):  # noqa: N818 - not an error yet: the checkpoint may have been pruned
    """The pack `key` is not there (any more)."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Source(Protocol):
    """A serialized state in the storage."""

    @property
    def size(self) -> int:
        """Of all its bytes."""
        ...

    def fill(self, targets: Sequence[tuple[int, memoryview]]) -> None:
        """
        Each memory, writable and of format `B`, gets the bytes from its offset on; all of them, in any order.

        `CheckpointCorrupt` for bytes that are not what was written; `Gone` where a pack is.
        """
        ...


class Omitted(msgspec.Struct, frozen=True):
    """
    What stands in a state for an array or bytes that `load(…, only=…)` left in the storage.

    It is there for a person or a program to see what could be loaded; a state with one in it cannot be saved.
    """

    dtype: Any  # a numpy.dtype; None for bytes
    shape: tuple[int, ...] | None  # None for bytes
    nbytes: int


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
