"""Threads that use a type for the first time at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ckptstore import CheckpointStore, decoders

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 120  # seconds, which only a failure takes
_at_first_look: list[Callable[[], object]] = []


def _number() -> type:
    """What an annotation evaluates to; whoever does that may be held up."""
    for call in _at_first_look:
        call()
    return int


class _Watched:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, waiting: threading.Event) -> None:
        self._lock, self._waiting = threading.RLock(), waiting

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waiting.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Plain(msgspec.Struct):
    """A record that is saved as such."""

    x: int


@pytest.mark.parametrize("state", [{"x": 1}, Plain(1)], ids=["a dict", "a record"])
def test_a_type_is_first_looked_at_by_one_thread(monkeypatch: pytest.MonkeyPatch, state: object) -> None:
    """While one thread learns what a class holds, another that loads the same waits: msgspec would crash."""
    kind: Any = msgspec.defstruct("Kind", [("x", "_number()")], module=__name__)
    looking, waiting = threading.Event(), threading.Event()
    monkeypatch.setattr(decoders, "LOCK", _Watched(waiting))
    store = CheckpointStore("memory://")
    store.save("run", state)

    def hold_up() -> None:
        looking.set()
        assert waiting.wait(LONG), "nobody waits"

    _at_first_look[:] = [hold_up]
    with ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(store.load, "run", type=kind)]
        assert looking.wait(LONG)
        loads.append(pool.submit(store.load, "run", type=kind))

        assert [load.result(LONG) for load in loads] == [kind(1), kind(1)]
