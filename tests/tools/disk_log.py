"""What a process changes below one folder, operation by operation, as the disk under it gets to see it."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from unittest import mock

from faults import Died

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

ROOT = 0  # the number of the folder itself; files and folders below it get the next ones


class Write(NamedTuple):
    """Bytes into a file."""

    file: int
    at: int
    data: bytes


class Truncate(NamedTuple):
    """A file gets a size."""

    file: int
    size: int


class Sync(NamedTuple):
    """The content of a file, or the names in a folder, become durable; `failed`: an error came instead."""

    what: int
    failed: bool = False


class Enter(NamedTuple):
    """A name appears in a folder, for a new or a known file or folder."""

    folder: int
    name: str
    target: int
    is_folder: bool = False


class Leave(NamedTuple):
    """A name goes from a folder."""

    folder: int
    name: str


class Move(NamedTuple):
    """A file takes the place of another in its folder, and loses the name `source`, at once."""

    folder: int
    source: str
    name: str
    target: int


class Note(NamedTuple):
    """What a test writes in between."""

    what: str
    value: Any = None


Op: TypeAlias = Write | Truncate | Sync | Enter | Leave | Move | Note


def quiet(op: Op) -> None:
    """Disturb nothing."""


class DiskLog:
    """
    The operations of this process below `folder`; what is there at first has no beginning. Nothing is really synced.

    `before` sees each operation before it is carried out. An `OSError` from it is the system's; with `Died` the process
    is gone: it changes nothing any more, not even on its way out. Without `links` the disk refuses hard links.
    """

    def __init__(self, folder: str, *, links: bool = True) -> None:
        self.folder = folder
        self.links = links
        self.ops: list[Op] = []
        self.before: Callable[[Op], None] = quiet
        self.dead = False
        self._numbers = itertools.count(ROOT + 1)
        self._known = {_identity(os.stat(folder)): ROOT}
        for path, folders, names in os.walk(folder):
            for name in (*folders, *names):
                self._new(os.stat(os.path.join(path, name)))
        self._lock = threading.RLock()
        self._real = {name: getattr(os, name) for name in _RECORDED}

    def recording(self) -> AbstractContextManager[object]:
        """From here on, for a with-block."""
        patched: AbstractContextManager[object] = mock.patch.multiple(
            os, **{name: getattr(self, f"_{name}") for name in _RECORDED}
        )
        return patched

    def note(self, what: str, value: object = None) -> None:
        """Write something in between."""
        self.ops.append(Note(what, value))

    def _do(self, op: Op, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `os` returns
        with self._lock:
            if self.dead:
                raise Died
            try:
                self.before(op)
            except Died:
                self.dead = True
                raise
            except OSError:
                if isinstance(op, Sync):
                    self.ops.append(op._replace(failed=True))
                raise
            result = call()
            self.ops.append(op)
            return result

    def _number(self, status: os.stat_result) -> int | None:
        return self._known.get(_identity(status))

    def _new(self, status: os.stat_result, number: int | None = None) -> None:
        self._known[_identity(status)] = next(self._numbers) if number is None else number

    def _parent(self, path: str, dir_fd: int | None) -> int | None:
        return self._number(os.stat(os.path.dirname(path) or ".", dir_fd=dir_fd))

    # In the place of the functions of `os`

    def _open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        def opened() -> int:
            new: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
            return new

        if flags & os.O_TMPFILE == os.O_TMPFILE:
            nameless = opened()
            self._new(os.fstat(nameless))
            return nameless
        parent = self._parent(path, dir_fd) if flags & os.O_CREAT else None
        if parent is None or _is_there(path, dir_fd):
            return opened()
        number = next(self._numbers)
        fd: int = self._do(Enter(parent, os.path.basename(path), number), opened)
        self._new(os.fstat(fd), number)
        return fd

    def _write(self, fd: int, data: Any) -> int:  # noqa: ANN401 - any buffer
        def written() -> int:
            done: int = self._real["write"](fd, data)
            return done

        file = self._number(os.fstat(fd))
        if file is None:
            return written()
        op = Write(file, os.lseek(fd, 0, os.SEEK_CUR), bytes(data))
        done: int = self._do(op, written)
        assert done == len(op.data)
        return done

    def _ftruncate(self, fd: int, size: int) -> None:
        file = self._number(os.fstat(fd))
        assert file is not None
        self._do(Truncate(file, size), lambda: self._real["ftruncate"](fd, size))

    def _fsync(self, fd: int) -> None:
        what = self._number(os.fstat(fd))
        if what is not None:  # else above the folder: durable, as it was there before
            self._do(Sync(what), lambda: None)

    def _mkdir(self, path: str, mode: int = 0o777) -> None:
        parent = self._parent(path, None)
        assert parent is not None
        number = next(self._numbers)
        self._do(Enter(parent, os.path.basename(path), number, is_folder=True), lambda: self._real["mkdir"](path, mode))
        self._new(os.stat(path), number)

    def _link(
        self, source: str, path: str, *, src_dir_fd: int | None, dst_dir_fd: int | None, follow_symlinks: bool
    ) -> None:
        if not self.links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)
        parent, target = self._parent(path, dst_dir_fd), self._number(os.stat(source, dir_fd=src_dir_fd))
        assert parent is not None
        assert target is not None
        fds = {"src_dir_fd": src_dir_fd, "dst_dir_fd": dst_dir_fd}
        self._do(
            Enter(parent, os.path.basename(path), target),
            lambda: self._real["link"](source, path, **fds, follow_symlinks=follow_symlinks),
        )

    def _replace(self, source: str, path: str, *, src_dir_fd: int | None, dst_dir_fd: int | None) -> None:
        parent, target = self._parent(path, dst_dir_fd), self._number(os.stat(source, dir_fd=src_dir_fd))
        assert parent is not None
        assert target is not None
        assert parent == self._parent(source, src_dir_fd)
        self._do(
            Move(parent, os.path.basename(source), os.path.basename(path), target),
            lambda: self._real["replace"](source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd),
        )

    def _unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        self._leave(path, dir_fd, lambda: self._real["unlink"](path, dir_fd=dir_fd))

    def _rmdir(self, path: str) -> None:
        self._leave(path, None, lambda: self._real["rmdir"](path))

    def _leave(self, path: str, dir_fd: int | None, call: Callable[[], None]) -> None:
        parent = self._parent(path, dir_fd)
        assert parent is not None
        self._do(Leave(parent, os.path.basename(path)), call)


_RECORDED = ("open", "write", "ftruncate", "fsync", "mkdir", "link", "replace", "unlink", "rmdir")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_there(path: str, dir_fd: int | None) -> bool:
    try:
        os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def files_below(folder: str) -> dict[str, bytes]:
    """The files that are really there: what the operations must have come to."""

    def found() -> Iterator[tuple[str, bytes]]:
        for path, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    yield os.path.relpath(file.name, folder), file.read()

    return dict(found())
