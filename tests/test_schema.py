"""What a schema promises: old checkpoints come back as the program wants them now, or say why not."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from ckptstore import CheckpointCorrupt, VersionMismatch
from ckptstore.schema import Schema, resolve, restore


@dataclasses.dataclass
class Account:
    """A state."""

    cash: Decimal
    fees: int = 0


class Point(msgspec.Struct):
    """Another state."""

    x: int


class Named(TypedDict):
    """A dict with known keys."""

    name: str


class Special(Account):
    """A subclass, which would come back as its base."""


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


def step(name: str) -> Any:  # noqa: ANN401 - a function
    """Give a migration that leaves its name in the state."""
    return lambda state: [*state, name]


ONE, TWO, THREE, FOUR = (step(name) for name in ("1", "2", "3", "4"))


# The way


@pytest.mark.parametrize(
    ("version", "migrations", "saved", "way"),
    [
        (3, {1: ONE, 2: TWO}, 3, ""),
        (3, {1: ONE, 2: TWO}, 2, "2"),
        (3, {2: TWO, 1: ONE}, 1, "12"),
        (3, {None: FOUR, 2: TWO, 1: ONE}, None, "412"),
        (3, {None: FOUR}, None, "4"),
        (0, {None: FOUR}, None, "4"),
        ("c", {"b": ONE, "a": TWO}, "b", "12"),
        ("c", {"b": ONE, "a": TWO}, "a", "2"),
        ("c", {"a": ONE, None: FOUR, "b": TWO}, None, "412"),
        ("c", {1: ONE, "b": TWO, None: FOUR}, 1, "12"),
        (2, {1: ONE, "a": TWO, "b": THREE, None: FOUR}, None, "4231"),
        (2, {"a": TWO}, "a", "2"),
        (9, {1: ONE, 8: TWO}, 8, "2"),
    ],
)
def test_way(version: Any, migrations: Any, saved: Any, way: str) -> None:  # noqa: ANN401 - versions of all kinds
    """Each migration leads to the next version, in the order that the schema documents, and no other is run."""
    assert "".join(Schema(version, migrations=migrations).migrate([], saved)) == way


@pytest.mark.parametrize(
    ("version", "migrations", "saved", "message"),
    [
        (
            3,
            {1: ONE, 2: TWO},
            5,
            (
                "incompatible: saved with version 5, this program reads 3; it is older than the checkpoint: upgrade it; "
                "known migrations: 1 -> 2 -> 3"
            ),
        ),
        (
            4,
            {1: ONE, 3: TWO},
            1,
            (
                "incompatible: saved with version 1, this program reads 4; no migration leads on from 2; "
                "known migrations: 1 -> 2, 3 -> 4"
            ),
        ),
        (
            3,
            {},
            "3",
            (
                "incompatible: saved with version '3', this program reads 3; no migration leads on from '3'; "
                "known migrations: none"
            ),
        ),
        (
            "b",
            {"a": ONE, None: TWO},
            "x",
            (
                "incompatible: saved with version 'x', this program reads 'b'; no migration leads on from 'x'; "
                "known migrations: None -> 'a' -> 'b'"
            ),
        ),
        (
            1,
            {0: ONE},
            None,
            (
                "incompatible: saved without a version, this program reads 1; no migration leads on from None; "
                "known migrations: 0 -> 1"
            ),
        ),
    ],
)
def test_no_way(version: Any, migrations: Any, saved: Any, message: str) -> None:  # noqa: ANN401 - versions of all kinds
    """A version from which nothing leads here is refused, with both versions and the known way, and nothing runs."""
    ran: list[str] = []
    spies = dict.fromkeys(migrations, ran.append)

    with pytest.raises(VersionMismatch) as caught:
        Schema(version, migrations=spies).migrate("state", saved)
    assert str(caught.value) == message
    assert not ran


def test_a_failing_migration() -> None:
    """What a migration raises is a VersionMismatch that names the step, never corruption, and keeps the cause."""
    schema = Schema(3, migrations={1: lambda state: state, 2: lambda state: {"y": state["x"]}})

    with pytest.raises(VersionMismatch, match=r"^the migration from 2 failed: KeyError: 'x'$") as caught:
        schema.migrate({}, 1)
    assert isinstance(caught.value.__cause__, KeyError)
    assert not isinstance(caught.value, CheckpointCorrupt)


def test_a_migration_that_forgets_to_return() -> None:
    """None is no state of a migration: it changed its argument and forgot to return it."""
    with pytest.raises(VersionMismatch, match=r"^the migration from 1 returned None"):
        Schema(2, migrations={1: {}.update}).migrate({}, 1)


# A load


def test_no_schema_takes_every_version() -> None:
    """Without a schema there is no validation, whatever the version."""
    assert restore([1], 7, None, None) == [1]
    assert restore([1], None, None, None) == [1]


def test_a_load_migrates_and_then_builds() -> None:
    """The last migration's state is built into the schema's type, in which the place of an error is a place of that."""
    schema = Schema(2, type=Account, migrations={1: lambda state: {"cash": state["money"]}})

    assert restore({"money": Decimal(5)}, 1, schema, None) == Account(Decimal(5))
    assert restore({"cash": Decimal(5)}, 2, schema, None) == Account(Decimal(5))
    with pytest.raises(VersionMismatch, match=r"^state.cash: expected Decimal, got str$"):
        restore({"money": "5"}, 1, schema, None)


def test_the_type_of_a_load_wins() -> None:
    """A type given to `load` takes the place of the schema's."""
    assert restore({"x": 1, "cash": Decimal(1)}, 1, Schema(1, type=Account), Point) == Point(1)


