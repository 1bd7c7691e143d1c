"""One life of the demo's player: a process that is listened to, killed, and never waited for without end."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, NamedTuple

from ckptstore.cli import exits
from ckptstore.cli.exits import DemoError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from ckptstore.cli.places import Place

# -P: a file in the working directory must not pass for a module of the standard library.
PLAYER = (sys.executable, "-P", "-m", "ckptstore.cli.player")
PATIENCE = 30  # seconds without a sign of life; a save takes milliseconds, a start a tenth of a second


class Event(NamedTuple):
    """What the player tells: `resumed`, `saving` or `saved` with a tick, or `end`; a save `took` nanoseconds."""

    what: str
    tick: int = 0
    number: int = 0
    took: int = 0


class Child:
    """A player in a process of its own, for a with-block that leaves none behind."""

    def __init__(self, command: Sequence[str], place: Place, run: str) -> None:
        self._events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._killed = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the with-block; a pipe could fill up
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [*command, run],
            env=place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the parent, which then kills the child
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for line in lines:
                self._events.put(line)
        self._events.put(b"")

    def next(self) -> Event | None:
        """The next thing it tells; None when it has stopped. `DemoError` when it is silent for too long."""
        try:
            what, *numbers = self._events.get(timeout=PATIENCE).decode().split() or [""]
        except queue.Empty:
            raise DemoError(f"the player gave no sign of life for {PATIENCE} seconds") from None
        return Event(what, *map(int, numbers)) if what else None

    def kill(self) -> None:
        """SIGKILL: nothing in it runs any more."""
        self._killed = True
        self._process.kill()

    def check(self) -> None:
        """`DemoError`, with its last words, unless it has ended well or was killed by us."""
        code = self._wait()
        if code and not (self._killed and code == -signal.SIGKILL):
            self._errors.seek(0)
            words = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            reason = words.removeprefix("ckptstore: ") or f"exit code {code}"
            raise DemoError(f"the player stopped by itself: {reason}", code if code > 1 else exits.STORAGE)

    def _wait(self) -> int:
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise DemoError(f"the player has not ended within {PATIENCE} seconds") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened, it runs no more."""
        self._process.kill()
        self._wait()
        self._listener.join(PATIENCE)
        self._errors.close()
