"""Where the hint is the proof of a save: the protocol with one more rule left out each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comparing import ComparingMemory

from ckptstore import pointer, prune, saving
from ckptstore.history import Found, History, Seen
from ckptstore.pointer import ComparingPointer

if TYPE_CHECKING:
    from typing import Any

    import pytest

    from ckptstore.backend import Data
    from ckptstore.manifest import Manifest
    from ckptstore.pointer import Pointer

    Patch = pytest.MonkeyPatch


def hint_left_behind(patch: Patch, /) -> None:
    """A prune empties slots above a hint that lags."""
    patch.setattr(prune, "_outrun_hint", lambda *_: None)


def retention_without_hint(patch: Patch, /) -> None:
    """A save empties slots though nobody knows whether its hint was written."""
    finish = saving._point_and_retain

    def eager(position: Any, committed: Any, pointer: Pointer, retention: Any) -> list[str]:  # noqa: ANN401 - passed on
        problems = finish(position, committed, pointer, retention)
        return problems if pointer.seen is not None else [*problems, *saving._retain(position, committed[0], retention)]

    patch.setattr(saving, "_point_and_retain", eager)


def hint_read_last(patch: Patch, /) -> None:
    """The hint that a save expects is read when its base is found already."""
    find = History.find

    def late(past: History, *, whole: bool = False) -> Found:
        found, tag = find(past, whole=whole), past.hint().tag
        return found._replace(seen=Seen(tag, proves=True) if tag else None)

    patch.setattr(History, "find", late)


def unconditional(patch: Patch, /) -> None:
    """The storage replaces whatever is there."""
    update = ComparingMemory.update

    def blind(memory: ComparingMemory, key: str, data: Data, _: str | None) -> str | None:
        present = memory._prefix + key in memory._objects
        return update(memory, key, data, memory.get_tagged(key, 0)[1] if present else None)

    patch.setattr(ComparingMemory, "update", blind)


def any_hint_proves(patch: Patch, /) -> None:
    """A hint that was written over one which nobody knew counts like any other."""
    patch.setattr(pointer, "Seen", lambda tag, _: Seen(tag, proves=True))


def written_twice(patch: Patch, /) -> None:
    """A hint whose reply was lost is written again, over whatever there is now."""
    put = ComparingPointer.put

    def stubborn(self: ComparingPointer, past: History, manifest: Manifest, data: bytes) -> None:
        if self.seen is None:
            self._tried, self._before = False, None
        put(self, past, manifest, data)

    patch.setattr(ComparingPointer, "put", stubborn)
