"""A serialized state as the storage would hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore.serialized import Serialized


def written(serialized: Serialized) -> bytes:
    """All bytes of its parts."""
    pieces = ([part] if isinstance(part, bytes) else part for part in serialized.parts)
    return b"".join(piece for part in pieces for piece in part)


class Bytes:
    """A source that keeps its bytes in memory, and remembers what was asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)
        self.asked: list[list[tuple[int, int]]] = []

    def fill(self, targets: Sequence[tuple[int, memoryview]]) -> None:
        """Copy each, the last one first."""
        self.asked.append([(offset, memory.nbytes) for offset, memory in targets])
        for offset, memory in reversed(targets):
            assert (memory.format, memory.readonly, memory.contiguous) == ("B", False, True)
            memory[:] = self._data[offset : offset + memory.nbytes]
