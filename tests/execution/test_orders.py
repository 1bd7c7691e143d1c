"""Orders: their fields, and an order that stays true to its executions."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal, getcontext, localcontext

import pytest
from trading import START, buy

from ckptstore.execution import (
    ActionType,
    Order,
    OrderExecution,
    OrderSide,
    OrderStatus,
    OrderType,
    RejectionReason,
    RiskRuleType,
)


def execution(number: int, quantity: str, price: str = "100", commission: str = "0") -> OrderExecution:
    """An execution of the order `buy`."""
    numbers = (Decimal(quantity), Decimal(price), Decimal(commission))
    return OrderExecution(f"exec-{number}", "buy", START, *numbers, is_partial=True)


@pytest.mark.parametrize("enum", [OrderSide, OrderType, OrderStatus, RejectionReason, RiskRuleType, ActionType])
def test_enum_values(enum: type[OrderSide]) -> None:
    """The value of every member is its name in lower case."""
    assert [member.value for member in enum] == [member.name.lower() for member in enum]


def test_order_fields() -> None:
    """An order has these fields in this order, and those that only the simulator sets have defaults."""
    order = Order("1", "AAPL", OrderSide.BUY, OrderType.MARKET, Decimal(10), START)

    assert [field.name for field in fields(order)] == [
        *("order_id", "symbol", "side", "order_type", "quantity", "created_at", "status", "limit_price", "stop_price"),
        *("submitted_at", "filled_quantity", "avg_fill_price", "total_commission", "executions", "rejected_at"),
        *("rejection_reason", "rejection_message", "cancelled_at"),
    ]
    assert order == replace(order, status=OrderStatus.NEW, filled_quantity=Decimal(0), executions=[], cancelled_at=None)


def test_execution_fields() -> None:
    """An execution has these fields in this order, and none of them can be changed."""
    made = execution(1, "10")

    names = ["execution_id", "order_id", "timestamp", "quantity", "price", "commission", "is_partial"]
    assert [field.name for field in fields(made)] == names
    with pytest.raises(FrozenInstanceError):
        made.price = Decimal(1)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - it is the test


@pytest.mark.parametrize("name", ["limit_price", "stop_price", "filled_quantity", "avg_fill_price", "total_commission"])
def test_order_refuses_floats(name: str) -> None:
    """A float is no amount of money or shares: the digits that were meant are not in it."""
    with pytest.raises(TypeError, match=f"{name} must be a Decimal"):
        Order("1", "AAPL", OrderSide.BUY, OrderType.MARKET, Decimal(1), START, **{name: 0.1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="quantity must be a Decimal"):
        replace(buy(), quantity=0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - it is the test


def test_order_takes_names() -> None:
    """A side or type given as its value becomes the member, and one that does not exist is refused."""
    assert replace(buy(), side="sell").side is OrderSide.SELL  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="hold"):
        replace(buy(), side="hold")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_partial_then_filled() -> None:
    """Executions add up: the quantity, the commission, the value-weighted price, and the status."""
    order = buy(quantity="10")
    order.add_execution(execution(1, "4", "100", "0.4"))

    assert (order.status, order.remaining_quantity(), order.is_complete()) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal(6),
        False,
    )

    order.add_execution(execution(2, "6", "110", "0.6"))

    assert (order.status, order.remaining_quantity(), order.is_complete()) == (OrderStatus.FILLED, Decimal(0), True)
    assert (order.filled_quantity, order.avg_fill_price, order.total_commission) == (
        Decimal(10),
        Decimal(106),
        Decimal(1),
    )
    assert [each.execution_id for each in order.executions] == ["exec-1", "exec-2"]


def test_average_of_one_fill_is_its_price() -> None:
    """However many digits a price has, the average of one fill is that price."""
    price = "0." + "3" * 60
    order = buy(quantity="7")
    order.add_execution(execution(1, "7", price))

    assert order.avg_fill_price == Decimal(price)


def test_average_does_not_drift() -> None:
    """The average of many fills is rounded once, not once per fill."""
    order = buy(quantity="300")
    for number in range(300):
        order.add_execution(execution(number, "1", "0.1" if number % 3 else "0.2"))

    assert order.avg_fill_price == Decimal(40) / 300


def test_context_does_not_matter() -> None:
    """A caller who works with three digits loses none of ours."""
    order = buy(quantity="12345.678")
    with localcontext() as context:
        context.prec = 3
        order.add_execution(execution(1, "12345.677", "1.2345"))

        assert order.remaining_quantity() == Decimal("0.001")
        assert getcontext().prec == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (execution(2, "7"), "more than the 6 left"),
        (execution(1, "1"), "added before"),
        (execution(2, "0"), "quantity must be"),
        (execution(2, "NaN"), "quantity must be"),
        (execution(2, "1", "-1"), "price must be"),
        (execution(2, "1", "1", "Infinity"), "commission must be"),
        (replace(execution(2, "1"), order_id="other"), "of order other"),
    ],
)
def test_wrong_execution(wrong: OrderExecution, message: str) -> None:
    """An execution that cannot be this order's is refused, and the order stays as it was."""
    order = buy(quantity="10")
    order.add_execution(execution(1, "4"))
    before = order.copy()

    with pytest.raises(ValueError, match=message):
        order.add_execution(wrong)

    assert order == before


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED])
def test_complete_order_takes_no_execution(status: OrderStatus) -> None:
    """What is filled, rejected or cancelled is complete, and fills no more."""
    order = replace(buy(), status=status)

    assert order.is_complete()
    with pytest.raises(ValueError, match=f"is {status} already"):
        order.add_execution(execution(1, "1"))


def test_copy_is_apart() -> None:
    """What happens to an order does not happen to its copy."""
    order = buy(quantity="10")
    copy = order.copy()
    order.add_execution(execution(1, "4"))

    assert copy == buy(quantity="10")
