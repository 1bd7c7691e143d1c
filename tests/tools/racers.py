"""Processes that use one run of one store at the same moment; without pytest, which each would have to import."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Self

from ckptstore import CheckpointConflict, CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable

RACERS = 4
PATIENCE = 240  # seconds until the others count as lost; pytest ends a test after 900
RUN = "run"
_barriers: list[Any] = []  # the one that this process has in common with the others


class Race:
    """A pool of processes, each of which does its part of every race; for a with-block."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self._pool = ProcessPoolExecutor(RACERS, mp_context=spawn, initializer=_join, initargs=(spawn.Barrier(RACERS),))

    def run(self, part: Callable[..., Any], url: str, *more: Any, **settings: Any) -> list[Any]:  # noqa: ANN401 - whatever a store and a part take
        """What each process returns from `part`, called with a store of its own, its number, and `more`."""
        running = [self._pool.submit(_take_part, part, url, more, settings, racer) for racer in range(RACERS)]
        wait(running, PATIENCE)  # also where one has failed: no other may still be at work in what comes next
        return [one.result(0) for one in running]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _join(barrier: Any) -> None:  # noqa: ANN401 - multiprocessing's
    _barriers.append(barrier)


def _take_part(part: Callable[..., Any], url: str, more: tuple[Any, ...], settings: dict[str, Any], racer: int) -> Any:  # noqa: ANN401 - the part's own
    """Start with all others, of which each must be a process of its own to get here."""
    store = CheckpointStore(url, **settings)
    store.load("other", default=None)  # connects
    meet()
    return part(store, racer, *more)


def meet() -> None:
    """Wait until all have come this far."""
    _barriers[0].wait(PATIENCE)


def save_some(store: CheckpointStore, racer: int, count: int = 5) -> list[tuple[int, list[int]]]:
    """Save so often, taking over after each conflict; -> number and state of what was acknowledged."""
    acknowledged: list[tuple[int, list[int]]] = []
    while len(acknowledged) < count:
        state = [racer, len(acknowledged)]
        try:
            acknowledged.append((store.save(RUN, state).number, state))
        except CheckpointConflict:
            store.load(RUN)
    return acknowledged


def save_twice_from_one_base(store: CheckpointStore, racer: int) -> list[int | None]:
    """Load before anybody saves, then save twice whatever happens; -> the numbers, None for a conflict."""
    store.load(RUN)
    saved: list[int | None] = []
    for _ in range(2):
        meet()
        try:
            saved.append(store.save(RUN, racer).number)
        except CheckpointConflict:
            saved.append(None)
    return saved


LAST = 25


def write_or_read(store: CheckpointStore, racer: int) -> list[int]:
    """The first saves up to `LAST`, and prunes; the others load until they see the end. -> what each has seen."""
    if racer == 0:
        return [store.save(RUN, state).number for state in range(1, LAST + 1)]
    seen = [0]
    while seen[-1] < LAST:
        seen.append(store.load(RUN, default=0))
    return seen
