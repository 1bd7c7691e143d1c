"""Which fsspec file systems there are, what is known of them, and one of them for each process."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from ckptstore_backends.base import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

System: TypeAlias = Any
"""A `fsspec.AbstractFileSystem`: fsspec has no types."""
Kind: TypeAlias = Any
"""A class of them."""

_GCS = "gcsfs.core.GCSFileSystem"

EXCLUSIVE: dict[str, dict[str, object]] = {
    _GCS: {"mode": "create"},  # ifGenerationMatch=0
    "adlfs.spec.AzureBlobFileSystem": {"overwrite": False},  # If-None-Match: *
}
"""Classes that were read: with these arguments of `pipe_file` the server refuses where there is an object already."""

S3 = "s3fs.core.S3FileSystem"
LOCAL = "fsspec.implementations.local.LocalFileSystem"
MEMORY = "fsspec.implementations.memory.MemoryFileSystem"
DIR = "fsspec.implementations.dirfs.DirFileSystem"

RENAMES = frozenset({f"{LOCAL}.mv", "fsspec.implementations.sftp.SFTPFileSystem.mv"})
"""Methods that were read: they replace a file in one step."""

_INSTEAD = {"gcsfs.extended_gcsfs.ExtendedGcsFileSystem": _GCS}  # which asks a zonal bucket for no exclusive create


def name_of(thing: Any) -> str:  # noqa: ANN401 - a class or a method
    """The full name of a class or a method."""
    return f"{thing.__module__}.{thing.__qualname__}"


def strip(kind: Kind | System, url: str) -> str:
    """The path that `url` names in a file system."""
    path: str = kind._strip_protocol(url)  # noqa: SLF001 - fsspec has no public name for it
    return path


def place_in(fs: System, url: str) -> str:
    """The path of `url` in `fs`, in a `DirFileSystem` that of the one in it; `ValueError` for what is not in there."""
    if getattr(fs, "asynchronous", False):
        raise ValueError("fs was made with asynchronous=True, so that its calls must be awaited: make one without")
    scheme, mark, _ = url.partition("://")
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    if mark and scheme not in protocols:
        raise ValueError(f"{url!r} is in no file system of {'://, '.join(protocols)}://")
    path = strip(fs, url)
    if name_of(type(fs)) != DIR:
        return path
    if ".." in path.split("/"):
        raise ValueError(f"{url!r} leads out of the folder {fs.path!r}")
    return "/".join(part for part in (fs.path.rstrip("/"), path.strip("/")) if part) or fs.fs.root_marker


def options_of(fs: System) -> dict[str, object]:
    """The options that `fs` was made with; `ValueError` where their names are not to be seen."""
    if fs.storage_args:
        raise ValueError(f"{name_of(type(fs))} was made with positional arguments: give them by name")
    return dict(fs.storage_options)


class Made:
    """File systems of class `kind`, one for each process that needs it, without a cache and shared with nobody."""

    def __init__(self, kind: Kind, args: tuple[object, ...], options: Mapping[str, object]) -> None:
        wanted = _INSTEAD.get(name_of(kind), name_of(kind))
        self.kind = next(base for base in kind.__mro__ if name_of(base) == wanted)
        self._args = args
        self._options = {**options, "skip_instance_cache": True}
        self._made: dict[int, System] = {}  # a parent's stays referenced in its child, where its end would hang

    def get(self) -> System:
        """The file system of this process."""
        pid = os.getpid()
        if pid not in self._made:
            made = self.kind(*self._args, **self._options)
            with suppress(AttributeError):  # some keep no listings
                made.dircache.use_listings_cache = False
            with LOCK:
                self._made.setdefault(pid, made)
        return self._made[pid]


class Given:
    """The file system that a user made."""

    def __init__(self, fs: System) -> None:
        self.kind = type(fs)
        self._fs = fs
        self._pid = os.getpid()

    def get(self) -> System:
        """The file system itself; `OSError` in a forked child, where an asynchronous one would hang."""
        if self.kind.async_impl and os.getpid() != self._pid:
            raise OSError(
                errno.ENOTSUP,
                f"{name_of(self.kind)} does not survive a fork: open the store in the child, or by URL instead of fs=",
            )
        return self._fs


def source_of(fs: System) -> Made | Given:
    """`fs` itself, or for a class that is known to create exclusively, its like without a cache, made per process."""
    like = Made(type(fs), fs.storage_args, fs.storage_options)
    return like if name_of(like.kind) in EXCLUSIVE else Given(fs)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """What a file system raises, as `OSError`s: their own errors are not all of that kind."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except NotImplementedError as exc:
        raise OSError(errno.ENOTSUP, f"this file system cannot do that ({exc})", path) from exc
    except Exception as exc:
        raise OSError(errno.EIO, f"{type(exc).__name__}: {exc}", path) from exc
