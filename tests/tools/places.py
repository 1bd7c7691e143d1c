"""Where the tests keep a store: in memory, in a folder or in a bucket, with a way behind the store's back."""

from __future__ import annotations

import itertools
import weakref
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ckptstore import CheckpointStore
from ckptstore_backends.base import PROBE
from ckptstore_backends.memory import MemoryBackend, _buckets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bucket import Bucket, Server

    from ckptstore.backend import Backend
    from ckptstore_backends.s3 import S3Backend
    from ckptstore_backends.s3_session import Session

_numbers = itertools.count(1)


class Place(Protocol):
    """A root that any number of stores can share."""

    @property
    def url(self) -> str:
        """What a store is opened with."""
        ...

    @property
    def storage_options(self) -> dict[str, object] | None:
        """What it is opened with besides."""
        ...

    def objects(self) -> dict[str, bytes]:
        """Everything that is stored, by key."""
        ...

    def poke(self, key: str, data: bytes | None) -> None:
        """Store `data`, or remove the object where it is None."""
        ...


class InMemory:
    """A named store, forgotten when nobody can open it any more."""

    storage_options = None

    def __init__(self) -> None:
        name = f"place-{next(_numbers)}"
        self.url = f"memory://{name}"
        self._objects = MemoryBackend(name)._objects
        weakref.finalize(self, _buckets.pop, name, None)

    def objects(self) -> dict[str, bytes]:
        """Look into the dictionary."""
        return {key: data for key, (data, _) in self._objects.items()}

    def poke(self, key: str, data: bytes | None) -> None:
        """Change the dictionary."""
        if data is None:
            del self._objects[key]
        else:
            self._objects[key] = (data, datetime.now(UTC))


class InFolder:
    """A folder."""

    storage_options = None

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def objects(self) -> dict[str, bytes]:
        """Read the files."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    def poke(self, key: str, data: bytes | None) -> None:
        """Change a file."""
        path = self.root / key
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


class InBucket:
    """A prefix of its own in the one bucket of all tests, emptied when nobody looks into it any more."""

    def __init__(self) -> None:
        self.bucket = _bucket()
        self.prefix = f"place-{next(_numbers)}/"
        self.url = f"s3://{self.bucket.name}/{self.prefix}"
        self.storage_options = self.bucket.options()
        weakref.finalize(self, _empty, self._keys(), self.prefix)

    def objects(self) -> dict[str, bytes]:
        """Look into the server's own memory: a request for each object would take its time."""
        found = {name: self._keys()[name].value for name in [*self._keys()] if name.startswith(self.prefix)}
        return {name.removeprefix(self.prefix): data for name, data in found.items() if not name.endswith(PROBE)}

    def poke(self, key: str, data: bytes | None) -> None:
        """Change the server's memory."""
        from moto.s3.models import FakeKey  # noqa: PLC0415 - heavy, and optional

        name = self.prefix + key
        if data is None:
            del self._keys()[name]
        else:
            self._keys()[name] = FakeKey(name, data, ACCOUNT, region_name="us-east-1", bucket_name=self.bucket.name)

    def _keys(self) -> Any:  # noqa: ANN401 - moto's own
        from moto.s3.models import s3_backends  # noqa: PLC0415 - heavy, and optional

        return s3_backends[ACCOUNT]["aws"].get_bucket(self.bucket.name).keys


ACCOUNT = "123456789012"  # whose all buckets are in moto


def _empty(keys: Any, prefix: str) -> None:  # noqa: ANN401 - moto's own
    for name in [name for name in keys if name.startswith(prefix)]:
        del keys[name]


@cache
def s3_server() -> Server:
    """The S3 server of this process, started when it is first asked for; it ends with the process."""
    from bucket import Server  # noqa: PLC0415 - heavy, and optional

    return Server()


@cache
def _bucket() -> Bucket:
    return s3_server().bucket()


def s3_backend(place: InBucket) -> S3Backend:
    """The objects of `place`, by way of one file system for all: to make one takes as long as ten requests."""
    from ckptstore_backends.s3 import S3Backend  # noqa: PLC0415 - the one that needs s3fs

    backend = S3Backend(place.url.removeprefix("s3://"), storage_options=place.storage_options)
    backend._session = _sessions.setdefault("shared", backend._session)
    return backend


_sessions: dict[str, Session] = {}


KINDS = ("memory", "folder")
ALL_KINDS = (*KINDS, "bucket")


def make(kind: str, tmp_path: Path) -> Place:
    """A new and empty place."""
    if kind == "bucket":
        for module in "s3fs", "moto.server":
            pytest.importorskip(module)
        return InBucket()
    return InMemory() if kind == "memory" else InFolder(tmp_path / "store")


def open_store(place: Place, **settings: Any) -> CheckpointStore:  # noqa: ANN401 - whatever a store takes
    """A store of its own, as another process would open it."""
    store = CheckpointStore(place.url, **{"storage_options": place.storage_options, **settings})
    if isinstance(place, InBucket):
        store._backend = s3_backend(place)
    return store


def slot(number: int, run: str = "run") -> str:
    """The key of a checkpoint, spelled out here: its name is part of the format."""
    return f"{run}/{number:012}.json"


def on(backend: Backend, store: CheckpointStore) -> CheckpointStore:
    """`store` itself, with all that it has seen, from now on on `backend`."""
    store._backend = backend
    for run, position in store._positions._by_run.items():
        position.history = store._history(run)
    return store


def through(store: CheckpointStore, wrap: Callable[[Backend], Backend]) -> CheckpointStore:
    """`store` itself, from now on with a wrapper around its backend."""
    return on(wrap(store._backend), store)
