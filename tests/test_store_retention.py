"""What is kept and what goes, and what the reports of prune and verify say."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from places import ALL_KINDS, make, open_store, slot, through
from run_model import KeepOdd
from spies import Spy

from ckptstore import CheckpointNotFound, Decision, KeepLast, inline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from places import Place

    from ckptstore import Checkpoint, Retention


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


def numbers(place: Place) -> list[int]:
    """The numbers of all checkpoints, oldest first."""
    return [record.number for record in reversed(open_store(place).checkpoints("run"))]


@pytest.mark.parametrize(
    ("retention", "kept"), [(None, [1, 2, 3, 4, 5]), (1, [5]), (3, [3, 4, 5]), (KeepLast(9), [1, 2, 3, 4, 5])]
)
def test_a_save_prunes(place: Place, retention: Retention | int | None, kept: list[int]) -> None:
    """Retention is applied by every save; None keeps all, and a number that many."""
    store = open_store(place, retention=retention)
    for n in range(5):
        store.save("run", n)

    assert numbers(place) == kept
    assert place.objects().keys() == {*map(slot, kept), "run/latest.json"}


@dataclass(frozen=True)
class KeepEveryThird:
    """A policy of one's own, which leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Keep the numbers that three divides."""
        return [Decision(one.number, keep=one.number % 3 == 0, reason="a third") for one in checkpoints]


def test_a_policy_that_leaves_gaps(place: Place) -> None:
    """What it keeps stays and loads, the newest besides; at most one small marker a kept checkpoint is left."""
    store = open_store(place, retention=KeepEveryThird())
    for n in range(1, 12):
        store.save("run", "x" * 1000 + str(n))

    assert numbers(place) == [3, 6, 9, 11]
    assert [store.load("run", at=n)[1000:] for n in (3, 6, 9, 11)] == ["3", "6", "9", "11"]
    sizes = {key: len(data) for key, data in place.objects().items()}
    assert sizes.keys() == {*map(slot, [3, 4, 6, 7, 9, 10, 11]), "run/latest.json"}
    assert all(sizes[slot(n)] < 500 for n in (4, 7, 10))


class Broken:
    """A policy with a bug."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Fail."""
        raise KeyError("oops")


def test_a_policy_with_a_bug_does_not_undo_a_save(place: Place) -> None:
    """The state is saved, so save returns; a warning, at the caller's line, says what could not be pruned."""
    store = open_store(place, retention=Broken())

    with pytest.warns(RuntimeWarning, match=r"^run 'run', checkpoint 1 is saved, but .*oops.*next save") as caught:
        record = store.save("run", "state")
    assert caught[0].filename == __file__
    assert (record.number, open_store(place).load("run")) == (1, "state")


class DropsAll:
    """A policy that would remove everything, and speaks of what there is not."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Drop each, and one more."""
        return [Decision(n, keep=False, reason="out") for n in (99, *(one.number for one in checkpoints))]


class Silent:
    """A policy that decides nothing."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Nothing."""
        return []


@pytest.mark.parametrize(("retention", "kept"), [(DropsAll(), [3]), (Silent(), [1, 2, 3])])
def test_a_policy_cannot_remove_the_newest(place: Place, retention: Retention, kept: list[int]) -> None:
    """The newest stays whatever a policy says, and so does what it says nothing of."""
    store = open_store(place, retention=retention)
    for n in range(3):
        store.save("run", n)

    assert numbers(place) == kept
    assert store.prune("run").kept == kept[::-1]


def test_a_prune_that_failed_is_made_up_for(place: Place) -> None:
    """When removing fails the save stands, with a warning; the next save removes what was left."""
    broken = True

    def fail(verb: str, key: str) -> None:
        if broken and verb == "delete":
            raise PermissionError("read only")

    store = through(open_store(place, retention=1), lambda backend: Spy(backend, before=fail))
    store.save("run", 1)
    with pytest.warns(RuntimeWarning, match=r"checkpoint 2 is saved, but .*read only"):
        store.save("run", 2)
    broken = False
    store.save("run", 3)

    assert numbers(place) == [3]


