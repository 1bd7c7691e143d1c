"""What each operation costs: requests to the storage, and syncs of the disk; the same however long a run is."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from comparing import ComparingMemory
from faults import FaultyBackend
from places import InFolder, InMemory, open_store, slot, through
from run_model import KeepOdd
from spies import Spy

from ckptstore import KeepLast, history, inline
from ckptstore.testing.race import PATIENCE
from ckptstore_backends import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptstore import CheckpointStore

SMALL_SAVE = ["create", "get", "put"]
FIND = ["get", "get", "get"]


@pytest.fixture(scope="module", params=[10, 1000])
def long_run(request: pytest.FixtureRequest) -> InMemory:
    """Give a run of few and one of many checkpoints."""
    place = InMemory()
    store = open_store(place)
    for n in range(request.param):
        store.save("run", n)
    return place


def spied(place: InMemory | InFolder, **settings: Any) -> tuple[CheckpointStore, Spy]:  # noqa: ANN401 - whatever a store takes
    """A store whose requests are counted."""
    spy = Spy(open_store(place)._backend)
    return through(open_store(place, **settings), lambda _: spy), spy


def cost(spy: Spy, do: Callable[[], object]) -> list[str]:
    """The verbs that `do` uses."""
    spy.calls.clear()
    do()
    return spy.verbs


def test_finding_the_newest_takes_three_small_reads(long_run: InMemory) -> None:
    """`latest` and `load` ask for the hint, the slot after it, and the hint's slot: nothing is listed."""
    store, spy = spied(long_run)

    assert cost(spy, lambda: store.latest("run")) == FIND
    assert cost(spy, lambda: store.load("run")) == FIND


def test_a_hint_that_lags_costs_two_reads_a_step() -> None:
    """A writer that died before its hint costs the readers little, a hint that lags far one listing and no more."""
    place = InMemory()
    writer, (store, spy) = open_store(place), spied(place)
    hints, costs = [], []
    for n in range(6):
        writer.save("run", n)
        hints.append(place.objects()["run/latest.json"])
    for number in (6, 5, 4, 2):
        place.poke("run/latest.json", hints[number - 1])
        costs.append(cost(spy, lambda: store.latest("run")))

    assert costs == [FIND, FIND + ["get"] * 2, FIND + ["get"] * 4, [*FIND, *["get"] * 4, "list", "get", "list"]]


def test_an_old_checkpoint_takes_two_reads(long_run: InMemory) -> None:
    """`load(at=n)` reads the slot, and the slot above that proves it."""
    store, spy = spied(long_run)

    assert cost(spy, lambda: store.load("run", at=5)) == ["get", "get"]
    assert {key for _, key in spy.calls} == {slot(5), slot(6)}


def test_a_time_is_found_by_bisection(long_run: InMemory) -> None:
    """A load at a time reads a header for each halving of the run, not for each checkpoint."""
    store, spy = spied(long_run)
    record = store.checkpoints("run")[-5]
    verbs = cost(spy, lambda: store.load("run", at=record.created_at))

    assert verbs.count("list") == 1
    assert len(verbs) <= 1 + 11 + 3


def test_a_listing_reads_no_more_than_it_shows(long_run: InMemory) -> None:
    """The first three of however many checkpoints cost the newest and two headers."""
    store, spy = spied(long_run)

    assert cost(spy, lambda: store.checkpoints("run", limit=3)) == [*FIND, "get", "get"]


def test_a_save_takes_three_requests(long_run: InMemory) -> None:
    """Create, the proof, the hint; the first of a new process finds the newest before."""
    store, spy = spied(long_run)

    assert cost(spy, lambda: store.save("run", 1)) == FIND + SMALL_SAVE
    assert [cost(spy, lambda: store.save("run", 1)) for _ in range(3)] == [SMALL_SAVE] * 3


def test_a_save_after_a_load_finds_nothing_anew(long_run: InMemory) -> None:
    """Who loaded the newest knows what the next save continues from."""
    store, spy = spied(long_run)
    store.load("run")

    assert cost(spy, lambda: store.save("run", 1)) == SMALL_SAVE


@pytest.mark.parametrize("count", [1, 3, 100])
def test_a_save_that_keeps_the_last_takes_one_more(count: int) -> None:
    """With `KeepLast` each save deletes one number, and lists nothing after the first."""
    store, spy = spied(InMemory(), retention=KeepLast(count))
    for n in range(count + 1):
        store.save("run", n)

    assert [cost(spy, lambda: store.save("run", 1)) for _ in range(4)] == [[*SMALL_SAVE, "delete"]] * 4


