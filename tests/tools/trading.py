"""Orders, times and simulators for the tests of the execution system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ckptstore.execution import ExecutionSimulator, LatencyConfig, Order, OrderSide, OrderType

START = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
SYMBOL = "AAPL"


def at(milliseconds: int) -> datetime:
    """So many milliseconds after the start."""
    return START + timedelta(milliseconds=milliseconds)


def latency(submission: int = 0, fill: int = 0, cancel: int = 0, fill_max: int | None = None) -> LatencyConfig:
    """A configuration in milliseconds; a fill takes exactly `fill` unless `fill_max` says more."""
    times = (submission, fill, fill if fill_max is None else fill_max, cancel)
    return LatencyConfig(*(timedelta(milliseconds=time) for time in times))


def buy(order_id: str = "buy", quantity: str = "10", **fields: Any) -> Order:  # noqa: ANN401 - any field of an order
    """A market buy of the symbol; other fields as given."""
    return _order(order_id, OrderSide.BUY, quantity, fields)


def sell(order_id: str = "sell", quantity: str = "10", **fields: Any) -> Order:  # noqa: ANN401 - as above
    """A market sell of the symbol; other fields as given."""
    return _order(order_id, OrderSide.SELL, quantity, fields)


def simulator(cash: str = "10000", **settings: Any) -> ExecutionSimulator:  # noqa: ANN401 - any setting
    """A simulator without slippage, of a fixed id and seed; other settings as given."""
    given = {"slippage_bps": Decimal(0), "simulator_id": "sim", "seed": 1, **settings}
    return ExecutionSimulator(Decimal(cash), **given)


def holding(quantity: str = "10", price: str = "100", **settings: Any) -> ExecutionSimulator:  # noqa: ANN401 - as above
    """A simulator that has bought so many shares at that price, at the start."""
    made = simulator(**settings)
    made.submit_order(buy("first", quantity), START)
    made.process_market_data(SYMBOL, Decimal(price), START)
    return made


def tick(made: ExecutionSimulator, price: str, milliseconds: int = 0, symbol: str = SYMBOL) -> list[str]:
    """Process a price; the ids of the orders whose executions were returned."""
    return [each.order_id for each in made.process_market_data(symbol, Decimal(price), at(milliseconds))]


def _order(order_id: str, side: OrderSide, quantity: str, fields: dict[str, Any]) -> Order:
    order_type = OrderType.MARKET
    if "limit_price" in fields:
        order_type = OrderType.LIMIT
    elif "stop_price" in fields:
        order_type = OrderType.STOP
    values = {"symbol": SYMBOL, "order_type": order_type, "created_at": START, **fields}
    return Order(order_id=order_id, side=side, quantity=Decimal(quantity), **values)
