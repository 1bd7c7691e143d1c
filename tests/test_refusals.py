"""What a save refuses: the place is named, the reason, and what to store instead."""

from __future__ import annotations

import collections
import dataclasses
import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable


JSON = JsonSerializer()


class Side(enum.Enum):
    """A plain Enum."""

    BUY = "buy"
    ONE = 1
    LIST = [1]  # noqa: RUF012 - a value, not a default
    ODD = collections.Counter("a")  # noqa: RUF012 - as above


class Number(enum.IntEnum):
    """An Enum that is an int as well."""

    ONE = 1


class Word(enum.StrEnum):
    """An Enum that is a str as well."""

    A = "a"


class Pair(NamedTuple):
    """A tuple that is more than a tuple."""

    a: int
    b: int


class Moment(datetime):
    """A datetime that is more than a datetime, such as those of pandas."""


@dataclasses.dataclass
class Order:
    """A dataclass."""

    price: Any
    size: int = dataclasses.field(default=1, init=False)


@dataclasses.dataclass(frozen=True)
class Key:
    """A dataclass with a hash."""

    a: int = 1


@dataclasses.dataclass
class Dict(dict[str, int]):
    """A dataclass that is a dict as well."""

    a: int = 1


class Fixed(Key, enum.Enum):
    """An Enum whose members are dataclasses as well."""

    A = 1


class Quote(msgspec.Struct, rename="camel", frozen=True):
    """A Struct that is stored under other names."""

    bid_price: Any


class Place(msgspec.Struct, array_like=True):
    """A Struct that is a list, where nothing can be left out."""

    x: int | msgspec.UnsetType
    y: int


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"orders": [0, 0, 0, Order(collections.OrderedDict())]},
            r'state["orders"][3].price: OrderedDict cannot be stored',
        ),
        (
            collections.OrderedDict(),
            "state: OrderedDict cannot be stored: it would come back as a plain dict, so store",
        ),
        (collections.Counter(), "Counter cannot be stored: it would come back as a plain dict"),
        (Pair(1, 2), "Pair cannot be stored: it would come back as a plain tuple"),
        (Moment(2024, 1, 1, tzinfo=UTC), "Moment cannot be stored: it would come back as a plain datetime"),
        (Dict(), "Dict cannot be stored: it would come back as a plain dict"),
        ([Number.ONE], "state[0]: Number cannot be stored: store its .value"),
        ({Word.A: 1}, "list(state)[0]: Word cannot be stored: store its .value"),
        (np.float64(1), "state: numpy.float64 cannot be stored: store its .item()"),
        (np.bool_(1), "numpy.bool cannot be stored: store its .item()"),
        (np.ma.array([1]), "MaskedArray cannot be stored: store numpy.asarray(…) of it"),
        (np.array([None]), "a numpy array of dtype object cannot be stored: store its .tolist()"),
        (bytearray(), "bytearray cannot be stored: store bytes(…) of it"),
        (1j, "complex cannot be stored: store its parts in a dict"),
        (print, "builtin_function_or_method cannot be stored: store its parts"),
        (Order, "type cannot be stored"),
        ([msgspec.UNSET], "state[0]: UnsetType cannot be stored"),
        (
            datetime(2024, 1, 1, tzinfo=type("Own", (ZoneInfo,), {})("UTC")),
            "the zone tests.test_refusals.Own cannot be stored",
        ),
        ({'a"b': 1j}, "state['a\"b']: complex"),
        ({"a" * 99: 1j}, f'state["{"a" * 59}…]: complex'),
        ({(1, "a"): [1j]}, "state[(1, 'a')][0]: complex"),
        ({10**5000: 1j}, "state[int]: complex"),
        ({1: 1, (1, 1j): 2}, "list(state)[1][1]: complex"),
        ({1j}, "list(state)[0]: complex"),
        (Quote([1j]), "state.bid_price[0]: complex"),
        ([Place(msgspec.UNSET, 1)], "state[0].x: UnsetType cannot be stored"),
        ({"a": (0, {"b": 1j})}, 'state["a"][1]["b"]: complex'),
        ([Side.ODD], "state[0].value: Counter cannot"),
        ([{Key(): 1}], "state[0]: Key comes back as a dict, which is no key or element: use a tuple"),
        ({(1, Quote(1))}, "state: Quote comes back as a dict"),
        ({Side.LIST}, "state: an Enum member whose value has no hash"),
        ({Side.BUY: 1, "buy": 2}, "state: two keys or elements become one"),
        ({(Side.ONE,), (True,)}, "state: two keys or elements become one"),
        ({frozenset({Side.ONE}), frozenset({1})}, "state: two keys or elements become one"),
        (Fixed.A, "state: Fixed cannot be stored: store its .value"),
    ],
)
def test_refused(state: object, message: str) -> None:
    """What could not come back as it is, is a TypeError that says where it is and what to store."""
    with pytest.raises(TypeError) as caught:
        JSON.dumps(state)

    assert message in str(caught.value)


