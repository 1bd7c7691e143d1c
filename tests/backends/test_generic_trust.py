"""Which fsspec file systems are trusted to create exclusively, and how that is found out."""

from __future__ import annotations

from typing import ClassVar

import pytest
from filesystems import Bucket, names, trust
from fsspec import AbstractFileSystem
from fsspec.implementations.cached import SimpleCacheFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ckptstore.backend import NotExclusiveError
from ckptstore_backends.generic import GenericBackend
from ckptstore_backends.systems import EXCLUSIVE, name_of


def test_what_was_not_read_is_not_trusted() -> None:
    """A class with a known protocol but another name, or derived from a known one, does not count as exclusive."""
    backend = GenericBackend.of_url(Bucket, "abfs://container/prefix", {})

    with pytest.raises(NotExclusiveError, match=r"filesystems\.Bucket is not known to create exclusively"):
        backend.create("run/1", b"x")
    assert Bucket.objects.get("container/prefix/run/1") is None


def test_the_web_is_no_place_for_a_store() -> None:
    """Where a path is a URL, as for http, the error says that no store can be kept there."""

    class Web(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path

    with pytest.raises(ValueError, match=r"Web has whole URLs for paths, and no store can be kept there"):
        GenericBackend.of_url(Web, "http://localhost/ckpts", {})


def test_the_table_says_how() -> None:
    """Google's storage is asked to create by `mode`, Azure's by `overwrite`, which older versions know as well."""
    assert EXCLUSIVE == {
        "gcsfs.core.GCSFileSystem": {"mode": "create"},
        "adlfs.spec.AzureBlobFileSystem": {"overwrite": False},
    }


def test_zonal_buckets_are_not_written_their_own_way() -> None:
    """In place of gcsfs's extended class, whose zonal writes ignore `mode`, its base is used."""

    class Base(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = "gs"
        stored: ClassVar[list[str]] = []

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
            assert mode == "create"
            if path in self.stored:
                raise FileExistsError(path)
            self.stored.append(path)

    class Extended(Base):
        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
            raise AssertionError("the extended class was used")

    Base.__module__, Base.__qualname__ = "gcsfs.core", "GCSFileSystem"
    Extended.__module__, Extended.__qualname__ = "gcsfs.extended_gcsfs", "ExtendedGcsFileSystem"
    for backend in (GenericBackend.of_url(Extended, "gs://b/p", {}), GenericBackend.of_system(Extended(), "b/p")):
        backend.create(f"run/{len(Base.stored)}", b"x")

    assert Base.stored == ["b/p/.ckptstore-probe", "b/p/run/0", "b/p/run/2"]


def test_a_server_that_ignores_conditions_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a second create is not refused nothing is saved, and nothing but the probe is touched; a promise helps."""
    monkeypatch.setitem(EXCLUSIVE, name_of(Bucket), {})  # as if it did not know what it is asked
    place = f"abfs://{next(names)}/prefix"
    backend = GenericBackend.of_url(Bucket, place, {})
    for _ in range(2):
        with pytest.raises(NotExclusiveError, match=r"ignores that a create must be exclusive.*single_writer=True"):
            backend.create("run/1", b"x")
    assert list(backend.list("")) == []

    promised = GenericBackend.of_url(Bucket, place, {}, single_writer=True)
    promised.create("run/1", b"x")
    with pytest.raises(FileExistsError):
        promised.create("run/1", b"y")
    assert backend.get("run/1") == b"x"


def test_the_probe_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the probe lies there a new process asks once, before its first create, and reading asks nothing."""
    trust(monkeypatch)
    place = f"abfs://{next(names)}/prefix"
    GenericBackend.of_url(Bucket, place, {}).create("run/1", b"x")
    asked: list[str] = []
    real = Bucket.pipe_file

    def recorded(fs: Bucket, path: str, value: bytes, **how: bool) -> None:
        asked.append(path)
        real(fs, path, value, overwrite=how["overwrite"])

    monkeypatch.setattr(Bucket, "pipe_file", recorded)
    again = GenericBackend.of_url(Bucket, place, {})
    assert [info.key for info in again.list("")] == ["run/1"]
    again.create("run/2", b"x")
    again.create("run/3", b"x")

    assert [path.partition("/prefix/")[2] for path in asked] == [".ckptstore-probe", "run/2", "run/3"]


def test_a_known_class_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The like of a given file system has its options, but not its cache of listings, and is shared with nobody."""
    trust(monkeypatch)
    given = Bucket(account_name="mine", use_listings_cache=True)
    made = GenericBackend.of_system(given, "container/prefix")._source.get()

    assert made is not given
    assert made.storage_options == given.storage_options
    assert (made.dircache.use_listings_cache, given.dircache.use_listings_cache) == (False, True)
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
