"""Stores with one rule left out that only others at work bring to light: bugs that racing processes have to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import planted

from ckptstore import KeepLast, saving
from ckptstore.commit import claim
from ckptstore.history import Found, History
from ckptstore.prune import prune
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    import pytest

    from ckptstore.manifest import Content
    from ckptstore.position import Position

    Patch = pytest.MonkeyPatch


def looks_then_creates(patch: Patch, /) -> None:
    """A create looks whether something is there, and then replaces it."""

    def create(self: Any, key: str, data: Any) -> None:  # noqa: ANN401 - either backend
        try:
            self.get(key, 0, 1)
        except FileNotFoundError:
            self.put(key, b"".join(data) if not isinstance(data, bytes) else data)
        else:
            raise FileExistsError(key)

    for backend in (LocalBackend, S3Backend):
        patch.setattr(backend, "create", create)


def no_fence(patch: Patch, /) -> None:
    """A save continues from whatever is the newest, also that of a stale copy of the job."""

    def unfenced(position: Position, _after: object) -> Content | None:
        position.move(position.history.find().head, None)
        return position.base

    patch.setattr(saving, "find_base", unfenced)


def old_news(patch: Patch, /) -> None:
    """A process that has found the newest once believes it as long as that stands."""
    find, known = History.find, dict[bool, Found]()

    def lazy(past: History, *, whole: bool = False) -> Found:
        found = known.get(whole)
        if found is None or found.newest is None or not past.stands(found.newest):
            found = known[whole] = find(past, whole=whole)
        return found

    patch.setattr(History, "find", lazy)


def prune_at_worst(patch: Patch, /) -> None:
    """No bug: between the packs of each save and its manifest a prune passes, where few races have one."""

    def pruned(past: History, *rest: Any) -> Any:  # noqa: ANN401 - whatever a claim takes and gives
        if past.find().head:
            prune(past, KeepLast(2), dry_run=False)
        return claim(past, *rest)

    patch.setattr(saving, "claim", pruned)


def packs_without_aim(patch: Patch, /) -> None:
    """The collector removes each pack that no manifest names, and is at work when it matters."""
    planted.packs_without_aim(patch)
    prune_at_worst(patch)
