"""What the local backend makes durable before it removes anything."""

from __future__ import annotations

import os
import sys
from stat import S_ISDIR
from typing import TYPE_CHECKING

import pytest

from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize("earlier", ["delete", "put"])
def test_earlier_changes_are_durable_before_a_delete(backend: LocalBackend, calls: list[str], earlier: str) -> None:
    """No delete removes anything before what an earlier delete or durable put changed is synced, once."""
    backend.create("run/packs/1", b"pack")
    backend.create("run/packs/2", b"pack")
    del calls[:]
    if earlier == "delete":
        backend.delete(["run/1"])
    else:
        backend.put("run/1", b"marker")
    done = len(calls)
    backend.delete(["run/packs/1"])
    backend.delete(["run/absent"])

    assert [call for call in calls[done:] if not call.startswith("rmdir")] == [
        "fsync run",
        "unlink 1",
        "fsync run/packs",
    ]


def test_a_create_makes_earlier_changes_durable(backend: LocalBackend, calls: list[str]) -> None:
    """A create syncs its folder, with all that was removed there before: the delete after it need not."""
    backend.create("run/2", b"2")
    backend.delete(["run/1"])
    backend.create("run/3", b"3")
    del calls[:]
    backend.delete(["run/2"])

    assert calls == ["unlink 2"]


def test_a_change_during_a_sync_is_synced_again(
    backend: LocalBackend, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is removed while a folder is being synced may have missed that sync: the next delete syncs again."""
    backend.create("run/2", b"2")
    fsync = os.fsync
    removals = iter([["run/1"]])

    def interrupted(fd: int) -> None:
        fsync(fd)
        if S_ISDIR(os.fstat(fd).st_mode):
            for keys in removals:
                backend.delete(keys)

    monkeypatch.setattr(os, "fsync", interrupted)
    backend.create("run/3", b"3")
    del calls[:]
    backend.delete(["run/2"])

    assert calls == ["fsync run", "unlink 2"]


def test_a_removed_folder_is_durable_before_a_delete(backend: LocalBackend, calls: list[str]) -> None:
    """Where an earlier delete removed the folder as well, it is the folder above that is synced."""
    backend.create("other/1", b"1")
    backend.create("other/2", b"2")
    backend.delete(["run/1"])
    del calls[:]
    backend.delete(["other/1"])

    assert set(calls[: calls.index("unlink 1")]) == {"fsync ."}


def test_a_full_folder_costs_one_attempt(backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys a delete names in one folder, it tries once whether the folder is empty now."""
    for number in range(2, 9):
        backend.create(f"run/{number}", b"x")
    tried: list[str] = []
    rmdir = os.rmdir

    def record(path: str) -> None:
        tried.append(os.path.relpath(path, root))
        rmdir(path)

    monkeypatch.setattr(os, "rmdir", record)
    backend.delete([f"run/{number}" for number in range(2, 9)])

    assert tried == ["run"]


def test_a_folder_that_others_removed_is_durable_before_a_delete(
    backend: LocalBackend, root: Path, calls: list[str]
) -> None:
    """Where another process removed a folder that a delete had changed, the folder above is synced in its place."""
    for key in ("run/2", "other/1", "other/2"):
        backend.create(key, b"x")
    backend.delete(["run/1"])
    root.joinpath("run/2").unlink()
    root.joinpath("run").rmdir()
    del calls[:]
    backend.delete(["run/1"])

    assert calls == ["fsync ."]


def test_a_folder_removed_and_made_again_is_durable_before_a_delete(
    backend: LocalBackend, root: Path, calls: list[str]
) -> None:
    """That a folder was removed is made durable even where another process has made it again."""
    for key in ("other/1", "other/2"):
        backend.create(key, b"x")
    backend.delete(["run/1"])
    root.joinpath("run").mkdir()
    del calls[:]
    backend.delete(["run/1"])

    assert {"fsync .", "fsync run"} <= set(calls)


def test_a_new_folder_is_durable_before_a_delete(backend: LocalBackend, calls: list[str]) -> None:
    """A put that made its folder has changed the folder above as well: both are synced before a delete."""
    backend.create("run/2", b"2")
    del calls[:]
    backend.put("new/1", b"1")
    backend.delete(["new/1"])

    assert {"fsync .", "fsync new"} <= set(calls[: calls.index("unlink 1")])


# What others have left: they may have been killed before they synced it


@pytest.mark.parametrize("seen", ["get", "list"])
@pytest.mark.parametrize("change", ["create", "put", "delete"])
def test_what_was_seen_is_durable_before_a_change(
    backend: LocalBackend, root: Path, calls: list[str], seen: str, change: str
) -> None:
    """Before anything changes in a folder in which the work of another was seen, that is synced, once."""
    root.joinpath("run/2").write_bytes(b"another's")
    backend.create("run/3", b"3")
    del calls[:]
    arguments: dict[str, tuple[object, ...]] = {"create": ("run/4", b""), "put": ("run/4", b""), "delete": (["run/3"],)}
    assert backend.get("run/2") if seen == "get" else list(backend.list("run/"))
    getattr(backend, change)(*arguments[change])
    changed = {"create": "link 4", "put": "replace 4", "delete": "unlink 3"}[change]

    assert "fsync run" in calls[: calls.index(changed)]
    del calls[:]
    backend.create("run/5", b"5")
    assert calls == ["fsync file", "link 5", "fsync run"]


def test_a_removal_elsewhere_is_durable_before_a_delete(backend: LocalBackend, root: Path, calls: list[str]) -> None:
    """Before a pack goes, the manifests are synced that another has removed, in the folder above."""
    backend.create("run/packs/1", b"pack")
    root.joinpath("run/2").write_bytes(b"another's")
    assert list(backend.list("run/"))
    del calls[:]
    backend.delete(["run/packs/1"])

    assert "fsync run" in calls[: calls.index("unlink 1")]


def test_what_this_process_made_is_not_synced_again(backend: LocalBackend, calls: list[str]) -> None:
    """To read or list what it has created itself, or a hint, costs a process no sync."""
    backend.put("run/latest.json", b"hint", durable=False)
    del calls[:]
    assert backend.get("run/1")
    assert backend.get("run/latest.json")
    assert list(backend.list("run/"))
    backend.create("run/2", b"2")
    backend.delete(["run/1"])

    assert calls == ["fsync file", "link 2", "fsync run", "unlink 1"]


def test_what_is_seen_during_a_sync_is_synced_again(
    backend: LocalBackend, root: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another thread sees while a folder is being synced may have missed that sync."""
    root.joinpath("run/2").write_bytes(b"another's")
    assert backend.get("run/2")
    fsync = os.fsync
    looks = iter(["run/2"])

    def interrupted(fd: int) -> None:
        fsync(fd)
        if S_ISDIR(os.fstat(fd).st_mode):
            for key in looks:
                assert backend.get(key)

    monkeypatch.setattr(os, "fsync", interrupted)
    backend.delete(["run/absent"])
    del calls[:]
    backend.delete(["run/1"])

    assert "fsync run" in calls[: calls.index("unlink 1")]


def test_changes_in_another_run_are_not_waited_for(backend: LocalBackend, calls: list[str]) -> None:
    """Order is promised within a run: a delete in one does not sync what was removed in another."""
    for key in ("run/2", "other/1", "other/2"):
        backend.create(key, b"x")
    backend.delete(["run/1"])
    del calls[:]
    backend.delete(["other/1"])

    assert "fsync run" not in calls
