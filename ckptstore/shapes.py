"""
Classes whose instances msgspec writes and reads exactly: the shape of their JSON, and whether an instance keeps to it.

A shape is JSON itself, and says what a reader needs to give the values their types without the classes:

    "null" "bool" "int" "float" "str" "bytes" "Decimal" "datetime" "date" "time" "timedelta" "UUID"
    ["list", T]  ["dict", T] with keys that are str  ["tuple", A, B]  ["tuple of", T]  ["or", A, B]
    {"field": T, …}  a dataclass or Struct

An Enum is its values, a Literal what it is a choice of. Sets have no shape: equal ones would be written in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from itertools import chain
from math import inf, isfinite
from operator import attrgetter
from types import MemberDescriptorType, NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

import msgspec

from ckptstore.decoders import decoder
from ckptstore.large import LEAST, TOGETHER
from ckptstore.plain import HIGH, LOW
from ckptstore.serialized import Omitted
from ckptstore.tags import LEVELS

_BLOCK = 1024  # records whose fields are looked at one after the other: as many as the processor's cache holds

Check: TypeAlias = Callable[[list[Any]], bool]

_SCALARS: dict[str, type] = {
    "null": NoneType,
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "Decimal": Decimal,
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "UUID": UUID,
}
_NAMES = {kind: name for name, kind in _SCALARS.items()}
_BUILT_IN = (*_SCALARS.values(), list, dict, tuple, set, frozenset, Enum, BaseException, Omitted)
_JSON_KIND = {"null": "null", "bool": "bool", "int": "number", "float": "number"}  # all other scalars are a str


class Shape(NamedTuple):
    """What a type is in JSON, and which values of Python it may hold there."""

    json: Any
    kinds: dict[type, Check | None]  # the exact classes of its values; what is to be checked besides
    json_kinds: frozenset[str]  # those of an union must differ

    def holds(self, values: list[Any]) -> bool:
        """
        Whether msgspec gives all of `values` back, equal and of the same types.

        One class at a time rather than one value: 20 ns a value where a call for each would take 100.
        """
        found = set(map(type, values))
        if not found <= self.kinds.keys():
            return False
        for kind in found:
            check = self.kinds[kind]
            if check and not check(values if len(found) == 1 else [one for one in values if type(one) is kind]):
                return False
        return True


class _Shapeless(ValueError):  # noqa: N818 - never seen outside
    """This cannot be written natively, or is no shape."""


@lru_cache(1024)
def of_class(kind: type) -> Shape | None:
    """The shape of a dataclass or Struct whose fields are all of known and exact types; None for any other class."""
    if not (hasattr(kind, "__dataclass_fields__") or issubclass(kind, msgspec.Struct)):
        return None
    try:
        decoder(kind)
        return _record(kind, ())
    except (_Shapeless, TypeError, NameError, AttributeError):  # the others: annotations that mean nothing
        return None


def to_type(shape: Any, depth: int = 1) -> Any:  # noqa: ANN401 - JSON, and a type
    """The type that msgspec reads a shape's JSON by, with records as dicts; `ValueError` for what is no shape."""
    inner = partial(to_type, depth=depth + 1)
    if depth > LEVELS + 1:  # scalars are on no level
        raise _Shapeless("it is nested too deeply")
    if isinstance(shape, dict):
        typed_dict: Any = TypedDict
        return typed_dict("record", {name: inner(part) for name, part in shape.items()})
    if isinstance(shape, str) and shape in _SCALARS:
        return _SCALARS[shape]
    if isinstance(shape, list) and shape and type(shape[0]) is str and shape[0] in _GROUPS:
        return _GROUPS[shape[0]](tuple(map(inner, shape[1:])))
    raise _Shapeless(f"{shape!r} is no shape")


Within: TypeAlias = tuple[type, ...]  # the records that a type stands in: one within itself has no finite shape


def _shape(hint: Any, within: Within) -> Shape:  # noqa: ANN401 - any annotation
    hint = NoneType if hint is None else getattr(hint, "__supertype__", hint)  # of a NewType
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _FORMS:
        return _FORMS[origin](parts, within)
    if not isinstance(hint, type):
        raise _Shapeless
    if hint in _NAMES:
        return _scalar(hint, _CHECKS.get(hint), hint)
    if issubclass(hint, Enum):
        return _enum(hint)
    return _record(hint, within)


def _scalar(stored: type, check: Check | None, kind: type) -> Shape:
    name = _NAMES[stored]
    return Shape(name, {kind: check}, frozenset({_JSON_KIND.get(name, "str")}))


def _annotated(parts: tuple[Any, ...], within: Within) -> Shape:
    return _shape(parts[0], within)


def _union(parts: tuple[Any, ...], within: Within) -> Shape:
    kinds: dict[type, Check | None] = {}
    json_kinds = set[str]()
    shapes = [_shape(part, within) for part in parts]
    for part in shapes:
        found = part.json_kinds | ({"number"} if Decimal in part.kinds else set())  # msgspec reads one from both
        if found & json_kinds:
            raise _Shapeless
        json_kinds |= found
        kinds |= part.kinds
    return Shape(["or", *(part.json for part in shapes)], kinds, frozenset(json_kinds))


def _literal(choices: tuple[Any, ...], _: Within) -> Shape:
    kind = _only({type(choice) for choice in choices})
    if kind not in (int, str):
        raise _Shapeless
    return _scalar(kind, set(choices).issuperset, kind)


