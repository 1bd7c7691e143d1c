"""A durable save of 2 KiB: side by side with the raw system calls and with SQLite."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchmarks import contestants, sample, syncs
from benchmarks.contestants import OURS, RAW
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import NONE, Goal, Section, at_least, cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contestants import Contestant
    from benchmarks.rounds import Call, Turn
    from benchmarks.sizes import Sizes

_HALF, _ENDS = "middle half", "min to max"
_HEADER = ("one save", "ms", _HALF, _ENDS, "rate, raw = 1", _HALF, _ENDS, "processor ms", "syncs")
_PLAIN = """\
{size} bytes of JSON with {leaves} leaves; every save is kept. {rounds} rounds, {saves} saves a turn. A rate is the time
of the raw sequence by the time of the contestant, in the same round. Syncs: fsync and fdatasync as strace counts them,
of {traced} saves after the first {warm}. For information: the same with the least that a save does besides, the named
file, and SQLite. Beside them a nameless file opened in {before:.0f} µs before the rounds, in {after:.0f} µs after
them{slow}."""
_SLOW = 20e-6  # 2 to 12 µs on a disk at rest, up to 400 after many deletes
_KEEPING = """\
The same, for information, where each save removes an old one: no syncs more, but more for each of them to write, and on
ext4 an inode that the next files made are not given for minutes."""


def measure(folder: str, sizes: Sizes) -> Section:
    """The rate of durable saves in steady state, and the syncs of each."""
    beside = os.path.join(folder, "beside")
    os.mkdir(beside)
    before = contestants.open_time(beside)
    turns = _race(contestants.PLAIN, folder, sizes)
    after = contestants.open_time(beside)
    counted = {name: syncs.per_save(name, folder, sizes.traced) for name in turns}
    own, state = counted[OURS], sample.state()
    facts = {
        "size": len(json.dumps(state)),
        "leaves": sample.leaves(state),
        "warm": syncs.WARM,
        "before": before * 1e6,
        "after": after * 1e6,
        "slow": ": **slow**, too much was deleted here within minutes" if max(before, after) > _SLOW else "",
    }
    return Section(
        "A durable save",
        _PLAIN.format(**asdict(sizes), **facts),
        _HEADER,
        _rows(turns, counted),
        [
            at_least("rate of durable saves, against the raw sequence", ratio(turns[RAW], turns[OURS]), 0.85),
            Goal("syncs of a save", "2", _count(own), None if own is None else own == 2),
        ],
    )


def measure_keeping(folder: str, sizes: Sizes) -> Section:
    """The same where old checkpoints are pruned; measured last, for what it deletes slows down everything after it."""
    turns = _race(contestants.KEEPING, folder, sizes)
    counted = {name: syncs.per_save(name, folder, sizes.traced) for name in turns}
    return Section("A durable save with retention", _KEEPING, _HEADER, _rows(turns, counted), [])


def _race(starters: Mapping[str, Contestant], folder: str, sizes: Sizes) -> dict[str, list[Turn]]:
    with ExitStack() as stack:
        saves: dict[str, Call] = {}
        for number, (name, starter) in enumerate(starters.items()):
            # Beside each other, so that ext4 looks for all their inodes in one place.
            place = os.path.join(folder, f"contestant-{number}")
            os.mkdir(place)
            saves[name] = stack.enter_context(starter(place))
        return alternate({name: steady(save) for name, save in saves.items()}, sizes.rounds, sizes.saves)


def _rows(turns: dict[str, list[Turn]], counted: Mapping[str, float | None]) -> Sequence[Sequence[str]]:
    return [
        [
            name,
            *cells(spread(turn.wall for turn in own), 1e3),
            *cells(ratio(turns[RAW], own)),
            f"{spread(turn.cpu for turn in own).median * 1e3:.2f}",
            _count(counted[name]),
        ]
        for name, own in turns.items()
    ]


def _count(counted: float | None) -> str:
    return NONE if counted is None else f"{counted:.2f}"
