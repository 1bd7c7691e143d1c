"""What `local` does to one file or folder: fill, read, list and sync it; write it unseen, then let it appear whole."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from stat import S_ISREG
from time import monotonic
from typing import TYPE_CHECKING

from ckptstore.backend import Data, buffers

if sys.platform != "win32":
    import fcntl

    # On macOS fsync leaves the data in the drive's cache, which a power cut empties.
    _FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
else:
    _FULL_SYNC = None

if TYPE_CHECKING:
    from collections.abc import Iterator

_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)  # a named pipe in the place of an object must not hang us
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: int | None = getattr(os, "O_DIRECTORY", None)  # None: folders cannot be opened, so not synced either
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)

READ = os.O_RDONLY | _BINARY | _NONBLOCK
QUIETLY: int = getattr(os, "O_NOATIME", 0)  # a look at a file would be one more write: 1 % of the time of a save
_OVERWRITE = os.O_WRONLY | _BINARY | _NONBLOCK | _NOFOLLOW

_LOOKS = 100  # at a folder that others change all the time
_FEW_LOOKS, _PATIENCE = 10, 1.0  # and after so many no more than so many seconds: with 100,000 files one takes 0.2
_NOT_OURS = "/lost+found/"  # the root's alone, at the root of a disk, where a container may have its store
_SMALL = 1 << 16  # up to here a buffer is cheaper than asking for the size
_EARLY = 8 << 20  # of a pack of 64 MiB made at 250 MB/s this leaves 6 ms of the 31 that its sync takes (at 2 GB/s)

_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL})


def write(fd: int, data: Data) -> int:
    """All of `data`, whatever the system takes at a time; how many bytes that is."""
    if type(data) is bytes and len(data) < _EARLY:  # nearly always, and without a view of it 2 µs faster
        done = os.write(fd, data)
        return done if done == len(data) else done + write(fd, memoryview(data)[done:])
    total = handed_over = 0
    for buffer in buffers(data):
        view = memoryview(buffer)
        if not view.nbytes:  # an empty array cannot be cast
            continue
        total += view.nbytes
        view = view.cast("B")
        while view:
            view = view[os.write(fd, view) :]
        if total - handed_over >= _EARLY:
            _hand_over(fd, handed_over, total - handed_over)
            handed_over = total
    return total


def _hand_over(fd: int, start: int, length: int) -> None:
    """Let the disk begin, while the caller makes the next buffers: less is left for the sync at the end."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # only advice
            os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)  # pages not yet written are not dropped


def read(fd: int, start: int = 0, end: int | None = None) -> bytes:
    """What a slice of the whole file would give, of a file just opened."""
    if end is None or end > _SMALL:
        size = os.fstat(fd).st_size
        end = size if end is None else min(size, end)
    left = max(0, end - start)
    if start:
        os.lseek(fd, start, os.SEEK_SET)
    data = os.read(fd, left)  # also when 0 are left: it is the read that refuses a folder
    if len(data) == left:
        return data
    parts = [data]
    while data and (left := left - len(data)):
        data = os.read(fd, left)
        parts.append(data)
    return b"".join(parts)


def read_into(fd: int, start: int, into: memoryview) -> int:
    """Fill `into` from `start` of a file on, as far as that goes; how many bytes that is."""
    os.lseek(fd, start, os.SEEK_SET)
    with open(fd, "rb", buffering=0, closefd=False) as file:
        done = 0
        while done < len(into) and (count := file.readinto(into[done:])):
            done += count
    return done


def sync(fd: int) -> None:
    """What was written to `fd` survives a power cut."""
    if _FULL_SYNC is not None:
        try:
            fcntl.fcntl(fd, _FULL_SYNC)
        except OSError as exc:
            if exc.errno not in _NO_SYNC | {errno.ENOTTY}:  # network volumes know only fsync
                raise
        else:
            return
    os.fsync(fd)


def sync_folder(fd: int) -> None:
    """The names in a folder survive a power cut, where its file system lets folders be synced at all."""
    try:
        sync(fd)
    except OSError as exc:
        if exc.errno not in _NO_SYNC:
            raise


def open_folder(path: str) -> int | None:
    """A folder, to be synced and to be worked in; None on systems that cannot open one."""
    return None if _FOLDER is None else os.open(path, os.O_RDONLY | _FOLDER)


