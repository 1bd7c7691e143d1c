"""A demo that could not fail would show nothing: planted differences, and players that fail, are caught."""

from __future__ import annotations

import queue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from short_job import SHORT

from ckptstore.cli import child, exits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SKIPS_A_TICK = """
def skipping(simulator, ticks):
    found = played(simulator, ticks)
    return found + bool(found)
trader.played = skipping
"""

LOSES_A_SAVE = """
def losing(manager, run):
    listed = manager.list_checkpoints(run)
    return load(manager, run, listed[2][0] if listed else None)  # the newest may be one that was not acknowledged
CheckpointManager.load_checkpoint = losing
"""

FORGETS_WHAT_IS_UNDER_WAY = """
def forgetting(manager, checkpoint):
    simulator = restore(manager, checkpoint)
    simulator.action_queue.clear()
    return simulator
CheckpointManager.restore_simulator = forgetting
"""

MISTAKES_ITS_PEAK = """
def mistaken(manager, checkpoint):
    simulator = restore(manager, checkpoint)
    simulator.risk_checker.peak_value *= 2
    return simulator
CheckpointManager.restore_simulator = mistaken
"""

NUMBERS_ANEW = """
def numbering(manager, checkpoint):
    simulator = restore(manager, checkpoint)
    simulator._executions += 1000
    return simulator
CheckpointManager.restore_simulator = numbering
"""

HAS_A_RIVAL = f"""
def rivalled(manager, checkpoint):
    if checkpoint.current_time == every[{SHORT.start + 10}].at + trader.AGAIN:
        save(Place.inherited().manager(), checkpoint)
    return save(manager, checkpoint)
CheckpointManager.save_checkpoint = rivalled
"""

TELLS_ALL_AT_THE_END = """
events = []
def tell(event):
    events.append(event + "\\n")
    if event == "end":
        sys.stdout.write("".join(events))
player._tell = tell
"""


def test_a_recovery_that_skips_a_tick_is_caught(run: Callable[..., Any], plant: Callable[..., None]) -> None:
    """A result that differs is named, field by field, and makes the exit code 1."""
    plant(SKIPS_A_TICK, kills=2)

    ran = run("demo", "--kills", "2", "--seed", "1")

    assert ran.code == exits.DIFFERS
    assert "cash: Decimal(" in ran.out
    assert "checkpoints: 20 of the 20 kept are others; " in ran.out
    assert ran.out.splitlines()[-1] == "differs from an uninterrupted run"


def test_a_recovery_that_goes_back_behind_a_save_is_caught(run: Callable[..., Any], plant: Callable[..., None]) -> None:
    """What `save` has acknowledged must be there, even where losing it would change no number in the end."""
    plant(LOSES_A_SAVE, kills=2)

    ran = run("demo", "--kills", "2", "--seed", "1", "--json")

    assert (ran.code, ran.json["identical"]) == (exits.DIFFERS, False)
    assert any("was saved, but recovery found" in difference for difference in ran.json["differences"])


@pytest.mark.parametrize(
    ("fault", "difference"),
    [
        (FORGETS_WHAT_IS_UNDER_WAY, "completed_orders 2007-"),
        (MISTAKES_ITS_PEAK, "peak_value: "),
        (NUMBERS_ANEW, "executions: "),
    ],
)
def test_what_recovery_loses_is_named(
    run: Callable[..., Any], plant: Callable[..., None], fault: str, difference: str
) -> None:
    """Orders under way, the risk state and the ids of executions: a recovery without one of them is caught."""
    plant(fault, kills=2)

    ran = run("demo", "--kills", "2", "--seed", "1", "--json")

    assert ran.code == exits.DIFFERS
    assert any(each.startswith(difference) for each in ran.json["differences"])


def test_what_verify_finds_is_no_success(run: Callable[..., Any], plant: Callable[..., None], folder: Path) -> None:
    """Where verify finds problems the exit code is 1, whatever the account says."""
    plant()
    (folder / "demo").mkdir()
    (folder / "demo" / "foreign").touch()

    ran = run("demo", "--store", str(folder), "--kills", "0")

    assert ran.code == exits.DIFFERS
    assert "identical to an uninterrupted run" in ran.out.splitlines()[-1]
    assert ran.out.splitlines()[-1].endswith(", but verify found problems")


def test_a_rival_is_a_conflict(run: Callable[..., Any], plant: Callable[..., None]) -> None:
    """Somebody else's save in between stops the job with exit code 6, and the message of the conflict."""
    plant(HAS_A_RIVAL)

    ran = run("demo", "--kills", "0", "--json")

    assert (ran.code, ran.out) == (exits.CONFLICT, "")
    assert ran.err.startswith("ckptstore: the player stopped by itself: run 'demo'")


def test_a_player_that_fails_is_told(run: Callable[..., Any], plant: Callable[..., None]) -> None:
    """Its last words become the one line of the error."""
    plant("raise ZeroDivisionError('by nothing')")

    ran = run("demo", "--kills", "1", "--json")

    assert ran.code == exits.STORAGE
    assert ran.err == "ckptstore: the player stopped by itself: ZeroDivisionError: by nothing\n"


class Silent:
    """What a player tells that hangs: nothing; and whoever waits for it has waited that long at once."""

    def put(self, event: bytes) -> None:
        """Hear nothing."""

    def get(self, *, timeout: float) -> bytes:
        """Wait for nothing."""
        assert timeout == child.PATIENCE
        raise queue.Empty


def test_a_player_that_hangs_is_given_up(
    run: Callable[..., Any], plant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for a word of the player has an end, and so has the player."""
    plant("signal.pause()")
    monkeypatch.setattr(child, "queue", SimpleNamespace(SimpleQueue=Silent, Empty=queue.Empty))

    ran = run("demo", "--json")

    assert ran.code == exits.STORAGE
    assert "no sign of life" in ran.err


def test_a_kill_after_the_end_is_not_counted(run: Callable[..., Any], plant: Callable[..., None]) -> None:
    """A job that had ended before a kill was not killed, and the demo says so."""
    plant(TELLS_ALL_AT_THE_END)

    ran = run("demo", "--kills", "2", "--seed", "1")

    assert ran.code == 0
    assert "The job was killed 0 times of 2 (it had ended before the rest)" in ran.out
