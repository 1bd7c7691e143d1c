"""A durable save of 2 KiB: side by side with the raw system calls and with SQLite."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks import contestants, sample, syncs
from benchmarks.contestants import OURS, RAW
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import NONE, Goal, Section, at_least, cells

if TYPE_CHECKING:
    from benchmarks.rounds import Call, Turn
    from benchmarks.sizes import Sizes

_HEADER = (
    "one save",
    "ms",
    "middle half",
    "min to max",
    "rate, raw = 1",
    "middle half",
    "min to max",
    "processor ms",
    "syncs",
)


def measure(folder: str, sizes: Sizes) -> Section:
    """The rate of durable saves in steady state, and the syncs of each."""
    state = sample.state()
    with ExitStack() as stack:
        saves: dict[str, Call] = {}
        for number, (name, contestant) in enumerate(contestants.ALL.items()):
            place = os.path.join(folder, str(number))
            os.mkdir(place)
            saves[name] = stack.enter_context(contestant(place))
        turns = alternate({name: steady(save) for name, save in saves.items()}, sizes.rounds, sizes.saves)
    counted = {name: syncs.per_save(name, folder, sizes.traced) for name in contestants.ALL}
    return Section(
        "A durable save",
        f"{len(json.dumps(state))} bytes of JSON with {sample.leaves(state)} leaves, every checkpoint kept unless said "
        f"otherwise. {sizes.rounds} rounds, {sizes.saves} saves a turn; a rate is the time of the raw sequence by the "
        "time of the contestant, in the same round. Syncs: fsync and fdatasync as strace counts them, of "
        f"{sizes.traced} saves after the first {syncs.WARM}. For information: the named file, SQLite and retention=5.",
        _HEADER,
        [_row(name, turns, counted[name]) for name in contestants.ALL],
        [
            at_least("rate of durable saves, against the raw sequence", ratio(turns[RAW], turns[OURS]), 0.85),
            _syncs_goal(counted[OURS]),
        ],
    )


def _row(name: str, turns: dict[str, list[Turn]], counted: float | None) -> list[str]:
    own = turns[name]
    return [
        name,
        *cells(spread(turn.wall for turn in own), 1e3),
        *cells(ratio(turns[RAW], own)),
        f"{spread(turn.cpu for turn in own).median * 1e3:.2f}",
        NONE if counted is None else f"{counted:.2f}",
    ]


def _syncs_goal(counted: float | None) -> Goal:
    what, limit = "syncs of a save", "2"
    return Goal(what, limit, NONE, None) if counted is None else Goal(what, limit, f"{counted:.2f}", counted == 2)