def _enum(kind: type[Enum]) -> Shape:
    members: Any = kind._value2member_map_
    plain = getattr(kind, "_member_type_", None) is object and all(members.get(one.value) is one for one in kind)
    stored = _only({type(one.value) for one in kind})
    if not plain or stored not in (int, str):
        raise _Shapeless
    return _scalar(stored, None, kind)


def _list(parts: tuple[Any, ...], within: Within) -> Shape:
    item = _shape(_only(parts), within)
    return Shape(["list", item.json], {list: partial(_all_hold, item)}, frozenset({"array"}))


def _tuple(parts: tuple[Any, ...], within: Within) -> Shape:
    if len(parts) == 2 and parts[1] is ...:
        item = _shape(parts[0], within)
        return Shape(["tuple of", item.json], {tuple: partial(_all_hold, item)}, frozenset({"array"}))
    items = [_shape(part, within) for part in parts]

    def check(values: list[Any]) -> bool:
        columns = zip(*values, strict=True)
        return set(map(len, values)) == {len(items)} and all(
            item.holds(list(column)) for item, column in zip(items, columns, strict=True)
        )

    return Shape(["tuple", *(item.json for item in items)], {tuple: check}, frozenset({"array"}))


def _dict(parts: tuple[Any, ...], within: Within) -> Shape:
    if parts[0] is not str:
        raise _Shapeless
    item = _shape(parts[1], within)

    def check(values: list[dict[Any, Any]]) -> bool:
        keys = set(map(type, chain.from_iterable(values)))
        return keys <= {str} and _all_hold(item, map(dict.values, values))

    return Shape(["dict", item.json], {dict: check}, frozenset({"object"}))


def _record(kind: type, within: Within) -> Shape:
    if kind in within or issubclass(kind, _BUILT_IN) or hasattr(kind, "__attrs_attrs__"):
        raise _Shapeless
    hints = get_type_hints(kind, include_extras=True)
    tag, names = fields(kind)
    parts = [(attrgetter(name), _shape(hints[name], (*within, kind))) for name in names]
    json = tag | {key: shape.json for key, (_, shape) in zip(names.values(), parts, strict=True)}

    # An instance without the attribute, such as one unpickled from older code, has the class's; msgspec would omit it.
    slot = MemberDescriptorType
    shadowed = {name for name in names if hasattr(kind, name) and not isinstance(getattr(kind, name), slot)}

    def check(records: list[Any]) -> bool:
        if shadowed and not all(vars(record).keys() >= shadowed for record in records):
            return False
        blocks = (records[start : start + _BLOCK] for start in range(0, len(records), _BLOCK))
        return all(shape.holds(list(map(get, block))) for block in blocks for get, shape in parts)

    return Shape(json, {kind: check}, frozenset({"object"}))


def fields(kind: Any) -> tuple[dict[str, Any], dict[str, str]]:  # noqa: ANN401 - a class
    """The shape of a record's tag, and its fields' names in Python and in JSON."""
    if not issubclass(kind, msgspec.Struct):
        import dataclasses  # noqa: PLC0415 - 6 ms, and whoever made this class has loaded it

        if not hasattr(kind, "__dataclass_fields__"):
            raise _Shapeless
        return {}, {field.name: field.name for field in dataclasses.fields(kind)}
    config = kind.__struct_config__
    if config.array_like or config.omit_defaults:
        raise _Shapeless
    tag: dict[Any, Any] = {} if config.tag is None else {config.tag_field: _NAMES[type(config.tag)]}
    return tag, dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))


def _only(of: Iterable[Any]) -> Any:  # noqa: ANN401 - what it is
    found = list(of)
    if len(found) != 1:
        raise _Shapeless
    return found[0]


def _all_hold(item: Shape, containers: Iterable[Iterable[Any]]) -> bool:
    return item.holds(list(chain.from_iterable(containers)))


def _ints(values: list[int]) -> bool:
    return min(values) >= LOW and max(values) <= HIGH


def _floats(values: list[float]) -> bool:
    return -inf < sum(values) < inf or all(map(isfinite, values))


def inline(values: list[bytes]) -> bool:
    """None of these should stand beside the JSON; of a state, the fields are looked at one by one: near enough."""
    return sum(len(value) for value in values if len(value) >= LEAST) < TOGETHER


def _times(values: list[Any]) -> bool:
    """No zone but UTC, the very one: others equal it and have a name of their own."""
    zones = set(map(id, map(attrgetter("tzinfo"), values)))
    return zones <= {id(None), id(UTC)} and not any(map(attrgetter("fold"), values))


_CHECKS: dict[type, Check] = {bytes: inline, int: _ints, float: _floats, datetime: _times, time: _times}
_FORMS: dict[Any, Callable[[tuple[Any, ...], Within], Shape]] = {
    Annotated: _annotated,
    Union: _union,
    UnionType: _union,
    Literal: _literal,
    list: _list,
    tuple: _tuple,
    dict: _dict,
}
_GROUPS: dict[object, Callable[[tuple[Any, ...]], Any]] = {
    "list": lambda parts: list[_only(parts)],  # type: ignore[misc] # a type made of data, here and below
    "dict": lambda parts: dict[str, _only(parts)],  # type: ignore[misc]
    "tuple of": lambda parts: tuple[_only(parts), ...],  # type: ignore[misc]
    "tuple": lambda parts: tuple[parts],  # type: ignore[valid-type]
    "or": lambda parts: Union[parts],  # noqa: UP007 - as many as there are
}
