"""Load gives back what save was given: random states of every storable type, untyped and typed."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import UUID  # noqa: TC003 - msgspec reads the annotation
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from exact import exact
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sources import Bytes, written

from ckptstore import buffered, large
from ckptstore.fitting import fit
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()
many = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=1600,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Side(enum.Enum):
    """Values that are str."""

    BUY = "buy"
    SELL = "$sell"


class Level(enum.Enum):
    """Values that are int."""

    LOW = 1
    HIGH = 2**40


@dataclasses.dataclass
class Order:
    """A dataclass of every kind of field."""

    id: UUID
    price: Decimal
    at: datetime
    until: date | None
    clock: time
    wait: timedelta
    side: Side
    note: str
    weight: float
    count: int
    raw: bytes
    either: int | str | None
    tags: frozenset[str]
    seen: set[tuple[int, Level]]
    legs: list[tuple[str, Decimal]]
    parent: Order | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Book:
    """Containers of records, and keys that JSON has not."""

    orders: tuple[Order, ...]
    by_side: dict[Side, list[Order]]
    by_place: dict[tuple[int, str], float]
    by_day: dict[date, Level]


class Quote(msgspec.Struct, tag="q", tag_field="kind", rename="camel"):
    """A Struct that is stored under other names, with a tag."""

    bid_price: Decimal | None
    ask_price: float
    sent_at: datetime | msgspec.UnsetType = msgspec.UNSET


class Trade(msgspec.Struct, tag="t", tag_field="kind", omit_defaults=True):
    """The other Struct of a tagged union."""

    size: int = 0
    sides: tuple[Side, ...] = ()


class Point(msgspec.Struct, array_like=True, tag=True, frozen=True):
    """A Struct that is stored as a list."""

    x: float
    y: float | None = None


class Feed(msgspec.Struct):
    """Structs inside of a Struct."""

    events: list[Quote | Trade]
    points: dict[str, Point]
    anything: Any = None


names = st.sampled_from(
    ["$", "$tuple", "$dict", "$x", '{"$', "\\ud800", "\ud800", "\ud83d\ude00", "\\", '"', "", "a", "b"]
)
texts = names | st.text(st.characters(exclude_categories=()), max_size=8)
edges = st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1])
whole = st.integers() | st.integers(-(2**70), 2**70) | edges
offsets = st.timedeltas(timedelta(hours=-24, microseconds=1), timedelta(hours=24, microseconds=-1)) | st.sampled_from(
    [
        timedelta(),
        timedelta(microseconds=1),
        timedelta(microseconds=-1),
        timedelta(hours=1),
        timedelta(hours=-5, minutes=-30),
    ],
)
fixed = st.builds(timezone, offsets) | st.builds(
    timezone, offsets, st.sampled_from(["", "CET", "a]b[_fold=1]", "W. Europe"])
)
zones = (
    st.none()
    | st.just(UTC)
    | fixed
    | st.sampled_from(
        [
            ZoneInfo(key)
            for key in ("UTC", "Europe/Berlin", "Africa/Monrovia", "Etc/GMT+5", "America/Argentina/Buenos_Aires")
        ],
    )
)
folds = st.sampled_from([0, 0, 1])
moments = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds)
clocks = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.times(), zones, folds)
atoms = st.one_of(
    st.none(), st.booleans(), whole, st.floats(), texts, st.binary(max_size=8),
    st.decimals().filter(lambda number: not number.is_snan()),
    moments, clocks, st.dates(), st.timedeltas(), st.uuids(),
)  # fmt: skip
unhashable = st.sampled_from([Decimal("sNaN"), Decimal("-sNaN12")])
hashable = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)


def laid_out(array: np.ndarray[Any, Any], how: str) -> np.ndarray[Any, Any]:
    """`array` in another memory layout."""
    match how:
        case "strided":
            return array.repeat(3, axis=-1)[..., 1::3] if array.ndim else array
        case "read-only":
            array.flags.writeable = False
            return array
        case "F":
            return np.asfortranarray(array)
        case "reversed":
            return array[..., ::-1] if array.ndim else array
        case _:
            return array


plain_dtypes = hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes()
padded = [
    np.dtype([("a", "i1"), ("b", ">f8"), ("c", "M8[s]", (2,))], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["<f4", "S3"], "offsets": [8, 1], "itemsize": 17}),
    np.dtype([(("a title", "a"), "f8"), ("\ud800", "?")]),
]
dtypes = plain_dtypes | hnp.nested_dtypes(plain_dtypes, max_leaves=3) | st.sampled_from(padded)
shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
arrays = st.builds(
    laid_out,
    dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes)),
    st.sampled_from(["C", "F", "reversed", "strided", "read-only"]),
)
states = st.recursive(
    atoms | unhashable | arrays,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
    ),
    max_leaves=12,
)
long = st.lists(st.floats(), min_size=17, max_size=40) | st.lists(whole, min_size=17, max_size=40)


@many
@given(states)
def test_untyped(state: object) -> None:
    """What comes back from bytes is what was given: equal, of the same types, in the same order."""
    before = exact(state)

    assert exact(JSON.loads(JSON.dumps(state))) == before
    assert exact(state) == before


def through_buffers(state: object, least: int, together: int) -> Any:  # noqa: ANN401 - whatever was saved
    """Store `state` with all beside its JSON that has `least` bytes, and load it."""
    with patch.object(large, "LEAST", least), patch.object(buffered, "TOGETHER", together):
        serialized = JSON.serialize(state)
    data = written(serialized)
    assert len(data) == serialized.size
    return JSON.loads(data) if serialized.tree is None else JSON.deserialize(Bytes(data), serialized.tree)


@settings(many, max_examples=400)
@given(states, st.sampled_from([0, 4, 32]), st.sampled_from([0, 40]))
def test_buffers(state: object, least: int, together: int) -> None:
    """What comes back is what was given, whatever of it stands beside the JSON."""
    before = exact(state)

    assert exact(through_buffers(state, least, together)) == before
    assert exact(state) == before


@settings(many, max_examples=300)
@given(st.builds(lambda values, key: [values, {f"{key}{i}": v for i, v in enumerate(values)}], long, names))
def test_untyped_long(state: object) -> None:
    """Long rows of numbers, which are looked at all at once, come back as they were."""
    assert exact(JSON.loads(JSON.dumps(state))) == exact(state)


@settings(many, max_examples=400)
@given(st.sets(hashable, max_size=8), st.randoms(use_true_random=False))
def test_equal_sets_are_equal_bytes(elements: set[Any], random: Any) -> None:  # noqa: ANN401 - hypothesis' own
    """The order in which a set was built does not show."""
    shuffled = list(elements)
    random.shuffle(shuffled)
    other = set[Any]()
    for element in shuffled:
        other.add(element)

    assert JSON.dumps(elements) == JSON.dumps(other)


sides, levels = st.sampled_from(Side), st.sampled_from(Level)
money = st.decimals()
orders = st.builds(
    Order,
    id=st.uuids(), price=money, at=moments, until=st.none() | st.dates(), clock=clocks, wait=st.timedeltas(),
    side=sides, note=texts, weight=st.floats(), count=whole, raw=st.binary(max_size=4), either=whole | texts,
    tags=st.frozensets(texts, max_size=3), seen=st.sets(st.tuples(whole, levels), max_size=3),
    legs=st.lists(st.tuples(texts, money), max_size=2),
)  # fmt: skip
children = st.builds(lambda order, parent: dataclasses.replace(order, parent=parent), orders, orders)
books = st.builds(
    Book,
    orders=st.lists(orders | children, max_size=3).map(tuple),
    by_side=st.dictionaries(sides, st.lists(orders, max_size=2)),
    by_place=st.dictionaries(st.tuples(whole, texts), st.floats(), max_size=3),
    by_day=st.dictionaries(st.dates(), levels, max_size=3),
)
quotes = st.builds(Quote, bid_price=st.none() | money, ask_price=st.floats(), sent_at=moments | st.just(msgspec.UNSET))
trades = st.builds(Trade, size=whole, sides=st.lists(sides, max_size=3).map(tuple))
points = st.builds(Point, x=st.floats(), y=st.none() | st.floats())
feeds = st.builds(
    Feed,
    events=st.lists(quotes | trades, max_size=3),
    points=st.dictionaries(texts, points, max_size=3),
    anything=states,
)


@settings(many, max_examples=150)
@given(books)
def test_typed_dataclasses(book: Book) -> None:
    """A tree of dataclasses comes back as it was from a load with its type."""
    assert exact(fit(JSON.loads(JSON.dumps(book)), Book)) == exact(book)


@settings(many, max_examples=500)
@given(feeds)
def test_typed_structs(feed: Feed) -> None:
    """A tree of Structs comes back as it was from a load with its type: renamed, tagged, as lists, or unset."""
    assert exact(fit(JSON.loads(JSON.dumps(feed)), Feed)) == exact(feed)


@settings(many, max_examples=200)
@given(feeds)
def test_buffers_typed(feed: Feed) -> None:
    """A tree of Structs with arrays beside its JSON comes back as it was from a load with its type."""
    assert exact(fit(through_buffers(feed, 0, 0), Feed)) == exact(feed)
