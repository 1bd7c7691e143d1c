"""Threads that work side by side for one save, load or stream, in a bounded number."""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

T = TypeVar("T")
U = TypeVar("U")

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = min(8, max(2, _CORES))
"""How many threads hash, compress and encrypt: what they call lets go of the interpreter."""


def check_process(pid: int) -> None:
    """`RuntimeError` in a forked child of the process `pid`: it has none of its threads, and would wait for ever."""
    if pid != os.getpid():
        raise RuntimeError("a stream that was opened before a fork cannot be used in the child: open it there")


class _Task(Generic[T]):
    """One piece of work: done by a thread, or by whoever waits for it where no thread can be had."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._pid = os.getpid()

    def run(self) -> None:
        work, self._work = self._work, None
        try:
            if work is not None:
                self._result.append(work())
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            self._error = exc
        finally:
            self._done.set()
            del self, work  # an error's traceback holds this frame

    def wait(self) -> T:
        """What the work gives, or raises; taken once, so that it does not stay in memory."""
        check_process(self._pid)
        self._done.wait()
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._result.pop()
        finally:
            del error  # a cycle otherwise, and what was to be filled would stay until the collector comes


class Pool:
    """
    At most `size` threads, started when there is work for them, gone when the with-block ends.

    Where there is none, as of size 0 or at the end of the interpreter, each piece of work is done where it is begun.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[_Task[Any] | None] = SimpleQueue()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Wait for what is under way; what was not begun is dropped."""
        self.close()

    def close(self) -> None:
        """As the end of the with-block."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin `work`, and return what waits for it: that gives its result, or raises what it raised."""
        task = _Task(work)
        if len(self._threads) < self._size:
            self._start()
        if self._threads:
            self._tasks.put(task)
        else:
            task.run()
        return task.wait

    def ready(self) -> bool:
        """Whether there is a thread to work, so that what is begun can wait for what comes later."""
        if not self._threads:
            self._start()
        return bool(self._threads)

    def in_order(self, work: Callable[[T], U], items: Iterable[T], *, ahead: int) -> Iterator[U]:
        """`work(item)` for each, in order, begun up to `ahead` before it is asked for."""
        begun: deque[Callable[[], U]] = deque()
        for item in items:
            begun.append(self.begin(partial(work, item)))
            if len(begun) > ahead:
                yield begun.popleft()()
        while begun:
            yield begun.popleft()()

    def _start(self) -> None:
        # A stream that nobody closes must not keep the interpreter from ending: daemon.
        thread = threading.Thread(target=self._work, name="ckptstore", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._size = len(self._threads)
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._closed:
                task.run()
            del task  # what it holds must not wait in here for the next
