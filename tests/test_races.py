"""Processes and threads at one run: every call of each is held against what all others saw and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import Event, finds, race_enough, violations
from places import InFolder
from planted import no_proof
from planted_races import looks_then_creates, no_fence, old_news, packs_without_aim
from racers import Race

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    """Give processes that are started once."""
    with Race() as race:
        yield race


def test_a_race_leaves_a_history_that_may_be(race: Race, tmp_path: Path) -> None:
    """Numbers are unique and without a gap, nobody goes back, and no reader beside retention=2 finds damage."""
    race_enough(race, (InFolder(tmp_path / str(number)) for number in range(20)), rounds=15)


@pytest.mark.parametrize("bug", [looks_then_creates, no_fence, no_proof, old_news, packs_without_aim])
def test_a_race_finds_a_planted_bug(race: Race, bug: Callable[[pytest.MonkeyPatch], None], tmp_path: Path) -> None:
    """With any one rule left out, some race shows what no store may do: the test above can fail."""
    assert finds(race, bug, (InFolder(tmp_path / str(number)) for number in range(100)))


def save(number: int, began: int, ended: int, **other: object) -> Event:
    """A save that continues what came before it."""
    fields: dict[str, object] = {"actor": "a", "state": f"state {number}", "base": number - 1} | other
    return Event(kind="save", began=began, ended=ended, number=number, **fields)  # type: ignore[arg-type]


def load(number: int, began: int, ended: int, state: str | None = None) -> Event:
    """A load that found the state of `number`, or another."""
    return Event("b", "load", began, ended, number, state or f"state {number}")


OVERTAKEN = Event("b", "conflict", 5, 70, 0, "state 2")
SOUND = [save(1, 0, 10), save(2, 20, 30), load(1, 5, 8), load(2, 25, 28), load(2, 40, 50), load(1, 15, 45)]
BROKEN = {
    "a number twice": [save(1, 0, 10), save(1, 20, 30, actor="b", state="other")],
    "a fork": [save(1, 0, 10), save(2, 20, 30, base=0)],
    "out of order": [save(1, 20, 30), save(2, 0, 10)],
    "a gap": [save(1, 0, 10), save(3, 20, 30, base=2)],
    "a gap, and a conflict before it": [save(1, 0, 10), save(3, 20, 30), save(4, 80, 90), OVERTAKEN],
    "another state": [save(1, 0, 10), load(1, 20, 30, "other")],
    "an acknowledged one not found": [save(1, 0, 10), save(2, 20, 30), load(1, 40, 50)],
    "nothing found": [save(1, 0, 10), load(0, 40, 50)],
    "back from what another saw": [save(1, 0, 10), save(2, 20, 60), load(2, 25, 30), load(1, 40, 50)],
    "before it was saved": [save(1, 20, 30), load(1, 5, 10)],
}


def test_a_sound_history_is_passed() -> None:
    """What happens side by side may be seen in either order."""
    assert violations(SOUND) == []


def test_who_was_overtaken_twice_may_be_told_of_a_conflict() -> None:
    """A save that stalls until two others went on from it and retired it is not acknowledged; that is no gap."""
    assert violations([save(1, 0, 10), save(3, 20, 30), save(4, 40, 50), OVERTAKEN]) == []


def test_who_is_overtaken_may_have_overtaken() -> None:
    """Two saves may stall at once, the second behind the first, until others have retired both."""
    saves = [save(1, 0, 10), save(4, 30, 40), save(5, 50, 60)]

    assert violations([*saves, OVERTAKEN, OVERTAKEN._replace(actor="c")]) == []
    assert violations([*saves, OVERTAKEN]) == ["nobody has one of {2, 3}"]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_history_is_found(what: str) -> None:
    """Each promise that a history can break is looked for."""
    assert violations(BROKEN[what])
