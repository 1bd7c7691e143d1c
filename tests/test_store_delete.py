"""Deleting a checkpoint or a run, on a folder, in memory and in a bucket: what is gone, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from places import slot

from ckptstore import CheckpointNotFound, CheckpointStore

if TYPE_CHECKING:
    from places import Place


def test_a_deleted_checkpoint_leaves_nothing_of_its_state(store: CheckpointStore, place: Place) -> None:
    """After a delete no object holds the state, not even a hint; the others stay."""
    for state in ("one", "the secret", "three"):
        store.save("run", state)
    place.poke("run/latest.json", place.objects()[slot(2)])  # as a writer that stalled there may leave it
    store.delete("run", 2)

    assert not [key for key, data in place.objects().items() if b"secret" in data]
    assert [record.number for record in store.checkpoints("run")] == [3, 1]
    assert store.load("run") == "three"
    with pytest.raises(CheckpointNotFound):
        store.load("run", at=2)


def test_the_newest_is_never_deleted(store: CheckpointStore) -> None:
    """The way back is to load an older one and save it, and the message says so."""
    store.save("run", 1)

    with pytest.raises(ValueError, match=r"^run 'run': 1 is the newest .* load an older one and save it as 2"):
        store.delete("run", 1)
    assert store.load("run") == 1


def test_delete_of_what_is_not_there(store: CheckpointStore) -> None:
    """A number that is gone, or was never there, is not found."""
    for n in range(3):
        store.save("run", n)
    store.delete("run", 1)

    for run, number in (("run", 1), ("run", 4), ("other", 1)):
        with pytest.raises(CheckpointNotFound, match=f"run '{run}' has no checkpoint {number}"):
            store.delete(run, number)


def test_a_run_can_be_deleted(store: CheckpointStore, place: Place) -> None:
    """Nothing is left of the states, what is not ours stays, and other runs do not notice."""
    for run in ("run", "run-2"):
        for _ in range(3):
            store.save(run, "secret " + run)
    place.poke("run/notes.txt", b"mine")
    store.delete_run("run")

    assert not [key for key, data in place.objects().items() if b"secret run\x22" in data]
    assert place.objects()["run/notes.txt"] == b"mine"
    assert (store.latest("run"), store.checkpoints("run"), store.runs()) == (None, [], ["run-2"])
    assert len(store.checkpoints("run-2")) == 3


def test_numbers_go_on_in_a_run_that_was_deleted(store: CheckpointStore) -> None:
    """A run of the same name begins anew behind the last number, so that no record ever means two checkpoints."""
    old = [store.save("run", n) for n in range(2)]
    store.delete_run("run")
    new = store.save("run", "new", after=0)

    assert (new.number, store.load("run"), store.checkpoints("run")) == (3, "new", [new])
    assert store.load("run", at=old[1], default="gone") == "gone"


def test_a_deleted_run_is_gone(store: CheckpointStore) -> None:
    """To delete it again, or what never was, is a `CheckpointNotFound`."""
    store.save("run", 0)
    store.delete_run("run")

    for run in ("run", "other"):
        with pytest.raises(CheckpointNotFound, match=f"there is no run '{run}'"):
            store.delete_run(run)
