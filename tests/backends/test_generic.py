"""The backend of any fsspec file system: the conformance suite on three kinds of them, and what is refused."""

from __future__ import annotations

import functools
import itertools
import os
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.cached import SimpleCacheFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ckptstore import CheckpointStore
from ckptstore.backend import NotExclusiveError
from ckptstore.testing import BackendTests
from ckptstore.urls import open_backend
from ckptstore_backends.base import LOCK
from ckptstore_backends.generic import GenericBackend
from ckptstore_backends.systems import EXCLUSIVE, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ckptstore.backend import Backend

names = (f"place-{number}" for number in itertools.count())


class Elsewhere(LocalFileSystem):
    """A file system with folders, of somebody's own."""

    protocol = ("elsewhere",)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("elsewhere://")))


class Bucket(AbstractFileSystem):
    """An object store like Azure's: flat, listings cached, errors of its own, ranges behind the end refused."""

    protocol = ("abfs",)
    objects: ClassVar[dict[str, bytes]] = {}

    class StrangeError(Exception):
        """An error that is no OSError."""

    def pipe_file(self, path: str, value: bytes, mode: str = "", *, overwrite: bool = True, **_: object) -> None:
        """Store, or refuse with `overwrite=False`."""
        assert mode == ""
        assert type(value) is bytes
        if "missing-container" in path:
            raise FileNotFoundError(path)
        if overwrite:
            self.objects[path] = value
        elif self.objects.setdefault(path, value) is not value:
            raise FileExistsError(path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        """The bytes; an error for a range that is not there."""
        if path not in self.objects:
            raise FileNotFoundError(path)
        data = self.objects[path]
        if (start is not None and start >= len(data)) or (end is not None and end <= (start or 0)):
            raise self.StrangeError("416 range not satisfiable")
        return data[start:end]

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # noqa: FBT002 - fsspec's own signature
        """One level, from the cache if there is one, with the markers of folders that some tools leave."""
        if path in self.dircache:
            return list(self.dircache[path])
        below = [key[len(path) + 1 :] for key in tuple(self.objects) if key.startswith(f"{path}/")]
        if not below:
            return [self._line(path)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        self.dircache[path] = lines = [
            {"name": f"{path}/", "size": 0, "type": "file"},
            *({"name": f"{path}/{name}", "size": 0, "type": "directory"} for name in folders),
            *(self._line(f"{path}/{name}") for name in below if "/" not in name),
        ]
        return lines

    def info(self, path: str, **_: object) -> dict[str, object]:
        """One line of a listing."""
        return self._line(path)

    def _line(self, path: str) -> dict[str, object]:
        if path not in self.objects:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.objects[path]), "type": "file", "last_modified": datetime.now(UTC)}

    def rm_file(self, path: str) -> None:
        """Remove, and complain where there is nothing."""
        if self.objects.pop(path, None) is None:
            raise FileNotFoundError(path)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what was listed."""
        self.dircache.clear()


class TestMemory(BackendTests[GenericBackend]):
    """The suite on fsspec's own memory, which creates exclusively under our lock."""

    race_rounds = 300

    @pytest.fixture
    def backend(self) -> GenericBackend:
        """Give a memory of its own."""
        fs = MemoryFileSystem(global_store=False, skip_instance_cache=True)
        return GenericBackend.of_system(fs, "/some/place")

    def opener(self, backend: GenericBackend) -> Callable[[], GenericBackend]:
        """Return what opens the same memory once more."""
        return functools.partial(GenericBackend.of_system, backend._source.get(), "/some/place")

    def peek(self, backend: GenericBackend, key: str) -> bytes | None:
        """Look into the dictionary."""
        found = backend._source.get().store.get(f"/some/place/{key}")
        return found.getvalue() if found else None

    def poke(self, backend: GenericBackend, key: str, data: bytes | None) -> None:
        """Change it through fsspec."""
        fs, path = backend._source.get(), f"/some/place/{key}"
        with LOCK:
            fs.rm_file(path) if data is None else fs.pipe_file(path, data)


