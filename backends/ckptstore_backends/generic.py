"""
Objects in any fsspec file system, as far as it can be trusted.

What creates exclusively is a table of classes whose source was read; every other file system needs the caller's promise
of a single writer. Which they are, and why, stands in docs/decisions/which-fsspec.md.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ckptstore.backend import Data, NotExclusiveError, ObjectInfo, buffers
from ckptstore_backends.base import LOCK, PROBE, PROBE_TEXT, check_key, check_prefix
from ckptstore_backends.systems import (
    EXCLUSIVE,
    MEMORY,
    RENAMES,
    Given,
    Kind,
    Made,
    System,
    name_of,
    source_of,
    strip,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

_CACHES = "fsspec.implementations.cached"
_GONE = (FileNotFoundError, NotADirectoryError)
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
_UNKNOWN = datetime.min.replace(tzinfo=UTC)


class GenericBackend:
    """
    Objects below `root`, a path in a fsspec file system.

    Google Cloud Storage and Azure Blob Storage create exclusively, which is tried out before the first create, on an
    object `.ckptstore-probe` that no listing shows. So does fsspec's own memory, as long as all who write there go
    through this class. In another file system `create` is a `NotExclusiveError`, unless
    `single_writer=True` promises one writer at a time: then it looks first and writes then. There an object is replaced
    in one step where the file system can rename, else it is what one `pipe_file` makes of it, and it is as durable as
    the file system makes it.
    """

    far = True

    def __init__(self, source: Made | Given, root: str, *, single_writer: bool = False) -> None:
        kind = source.kind
        if any(base.__module__ == _CACHES for base in kind.__mro__):
            raise ValueError(f"{name_of(kind)} reads from a cache, and a store must not: use what is behind it")
        self._create_with = EXCLUSIVE.get(name_of(kind))
        root = root.rstrip("/")
        if "://" in root:  # http and its like
            raise ValueError(f"{name_of(kind)} has whole URLs for paths, and no store can be kept there: name another")
        if root.strip("/"):
            check_key(root.lstrip("/"))
        elif self._create_with is not None:
            raise ValueError(f"{root!r} names no bucket to keep a store in")
        self._source = source
        self._root = f"{root}/"
        self._single_writer = single_writer
        self._probed: bool | None = None
        self._renames = name_of(kind.mv) in RENAMES
        self._in_memory = name_of(kind) == MEMORY
        self._locks: dict[int, AbstractContextManager[object]] = {}  # by process: a fork may leave its parent's locked

    @classmethod
    def of_url(
        cls,
        kind: Kind,
        url: str,
        options: Mapping[str, object],
        *,
        single_writer: bool = False,
    ) -> GenericBackend:
        """The place `url` in a file system of class `kind`, made when first used, with `options`."""
        made = Made(kind, (), {**kind._get_kwargs_from_urls(url), **options})  # noqa: SLF001 - fsspec has no public name
        return cls(made, strip(kind, url), single_writer=single_writer)

    @classmethod
    def of_system(cls, fs: System, root: str, *, single_writer: bool = False) -> GenericBackend:
        """
        The path `root` in `fs`.

        `fs` is used as it is, and if it is asynchronous only in the process that opened the backend; its cache of
        listings is emptied before each look. In place of one that creates exclusively its like is made per process.
        """
        return cls(source_of(fs), root, single_writer=single_writer)

    def __repr__(self) -> str:
        return f"GenericBackend({name_of(self._source.kind)}, {self._root!r})"

    # The five verbs

    def create(self, key: str, data: Data) -> None:
        """Exclusive: `FileExistsError` for everyone but the first; `NotExclusiveError` where that cannot be had."""
        path = self._locate(key)
        if not self._single_writer:
            self._refuse_inexclusive()
        whole = b"".join(buffers(data))
        with translated(path), self._alone():
            if self._create_with is not None and not self._single_writer:
                self._source.get().pipe_file(path, whole, **self._create_with)
            elif self._exists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            else:
                self._write(path, whole)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:  # noqa: ARG002 - it is the file system's affair
        """Replacement, in one step where the file system can do that."""
        path = self._locate(key)
        whole = b"".join(buffers(data))
        with translated(path), self._alone():
            self._write(path, whole)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes from `start` up to `end` (as a slice does it); `FileNotFoundError`."""
        path = self._locate(key)
        with translated(path), self._alone():
            try:
                return self._read(path, start or 0, end)
            except NotADirectoryError as exc:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from exc

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """
        Objects whose key starts with `prefix` and is above `after`, in key order; folders are read when reached.

        A time that the file system does not tell is `datetime.min`; one without a zone is taken for UTC.
        """
        return self._walk(check_prefix(prefix), prefix, after)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove, in the order given; absent keys are fine."""
        for path in [self._locate(key) for key in keys]:
            with translated(path), self._alone(), suppress(*_GONE):
                self._source.get().rm_file(path)  # not rm, which takes * and ? for patterns

    # Exclusive or not

    def _refuse_inexclusive(self) -> None:
        """Return where a second create is refused: by what was read of the class, and by what its server then does."""
        kind = name_of(self._source.kind)
        if self._in_memory:
            return
        if self._create_with is None:
            raise NotExclusiveError(
                f"{kind} is not known to create exclusively, so two writers could overwrite each other; pass "
                "single_writer=True if there is never more than one at a time, or use a disk, S3, Google Cloud Storage "
                "or Azure Blob Storage",
            )
        if self._probed is None:
            self._probed = self._probe(self._create_with)
        if not self._probed:
            raise NotExclusiveError(
                f"{self._root}: this server (or an old version of {kind}) ignores that a create must be exclusive, so "
                "two writers could overwrite each other: use another, or promise with single_writer=True that only one "
                "process saves at a time",
            )

    def _probe(self, create_with: Mapping[str, object]) -> bool:
        """Whether the second of two creates is refused; an `OSError` where the server does not say."""
        path = self._root + PROBE
        with translated(path):
            for _ in range(2):
                try:
                    self._source.get().pipe_file(path, PROBE_TEXT, **create_with)
                except FileExistsError:
                    return True
        return False

    # Objects

    def _alone(self) -> AbstractContextManager[object]:
        """One thread at a time, where nothing is known of a file system: over SFTP several wait for ever."""
        if self._create_with is not None:
            return nullcontext()
        return self._locks.setdefault(os.getpid(), LOCK if self._in_memory else threading.RLock())

    def _locate(self, key: str) -> str:
        return self._root + check_key(key)

    def _exists(self, path: str) -> bool:
        """Whether an object is there: not by `exists`, which takes any failure for a no."""
        try:
            return bool(self._info(path))
        except _GONE:
            return False

    def _info(self, path: str) -> dict[str, Any]:
        fs = self._source.get()
        fs.invalidate_cache()
        info: dict[str, Any] = fs.info(path)
        return info

    def _read(self, path: str, start: int, end: int | None) -> bytes:
        fs = self._source.get()
        data: bytes
        if end is None and not start:
            data = fs.cat_file(path)
            return data
        if end is not None and end <= start:  # an empty range is everything to some, and an error to others
            self._info(path)
            return b""
        try:
            data = fs.cat_file(path, start, end)
        except FileNotFoundError:
            raise
        except Exception:  # many refuse a range behind the end
            if start < self._info(path)["size"]:
                raise
            data = b""
        return data

    def _write(self, path: str, data: bytes) -> None:
        fs = self._source.get()
        target = f"{path}.{secrets.token_hex(8)}.tmp" if self._renames else path
        try:
            try:
                fs.pipe_file(target, data)
            except FileNotFoundError:
                if self._create_with is not None:  # it is the bucket that is not there, and not ours to make
                    raise
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                fs.pipe_file(target, data)
            if target != path:
                fs.mv(target, path)
        except BaseException:
            if target != path:
                with suppress(Exception):  # what is left is collected later
                    fs.rm_file(target)
            raise

    # Listing

    def _walk(self, folder: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
        for key, info in self._scan(folder, prefix, after):
            if key.endswith("/"):
                yield from self._walk(key, prefix, after)
            else:
                yield ObjectInfo(key, info["size"], _modified(info))

    def _scan(self, folder: str, prefix: str, after: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """What a listing has to look at in one folder, in order; the keys of folders end in "/"."""
        path = self._root + folder
        found: dict[str, dict[str, Any]] = {}
        with translated(path), self._alone():
            fs = self._source.get()
            fs.invalidate_cache()
            try:
                infos = fs.ls(path.rstrip("/"), detail=True)
            except _GONE:
                return []
        for info in infos:
            name = info["name"].rstrip("/")
            if name.strip("/") == path.strip("/"):  # the folder's own marker, or a file in its place
                continue
            key = folder + name.rpartition("/")[2]
            if info["type"] == "directory":
                key += "/"
                wanted = key > after or after.startswith(key)
            else:
                wanted = info["type"] == "file" and key > after
            if wanted and key.startswith(prefix) and key != PROBE:
                found[key] = info
        return sorted(found.items())


def _modified(info: Mapping[str, Any]) -> datetime:
    value = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return _UNKNOWN
    return _UNKNOWN
