"""Several writers of one run: who may go on, and who is fenced out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from places import ALL_KINDS, make, open_store

from ckptstore import CheckpointConflict, CheckpointNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from places import Place

    from ckptstore import Checkpoint, CheckpointStore


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


# Two stores


def test_a_stale_copy_is_fenced_out(place: Place) -> None:
    """Of two copies of a job the one that fell behind cannot save, and nothing of the other's changes."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", "ours")
    theirs.load("run")
    theirs.save("run", "theirs")
    before = place.objects()

    for _ in range(2):
        with pytest.raises(CheckpointConflict):
            ours.save("run", "stale")
    assert place.objects() == before


def test_a_conflict_says_who_and_when(place: Place) -> None:
    """The message names run, base, the newer checkpoint, its host, process and time, and the way out."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", 1)
    newer = theirs.save("run", 2)

    with pytest.raises(CheckpointConflict) as caught:
        ours.save("run", 3)
    message = str(caught.value)
    who = f"{os.uname().nodename}, pid {os.getpid()}, at {newer.created_at.isoformat()}"
    assert message.startswith("run 'run': this save continues from checkpoint 1, but 2 was saved by " + who)
    assert "take over with load()" in message


def test_a_load_takes_over(place: Place) -> None:
    """Who was fenced out loads the newest, and goes on from there."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", 1)
    theirs.save("run", 2)

    assert ours.load("run") == 2
    assert ours.save("run", 3).number == 3


LOOKS: dict[str, Callable[[CheckpointStore], object]] = {
    "latest": lambda store: store.latest("run"),
    "checkpoints": lambda store: store.checkpoints("run"),
    "verify": lambda store: store.verify("run"),
    "runs": lambda store: store.runs(),
    "load an older": lambda store: store.load("run", at=1),
    "load none": lambda store: store.load("run", at=9, default=None),
    "read an older": lambda store: store.open_reader("run", at=1),
    "prune": lambda store: store.prune("run"),
    "delete": lambda store: store.delete("run", 1),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_moves_no_fence(place: Place, look: str) -> None:
    """Only a save, or a load of the newest, says that the work goes on from there."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", 1)
    theirs.save("run", 2)
    LOOKS[look](ours)

    with pytest.raises(CheckpointConflict):
        ours.save("run", 3)


@pytest.mark.parametrize("look", LOOKS)
def test_who_only_looked_follows_the_newest(place: Place, look: str) -> None:
    """A store that neither saved nor loaded the newest continues from whatever is the newest when it saves."""
    ours, theirs = open_store(place), open_store(place)
    for n in range(2):
        theirs.save("run", n)
    LOOKS[look](ours)
    theirs.save("run", 3)

    assert ours.save("run", 4).number == 4


@pytest.mark.parametrize("at", ["number", "record", "time"])
def test_a_load_of_the_newest_by_name_is_a_load_of_the_newest(place: Place, at: str) -> None:
    """However the newest is named, who loads it continues from it."""
    ours, theirs = open_store(place), open_store(place)
    record = theirs.save("run", 1)
    ways: dict[str, Checkpoint | datetime | int] = {"number": 1, "record": record, "time": record.created_at}
    ours.load("run", at=ways[at])
    theirs.save("run", 2)

    with pytest.raises(CheckpointConflict):
        ours.save("run", 3)


@pytest.mark.parametrize("load", [{"default": None}, {}])
def test_an_empty_run_is_a_base_too(place: Place, load: dict[str, Any]) -> None:
    """Of two jobs that found the run empty only one begins it."""
    ours, theirs = open_store(place), open_store(place)
    for store in (ours, theirs):
        try:
            store.load("run", **load)
        except CheckpointNotFound:
            continue
    ours.save("run", "ours")

    with pytest.raises(CheckpointConflict, match="continues from an empty run, but 1 was saved"):
        theirs.save("run", "theirs")
    assert open_store(place).load("run") == "ours"


def test_an_old_base_is_stale_though_its_successor_is_pruned(place: Place) -> None:
    """A writer that slept through the removal of what came after its base is fenced out, and leaves nothing."""
    ours, theirs = open_store(place), open_store(place, retention=1)
    ours.save("run", 1)
    for n in range(3):
        theirs.save("run", n)
    before = place.objects()

    with pytest.raises(CheckpointConflict, match="continues from checkpoint 1, but 2 was saved"):
        ours.save("run", "stale")
    assert place.objects() == before


def test_a_deleted_run_fences_as_well(place: Place) -> None:
    """A copy of the job that still runs cannot save into a run that was deleted and begun anew."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", "old")
    theirs.delete_run("run")
    new = theirs.save("run", "new")

    with pytest.raises(CheckpointConflict):
        ours.save("run", "stale")
    assert open_store(place).checkpoints("run") == [new]


def test_runs_have_fences_of_their_own(place: Place) -> None:
    """Who fell behind in one run goes on in another."""
    ours, theirs = open_store(place), open_store(place)
    for run in ("a", "b"):
        ours.save(run, 1)
    theirs.save("a", 2)

    assert ours.save("b", 2).number == 2


# after=


def test_after_names_the_base(place: Place) -> None:
    """A save after the newest works by number and by record, whatever the store itself last saw."""
    ours, theirs = open_store(place), open_store(place)
    ours.save("run", 1, after=0)
    record = theirs.save("run", 2)

    assert ours.save("run", 3, after=2).number == 3
    assert theirs.save("run", 4, after=ours.latest("run")).number == 4
    with pytest.raises(CheckpointConflict, match="continues from checkpoint 2, but 4 was saved"):
        ours.save("run", 5, after=record)


def test_after_an_older_one_is_a_conflict(place: Place) -> None:
    """Anything newer than what the caller says is somebody else's."""
    store = open_store(place)
    records = [store.save("run", n) for n in range(2)]
    afters: list[Checkpoint | int] = [0, 1, records[0]]
    for after in afters:
        with pytest.raises(CheckpointConflict, match="but 2 was saved"):
            store.save("run", 3, after=after)

    assert store.save("run", 3).number == 3


def test_after_what_is_not_there_is_not_found(place: Place, tmp_path: Path) -> None:
    """A base that does not exist is never guessed, nor is another of the same number taken for it."""
    store, other = open_store(place), open_store(make("folder", tmp_path / "other"))
    store.save("run", 1)
    foreign = other.save("run", "another")

    for after in (2, foreign):
        with pytest.raises(CheckpointNotFound, match="no such checkpoint"):
            store.save("run", 2, after=after)
    with pytest.raises(CheckpointNotFound, match="no such checkpoint 1"):
        store.save("empty", 2, after=1)
    assert store.runs() == ["run"]
