"""
Processes and threads that save, load and prune one run, what each of them saw and when, and whether that can be.

Times are of the system's one monotonic clock, so that what one process has seen binds all that begin later.
"""

from __future__ import annotations

import copy
import random
import tempfile
import threading
import time
from collections import Counter
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from racers import RUN, Race

from ckptstore import CheckpointConflict, CheckpointError
from ckptstore.position import Positions
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from places import Place

    from ckptstore import CheckpointStore


KEEP = 2


class Event(NamedTuple):
    """One call: by whom, from when to when, the number that it gave or found (0: none), and the state's name."""

    actor: str
    kind: str  # "save", "conflict" or "load"
    began: int
    ended: int
    number: int
    state: str
    base: int = 0  # of a save: the number that its state says it continues from


def violations(events: Iterable[Event]) -> list[str]:
    """What in a history no store may do; empty for one that may be."""
    ordered = sorted(events, key=lambda event: event.ended)
    saves = [event for event in ordered if event.kind == "save"]
    loads = [event for event in ordered if event.kind == "load"]
    found = [f"{a.number} was given to {a.actor} and {b.actor}" for a, b in _pairs(saves) if a.number == b.number]
    found += [f"{s.number} continues from {s.base}: {s}" for s in saves if s.base != s.number - 1]
    found += [f"{a} came before {b}" for a, b in _pairs(saves) if a.ended < b.began and a.number >= b.number]
    states = {save.number: save.state for save in saves}
    found += [f"not what was saved: {load}" for load in loads if states.get(load.number, load.state) != load.state]
    conflicts = [event for event in ordered if event.kind == "conflict"]
    missing = _missing(saves)
    found += [f"nobody has {number}" for number in missing if not _overtaken(number, saves, conflicts)]
    found += [f"nobody has one of {missing}"] * (len(missing) > len(conflicts))
    return found + _backwards(ordered) + _too_early(saves, loads)


def _missing(saves: list[Event]) -> set[int]:
    numbers = {save.number for save in saves}
    return set(range(1, max(numbers, default=0))) - numbers


def _overtaken(number: int, saves: list[Event], conflicts: list[Event]) -> bool:
    """Whether somebody may have made `number`, and been told of a conflict as two more had retired it meanwhile."""
    later = {save.number: save for save in saves if save.number > number}
    if max(later) < number + 2:
        return False
    ended = later[min(later)].ended
    began = later[number + 2].began if number + 2 in later else 0  # which may have been overtaken as well
    return any(event.began < ended and event.ended > began for event in conflicts)


def _pairs(saves: list[Event]) -> Iterable[tuple[Event, Event]]:
    """Each save with the next one that was acknowledged, and with the next number: order breaks between neighbours."""
    by_number = sorted(saves, key=lambda save: (save.number, save.ended))
    return [*pairwise(by_number), *pairwise(saves)]


def _backwards(ordered: list[Event]) -> list[str]:
    """Loads that found less than was acknowledged, or seen by anybody, before they began."""
    found, seen = [], list[tuple[int, int]]()  # when it was known, and the highest number known then
    for event in ordered:
        if event.kind == "load":
            known = max((number for ended, number in seen if ended < event.began), default=0)
            if event.number < known:
                found.append(f"went back from {known}: {event}")
        if event.kind != "conflict" and (not seen or event.number > seen[-1][1]):
            seen.append((event.ended, event.number))
    return found


def _too_early(saves: list[Event], loads: list[Event]) -> list[str]:
    """Loads that found what nobody had begun to save."""
    began = {save.number: save.began for save in saves}
    return [f"before its save: {load}" for load in loads if load.ended < began.get(load.number, 0)]


