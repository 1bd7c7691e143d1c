"""Orders and their executions: values, and the arithmetic that keeps an order true to its executions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003 - whoever decodes orders reads the annotations
from decimal import Decimal
from enum import auto

from ckptstore.execution import decimals
from ckptstore.execution.words import Word


class OrderSide(Word):
    """Which way an order trades."""

    BUY = auto()
    SELL = auto()


class OrderType(Word):
    """When an order fills: at the next price, at its limit or better, or at the price after its stop was touched."""

    MARKET = auto()
    LIMIT = auto()
    STOP = auto()


class OrderStatus(Word):
    """Where an order is in its life; the last three are final."""

    NEW = auto()
    SUBMITTED = auto()
    PARTIALLY_FILLED = auto()
    FILLED = auto()
    REJECTED = auto()
    CANCELLED = auto()


class RejectionReason(Word):
    """Why an order was rejected."""

    INSUFFICIENT_FUNDS = auto()
    INVALID_QUANTITY = auto()
    INVALID_SYMBOL = auto()
    MARKET_CLOSED = auto()
    DUPLICATE_ORDER = auto()
    RISK_LIMIT_EXCEEDED = auto()
    RISK_POSITION_LIMIT = auto()
    RISK_EXPOSURE_LIMIT = auto()
    RISK_DRAWDOWN_LIMIT = auto()
    RISK_TRADING_DISABLED = auto()
    UNKNOWN = auto()


_FINAL = (OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class OrderExecution:
    """
    One fill of an order: `quantity` shares at `price` each, and the `commission` for all of them.

    `is_partial` says that it left something of the order to fill.
    """

    execution_id: str
    order_id: str
    timestamp: datetime
    quantity: Decimal
    price: Decimal
    commission: Decimal
    is_partial: bool


@dataclass(slots=True)
class Order:
    """
    What is to be traded and what has become of it; equal to another when every field is.

    `quantity` is in shares, prices and commission are in account currency. `avg_fill_price` weighs each execution by
    its quantity. `TypeError` for a number that is neither Decimal nor int, `ValueError` for a side, type or status that
    does not exist; whether the numbers make sense is for the validator to say.
    """

    order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    created_at: datetime
    status: OrderStatus = OrderStatus.NEW
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    submitted_at: datetime | None = None
    filled_quantity: Decimal = Decimal(0)
    avg_fill_price: Decimal = Decimal(0)
    total_commission: Decimal = Decimal(0)
    executions: list[OrderExecution] = field(default_factory=list)
    rejected_at: datetime | None = None
    rejection_reason: RejectionReason | None = None
    rejection_message: str | None = None
    cancelled_at: datetime | None = None

    def __post_init__(self) -> None:
        for name, text in (("order_id", self.order_id), ("symbol", self.symbol)):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a str, not {text!r}")
        self.side = OrderSide(self.side)  # a word of a file becomes the member
        self.order_type = OrderType(self.order_type)
        self.status = OrderStatus(self.status)
        self.quantity = decimals.decimal(self.quantity, "quantity")
        self.filled_quantity = decimals.decimal(self.filled_quantity, "filled_quantity")
        self.avg_fill_price = decimals.decimal(self.avg_fill_price, "avg_fill_price")
        self.total_commission = decimals.decimal(self.total_commission, "total_commission")
        if self.limit_price is not None:
            self.limit_price = decimals.decimal(self.limit_price, "limit_price")
        if self.stop_price is not None:
            self.stop_price = decimals.decimal(self.stop_price, "stop_price")

    def is_complete(self) -> bool:
        """Whether nothing will happen to it any more: it is filled, rejected or cancelled."""
        return self.status in _FINAL

    def remaining_quantity(self) -> Decimal:
        """How many shares are still to fill."""
        return decimals.subtract(self.quantity, self.filled_quantity)

    def add_execution(self, execution: OrderExecution) -> None:
        """
        Record a fill: quantity, commission and average price stay exact, the status becomes (partially) filled.

        `ValueError` for an execution of another order, one of more than remains, one that was added before, or any on
        a complete order; the order then stays as it was.
        """
        self._check(execution)
        self.executions.append(execution)
        self.filled_quantity = decimals.add(self.filled_quantity, execution.quantity)
        self.total_commission = decimals.add(self.total_commission, execution.commission)
        self.avg_fill_price = self._average(execution)
        filled = self.filled_quantity == self.quantity
        self.status = OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED

    def reject(self, reason: RejectionReason, message: str, at: datetime) -> None:
        """Make it a rejected order, and say why and when."""
        self.status = OrderStatus.REJECTED
        self.rejection_reason, self.rejection_message, self.rejected_at = reason, message, at

    def copy(self) -> Order:
        """An equal order that shares nothing mutable with this one."""
        return replace(self, executions=list(self.executions))

    def _average(self, newest: OrderExecution) -> Decimal:
        """Summed anew from all executions: a running average would round at each."""
        if len(self.executions) == 1:
            return newest.price
        value = Decimal(0)
        for execution in self.executions:
            value = decimals.add(value, decimals.multiply(execution.quantity, execution.price))
        return decimals.divide(value, self.filled_quantity)

    def _check(self, execution: OrderExecution) -> None:
        what = f"execution {execution.execution_id} of order {self.order_id}"
        if execution.order_id != self.order_id:
            raise ValueError(f"{what}: it is of order {execution.order_id}")
        if self.is_complete():
            raise ValueError(f"{what}: the order is {self.status} already")
        numbers = {"quantity": execution.quantity, "price": execution.price, "commission": execution.commission}
        for name, number in numbers.items():  # of as many digits as the exact sums and products have
            if not number.is_finite() or number < 0 or (number == 0 and name != "commission"):
                raise ValueError(f"{what}: {name} must be finite and more than zero, not {number}")
        if execution.quantity > self.remaining_quantity():
            raise ValueError(f"{what}: {execution.quantity} shares are more than the {self.remaining_quantity()} left")
        if any(other.execution_id == execution.execution_id for other in self.executions):
            raise ValueError(f"{what}: it was added before")
