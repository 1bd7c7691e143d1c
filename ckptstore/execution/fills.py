"""When an order fills, at what price, and what that does to an account: pure functions of values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ckptstore.execution import decimals
from ckptstore.execution.orders import Order, OrderSide, OrderType
from ckptstore.execution.validation import short_of_cash, short_of_shares

_BPS = Decimal("0.0001")


def is_reached(order: Order, price: Decimal) -> bool:
    """Whether `price` fills a market or limit order, or touches the stop of a stop order."""
    buys = order.side is OrderSide.BUY
    if order.order_type is OrderType.LIMIT:
        return order.limit_price is not None and (price <= order.limit_price if buys else price >= order.limit_price)
    if order.order_type is OrderType.STOP:
        return order.stop_price is not None and (price >= order.stop_price if buys else price <= order.stop_price)
    return True


def price_with_slippage(side: OrderSide, price: Decimal, slippage_bps: Decimal) -> Decimal:
    """`price` made worse for the trader by `slippage_bps` hundredths of a percent; exact."""
    slip = decimals.multiply(slippage_bps, _BPS)
    factor = decimals.add(1, slip) if side is OrderSide.BUY else decimals.subtract(1, slip)
    return decimals.multiply(price, factor)


@dataclass(frozen=True, slots=True)
class Fill:
    """What filling the rest of an order means: shares, price of each, commission, and the cash it brings or costs."""

    quantity: Decimal
    price: Decimal
    commission: Decimal
    cash: Decimal
    shares: Decimal


def fill(order: Order, market_price: Decimal, slippage_bps: Decimal, commission_per_share: Decimal) -> Fill:
    """The fill of all that remains of `order`; `cash` is what it brings, `shares` what it adds to the position."""
    quantity = order.remaining_quantity()
    price = price_with_slippage(order.side, market_price, slippage_bps)
    commission = decimals.multiply(quantity, commission_per_share)
    value = decimals.multiply(quantity, price)
    if order.side is OrderSide.BUY:
        return Fill(quantity, price, commission, decimals.add(value, commission).copy_negate(), quantity)
    return Fill(quantity, price, commission, decimals.subtract(value, commission), quantity.copy_negate())


def shortage(order: Order, what: Fill, cash: Decimal, held: Decimal) -> str | None:
    """
    Why the account cannot carry the fill, or None: a buy needs the cash, commission included; a sell the shares.

    A sell passes even where its commission is more than it brings: cash may then fall below zero.
    """
    if order.side is OrderSide.BUY:
        return short_of_cash(what.cash.copy_negate(), cash) if what.cash.copy_negate() > cash else None
    return short_of_shares(order.symbol, what.quantity, held) if what.quantity > held else None
