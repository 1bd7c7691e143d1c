"""Contestants taking short turns, so that what else the machine does hits them all alike, and what their times say."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    Call: TypeAlias = Callable[[], object]


class Turn(NamedTuple):
    """One turn of one contestant, in seconds per call: the median on the wall, the mean of the processor."""

    wall: float
    cpu: float


class Spread(NamedTuple):
    """Where values lie: the quartiles and the ends."""

    low: float
    lower: float
    median: float
    upper: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    """Where `values` lie."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return Spread(*ordered * 5)
    lower, median, upper = statistics.quantiles(ordered, n=4, method="inclusive")
    return Spread(ordered[0], lower, median, upper, ordered[-1])


def alternate(
    contestants: Mapping[str, Callable[[], Call]],
    rounds: int,
    calls: int,
    cpu: Callable[[], float] = time.thread_time,
) -> dict[str, list[Turn]]:
    """
    Each contestant's turns, one a round, of `calls` calls each, after one that does not count.

    A contestant is what prepares a turn, unmeasured, and returns what is to be called. Who begins changes by the round.
    """
    names = list(contestants)
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    for number in range(-1, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            turn = _turn(contestants[name](), calls, cpu)
            if number >= 0:
                turns[name].append(turn)
    return turns


def steady(call: Call) -> Callable[[], Call]:
    """A contestant that has nothing to prepare."""
    return lambda: call


def _turn(call: Call, calls: int, cpu: Callable[[], float]) -> Turn:
    walls: list[float] = []
    busy = cpu()
    for _ in range(calls):
        start = time.perf_counter()
        call()
        walls.append(time.perf_counter() - start)
    return Turn(statistics.median(walls), (cpu() - busy) / calls)


def ratio(above: list[Turn], below: list[Turn], less: list[Turn] | None = None) -> Spread:
    """How many times the wall time of `below` that of `above` is, round by round; both net of `less`."""
    nets = less or [Turn(0, 0)] * len(above)
    return spread(
        (one.wall - net.wall) / (other.wall - net.wall) for one, other, net in zip(above, below, nets, strict=True)
    )
