"""Processes are killed at random operations and instants while they save, stream and prune."""

from __future__ import annotations

import sys

import kills
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the very system calls of Linux")


def test_no_kill_loses_what_was_acknowledged() -> None:
    """Acknowledged checkpoints load to the byte, nothing partial shows, the next save works, a prune tidies up."""
    assert kills.run(1, 0, least=20) == 20


def test_kills_find_a_process_that_lies() -> None:
    """Where a save is acknowledged before it has returned, a kill brings it to light: the test above can fail."""
    with pytest.raises(AssertionError, match=r"seed 1, kill \d+, lies: "):
        kills.run(1, 0, ["lies"], least=50)
