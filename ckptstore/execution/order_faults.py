"""What in one order contradicts itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ckptstore.execution import decimals
from ckptstore.execution.orders import Order, OrderStatus, OrderType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ZERO = Decimal(0)
_MUCH = Decimal(10) ** decimals.DIGITS
_NEVER = (None,) * 4
_TOTALS = ("filled_quantity", "avg_fill_price", "total_commission")


def faults_of(order: Order) -> Iterable[str]:
    """Each as the place within the order and what is wrong there: `.filled_quantity: -1 is negative`."""
    return () if _is_plain(order) else _faults(order)


def _is_plain(order: Order) -> bool:
    """Whether `order` is one of those that most complete orders are, filled at once, and sound: a quick look."""
    if (order.rejected_at, order.rejection_reason, order.rejection_message, order.cancelled_at) != _NEVER:
        return False
    if order.status is not OrderStatus.FILLED or len(order.executions) != 1:
        return False
    only = order.executions[0]
    try:
        return (
            only.order_id == order.order_id
            and 0 < only.quantity == order.quantity == order.filled_quantity < _MUCH
            and 0 < only.price == order.avg_fill_price < _MUCH
            and 0 <= only.commission == order.total_commission < _MUCH
        )
    except InvalidOperation:  # NaN
        return False


def _faults(order: Order) -> Iterator[str]:
    wrong = list(_wrong_numbers(order))
    yield from wrong
    if not wrong:
        yield from _wrong_totals(order)
        yield from _wrong_status(order)
    if order.status is not OrderStatus.REJECTED:
        for name in ("rejected_at", "rejection_reason", "rejection_message"):
            if getattr(order, name) is not None:
                yield f".{name}: the order is {order.status}"
    if order.status is not OrderStatus.CANCELLED and order.cancelled_at is not None:
        yield f".cancelled_at: the order is {order.status}"


def _wrong_numbers(order: Order) -> Iterator[str]:
    for name in _TOTALS:
        value = getattr(order, name)
        if not value.is_finite():
            yield f".{name}: {value} is no number"
        elif value < 0:
            yield f".{name}: {value} is negative"
    if order.status is OrderStatus.REJECTED and not order.executions:
        return  # perhaps just for that
    if not decimals.is_positive(order.quantity):
        yield f".quantity: {order.quantity} is no number of shares to trade"
    for kind, name in ((OrderType.LIMIT, "limit_price"), (OrderType.STOP, "stop_price")):
        price = getattr(order, name)
        if order.order_type is kind and (price is None or not decimals.is_positive(price)):
            yield f".{name}: {price} is no price"


def _wrong_totals(order: Order) -> Iterator[str]:
    """Add the executions once more, to an order that has none yet."""
    again = replace(
        order,
        status=OrderStatus.NEW,
        executions=[],
        filled_quantity=_ZERO,
        avg_fill_price=_ZERO,
        total_commission=_ZERO,
    )
    for index, execution in enumerate(order.executions):
        try:
            again.add_execution(execution)
        except (ValueError, ArithmeticError) as exc:
            yield f".executions[{index}]: {exc}"
    for name in _TOTALS:
        if getattr(again, name) != getattr(order, name):
            yield f".{name}: is {getattr(order, name)}, but the executions add up to {getattr(again, name)}"


def _wrong_status(order: Order) -> Iterator[str]:
    if order.status is OrderStatus.REJECTED and not order.executions:
        return
    filled, whole = order.filled_quantity, order.quantity
    fits = {
        OrderStatus.NEW: not filled,
        OrderStatus.SUBMITTED: not filled,
        OrderStatus.PARTIALLY_FILLED: 0 < filled < whole,
        OrderStatus.FILLED: filled == whole,
    }
    if not fits.get(order.status, filled < whole):
        yield f".status: is {order.status} with {filled} of {whole} filled"
