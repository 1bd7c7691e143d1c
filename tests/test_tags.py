"""A state as JSON: the bytes of every tag, what is refused and how its place is named."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from ckptstore.serializers import JsonSerializer
from ckptstore.tags import tag

JSON = JsonSerializer()
NAN = float("nan")


class Side(enum.Enum):
    """A plain Enum."""

    BUY = "buy"
    SELL = ("s", 1)
    ONE = 1


class Flags(enum.Flag):
    """An Enum whose members can be combined."""

    A = 1
    B = 2


@dataclasses.dataclass
class Order:
    """A dataclass."""

    price: Any
    size: int = dataclasses.field(default=1, init=False)


class Quote(msgspec.Struct, tag="q", rename="camel", frozen=True):
    """A Struct with a tag and other names."""

    bid_price: Any
    sent_at: int | msgspec.UnsetType = msgspec.UNSET


class Point(msgspec.Struct, array_like=True, tag="p"):
    """A Struct that is a list."""

    x: float
    y: float = 0.0


class Dollar(msgspec.Struct, rename={"a": "$decimal"}):
    """A Struct that looks like a tag."""

    a: str


@pytest.mark.parametrize(
    ("state", "data"),
    [
        ({"a": [None, True, 1, -0.0, 1.5, "é"], "b": {}}, '{"a":[null,true,1,-0.0,1.5,"é"],"b":{}}'),
        ((1, (2,)), '{"$tuple":[1,{"$tuple":[2]}]}'),
        ({"b", "a"}, '{"$set":["a","b"]}'),
        ({10, 9}, '{"$set":[9,10]}'),
        ({(2, 1), 1.5, "a", True}, '{"$set":["a",1.5,true,{"$tuple":[2,1]}]}'),
        (frozenset({frozenset()}), '{"$frozenset":[{"$frozenset":[]}]}'),
        ([NAN, float("inf"), -float("inf")], '[{"$float":"nan"},{"$float":"inf"},{"$float":"-inf"}]'),
        ([2**64 - 1, -(2**63)], "[18446744073709551615,-9223372036854775808]"),
        ([2**64, -(2**63) - 1], '[{"$int":"0x10000000000000000"},{"$int":"-0x8000000000000001"}]'),
        (b"\x00\xff", '{"$bytes":"AP8="}'),
        (
            [Decimal("1.10"), Decimal("-0"), Decimal("NaN")],
            '[{"$decimal":"1.10"},{"$decimal":"-0"},{"$decimal":"NaN"}]',
        ),
        (datetime(2024, 1, 1, tzinfo=UTC), '{"$datetime":"2024-01-01T00:00:00+00:00"}'),
        (
            datetime(2024, 10, 27, 2, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
            '{"$datetime":"2024-10-27T02:00:00+01:00[Europe/Berlin][_fold=1]"}',
        ),
        (date(2024, 1, 1), '{"$date":"2024-01-01"}'),
        (time(12, 30), '{"$time":"12:30:00"}'),
        (timedelta(days=-1, seconds=2, microseconds=3), '{"$timedelta":[-1,2,3]}'),
        (UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
        ("a\\\ud800é", '{"$str":"a\\\\u005c\\\\ud800é"}'),
        (["\\", {"\udfff": "\\"}], '["\\\\",{"$dict":[[{"$str":"\\\\udfff"},"\\\\"]]}]'),
        ({1: "a", None: b"b"}, '{"$dict":[[1,"a"],[null,{"$bytes":"Yg=="}]]}'),
        ({"$": 1}, '{"$dict":[["$",1]]}'),
        ({"$decimal": "1"}, '{"$dict":[["$decimal","1"]]}'),
        ({"$a": 1, "$b": 2}, '{"$a":1,"$b":2}'),
        (
            np.array([[1, 2]], ">u2"),
            '{"$ndarray":{"dtype":">u2","shape":[1,2],"order":"C","data":"AAEAAg=="}}',
        ),
    ],
)
def test_golden(state: object, data: str) -> None:
    """These bytes are the format: they stand for this state, today and in every later version."""
    back = JSON.loads(data.encode())

    assert JSON.dumps(state).decode() == data
    assert (type(back), JSON.dumps(back).decode()) == (type(state), data)


@pytest.mark.parametrize(
    ("state", "data"),
    [
        (Order(Decimal(1)), '{"price":{"$decimal":"1"},"size":1}'),
        (Quote((1,)), '{"type":"q","bidPrice":{"$tuple":[1]}}'),
        (Quote(1, 2), '{"type":"q","bidPrice":1,"sentAt":2}'),
        (Point(1.0), '["p",1.0,0.0]'),
        (Dollar("1"), '{"$dict":[["$decimal","1"]]}'),
        ([Side.BUY, Side.SELL], '["buy",{"$tuple":["s",1]}]'),
        ({Side.BUY: Side.ONE}, '{"buy":1}'),
        ({Side.ONE: 1, Side.BUY: 2}, '{"$dict":[[1,1],["buy",2]]}'),
        ({(Side.BUY, 1)}, '{"$set":[{"$tuple":["buy",1]}]}'),
        ({"key": Flags.A | Flags.B}, '{"key":3}'),
    ],
)
def test_golden_records(state: object, data: str) -> None:
    """Dataclasses, Structs and Enum members are stored as their fields and values, in these bytes."""
    assert JSON.dumps(state).decode() == data


def test_nothing_to_tag() -> None:
    """A state that JSON holds as it is, is not copied."""
    state = {"a": [1, 2.5, None, {"b": [True, "x"]}], "long": [0.5] * 100, "wide": {str(i): i for i in range(100)}}

    assert tag(state) is state


def test_state_unchanged() -> None:
    """Saving never changes the state: what needs a tag is put into copies."""
    state = {"a": [1, (2, NAN)], "b": {"c": [b""]}, "d": {1: [b""]}}
    same = {"a": [1, (2, NAN)], "b": {"c": [b""]}, "d": {1: [b""]}}

    tag(state)

    np.testing.assert_equal(state, same)


def test_huge_int() -> None:
    """An int may be longer than Python turns into decimal digits."""
    huge = -(10**5000)

    assert JSON.loads(JSON.dumps([huge])) == [huge]


@pytest.mark.parametrize("row", [[1e308] * 20, [2**64] + [0] * 20, [0.5] * 20 + [NAN], [True] * 20 + [b""]])
def test_long_rows(row: list[Any]) -> None:
    """A long row is stored as its values are one by one, whatever the sum of its numbers."""
    assert JSON.dumps(row) == b"[%b]" % b",".join(map(JSON.dumps, row))


@pytest.mark.parametrize(
    "odd", [NAN, 2**64, Decimal(1), (), {"$str": "x"}, {"$str": "x", "b": 1}, {1: 2, 3: 4}, dict.fromkeys(range(20))]
)
def test_one_odd_row_among_many_is_tagged(odd: Any) -> None:  # noqa: ANN401 - any value
    """Rows that are all alike but for one value, or one row, come back exactly."""
    rows = [{"a": n, "b": "x", "c": 0.5, "d": None} for n in range(3)]

    for state in ([*rows, {"a": 1, "b": odd}], [*rows, odd], [*rows, {"b": odd}, *rows]):
        assert repr(JSON.loads(JSON.dumps(state))) == repr(state)


def test_rows_count_as_a_level() -> None:
    """A list of small dicts on the last level but one is stored, on the last it is refused."""
    state: Any = [{"a": 1, "b": 2}]
    for _ in range(198):
        state = [state]

    assert JSON.loads(JSON.dumps(state)) == state
    with pytest.raises(ValueError, match="200 levels"):
        JSON.dumps([state])