def test_refused_unset_field() -> None:
    """A dataclass that lacks one of its fields is refused by name."""
    order = Order(1)
    del order.price

    with pytest.raises(TypeError, match=r"state\[0\]: a field of this Order is not set \(.*'price'"):
        JSON.dumps([order])


def nested(levels: int, wrap: Callable[[Any], Any], state: Any = 1) -> Any:  # noqa: ANN401 - any container
    """Containers in one another."""
    for _ in range(levels):
        state = wrap(state)
    return state


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda x: [x],
    "dict": lambda x: {"a": x},
    "tuple": lambda x: (x,),
    "pairs": lambda x: {1: x},
    "frozenset": lambda x: frozenset({x}),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_levels(wrap: Callable[[Any], Any]) -> None:
    """200 levels of containers come back, whatever they are, and what the innermost holds is no level."""
    state = nested(200, wrap, Decimal("1.10"))

    assert JSON.loads(JSON.dumps(state)) == state


@pytest.mark.parametrize("wrap", [*WRAPS.values(), Order], ids=[*WRAPS, "dataclass"])
def test_too_many_levels(wrap: Callable[[Any], Any]) -> None:
    """The 201st level is a ValueError."""
    with pytest.raises(ValueError, match=r"^(state|list\().*: more than 200 levels cannot be stored$"):
        JSON.dumps(nested(201, wrap))


def test_levels_of_keys() -> None:
    """A key counts its levels as a value does."""
    with pytest.raises(ValueError, match=r"^list\(state\)\[0\].*: more than 200 levels cannot be stored$"):
        JSON.dumps({nested(2000, WRAPS["tuple"]): 1})


def test_no_blow_up() -> None:
    """A state of many levels is walked once, whatever the order of its kinds of keys."""
    state = nested(60, lambda x: {"a": x, 1: 0})

    assert JSON.loads(JSON.dumps(state)) == state


def test_cycle() -> None:
    """A cycle is a ValueError that says what is inside of what."""
    loop: list[Any] = [1]
    loop.append({"a": (loop,)})

    with pytest.raises(
        ValueError, match=r'^state\["x"\]\[1\]\["a"\]\[0\] is state\["x"\] again: a cycle cannot be stored$'
    ):
        JSON.dumps({"x": loop})


def test_cycle_of_records() -> None:
    """A cycle through a dataclass is found as well."""
    order = Order(None)
    order.price = {1: order}

    with pytest.raises(ValueError, match=r"^state.price\[1\] is state again: a cycle cannot be stored$"):
        JSON.dumps(order)


def test_shared() -> None:
    """What a state holds twice is no cycle: it is stored twice."""
    part = [1]

    assert JSON.dumps([part, part, {"a": part}]) == b'[[1],[1],{"a":[1]}]'
