"""
Objects as files below one folder: own code on `os`.

fsspec's local file system creates by looking first and writing then, so two writers can both win, and never syncs.

What is not a regular file (or a link to one) is no object. A linked folder below the root leads elsewhere: a listing
of what is above passes over it, and every key in it is refused.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from stat import S_ISREG
from typing import TYPE_CHECKING

from ckptstore.backend import Data, NotDurableError, NotExclusiveError, ObjectInfo
from ckptstore_backends import files
from ckptstore_backends.base import check_key, check_prefix
from ckptstore_backends.syncs import Syncs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    _Publish: TypeAlias = Callable[[files.Unfinished], bool]  # False: removed by another, to be written again

_TRIES = 10  # a collector may remove an unfinished file, and a delete an empty folder, as often as they are made again
_REMEMBERED = 10_000  # folders, in one process: one that was forgotten is only looked at once more

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV})
_UNKNOWN = datetime.min.replace(tzinfo=UTC)
_NOT_QUIETLY = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL})  # a file of somebody else's, or an odd system
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class LocalBackend:
    """
    Durable objects in the folder `root`, which is made when the first object is.

    `single_writer=True` is the caller's promise of one writer at a time, for disks without hard links. Instances hold
    nothing open: they may be used from several threads and after a fork.
    """

    def __init__(self, root: str, *, single_writer: bool = False) -> None:
        self.root = os.path.abspath(root)
        self._base = self.root.replace(os.sep, "/").rstrip("/") + "/"
        self._single_writer = single_writer
        self._nameless = os.path.isdir("/proc/self/fd")  # without it a nameless file cannot get a name
        self._read_flags = files.READ | files.QUIETLY
        self._looked_at: set[str] = set()  # folders that are no links
        self._syncs = Syncs()

    def __repr__(self) -> str:
        return f"LocalBackend({self.root!r})"

    # The five verbs

    def create(self, key: str, data: Data) -> None:
        """
        Exclusive, atomic, durable on return; `FileExistsError` for everyone but the first.

        `NotExclusiveError` on a disk without hard links. Two syncs, the file's and the folder's; the first create in a
        folder syncs that and the folders above it beforehand, whoever made them, and so does one after the work of
        another process was seen there.
        """
        self._write(self._locate(key), data, self._claim, nameless=True)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """
        Atomic replacement, made durable by the next `create` beside it or before the next `delete`.

        Nothing is replaced before what was seen in its folder is durable. `durable=False` writes into the file that is
        there: a new one, even unsynced, costs a fifth of the saves a second, as ext4 flushes what replaces a file.
        """
        path = self._locate(key)
        if durable:
            self._write(path, data, self._replace)
            return
        if path not in self._syncs.mine:
            self._syncs.made(path)
        if not files.overwrite(path, data):
            self._write(path, data, _rename, durable=False)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes from `start` up to `end` (as a slice does it); `FileNotFoundError`."""
        fd = self._open(key)
        try:
            return files.read(fd, start or 0, end)
        finally:
            os.close(fd)

    def read_into(self, key: str, start: int, *into: memoryview) -> int:
        """As `get`, without a copy: fill `into` from `start` on; how many bytes there are for it."""
        fd, done = self._open(key), 0
        try:
            for view in into:
                done += files.read_into(fd, start + done, view)
            return done
        finally:
            os.close(fd)

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """
        Objects whose key starts with `prefix` and is above `after`, in key order; folders are read when reached.

        What has gone since its folder was read is still shown, of 0 bytes and at `datetime.min`.
        """
        folders = check_prefix(prefix)
        self._refuse_links(folders)
        return self._walk(folders, prefix, after)

    def delete(self, keys: Iterable[str]) -> None:
        """
        Remove; absent keys are fine, and folders left empty go as well.

        What an earlier `delete` or durable `put` changed below the same first part of a key is durable before that, and
        so is what was seen there.
        """
        self._looked_at.clear()  # removing outside the root is worse than a look too many
        paths = [self._locate(key) for key in keys]
        if not paths:
            return
        folders = {os.path.dirname(path) for path in paths}
        self._order(folders)
        for path in paths:
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            self._syncs.removed(path)
        for folder in folders:
            self._remove_empty(folder)

    # Keys and folders

    def _locate(self, key: str) -> str:
        folder, _, name = key.rpartition("/")
        # Of letters, digits and dots a name is good in any key; that look costs a fifth of `check_key`.
        if folder not in self._looked_at or not name.replace(".", "").isalnum():
            check_key(key)
            self._refuse_links(key)  # once for a folder: a look for each key costs a save 3 % of its time
            if len(self._looked_at) >= _REMEMBERED:
                self._looked_at.clear()
            self._looked_at.add(folder)
        return self._base + key

    def _refuse_links(self, key: str) -> None:
        end = key.find("/")
        while end >= 0:
            folder = self._base + key[:end]
            if os.path.islink(folder):
                raise OSError(errno.ELOOP, "a linked folder leads out of the store: make it a store of its own", folder)
            end = key.find("/", end + 1)

    def _make(self, folder: str) -> None:
        parent = os.path.dirname(folder)
        if not os.path.isdir(parent):
            self._make(parent)
        self._syncs.settled.pop(folder, None)  # before, for who opens it as soon as it is there
        try:
            os.mkdir(folder)
        except (FileExistsError, FileNotFoundError):  # another was faster: the caller looks again
            return
        self._syncs.settled.pop(folder, None)  # after, for who still had the old one, whose inode this one may have
        self._syncs.changed(parent)

    def _remove_empty(self, folder: str) -> None:
        while folder.startswith(self._base):
            try:
                os.rmdir(folder)
            except OSError:  # not empty, or another was faster
                return
            folder = os.path.dirname(folder)
            self._syncs.changed(folder)

    def _order(self, folders: set[str]) -> None:
        """What was changed or seen so far, in the runs that `folders` are of, is durable before what comes next."""
        heads = {folder[len(self._base) :].partition("/")[0] for folder in folders}
        self._syncs.sync_changed(self._base, {"", *heads})
        above = {parent for folder in folders for parent in files.parents(folder) if parent.startswith(self._base)}
        for folder in folders | above:
            self._syncs.settle(folder)

    # Reading

    def _open(self, key: str) -> int:
        path = self._locate(key)
        try:
            fd = os.open(path, self._read_flags)
        except NotADirectoryError as exc:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from exc
        except OSError as exc:
            if exc.errno not in _NOT_QUIETLY or self._read_flags == files.READ:
                raise
            self._read_flags = files.READ
            return self._open(key)
        if path not in self._syncs.mine:  # nearly always it is: the call would cost a save 0.3 µs
            self._syncs.met(path)
        return fd

    # Writing

    def _write(self, path: str, data: Data, publish: _Publish, *, durable: bool = True, nameless: bool = False) -> None:
        """Fill an unfinished file and publish it; again, if another removes it or its folder meanwhile."""
        for _ in range(_TRIES):
            try:
                file = files.Unfinished(path, nameless=nameless and self._nameless)
            except FileNotFoundError:  # rare, so nobody pays for looking first
                self._make(os.path.dirname(path))
                continue
            try:
                self._nameless = self._nameless and not file.refused
                if durable:
                    self._syncs.settle(file.folder, file.folder_fd)
                files.write(file.fd, data)
                if durable:
                    files.sync(file.fd)
                if publish(file):
                    return
                data = file.content()  # what was given may be an iterator, and used up
                nameless = False
            finally:
                file.close()
        why = f"cannot be made, or was removed by another each of the {_TRIES} times it was written"
        raise FileNotFoundError(errno.ENOENT, why, path)

    def _claim(self, file: files.Unfinished) -> bool:
        try:
            file.link()
        except OSError as exc:
            if not self._claim_unlinked(file, exc):
                return False
        if file.folder_fd is not None:
            try:
                self._syncs.sync(file.folder, file.folder_fd)
            except OSError as exc:
                raise NotDurableError(f"{file.path}: written, but its folder could not be synced: {exc}") from exc
            self._syncs.made(file.path)
        return True

    def _replace(self, file: files.Unfinished) -> bool:
        done = _rename(file)
        if done:
            self._syncs.changed(file.folder)
        return done

    def _claim_unlinked(self, file: files.Unfinished, refusal: OSError) -> bool:
        """As `_claim`, of a file that could not be linked."""
        if isinstance(refusal, FileNotFoundError):
            return False
        taken = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), file.path)
        if isinstance(refusal, FileExistsError):
            raise taken from None
        if refusal.errno not in _NO_LINKS:
            raise refusal
        if file.nameless:  # a file with a name may still be linked
            self._nameless = False
            return False
        if not self._single_writer:
            raise NotExclusiveError(
                f"{file.path}: this disk refuses hard links, so two writers could overwrite each other; pass "
                "single_writer=True if there is never more than one at a time, or use another disk",
            ) from refusal
        if file.exists():
            raise taken from refusal
        return _rename(file)

    # Listing

    def _walk(self, folders: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
        found = files.scan(self._base + folders, folders, prefix, after)
        any(self._syncs.met(self._base + key) for key, _ in found if not key.endswith("/"))
        for key, entry in found:
            if key.endswith("/"):
                yield from self._walk(key, prefix, after)
                continue
            try:
                status = entry.stat()
            except OSError as exc:
                if exc.errno not in _GONE:
                    raise
                if entry.is_file(follow_symlinks=False):  # passed over, a run that moves on would seem to be empty
                    yield ObjectInfo(key, 0, _UNKNOWN)
                continue
            if S_ISREG(status.st_mode):
                yield ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _rename(file: files.Unfinished) -> bool:
    try:
        file.rename()
    except FileNotFoundError:
        return False
    return True
