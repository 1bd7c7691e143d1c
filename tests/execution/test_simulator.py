"""The simulator: what becomes of an order from its submission to its end."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from trading import SYMBOL, at, buy, holding, latency, sell, simulator, tick

from ckptstore.execution import (
    ActionType,
    ExecutionSimulator,
    Order,
    OrderStatus,
    OrderType,
    RejectionReason,
)


def test_market_order_fills_at_next_price() -> None:
    """A market order waits for the next price of its symbol and fills whole at it, in the same call."""
    made = simulator()
    tick(made, "99")
    order = made.submit_order(buy(quantity="10"), at(1))

    assert (order.status, order.submitted_at, made.pending_orders) == (OrderStatus.SUBMITTED, at(1), {"buy": order})
    assert tick(made, "50", 2, "MSFT") == []
    [execution] = made.process_market_data(SYMBOL, Decimal(100), at(3))
    assert (execution.quantity, execution.price, execution.timestamp, execution.is_partial) == (
        Decimal(10),
        Decimal(100),
        at(3),
        False,
    )
    assert (order.status, made.completed_orders, made.pending_orders) == (OrderStatus.FILLED, {"buy": order}, {})
    assert (made.cash, made.positions) == (Decimal(9000), {SYMBOL: Decimal(10)})


def test_same_object_is_returned_and_found() -> None:
    """The order that was given is the one that is returned, held and found by its id; an unknown id finds none."""
    made, order = simulator(), buy()

    assert made.submit_order(order, at(0)) is order
    assert made.get_order("buy") is order
    tick(made, "100")
    assert made.get_order("buy") is order
    assert made.get_order("other") is None


def test_limit_orders() -> None:
    """A limit order fills when the price reaches its limit: buys at it or below, sells at it or above."""
    made = holding("10", "100")
    made.submit_order(buy("low", limit_price=Decimal(95)), at(0))
    made.submit_order(sell("high", limit_price=Decimal(105)), at(0))

    assert [tick(made, price) for price in ("95.01", "104.99", "95", "105")] == [[], [], ["low"], ["high"]]


def test_limit_order_fills_at_the_better_price() -> None:
    """What fills a limit order is the price that came, not the limit."""
    made = simulator()
    order = made.submit_order(buy(limit_price=Decimal(95)), at(0))
    tick(made, "90")

    assert order.avg_fill_price == 90


@pytest.mark.parametrize(("side", "far", "touching"), [("buy", "104.99", "105"), ("sell", "95.01", "95")])
def test_stop_orders(side: str, far: str, touching: str) -> None:
    """A stop order becomes a market order when its stop is touched, and fills at the price after that one."""
    made = holding("10", "100")
    made_order = buy("stop", stop_price=Decimal(105)) if side == "buy" else sell("stop", stop_price=Decimal(95))
    order = made.submit_order(made_order, at(0))

    assert (tick(made, far), order.order_type) == ([], OrderType.STOP)
    assert (tick(made, touching), order.order_type, order.status) == ([], OrderType.MARKET, OrderStatus.SUBMITTED)
    assert tick(made, "100") == ["stop"]
    assert order.avg_fill_price == 100


def test_slippage_and_commission() -> None:
    """Buys pay more and sells receive less by the slippage, exactly; commission is per share, on both sides."""
    made = simulator("100000", slippage_bps=Decimal(5), commission_per_share=Decimal("0.01"))
    bought = made.submit_order(buy(quantity="100"), at(0))
    tick(made, "150.01")
    sold = made.submit_order(sell(quantity="100"), at(0))
    tick(made, "150.01")

    assert (bought.avg_fill_price, sold.avg_fill_price) == (Decimal("150.085005"), Decimal("149.934995"))
    assert (bought.total_commission, sold.total_commission) == (Decimal(1), Decimal(1))
    assert made.cash == Decimal(100000) - 100 * Decimal("0.150010") - 2


def test_slippage_is_added_to_a_limit() -> None:
    """Slippage is what trading costs: it is added to the price that filled a limit order too."""
    made = simulator(slippage_bps=Decimal(10))
    order = made.submit_order(buy(limit_price=Decimal(100)), at(0))
    tick(made, "100")

    assert order.avg_fill_price == Decimal("100.1")


def test_money_is_exact() -> None:
    """However many digits prices and quantities have, no digit of the cash is lost."""
    price, quantity, bps = Decimal("0." + "3" * 60), Decimal("1." + "7" * 60), Decimal("0.7")
    made = simulator("10", slippage_bps=bps)
    made.submit_order(buy(quantity=str(quantity)), at(0))
    made.process_market_data(SYMBOL, price, at(0))
    made.submit_order(sell(quantity=str(quantity)), at(0))
    made.process_market_data(SYMBOL, price, at(0))

    assert Fraction(made.cash) == 10 - 2 * Fraction(price) * Fraction(quantity) * Fraction(bps) / 10000
    assert made.positions == {}


def test_unaffordable_at_the_fill() -> None:
    """A buy that the cash no longer covers at its fill, commission included, is rejected and moves nothing."""
    made = simulator("1000", commission_per_share=Decimal("0.01"))
    tick(made, "100")
    order = made.submit_order(buy(quantity="10"), at(1))

    assert tick(made, "100", 2) == []
    assert (order.status, order.rejection_reason) == (OrderStatus.REJECTED, RejectionReason.INSUFFICIENT_FUNDS)
    assert (order.rejected_at, order.rejection_message) == (
        at(2),
        "insufficient funds: the cost is 1000.1000, the cash 1000",
    )
    assert (made.cash, made.positions, made.completed_orders, made.pending_orders) == (
        Decimal(1000),
        {},
        {"buy": order},
        {},
    )


def test_uncovered_at_the_fill() -> None:
    """Of two sells of the same shares the first fills; the second is rejected, and there is no short position."""
    made = holding("10")
    one, two = (made.submit_order(sell(order_id, "10"), at(0)) for order_id in ("one", "two"))

    assert tick(made, "100") == ["one"]
    assert (one.status, two.status) == (OrderStatus.FILLED, OrderStatus.REJECTED)
    assert two.rejection_reason is RejectionReason.INSUFFICIENT_FUNDS
    assert made.positions == {}


def test_orders_fill_in_the_order_they_were_submitted() -> None:
    """When the cash is enough for one of two buys, the one that came first has it."""
    made = simulator("1000")
    for order_id in ("b", "a"):
        made.submit_order(buy(order_id, "10"), at(0))

    assert tick(made, "100") == ["b"]
    assert made.completed_orders["a"].status is OrderStatus.REJECTED


def test_cancel() -> None:
    """A cancel takes an order away for good, at once without latency, and returns it."""
    made = simulator()
    order = made.submit_order(buy(), at(0))

    assert made.cancel_order("buy", at(1)) is order
    assert (order.status, order.cancelled_at) == (OrderStatus.CANCELLED, at(1))
    assert (made.pending_orders, made.completed_orders) == ({}, {"buy": order})
    assert tick(made, "100", 2) == []


def test_nothing_to_cancel() -> None:
    """An order that is unknown or complete cannot be cancelled: None, and it stays as it is."""
    made = holding()

    assert made.cancel_order("other", at(1)) is None
    assert made.cancel_order("first", at(1)) is None
    assert made.completed_orders["first"].status is OrderStatus.FILLED
    assert simulator().cancel_order("buy") is None


def test_account_value() -> None:
    """The account is worth its cash and its positions, at the prices given, else at the last known."""
    made = holding("10", "100")

    assert made.get_account_value({}) == 10000
    assert made.get_account_value({SYMBOL: Decimal(110)}) == 10100
    made.positions["MSFT"] = Decimal(1)
    with pytest.raises(ValueError, match="no price of MSFT is known"):
        made.get_account_value({})


def test_execution_ids() -> None:
    """Executions are numbered under the simulator's id, which is its own where none was given."""
    made = holding("10")
    made.submit_order(sell(), at(0))
    tick(made, "100")

    ids = [order.executions[0].execution_id for order in made.completed_orders.values()]
    assert ids == ["sim-exec-1", "sim-exec-2"]
    assert ExecutionSimulator(Decimal(1)).simulator_id != ExecutionSimulator(Decimal(1)).simulator_id


def test_cancelled_order_leaves_nothing_queued() -> None:
    """When an order is complete, no action of it is left in the queue."""
    made = simulator(latency_config=latency(submission=10, fill=10))
    order: Order = made.submit_order(buy(), at(0))
    assert [action.action_type for action in made.action_queue.actions] == [ActionType.SUBMIT]
    made.cancel_order("buy", at(1))

    assert (order.status, order.submitted_at, made.action_queue.actions) == (OrderStatus.CANCELLED, None, [])
