"""The local backend: the conformance suite, and what files and folders add to it."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckptstore.testing import BackendTests
from ckptstore_backends import files
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable


class TestLocalBackend(BackendTests[LocalBackend]):
    """The suite, raced by processes."""

    race_in_processes = True

    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        """Give a root that is not there yet."""
        return LocalBackend(str(tmp_path / "not" / "yet"))

    def opener(self, backend: LocalBackend) -> Callable[[], LocalBackend]:
        """Return what opens the same folder."""
        return functools.partial(LocalBackend, backend.root)

    def peek(self, backend: LocalBackend, key: str) -> bytes | None:
        """Read the file."""
        path = Path(backend.root, key)
        return path.read_bytes() if path.is_file() else None

    def poke(self, backend: LocalBackend, key: str, data: bytes | None) -> None:
        """Write or remove the file."""
        path = Path(backend.root, key)
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


class TestWithNamedFiles(TestLocalBackend):
    """The suite where unfinished files need a name, as on macOS and some network disks."""

    race_in_processes = False  # a process would not know of the patch

    @pytest.fixture(autouse=True)
    def _named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "_NAMELESS", None)
        monkeypatch.setattr(os, "fsync", lambda fd: None)  # thousands of them, and not what is tested here


class TestWithoutFolders(TestWithNamedFiles):
    """The suite where folders cannot be opened, as on Windows."""

    @pytest.fixture(autouse=True)
    def _closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "_FOLDER", None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a folder that exists."""
    return tmp_path


@pytest.fixture
def backend(root: Path) -> LocalBackend:
    """Give a backend for it."""
    return LocalBackend(str(root))