def test_a_save_that_leaves_gaps_lists_nothing() -> None:
    """A policy that leaves markers costs one request a save as well: a marker or a delete."""
    store, spy = spied(InMemory(), retention=KeepOdd())
    for n in range(4):
        store.save("run", n)
    costs = [cost(spy, lambda: store.save("run", 1)) for _ in range(8)]

    assert all("list" not in verbs and len(verbs) <= len(SMALL_SAVE) + 1 for verbs in costs)


def test_a_large_state_takes_one_request_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack is one object: one create in a save, one read in a load."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    store, spy = spied(InMemory())
    store.save("run", 1)

    assert cost(spy, lambda: store.save("run", "x" * 20)) == ["create", *SMALL_SAVE]
    assert cost(spy, lambda: store.load("run")) == [*FIND, "get"]


@pytest.mark.parametrize("retention", [None, 1, 3])
def test_a_save_syncs_the_disk_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retention: int | None) -> None:
    """A save on a local disk is two syncs, the file's and the folder's, with retention and without."""
    store = open_store(InFolder(tmp_path), retention=retention)
    for n in range(5):
        store.save("run", n)
    real, synced = files.sync, []

    def sync(fd: int) -> None:
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(files, "sync", sync)
    for n in range(10):
        store.save("run", n)

    assert len(synced) == 20


def test_a_refused_save_costs_nothing(long_run: InMemory) -> None:
    """What cannot be stored is refused before the storage is asked for anything."""
    store, spy = spied(long_run)
    with pytest.raises(TypeError):
        store.save("run", object())

    assert spy.calls == []


def test_a_large_state_is_read_once() -> None:
    """A hint of a large manifest is small: the state is fetched from its slot, once."""
    store, spy = spied(InMemory())
    store.save("run", "x" * 1_000_000)
    spy.read = 0

    assert len(store.load("run")) == 1_000_000
    assert 1_000_000 < spy.read < 1_010_000


def test_a_listing_reads_no_states() -> None:
    """Records are read from the first bytes of each manifest, however large what follows."""
    store, spy = spied(InMemory())
    for _ in range(5):
        store.save("run", "x" * 1_000_000)
    spy.read = 0

    assert len(store.checkpoints("run")) == 5
    assert spy.read < 50_000


def test_long_runs_are_jumped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """To know which runs there are nobody lists all their checkpoints."""
    monkeypatch.setattr(history, "JUMP", 10)
    store, spy = spied(InMemory())
    for run in ("a", "b"):
        for n in range(100):
            store.save(run, n)
    spy.listed = 0

    assert store.runs() == ["a", "b"]
    assert spy.listed <= 2 * 11


class Far(Spy):
    """A backend whose requests take long, and whose hint is written only when something is removed meanwhile."""

    far = True

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - a backend
        super().__init__(inner)
        self.meeting = threading.Barrier(2, timeout=PATIENCE)
        self.met = 0

    def put(self, key: str, data: Any, *, durable: bool = True) -> None:  # noqa: ANN401 - whatever a put takes
        """Write the hint when a delete is under way."""
        self.meet()
        super().put(key, data, durable=durable)

    def delete(self, keys: Any) -> None:  # noqa: ANN401 - whatever a delete takes
        """Remove when a hint is under way."""
        self.meet()
        super().delete(keys)

    def meet(self) -> None:
        """Wait for the other; nobody ever comes if they are asked one after the other."""
        self.meeting.wait()
        self.met += 1


def test_where_requests_take_long_the_hint_and_the_removal_are_one_round_trip() -> None:
    """Four requests, three round trips: create, proof, and then the hint beside the removal."""
    place = InMemory()
    open_store(place, retention=1).save("run", 1)
    far = Far(open_store(place)._backend)
    store = through(open_store(place, retention=1), lambda _: far)
    store.load("run")

    store.save("run", 2)

    assert far.met == 2
    assert store.load("run") == 2
    assert [record.number for record in store.checkpoints("run")] == [2]


def test_nothing_stays_in_memory_of_what_was_saved_and_loaded() -> None:
    """A job may save and load without end: a thousand times leave no objects behind."""
    store = open_store(InMemory(), retention=1)

    def work(times: int) -> int:
        for step in range(times):
            store.save("run", {"step": step})
            store.load("run")
        gc.collect()
        return len(gc.get_objects())

    before = work(100)
    assert work(1000) < before + 100


def test_where_the_storage_compares_a_save_is_two_calls() -> None:
    """The first save of a run lists, the second looks at the first, and from then on the hint is the proof."""
    counted = FaultyBackend(ComparingMemory())
    store = through(open_store(InMemory()), lambda _: counted)
    verbs = []
    for state in range(4):
        counted.forget()
        store.save("run", state)
        verbs.append([call.split()[0] for call in counted.calls])

    assert verbs == [
        ["get", "list", "create", "list", "update"],
        ["create", "get", "update"],
        ["create", "update"],
        ["create", "update"],
    ]
