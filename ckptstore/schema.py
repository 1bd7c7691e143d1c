"""What the states of a store look like: their version, their type, and the way there from older versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, is_typeddict

import msgspec

from ckptstore.errors import VersionMismatch
from ckptstore.refusals import name_of

Version: TypeAlias = int | str


class _Versioned(msgspec.Struct, frozen=True):
    version: int | str


class Schema(_Versioned, frozen=True, kw_only=True, eq=False):
    """
    The version that is written into each checkpoint, and what a load makes of one that has another.

    `type` is what a load builds the state into, and what a save insists on. `migrations` maps an old version to the
    function that takes a state of that version, as an untyped load gives it (dataclasses are dicts; it may be changed
    in place), and returns the state of the next version. A load runs as many of them as it takes, and raises
    `VersionMismatch` before the first where they do not lead to `version`.

    With an int version, the migration from `n` leads to `n + 1`. With a str version, each leads to the next in the
    order given, and the last one to `version`. Two rules are for programs that change their mind: versions that are
    str come before those that are int, in the order given; and None stands for what was saved without a schema, and
    leads to the first of the others, or to `version` if it is alone.

    >>> def add_fees(state):
    ...     return state | {"fees": 0}
    >>> def rename_cash(state):
    ...     state["balance"] = state.pop("cash")
    ...     return state
    >>> schema = Schema(3, migrations={1: add_fees, 2: rename_cash})
    >>> schema
    Schema(3, migrations={1: add_fees, 2: rename_cash})
    >>> schema.migrate({"cash": 10}, 1)
    {'fees': 0, 'balance': 10}
    >>> schema.migrate({}, 4)
    Traceback (most recent call last):
        ...
    ckptstore.errors.VersionMismatch: incompatible: saved with version 4, this program reads 3; it is older than \
the checkpoint: upgrade it; known migrations: 1 -> 2 -> 3

    `TypeError` or `ValueError` for versions and migrations that make no sense, and for a type that no state can be
    built into.
    """

    type: Any = None
    migrations: Mapping[Any, Callable[[Any], Any]] = {}

    def __post_init__(self) -> None:
        _check_version("version", self.version)
        if self.type is not None:
            from ckptstore.fitting import check_type  # noqa: PLC0415 - only where it is used

            check_type(self.type)
        try:
            migrations = dict(self.migrations)
        except (TypeError, ValueError):
            raise TypeError(f"migrations must be a dict of functions, not {self.migrations!r}") from None
        for old, function in migrations.items():
            _check_migration(old, function, self.version)
        msgspec.structs.force_setattr(self, "migrations", MappingProxyType(migrations))

    def __repr__(self) -> str:
        type_ = "" if self.type is None else f", type={name_of(self.type)}"
        steps = ", ".join(f"{old!r}: {name_of(function)}" for old, function in self.migrations.items())
        return f"Schema({self.version!r}{type_}{steps and f', migrations={{{steps}}}'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and (self.version, self.type, self.migrations, self._links()) == (
            other.version,
            other.type,
            other.migrations,
            other._links(),
        )

    def __hash__(self) -> int:
        return hash(self.version)

    def check(self, state: object) -> None:
        """`TypeError` for a state that is not of `type`, so that nothing is saved that a load would refuse."""
        if self.type is not None and not _takes(self.type, state):
            due, found = name_of(self.type), name_of(type(state))
            raise TypeError(f"state: the schema says {due}, and this is {found}: save {due}, or change the schema")

    def migrate(self, state: Any, saved: Version | None) -> Any:  # noqa: ANN401 - the state may be anything
        """`state`, saved with version `saved`, as one of this version; `VersionMismatch` where no way leads here."""
        way = self._way(saved)
        for old in way:
            try:
                state = self.migrations[old](state)
            except Exception as exc:  # the caller's own code: it may raise anything
                raise VersionMismatch(f"the migration from {old!r} failed: {type(exc).__name__}: {exc}") from exc
            if state is None:
                raise VersionMismatch(f"the migration from {old!r} returned None: it must return the new state")
        return state

    def _way(self, saved: Version | None) -> list[Version | None]:
        """The versions from `saved` on whose migrations lead to this one."""
        links, way, at = self._links(), list[Version | None](), saved
        while at != self.version:
            if at not in links:
                raise VersionMismatch(self._incompatible(saved, at))
            way.append(at)
            at = links[at]
        return way

    def _links(self) -> dict[Version | None, Version]:
        """Each version that can be migrated, in order, and where its migration leads."""
        names = [old for old in self.migrations if old is not None]
        numbers = sorted(old for old in names if isinstance(old, int)) if isinstance(self.version, int) else []
        chain: list[Version] = [*(old for old in names if old not in numbers), *numbers, self.version]
        first: dict[Version | None, Version] = {None: chain[0]} if None in self.migrations else {}
        return first | dict(pairwise(chain)) | {number: number + 1 for number in numbers}

    def _incompatible(self, saved: Version | None, at: Version | None) -> str:
        """Why there is no way from `saved`; `at` is as far as it goes."""
        known = ""
        end: Version | None = None
        for old, new in self._links().items():
            known += f" -> {new!r}" if known and old == end else f"{known and ', '}{old!r} -> {new!r}"
            end = new
        reason = f"no migration leads on from {at!r}"
        if isinstance(saved, int) and isinstance(self.version, int) and saved > self.version:
            reason = "it is older than the checkpoint: upgrade it"
        return (
            f"incompatible: saved {'without a version' if saved is None else f'with version {saved!r}'}, "
            f"this program reads {self.version!r}; {reason}; known migrations: {known or 'none'}"
        )


def resolve(schema: int | str | Schema | None) -> Schema | None:
    """The schema that a store's argument asks for; `TypeError` or `ValueError` for anything else."""
    if schema is None or isinstance(schema, Schema):
        return schema
    _check_version("schema", schema, also="a Schema")
    return Schema(schema)


