"""What native writing promises: the same state, or none of it; and never other than tags would give."""

from __future__ import annotations

import dataclasses
import gc
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest
from everything import Everything, Fill, everything
from typed_states import same

from ckptstore import CheckpointCorrupt, VersionMismatch, native
from ckptstore.fitting import fit
from ckptstore.serializers import JsonSerializer
from ckptstore.untag import TYPED

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = JsonSerializer()


@pytest.fixture(autouse=True)
def small_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write small states natively as well."""
    monkeypatch.setattr(native, "SMALL", 0)


# What is written comes back


def test_everything() -> None:
    """Each kind of field comes back, equal and of the same type, into its class and into plain values."""
    state = everything()
    data = native.dumps(state)

    assert data is not None
    assert data.startswith(TYPED)
    assert same(native.loads(data, Everything), state)
    assert same(native.plain(data), JSON.loads(JSON.dumps(state)))


@dataclasses.dataclass
class Series:
    """Many numbers."""

    numbers: list[float]


def test_shape() -> None:
    """What is written says what it is, once, and is readable."""
    assert native.dumps(Fill(Decimal("1.10"), datetime(2024, 1, 1, tzinfo=UTC))) == (
        b'{"$typed":[{"price":"Decimal","at":"datetime"},{"price":"1.10","at":"2024-01-01T00:00:00Z"}]}'
    )


def test_large_numbers() -> None:
    """Finite numbers are written, even where they add up to infinity."""
    state = Series([1.7e308, 1.7e308])
    data = native.dumps(state)

    assert data is not None
    assert native.loads(data, Series) == state


def test_no_tag_is_mistaken() -> None:
    """Nothing that tags write begins as what is written natively."""
    assert not JSON.dumps({"$typed": [{}, {}]}).startswith(TYPED)


def test_small_states_are_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small is left to tags, which are read more easily."""
    monkeypatch.undo()

    assert native.dumps(everything()) is None
    assert native.dumps(everything(text="x" * native.SMALL)) is not None


# Loads


@dataclasses.dataclass
class Renamed:
    """`Fill`, as a later version of the program has it."""

    price: Decimal
    at: datetime
    venue: str = "none"


@dataclasses.dataclass
class Refusing:
    """`Fill`, with a rule."""

    price: Annotated[Decimal, msgspec.Meta(description="money")]
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what costs nothing."""
        if not self.price:
            raise ValueError("it costs nothing")


@dataclasses.dataclass
class Texts:
    """`Fill`, with fields of text."""

    price: str
    at: str


FILL = Fill(Decimal(0), datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("type_", [Fill, Renamed, dict[str, Any], Fill | None, Any])
def test_into_another_type(type_: Any) -> None:  # noqa: ANN401 - also a union
    """A typed load gives what it gives of tags, whatever the type was at the time of the save."""
    data = native.dumps(FILL)

    assert data is not None
    assert same(native.loads(data, type_), fit(JSON.loads(JSON.dumps(FILL)), type_))


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (Refusing, "state: it costs nothing"),
        (Texts, "state.price: expected str, got Decimal"),
        (list[int], "state: expected list, got dict"),
    ],
)
def test_what_does_not_fit(type_: Any, message: str) -> None:  # noqa: ANN401 - also a union
    """A state that does not fit is refused in the words of every typed load."""
    data = native.dumps(FILL)

    assert data is not None
    with pytest.raises(VersionMismatch) as caught:
        native.loads(data, type_)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "data",
    [
        b'{"$typed":[',
        b'{"$typed":[{}]}',
        b'{"$typed":["int",1],"x":1}',
        b'{"$typed":["int","1"]}',
        b'{"$typed":["unknown",1]}',
        b'{"$typed":[[],1]}',
        b'{"$typed":[["list"],[]]}',
        b'{"$typed":[[["list"],"int"],[]]}',
        b'{"$typed":[["dict","int","int"],{}]}',
        b'{"$typed":[["or","str","Decimal"],"1"]}',
        b'{"$typed":[1,1]}',
        b'{"$typed":[{"x":"int"},{}]}',
        b'{"$typed":[%s"int"%s,[]]}' % (b'["list",' * 2000, b"]" * 2000),
    ],
)
def test_what_nobody_wrote(data: bytes) -> None:
    """Bytes that are not as they were written are corrupt, typed or not."""
    with pytest.raises(CheckpointCorrupt, match=r"^state: "):
        native.plain(data)
    with pytest.raises(CheckpointCorrupt, match=r"^state: "):
        native.loads(data, Fill)


# The garbage collector


@pytest.fixture
def collector() -> Iterator[None]:
    """Leave the collector running."""
    yield
    gc.enable()


@dataclasses.dataclass
class Watching:
    """Looks at the collector while it is built."""

    x: int

    def __post_init__(self) -> None:
        """Look, and refuse a zero."""
        seen.append(gc.isenabled())
        if not self.x:
            raise ValueError("a zero")


seen: list[bool] = []


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("x", [1, 0])
def test_the_collector_is_as_it_was(monkeypatch: pytest.MonkeyPatch, running: bool, x: int) -> None:
    """The collector is paused while much is read, and afterwards runs if it ran before, also when the read fails."""
    monkeypatch.setattr(native, "LARGE", 0)
    data = (native.dumps(Watching(1)) or b"").replace(b'{"x":1}', b'{"x":%d}' % x)
    seen.clear()
    if not running:
        gc.disable()
    try:
        native.loads(data, Watching)
    except VersionMismatch:
        assert x == 0

    assert seen[0] is False
    assert gc.isenabled() is running
