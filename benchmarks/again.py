"""A large state saved again, nearly the same: what is stored, and how long it takes against storing all of it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import bulk
from benchmarks.rounds import alternate, ratio, spread
from benchmarks.tables import Goal, Section, at_most, cells
from benchmarks.whole import CODECS, busy, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.rounds import Call, Turn
    from benchmarks.sizes import Sizes
    from ckptstore import CheckpointStore

_FULL = "all of it, the first save"
_FRESH = "1 % changed in one stretch, by a store that has not saved it before"
_ONE, _TEN, _FRONT = "1 % changed in one stretch", "0.1 % changed in ten places", "1000 bytes inserted at the front"
_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    _ONE: partial(bulk.changed, stretches=1),
    _TEN: partial(bulk.changed, stretches=10),
    _FRONT: bulk.inserted,
}
_TEXT = """\
{size} MiB, half random, half JSON text, saved as the successor of a checkpoint that is nearly the same: only the chunks
that this lacks are stored. The store is the one that made that checkpoint, and knows its chunks by fingerprints; one
that did not, as after a restart, takes the digest of each. {rounds} rounds."""


def measure(folder: str, path: str, sizes: Sizes) -> Section:
    """New bytes and time of each change to the bytes at `path`, plain and with codecs."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for codecs in CODECS:
        race = _Race(folder, path, codecs)
        turns = alternate(race.contestants(), sizes.large, 1, busy)
        stored = {name: 100 * race.stored[name] / race.stored[_FULL] for name in turns}
        rows += [_row(f"{codecs}: {name}", own, turns[_FULL], stored[name]) for name, own in turns.items()]
        goals += [
            _share(f"{codecs}: new bytes, {_ONE}", stored[_ONE], 3),
            at_most(f"{codecs}: time of that, against the first save", ratio(turns[_ONE], turns[_FULL]), 0.35),
            _share(f"{codecs}: new bytes, {_FRONT}", stored[_FRONT], 0.5),
        ]
    return Section(
        "A large state saved again",
        _TEXT.format(size=sizes.bulk >> 20, rounds=sizes.large),
        ("one save", "s", "middle half", "min to max", "first = 1", "middle half", "min to max", "processor s", "new"),
        rows,
        goals,
    )


class _Race:
    """Saves by stores of one kind; `stored` says how many bytes each left in packs that were new."""

    def __init__(self, folder: str, path: str, codecs: str) -> None:
        self.stored: dict[str, int] = {}
        self._folder, self._path, self._codecs = folder, path, codecs

    def contestants(self) -> dict[str, Callable[[], Call]]:
        """The first save, and one of each change."""
        changes = {name: partial(self._changed, name, change) for name, change in _CHANGES.items()}
        return {_FULL: self._full, **changes, _FRESH: partial(self._changed, _FRESH, _CHANGES[_ONE])}

    def _full(self) -> Call:
        place = bulk.fresh(self._folder)
        return partial(self._save, _FULL, place, open_store(place, self._codecs), bulk.read(self._path))

    def _changed(self, name: str, change: Callable[[bytes], bytes]) -> Call:
        place = bulk.fresh(self._folder)
        store = open_store(place, self._codecs)
        store.save("run", bulk.read(self._path))
        os.sync()
        if name == _FRESH:
            store = open_store(place, self._codecs)
        return partial(self._save, name, place, store, change(bulk.read(self._path)))

    def _save(self, name: str, place: str, store: CheckpointStore, data: bytes) -> None:
        saved = store.save("run", data)
        with os.scandir(os.path.join(place, "run", "packs")) as packs:
            new = f"{saved.number:012}-"
            self.stored[name] = sum(entry.stat().st_size for entry in packs if entry.name.startswith(new))


def _share(what: str, percent: float, limit: float) -> Goal:
    return Goal(what, f"at most {limit:g} %", f"{percent:.2f} %", percent <= limit)


def _row(name: str, own: list[Turn], full: list[Turn], percent: float) -> list[str]:
    busiest = f"{spread(turn.cpu for turn in own).median:.2f}"
    return [name, *cells(spread(turn.wall for turn in own)), *cells(ratio(own, full)), busiest, f"{percent:.2f} %"]
