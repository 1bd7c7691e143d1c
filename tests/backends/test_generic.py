"""The backend of any fsspec file system: the conformance suite on three kinds of them, and stores on top."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import pytest
from filesystems import Bucket, Elsewhere, names, own_memory, trust
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ckptstore import CheckpointStore
from ckptstore.backend import NotExclusiveError
from ckptstore.testing import BackendTests
from ckptstore.urls import open_backend
from ckptstore_backends.base import LOCK
from ckptstore_backends.generic import GenericBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ckptstore.backend import Backend


class TestMemory(BackendTests[GenericBackend]):
    """The suite on fsspec's own memory, which creates exclusively under our lock."""

    race_rounds = 300

    @pytest.fixture
    def backend(self) -> GenericBackend:
        """Give a memory of its own."""
        fs = own_memory()
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
