"""Random record classes and states of them, as they are declared or with something else in a field."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union
from uuid import UUID

import msgspec
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable


class Color(enum.Enum):
    """Values that are str."""

    RED = "red"
    BLUE = ""


class Bit(enum.Enum):
    """Values that are int."""

    ZERO = 0
    ONE = 1


class Text(str):
    """A subclass."""

    __slots__ = ()


class Typed(NamedTuple):
    """A type, the JSON that it is, and states of it."""

    hint: Any
    json: str
    states: st.SearchStrategy[Any]


def _unfolded(moment: Any) -> Any:  # noqa: ANN401 - a datetime or a time
    return moment.replace(fold=0)


_DECIMALS = st.decimals() | st.sampled_from(
    [Decimal("-0E-7"), Decimal("sNaN12"), Decimal("1E+999999"), Decimal("-Inf")]
)
_ZONES = st.sampled_from([None, UTC])
_NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
_SCALARS = [
    Typed(None, "null", st.none()),
    Typed(bool, "bool", st.booleans()),
    Typed(int, "number", st.integers(-(2**63), 2**64 - 1)),
    Typed(float, "number", st.floats(allow_nan=False, allow_infinity=False)),
    Typed(str, "str", _NAMES),
    Typed(bytes, "str", st.binary(max_size=5)),
    Typed(Decimal, "str number", _DECIMALS),
    Typed(datetime, "str", st.datetimes(timezones=_ZONES).map(_unfolded)),
    Typed(date, "str", st.dates()),
    Typed(time, "str", st.times(timezones=_ZONES).map(_unfolded)),
    Typed(timedelta, "str", st.timedeltas()),
    Typed(UUID, "str", st.uuids()),
    Typed(Color, "str", st.sampled_from(Color)),
    Typed(Bit, "number", st.sampled_from(Bit)),
    Typed(Literal["a", "$b"], "str", st.sampled_from(["a", "$b"])),
    Typed(Literal[1, 2], "number", st.sampled_from([1, 2])),
]
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, 1, 2**64, 1.0, float("nan"), float("inf"), "", "a", "red", "\ud800", Text("a"), b"", b"a"),
        *(Decimal("NaN"), Decimal(1), (), (1,), [], ["a"], {}, {"a": 1}, {1: "a"}, {"\ud800": 1}, set(), Color.RED),
        *(Bit.ONE, "2024-01-01", date(2024, 1, 1), datetime(2024, 1, 1, fold=1), time(1, fold=1), timedelta(1)),  # noqa: DTZ001 - states
        *(datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "Z")), time(1, tzinfo=timezone(timedelta(hours=1)))),
    ],
)


def records(*, odd: bool) -> st.SearchStrategy[tuple[Any, Any]]:
    """Pairs of a record class and an instance; with `odd`, some of its values are not what their field says."""
    return _record(_value(3, odd), odd).flatmap(lambda made: st.tuples(st.just(made.hint), made.states))


def _value(depth: int, odd: bool) -> st.SearchStrategy[Typed]:
    scalars = st.sampled_from(_SCALARS)
    if not depth:
        return _oddly(scalars, odd)
    part = st.deferred(lambda: _value(depth - 1, odd))
    groups = st.one_of(
        part.map(lambda of: Typed(list[of.hint], "array", st.lists(of.states, max_size=3))),  # type: ignore[name-defined]
        part.map(lambda of: Typed(tuple[of.hint, ...], "array", st.lists(of.states, max_size=3).map(tuple))),  # type: ignore[name-defined]
        part.map(lambda of: Typed(dict[str, of.hint], "object", st.dictionaries(_NAMES, of.states, max_size=3))),  # type: ignore[name-defined]
        st.lists(part, max_size=3).map(_fixed),
        _record(part, odd),
        st.lists(part, min_size=2, max_size=4).map(_union),
    )
    return _oddly(scalars | groups, odd)


def _oddly(values: st.SearchStrategy[Typed], odd: bool) -> st.SearchStrategy[Typed]:
    if not odd:
        return values
    return values.map(lambda of: of._replace(states=st.integers(0, 9).flatmap(lambda n: of.states if n else _ODD)))


def _fixed(parts: list[Typed]) -> Typed:
    states = st.tuples(*(part.states for part in parts))
    return Typed(tuple[tuple(part.hint for part in parts)], "array", states)  # type: ignore[misc]


def _union(parts: list[Typed]) -> Typed:
    """A union of those parts that differ in JSON."""
    taken: list[Typed] = []
    for part in parts:
        if not any(set(part.json.split()) & set(other.json.split()) for other in taken):
            taken.append(part)
    kinds = " ".join(part.json for part in taken)
    return Typed(Union[tuple(part.hint for part in taken)], kinds, st.one_of([part.states for part in taken]))  # noqa: UP007 - of data


_MAKERS: list[Callable[[list[tuple[str, Any]]], Any]] = [
    lambda fields: dataclasses.make_dataclass("Record", fields),
    lambda fields: dataclasses.make_dataclass("Slotted", fields, slots=True, frozen=True),
    lambda fields: msgspec.defstruct("Struct", fields),
    lambda fields: msgspec.defstruct("Tagged", fields, tag=True, rename="upper"),
]


def _record(part: st.SearchStrategy[Typed], odd: bool) -> st.SearchStrategy[Typed]:
    def made(parts: list[Typed], maker: Callable[[list[tuple[str, Any]]], Any]) -> Typed:
        kind = maker([(f"f{index}", part.hint) for index, part in enumerate(parts)])
        return Typed(kind, "object", st.builds(kind, *(part.states for part in parts)))

    return _oddly(st.builds(made, st.lists(part, max_size=4), st.sampled_from(_MAKERS)), odd)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - states
    """Whether two states are equal, to the last type, order and sign of zero."""
    if type(one) is not type(other):
        return False
    parts = _parts(one)
    if parts is not None:
        others = _parts(other) or []
        return len(parts) == len(others) and all(map(same, parts, others))
    if isinstance(one, (datetime, time)) and one.tzinfo is not other.tzinfo:
        return False
    return repr(one) == repr(other)


def _parts(of: Any) -> list[Any] | None:  # noqa: ANN401 - a state
    if isinstance(of, dict):
        return [part for pair in of.items() for part in pair]
    if dataclasses.is_dataclass(of):
        return [getattr(of, field.name) for field in dataclasses.fields(of)]
    if isinstance(of, msgspec.Struct):
        return list(msgspec.structs.astuple(of))
    return list(of) if isinstance(of, (list, tuple)) else None
