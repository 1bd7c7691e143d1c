"""Which URL, path or file system is served by what, and which are refused."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from forks import in_child
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from ckptstore import CheckpointStore
from ckptstore.backend import NotExclusiveError
from ckptstore.urls import open_backend
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Remote(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system that takes a host and a password, and remembers how often it was made."""

    protocol = "remote"
    made: ClassVar[list[dict[str, object]]] = []

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.made.append(options)

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        login, _, host = path.removeprefix("remote://").partition("/")[0].rpartition("@")
        return {"host": host, "login": login}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return f"/{path.removeprefix('remote://').partition('/')[2]}" if "://" in path else path

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # noqa: FBT002 - fsspec's own signature
        """Nothing."""
        return []


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Register `remote://` with fsspec, and see what it is made with."""
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "remote", Remote)
    monkeypatch.setattr(Remote, "made", [])
    return Remote.made


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution that serves a scheme."""

    def install(scheme: str, code: str, value: str = "plugged:make", dist: str = "plugged") -> None:
        site = tmp_path / dist
        info = site / f"{dist}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ckptstore.backends]\n{scheme} = {value}\n")
        (site / "plugged.py").write_text(code)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, "plugged", raising=False)

    return install


# Our own


@pytest.mark.parametrize("scheme", ["path", "file", "memory", "s3", "s3a"])
def test_our_own_cannot_be_shadowed(scheme: str, plug_in: Callable[..., None], tmp_path: Path) -> None:
    """A plug-in for a scheme of ours is not even loaded."""
    plug_in(scheme, "raise AssertionError('the plug-in was loaded')")
    url = str(tmp_path / "store") if scheme == "path" else f"{scheme}:///place"
    kinds = {"path": LocalBackend, "file": LocalBackend, "memory": MemoryBackend, "s3": S3Backend, "s3a": S3Backend}

    backend, _ = open_backend(url.replace(":///", "://") if scheme in {"memory", "s3", "s3a"} else url)

    assert type(backend) is kinds[scheme]


def test_a_path_is_never_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given as a path is a folder on the disk, whatever it is called."""
    monkeypatch.chdir(tmp_path)
    (backend, _) = open_backend(type(tmp_path)("s3:") / "bucket")

    assert repr(backend) == f"LocalBackend({str(tmp_path / 's3:' / 'bucket')!r})"


@pytest.mark.parametrize("url", ["./ckpts", "file:///tmp/ckpts", "memory://", "local:///tmp/ckpts"])
def test_options_are_for_remote_storage(url: str) -> None:
    """`storage_options` that would be ignored are refused; an empty mapping is none."""
    with pytest.raises(ValueError, match=r"storage_options mean nothing to .*: they are for remote storage"):
        open_backend(url, storage_options={"key": "x"})
    open_backend(url, storage_options={})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"single_writer": 1}, "single_writer must be True or False, not 1"),
        ({"single_writer": None}, "single_writer must be True or False, not None"),
        ({"storage_options": "key=x"}, "storage_options must be a mapping, not str"),
        ({"storage_options": [("key", "x")]}, "storage_options must be a mapping, not list"),
        ({"fs": "s3"}, "fs must be an fsspec file system, not str"),
        ({"fs": LocalFileSystem}, "fs must be an fsspec file system, not _Cached"),
    ],
)
def test_wrong_types_are_refused(settings: dict[str, Any], message: str) -> None:
    """A setting of another type is a `TypeError`, never taken for true or false."""
    with pytest.raises(TypeError, match=message):
        open_backend("memory://", **settings)


# What fsspec knows


def test_a_local_url_of_fsspec_is_ours(tmp_path: Path) -> None:
    """The other name that fsspec has for the disk, local://, gets the durable backend."""
    backend, _ = open_backend(f"local://{tmp_path}")

    assert repr(backend) == f"LocalBackend({str(tmp_path)!r})"


def test_a_scheme_of_fsspec_is_served(remote: list[dict[str, object]]) -> None:
    """A URL of another protocol opens a file system of it when it is used, with the options, and hides the password."""
    backend, shown = open_backend("remote://me:secret@host/some/place", storage_options={"port": 7, "host": "other"})
    assert remote == []
    assert list(backend.list("")) == []
    assert list(backend.list("")) == []

    assert shown == "remote://me@host/some/place"
    assert remote == [{"host": "other", "login": "me:secret", "port": 7}]
    assert "secret" not in repr(backend)
    assert repr(backend).endswith(".Remote, '/some/place/')")


def test_what_is_not_exclusive_says_so(remote: list[dict[str, object]]) -> None:
    """Where nothing is known of a protocol the first create is refused, before anything is asked of it."""
    backend, _ = open_backend("remote://host/place")

    with pytest.raises(NotExclusiveError, match="Remote is not known to create exclusively"):
        backend.create("run/1", b"x")
    assert remote == []


