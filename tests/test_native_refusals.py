"""What native writing leaves to tags: all that would not come back equal and of the same type."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from everything import Fill, Level, Quote, Side, Slotted, everything

from ckptstore import native, shapes

T = TypeVar("T")


@pytest.fixture(autouse=True)
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write small states natively as well."""
    monkeypatch.setattr(native, "SMALL", 0)


class Pair(enum.Enum):
    """Values that JSON does not hold."""

    A = (1, 2)


class Number(enum.IntEnum):
    """Members that are int themselves."""

    ONE = 1


class Loud(str):
    """A str that would come back as a plain one."""

    __slots__ = ()


# Values


class Nameless(tzinfo):
    """A zone of one's own, at no distance from UTC."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        """None."""
        return timedelta(0)

    def dst(self, _: datetime | None) -> timedelta:
        """None."""
        return timedelta(0)

    def tzname(self, _: datetime | None) -> str:
        """One of its own."""
        return "own"


@pytest.mark.parametrize(
    "changes",
    [
        {"none": 0},
        {"flag": 1},
        {"count": True},
        {"count": 2**64},
        {"count": -(2**63) - 1},
        {"count": 1.0},
        {"count": Number.ONE},
        {"ratio": 1},
        {"ratio": float("nan")},
        {"ratio": float("-inf")},
        {"text": Loud("x")},
        {"text": "\ud800"},
        {"text": b"x"},
        {"text": None},
        {"blob": bytearray(b"x")},
        {"blob": "eA=="},
        {"money": "1.10"},
        {"money": 1},
        {"money": float("nan")},
        {"moment": "2024-01-01"},
        {"moment": date(2024, 1, 1)},
        {"moment": datetime(2024, 1, 1, fold=1)},  # noqa: DTZ001 - a state
        {"moment": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
        {"moment": datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "Z"))},
        {"moment": datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1)))},
        {"moment": datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))},
        {"moment": datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))},
        {"moment": datetime(2024, 1, 1, tzinfo=Nameless())},
        {"day": datetime(2024, 1, 1)},  # noqa: DTZ001 - a state
        {"clock": time(1, fold=1)},
        {"clock": time(1, tzinfo=timezone(timedelta(hours=1)))},
        {"id": "00000000-0000-0000-0000-000000000001"},
        {"side": "buy"},
        {"side": Level.LOW},
        {"level": 1},
        {"choice": "c"},
        {"choice": Loud("a")},
        {"fills": ()},
        {"fills": [None]},
        {"fills": [Slotted(1)]},
        {"fills": [Fill(Decimal(1), None)]},  # type: ignore[arg-type] # this is the test
        {"quotes": {1: Quote(1)}},
        {"quotes": {"\ud800": Quote(1)}},
        {"quotes": {Loud("a"): Quote(1)}},
        {"quotes": {"a": {"bidPrice": 1}}},
        {"pair": (1, "x", 2)},
        {"pair": [1, "x"]},
        {"pair": (1,)},
        {"row": [Slotted(1)]},
        {"nothing": (1,)},
        {"mixed": (1,)},
        {"mixed": 1.5},
    ],
)
def test_not_as_declared(changes: dict[str, Any]) -> None:
    """A value that is not exactly what its field says, or that JSON would change, leaves the state to tags."""
    assert native.dumps(everything(**changes)) is None


def test_a_field_that_is_not_set() -> None:
    """A record whose field was deleted is left to tags, which name it."""
    state = Slotted(1)
    object.__delattr__(state, "x")

    assert native.dumps(state) is None


@dataclasses.dataclass
class Defaulted:
    """A dataclass whose class has the value of a field."""

    x: int = 1


def test_a_field_that_only_the_class_has() -> None:
    """An instance that has no attribute of its own for a field is left to tags, which write the class's."""
    state = Defaulted()
    assert native.dumps(state) is not None
    del state.x

    assert native.dumps(state) is None


@dataclasses.dataclass
class Special(Fill):
    """A subclass with a field more."""

    more: int = 0


def test_a_subclass_in_a_field() -> None:
    """A subclass of what a field says would come back as its base, so it is not written."""
    assert native.dumps(everything(fills=[Special(Decimal(1), datetime(2024, 1, 1))])) is None  # noqa: DTZ001 - a state
    assert native.dumps(Special(Decimal(1), datetime(2024, 1, 1))) is not None  # noqa: DTZ001 - a state


# Types


@dataclasses.dataclass
class Tree:
    """A record within itself."""

    children: list[Tree]


class Omitting(msgspec.Struct, omit_defaults=True):
    """Leaves out what tags write."""

    x: int = 0


class Listed(msgspec.Struct, array_like=True):
    """Is a list in JSON."""

    x: int


@dataclasses.dataclass
class Box(Generic[T]):
    """Has a field of any type."""

    x: T


@dataclasses.dataclass
class Unknown:
    """Has an annotation that means nothing."""

    x: Nothing  # type: ignore[name-defined]  # noqa: F821 - this is the test


@dataclasses.dataclass
class Mapping(dict[str, int]):
    """Is a dict to msgspec."""

    x: int = 0


@dataclasses.dataclass
class Seeded:
    """Has a field that is none."""

    seed: dataclasses.InitVar[int]


@pytest.mark.parametrize(
    "hint",
    [
        Any,
        object,
        list,
        dict,
        tuple,
        set[int],
        frozenset[str],
        dict[int, int],
        list[Any],
        int | float,
        Decimal | float,
        Decimal | str,
        date | datetime,
        list[int] | tuple[int, ...],
        Pair,
        Number,
        Tree,
        Omitting,
        Listed,
        Box[int],
        Unknown,
        Mapping,
        Seeded,
        complex,
        Literal[1, "a"],
        "Nothing",
        msgspec.Raw,
        msgspec.UnsetType | int,
    ],
    ids=str,
)
def test_types_that_say_too_little(hint: Any) -> None:  # noqa: ANN401 - any annotation
    """A class with a field whose type leaves anything open is not written natively."""
    kind = dataclasses.make_dataclass("Kind", [("x", hint)])

    assert shapes.of_class(kind) is None


@pytest.mark.parametrize(
    "state", [None, {}, [Fill], Fill, Omitting(1), Listed(1), Box(1), Tree([]), Mapping(), Side.BUY]
)
def test_no_such_record(state: object) -> None:
    """Only a dataclass or Struct of known and exact fields is written natively."""
    assert native.dumps(state) is None
