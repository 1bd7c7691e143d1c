"""What the local backend syncs, how often and in which order."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ckptstore_backends import files
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    Fail: TypeAlias = Callable[..., list[int]]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the very system calls of Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a root with a run in it, made by somebody else."""
    tmp_path.joinpath("root/run").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> LocalBackend:
    """Give a backend that has saved into the run before."""
    backend = LocalBackend(str(root))
    backend.create("run/1", b"1")
    return backend


def everything(root: Path) -> list[str]:
    """Every file below the root, whatever it is."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_a_create_is_two_syncs(backend: LocalBackend, calls: list[str]) -> None:
    """The bytes are durable before the name appears and the name before the call returns; there is no third sync."""
    backend.create("run/2", b"2")

    assert calls == ["fsync file", "link 2", "fsync run"]


def test_a_create_with_a_named_file_is_two_syncs(
    backend: LocalBackend, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an unfinished file needs a name, that is gone before the one sync of the folder."""
    monkeypatch.setattr(files, "_NAMELESS", None)
    backend.create("run/2", b"2")

    assert calls == ["fsync file", "link 2", "unlink a.tmp", "fsync run"]


def test_a_loser_leaves_nothing(backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second leaves no unfinished file, with a name or without."""
    for nameless in (files._NAMELESS, None):
        monkeypatch.setattr(files, "_NAMELESS", nameless)
        with pytest.raises(FileExistsError, match="run/1"):
            backend.create("run/1", b"second")

    assert everything(root) == ["run/1"]


def test_the_first_create_syncs_all_parents(root: Path, calls: list[str]) -> None:
    """A process syncs a folder and the way to it once, before its first object appears there, whoever made them."""
    LocalBackend(str(root)).create("run/2", b"2")
    parents = [f"fsync {os.path.relpath(parent, root)}" for parent in (root, *root.parents)]

    assert sorted(calls[:-3]) == sorted(["fsync run", *parents])  # what others left in the folder is synced as well
    assert calls[-3:] == ["fsync file", "link 2", "fsync run"]


def test_parents_behind_a_link_are_synced_too(root: Path, calls: list[str]) -> None:
    """Where the root is reached through a link, the way to the link and the way to its target are made durable."""
    target = root.parent / "far" / "away"
    target.mkdir(parents=True)
    link = root.parent / "links" / "root"
    link.parent.mkdir()
    link.symlink_to(target)
    LocalBackend(str(link)).create("run/1", b"1")

    assert {"fsync ../links", "fsync ../far/away", "fsync ../far", "fsync .."} <= set(calls)


def test_a_folder_made_again_is_settled_again(backend: LocalBackend, root: Path, calls: list[str]) -> None:
    """When a create has to make its folder, the folders above it are synced again, before the object appears."""
    backend.delete(["run/1"])
    del calls[:]
    backend.create("run/packs/1", b"1")

    assert calls[:2] == ["mkdir run", "mkdir packs"]
    assert {"fsync run", "fsync .", "fsync .."} <= set(calls[2 : calls.index("link 1")])
    assert calls[-2:] == ["link 1", "fsync run/packs"]


def test_a_folder_in_the_making_is_never_taken_for_settled(
    backend: LocalBackend, root: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new folder may have the old one's inode: nothing counts that was known of that one, or is learnt too late."""
    folder = str(root / "run")
    mkdir = os.mkdir
    known = []

    def make(path: str) -> None:
        mkdir(path)
        known.append(folder in backend._syncs.settled)
        status = os.stat(path)
        backend._syncs.settled[path] = (status.st_dev, status.st_ino)  # by a thread that still held the old one

    root.joinpath("run/1").unlink()
    root.joinpath("run").rmdir()
    monkeypatch.setattr(os, "mkdir", make)
    backend.create("run/2", b"2")

    assert known == [False]
    assert "fsync ." in calls[: calls.index("link 2")]


def test_a_folder_replaced_by_another_process_is_settled_again(
    backend: LocalBackend, root: Path, calls: list[str]
) -> None:
    """A folder that is not the one this process has synced the way to is a new one."""
    root.joinpath("run").rename(root / "old")
    root.joinpath("run").mkdir()
    backend.create("run/2", b"2")

    assert "fsync ." in calls[: calls.index("link 2")]


def test_parents_that_may_not_be_opened_are_passed_over(root: Path, calls: list[str], fail: Fail) -> None:
    """A home below folders that are closed to the user is no obstacle."""
    closed = str(root.parent)
    failures = fail("open", errno.EACCES, lambda path, *args, **kwargs: path == closed)
    LocalBackend(str(root)).create("run/2", b"2")

    assert failures
    assert "fsync .." not in calls
    assert "fsync ../.." in calls


def test_large_data_is_written_early(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk gets to work while a pack is still being made, and is not bothered for a small object."""
    advised: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, start, length, advice: advised.append((start, length)))
    backend.create("run/2", b"small")

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield bytes(1 << 20)
        assert advised == [(0, 8 << 20), (8 << 20, 8 << 20)]

    backend.create("run/3", parts())

    assert len(advised) == 2


def test_a_put_syncs_the_file_alone(backend: LocalBackend, calls: list[str]) -> None:
    """A durable put syncs the bytes before they replace the old; the folder waits for the next create or delete."""
    backend.put("run/1", b"new")

    assert calls == ["fsync file", "replace 1"]


def test_a_hint_is_never_synced(backend: LocalBackend, calls: list[str]) -> None:
    """A put that need not last costs no sync, be it the first or a later one."""
    backend.put("run/latest.json", b"first", durable=False)
    backend.put("run/latest.json", b"second", durable=False)

    assert calls == ["replace latest.json"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_single_writer_needs_no_links(root: Path, calls: list[str], fail: Fail, number: int) -> None:
    """Who promises to be alone creates by rename, with the same syncs, and still never over what is there."""
    fail("link", number)
    backend = LocalBackend(str(root), single_writer=True)
    backend.create("run/1", b"1")
    del calls[:]
    backend.create("run/2", b"2")

    assert calls == ["fsync file", "replace 2", "fsync run"]
    with pytest.raises(FileExistsError, match="run/2"):
        backend.create("run/2", b"other")
    assert backend.get("run/2") == b"2"
    assert everything(root) == ["run/1", "run/2"]


def test_a_single_writer_uses_links_where_it_can(root: Path, calls: list[str]) -> None:
    """The promise of one writer changes nothing on a disk that can create exclusively."""
    LocalBackend(str(root), single_writer=True).create("run/2", b"2")

    assert "link 2" in calls


@pytest.mark.parametrize(("number", "fsyncs"), [(0, 0), (errno.ENOTSUP, 2), (errno.EIO, 0)])
def test_a_full_sync_is_used_where_there_is_one(
    backend: LocalBackend, calls: list[str], monkeypatch: pytest.MonkeyPatch, number: int, fsyncs: int
) -> None:
    """On macOS the drive's cache is flushed as well; fsync has to do only where that is not supported."""
    asked = []

    def fake(fd: int, command: int) -> None:
        asked.append(command)
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_FULL_SYNC", 51)
    monkeypatch.setattr(fcntl, "fcntl", fake)
    if number == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            backend.create("run/2", b"2")
    else:
        backend.create("run/2", b"2")
        assert asked == [51, 51]
    assert len([call for call in calls if call.startswith("fsync")]) == fsyncs
