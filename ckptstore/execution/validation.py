"""Whether an order makes sense and the account can carry it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ckptstore.execution import decimals
from ckptstore.execution.orders import Order, OrderSide, OrderType, RejectionReason

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Whether an order is valid; if not, why."""

    is_valid: bool
    rejection_reason: RejectionReason | None = None
    message: str | None = None


_VALID = ValidationResult(is_valid=True)


class OrderValidator:
    """
    Judges orders by themselves and by the account; changes neither.

    The smallest and largest quantity are both allowed. `ValueError` unless 0 < minimum <= maximum.
    """

    def __init__(
        self,
        min_order_quantity: Decimal = Decimal("0.001"),
        max_order_quantity: Decimal = Decimal(1000000),
    ) -> None:
        self.min_order_quantity = decimals.positive(min_order_quantity, "min_order_quantity")
        self.max_order_quantity = decimals.positive(max_order_quantity, "max_order_quantity")
        if self.min_order_quantity > self.max_order_quantity:
            raise ValueError(f"min_order_quantity {min_order_quantity} is more than the maximum {max_order_quantity}")

    def validate(
        self,
        order: Order,
        account_balance: Decimal,
        positions: Mapping[str, Decimal],
        current_prices: Mapping[str, Decimal] | None = None,
    ) -> ValidationResult:
        """
        The first fault found: symbol, quantity, prices, then what the account has.

        A buy must be affordable at its limit price, else at the current price of its symbol; slippage and commission
        are not foreseen here, but counted when it fills. Without either price it is not asked whether it is affordable.
        A sell of more than the position is `INSUFFICIENT_FUNDS` too. A limit order without a sound limit price and a
        stop order without a sound stop price are `UNKNOWN`, for no reason of its own exists.
        """
        return (
            self._fault_in_quantity(order)
            or _fault_in_prices(order)
            or _fault_in_means(order, account_balance, positions, current_prices or {})
            or _VALID
        )

    def _fault_in_quantity(self, order: Order) -> ValidationResult | None:
        if not order.symbol:
            return _fault(RejectionReason.INVALID_SYMBOL, "the symbol is empty")
        if not decimals.is_positive(order.quantity):
            return _fault(
                RejectionReason.INVALID_QUANTITY,
                f"quantity {order.quantity} is not a positive number of at most {decimals.DIGITS} digits",
            )
        if not self.min_order_quantity <= order.quantity <= self.max_order_quantity:
            return _fault(
                RejectionReason.INVALID_QUANTITY,
                f"quantity {order.quantity} is not between {self.min_order_quantity} and {self.max_order_quantity}",
            )
        return None


def _fault_in_prices(order: Order) -> ValidationResult | None:
    name, price = "limit", order.limit_price
    if order.order_type is OrderType.STOP:
        name, price = "stop", order.stop_price
    elif order.order_type is OrderType.MARKET:
        return None
    if price is None or not decimals.is_positive(price):
        return _fault(RejectionReason.UNKNOWN, f"a {name} order needs a positive {name}_price, not {price}")
    return None


def _fault_in_means(
    order: Order,
    balance: Decimal,
    positions: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
) -> ValidationResult | None:
    if order.side is OrderSide.SELL:
        held = positions.get(order.symbol, Decimal(0))
        if order.quantity <= held:
            return None
        return _fault(RejectionReason.INSUFFICIENT_FUNDS, short_of_shares(order.symbol, order.quantity, held))
    price = order.limit_price if order.order_type is OrderType.LIMIT else prices.get(order.symbol)
    if price is None:
        return None
    cost = decimals.multiply(order.quantity, price)
    if cost <= balance:
        return None
    return _fault(RejectionReason.INSUFFICIENT_FUNDS, short_of_cash(cost, balance))


def short_of_shares(symbol: str, needed: Decimal, held: Decimal) -> str:
    """What to say when a sell is not covered."""
    return f"insufficient position: selling {needed} {symbol} with {held} held"


def short_of_cash(cost: Decimal, cash: Decimal) -> str:
    """What to say when a buy is not affordable."""
    return f"insufficient funds: the cost is {cost}, the cash {cash}"


def _fault(reason: RejectionReason, message: str) -> ValidationResult:
    return ValidationResult(is_valid=False, rejection_reason=reason, message=message)
