"""What one process knows to be durable in the folders of a store, and the syncs that make the rest so."""

from __future__ import annotations

import os

from ckptstore_backends import files
from ckptstore_backends.base import LOCK

_REMEMBERED = 10_000  # folders, and files, in one process: what was forgotten is only synced once more


class Syncs:
    """
    Nothing is built on what a power cut may still take away.

    What another process has written may be seen before it is durable, and it may have been killed in between. So where
    this one has met what it has not made itself, the folder is synced before anything in it is changed.
    """

    def __init__(self) -> None:
        self.settled: dict[str, tuple[int, int]] = {}  # folders in which all that was seen is durable, as is the way
        self._dirty: dict[str, object] = {}  # folders changed and not synced since
        self.mine: set[str] = set()  # files of this process, durable or never relied upon
        self._last_met = object()

    def changed(self, folder: str) -> None:
        """Names in `folder` have changed."""
        with LOCK:
            self._dirty[folder] = object()

    def removed(self, path: str) -> None:
        """What has this name next is another's."""
        self.mine.discard(path)
        self.changed(os.path.dirname(path))

    def made(self, path: str) -> None:
        """To see this again tells nothing new."""
        if len(self.mine) >= _REMEMBERED:
            self.mine.clear()
        self.mine.add(path)

    def met(self, path: str) -> bool:
        """This file has been seen; whether it is another's, and so may not be durable yet."""
        if path in self.mine:  # who is in a hurry asks that before
            return False
        with LOCK:
            self._last_met = object()
            self.settled.pop(os.path.dirname(path), None)
        return True

    def sync(self, folder: str, fd: int | None = None) -> None:
        """Make a folder's names durable; where it is gone, that it is."""
        mark = self._dirty.get(folder)
        if fd is None:
            files.sync_path(folder)
        else:
            files.sync_folder(fd)
        if mark is not None:
            with LOCK:
                if self._dirty.get(folder) is mark:  # else it changed once more meanwhile
                    del self._dirty[folder]

    def sync_changed(self, base: str, heads: set[str]) -> None:
        """Make durable what has changed in those folders right below `base` (which is "" there)."""
        for folder in tuple(self._dirty):  # those of other runs have no order with these: 43 % more time for nothing
            if f"{folder}/"[len(base) :].partition("/")[0] in heads:
                self.sync(folder)

    def settle(self, folder: str, fd: int | None = None) -> None:
        """Make durable what was seen in a folder, and the way to it; once, until something else is seen."""
        try:
            status = os.stat(folder) if fd is None else os.fstat(fd)
        except OSError:  # no such folder, so nothing was seen in it
            return
        identity = status[1:3]  # inode and device: by name they cost a save 0.5 µs more
        if self.settled.get(folder) == identity:
            return
        met = self._last_met
        for parent in {*files.parents(folder), *files.parents(os.path.realpath(folder))}:
            self.sync(parent)
        self.sync(folder, fd)
        with LOCK:
            if len(self.settled) >= _REMEMBERED:
                self.settled.clear()
            if self._last_met is met:
                self.settled[folder] = identity
