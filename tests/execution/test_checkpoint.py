"""Checkpoints as dicts for JSON: an exact inverse, older versions, and errors that say where."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading import START, SYMBOL, at, buy, holding, latency, sell

from ckptstore import VersionMismatch
from ckptstore.execution import (
    CHECKPOINT_VERSION,
    LATENCY_SLOW,
    ActionType,
    CheckpointManager,
    DrawdownLimitRule,
    ExecutionCheckpoint,
    ExposureLimitRule,
    LatencyConfig,
    Order,
    OrderExecution,
    PendingAction,
    PositionLimitRule,
    RiskConfig,
    deserialize_checkpoint,
    serialize_checkpoint,
)

MANAGER = CheckpointManager("memory://")
BERLIN = ZoneInfo("Europe/Berlin")
SEEDED = settings(derandomize=True, database=None, deadline=None, max_examples=60)

DECIMALS = st.one_of(
    st.decimals(allow_nan=False), st.sampled_from([Decimal("1.10"), Decimal("-0.00"), Decimal("1E+9")])
)
ZONES = st.sampled_from([None, UTC, BERLIN, timezone(timedelta(hours=-3, seconds=7)), timezone(timedelta(0), "Z")])
TIMES = st.datetimes(timezones=ZONES)
FOLDS = st.builds(lambda time, fold: time.replace(fold=fold), TIMES, st.sampled_from([0, 1]))
SPANS = st.timedeltas(min_value=timedelta(0))
LATENCIES = st.builds(
    lambda submit, one, other, cancel: LatencyConfig(submit, min(one, other), max(one, other), cancel),
    *(SPANS,) * 4,
)
EXECUTIONS = st.builds(OrderExecution, timestamp=FOLDS, quantity=DECIMALS, price=DECIMALS, commission=DECIMALS)
ORDERS = st.builds(
    Order,
    quantity=DECIMALS,
    created_at=FOLDS,
    submitted_at=st.none() | FOLDS,
    limit_price=st.none() | DECIMALS,
    executions=st.lists(EXECUTIONS, max_size=2),
)
ACTIONS = st.builds(PendingAction, scheduled_time=FOLDS, data=st.dictionaries(st.text(), DECIMALS, max_size=2))
CHECKPOINTS = st.builds(
    ExecutionCheckpoint,
    version=st.just(CHECKPOINT_VERSION),
    checkpoint_timestamp=FOLDS,
    cash=DECIMALS,
    initial_cash=DECIMALS,
    positions=st.dictionaries(st.text(), DECIMALS, max_size=2),
    pending_orders=st.dictionaries(st.text(), ORDERS, max_size=2),
    completed_orders=st.dictionaries(st.text(), ORDERS, max_size=2),
    peak_value=st.none() | DECIMALS,
    actions=st.none() | st.lists(ACTIONS, max_size=2).map(tuple),
    current_time=st.none() | FOLDS,
    last_prices=st.dictionaries(st.text(), DECIMALS, max_size=2),
    unreported_executions=st.lists(EXECUTIONS, max_size=2).map(tuple),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    latency_config=st.none() | LATENCIES,
    risk_config_data=st.none() | st.just(RiskConfig(PositionLimitRule(Decimal("1.0")), ExposureLimitRule())),
)


def example() -> ExecutionCheckpoint:
    """A checkpoint with an order of each kind, limits, and a fill that is queued."""
    made = holding("10", risk_config=RiskConfig(drawdown_limit=DrawdownLimitRule(Decimal("50.0"))))
    made.latency_config = LATENCY_SLOW
    made.submit_order(buy("a", "1", limit_price=Decimal("99.90")), at(1))
    made.submit_order(sell("b", "2"), at(2))
    made.process_market_data(SYMBOL, Decimal("101.10"), at(500))
    return MANAGER.create_checkpoint(made)


def minimal() -> dict[str, Any]:
    """A checkpoint of version 1.0.0 without any order, with the fields that it must have alone."""
    return {
        "version": "1.0.0",
        "simulator_id": "old",
        "checkpoint_timestamp": "2024-03-01T09:30:00",
        "cash": "10.50",
        "initial_cash": "10.50",
        "positions": {},
        "pending_orders": {},
        "completed_orders": {},
    }


def exactly(value: object) -> str:
    """What tells values apart that are equal: trailing zeros, zones, folds."""
    return repr(value)


@SEEDED
@given(CHECKPOINTS)
def test_inverse(checkpoint: ExecutionCheckpoint) -> None:
    """What is serialized, written as JSON, read and deserialized is the same to the last zero, zone and fold."""
    data = json.loads(json.dumps(serialize_checkpoint(checkpoint)))
    before = copy.deepcopy(data)

    assert exactly(deserialize_checkpoint(data)) == exactly(checkpoint)
    assert data == before


@SEEDED
@given(CHECKPOINTS)
def test_through_a_store(checkpoint: ExecutionCheckpoint) -> None:
    """The same is true of saving and loading."""
    manager = CheckpointManager("memory://")
    manager.save_checkpoint(replace(checkpoint, simulator_id="sim"))

    loaded = manager.load_checkpoint("sim")
    assert exactly(loaded) == exactly(replace(checkpoint, simulator_id="sim"))


def test_plain_text() -> None:
    """Decimals are str, times ISO 8601, enumerations their values, and a person can read them."""
    order = serialize_checkpoint(example())["pending_orders"]["a"]

    assert (order["limit_price"], order["side"], order["status"]) == ("99.90", "buy", "submitted")
    assert order["created_at"] == "2024-03-01T09:30:00+00:00"


def test_a_repeated_hour() -> None:
    """The second of two equal wall times stays the second."""
    second = datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)
    data = serialize_checkpoint(replace(example(), current_time=second))

    assert data["current_time"] == "2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]"
    assert deserialize_checkpoint(data).current_time.fold == 1  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


def test_fields_in_order() -> None:
    """The first fields of a checkpoint stand where other code expects them."""
    names = " ".join(field.name for field in fields(ExecutionCheckpoint))

    assert names.startswith(
        "version simulator_id checkpoint_timestamp cash initial_cash positions pending_orders completed_orders "
        "peak_value daily_start_value trading_enabled slippage_bps commission_per_share latency_config_name "
        "risk_config_data ",
    )


@pytest.mark.parametrize("version", ["0.9.0", "2.0.0", "", None, 1, ["1.0.0"]])
def test_other_versions(version: object) -> None:
    """A version that no migration reaches is refused before anything else is looked at."""
    with pytest.raises(VersionMismatch, match="incompatible"):
        deserialize_checkpoint({"version": version})


def test_no_version() -> None:
    """So is a dict that has none."""
    with pytest.raises(VersionMismatch, match="incompatible: version null"):
        deserialize_checkpoint({})


WRONG: list[tuple[str, Any, str]] = [
    ("cash", None, "cash: expected Decimal, got null"),
    ("cash", 1.5, "cash: expected Decimal, got 1.5"),
    ("cash", "much", "cash: expected Decimal, got 'much'"),
    ("trading_enabled", "yes", "trading_enabled: expected bool, got 'yes'"),
    ("draws", True, "draws: expected int, got True"),
    ("simulator_id", 7, "simulator_id: expected str, got 7"),
    ("positions", [], "positions: expected an object, got []"),
    ("actions", {}, "actions: expected a list, got {}"),
    ("pending_orders", {"a": {}}, "pending_orders[\"a\"]: missing field 'order_id'"),
    ("pending_orders/a/quantity", None, 'pending_orders["a"].quantity: expected Decimal, got null'),
    ("pending_orders/a/side", "hold", "pending_orders[\"a\"].side: expected OrderSide, got 'hold'"),
    ("pending_orders/a/submited_at", None, "pending_orders[\"a\"]: unknown field 'submited_at'"),
    ("pending_orders/a/created_at", 0, 'pending_orders["a"].created_at: expected datetime, got 0'),
    ("current_time", "today", "current_time: expected datetime, got 'today'"),
    ("current_time", "2024-01-01T00:00:00+00:00[Mars/Base]", "current_time: expected datetime"),
    (
        "completed_orders/first/executions/0/price",
        [],
        'completed_orders["first"].executions[0].price: expected Decimal',
    ),
    ("actions/0/data/price", None, 'actions[0].data["price"]: expected Decimal, got null'),
    ("latency_config/fill_latency_min", "PT9S", "latency_config: fill_latency_min 0:00:09 is more than"),
    ("latency_config/cancel_latency", "soon", "latency_config.cancel_latency: expected timedelta, got 'soon'"),
    ("risk_config_data/drawdown_limit/max_daily_drawdown_pct", "-1", "risk_config_data.drawdown_limit: max_daily"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_what_does_not_fit(path: str, value: object, message: str) -> None:
    """A value of the wrong type is a `ValueError` that says where it stands."""
    data = serialize_checkpoint(example())
    *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    place: Any = data
    for step in way:
        place = place[step]
    place[last] = value

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        deserialize_checkpoint(data)
    assert str(caught.value).startswith(message)


def test_no_dict() -> None:
    """What is no dict at all is a `ValueError` too."""
    wrong: Any = "text"

    with pytest.raises(ValueError, match="a checkpoint is a dict, not 'text'"):
        deserialize_checkpoint(wrong)


def test_version_1_0_0() -> None:
    """A checkpoint of version 1.0.0 becomes one of this version; what it has not recorded gets its default."""
    checkpoint = deserialize_checkpoint(minimal())

    assert checkpoint.version == CHECKPOINT_VERSION
    assert (checkpoint.cash, checkpoint.latency_config_name, checkpoint.actions) == (Decimal("10.50"), "INSTANT", None)


def test_what_was_not_recorded() -> None:
    """A restore finds the clock, the counter and the queued submits that agree with the orders, always the same."""
    old = replace(example(), actions=None, seed=None, executions=None, current_time=None, time_given=False)
    old.pending_orders["new"] = buy("new", created_at=at(450))
    one, other = MANAGER.restore_simulator(old).state(), MANAGER.restore_simulator(old).state()

    assert (one.current_time, one.executions, one.seed) == (at(500), 1, other.seed)
    assert list(one.actions) == [PendingAction(ActionType.SUBMIT, "new", at(550))]
    assert one == other


def test_overdue_submits_wait_for_the_next_event() -> None:
    """An order that was still new when the checkpoint was taken is never submitted before that moment."""
    old = replace(example(), actions=None)
    old.pending_orders["new"] = buy("new", created_at=START)

    [action] = MANAGER.restore_simulator(old).action_queue.actions
    assert action.scheduled_time == at(500)


def test_latency_by_value_or_by_name() -> None:
    """A custom latency is kept by value; of an old checkpoint the name alone tells which it is."""
    made = holding(latency_config=latency(1, 2, 3))
    custom = MANAGER.create_checkpoint(made)

    assert (custom.latency_config_name, custom.latency_config) == ("CUSTOM", latency(1, 2, 3))
    by_name = deserialize_checkpoint(minimal() | {"latency_config_name": "SLOW"})
    assert MANAGER.restore_simulator(by_name).latency_config == LATENCY_SLOW
