"""Typed loads: what fits comes back as its type, and what does not says where."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from ckptstore.errors import VersionMismatch
from ckptstore.fitting import fit
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()


class Side(enum.Enum):
    """Values that are str."""

    BUY = "buy"


class Mixed(enum.Enum):
    """Values that msgspec does not convert to."""

    PAIR = (1, 2)


class Flags(enum.Flag):
    """Values that can be combined."""

    A = 1
    B = 2


@dataclasses.dataclass
class Order:
    """A dataclass."""

    price: Decimal
    side: Side = Side.BUY
    size: Annotated[int, msgspec.Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        """Refuse what no order is."""
        if self.price < 0:
            raise ValueError("the price is below zero")


class Quote(msgspec.Struct, forbid_unknown_fields=True, tag=True):
    """A Struct that takes no other fields."""

    bid: int


class Trade(msgspec.Struct, tag=True):
    """The other Struct of a union."""

    bid: int


@dataclasses.dataclass
class Book:
    """Orders in every kind of container."""

    orders: list[Order]
    named: dict[str, Order] = dataclasses.field(default_factory=dict)
    placed: dict[tuple[int, str], int] = dataclasses.field(default_factory=dict)
    seen: set[int] = dataclasses.field(default_factory=set)
    kind: Literal["a", "b"] = "a"


@dataclasses.dataclass
class Model:
    """A dataclass with arrays."""

    weights: npt.NDArray[np.float64]
    bias: np.ndarray[Any, Any] | None
    flags: Flags


ONE = Decimal(1)
Nested = list[dict[str, dict[int, list[int]]]]


@pytest.mark.parametrize(
    ("state", "type_", "message"),
    [
        ({"orders": [{"price": ONE}, {"price": None}]}, Book, "state.orders[1].price: expected Decimal, got null"),
        ({"orders": [{"price": "1"}]}, Book, "state.orders[0].price: expected Decimal, got str"),
        ({"orders": [{}]}, Book, "state.orders[0]: missing field price"),
        ({"orders": [{"price": -ONE}]}, Book, "state.orders[0]: the price is below zero"),
        ({"orders": [{"price": ONE, "side": "b"}]}, Book, "state.orders[0].side: not one of the values: 'b'"),
        ({"orders": [{"price": ONE, "size": 0}]}, Book, "state.orders[0].size: expected int >= 1"),
        ({"orders": {}}, Book, "state.orders: expected list, got dict"),
        ({"orders": [], "kind": "c"}, Book, "state.kind: not one of the values: 'c'"),
        ({"orders": [], "named": {"a": {"price": 1}}}, Book, 'state.named["a"].price: expected Decimal, got int'),
        (
            {"orders": [], "named": {"a": {"price": ONE}, "b": {"price": None}, "c": {"price": None}}},
            Book,
            'state.named["b"].price: expected Decimal, got null',
        ),
        ([{"a": {1: [2]}, "b": {3: [4], 5: [6, "7"]}}], Nested, 'state[0]["b"][5][1]: expected int, got str'),
        ([{}, {"a": {1: []}, "b": {"x": []}}], Nested, 'list(state[1]["b"])[0]: expected int, got str'),
        ([{"a": {0: [], 1: ["x"]}, "b": {1: ["x"]}}], Nested, 'state[0]["a"][1][0]: expected int, got str'),
        (
            {(1, 2): ({"a": 1},)},
            dict[tuple[int, int], tuple[dict[str, str]]],
            'state[(1, 2)][0]["a"]: expected str, got int',
        ),
        ({"orders": [], "placed": {(1, 2): 3}}, Book, "list(state.placed)[0][1]: expected str, got int"),
        ({"orders": [], "seen": {1.5}}, Book, "state.seen[0]: expected int, got float"),
        (None, Book, "state: expected dict, got null"),
        ({}, Book, "state: missing field orders"),
        ({"type": "Quote", "bid": 1, "x": 1}, Quote, "state: unknown field x"),
        ({"type": "X", "bid": 1}, Quote | Trade, "state.type: Invalid value 'X'"),
        (True, int, "state: expected int, got bool"),
        (1, bool, "state: expected bool, got int"),
        ("2024-01-01", date, "state: expected date, got str"),
        (datetime(2024, 1, 1, tzinfo=UTC), date, "state: expected date, got datetime"),
        ("YQ==", bytes, "state: expected bytes, got str"),
        (1, Decimal, "state: expected Decimal, got int"),
        ("5", int | None, "state: expected int | null, got str"),
        ([1], npt.NDArray[np.float64], "state: expected numpy.ndarray, got list"),
    ],
)
def test_mismatch(state: object, type_: Any, message: str) -> None:  # noqa: ANN401 - also a union
    """A state that does not fit is a VersionMismatch with the place and the reason; nothing is guessed from a str."""
    with pytest.raises(VersionMismatch) as caught:
        fit(state, type_)

    assert str(caught.value) == message


def test_arrays() -> None:
    """Arrays and combined flags fit fields of their type, as they are."""
    model = Model(np.array([0.5, 1]), None, Flags.A | Flags.B)

    back = fit(JSON.loads(JSON.dumps(model)), Model)

    assert back.weights.tolist() == [0.5, 1]
    assert (back.bias, back.flags) == (None, Flags.A | Flags.B)


def test_new_fields() -> None:
    """Fields with a default may be missing, and unknown ones are left out."""
    assert fit({"orders": [{"price": ONE, "gone": 1}]}, Book) == Book([Order(ONE)])


@pytest.mark.parametrize("type_", [Mixed, Decimal | str, date | datetime])
def test_unsupported(type_: Any) -> None:  # noqa: ANN401 - also a union
    """A type that msgspec cannot convert to is a TypeError that names it, not a mismatch."""
    with pytest.raises(TypeError, match="not supported"):
        fit(None, type_)


@dataclasses.dataclass
class Broken:
    """A type with a field that no state can be built into."""

    books: list[Book]
    limits: dict[str, Decimal | str]


def test_unsupported_field() -> None:
    """The TypeError of such a type names the field that is in the way."""
    with pytest.raises(TypeError, match=r"^Broken.limits: no state can be built into this type: .*str"):
        fit({}, list[Broken])


@pytest.mark.parametrize(
    "state", [np.zeros(2), {"a": np.zeros(2)}, [np.zeros(2)]], ids=["whole", "in a dict", "in a list"]
)
@pytest.mark.parametrize("type_", [dict[str, Any], dict[str, Order], list[dict[str, int]], Order, Quote], ids=range(5))
def test_an_array_is_no_dict(state: object, type_: Any) -> None:  # noqa: ANN401 - whatever a load asks for
    """An array in the place of a dict or a record is a mismatch like any other value."""
    try:
        fitted = fit(state, type_)
    except VersionMismatch:
        return

    assert fitted is state or type_ == dict[str, Any]


@pytest.mark.parametrize("state", ["\ud832", {"\ud832": 1}, {"a": "\ud832"}, {"a": 1, "\ud832": "\ud832", "b": None}])
@pytest.mark.parametrize("type_", [list[int], dict[str, int], Order, Side, datetime, None], ids=range(6))
def test_a_text_with_a_surrogate_is_a_mismatch(state: object, type_: Any) -> None:  # noqa: ANN401 - whatever a load asks for
    """A text that no UTF-8 holds, where another value is due, is a mismatch like any other."""
    if (state, type_) == ({"\ud832": 1}, dict[str, int]):
        assert fit(state, type_) == state
        return
    with pytest.raises(VersionMismatch, match=r"^state"):
        fit(state, type_)
