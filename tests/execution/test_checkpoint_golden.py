"""
Golden checkpoints: written once and kept. Whatever changes in the code, they are read and restored as they always were.

`golden/make.py` says how to add one. A test that fails here says that stored checkpoints of users are in danger.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from ckptstore.execution import (
    CHECKPOINT_VERSION,
    ActionType,
    CheckpointManager,
    ExecutionSimulator,
    LatencyConfig,
    OrderExecution,
    OrderStatus,
    RejectionReason,
    deserialize_checkpoint,
    serialize_checkpoint,
)

if TYPE_CHECKING:
    from ckptstore.execution import ExecutionCheckpoint

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = ["1.0.0", "1.1.0"]


def as_dict(version: str) -> dict[str, Any]:
    """The golden dict of `version`."""
    data: dict[str, Any] = json.loads((GOLDEN / f"{version}.json").read_text(encoding="utf-8"))
    return data


def loaded(version: str, folder: Path) -> ExecutionCheckpoint:
    """What a manager loads from a copy of the golden folder."""
    shutil.copytree(GOLDEN / version, folder)
    return CheckpointManager(folder).load_checkpoint("golden")


def restored(version: str) -> ExecutionSimulator:
    """The simulator of the golden dict."""
    return CheckpointManager("memory://").restore_simulator(deserialize_checkpoint(as_dict(version)))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_value_is_there(version: str) -> None:
    """What is read is what stands in the file, to the last digit and zone; only the version has moved on."""
    again = serialize_checkpoint(deserialize_checkpoint(as_dict(version)))

    assert again | as_dict(version) | {"version": CHECKPOINT_VERSION} == again


@pytest.mark.parametrize("version", VERSIONS)
def test_the_folder_says_the_same(version: str, tmp_path: Path) -> None:
    """A manager loads the same from the folder, and lists it by its time."""
    checkpoint = loaded(version, tmp_path / "copy")
    [(time, path)] = CheckpointManager(tmp_path / "copy").list_checkpoints("golden")

    assert serialize_checkpoint(checkpoint) == serialize_checkpoint(deserialize_checkpoint(as_dict(version)))
    assert (time, path) == (checkpoint.checkpoint_timestamp, tmp_path / "copy" / "golden" / "000000000001.json")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_goes_on(version: str, tmp_path: Path) -> None:
    """The next checkpoint is saved beside it, in today's version."""
    old = loaded(version, tmp_path / "copy")
    manager = CheckpointManager(tmp_path / "copy")
    made = manager.restore_simulator(old)
    now = old.checkpoint_timestamp + timedelta(days=1)
    made.process_market_data("AAPL", Decimal(95), now)
    manager.save_checkpoint(manager.create_checkpoint(made))

    assert manager.load_checkpoint("golden").checkpoint_timestamp == now
    assert manager.load_checkpoint("golden", old.checkpoint_timestamp) == old or version == "1.0.0"


def test_version_1_0_0() -> None:
    """What 1.0.0 had not recorded is found: the clock, the queued submit, and ids that are not in use."""
    made = restored("1.0.0")

    assert (made.cash, made.positions) == (Decimal("8998.89922500"), {"AAPL": Decimal("10.00")})
    assert made.completed_orders["rejected"].rejection_reason is RejectionReason.INSUFFICIENT_FUNDS
    assert made.completed_orders["cancelled"].status is OrderStatus.CANCELLED
    assert made.current_time == datetime(2024, 3, 1, 9, 30, 0, 8000, UTC)
    [submit] = made.action_queue.actions
    assert (submit.action_type, submit.order_id) == (ActionType.SUBMIT, "new")
    assert submit.scheduled_time == datetime(2024, 3, 1, 9, 30, 0, 100000, UTC)
    later = datetime(2024, 3, 1, 9, 31, tzinfo=UTC)
    made.process_market_data("AAPL", Decimal("90.00"), later)
    ids = {each.execution_id for each in made.process_market_data("AAPL", Decimal(90), later + timedelta(seconds=2))}
    assert ids == {"golden-exec-3", "golden-exec-4"}


def test_version_1_1_0() -> None:
    """What 1.1.0 records is restored: actions in their order, the random generator, and what is to be reported."""
    made = restored("1.1.0")
    micros = [5000, 10000, 60000, 40000]

    assert made.latency_config == LatencyConfig(*(timedelta(microseconds=each) for each in micros))
    assert [(str(action.action_type), action.order_id) for action in made.action_queue.actions] == [
        ("cancel", "cancelling"),
        ("submit", "new"),
        ("fill", "stopped"),
    ]
    now = made.current_time
    assert now is not None
    assert now.astimezone(UTC) == datetime(2024, 10, 27, 1, 30, 0, 185007, UTC)
    assert now.tzinfo == ZoneInfo("Europe/Berlin")
    reported = made.process_market_data("AAPL", Decimal(90), datetime(2024, 10, 27, 1, 31, tzinfo=UTC))
    assert [(each.execution_id, each.order_id) for each in reported] == [
        ("golden-exec-3", "filling"),
        ("golden-exec-4", "stopped"),
    ]
    assert [str(action.order_id) for action in made.action_queue.actions] == ["new"]
    assert reported[0] == OrderExecution(
        execution_id="golden-exec-3",
        order_id="filling",
        timestamp=datetime(2024, 10, 27, 2, 30, 0, 161600, ZoneInfo("Europe/Berlin"), fold=1),
        quantity=Decimal(3),
        price=Decimal("98.67532500"),
        commission=Decimal("0.030"),
        is_partial=False,
    )