class Actor:
    """One thread of one process: its store, its dice, and what it has seen."""

    def __init__(self, store: CheckpointStore, name: str, seed: int) -> None:
        self.store, self.name = again(store), name
        self.dice = random.Random(f"{seed} {name}")
        self.events: list[Event] = []
        self.seen = 0  # the number that its next save continues from

    def save(self) -> None:
        """Save a small or a large state, on what was loaded or saved last; after a conflict, load."""
        name = f"{self.name} {len(self.events)}"
        size = self.dice.choice([0, 0, 1000, 200_000, 1_500_000])
        body = random.Random(self.dice.choice("abc")).randbytes(size) + self.dice.randbytes(size // 100)
        began = time.monotonic_ns()
        try:
            number = self.store.save(RUN, {"name": name, "base": self.seen, "body": body}).number
        except CheckpointConflict:
            self._add("conflict", began, 0, name)
            self.load()
            return
        self._add("save", began, number, name, self.seen)
        self.seen = number

    def load(self) -> None:
        """Load the newest, and go on from there."""
        began = time.monotonic_ns()
        state = self.store.load(RUN, default=None)
        self.seen = 0 if state is None else state["base"] + 1
        self._add("load", began, self.seen, "" if state is None else state["name"])

    def look(self) -> None:
        """See the newest without going on from there, by another store: none of it may be damaged or missing."""
        other = again(self.store)
        began = time.monotonic_ns()
        state = other.load(RUN, default=None)
        self._add("load", began, 0 if state is None else state["base"] + 1, "" if state is None else state["name"])

    def prune(self) -> None:
        """Remove what is not needed, as any process may."""
        if self.events and self.seen:
            self.store.prune(RUN)

    def play(self, until: Callable[[], bool]) -> list[Event]:
        """A load, so that there is something to go on from; then, until it is enough, anything or reads alone."""
        self.load()
        reads = [self.load, self.look, self.look, self.look]
        calls = [self.save, self.save, self.save, self.load, self.look, self.prune]
        mine = calls if self.name.endswith(".0") or self.dice.random() < 0.5 else reads
        while not until():
            self.dice.choice(mine)()
        return self.events

    def _add(self, kind: str, began: int, number: int, state: str, base: int = 0) -> None:
        self.events.append(Event(self.name, kind, began, time.monotonic_ns(), number, state, base))


def play_some(store: CheckpointStore, racer: int, seed: int, rounds: int, seconds: float) -> list[Event]:
    """A process with two threads, each with a store of its own; -> what they saw."""
    end = time.monotonic() + seconds
    actors = [Actor(store, f"{racer}.{thread}", seed) for thread in range(2)]

    def enough(actor: Actor) -> bool:
        return len(actor.events) >= rounds or time.monotonic() > end

    errors: list[BaseException] = []

    def work(actor: Actor) -> None:
        try:
            actor.play(lambda: enough(actor))
        except BaseException as exc:  # noqa: BLE001 - raised below, where it is seen
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [event for actor in actors for event in actor.events]


def again(store: CheckpointStore) -> CheckpointStore:
    """A store of the same root that knows nothing yet; in a bucket over the same connections, which cost the most."""
    other = copy.copy(store)
    other._positions = Positions(other._history)
    if isinstance(store._backend, LocalBackend):
        other._backend = LocalBackend(store._backend.root)
    return other


def play_with(store: CheckpointStore, racer: int, bug: Callable[[Any], None], *more: Any) -> list[Event]:  # noqa: ANN401 - as for `play_some`
    """As `play_some`, in a process with a planted bug."""
    import pytest  # noqa: PLC0415 - a process without bugs need not import it

    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        return play_some(store, racer, *more)


def race_once(
    race: Race,
    place: Place,
    seed: int,
    rounds: int,
    *,
    seconds: float = 60,
    bug: Callable[[Any], None] | None = None,
) -> list[Event]:
    """A history of some processes on a fresh run, of each of which a `bug` is part."""
    options = place.storage_options
    if options is not None:
        options = {name: value for name, value in options.items() if name != "session"}  # of this process alone
    part: tuple[Any, ...] = (seed, rounds, seconds) if bug is None else (bug, seed, rounds, seconds)
    played = race.run(play_with if bug else play_some, place.url, *part, storage_options=options, retention=KEEP)
    return [event for mine in played for event in mine]


def check(store: CheckpointStore, events: list[Event]) -> None:
    """The history is one that may be, and so is what it left; `store` has their retention."""
    assert not violations(events), violations(events)[:3]
    saves = {event.number: event.state for event in events if event.kind == "save"}
    assert store.load(RUN)["name"] == saves[max(saves)]
    store.prune(RUN)
    assert [checkpoint.number for checkpoint in store.checkpoints(RUN)] == sorted(saves)[: -KEEP - 1 : -1]
    assert store.verify(RUN).ok
    named = {name for manifest in store._history(RUN).walk() for name in manifest.header.packs}
    assert {info.key.rpartition("/")[2] for info in store._backend.list(f"{RUN}/packs/")} == named


def race_enough(race: Race, places: Iterable[Place], rounds: int) -> None:
    """
    Race, and check each history, until ten saves and one conflict have been among all of them.

    How many of a single race's calls are overtaken by others is up to the machine and its disk.
    """
    from places import open_store  # noqa: PLC0415 - the racing processes need no pytest

    kinds = Counter[str]()
    for seed, place in enumerate(places):
        events = race_once(race, place, seed, rounds)
        check(open_store(place, retention=KEEP), events)
        kinds.update(event.kind for event in events)
        if kinds["save"] >= 10 and kinds["conflict"]:
            return
    raise AssertionError(f"too little of a race: {kinds}")


def finds(race: Race, bug: Callable[[Any], None], places: Iterable[Place]) -> bool:
    """Whether a race in one of these shows a planted bug: by its history, or by any error but a conflict."""
    for seed, place in enumerate(places):
        try:
            if violations(race_once(race, place, seed, rounds=10, bug=bug)):
                return True
        except CheckpointError:
            return True
    return False


def run(seed: int, seconds: float) -> int:
    """Race after race, in folders and in buckets by turns, for `seconds`; -> how many calls were checked."""
    from places import InBucket, InFolder, open_store  # noqa: PLC0415 - the racing processes need no pytest

    end, calls = time.monotonic() + seconds, 0
    with Race() as race:
        for one in count(seed):
            if time.monotonic() >= end:
                break
            with tempfile.TemporaryDirectory() as folder:
                place: Place = InFolder(Path(folder)) if one % 2 else InBucket()
                try:
                    events = race_once(race, place, one, rounds=60)
                    check(open_store(place, retention=KEEP), events)
                except (AssertionError, CheckpointError) as exc:
                    raise AssertionError(f"seed {one}: {exc!r}") from exc
            calls += len(events)
    return calls
