"""Storage whose requests take long: in memory, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from places import InMemory, open_store, through
from spies import Spy

if TYPE_CHECKING:
    from ckptstore import Checkpoint, CheckpointStore

MIB = 1 << 20


class Far(Spy):
    """A backend that counts, says that its requests take long, and fills memory."""

    far = True

    def read_into(self, key: str, start: int, *into: memoryview) -> int:
        """Get, and hand out."""
        data = self.get(key, start, start + sum(map(len, into)))
        at = 0
        for view in into:
            part = data[at : at + len(view)]
            view[: len(part)] = part
            at += len(view)
        return len(data)

    def packs(self, verb: str) -> int:
        """How many of the requests of `verb` were for packs."""
        return sum(called == verb and "/packs/" in key for called, key in self.calls)


def far_store(place: InMemory, **settings: Any) -> tuple[CheckpointStore, Far]:  # noqa: ANN401 - whatever a store takes
    """A store in `place` whose requests are counted."""
    far = Far(open_store(place)._backend)
    return through(open_store(place, serializer="bytes", **settings), lambda _: far), far


def save(store: CheckpointStore, state: bytes, *, stream: bool) -> Checkpoint:
    """Save `state` to "run", in one piece or as a stream."""
    if not stream:
        return store.save("run", state)
    with store.open_writer("run") as file:
        file.write(state)
    assert file.checkpoint is not None
    return file.checkpoint
