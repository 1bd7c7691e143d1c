"""Where a store stands in a run: the fence of its saves, and what it has seen."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from ckptstore.commit import Doubts
from ckptstore.fingerprints import Fingerprints
from ckptstore.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.history import History, Seen
    from ckptstore.manifest import Content
    from ckptstore.prune import Survey


class Position:
    """
    The newest that a store has saved or loaded in one run: the base of its next save.

    All of it changes under `lock`, which its users take, and which also puts the saves of one store in a row.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.lock = threading.RLock()
        self.known = False  # False: neither saved nor loaded, so follow the newest
        self.base: Content | None = None  # what the head held; None for an empty run
        self.seen: Seen | None = None  # of the hint; None: nothing that could be known
        self.moves = 0  # how often `base` was set
        self.doubts = Doubts()
        self.prints = Fingerprints()
        self.survey: Survey | None = None  # what the last prune of a save left; None: list again

    def move(self, base: Content | None, seen: Seen | None) -> None:
        """From now on the next save continues from `base`; `seen`: the hint, as far as that is known."""
        self.base = base.to_remember() if isinstance(base, Manifest) and base.state else base
        self.seen = seen
        self.known = True
        self.moves += 1

    def follow(self, head: Content | None, seen: Seen | None, moves: int) -> None:
        """As `move`, unless another thread has got further since `moves` was read, before `head` was."""
        with self.lock:
            if moves == self.moves or (head and (self.base is None or head.number > self.base.number)):
                self.move(head, seen)

    def forget(self) -> None:
        """As if the run had never been touched."""
        self.known, self.base, self.seen, self.moves = False, None, None, self.moves + 1
        self.doubts, self.survey, self.prints = Doubts(), None, Fingerprints()


class Positions:
    """The positions of one store, by run; `history` says of which run a name is, or refuses it."""

    def __init__(self, history: Callable[[str], History]) -> None:
        self._history = history
        self._pid = os.getpid()
        self._by_run: dict[str, Position] = {}
        self._lock = threading.Lock()
        self._forked: dict[int, threading.Lock] = {}  # by process: of two threads in a new child one renews the locks

    def of(self, run: str) -> Position:
        """The position in `run`, made when it is first asked for."""
        if self._pid != os.getpid():
            self._after_fork()
        try:
            return self._by_run[run]
        except (KeyError, TypeError):  # TypeError: no name at all
            history = self._history(run)
        with self._lock:
            return self._by_run.setdefault(history.run, Position(history))

    def _after_fork(self) -> None:
        """A lock that another thread of the parent held stays locked in the child for ever; the fences are kept."""
        pid = os.getpid()
        with self._forked.setdefault(pid, threading.Lock()):
            if self._pid == pid:
                return
            self._lock = threading.Lock()
            for position in self._by_run.values():
                position.lock = threading.RLock()
            self._pid = pid
