"""The validator: what makes an order senseless, and what an account cannot carry."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading import SYMBOL, buy, sell

from ckptstore.execution import Order, OrderValidator, RejectionReason, ValidationResult

NO_SHARES: dict[str, Decimal] = {}


def judge(
    order: Order,
    cash: str = "1000",
    positions: dict[str, Decimal] = NO_SHARES,
    price: str | None = "100",
) -> ValidationResult:
    """What a validator with its own limits says, with a price of the symbol or without."""
    prices = None if price is None else {SYMBOL: Decimal(price)}
    return OrderValidator().validate(order, Decimal(cash), positions, prices)


def test_valid() -> None:
    """An order that can be carried is valid, and nothing is said about it."""
    assert judge(buy(quantity="10")) == ValidationResult(is_valid=True, rejection_reason=None, message=None)


@pytest.mark.parametrize("quantity", ["0.001", "1000000"])
def test_quantity_at_its_limits(quantity: str) -> None:
    """The smallest and the largest quantity are allowed."""
    assert judge(buy(quantity=quantity), cash="100000000").is_valid


@pytest.mark.parametrize("quantity", ["0.0009", "1000000.1", "0", "-1", "NaN", "sNaN", "Infinity", "1e-200", "1e200"])
def test_quantity_out_of_range(quantity: str) -> None:
    """Beyond its limits, and where it is no number at all, a quantity is invalid, and the message names it."""
    result = judge(buy(quantity=quantity), cash="100000000")

    assert (result.is_valid, result.rejection_reason) == (False, RejectionReason.INVALID_QUANTITY)
    assert str(Decimal(quantity)) in (result.message or "")


def test_own_limits() -> None:
    """The limits can be set, and must make sense."""
    validator = OrderValidator(min_order_quantity=Decimal(5), max_order_quantity=Decimal(6))

    assert validator.validate(buy(quantity="5"), Decimal(0), {}).is_valid
    assert not validator.validate(buy(quantity="4"), Decimal(0), {}).is_valid
    with pytest.raises(ValueError, match="more than the maximum"):
        OrderValidator(Decimal(6), Decimal(5))
    with pytest.raises(ValueError, match="min_order_quantity must be more than zero"):
        OrderValidator(Decimal(0))


def test_affordable_at_current_price() -> None:
    """A market buy may cost all there is at the current price, and no more."""
    assert judge(buy(quantity="10"), cash="1000").is_valid
    assert judge(buy(quantity="10"), cash="999.99").rejection_reason is RejectionReason.INSUFFICIENT_FUNDS


def test_affordable_at_limit_price() -> None:
    """A limit buy is judged by its limit, not by the current price."""
    assert judge(buy(limit_price=Decimal(90)), cash="900").is_valid
    assert judge(buy(limit_price=Decimal(91)), cash="900").rejection_reason is RejectionReason.INSUFFICIENT_FUNDS


def test_no_price_no_question() -> None:
    """Without a limit and a current price nobody can say whether a buy is affordable, so it passes."""
    assert judge(buy(), cash="0", price=None).is_valid


def test_sell_needs_the_position() -> None:
    """A sell may sell all that is held, and no more."""
    held = {SYMBOL: Decimal(10)}

    assert judge(sell(quantity="10"), positions=held).is_valid
    result = judge(sell(quantity="10.001"), positions=held)
    assert result.rejection_reason is RejectionReason.INSUFFICIENT_FUNDS
    assert result.message == "insufficient position: selling 10.001 AAPL with 10 held"


@pytest.mark.parametrize("price", [None, Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_limit_and_stop_need_their_price(price: Decimal | None) -> None:
    """A limit or stop order without a positive price of its own is refused, and the message says which is missing."""
    for order, name in ((buy(limit_price=price), "limit_price"), (buy(stop_price=price), "stop_price")):
        result = judge(order)

        assert (result.is_valid, result.rejection_reason) == (False, RejectionReason.UNKNOWN)
        assert name in (result.message or "")


def test_symbol_is_needed() -> None:
    """An order of no symbol is refused."""
    assert judge(buy(symbol="")).rejection_reason is RejectionReason.INVALID_SYMBOL
