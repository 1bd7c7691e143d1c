"""Small inputs that are meant to take all memory and time, read by a process that the system lets have little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BOMBS = Path(__file__).parent / "tools" / "bombs.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to its memory")


def read(weakened: str) -> subprocess.CompletedProcess[str]:
    """Read all of them, with one of the library's bounds taken away."""
    return subprocess.run([sys.executable, BOMBS, weakened], capture_output=True, text=True, check=False)


def test_nothing_takes_all_memory_or_time() -> None:
    """Numbers, dates, shapes, hashes and files made to be large are refused, or read, in bounds of the system's own."""
    done = read("")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("bound", "message"), [("sizes", "MemoryError"), ("hashes", "equal hashes are taken")])
def test_a_bound_taken_away_is_noticed(bound: str, message: str) -> None:
    """Without one of its bounds the same process fails: the test above can."""
    assert message in read(bound).stderr
