"""Work done beside other work."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from ckptstore.beside import beside
from ckptstore.testing.race import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

AT_EXIT = """
import atexit, sys
from ckptstore import CheckpointStore
store = CheckpointStore(sys.argv[1], serializer="bytes")
atexit.register(lambda: store.save("run", bytes(3_000_000)))
"""


def test_it_runs_beside() -> None:
    """Work and what waits for it go on at the same time, and the result comes out."""
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def work() -> str:
        meeting.wait()
        return "done"

    wait = beside(work)
    meeting.wait()

    assert wait() == "done"


def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    """No error stays in a thread that nobody looks into."""

    def fail() -> NoReturn:
        raise ZeroDivisionError

    wait = beside(fail)

    with pytest.raises(ZeroDivisionError):
        wait()


def test_without_a_thread_waiting_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started the work is done all the same, once."""
    done: list[int] = []

    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    wait = beside(lambda: done.append(1))
    wait()

    assert done == [1]


def test_a_large_state_can_be_saved_at_exit(tmp_path: Path) -> None:
    """The last save of a program may be large: it needs nothing that the interpreter has shut down already."""
    ran = subprocess.run([sys.executable, "-c", AT_EXIT, str(tmp_path)], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(list(tmp_path.rglob("*.json"))) == 2