def restore(state: Any, saved: Version | None, due: Schema | None, type_: Any) -> Any:  # noqa: ANN401 - whatever was saved
    """
    `state`, saved with version `saved`, as this program wants it: migrated to `due`, built into `type_` or its type.

    Without `due`, every version is taken; without a type, nothing is built.
    """
    if due is not None:
        state = due.migrate(state, saved)
        type_ = due.type if type_ is None else type_
    if type_ is None:
        return state
    from ckptstore.fitting import fit  # noqa: PLC0415 - only where it is used

    return fit(state, type_)


def _check_version(name: str, version: object, *, also: str = "") -> None:
    if type(version) is not int and type(version) is not str:
        raise TypeError(f"{name} must be an int{f', a str or {also}' if also else ' or a str'}, not {version!r}")
    if isinstance(version, int) and not 0 <= version < 2**63:
        raise ValueError(f"{name} must be between 0 and 2**63 - 1, not {version!r}")
    if isinstance(version, str) and (not version or not version.isprintable()):
        raise ValueError(f"{name} must be printable text, not {version!r}")


def _check_migration(old: Version | None, function: object, current: Version) -> None:
    if old is not None:
        _check_version("migrations: an old version", old, also="None")
    if old == current:
        raise ValueError(f"migrations: {old!r} is the current version; name the version that a migration starts from")
    if isinstance(old, int) and isinstance(current, int) and old > current:
        raise ValueError(f"migrations: {old} is newer than the current version, {current}: there is no way back")
    if not callable(function):
        raise TypeError(f"migrations: from {old!r} must lead a function, not {function!r}")


def _takes(type_: Any, state: object) -> bool:  # noqa: ANN401 - also a union
    """Whether `state` is of `type_`, by its class alone; what stands in a `dict[str, int]` is for the load to check."""
    origin, parts = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _takes(parts[0], state)
    if origin in (Union, UnionType):
        return any(_takes(part, state) for part in parts)
    due = dict if is_typeddict(type_) else origin or type_
    if due in (Any, object) or not isinstance(due, type):
        return due is not None or state is None
    exact = due.__module__ == "builtins" or hasattr(due, "__dataclass_fields__") or issubclass(due, msgspec.Struct)
    return type(state) is due if exact else isinstance(state, due)
