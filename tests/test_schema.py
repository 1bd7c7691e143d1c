"""What a schema promises: old checkpoints come back as the program wants them now, or say why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from ckptstore import CheckpointCorrupt, VersionMismatch
from ckptstore.schema import Schema, restore


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
                "incompatible: saved with version 5, this program reads 3; it is older than the checkpoint: "
                "upgrade it; known migrations: 1 -> 2 -> 3"
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