def parents(path: str) -> Iterator[str]:
    """The folders above `path`, nearest first."""
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def sync_path(path: str) -> None:
    """Sync the folder at `path`; if it is gone, the one it is gone from; one that may not be opened is passed over."""
    for folder in (path, *parents(path)):
        try:
            fd = open_folder(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            return
        if fd is not None:
            try:
                sync_folder(fd)
            finally:
                os.close(fd)
        return


def overwrite(path: str, data: Data) -> bool:
    """Write into the file at `path` if it is there, and is that object alone: a link may be somebody's backup."""
    try:
        fd = os.open(path, _OVERWRITE)
    except OSError:  # what is wrong, the other way says
        return False
    try:
        status = os.fstat(fd)
        if not S_ISREG(status.st_mode) or status.st_nlink != 1:
            return False
        size = write(fd, data)
        if size < status.st_size:
            os.ftruncate(fd, size)
    finally:
        os.close(fd)
    return True


class Unfinished:
    """
    A file in the making beside its place: unseen there until it is linked or renamed, gone on `close` if it was not.

    It has no name where the system can do that, otherwise `<name>.<16 hex>.tmp`. Everything happens in the folder that
    was opened first, even when another takes over its path: what is synced is where the file is.
    """

    __slots__ = ("_temp", "_work", "fd", "folder", "folder_fd", "name", "nameless", "path", "refused")

    def __init__(self, path: str, *, nameless: bool) -> None:
        folder, _, self.name = path.rpartition("/")
        self.path = path
        self.folder = folder or "/"
        self.folder_fd = None if _FOLDER is None else os.open(self.folder, os.O_RDONLY | _FOLDER)
        self._work = "" if self.folder_fd is not None else f"{folder}/"
        self.refused = False
        self.nameless = False
        self._temp = ""
        try:
            self.fd = self._open(nameless=nameless)
        except BaseException:
            if self.folder_fd is not None:
                os.close(self.folder_fd)
            raise

    def _open(self, *, nameless: bool) -> int:
        if nameless and _NAMELESS is not None:
            try:
                fd = os.open(".", _NAMELESS | os.O_RDWR, 0o666, dir_fd=self.folder_fd)
            except OSError as exc:  # of a folder just removed (EPERM on ext4) the named way says what is wrong
                self.refused = exc.errno in _NO_NAMELESS
            else:
                self.nameless = True
                return fd
        temp = f"{self._work}{self.name}.{os.urandom(8).hex()}.tmp"
        fd = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666, dir_fd=self.folder_fd)
        self._temp = temp
        return fd

    def content(self) -> bytes:
        """What was written so far."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        return read(self.fd)

    def link(self) -> None:
        """Appear under its name; `FileExistsError` if something is there."""
        source = f"/proc/self/fd/{self.fd}" if self.nameless else self._temp
        # Without a folder given CPython calls link(), which does not follow /proc's link: EXDEV.
        os.link(
            source, self._work + self.name, src_dir_fd=self.folder_fd, dst_dir_fd=self.folder_fd, follow_symlinks=True
        )
        if self._temp:
            self._discard()

    def rename(self) -> None:
        """Appear under its name, in place of what is there."""
        os.replace(self._temp, self._work + self.name, src_dir_fd=self.folder_fd, dst_dir_fd=self.folder_fd)
        self._temp = ""

    def exists(self) -> bool:
        """Whether something has its name already."""
        try:
            os.stat(self._work + self.name, dir_fd=self.folder_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _discard(self) -> None:
        with contextlib.suppress(OSError):  # best effort: what stays is named .tmp and collected one day
            os.unlink(self._temp, dir_fd=self.folder_fd)
        self._temp = ""

    def close(self) -> None:
        """Let go of it: gone, if it has not appeared."""
        try:
            os.close(self.fd)
        finally:
            if self._temp:
                self._discard()
            if self.folder_fd is not None:
                os.close(self.folder_fd)


def scan(path: str, folders: str, prefix: str, after: str) -> list[tuple[str, os.DirEntry[str]]]:
    """
    What a listing has to look at in one folder, in order; the keys of folders end in "/".

    As two looks in a row show it: one alone may miss what goes and what comes meanwhile, and so all that there is.
    Where that takes too long the folder is large: then the last look shows all that stood while it was taken.
    """
    begun = monotonic()
    found = _look(path, folders, prefix, after)
    for looks in range(1, _LOOKS):
        before, found = found, _look(path, folders, prefix, after)
        if found.keys() == before.keys() or (looks >= _FEW_LOOKS and monotonic() - begun > _PATIENCE):
            break
    return sorted(found.items())


def _look(path: str, folders: str, prefix: str, after: str) -> dict[str, os.DirEntry[str]]:
    found: dict[str, os.DirEntry[str]] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                key = folders + entry.name
                if entry.is_dir(follow_symlinks=False):
                    key += "/"
                    wanted = key > after or after.startswith(key)
                else:
                    wanted = key > after
                if wanted and key.startswith(prefix):
                    found[key] = entry
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError:
        if prefix or not path.endswith(_NOT_OURS):
            raise
        return {}
    return found