@pytest.fixture
def scanned(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which folders are scanned."""
    seen: list[str] = []
    scandir = os.scandir

    def record(path: str) -> object:
        seen.append(os.path.relpath(path, root))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", record)
    return seen


# Listings


def test_a_folder_is_not_scanned_before_it_is_reached(backend: LocalBackend, scanned: list[str]) -> None:
    """Whoever stops before the packs does not pay for them, however many there are."""
    for key in ("run/000000000001.json", "run/latest.json", "run/packs/1"):
        backend.create(key, b"x")
    listing = backend.list("run/")

    assert scanned == []
    assert [next(listing).key, next(listing).key] == ["run/000000000001.json", "run/latest.json"]
    assert scanned == ["run", "run"]  # two looks in a row
    assert next(listing).key == "run/packs/1"


@pytest.mark.parametrize(
    ("prefix", "after", "folders"),
    [
        ("a/", "", ["a", "a/packs"]),
        ("a/packs/0", "", ["a/packs"]),
        ("a/1", "", ["a"]),
        ("", "a:", [".", "b"]),
        ("a/", "a/packs/1", ["a", "a/packs"]),
        ("a/", "a/packs/\U0010ffff", ["a", "a/packs"]),
        ("a/", "a/packs0", ["a"]),
    ],
)
def test_what_cannot_match_is_not_scanned(
    backend: LocalBackend, scanned: list[str], prefix: str, after: str, folders: list[str]
) -> None:
    """A listing starts in the folder of its prefix and passes over folders that `after` leaves behind."""
    for key in ("a/1.json", "a/packs/1", "b/1.json"):
        backend.create(key, b"x")
    for _ in backend.list(prefix, after):
        pass

    assert scanned == [folder for folder in folders for _ in range(2)]  # two looks in a row


def test_unfinished_files_are_listed(backend: LocalBackend, root: Path) -> None:
    """What a killed writer left shows like any other object, so that a collector finds it."""
    backend.create("run/1", b"x")
    root.joinpath("run/1.0123456789abcdef.tmp").write_bytes(b"part")

    assert [info.key for info in backend.list("run/")] == ["run/1", "run/1.0123456789abcdef.tmp"]


def test_only_files_are_objects(backend: LocalBackend, root: Path) -> None:
    """Empty folders, pipes and links that lead nowhere are not listed; a link to a file is, with the file's size."""
    root.joinpath("empty/folder").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    root.joinpath("nowhere").symlink_to("not-there")
    root.joinpath("circle").symlink_to("circle")
    root.joinpath("file").write_bytes(b"12345")
    root.joinpath("link").symlink_to("file")

    assert [(info.key, info.size) for info in backend.list("")] == [("file", 5), ("link", 5)]
    assert backend.get("link") == b"12345"


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """Opening, listing, reading and deleting in a root that does not exist finds nothing and leaves nothing."""
    backend = LocalBackend(str(tmp_path / "root"))

    assert list(backend.list("")) == []
    with pytest.raises(FileNotFoundError):
        backend.get("run/1")
    backend.delete(["run/1"])
    assert list(tmp_path.iterdir()) == []


# Folders and links


def test_a_relative_root_is_bound_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its working directory keeps its store."""
    monkeypatch.chdir(root)
    backend = LocalBackend("ckpts")
    monkeypatch.chdir("/")
    backend.create("run/1", b"x")

    assert root.joinpath("ckpts/run/1").read_bytes() == b"x"


def test_a_linked_folder_is_no_way_out(
    backend: LocalBackend, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No verb reads, writes or removes anything through a folder that is a link, and the refusal names it."""
    outside = tmp_path_factory.mktemp("outside")
    outside.joinpath("1").write_bytes(b"precious")
    outside.joinpath("packs").mkdir()
    root.joinpath("run").symlink_to(outside)
    attempts: list[Callable[[], object]] = [
        lambda: backend.get("run/1"),
        lambda: backend.create("run/2", b"x"),
        lambda: backend.create("run/packs/2", b"x"),
        lambda: backend.put("run/1", b"x"),
        lambda: backend.put("run/1", b"x", durable=False),
        lambda: backend.delete(["run/1"]),
        lambda: list(backend.list("run/")),
    ]

    for attempt in attempts:
        with pytest.raises(OSError, match=r"a linked folder leads out of the store.*/run'"):
            attempt()
    assert list(backend.list("")) == []
    assert sorted(path.name for path in outside.rglob("*")) == ["1", "packs"]
    assert outside.joinpath("1").read_bytes() == b"precious"


def test_a_linked_root_is_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The root itself may be a link: that is where the user wants the store."""
    target = tmp_path_factory.mktemp("target")
    root.joinpath("root").symlink_to(target)
    LocalBackend(str(root / "root")).create("run/1", b"x")

    assert target.joinpath("run/1").read_bytes() == b"x"


def test_emptied_folders_go(backend: LocalBackend, root: Path) -> None:
    """Folders that a delete left empty are removed, up to the root, which stays; others are not."""
    for key in ("run/packs/deep/1", "run/packs/deep/2", "other/1"):
        backend.create(key, b"x")

    backend.delete(["run/packs/deep/1"])
    assert root.joinpath("run/packs/deep/2").exists()

    backend.delete(["run/packs/deep/2"])
    assert [path.name for path in root.iterdir()] == ["other"]

    backend.delete(["other/1"])
    assert list(root.iterdir()) == []


# The hint


def test_a_hint_is_written_in_place(backend: LocalBackend, root: Path) -> None:
    """A hint goes into the file that is there: a new file in its place would be flushed by ext4 on every save."""
    backend.put("run/latest.json", b"first", durable=False)
    before = root.joinpath("run/latest.json").stat().st_ino
    backend.put("run/latest.json", b"2nd", durable=False)

    assert root.joinpath("run/latest.json").read_bytes() == b"2nd"
    assert root.joinpath("run/latest.json").stat().st_ino == before


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to], ids=["symbolic", "hard"])
def test_a_hint_spares_what_it_is_linked_to(
    backend: LocalBackend, root: Path, link: Callable[[Path, Path], None]
) -> None:
    """A link in the place of the hint is replaced: the other end may be a backup."""
    backup = root / "backup.json"
    backup.write_bytes(b"precious")
    link(root / "latest.json", backup)
    backend.put("latest.json", b"new", durable=False)

    assert backup.read_bytes() == b"precious"
    assert root.joinpath("latest.json").read_bytes() == b"new"
    assert not root.joinpath("latest.json").is_symlink()


def test_a_hint_replaces_a_pipe(backend: LocalBackend, root: Path) -> None:
    """A named pipe in the place of the hint does not hang the writer, or a reader."""
    os.mkfifo(root / "latest.json")

    assert backend.get("latest.json") == b""
    backend.put("latest.json", b"new", durable=False)
    assert backend.get("latest.json") == b"new"


@pytest.mark.parametrize("durable", [True, False])
def test_a_folder_is_not_replaced(backend: LocalBackend, root: Path, durable: bool) -> None:
    """A folder where an object should be is an `IsADirectoryError` for a reader and a writer, and stays."""
    root.joinpath("latest.json").mkdir()

    with pytest.raises(IsADirectoryError):
        backend.put("latest.json", b"new", durable=durable)
    with pytest.raises(IsADirectoryError):
        backend.get("latest.json")
    assert [path.name for path in root.iterdir()] == ["latest.json"]
