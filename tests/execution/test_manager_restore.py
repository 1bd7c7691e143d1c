"""What the checkpoint manager restores, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from checkpoints import saved, taken
from places import InMemory
from trading import SYMBOL, at, buy, holding, latency, sell, simulator

from ckptstore import CheckpointConflict, CheckpointStore, VersionMismatch
from ckptstore.execution import (
    CheckpointManager,
    InconsistentCheckpoint,
    OrderValidator,
    PositionLimitRule,
    RejectionReason,
    RiskConfig,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FERNET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


# What is restored


def test_a_snapshot() -> None:
    """What happens to the simulator after the checkpoint was taken does not show in it, nor the reverse."""
    made = simulator(latency_config=latency(fill=10))
    made.submit_order(buy(), at(0))
    manager = saved()
    checkpoint = manager.create_checkpoint(made)
    restored = manager.restore_simulator(checkpoint)
    for each in (made, restored):
        each.process_market_data(SYMBOL, Decimal(100), at(1))
        each.process_market_data(SYMBOL, Decimal(100), at(11))

    assert list(checkpoint.pending_orders) == ["buy"]
    assert checkpoint.pending_orders["buy"].executions == []
    assert made.state() == restored.state()


def test_another_name() -> None:
    """A checkpoint under another name is of another simulator: it names its executions after itself."""
    manager = saved()
    restored = manager.restore_simulator(manager.create_checkpoint(holding(), "fork"))
    restored.submit_order(sell(), at(1))

    [execution] = restored.process_market_data(SYMBOL, Decimal(100), at(1))
    assert (restored.simulator_id, execution.execution_id) == ("fork", "fork-exec-2")


def test_limits() -> None:
    """Limits, and the switch as it stands, are recorded and restored."""
    rules = RiskConfig(PositionLimitRule(max_shares=Decimal(5)), trading_enabled=False)
    manager = saved()
    checkpoint = manager.create_checkpoint(simulator(risk_config=rules))
    restored = manager.restore_simulator(checkpoint)

    assert checkpoint.risk_config_data == restored.risk_checker.risk_config == rules
    assert restored.submit_order(buy("a"), at(0)).rejection_reason is RejectionReason.RISK_TRADING_DISABLED
    restored.enable_trading()
    assert restored.submit_order(buy("b"), at(0)).rejection_reason is RejectionReason.RISK_POSITION_LIMIT


def test_the_validators_limits() -> None:
    """The smallest and the largest quantity of an order are restored."""
    made = simulator()
    made.validator = OrderValidator(Decimal(2), Decimal(3))
    manager = saved()
    restored = manager.restore_simulator(manager.create_checkpoint(made))

    assert (restored.validator.min_order_quantity, restored.validator.max_order_quantity) == (Decimal(2), Decimal(3))


def test_no_limits() -> None:
    """Of a simulator without limits none are recorded, and none are restored."""
    manager = saved()
    checkpoint = manager.create_checkpoint(simulator())

    assert checkpoint.risk_config_data is None
    assert manager.restore_simulator(checkpoint).risk_checker.risk_config == RiskConfig()


@pytest.mark.parametrize("version", ["0.9.0", "2.0.0"])
def test_other_versions(version: str) -> None:
    """A version that no migration reaches is neither restored nor saved."""
    manager = saved()
    other = replace(taken(at(0)), version=version)

    with pytest.raises(VersionMismatch, match="incompatible"):
        manager.restore_simulator(other)
    with pytest.raises(VersionMismatch, match="incompatible"):
        manager.save_checkpoint(other)
    assert manager.list_checkpoints("sim") == []


def test_a_stored_version() -> None:
    """Nor is one loaded that another program has stored."""
    place = InMemory()
    CheckpointStore(place.url, schema="9.0").save("sim", {"version": "9.0"}, metadata={"timestamp": at(0)})

    with pytest.raises(VersionMismatch, match=r"incompatible: saved with version '9.0'"):
        CheckpointManager(place.url).load_checkpoint("sim")


def test_version_1_0_0() -> None:
    """A checkpoint of version 1.0.0 is restored, and saved as one of this version."""
    manager = saved(replace(taken(at(0)), version="1.0.0"))

    assert manager.load_checkpoint("sim") == taken(at(0))
    assert manager.restore_simulator(replace(taken(at(0)), version="1.0.0")).cash == 1


def test_a_contradiction() -> None:
    """What was saved with a contradiction in it loads, to be looked at, and is refused on restore."""
    manager = saved(taken(at(0), cash=-1))

    with pytest.raises(InconsistentCheckpoint, match="cash: -1 is negative"):
        manager.restore_simulator(manager.load_checkpoint("sim"))


# What is refused


def test_two_managers() -> None:
    """Of two that save the same simulator, the one that fell behind cannot, until it has loaded what is newest."""
    place = InMemory()
    ours, theirs = CheckpointManager(place.url), CheckpointManager(place.url)
    ours.save_checkpoint(taken(at(0)))
    theirs.save_checkpoint(taken(at(1)))

    with pytest.raises(CheckpointConflict):
        ours.save_checkpoint(taken(at(2)))
    ours.load_checkpoint("sim")
    ours.save_checkpoint(taken(at(2)))


@pytest.mark.parametrize("simulator_id", ["../x", "", "a/b", ".", "..", "x" * 201, "latest\0"])
def test_unsafe_names(tmp_path: Path, simulator_id: str) -> None:
    """A simulator id that is no safe name is refused by every call, and nothing is written anywhere."""
    manager = CheckpointManager(tmp_path / "root")

    calls: Sequence[Any] = (
        lambda: manager.save_checkpoint(replace(taken(at(0)), simulator_id=simulator_id)),
        lambda: manager.load_checkpoint(simulator_id),
        lambda: manager.load_checkpoint(simulator_id, at(0)),
        lambda: manager.list_checkpoints(simulator_id),
    )
    for call in calls:
        with pytest.raises(ValueError, match="is not a safe name"):
            call()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("option", ["schema", "serializer"])
def test_options_that_are_not_the_callers(option: str) -> None:
    """How checkpoints are written is for the manager to decide."""
    with pytest.raises(TypeError, match=option):
        CheckpointManager("memory://", **{option: "json"})


def test_wrong_arguments() -> None:
    """A timestamp is a datetime."""
    wrong: Any = "2024-03-01"

    with pytest.raises(TypeError, match="timestamp must be a datetime"):
        saved(taken(at(0))).load_checkpoint("sim", wrong)


def test_not_ours(tmp_path: Path) -> None:
    """A run that a bare store has saved is named, rather than listed without times."""
    CheckpointStore(tmp_path).save("sim", 1)

    with pytest.raises(VersionMismatch, match="run 'sim', checkpoint 1: not saved by a CheckpointManager"):
        CheckpointManager(tmp_path).list_checkpoints("sim")


def test_its_repr_hides_keys() -> None:
    """It shows where it saves, and no key."""
    shown = repr(CheckpointManager("memory://", encryption=FERNET_KEY))

    assert shown.startswith("CheckpointManager(CheckpointStore('memory://'")
    assert FERNET_KEY not in shown
