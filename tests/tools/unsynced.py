"""The local backend with one sync or one order left out each: bugs that a power cut has to bring to light."""

from __future__ import annotations

import contextlib
import os
from stat import S_ISDIR
from typing import TYPE_CHECKING

from ckptstore import prune
from ckptstore_backends import files, local
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.syncs import Syncs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from ckptstore.backend import Data
    from ckptstore_backends.files import Unfinished

    Patch = pytest.MonkeyPatch


def no_file_sync(patch: Patch, /) -> None:
    """The bytes of a file are never synced."""
    sync = files.sync
    patch.setattr(files, "sync", lambda fd: sync(fd) if S_ISDIR(os.fstat(fd).st_mode) else None)


def no_folder_sync(patch: Patch, /) -> None:
    """Names are never synced."""
    patch.setattr(files, "sync_folder", lambda fd: None)


def folder_sync_too_early(patch: Patch, /) -> None:
    """The folder is synced, and then the name appears."""

    def claim(self: LocalBackend, file: Unfinished) -> bool:
        self._syncs.settle(file.folder, file.folder_fd)
        self._syncs.sync(file.folder, file.folder_fd)
        try:
            file.link()
        except OSError as exc:
            return self._claim_unlinked(file, exc)
        return True

    patch.setattr(LocalBackend, "_claim", claim)


def file_sync_too_late(patch: Patch, /) -> None:
    """The name appears, and then the bytes are synced."""
    sync, claim = files.sync, LocalBackend._claim

    def late(self: LocalBackend, file: Unfinished) -> bool:
        done = claim(self, file)
        sync(file.fd)
        return done

    no_file_sync(patch)
    patch.setattr(LocalBackend, "_claim", late)


def sync_tried_again(patch: Patch, /) -> None:
    """A sync of bytes that fails is tried again on the same file, whose pages the system takes for clean by then."""
    sync = files.sync

    def again(fd: int) -> None:
        try:
            sync(fd)
        except OSError:
            sync(fd)

    patch.setattr(files, "sync", again)


def folder_sync_may_fail(patch: Patch, /) -> None:
    """A checkpoint whose folder could not be synced is acknowledged all the same."""
    sync = files.sync_folder

    def careless(fd: int) -> None:
        with contextlib.suppress(OSError):
            sync(fd)

    patch.setattr(files, "sync_folder", careless)


def way_not_synced(patch: Patch, /) -> None:
    """A new folder's own name is never synced."""
    patch.setattr(files, "parents", lambda path: ())


def removals_not_ordered(patch: Patch, /) -> None:
    """A delete does not wait until what was changed before it is durable."""
    patch.setattr(Syncs, "sync_changed", lambda *_: None)


def markers_not_ordered(patch: Patch, /) -> None:
    """A delete does not wait until the marker put before it is durable."""
    patch.setattr(LocalBackend, "_replace", lambda self, file: local._rename(file))


def markers_in_place(patch: Patch, /) -> None:
    """A durable put writes into the file that is there, and syncs it."""
    put = LocalBackend.put

    def in_place(self: LocalBackend, key: str, data: Data, *, durable: bool = True) -> None:
        path = self._locate(key)
        if not durable or not files.overwrite(path, data):
            put(self, key, data, durable=durable)
            return
        fd = os.open(path, os.O_RDWR)
        files.sync(fd)
        os.close(fd)

    patch.setattr(LocalBackend, "put", in_place)


def others_trusted(patch: Patch, /) -> None:
    """What another process has written is taken for durable."""
    patch.setattr(Syncs, "settle", lambda *_: None)


def hint_not_renewed(patch: Patch, /) -> None:
    """A prune of many leaves the hint as it is, unsynced."""
    patch.setattr(prune, "_renew_hint", lambda *_: None)


def hint_not_removed(patch: Patch, /) -> None:
    """When a run is deleted, its hint goes with the last."""
    delete = LocalBackend.delete

    def but_the_hint(self: LocalBackend, keys: Iterable[str]) -> None:
        given = list(keys)
        if not (len(given) == 1 and given[0].endswith("latest.json")):
            delete(self, given)

    patch.setattr(LocalBackend, "delete", but_the_hint)
