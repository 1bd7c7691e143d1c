"""Exactness: cut a run anywhere, recover it, play the rest, and nothing differs from the run that was never cut."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import STARTS, end_of, market, other_process, play, started

from ckptstore.execution import (
    LATENCY_FAST,
    LATENCY_INSTANT,
    LATENCY_NORMAL,
    LATENCY_SLOW,
    CheckpointManager,
    ExecutionCheckpoint,
    LatencyConfig,
    deserialize_checkpoint,
    serialize_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDED = settings(derandomize=True, database=None, deadline=None)
FERNET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
CUSTOM = LatencyConfig(*(timedelta(microseconds=micros) for micros in (30_001, 7, 450_003, 120_000)))
LATENCIES = {
    "instant": LATENCY_INSTANT,
    "fast": LATENCY_FAST,
    "normal": LATENCY_NORMAL,
    "slow": LATENCY_SLOW,
    "custom": CUSTOM,
}

EVENTS = st.randoms(use_true_random=True).map(lambda chance: market(chance, 45))


@pytest.mark.parametrize("latency", LATENCIES.values(), ids=LATENCIES)
def test_in_another_process(latency: LatencyConfig, tmp_path: Path) -> None:
    """From a folder, in a process with another random state, hash seed and time zone, at every event."""
    folders = (tmp_path / str(number) for number in count())

    with other_process() as ask:

        @settings(SEEDED, max_examples=4)
        @given(EVENTS, st.sampled_from(range(len(STARTS))))
        def property_(events: list[Any], start: int) -> None:
            folder = next(folders)
            manager, simulator = CheckpointManager(folder), started(latency)
            reports: list[list[str]] = []
            answers: list[Any] = []
            for done, event in enumerate(events, 1):
                reports.append(play(simulator, event, STARTS[start]))
                manager.save_checkpoint(manager.create_checkpoint(simulator))
                question = {"folder": str(folder), "id": "sim", "start": start, "rest": events[done:]}
                answers.append(ask(question))

            end = end_of(simulator)
            assert answers == [[reports[done:], end] for done in range(1, len(events) + 1)]

        property_()


def sealed() -> Callable[[ExecutionCheckpoint], ExecutionCheckpoint]:
    """Save and load again, compressed and encrypted."""
    manager = CheckpointManager("memory://", compression="zstd", encryption=FERNET_KEY, retention=1)

    def through(checkpoint: ExecutionCheckpoint) -> ExecutionCheckpoint:
        manager.save_checkpoint(checkpoint)
        return manager.load_checkpoint(checkpoint.simulator_id)

    return through


def as_json() -> Callable[[ExecutionCheckpoint], ExecutionCheckpoint]:
    """Serialize and deserialize again, as text in between."""
    return lambda checkpoint: deserialize_checkpoint(json.loads(json.dumps(serialize_checkpoint(checkpoint))))


@pytest.mark.parametrize("way", [sealed, as_json])
@settings(SEEDED, max_examples=15)
@given(EVENTS, st.sampled_from(STARTS), st.sampled_from(list(LATENCIES.values())))
def test_at_every_event_in_turn(
    way: Callable[[], Callable[[ExecutionCheckpoint], ExecutionCheckpoint]],
    events: list[Any],
    start: Any,  # noqa: ANN401 - a datetime, which pytest resolves at run time
    latency: LatencyConfig,
) -> None:
    """A run that is cut and recovered after every single event ends as one that was never cut."""
    through = way()
    manager = CheckpointManager("memory://")
    uncut, cut = started(latency), started(latency)
    for event in events:
        reported = play(uncut, event, start)
        assert play(cut, event, start) == reported
        checkpoint = manager.create_checkpoint(cut)
        recovered = through(checkpoint)
        assert recovered == checkpoint
        cut = manager.restore_simulator(recovered)

    assert end_of(cut) == end_of(uncut)


def test_the_events_are_worth_playing() -> None:
    """What the properties above play fills, rejects and cancels orders, and leaves some with actions queued."""
    seen = set[str]()

    @settings(SEEDED, max_examples=15)
    @given(EVENTS, st.sampled_from(list(LATENCIES.values())))
    def look(events: list[Any], latency: LatencyConfig) -> None:
        simulator = started(latency)
        for event in events:
            play(simulator, event, STARTS[0])
            seen.update(str(action.action_type) for action in simulator.action_queue.actions)
        seen.update(str(order.status) for order in simulator.completed_orders.values())

    look()
    assert {"filled", "rejected", "cancelled", "submit", "fill", "cancel"} <= seen
