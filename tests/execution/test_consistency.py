"""A checkpoint that contradicts itself is refused on restore, with every contradiction named and its place."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from trading import START, SYMBOL, at, buy, holding, latency, sell

from ckptstore import CheckpointCorrupt
from ckptstore.execution import (
    LATENCY_NORMAL,
    CheckpointManager,
    ExecutionCheckpoint,
    InconsistentCheckpoint,
    OrderStatus,
    deserialize_checkpoint,
    serialize_checkpoint,
)

MANAGER = CheckpointManager("memory://")
NAIVE = "2024-03-01T09:30:00"
CLOSE = "2024-03-01T16:00:00+00:00"
REMOVE = object()


def checkpoint() -> ExecutionCheckpoint:
    """Two filled orders, a cancelled and a rejected one; one new, one waiting, one with its fill queued."""
    made = holding("10")
    made.submit_order(buy("second", "5"), at(1))
    made.process_market_data(SYMBOL, Decimal("100.50"), at(2))
    made.submit_order(buy("cancelled", "1", limit_price=Decimal(90)), at(3))
    made.cancel_order("cancelled", at(4))
    made.submit_order(sell("rejected", "NaN"), at(5))
    made.submit_order(buy("waiting", "1", limit_price=Decimal(80)), at(6))
    made.latency_config = LATENCY_NORMAL
    made.submit_order(sell("filling", "5"), at(7))
    made.process_market_data(SYMBOL, Decimal(101), at(100))
    made.submit_order(buy("new", "1"), at(101))
    return MANAGER.create_checkpoint(made)


def edited(*edits: tuple[str, Any]) -> ExecutionCheckpoint:
    """The checkpoint after edits of its file: a path, and the new value there."""
    data = serialize_checkpoint(checkpoint())
    for path, value in edits:
        *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        place: Any = data
        for step in way:
            place = place[step]
        if value is REMOVE:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return deserialize_checkpoint(data)


def contradictions(found: ExecutionCheckpoint) -> tuple[str, ...]:
    """What the refusal of a restore lists."""
    with pytest.raises(InconsistentCheckpoint) as caught:
        MANAGER.restore_simulator(found)
    return caught.value.contradictions


def test_a_sound_one_is_restored() -> None:
    """The checkpoint that the others here are made from contradicts nothing."""
    assert [action.order_id for action in checkpoint().actions or ()] == ["new", "filling"]

    again = MANAGER.create_checkpoint(MANAGER.restore_simulator(checkpoint()))
    assert serialize_checkpoint(again) == serialize_checkpoint(checkpoint())


EDITS: list[tuple[str, Any, str]] = [
    ("cash", "NaN", "cash: NaN is no amount of money"),
    ("cash", "sNaN", "cash: sNaN is no amount of money"),
    ("cash", "Infinity", "cash: Infinity is no amount of money"),
    ("cash", "-1", "cash: -1 is negative"),
    ("initial_cash", "-0.01", "initial_cash: -0.01 is not zero or more"),
    ("peak_value", "NaN", "peak_value: NaN is no amount of money"),
    ("daily_start_value", "-Infinity", "daily_start_value: -Infinity is no amount of money"),
    ("slippage_bps", "10000", "slippage_bps: 10000 is the whole price or more"),
    ("commission_per_share", "NaN", "commission_per_share: NaN is not zero or more"),
    ("positions/AAPL", "0.00", 'positions["AAPL"]: 0.00 is no number of shares'),
    ("positions/AAPL", "NaN", 'positions["AAPL"]: NaN is no number of shares'),
    ("last_prices/AAPL", "0", 'last_prices["AAPL"]: 0 is no price'),
    ("min_order_quantity", "1000001", "min_order_quantity, max_order_quantity: 1000001 and 1000000 leave no order va"),
    ("draws", -1, "draws: -1 is negative"),
    ("executions", -1, "executions: -1 is negative"),
    ("executions", 1, "executions: 1 were counted, but the id of number 2 is in use"),
    ("seed", 2**63, "seed: 9223372036854775808 does not fit 64 bits"),
    ("latency_config_name", "FAST", "latency_config: is not what 'FAST' means"),
    ("latency_config_name", "FASTEST", "latency_config_name: 'FASTEST' is unknown"),
    ("latency_config/cancel_latency", "PT9S", "latency_config: is not what 'NORMAL' means"),
    ("current_time", None, "time_given: there is no current_time"),
    ("current_time", NAIVE, "times are mixed: naive in current_time"),
    ("checkpoint_timestamp", NAIVE, "times are mixed: naive in checkpoint_timestamp"),
    ("pending_orders/waiting/created_at", NAIVE, "times are mixed: naive in pending_orders: created_at"),
    ("completed_orders/first/executions/0/timestamp", NAIVE, "times are mixed: naive in completed_orders: executions"),
    ("actions/0/scheduled_time", NAIVE, "times are mixed: naive in actions"),
    ("pending_orders/waiting/order_id", "other", 'pending_orders["waiting"]: its order_id is "other"'),
    ("pending_orders/waiting/status", "cancelled", 'pending_orders["waiting"]: is cancelled'),
    ("pending_orders/waiting/status", "partially_filled", 'pending_orders["waiting"].status: is partially_filled wit'),
    ("pending_orders/waiting/filled_quantity", "-1", 'pending_orders["waiting"].filled_quantity: -1 is negative'),
    ("pending_orders/waiting/filled_quantity", "0.5", 'pending_orders["waiting"].filled_quantity: is 0.5, but the ex'),
    ("pending_orders/waiting/quantity", "0", 'pending_orders["waiting"].quantity: 0 is no number of shares to trade'),
    ("pending_orders/waiting/limit_price", None, 'pending_orders["waiting"].limit_price: None is no price'),
    ("pending_orders/waiting/cancelled_at", "2024-03-01T09:30:00+00:00", 'pending_orders["waiting"].cancelled_at: th'),
    ("pending_orders/new/status", "submitted", 'actions[0]: submit for order "new": it is submitted'),
    ("pending_orders/filling/status", "new", 'actions[1]: fill for order "filling": it is new'),
    ("completed_orders/first/status", "submitted", 'completed_orders["first"]: is submitted'),
    ("completed_orders/first/status", "cancelled", 'completed_orders["first"].status: is cancelled with 10 of 10 fil'),
    ("completed_orders/first/cancelled_at", CLOSE, 'completed_orders["first"].cancelled_at: the order is filled'),
    ("completed_orders/first/rejected_at", CLOSE, 'completed_orders["first"].rejected_at: the order is filled'),
    ("completed_orders/first/rejection_reason", "unknown", 'completed_orders["first"].rejection_reason: the order is'),
    ("completed_orders/first/rejection_message", "", 'completed_orders["first"].rejection_message: the order is'),
    ("completed_orders/first/quantity", "9", 'completed_orders["first"].executions[0]: execution sim-exec-1 of order'),
    ("completed_orders/first/quantity", "11", 'completed_orders["first"].status: is filled with 10 of 11 filled'),
    ("completed_orders/first/filled_quantity", "NaN", 'completed_orders["first"].filled_quantity: NaN is no number'),
    ("completed_orders/first/avg_fill_price", "100.01", 'completed_orders["first"].avg_fill_price: is 100.01, but th'),
    ("completed_orders/first/total_commission", "1", 'completed_orders["first"].total_commission: is 1, but the exec'),
    ("completed_orders/first/executions", [], 'completed_orders["first"].filled_quantity: is 10, but the executions '),
    ("completed_orders/first/executions/0/quantity", "-10", 'completed_orders["first"].executions[0]: execution sim-'),
    ("completed_orders/first/executions/0/price", "sNaN", 'completed_orders["first"].executions[0]: execution sim-ex'),
    ("completed_orders/first/executions/0/commission", "-1", 'completed_orders["first"].executions[0]: execution sim'),
    ("completed_orders/first/executions/0/order_id", "second", 'completed_orders["first"].executions[0]: execution s'),
    ("completed_orders/second/executions/0/execution_id", "sim-exec-1", 'executions: "sim-exec-1" stands in orders 2'),
    ("completed_orders/second/executions/0/execution_id", "sim-exec-3", "executions: 2 were counted, but the id of n"),
    ("completed_orders/rejected/status", "cancelled", 'completed_orders["rejected"].quantity: NaN is no number of sh'),
    ("completed_orders/cancelled/status", "filled", 'completed_orders["cancelled"].status: is filled with 0 of 1 fil'),
    ("actions", [], 'pending_orders["new"]: is new, and no action is queued that submits it'),
    ("actions/0", REMOVE, 'pending_orders["new"]: is new, and no action is queued that submits it'),
    ("actions/1/data", {}, 'actions[1]: fill for order "filling": its data is {}'),
    ("actions/1/data", {"price": "NaN"}, 'actions[1]: fill for order "filling": NaN is no price'),
    (
        "actions/1/data",
        {"price": "1", "more": "2"},
        "actions[1]: fill for order \"filling\": its data is {'price': Dec",
    ),
    ("actions/0/data", {"price": "1"}, "actions[0]: submit for order \"new\": its data is {'price': Decimal('1')}"),
    ("actions/0/order_id", "unknown", 'actions[0]: submit for order "unknown": there is no such order'),
    ("actions/1/order_id", "first", 'actions[1]: fill for order "first": it is complete'),
    ("actions/1/order_id", "new", 'actions[1]: fill for order "new": it is new'),
    ("actions/0/action_type", "fill", 'actions[0]: fill for order "new": it is new'),
    ("actions/1/action_type", "submit", 'actions[1]: submit for order "filling": it is submitted'),
]


@pytest.mark.parametrize(("path", "value", "expected"), EDITS)
def test_every_edit_is_refused(path: str, value: object, expected: str) -> None:
    """One value that is changed by hand is enough, and the refusal says where, and what it does not agree with."""
    assert contradictions(edited((path, value)))[0].startswith(expected)


def test_an_action_twice() -> None:
    """One order has one action of a kind at most: two fills of it would sell twice."""
    again = checkpoint()
    assert again.actions is not None
    fill = again.actions[1]

    [found] = contradictions(replace(again, actions=(*again.actions, fill)))
    assert found == 'actions: 2 of type fill for order "filling"'


def test_an_order_twice() -> None:
    """An order is pending or complete, not both."""
    first = serialize_checkpoint(checkpoint())["completed_orders"]["first"]

    found = contradictions(edited(("pending_orders/first", first)))
    assert 'pending_orders["first"]: is among completed_orders too' in found
    assert 'pending_orders["first"]: is filled' in found


def test_reports_of_what_never_happened() -> None:
    """An execution that is still to be reported belongs to an order, and is reported once."""
    one = serialize_checkpoint(checkpoint())["completed_orders"]["first"]["executions"][0]
    other = one | {"price": "1"}

    assert len(contradictions(edited(("unreported_executions", [one, one])))) == 1
    assert "has no such execution" in contradictions(edited(("unreported_executions", [other])))[0]


def test_all_are_listed() -> None:
    """One error names every contradiction, is damage and a bad value at once, and says whose checkpoint it is."""
    path = "pending_orders/waiting/"
    broken = edited(("cash", "NaN"), ("actions/0/order_id", "ghost"), (path + "filled_quantity", "-1"))

    with pytest.raises(CheckpointCorrupt, match="simulator 'sim' contradicts itself") as caught:
        MANAGER.restore_simulator(broken)
    assert isinstance(caught.value, ValueError)
    text = str(caught.value)
    for part in ("cash: NaN", '"ghost": there is no such order', 'waiting"].filled_quantity: -1', '["new"]: is new'):
        assert part in text


def test_partial_fills_add_up() -> None:
    """Of an order with several executions the sums and the average are checked, and what is right passes."""
    found = edited()
    order = found.pending_orders["waiting"]
    execution = replace(found.completed_orders["first"].executions[0], order_id="waiting")
    order.add_execution(replace(execution, execution_id="a", quantity=Decimal("0.3"), price=Decimal(7)))
    order.add_execution(replace(execution, execution_id="b", quantity=Decimal("0.4"), price=Decimal(11)))

    assert MANAGER.restore_simulator(found).pending_orders["waiting"].status is OrderStatus.PARTIALLY_FILLED
    order.avg_fill_price += Decimal("0.01")
    assert "avg_fill_price: is 9.29" in contradictions(found)[0]


def test_commission_may_take_cash_below_zero() -> None:
    """Cash below zero is refused only where no commission can have taken it there."""
    charged = edited(("cash", "-1"), ("commission_per_share", "2"))

    assert MANAGER.restore_simulator(charged).cash == -1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cash", 1.5),
        ("peak_value", "1"),
        ("trading_enabled", 1),
        ("positions", {SYMBOL: 10}),
        ("pending_orders", {"a": "an order"}),
        ("actions", ("an action",)),
        ("risk_config_data", {"position_limit": None}),
    ],
)
def test_wrong_types_made_by_hand(field: str, value: object) -> None:
    """A checkpoint that a program built of the wrong types is refused in the same way."""
    change: dict[str, Any] = {field: value}

    assert "expected" in contradictions(replace(checkpoint(), **change))[0]


def test_no_time_yet() -> None:
    """Before the first event a simulator has no time, and its checkpoint's is the wall clock's: no contradiction."""
    fresh = MANAGER.create_checkpoint(holding("10"))
    naive = replace(fresh, checkpoint_timestamp=START.replace(tzinfo=None))

    assert "times are mixed" in contradictions(naive)[0]
    unused = replace(naive, completed_orders={}, current_time=None, time_given=False)
    assert MANAGER.restore_simulator(unused).current_time is None


def test_latency_by_name_alone() -> None:
    """Without the values, a name must be a known one."""
    assert "latency_config: missing" in contradictions(
        replace(checkpoint(), latency_config=None, latency_config_name="CUSTOM"),
    )
    custom = replace(checkpoint(), latency_config=latency(1), latency_config_name="CUSTOM")
    assert MANAGER.restore_simulator(custom).latency_config == latency(1)
