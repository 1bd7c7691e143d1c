"""Exact arithmetic on Decimals: sums and products never round, whatever the caller's decimal context is."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

DIGITS = 100
"""How many digits a number may have on either side of its point."""

# The longest product is price x slippage x quantity, some 510 digits: with 1,000 nothing is ever rounded.
_EXACT = Context(prec=1000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
_ROUNDED = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])

add = _EXACT.add
subtract = _EXACT.subtract
multiply = _EXACT.multiply
divide = _ROUNDED.divide


def decimal(value: object, name: str) -> Decimal:
    """`value` as a Decimal; `TypeError` for anything but a Decimal or an int."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f'{name} must be a Decimal, such as Decimal("0.1"), not {value!r}')


def is_usable(value: Decimal) -> bool:
    """Whether `value` is finite and has at most `DIGITS` digits on either side of its point."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DIGITS and value.adjusted() < DIGITS


def is_positive(value: Decimal) -> bool:
    """Whether `value` is usable and more than zero."""
    return is_usable(value) and value > 0


def positive(value: object, name: str) -> Decimal:
    """`value` as a Decimal; `TypeError` as for `decimal`, `ValueError` unless it is usable and more than zero."""
    number = decimal(value, name)
    if not is_positive(number):
        raise ValueError(f"{name} must be more than zero, finite and of at most {DIGITS} digits, not {number}")
    return number


def not_negative(value: object, name: str) -> Decimal:
    """`value` as a Decimal; `TypeError` as for `decimal`, `ValueError` unless it is usable and zero or more."""
    number = decimal(value, name)
    if not is_usable(number) or number < 0:
        raise ValueError(f"{name} must be zero or more, finite and of at most {DIGITS} digits, not {number}")
    return number
