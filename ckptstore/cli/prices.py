"""The prices that the demo plays: real ones, bundled."""

from __future__ import annotations

import pkgutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

APART = timedelta(seconds=10)
"""From the price of one share to that of the next, on the same day."""


class Tick(NamedTuple):
    """The price of one share, in US dollars, and when it becomes known."""

    at: datetime
    symbol: str
    price: Decimal


def read() -> list[Tick]:
    """All ticks, in the order of their times: days, and within a day, for which there are no times, symbols."""
    text = (pkgutil.get_data("ckptstore.cli", "stocks.csv") or b"").decode()
    rows = [line.split(",") for line in text.splitlines()[2:]]  # below the source and the names of the columns
    ticks = []
    for day, of_day in groupby(rows, key=lambda row: row[0]):
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        ticks += [Tick(start + i * APART, symbol, Decimal(price)) for i, (_, symbol, price) in enumerate(of_day)]
    return ticks
