"""The prices that the demo plays: real ones, bundled."""

from __future__ import annotations

import pkgutil
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Tick(NamedTuple):
    """The price of one share on one day, in US dollars."""

    day: date
    symbol: str
    price: Decimal


def read() -> list[Tick]:
    """All ticks, in the order of their days, then of their symbols."""
    text = (pkgutil.get_data("ckptstore.cli", "stocks.csv") or b"").decode()
    rows = [line.split(",") for line in text.splitlines()[2:]]  # below the source and the names of the columns
    return [Tick(date.fromisoformat(day), symbol, Decimal(price)) for day, symbol, price in rows]
