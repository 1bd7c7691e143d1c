"""A checkpoint as a dict that JSON can hold, and back, exactly."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from ckptstore import CheckpointError, VersionMismatch, isotime
from ckptstore.execution.checkpoint import CHECKPOINT_VERSION, SCHEMA, ExecutionCheckpoint

Read: TypeAlias = Callable[[Any], Any]


def serialize_checkpoint(checkpoint: ExecutionCheckpoint) -> dict[str, Any]:
    """
    `checkpoint` as dicts, lists, str, int, bool and None: what `json.dumps` takes and `deserialize_checkpoint` inverts.

    Decimals are str that keep trailing zeros; times are ISO 8601, with a suffix where a zone or a fold needs one;
    enumerations are their values. `TypeError` for a time zone that has no name.
    """
    tree: dict[str, Any] = _texts(msgspec.to_builtins(checkpoint, builtin_types=(datetime,)))
    return tree


def deserialize_checkpoint(data: dict[str, Any]) -> ExecutionCheckpoint:
    """
    The checkpoint that `serialize_checkpoint` gave `data` for, of this version or of an older one; `data` stays as is.

    `VersionMismatch` for a version that no migration reaches, `ValueError` with the place of what does not fit.
    """
    if not isinstance(data, dict):
        raise ValueError(f"a checkpoint is a dict, not {_shown(data)}")  # noqa: TRY004 - the data is wrong, not the call
    version = data.get("version")
    if not isinstance(version, str):
        raise VersionMismatch(f"incompatible: version {_shown(version)}; this program reads {CHECKPOINT_VERSION!r}")
    try:
        checkpoint: ExecutionCheckpoint = _reader(ExecutionCheckpoint)(SCHEMA.migrate(dict(data), version))
    except _Misfit as exc:
        raise ValueError(f"{exc.place.removeprefix('.') or 'checkpoint'}: {exc}") from exc
    return checkpoint


def current(checkpoint: ExecutionCheckpoint) -> ExecutionCheckpoint:
    """`checkpoint` as one of this version; `VersionMismatch` if no migration leads here."""
    if checkpoint.version == CHECKPOINT_VERSION:
        return checkpoint
    return deserialize_checkpoint(serialize_checkpoint(checkpoint))


class _Misfit(Exception):  # noqa: N818 - never seen outside
    """A value that does not fit its type; `place` is the way there, put together on the way out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place = ""

    def within(self, step: str) -> _Misfit:
        self.place = step + self.place
        return self


def _texts(tree: Any) -> Any:  # noqa: ANN401 - any value
    if isinstance(tree, dict):
        return {key: _texts(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_texts(value) for value in tree]
    return isotime.text(tree) if isinstance(tree, datetime) else tree


@lru_cache
def _reader(hint: Any) -> Read:  # noqa: ANN401 - any annotation
    """What builds a value of type `hint`; raises `_Misfit` for one that does not fit."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _optional(*(part for part in parts if part is not NoneType))
    if origin in (list, tuple):
        return _sequence(origin, _reader(parts[0]))
    if origin is dict:
        return _mapping(_reader(parts[1]))
    if is_dataclass(hint):
        return _record(hint)
    return _datetime if hint is datetime else _scalar(hint)


def _optional(hint: Any) -> Read:  # noqa: ANN401 - any annotation
    read = _reader(hint)
    return lambda value: None if value is None else read(value)


def _sequence(kind: type, read: Read) -> Read:
    def read_all(value: Any) -> Any:  # noqa: ANN401 - any value
        found = []
        for index, part in enumerate(_expect(value, list, "a list")):
            try:
                found.append(read(part))
            except _Misfit as exc:
                raise exc.within(f"[{index}]") from None
        return kind(found)

    return read_all


def _mapping(read: Read) -> Read:
    def read_all(value: Any) -> Any:  # noqa: ANN401 - any value
        found = {}
        for key, part in _expect(value, dict, "an object").items():
            try:
                found[_expect(key, str, "a str as key")] = read(part)
            except _Misfit as exc:
                raise exc.within(f'["{key}"]') from None
        return found

    return read_all


def _record(kind: Any) -> Read:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]

    def read(value: Any) -> Any:  # noqa: ANN401 - any value
        found = {}
        for name, part in _expect(value, dict, "an object").items():
            if name not in readers:
                raise _Misfit(f"unknown field {name!r}")
            try:
                found[name] = readers[name](part)
            except _Misfit as exc:
                raise exc.within(f".{name}") from None
        for name in needed:
            if name not in found:
                raise _Misfit(f"missing field {name!r}")
        try:
            return kind(**found)
        except (TypeError, ValueError) as exc:
            raise _Misfit(str(exc)) from exc

    return read


def _scalar(hint: Any) -> Read:  # noqa: ANN401 - a type
    def read(value: Any) -> Any:  # noqa: ANN401 - any value
        if type(value) is hint:
            return value
        try:
            if isinstance(value, float):  # none of ours is, and a Decimal made from one is not what was meant
                raise _Misfit(f"expected {hint.__name__}, got {value}")
            return msgspec.convert(value, hint)
        except msgspec.ValidationError:
            raise _Misfit(f"expected {hint.__name__}, got {_shown(value)}") from None

    return read


def _datetime(value: Any) -> datetime:  # noqa: ANN401 - any value
    try:
        return isotime.to_datetime(_expect(value, str, "datetime"))
    except (ValueError, CheckpointError) as exc:  # CheckpointError: a zone that this machine does not know
        raise _Misfit(f"expected datetime, got {_shown(value)}: {exc}") from exc


def _expect(value: Any, kind: type, name: str) -> Any:  # noqa: ANN401 - any value
    if isinstance(value, kind):
        return value
    raise _Misfit(f"expected {name}, got {_shown(value)}")


def _shown(value: object) -> str:
    return "null" if value is None else reprlib.repr(value)
