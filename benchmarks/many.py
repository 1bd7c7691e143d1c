"""Save, load and latest in a run of 100,000 checkpoints, against the same in a run of ten."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks import children, sample
from benchmarks.rounds import Turn, alternate, ratio, spread, steady
from benchmarks.tables import Section, at_most, cells
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from benchmarks.sizes import Sizes

    Turns: TypeAlias = dict[str, list[Turn]]

_FEW = 10
_SMALL, _LARGE = "small", "large"  # the names of the runs

# To sync each of a hundred thousand saves would take minutes and leave the same files: one sync at the end does.
_BUILD = """
import json, os, sys
os.fsync = lambda fd: None
from ckptstore import CheckpointStore
store, state = CheckpointStore(sys.argv[1]), json.loads(sys.argv[4])
for step in range(int(sys.argv[3])):
    state["step"] = step
    store.save(sys.argv[2], state)
os.sync()
"""
_LATEST = """
import sys, time
from ckptstore import CheckpointStore
store = CheckpointStore(sys.argv[1])
start = time.perf_counter()
store.latest(sys.argv[2])
print(time.perf_counter() - start)
"""
_TEXT = """\
The same store and state; one process, but for the first `latest`: that is the call alone, after the import, in
{processes} fresh processes for each run. {rounds} rounds, {saves} saves or {loads} reads a turn. Each turn of saves at
{few} is in a new run of {few}. The run of {at_many} was made by saves whose syncs were left out; then the whole disk
was synced. What the system knows of the files is in its memory. For information: `latest` where latest.json was lost,
which lists the run."""


def measure(folder: str, sizes: Sizes) -> Section:
    """Each operation in both runs by turns, and the first `latest` of fresh processes."""
    state = sample.state()
    children.run(_BUILD, folder, _LARGE, str(sizes.many), json.dumps(state))
    store = CheckpointStore(folder)
    turns: dict[str, Turns] = {
        "save": _saves(store, state, sizes),
        "load": _both(store.load, sizes.rounds, sizes.loads),
        "latest": _both(store.latest, sizes.rounds, sizes.loads),
        "first latest of a process": _first(folder, sizes.processes),
    }
    for run in (_SMALL, _LARGE):
        os.unlink(os.path.join(folder, run, "latest.json"))
    lost = _both(store.latest, sizes.processes, 1)
    few, many = str(_FEW), f"{sizes.many:,}"
    first = spread(turn.wall * 1e3 for turn in turns["first latest of a process"][_LARGE])
    return Section(
        "Many checkpoints",
        _TEXT.format(few=few, at_many=many, **asdict(sizes)),
        (
            "one call",
            f"ms at {few}",
            f"ms at {many}",
            "middle half",
            "min to max",
            "ratio",
            "middle half",
            "min to max",
        ),
        [_row(what, found) for what, found in {**turns, "latest without latest.json": lost}.items()],
        [
            *(
                at_most(f"{what} at {many}, against {few}", ratio(turns[what][_LARGE], turns[what][_SMALL]), 1.25)
                for what in ("save", "load", "latest")
            ),
            at_most(f"first latest of a process at {many}", first, 5, " ms"),
        ],
    )


def _saves(store: CheckpointStore, state: dict[str, Any], sizes: Sizes) -> Turns:
    numbers = count()

    def save(run: str) -> None:
        state["step"] += 1
        store.save(run, state)

    def fill(run: str) -> str:
        for _ in range(_FEW):
            save(run)
        return run

    fill(_SMALL)  # what the reads look at
    return alternate(
        {_SMALL: lambda: partial(save, fill(f"{_SMALL}-{next(numbers)}")), _LARGE: steady(partial(save, _LARGE))},
        sizes.rounds,
        sizes.saves,
    )


def _both(read: Callable[[str], object], rounds: int, calls: int) -> Turns:
    return alternate({run: steady(partial(read, run)) for run in (_SMALL, _LARGE)}, rounds, calls)


def _first(folder: str, processes: int) -> Turns:
    turns: Turns = {_SMALL: [], _LARGE: []}
    for _ in range(processes):
        for run, own in turns.items():
            own.append(Turn(float(children.run(_LATEST, folder, run)), 0))
    return turns


def _row(what: str, turns: Turns) -> list[str]:
    small, large = (spread(turn.wall for turn in turns[run]) for run in (_SMALL, _LARGE))
    return [what, cells(small, 1e3, 3)[0], *cells(large, 1e3, 3), *cells(ratio(turns[_LARGE], turns[_SMALL]))]