def test_what_does_not_count_goes(place: Place) -> None:
    """A checkpoint whose successor was removed by hand does not count: the next save that prunes removes the rest."""
    for n in range(4):
        open_store(place).save("run", n)
    place.poke(slot(2), None)
    assert numbers(place) == [3, 4]
    open_store(place, retention=9).save("run", 5)

    assert place.objects().keys() == {*map(slot, [3, 4, 5]), "run/latest.json"}


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ZeroDivisionError("No space left, nor sense")])
def test_a_hint_that_failed_is_made_up_for(place: Place, error: Exception) -> None:
    """When the hint cannot be written the save stands, with a warning, and readers find it all the same."""

    def fail(verb: str, key: str) -> None:
        if verb == "put":
            raise error

    open_store(place).save("run", 1)
    store = through(open_store(place), lambda backend: Spy(backend, before=fail))
    with pytest.warns(RuntimeWarning, match=r"checkpoint 2 is saved, but latest\.json could not be written .*No space"):
        store.save("run", 2)

    assert open_store(place).load("run") == 2


def test_no_warning_without_a_reason(place: Place) -> None:
    """Nothing is said where nothing is wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_store(place, retention=1).save("run", 1)

    assert caught == []


def test_a_pruned_checkpoint_is_not_found(place: Place) -> None:
    """What retention removed is gone for every way to name it."""
    store = open_store(place, retention=1)
    first = store.save("run", 1)
    store.save("run", 2)

    for at in (1, first, first.created_at):
        with pytest.raises(CheckpointNotFound):
            store.load("run", at=at)


# prune


def test_a_prune_says_what_and_why(place: Place) -> None:
    """Each checkpoint is in the report, newest first, kept or removed, with the policy's reason."""
    for n in range(4):
        open_store(place).save("run", n)
    report = open_store(place, retention=2).prune("run")

    assert [(decision.number, decision.keep, decision.reason) for decision in report.decisions] == [
        (4, True, "among the last 2"),
        (3, True, "among the last 2"),
        (2, False, "older than the last 2"),
        (1, False, "older than the last 2"),
    ]
    assert (report.run, report.kept, report.removed, report.dry_run) == ("run", [4, 3], [2, 1], False)
    assert numbers(place) == [3, 4]


def test_a_dry_run_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reports what a prune would do, leftovers too, and touches no object."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    for n in range(5):
        open_store(place).save("run", str(n) * 20)
    place.poke(f"run/packs/{3:012}-{'ab' * 16}-0", b"of a writer that crashed")
    before, store = place.objects(), open_store(place, retention=KeepOdd())
    planned = store.prune("run", dry_run=True)

    assert place.objects() == before
    assert (planned.kept, planned.removed, planned.dry_run) == ([5, 3, 1], [4, 2], True)
    done = store.prune("run")
    assert (done.decisions, done.leftovers) == (planned.decisions, planned.leftovers)
    assert set(done.leftovers) == before.keys() - place.objects().keys()


def test_the_newest_is_kept_with_a_reason(place: Place) -> None:
    """Where the policy would drop the newest the report says why it stays."""
    for n in range(2):
        open_store(place).save("run", n)
    report = open_store(place, retention=KeepOdd()).prune("run", dry_run=True)

    assert report.decisions[0] == Decision(2, keep=True, reason="the newest is never removed")


def test_a_prune_without_retention_removes_leftovers_alone(place: Place) -> None:
    """A store that keeps all still cleans up after crashed writers, but never what a save in progress may need."""
    store = open_store(place)
    for n in range(3):
        store.save("run", n)
    old = [f"run/packs/{3:012}-{'ab' * 16}-0", f"run/{2:012}.json.{'0f' * 8}.tmp", f"run/latest.json.{'0f' * 8}.tmp"]
    new = [f"run/packs/{4:012}-{'ab' * 16}-0", f"run/{4:012}.json.{'0f' * 8}.tmp"]
    for key in [*old, *new, "run/notes.txt"]:
        place.poke(key, b"half")
    report = store.prune("run")

    assert sorted(report.leftovers) == sorted(old)
    assert place.objects().keys() == {*map(slot, [1, 2, 3]), "run/latest.json", "run/notes.txt", *new}
    assert report.kept == [3, 2, 1]


def test_there_must_be_something_to_prune_or_verify(place: Place) -> None:
    """A run that is not there is not found, and not called sound."""
    for operation in (open_store(place).prune, open_store(place).verify):
        with pytest.raises(CheckpointNotFound, match="there is no run 'run'"):
            operation("run")


# verify


def test_a_sound_run_verifies(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each checkpoint is counted as checked, markers and packs are in order, and there are no problems."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    store = open_store(place)
    for n in range(5):
        store.save("run", str(n) * 20 * (n % 2))
    store.delete("run", 2)
    store.delete("run", 3)
    report = store.verify("run")

    assert (report.run, report.checked, report.problems, report.ok) == ("run", 3, (), True)
