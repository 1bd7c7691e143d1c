"""
What the demo's player does at each price: a simulated account, and a simple way to trade it.

Every decision follows from the prices so far and from the simulator alone: what the simulator knows is all there is to
save, and its clock says how far the prices were played.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ckptstore.execution import (
    LATENCY_NORMAL,
    DrawdownLimitRule,
    ExecutionSimulator,
    ExposureLimitRule,
    Order,
    OrderSide,
    OrderType,
    PositionLimitRule,
    RiskConfig,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore.cli.prices import Tick

CASH = Decimal(100_000)
COMMISSION = Decimal("0.01")  # US dollars a share
SLIPPAGE = Decimal(5)  # hundredths of a percent
SEED = 2000  # of the simulator: every run of the demo draws the same latencies
AGAIN = timedelta(seconds=1)  # after which the same price is quoted once more
FAST, SLOW = 2, 6  # prices in the two averages
LOT = Decimal("0.15")  # of the account's value, for each purchase
BELOW = Decimal("0.98")  # of the price: where a purchase waits
STOP = Decimal("0.85")  # of the price: where a position is given up


def begin(simulator_id: str) -> ExecutionSimulator:
    """An account that has not traded yet, with limits that these prices run into."""
    limits = RiskConfig(
        position_limit=PositionLimitRule(max_shares=Decimal(4000), max_value=Decimal(60_000)),
        exposure_limit=ExposureLimitRule(max_gross_exposure_pct=Decimal(90)),
        drawdown_limit=DrawdownLimitRule(max_daily_drawdown_pct=Decimal(6), max_total_drawdown_pct=Decimal(40)),
    )
    return ExecutionSimulator(
        CASH,
        slippage_bps=SLIPPAGE,
        commission_per_share=COMMISSION,
        latency_config=LATENCY_NORMAL,
        risk_config=limits,
        simulator_id=simulator_id,
        seed=SEED,
    )


def played(simulator: ExecutionSimulator, ticks: Sequence[Tick]) -> int:
    """How many of `ticks` the simulator has seen, by its clock."""
    now = simulator.current_time
    return 0 if now is None else bisect_right(ticks, now, key=lambda tick: tick.at)


def step(simulator: ExecutionSimulator, ticks: Sequence[Tick]) -> None:
    """
    Play the last of `ticks`; those before it were played.

    The price is quoted twice: orders that the first quote leads to reach the market in between, and meet the second.
    What that fills is still on its way when this returns, and happens during the next step.
    """
    tick = ticks[-1]
    if len(ticks) == 1 or ticks[-2].at.date() != tick.at.date():
        simulator.reset_daily_risk_tracking()
    simulator.process_market_data(tick.symbol, tick.price, tick.at)
    pending = [order for order in simulator.pending_orders.values() if order.symbol == tick.symbol]
    if not any(_is_set_off(simulator, order) for order in pending):
        for order in pending:
            simulator.cancel_order(order.order_id, tick.at)
        for order in _decide(simulator, tick, [each.price for each in ticks if each.symbol == tick.symbol][-SLOW:]):
            simulator.submit_order(order, tick.at)
    simulator.process_market_data(tick.symbol, tick.price, tick.at + AGAIN)


def _is_set_off(simulator: ExecutionSimulator, order: Order) -> bool:
    """Whether a price has touched the stop of `order`, or has met it so that its fill is on the way."""
    return order.order_type is OrderType.MARKET or bool(simulator.action_queue.get_pending_for_order(order.order_id))


def _decide(simulator: ExecutionSimulator, tick: Tick, prices: Sequence[Decimal]) -> list[Order]:
    """Sell all when the fast average is below the slow one; above it, buy at new highs, and sell what got too much."""
    trend = sum(prices[-FAST:]) * SLOW - sum(prices) * FAST if len(prices) == SLOW else 0
    held = simulator.positions.get(tick.symbol, Decimal(0))
    if trend <= 0:
        return [_order(tick, OrderSide.SELL, held)] if trend and held else []
    lot = simulator.get_account_value({}) * LOT // tick.price
    orders = []
    if held > 2 * lot:
        orders.append(_order(tick, OrderSide.SELL, held - lot))
    elif tick.price == max(prices):
        orders.append(_order(tick, OrderSide.BUY, lot))
    elif not held:
        orders.append(_order(tick, OrderSide.BUY, lot, limit=tick.price * BELOW))
    if held:
        orders.append(_order(tick, OrderSide.SELL, min(held, lot), stop=tick.price * STOP))
    return orders


def _order(
    tick: Tick, side: OrderSide, quantity: Decimal, *, limit: Decimal | None = None, stop: Decimal | None = None
) -> Order:
    kind = OrderType.LIMIT if limit else OrderType.STOP if stop else OrderType.MARKET
    return Order(
        f"{tick.at:%Y-%m}-{tick.symbol}-{'stop' if stop else side}",
        tick.symbol,
        side,
        kind,
        quantity,
        tick.at,
        limit_price=limit,
        stop_price=stop,
    )
