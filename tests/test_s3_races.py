"""Processes that save, prune and load one run in a bucket at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from histories import finds, race_enough
from places import InBucket, open_store
from planted_races import looks_then_creates, no_fence, old_news
from racers import LAST, RACERS, RUN, Race, save_some, save_twice_from_one_base, write_or_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    """Give processes that are started once."""
    with Race() as race:
        yield race


@pytest.fixture
def place() -> InBucket:
    """Give an empty store."""
    return InBucket()


def raced(race: Race, place: InBucket, part: Callable[..., Any], retention: int | None = None) -> list[Any]:
    """What each process returns."""
    options = {name: value for name, value in place.storage_options.items() if name != "session"}  # of this process
    return race.run(part, place.url, storage_options=options, retention=retention)


def test_the_server_lists_beside_a_delete(place: InBucket) -> None:
    """No fault of moto's is taken for one of ours: a key that goes while it is listed is no failure of the listing."""
    for name in "abc":
        place.poke(name, b"")
    listed = iter(place._keys().items())
    next(listed)
    for name in "abc":
        place.poke(name, None)

    assert {f"{place.prefix}b", f"{place.prefix}c"} <= {key for key, _ in listed}


def test_every_acknowledged_save_has_a_number_of_its_own(race: Race, place: InBucket) -> None:
    """Whoever wins each number, none is given twice or left out, and each loads as its winner saved it."""
    acknowledged = [one for mine in raced(race, place, save_some) for one in mine]

    assert sorted(number for number, _ in acknowledged) == list(range(1, 5 * RACERS + 1))
    store = open_store(place)
    assert all(store.load(RUN, at=number) == state for number, state in acknowledged)
    assert store.verify(RUN).ok


def test_of_several_writers_on_one_base_one_goes_on(race: Race, place: InBucket) -> None:
    """Of processes that loaded the same checkpoint one saves, and goes on; the others are fenced out for good."""
    open_store(place).save(RUN, "base")

    ended = raced(race, place, save_twice_from_one_base)

    assert sorted(ended, key=str) == [[2, 3], *[[None, None]] * (RACERS - 1)]
    assert open_store(place).load(RUN) == ended.index([2, 3])


def test_a_reader_beside_retention_finds_the_newest(race: Race, place: InBucket) -> None:
    """While another process saves and prunes, every load gives a state that was whole, and none older than before."""
    written, *seen = raced(race, place, write_or_read, retention=2)

    assert written == list(range(1, LAST + 1))
    assert all(mine == sorted(mine) and mine[-1] == LAST for mine in seen)
    assert sorted(place.objects()) == [f"{RUN}/{number:012}.json" for number in (LAST - 1, LAST)] + [
        f"{RUN}/latest.json"
    ]


def test_a_race_leaves_a_history_that_may_be(race: Race) -> None:
    """Numbers are unique and without a gap, nobody goes back, and no reader beside retention=2 finds damage."""
    race_enough(race, (InBucket() for _ in range(20)), rounds=10)


@pytest.mark.parametrize("bug", [looks_then_creates, no_fence, old_news])
def test_a_race_finds_a_planted_bug(race: Race, bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    """With any one rule left out, some race shows what no store may do: the test above can fail."""
    assert finds(race, bug, (InBucket() for _ in range(30)))