class TestBucket(BackendTests[GenericBackend]):
    """The suite on an object store that creates exclusively."""

    race_rounds = 300

    @pytest.fixture(autouse=True)
    def trusted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let it be one of the classes whose source was read."""
        trust(monkeypatch)

    @pytest.fixture
    def backend(self) -> Backend:
        """Give a container of its own, by the way that a user takes."""
        return GenericBackend.of_url(Bucket, f"abfs://{next(names)}/prefix", {"account_name": "x"})

    def opener(self, backend: GenericBackend) -> Callable[[], GenericBackend]:
        """Return what opens the same container once more."""
        return functools.partial(GenericBackend.of_url, Bucket, backend._root, {})

    def peek(self, backend: GenericBackend, key: str) -> bytes | None:
        """Look into the dictionary."""
        return Bucket.objects.get(backend._root + key)

    def poke(self, backend: GenericBackend, key: str, data: bytes | None) -> None:
        """Change the dictionary."""
        if data is None:
            del Bucket.objects[backend._root + key]
        else:
            Bucket.objects[backend._root + key] = data


class TestOneWriter(BackendTests[GenericBackend]):
    """The suite on a file system with folders, which needs the promise of one writer; reached through `fs=`."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Give a folder in a folder, the way that a user would."""
        fs = DirFileSystem(path=str(tmp_path), fs=Elsewhere(skip_instance_cache=True))
        return open_backend("some/place", fs=fs, single_writer=True)[0]

    def opener(self, backend: GenericBackend) -> Callable[[], GenericBackend]:
        """Return what opens the same folder once more."""
        return functools.partial(GenericBackend.of_system, Elsewhere(), backend._root, single_writer=True)

    def peek(self, backend: GenericBackend, key: str) -> bytes | None:
        """Look at the disk."""
        try:
            with open(backend._root + key, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def poke(self, backend: GenericBackend, key: str, data: bytes | None) -> None:
        """Change the disk."""
        path = backend._root + key
        if data is None:
            os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def test_create_has_one_winner_in_every_race(self, backend: GenericBackend) -> None:
        """Nobody races where one writer is promised; without the promise not a byte is written."""
        other = GenericBackend.of_system(Elsewhere(), backend._root)

        with pytest.raises(NotExclusiveError, match="single_writer=True"):
            other.create("run/1", iter([b"x"]))
        assert not os.path.exists(backend._root)


def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Bucket` be one of the classes whose source was read."""
    monkeypatch.setitem(EXCLUSIVE, name_of(Bucket), {"overwrite": False})


# What is known, and what is not


def test_what_was_not_read_is_not_trusted() -> None:
    """A class with a known protocol but another name, or derived from a known one, does not count as exclusive."""
    backend = GenericBackend.of_url(Bucket, "abfs://container/prefix", {})

    with pytest.raises(NotExclusiveError, match=r"test_generic\.Bucket is not known to create exclusively"):
        backend.create("run/1", b"x")
    assert Bucket.objects.get("container/prefix/run/1") is None


def test_the_table_says_how() -> None:
    """Google's storage is asked to create by `mode`, Azure's by `overwrite`, which older versions know as well."""
    assert EXCLUSIVE == {
        "gcsfs.core.GCSFileSystem": {"mode": "create"},
        "adlfs.spec.AzureBlobFileSystem": {"overwrite": False},
    }


def test_zonal_buckets_are_not_written_their_own_way() -> None:
    """In place of gcsfs's extended class, whose zonal writes ignore `mode`, its base is used."""

    class Base(AbstractFileSystem):
        protocol = "gs"
        modes: ClassVar[list[str]] = []

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
            self.modes.append(mode)

    class Extended(Base):
        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
            raise AssertionError("the extended class was used")

    Base.__module__, Base.__qualname__ = "gcsfs.core", "GCSFileSystem"
    Extended.__module__, Extended.__qualname__ = "gcsfs.extended_gcsfs", "ExtendedGcsFileSystem"
    for backend in (GenericBackend.of_url(Extended, "gs://b/p", {}), GenericBackend.of_system(Extended(), "b/p")):
        backend.create("run/1", b"x")

    assert Base.modes == ["create", "create"]


def test_a_known_class_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The like of a given file system has its options, but not its cache of listings, and is shared with nobody."""
    trust(monkeypatch)
    given = Bucket(account_name="mine", use_listings_cache=True)
    made = GenericBackend.of_system(given, "container/prefix")._source.get()

    assert made is not given
    assert made.storage_options == {"account_name": "mine", "use_listings_cache": False}
    assert GenericBackend.of_system(given, "container/prefix")._source.get() is not made


def test_a_missing_bucket_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a bucket does not exist a save fails: a misspelt name must not become a bucket."""
    trust(monkeypatch)
    monkeypatch.setattr(Bucket, "makedirs", lambda *_, **__: pytest.fail("a bucket was made"))
    backend = GenericBackend.of_url(Bucket, "abfs://missing-container/prefix", {})

    for verb in (backend.create, backend.put):
        with pytest.raises(FileNotFoundError):
            verb("run/1", b"x")


def test_a_bucket_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store without the name of a bucket would take the run for one."""
    trust(monkeypatch)

    with pytest.raises(ValueError, match="names no bucket"):
        GenericBackend.of_url(Bucket, "abfs://", {})


@pytest.mark.parametrize("root", ["/a/../b", "a//b", "./a"])
def test_bad_roots_are_refused(root: str) -> None:
    """A root is written in one way only: another would be another store without a word."""
    with pytest.raises(ValueError, match="is not a key"):
        GenericBackend.of_system(MemoryFileSystem(), root)


def test_caches_are_refused() -> None:
    """A file system that reads from a cache is a `ValueError`, whatever is promised."""
    fs = SimpleCacheFileSystem(fs=MemoryFileSystem())

    with pytest.raises(ValueError, match="reads from a cache, and a store must not"):
        GenericBackend.of_system(fs, "/place", single_writer=True)


# Errors


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (PermissionError("no"), PermissionError, "no"),
        (TimeoutError("late"), TimeoutError, "late"),
        (Bucket.StrangeError("503"), OSError, "StrangeError: 503"),
        (NotImplementedError(), OSError, "this file system cannot do that"),
        (KeyError("gone"), OSError, "KeyError: 'gone'"),
    ],
)
@pytest.mark.parametrize("verb", ["create", "put", "get", "list", "delete"])
def test_every_failure_is_an_oserror(
    raised: Exception, expected: type[OSError], message: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file system raises comes out as an `OSError`, with its cause, and never as an absent object."""
    fs = MemoryFileSystem(global_store=False, skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, "/place")

    def failing(*_: object, **__: object) -> None:
        raise raised

    for name in ("pipe_file", "cat_file", "info", "ls", "rm_file"):
        monkeypatch.setattr(fs, name, failing)
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: backend.create("run/1", b"x"),
        "put": lambda: backend.put("run/1", b"x"),
        "get": lambda: backend.get("run/1", 1, 2),
        "list": lambda: list(backend.list("")),
        "delete": lambda: backend.delete(["run/1"]),
    }

    with pytest.raises(expected, match=message) as caught:
        calls[verb]()
    assert not isinstance(caught.value, (FileExistsError, FileNotFoundError))
    assert raised in (caught.value, caught.value.__cause__)


def test_a_failed_look_does_not_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be seen whether an object is there, a single writer's create fails and touches nothing."""
    fs = Elsewhere(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, str(tmp_path), single_writer=True)
    backend.create("run/1", b"first")
    monkeypatch.setattr(fs, "info", lambda _: (_ for _ in ()).throw(PermissionError("hidden")))

    with pytest.raises(PermissionError):
        backend.create("run/1", b"second")
    assert (tmp_path / "run/1").read_bytes() == b"first"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a write fails half-way the old object stays, and the unfinished one goes."""
    fs = Elsewhere(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, str(tmp_path), single_writer=True)
    backend.put("run/1", b"old")
    monkeypatch.setattr(fs, "mv", lambda *_: (_ for _ in ()).throw(OSError("disk gone")))

    with pytest.raises(OSError, match="disk gone"):
        backend.put("run/1", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "run").iterdir()] == [("1", b"old")]


# Times


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"mtime": 0.0, "created": 5.0}, datetime(1970, 1, 1, tzinfo=UTC)),
        ({"updated": "2026-01-02T03:04:05.678Z"}, datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)),
        (
            {"LastModified": datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))},
            datetime(2026, 1, 2, 1, tzinfo=UTC),
        ),
        ({"last_modified": datetime(2026, 1, 2)}, datetime(2026, 1, 2, tzinfo=UTC)),  # noqa: DTZ001 - it has none
        ({"mtime": None, "created": 60}, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        ({"updated": "yesterday"}, datetime.min.replace(tzinfo=UTC)),
        ({"mtime": float("inf")}, datetime.min.replace(tzinfo=UTC)),
        ({}, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_times_are_aware(told: dict[str, object], expected: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file system calls its time, and in whatever form, a listing has it in UTC, or says it is unknown."""
    fs = MemoryFileSystem(global_store=False, skip_instance_cache=True)
    line = {"name": "/place/run", "size": 1, "type": "file", **told}
    monkeypatch.setattr(fs, "ls", lambda *_, **__: [line])
    (info,) = GenericBackend.of_system(fs, "/place").list("")

    assert info.modified == expected
    assert info.modified.utcoffset() == timedelta(0)


# A store on top


def stores(tmp_path: Path) -> Iterator[CheckpointStore]:
    """A store in each kind of place that a user can give."""
    yield CheckpointStore(f"/{next(names)}", fs=MemoryFileSystem())
    yield CheckpointStore(str(tmp_path / "a"), fs=Elsewhere(), single_writer=True)
    yield CheckpointStore("b", fs=DirFileSystem(path=str(tmp_path), fs=LocalFileSystem()))


def test_a_store_works_on_them(tmp_path: Path) -> None:
    """A store saves, loads, lists and prunes in a file system that the user made."""
    for store in stores(tmp_path):
        for step in range(3):
            store.save("run", {"step": step, "blob": b"x" * 100_000})
        store.delete("run", 1)

        assert store.load("run") == {"step": 2, "blob": b"x" * 100_000}
        assert [one.number for one in store.checkpoints("run")] == [3, 2]
        assert store.runs() == ["run"]
        assert store.verify("run").ok
