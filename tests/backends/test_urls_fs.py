"""A file system that the user made, in place of a URL: which backend it gets, and what is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import s3fs
from filesystems import own_memory
from forks import in_child
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ckptstore.urls import open_backend
from ckptstore_backends.generic import GenericBackend
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from pathlib import Path


def test_fs_and_options_exclude_each_other() -> None:
    """Options beside a ready file system would be ignored, so they are refused."""
    with pytest.raises(ValueError, match="storage_options mean nothing beside fs"):
        open_backend("bucket/prefix", fs=MemoryFileSystem(), storage_options={"key": "x"})


def test_a_local_file_system_becomes_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local file system of fsspec, alone or in a `DirFileSystem`, is the durable backend on the same folder."""
    monkeypatch.chdir(tmp_path)
    fs = LocalFileSystem()
    inner = DirFileSystem(path=str(tmp_path), fs=fs)
    expected = f"LocalBackend({str(tmp_path / 'a/b')!r})"

    for url, given in (
        (str(tmp_path / "a/b"), fs),
        (tmp_path / "a/b", fs),
        ("a/b", fs),
        (f"file://{tmp_path}/a/b", fs),
        ("a/b", inner),
        ("/a/b/", inner),
        ("b", DirFileSystem(path="a", fs=inner)),
    ):
        assert repr(open_backend(url, fs=given)[0]) == expected
    assert repr(open_backend("/", fs=inner)[0]) == f"LocalBackend({str(tmp_path)!r})"


@pytest.mark.parametrize("url", ["..", "a/../../b", "../outside"])
def test_a_folder_is_not_left(url: str, tmp_path: Path) -> None:
    """A place above the folder of a `DirFileSystem` is refused."""
    with pytest.raises(ValueError, match="leads out of"):
        open_backend(url, fs=DirFileSystem(path=str(tmp_path), fs=MemoryFileSystem()))


def given_to(backend: S3Backend) -> dict[str, object]:
    """Those of the options that a user gives."""
    return {
        name: value for name, value in backend._session._options.items() if name in {"key", "secret", "endpoint_url"}
    }


def test_an_s3_file_system_becomes_ours() -> None:
    """s3fs's file system is the S3 backend with the same options, so a create is as safe as by URL."""
    fs = s3fs.S3FileSystem(key="k", secret="hidden", endpoint_url="http://127.0.0.1:9", skip_instance_cache=True)  # noqa: S106 - no secret
    for url, given in (("s3://bucket/prefix", fs), ("bucket/prefix", fs), ("prefix", DirFileSystem("bucket", fs))):
        backend, shown = open_backend(url, fs=given)

        assert isinstance(backend, S3Backend)
        assert repr(backend) == "S3Backend('s3://bucket/prefix')"
        assert shown == "s3://bucket/prefix"
        assert given_to(backend) == {"key": "k", "secret": "hidden", "endpoint_url": "http://127.0.0.1:9"}


def test_s3_options_must_have_names() -> None:
    """Options of s3fs that were given by position cannot be passed on, so they are refused."""
    fs = s3fs.S3FileSystem(True, skip_instance_cache=True)  # noqa: FBT003 - that is what is tested

    with pytest.raises(ValueError, match="made with positional arguments: give them by name"):
        open_backend("bucket", fs=fs)


def test_a_memory_of_fsspec_is_one_place() -> None:
    """A memory of fsspec, alone or in a folder of it, is reached by path and by URL, and two writers are told apart."""
    fs = own_memory()
    first, shown = open_backend("memory://name/a", fs=fs)
    second, _ = open_backend("a", fs=DirFileSystem("/name", fs))
    first.create("run/1", b"x")

    assert second.get("run/1") == b"x"
    assert isinstance(first, GenericBackend)
    assert shown == "memory:///name/a"
    with pytest.raises(FileExistsError):
        second.create("run/1", b"y")


def test_a_url_of_another_protocol_is_refused() -> None:
    """A URL that is not of the given file system is a `ValueError`, and no odd path in it."""
    for fs in (MemoryFileSystem(), LocalFileSystem(), DirFileSystem("/x", MemoryFileSystem())):
        with pytest.raises(ValueError, match="is in no file system of"):
            open_backend("gs://bucket/x", fs=fs)


def test_asynchronous_file_systems_are_refused() -> None:
    """One whose calls must be awaited is a `ValueError` that says so, also inside another."""
    fs = AsyncFileSystemWrapper(MemoryFileSystem(), asynchronous=True)
    for given in (fs, DirFileSystem("/x", fs, asynchronous=True)):
        with pytest.raises(ValueError, match="made with asynchronous=True"):
            open_backend("place", fs=given, single_writer=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_cannot_use_a_given_asynchronous_one() -> None:
    """An asynchronous file system of the user's works, and in a forked child is an `OSError` at once, not a hang."""
    fs = AsyncFileSystemWrapper(own_memory(), asynchronous=False)
    backend, _ = open_backend("/place", fs=fs, single_writer=True)
    backend.create("run/1", b"x")

    def refused() -> bool:
        with pytest.raises(OSError, match="does not survive a fork: open the store in the child"):
            backend.get("run/1")
        return True

    assert backend.get("run/1") == b"x"
    assert in_child(refused)
