"""A dataclass with a field of each kind that can be written natively."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import msgspec

UserId = NewType("UserId", int)


class Side(enum.Enum):
    """Values that are str."""

    BUY = "buy"
    SELL = "sell"


class Level(enum.Enum):
    """Values that are int."""

    LOW = 1


@dataclasses.dataclass
class Fill:
    """A record in a record."""

    price: Decimal
    at: datetime


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    """A dataclass without a dict."""

    x: int


class Quote(msgspec.Struct, rename="camel", tag="q"):
    """A Struct whose names differ in JSON."""

    bid_price: int
    side: Side = Side.BUY


@dataclasses.dataclass
class Everything:
    """A field of each kind that can be written natively."""

    none: None
    flag: bool
    count: int
    ratio: float
    text: str
    blob: bytes
    money: Decimal
    moment: datetime
    day: date
    clock: time
    wait: timedelta
    id: UUID
    side: Side
    level: Level | None
    choice: Literal["a", "b"]
    user: UserId
    positive: Annotated[int, msgspec.Meta(gt=0)]
    fills: list[Fill]
    quotes: dict[str, Quote]
    pair: tuple[int, str]
    row: tuple[Slotted, ...]
    nothing: tuple[()]
    mixed: int | str | bool | list[int] | None


def everything(**changes: Any) -> Everything:  # noqa: ANN401 - values of all kinds
    """Give a state with something in each field."""
    moment = datetime(2024, 1, 2, 3, 4, 5, 6, UTC)
    state = Everything(
        none=None,
        flag=True,
        count=-(2**63),
        ratio=-0.0,
        text='é"\\\0\u2028',
        blob=b"\0\xff",
        money=Decimal("1.10"),
        moment=moment,
        day=date(1, 1, 1),
        clock=time(23, 59, 59, 999999),
        wait=timedelta(days=-1, microseconds=1),
        id=UUID(int=1),
        side=Side.SELL,
        level=None,
        choice="b",
        user=UserId(7),
        positive=1,
        fills=[Fill(Decimal("NaN"), moment), Fill(Decimal("-0E-5"), datetime(9999, 12, 31))],  # noqa: DTZ001 - also naive ones
        quotes={"$typed": Quote(1), "": Quote(2, Side.SELL)},
        pair=(1, "x"),
        row=(Slotted(1), Slotted(2)),
        nothing=(),
        mixed=[1, 2],
    )
    return dataclasses.replace(state, **changes)
