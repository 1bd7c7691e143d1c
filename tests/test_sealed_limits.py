"""What encryption does not prevent: somebody who may write to the storage removes, rolls back and brings back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harm import HINT
from places import KINDS, open_store, slot
from sealing import SETTINGS, STATES, marker_of, three

from ckptstore import CheckpointNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

WITH_KEY = SETTINGS["zstd + fernet"]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a sealed run of three checkpoints, of each kind."""
    return three(request.param, tmp_path, **WITH_KEY)


def numbers(place: Place) -> list[int]:
    """What a new store lists, and that it finds nothing wrong."""
    store = open_store(place, **WITH_KEY)
    assert store.verify("run").ok
    return [record.number for record in store.checkpoints("run")]


def remove_newest(place: Place) -> None:
    """Take the newest away, and set the hint back."""
    place.poke(HINT, place.objects()[slot(2)])
    place.poke(slot(3), None)


def test_a_removed_newest_goes_unseen(place: Place) -> None:
    """Who knows nothing of the newest cannot miss it: the one before is taken for the newest."""
    remove_newest(place)

    assert open_store(place, **WITH_KEY).load("run") == STATES[2]
    assert numbers(place) == [2, 1]


def test_a_removed_run_goes_unseen(place: Place) -> None:
    """A run of which nothing is left is as if it had never been."""
    for key in place.objects():
        place.poke(key, None)

    assert open_store(place, **WITH_KEY).load("run", default="none") == "none"
    assert open_store(place, **WITH_KEY).save("run", "anew").number == 1


def test_who_knew_the_newest_is_not_rolled_back(place: Place) -> None:
    """A store that has loaded or saved the newest goes on from that, behind its number, whatever was removed."""
    store = open_store(place, **WITH_KEY)
    store.load("run")
    remove_newest(place)

    assert store.save("run", "next").number == 4
    assert open_store(place, **WITH_KEY).load("run") == "next"


def test_who_says_what_to_go_on_from_is_not_rolled_back(place: Place) -> None:
    """A record of the newest, kept somewhere else, tells that it is gone."""
    newest = open_store(place, **WITH_KEY).latest("run")
    assert newest
    remove_newest(place)
    before = place.objects()

    with pytest.raises(CheckpointNotFound):
        open_store(place, **WITH_KEY).load("run", at=newest)
    with pytest.raises(CheckpointNotFound, match="no such checkpoint 3 to continue from"):
        open_store(place, **WITH_KEY).save("run", "next", after=newest)
    assert place.objects() == before


def test_a_forged_marker_removes(place: Place) -> None:
    """A marker needs no key: in the place of a checkpoint, it removes that one alone."""
    place.poke(slot(2), marker_of(place.objects()[slot(2)]))

    assert numbers(place) == [3, 1]
    with pytest.raises(CheckpointNotFound):
        open_store(place, **WITH_KEY).load("run", at=2)
    assert [open_store(place, **WITH_KEY).load("run", at=n) for n in (1, 3)] == [STATES[1], STATES[3]]


def test_a_forged_marker_removes_the_newest(place: Place) -> None:
    """In the place of the newest, a marker rolls back to the one before."""
    place.poke(slot(3), marker_of(place.objects()[slot(3)]))

    assert open_store(place, **WITH_KEY).load("run") == STATES[2]
    assert open_store(place, **WITH_KEY).save("run", "next").number == 4


def test_a_deleted_checkpoint_can_be_brought_back(place: Place) -> None:
    """What was deleted, and copied before, fits its place again; a deletion is no promise against who copies."""
    copy = place.objects()[slot(2)]
    open_store(place, **WITH_KEY).delete("run", 2)
    assert numbers(place) == [3, 1]
    place.poke(slot(2), copy)

    assert numbers(place) == [3, 2, 1]
    assert open_store(place, **WITH_KEY).load("run", at=2) == STATES[2]


def test_two_stores_with_one_key_can_be_exchanged(place: Place, tmp_path: Path) -> None:
    """A manifest knows its run and number, not its store: stores that must not be mistaken need keys of their own."""
    staging = three("memory", tmp_path, **WITH_KEY)
    open_store(staging, **WITH_KEY).save("run", "of staging")
    for key, data in staging.objects().items():
        place.poke(key, data)

    assert open_store(place, **WITH_KEY).load("run") == "of staging"


def test_what_is_forged_never_becomes_a_state(place: Place) -> None:
    """A marker above the newest may hide checkpoints; what still loads is what was saved, under its own number."""
    forged = marker_of(place.objects()[slot(3)], number=4)
    place.poke(slot(4), forged)
    place.poke(HINT, None)
    store = open_store(place, **WITH_KEY)

    for record in store.checkpoints("run"):
        assert store.load("run", at=record) == STATES[record.number]
    assert store.load("run", default=None) in STATES.values()