@pytest.mark.parametrize("scheme", ["gs", "gcs", "abfs", "sftp"])
def test_a_missing_package_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a protocol whose package is not installed the error says which it is."""
    package = known_implementations[scheme]["class"].partition(".")[0]
    if package == "fsspec":
        package = "paramiko"
        monkeypatch.delitem(sys.modules, "fsspec.implementations.sftp", raising=False)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ValueError, match=f"no backend serves {scheme}:// URLs here: (?s:.*){package}"):
        open_backend(f"{scheme}://place/store")


def test_without_fsspec_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fsspec is missing an unknown scheme says that more can be had with it."""
    monkeypatch.setitem(sys.modules, "fsspec.registry", None)

    with pytest.raises(ValueError, match=r"no backend serves gs:// URLs; .* what fsspec knows \(pip install fsspec\)"):
        open_backend("gs://bucket")


def test_an_unknown_scheme_names_what_there_is(plug_in: Callable[..., None]) -> None:
    """A scheme that nothing serves is a `ValueError` that lists what is served, plug-ins as well."""
    plug_in("zebra", "")

    with pytest.raises(ValueError, match=r"no backend serves s4:// URLs; there are: a path, .*, s3://, .*zebra://"):
        open_backend("s4://bucket")


@pytest.mark.parametrize("url", ["simplecache::s3://bucket/x", "zip://a::file:///tmp/a.zip", "dir::remote://me:pw@h/x"])
def test_chains_are_refused(url: str) -> None:
    """A URL that chains file systems is a `ValueError`, without the password in it."""
    with pytest.raises(ValueError, match="chains file systems") as caught:
        open_backend(url)
    assert "pw" not in str(caught.value)


# Plug-ins


def test_a_plugin_gets_what_the_user_gave(plug_in: Callable[..., None]) -> None:
    """A plug-in is called with the whole URL, the options as a dict, and the promise; it returns the backend."""
    plug_in(
        "mine",
        "from ckptstore_backends.memory import MemoryBackend\n"
        "calls = []\n"
        "def make(url, *, storage_options, single_writer):\n"
        "    calls.append((url, storage_options, single_writer))\n"
        "    return MemoryBackend()\n",
    )
    backend, shown = open_backend("mine://u:pw@host/a?b", storage_options={"x": 1}, single_writer=True)

    assert isinstance(backend, MemoryBackend)
    assert shown == "mine://u@host/a?b"
    assert sys.modules["plugged"].calls == [("mine://u:pw@host/a?b", {"x": 1}, True)]


def test_a_plugin_goes_before_fsspec(plug_in: Callable[..., None]) -> None:
    """A plug-in may serve a protocol that fsspec knows as well."""
    plug_in("ftp", "from ckptstore_backends.memory import MemoryBackend\nmake = lambda url, **_: MemoryBackend()\n")

    assert isinstance(open_backend("ftp://host/place")[0], MemoryBackend)


@pytest.mark.parametrize(
    ("code", "value", "message"),
    [
        ("import no_such_module", "plugged:make", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "plugged:make", "cannot be imported: ZeroDivisionError"),
        ("", "plugged:make", "cannot be imported: AttributeError"),
        ("make = 3", "plugged:make", "plugged:make is 3, and nothing that can be called"),
        ("make = lambda url, **_: None", "plugged:make", r"what it returned for mine://host has no create\(\)"),
    ],
)
def test_a_broken_plugin_is_named(code: str, value: str, message: str, plug_in: Callable[..., None]) -> None:
    """A plug-in that cannot be used is an `ImportError` with its name and its distribution, never passed over."""
    plug_in("mine", code, value)

    with pytest.raises(ImportError, match=f"plug-in 'mine' of plugged 1.0 is broken: .*{message}"):
        open_backend("mine://host")


def test_two_plugins_for_one_scheme_are_refused(plug_in: Callable[..., None]) -> None:
    """Where two distributions serve one scheme neither is taken by chance."""
    plug_in("mine", "", dist="one")
    plug_in("mine", "", dist="two")

    with pytest.raises(ValueError, match=r"several plug-ins serve mine://, leave one: .*(one 1\.0.*two|two 1\.0.*one)"):
        open_backend("mine://host")


# Others


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_gets_a_file_system_of_its_own(remote: list[dict[str, object]]) -> None:
    """One that was opened by URL is made again in a forked child, whose parent's connection is not its own."""
    backend, _ = open_backend("remote://host/place")
    list(backend.list(""))

    assert in_child(lambda: not list(backend.list("")) and len(remote) == 2)
    list(backend.list(""))
    assert len(remote) == 1


def test_a_store_by_a_plain_url_needs_no_fsspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, file:// and memory:// work where fsspec is not installed."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for url in (str(tmp_path / "a"), f"file://{tmp_path}/b", "memory://"):
        assert CheckpointStore(url).save("run", 1).number == 1
