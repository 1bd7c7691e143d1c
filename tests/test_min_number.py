"""Who keeps elsewhere how far a run has come is not rolled back by those who can write to the storage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from harm import HINT
from places import KINDS, open_store, slot
from sealing import SETTINGS, STATES, three

from ckptstore import CheckpointCorrupt

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

CODECS = pytest.mark.parametrize("codecs", SETTINGS)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, codecs: str, tmp_path: Path) -> Place:
    """Give a root with a run of three checkpoints, of each kind."""
    return three(request.param, tmp_path, **SETTINGS[codecs])


@CODECS
def test_a_newest_that_is_new_enough_loads(place: Place, codecs: str) -> None:
    """A run that has come as far as the caller knows, or further, loads as ever, also as a stream."""
    store = open_store(place, **SETTINGS[codecs])

    assert [store.load("run", min_number=n) for n in (0, 2, 3)] == [STATES[3]] * 3
    assert store.open_reader("run", min_number=3).checkpoint.number == 3


@CODECS
def test_a_removed_newest_is_noticed(place: Place, codecs: str) -> None:
    """Where the newest was taken away, hint and all, the load says so, and gives nothing older in its place."""
    place.poke(slot(3), None)
    place.poke(HINT, place.objects()[slot(2)])
    store = open_store(place, **SETTINGS[codecs])

    for load in store.load, store.open_reader:
        with pytest.raises(
            CheckpointCorrupt, match=r"^run 'run': the newest checkpoint is 2, but the caller knows of 3"
        ):
            load("run", min_number=3)
    assert store.load("run", min_number=2) == STATES[2]


@CODECS
def test_a_removed_run_is_noticed(place: Place, codecs: str) -> None:
    """A run of which nothing is left is no new one to who knows of a checkpoint, whatever the default."""
    for key in place.objects():
        place.poke(key, None)
    store = open_store(place, **SETTINGS[codecs])

    defaults: list[dict[str, Any]] = [{}, {"default": "begin"}]
    for given in defaults:
        with pytest.raises(
            CheckpointCorrupt, match=r"^run 'run': the newest checkpoint is none, .* go on from nothing$"
        ):
            store.load("run", min_number=1, **given)
    assert store.load("run", min_number=0, default="begin") == "begin"


@pytest.mark.parametrize("codecs", ["plain"])
def test_a_refused_load_leaves_the_next_save_as_it_was(place: Place, codecs: str) -> None:
    """A store that was shown an older newest does not take it for the base of its saves."""
    store = open_store(place)
    store.load("run")
    newest = place.objects()[slot(3)]
    place.poke(slot(3), None)
    with pytest.raises(CheckpointCorrupt):
        store.load("run", min_number=3)
    place.poke(slot(3), newest)

    assert store.save("run", "next").number == 4


@pytest.mark.parametrize("codecs", ["plain"])
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"min_number": -1}, ValueError, "min_number must be 0 or more, not -1"),
        ({"min_number": "3"}, TypeError, "min_number must be an int, not str"),
        ({"min_number": True}, TypeError, "min_number must be an int, not bool"),
        ({"min_number": 3, "at": 3}, ValueError, "min_number= says how new the newest must be"),
    ],
)
def test_what_is_no_min_number_is_refused(
    place: Place, codecs: str, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    """It is a number of the newest, and of nothing else."""
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        open_store(place).load("run", **given)
