"""What a schema promises as a value: what makes no sense is refused at once, and nothing changes it later."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, datetime
from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations
from typing import Any

import pytest

from ckptstore.schema import Schema, resolve


@dataclasses.dataclass
class Account:
    """A state."""

    cash: Decimal


class Mixed(enum.Enum):
    """Values of two types, which no load can tell apart."""

    A = 1
    B = "b"


@dataclasses.dataclass
class Either:
    """A field that no load can build."""

    price: Decimal | str


@dataclasses.dataclass
class Deep:
    """Such a field, further down."""

    known: list[int]
    prices: dict[str, list[Either]]


@dataclasses.dataclass
class Init:
    """A field that is none."""

    seed: dataclasses.InitVar[int]


def one(state: Any) -> Any:  # noqa: ANN401 - a state
    """Migrate."""
    return state


def two(state: Any) -> Any:  # noqa: ANN401 - a state
    """Migrate."""
    return state


# Arguments


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"version": True}, TypeError, "version must be an int or a str, not True"),
        ({"version": 1.0}, TypeError, "version must be an int or a str, not 1.0"),
        ({"version": None}, TypeError, "version must be an int or a str, not None"),
        ({"version": ""}, ValueError, "version must be printable text, not ''"),
        ({"version": "\ud800"}, ValueError, "version must be printable text"),
        ({"version": -1}, ValueError, "version must be between 0 and"),
        ({"version": 2**63}, ValueError, "version must be between 0 and"),
        (
            {"version": 2, "migrations": {True: len}},
            TypeError,
            "an old version must be an int, a str or None, not True",
        ),
        ({"version": 2, "migrations": {-1: len}}, ValueError, "an old version must be between"),
        ({"version": 2, "migrations": {2: len}}, ValueError, "migrations: 2 is the current version"),
        ({"version": "b", "migrations": {"b": len}}, ValueError, "migrations: 'b' is the current version"),
        ({"version": 2, "migrations": {3: len}}, ValueError, "migrations: 3 is newer than the current version, 2"),
        ({"version": 2, "migrations": {1: "upgrade"}}, TypeError, "from 1 must lead a function, not 'upgrade'"),
        ({"version": 2, "migrations": [1]}, TypeError, "migrations must be a dict of functions"),
        ({"version": 2, "type": Either}, TypeError, "Either.price: no state can be built into this type"),
        ({"version": 2, "type": Deep}, TypeError, "Either.price: no state can be built into this type"),
        ({"version": 2, "type": Init}, TypeError, "Init.seed: no state can be built into this type"),
        ({"version": 2, "type": list[Mixed]}, TypeError, "list[{module}.Mixed]: no state can be built into this type"),
        ({"version": 2, "type": date | datetime}, TypeError, "no state can be built into this type"),
        ({"version": 2, "type": "Account"}, TypeError, "'Account': no state can be built into this type"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """What makes no sense is refused when the schema is made, a type with the name of the field in the way."""
    with pytest.raises(error) as caught:
        Schema(**arguments)
    assert message.format(module=__name__) in str(caught.value)


@pytest.mark.parametrize("schema", [None, Schema(3)])
def test_resolve_leaves(schema: Schema | None) -> None:
    """None and a Schema stand for themselves."""
    assert resolve(schema) is schema


@pytest.mark.parametrize("version", [3, "2024-05"])
def test_resolve_version(version: int | str) -> None:
    """A bare version is a schema without a type or migrations."""
    assert resolve(version) == Schema(version)


@pytest.mark.parametrize("schema", [True, 1.5, Account, {}, b"1"])
def test_resolve_refuses(schema: Any) -> None:  # noqa: ANN401 - what is refused
    """Anything else is a TypeError that says what may stand there."""
    with pytest.raises(TypeError, match="schema must be an int, a str or a Schema"):
        resolve(schema)


# The value


def test_immutable() -> None:
    """Neither the fields nor the migrations of a schema can be changed, not even through the dict that it was given."""
    given = {1: one}
    schema = Schema(2, migrations=given)
    given.clear()

    with pytest.raises(AttributeError):
        schema.version = 3  # type: ignore[misc] # this is the test
    with pytest.raises(TypeError):
        schema.migrations[0] = two  # type: ignore[index] # this is the test
    assert schema.migrations == {1: one}


def test_equality() -> None:
    """Schemas are equal that do the same: the order of migrations counts where it is the way."""
    assert Schema(3, migrations={1: one, 2: two}) == Schema(3, migrations={2: two, 1: one})
    assert Schema("c", migrations={"a": one, "b": two}) != Schema("c", migrations={"b": two, "a": one})
    assert Schema(1) != Schema("1")
    assert Schema(1, type=Account) != Schema(1)
    assert len({Schema(1), Schema(1), Schema(2)}) == 2


def test_repr() -> None:
    """A schema shows what it was made of, by name."""
    assert repr(Schema(1)) == "Schema(1)"
    assert (
        repr(Schema("b", type=Account, migrations={None: len})) == "Schema('b', type=Account, migrations={None: len})"
    )
    assert repr(Schema(1, type=dict[str, int])) == "Schema(1, type=dict[str, int])"
