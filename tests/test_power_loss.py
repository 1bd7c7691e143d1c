"""The power is cut after any operation of a local disk: whatever POSIX lets be left, no promise is broken."""

from __future__ import annotations

import errno
import sys
from random import Random
from typing import TYPE_CHECKING

import planted
import power_cuts
import pytest
import unsynced
from disk_log import Enter, Leave, Move, Sync, Truncate, Write
from outage import Machine, Outage
from power import Disk
from power_cuts import FEW, SCENARIOS, Scenario, does, each, failing, killed

from ckptstore_backends import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from disk_log import Op
    from outage import Program

    Bug = Callable[[pytest.MonkeyPatch], None]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the very system calls of Linux")

FOUND = r"after \d+ operations"
COMPLETE = {"first save", "first save, large", "save", "save, large", "saves, keep 1", "delete", "save, no links"}
LIMIT = 12  # states at one moment of the others, which have thousands: the long form tries more of them


def try_scenario(folder: Path, scenario: Scenario, limit: int) -> int:
    """Cut the power after each operation of its last process."""
    machine = Machine(folder / "disk", scenario.retention, links=scenario.links)
    machine.run(*scenario.programs)
    machine.check_log()
    return Outage(machine, limit=limit).try_all(machine.begun)


def try_each(
    folder: Path,
    make: Callable[[int], tuple[Program, ...]],
    keep: int | None = None,
    *,
    limit: int = 4,
    links: bool = True,
) -> int:
    """Disturb each operation, and cut the power after each that follows."""
    machines = each(folder, make, keep, links=links)
    return sum(Outage(machine, limit=limit).try_all(machine.disturbed or 0) for machine in machines)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_power_cut_loses_what_was_acknowledged(name: str, tmp_path: Path) -> None:
    """Every acknowledged checkpoint loads, nothing partial shows, the next save works and a prune tidies up."""
    limit = 2000 if name in COMPLETE else LIMIT

    assert try_scenario(tmp_path, SCENARIOS[name], limit) > 10


