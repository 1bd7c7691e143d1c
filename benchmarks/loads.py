"""A warm load of the newest checkpoint: side by side with reading the state from a plain file."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import sample
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import Section, at_most, cells
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from benchmarks.sizes import Sizes

_RAW, _LOAD, _LATEST = "open, read, json.loads", "ckptstore: load", "ckptstore: latest"


def measure(folder: str, sizes: Sizes) -> Section:
    """The time to load, in files that the system has in memory."""
    state = sample.state()
    path = os.path.join(folder, "raw.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(state, file)
    store = CheckpointStore(os.path.join(folder, "store"))
    for _ in range(10):
        store.save("run", state)

    def raw() -> object:
        with open(path, "rb") as file:
            return json.loads(file.read())

    turns = alternate(
        {
            _RAW: steady(raw),
            _LOAD: steady(partial(store.load, "run")),
            _LATEST: steady(partial(store.latest, "run")),
        },
        sizes.rounds,
        sizes.loads,
    )
    return Section(
        "A warm load",
        "The newest checkpoint of the same state, found, proven and checked, against the state alone in a file that is "
        f"known by name and believed. {sizes.rounds} rounds, {sizes.loads} calls a turn.",
        ("one call", "µs", "middle half", "min to max", "times raw", "middle half", "min to max"),
        [
            [name, *cells(spread(turn.wall for turn in own), 1e6, 1), *cells(ratio(own, turns[_RAW]))]
            for name, own in turns.items()
        ],
        [at_most("warm load, against open, read and json.loads", ratio(turns[_LOAD], turns[_RAW]), 5)],
    )
