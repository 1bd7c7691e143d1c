"""A race for keys, in threads or in processes; without pytest, which every worker would have to import."""

from __future__ import annotations

import multiprocessing
import queue
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.backend import Backend

WORKERS = 8
PATIENCE = 120  # seconds without a sign of life until a worker counts as lost


def raced(number: int) -> str:
    """The key of a round."""
    return f"race/{number:012}.json"


def payload(number: int, worker: int) -> bytes:
    """What a worker stores in a round."""
    return b"%d of %d;" % (worker, number) * 500


def _racer(open_backend: Callable[[], Backend], worker: int, rounds: int, start: Any, won: Any) -> None:  # noqa: ANN401 - threading's or multiprocessing's
    """Create each key at the same moment as all others; tell each create that succeeded, and None at the end."""
    try:
        backend = open_backend()
        for number in range(rounds):
            start.wait(PATIENCE)
            try:
                backend.create(raced(number), payload(number, worker))
            except FileExistsError:
                continue
            won.put((number, worker))
    except BaseException as exc:
        start.abort()
        won.put(repr(exc))
        raise
    finally:
        won.put(None)


def race(open_backend: Callable[[], Backend], *, processes: bool, rounds: int) -> list[tuple[int, int]]:
    """(round, worker) of every create that succeeded."""
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    start = spawn.Barrier(WORKERS) if processes else threading.Barrier(WORKERS)
    won: Any = spawn.Queue() if processes else queue.Queue()
    make: Any = spawn.Process if processes else threading.Thread
    workers = [make(target=_racer, args=(open_backend, n, rounds, start, won)) for n in range(WORKERS)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns in the middle of a create, not between two of them
    try:
        for worker in workers:
            worker.start()
        told = [each for _ in workers for each in iter(partial(won.get, timeout=PATIENCE), None)]
    finally:
        sys.setswitchinterval(before)
        for worker in workers:
            worker.join(PATIENCE)
    if failures := [each for each in told if isinstance(each, str)]:
        raise RuntimeError(f"a worker failed: {failures}")
    return told