@pytest.mark.parametrize("name", ["save, large", "saves, keep odd"])
def test_files_with_names_are_as_safe(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an unfinished file needs a name, the same holds, and a prune removes what is left under it."""
    monkeypatch.setattr(files, "_NAMELESS", None)

    assert try_scenario(tmp_path, SCENARIOS[name], LIMIT) > 10


@pytest.mark.parametrize(
    ("verb", "then", "keep"),
    [
        ("save", ("load", "save"), None),
        ("save", ("save large",), 2),
        ("save large", ("prune",), 2),
        ("prune", ("prune",), 1),
        ("delete", ("load", "save"), None),
        ("delete run", ("delete run",), None),
    ],
)
def test_no_power_cut_hurts_who_goes_on_from_a_killed_process(
    verb: str, then: tuple[str, ...], keep: int | None, tmp_path: Path
) -> None:
    """What a killed process left unsynced is built on by the next, and nothing acknowledged is lost."""
    assert try_each(tmp_path, lambda turn: (*FEW, killed(verb, turn), does(*then)), keep) > 10


def test_no_power_cut_hurts_who_goes_on_where_there_are_no_links(tmp_path: Path) -> None:
    """Where a checkpoint appears by a rename, one that a killed process left unsynced is built on as well."""
    assert try_each(tmp_path, lambda turn: (*FEW, killed("save", turn), does("load", "save")), links=False) > 10


@pytest.mark.parametrize(
    ("verb", "number"), [("save", errno.EIO), ("save large", errno.EIO), ("save", errno.ENOSPC), ("stream", errno.EIO)]
)
def test_no_failing_operation_is_acknowledged(verb: str, number: int, tmp_path: Path) -> None:
    """Whichever write, sync or link fails: what was acknowledged is durable, also by the same process's next save."""
    assert try_each(tmp_path, lambda turn: (*FEW, failing(verb, turn, number))) > 10


PLANTED: list[tuple[Bug, str]] = [
    (unsynced.no_file_sync, "save"),
    (unsynced.no_file_sync, "save, large"),
    (unsynced.no_file_sync, "stream"),
    (unsynced.no_folder_sync, "save"),
    (unsynced.folder_sync_too_early, "save"),
    (unsynced.file_sync_too_late, "save"),
    (unsynced.way_not_synced, "first save"),
    (unsynced.way_not_synced, "first save, large"),
    (unsynced.removals_not_ordered, "large saves, keep 2"),
    (unsynced.markers_not_ordered, "saves, keep odd"),
    (unsynced.markers_in_place, "delete"),
    (unsynced.hint_not_renewed, "prune"),
    (unsynced.hint_not_renewed, "first retention"),
    (unsynced.hint_not_removed, "delete run"),
    (planted.packs_first, "large saves, keep 2"),
    (unsynced.no_file_sync, "save, no links"),
    (unsynced.no_folder_sync, "save, no links"),
    (unsynced.way_not_synced, "first save, no links"),
    (unsynced.removals_not_ordered, "large saves, keep 2, no links"),
    (unsynced.folder_sync_too_early, "save, no links"),
]


@pytest.mark.parametrize(("bug", "name"), PLANTED)
def test_a_power_cut_finds_a_planted_bug(bug: Bug, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any one sync or order left out, some power cut breaks a promise: these tests can fail."""
    bug(monkeypatch)

    with pytest.raises(AssertionError, match=FOUND):
        try_scenario(tmp_path, SCENARIOS[name], 100)


@pytest.mark.parametrize(
    ("verb", "then", "keep"), [("save", ("load", "save"), None), ("save", ("prune",), 2), ("prune", ("prune",), 1)]
)
def test_a_power_cut_finds_trust_in_others(
    verb: str, then: tuple[str, ...], keep: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a process takes for durable what a killed one has left, a power cut breaks a promise."""
    unsynced.others_trusted(monkeypatch)

    with pytest.raises(AssertionError, match=FOUND):
        try_each(tmp_path, lambda turn: (*FEW, killed(verb, turn), does(*then)), keep, limit=50)


@pytest.mark.parametrize("bug", [unsynced.sync_tried_again, unsynced.folder_sync_may_fail])
@pytest.mark.parametrize("verb", ["save", "save large"])
def test_a_power_cut_finds_trust_in_a_failed_sync(
    bug: Bug, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a sync that has failed does not fail the save, of a pack as well, a power cut breaks a promise."""
    bug(monkeypatch)

    with pytest.raises(AssertionError, match=FOUND):
        try_each(tmp_path, lambda turn: (*FEW, failing(verb, turn, errno.EIO)), limit=50)


def test_random_machines_survive() -> None:
    """What the long form does, for a few machines."""
    assert sum(power_cuts.run(seed, 0) for seed in range(4)) > 4


# The disk itself


def states(*ops: Op) -> set[tuple[tuple[str, bytes], ...]]:
    """All that may be left after these operations."""
    disk = Disk()
    for op in ops:
        disk.apply(op)
    return {tuple(sorted(files.items())) for files in disk.states(Random(0), 10_000)}


FILE = (Enter(0, "a", 1), Write(1, 0, b"abcd"))


def test_a_disk_keeps_what_was_synced() -> None:
    """A file whose bytes and name were synced is there, and a sync of either alone is not enough."""
    assert states(*FILE, Sync(1), Sync(0)) == {(("a", b"abcd"),)}
    assert states(*FILE, Sync(1)) == {(), (("a", b"abcd"),)}
    assert states(*FILE, Sync(0)) == {(("a", data),) for data in (b"", b"a", b"ab", b"\0\0cd", b"\0\0\0\0", b"abcd")}
    assert states(*FILE, Sync(1, failed=True), Sync(1), Sync(0)) == states(*FILE, Sync(0))


def test_a_disk_loses_names_one_by_one() -> None:
    """Of changes of a folder that were not synced any may be lost, whatever the order; a rename as a whole."""
    durable = (*FILE, Enter(0, "b", 2), Write(2, 0, b"x"), Sync(1), Sync(2), Sync(0))
    a, b = ("a", b"abcd"), ("b", b"x")

    assert states(*durable, Leave(0, "a"), Leave(0, "b")) == {(), (a,), (b,), (a, b)}
    assert states(*durable, Move(0, "b", "a", 2)) == {(a, b), (("a", b"x"),)}


def test_a_disk_loses_a_folder_with_all_that_is_in_it() -> None:
    """What was synced in a new folder whose own name was not may be gone."""
    inner = (Enter(0, "f", 3, is_folder=True), Enter(3, "a", 1), Write(1, 0, b"x"), Sync(1), Sync(3))

    assert states(*inner) == {(), (("f/a", b"x"),)}
    assert states(*inner, Sync(0)) == {(("f/a", b"x"),)}


def test_a_disk_may_hold_any_older_version_of_what_is_written_in_place() -> None:
    """Bytes written over others without a sync: either, parts of both, and any version in between."""
    found = {dict(state)["a"] for state in states(*FILE, Sync(1), Sync(0), Write(1, 0, b"12"), Truncate(1, 2))}

    assert {b"abcd", b"12cd", b"1bcd", b"ab", b"12"} <= found