def test_what_is_built_already_stays() -> None:
    """A serializer that gives back the very objects, such as pickle, needs no building."""
    account = Account(Decimal(5))

    assert restore(account, 1, Schema(1, type=Account), None) is account


# A save


@pytest.mark.parametrize(
    ("type_", "state"),
    [
        (None, 1),
        (Account, Account(Decimal(1))),
        (Point, Point(1)),
        (dict[str, int], {"a": "not checked here"}),
        (Annotated[dict[str, int], "a note"], {}),
        (Account | None, None),
        (list[int] | Point, Point(1)),
        (Named, {"name": "a"}),
        (Mapping[str, int], {}),
        (Literal["a"], "b"),
        (Any, object()),
        (object, 1),
        (int, 1),
    ],
)
def test_check_takes(type_: Any, state: object) -> None:  # noqa: ANN401 - also a union
    """A state whose class is the schema's is saved; what it holds is checked by the load."""
    Schema(1, type=type_).check(state)


@pytest.mark.parametrize(
    ("type_", "state", "names"),
    [
        (Account, {"cash": Decimal(1)}, "Account dict"),
        (Account, Special(Decimal(1)), "Account Special"),
        (Account, Point(1), "Account Point"),
        (dict[str, int], [], "dict[str, int] list"),
        (list, (), "list tuple"),
        (int, True, "int bool"),
        (Account, None, "Account NoneType"),
        (Named, [], "Named list"),
    ],
)
def test_check_refuses(type_: Any, state: object, names: str) -> None:  # noqa: ANN401 - also a union
    """A state of another class is a TypeError that names both."""
    due, found = names.rsplit(" ", 1)

    with pytest.raises(TypeError) as caught:
        Schema(1, type=type_).check(state)
    assert str(caught.value).startswith(f"state: the schema says {due}, and this is {found}: ")


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
    given = {1: ONE}
    schema = Schema(2, migrations=given)
    given.clear()

    with pytest.raises(AttributeError):
        schema.version = 3  # type: ignore[misc] # this is the test
    with pytest.raises(TypeError):
        schema.migrations[0] = TWO  # type: ignore[index] # this is the test
    assert schema.migrations == {1: ONE}


def test_equality() -> None:
    """Schemas are equal that do the same: the order of migrations counts where it is the way."""
    assert Schema(3, migrations={1: ONE, 2: TWO}) == Schema(3, migrations={2: TWO, 1: ONE})
    assert Schema("c", migrations={"a": ONE, "b": TWO}) != Schema("c", migrations={"b": TWO, "a": ONE})
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
