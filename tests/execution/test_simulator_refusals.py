"""The simulator: what it refuses, and that a refusal changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from trading import SYMBOL, at, buy, simulator, tick

from ckptstore.execution import (
    LATENCY_INSTANT,
    LATENCY_NORMAL,
    ExecutionSimulator,
    LatencyConfig,
    OrderStatus,
    OrderValidator,
    PositionLimitRule,
    RejectionReason,
    RiskConfig,
)


def test_rejected_at_submission() -> None:
    """A senseless order is rejected with reason, message and time, and goes to the completed ones."""
    made = simulator()
    order = made.submit_order(buy(quantity="0"), at(5))

    assert (order.status, order.rejection_reason) == (OrderStatus.REJECTED, RejectionReason.INVALID_QUANTITY)
    assert (order.rejected_at, order.submitted_at) == (at(5), None)
    assert "quantity 0" in (order.rejection_message or "")
    assert (made.completed_orders, made.pending_orders) == ({"buy": order}, {})


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity", "-Infinity", "-1"])
def test_quantity_that_is_no_quantity(quantity: str) -> None:
    """Such a quantity is rejected under every rule, and touches neither cash nor positions."""
    made = simulator(risk_config=RiskConfig(position_limit=PositionLimitRule(Decimal(1))))
    order = made.submit_order(buy(quantity=quantity), at(0))

    assert order.rejection_reason is RejectionReason.INVALID_QUANTITY
    assert (made.cash, made.positions, made.pending_orders) == (Decimal(10000), {}, {})


def test_risk_comes_before_validation() -> None:
    """An order that neither risk nor validation allows is refused for the risk."""
    made = simulator("1", risk_config=RiskConfig(position_limit=PositionLimitRule(Decimal(1))))
    tick(made, "100")

    assert made.submit_order(buy(), at(0)).rejection_reason is RejectionReason.RISK_POSITION_LIMIT


def test_own_validator() -> None:
    """A validator with other limits can take the place of the first."""
    made = simulator()
    made.validator = OrderValidator(max_order_quantity=Decimal(5))

    assert made.submit_order(buy(quantity="6"), at(0)).rejection_reason is RejectionReason.INVALID_QUANTITY


@pytest.mark.parametrize("profile", [LATENCY_INSTANT, LATENCY_NORMAL])
def test_duplicate_ids(profile: LatencyConfig) -> None:
    """An id that is taken, pending or complete, is refused, and the order that has it stays as it is."""
    made = simulator(latency_config=profile)
    original = made.submit_order(buy(quantity="10"), at(0))
    before = original.copy()
    other = buy(quantity="3")

    assert made.submit_order(other, at(1)) is other
    assert (other.status, other.rejection_reason, other.rejected_at) == (
        OrderStatus.REJECTED,
        RejectionReason.DUPLICATE_ORDER,
        at(1),
    )
    assert (original, made.get_order("buy") is original, made.completed_orders) == (before, True, {})
    for milliseconds in (1000, 2000):
        tick(made, "100", milliseconds)
    assert original.status is OrderStatus.FILLED
    assert made.submit_order(buy(), at(3000)).rejection_reason is RejectionReason.DUPLICATE_ORDER
    assert made.completed_orders == {"buy": original}


def test_same_object_twice() -> None:
    """An order that is submitted twice is not hurt by it: a rejected copy is returned."""
    made = simulator()
    order = made.submit_order(buy(), at(0))
    again = made.submit_order(order, at(0))

    assert again is not order
    assert (again.rejection_reason, order.status) == (RejectionReason.DUPLICATE_ORDER, OrderStatus.SUBMITTED)


def test_only_new_orders() -> None:
    """An order that has a past elsewhere is refused before anything happens."""
    made = simulator()
    before = made.state()

    with pytest.raises(ValueError, match="order buy is filled: only a NEW order can be submitted"):
        made.submit_order(replace(buy(), status=OrderStatus.FILLED), at(0))
    assert made.state() == before


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "-1", "0", "1e-200"])
def test_price_that_is_no_price(price: str) -> None:
    """Such a price is a ValueError, and nothing has happened: not even the clock has moved."""
    made = simulator()
    made.submit_order(buy(), at(0))
    before = made.state()

    with pytest.raises(ValueError, match="price of AAPL must be"):
        made.process_market_data(SYMBOL, Decimal(price), at(1))
    assert made.state() == before


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"initial_cash": Decimal(-1)}, ValueError, "initial_cash must be zero or more"),
        ({"initial_cash": Decimal("NaN")}, ValueError, "initial_cash must be zero or more"),
        ({"initial_cash": 0.5}, TypeError, "initial_cash must be a Decimal"),
        ({"initial_cash": Decimal(1), "slippage_bps": Decimal(10000)}, ValueError, "slippage_bps must be below"),
        ({"initial_cash": Decimal(1), "commission_per_share": Decimal(-1)}, ValueError, "commission_per_share must"),
        ({"initial_cash": Decimal(1), "simulator_id": ""}, ValueError, "simulator_id must not be empty"),
        ({"initial_cash": Decimal(1), "seed": "1"}, TypeError, "seed must be an int"),
    ],
)
def test_senseless_settings(settings: dict[str, object], error: type[Exception], message: str) -> None:
    """A setting that makes no sense is refused by its name."""
    with pytest.raises(error, match=message):
        ExecutionSimulator(**settings)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test
