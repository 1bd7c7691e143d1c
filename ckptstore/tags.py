r"""
A state as a tree that JSON holds, by value, so that `load` gives back what `save` was given.

What JSON has stands for itself. What it lacks is a dict with one key, the tag:

    {"$tuple": […]}  {"$set": […]}  {"$frozenset": […]}  {"$bytes": "<base64>"}  {"$decimal": "1.10"}
    {"$float": "nan" | "inf" | "-inf"}  {"$int": "0x…"} beyond 64 bits  {"$str": "\ud800"} with a lone surrogate
    {"$datetime": "2024-01-01T00:00:00+01:00[Europe/Berlin]"}  {"$date": …}  {"$time": …}  {"$timedelta": [d, s, us]}
    {"$uuid": …}  {"$ndarray": {"dtype", "shape", "order", "data"}}
    {"$dict": [[key, value], …]}  a dict that JSON cannot hold, or that looks like a tag

Dataclasses, Structs and Enum members are stored as fields and values. Bytes and arrays of 4 KiB and more are left as a
`Large`, for who makes JSON of the tree. `untag` is the way back.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from msgspec import UNSET, Struct

from ckptstore import arrays, isotime, large, plain
from ckptstore.plain import HIGH, LOW
from ckptstore.refusals import Refusal, field, item, member, refuse
from ckptstore.serialized import Omitted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ckptstore.refusals import Step

LEVELS = 200

_SURROGATE = r"[\ud800-\udfff]"
_BACKSLASH_OR_SURROGATE = r"[\\\ud800-\udfff]"


def tag(state: object) -> Any:  # noqa: ANN401 - JSON-able
    """
    `state` as a tree for JSON: the same object where nothing in it needs a tag.

    What cannot be stored is a `TypeError` that names its path, a cycle or more than 200 levels a `ValueError`.
    """
    try:
        return _TAGS.get(type(state), _other)(state, 1)
    except Refusal as refusal:
        raise refusal.error() from None


def escape(tree: Any) -> Any:  # noqa: ANN401 - JSON-able
    """A tagged tree with `$str` for every string that UTF-8 cannot hold: one with a lone surrogate."""
    if type(tree) is str:
        if not re.search(_SURROGATE, tree):
            return tree
        return {"$str": re.sub(_BACKSLASH_OR_SURROGATE, lambda found: f"\\u{ord(found[0]):04x}", tree)}
    if type(tree) is dict:
        if any(re.search(_SURROGATE, key) for key in tree):
            return {"$dict": [[escape(key), escape(value)] for key, value in tree.items()]}
        return {key: escape(value) for key, value in tree.items()}
    return [escape(value) for value in tree] if type(tree) in (list, tuple) else tree


# The two loops are written out, twice, and with numbers in the place of names: a save spends its time in them, and a
# call for each value would double it.


def _items(x: Sequence[Any], depth: int) -> Sequence[Any]:
    """A list or tuple, itself where nothing in it needs a tag."""
    if depth > LEVELS:
        raise Refusal(ValueError, f"more than {LEVELS} levels cannot be stored")
    if x and type(x[0]) is dict and depth < LEVELS and plain.holds_rows(x):
        return x
    if len(x) > plain.WIDE and plain.holds(x):
        return x
    new: list[Any] | None = None
    index = 0
    try:
        for index, value in enumerate(x):
            kind = type(value)
            if kind is str or (kind is float and value * 0.0 == 0.0) or (kind is int and -(10**9) < value < 10**9):
                continue
            if value is None or kind is bool:
                continue
            tagged = _dict(value, depth + 1) if kind is dict else _TAGS.get(kind, _other)(value, depth + 1)
            if tagged is not value:
                new = new or list(x)
                new[index] = tagged
    except Refusal as refusal:
        refusal.trail.append((x, index, item))
        raise
    return new or x


def _dict(x: dict[Any, Any], depth: int) -> dict[str, Any]:
    """A dict, itself where JSON holds it as it is."""
    if depth > LEVELS:
        raise Refusal(ValueError, f"more than {LEVELS} levels cannot be stored")
    for key in x:  # all of them first: values that are walked before the pairs are walked twice, at each level again
        if type(key) is not str:
            return _pairs(x, depth)
    if len(x) > plain.WIDE and plain.holds(x.values()):
        return x
    new: dict[str, Any] | None = None
    key = None
    try:
        for key, value in x.items():
            kind = type(value)
            if kind is str or (kind is float and value * 0.0 == 0.0) or (kind is int and -(10**9) < value < 10**9):
                continue
            if value is None or kind is bool:
                continue
            tagged = _dict(value, depth + 1) if kind is dict else _TAGS.get(kind, _other)(value, depth + 1)
            if tagged is not value:
                new = new or x.copy()
                new[key] = tagged
    except Refusal as refusal:
        refusal.trail.append((x, key, item))
        raise
    return _escaped(new or x) if len(x) == 1 else new or x


def _escaped(x: dict[str, Any]) -> dict[str, Any]:
    """`x`, unless a reader would take it for a tag."""
    key = next(iter(x), "")
    return {"$dict": [[key, x[key]]]} if len(x) == 1 and key.startswith("$") else x


def _part(x: object, items: list[Any], depth: int, step: Step, keys: Sequence[object] | None = None) -> Sequence[Any]:
    """`items`, which are parts of `x`, tagged; a path names one by its index, or by its key."""
    try:
        return _items(items, depth)
    except Refusal as refusal:
        if refusal.trail:
            index: Any = refusal.trail.pop()[1]
            refusal.trail.append((x, index if keys is None else keys[index], step))
        raise


def _pairs(x: dict[Any, Any], depth: int) -> dict[str, Any]:
    """A dict with other keys than str; Enum members are stored as their values, so they may be str after all."""
    keys = _members(x, depth)
    values = _part(x, list(x.values()), depth, item, list(x))
    if _STR.issuperset(map(type, keys)):
        return _escaped(dict(zip(keys, values, strict=True)))
    return {"$dict": list(zip(keys, values, strict=True))}


def _tuple(x: tuple[Any, ...], depth: int) -> dict[str, Any]:
    return {"$tuple": _items(x, depth)}


def _set(x: set[Any] | frozenset[Any], depth: int) -> dict[str, Any]:
    """A set, its elements in an order of their own: equal sets are equal bytes, in every process."""
    elements = _members(x, depth)
    kinds = set(map(type, elements))
    natural = len(kinds) == 1 and kinds <= {str, int, float}
    return {"$set" if type(x) is set else "$frozenset": sorted(elements, key=None if natural else repr)}


def _members(x: Collection[Any], depth: int) -> Sequence[Any]:
    """The keys of a dict or the elements of a set, tagged; bytes in them never stand beside the JSON."""
    given = list(x)
    tagged = _part(x, given, depth, member)
    _check_hashable(x)
    return given if tagged is given else large.inlined(tagged)


def _check_hashable(x: Collection[Any]) -> None:
    """Refuse keys or elements that could not come back as such."""
    if _SCALARS.issuperset(map(type, x)):
        return
    try:
        count = len({_stored(one) for one in x})
    except TypeError:
        raise Refusal(TypeError, "an Enum member whose value has no hash cannot be a key or an element") from None
    if count != len(x):
        raise Refusal(TypeError, "two keys or elements become one when Enum members are stored as their values")


def _stored(x: Any) -> Any:  # noqa: ANN401 - anything hashable
    """What the key or element `x` comes back as."""
    kind = type(x)
    if kind is tuple or kind is frozenset:
        return kind(map(_stored, x))
    if hasattr(kind, "__dataclass_fields__") or issubclass(kind, Struct):
        raise Refusal(TypeError, f"{kind.__qualname__} comes back as a dict, which is no key or element: use a tuple")
    return _stored(x.value) if issubclass(kind, Enum) else x


class _Plan(NamedTuple):
    """How the instances of a dataclass or Struct are stored."""

    fields: tuple[tuple[str, str], ...]  # name, key
    tag: tuple[tuple[str, Any], ...] = ()
    as_list: bool = False


@lru_cache(1024)
def _plan(kind: Any) -> _Plan:  # noqa: ANN401 - a class
    if not issubclass(kind, Struct):
        import dataclasses  # noqa: PLC0415 - 6 ms, and whoever made this class has loaded it

        return _Plan(tuple((field.name, field.name) for field in dataclasses.fields(kind)))
    config = kind.__struct_config__
    tag: Any = () if config.tag is None else ((config.tag_field, config.tag),)
    fields = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return _Plan(tuple(fields), tag, config.array_like)


def _record(x: object, depth: int) -> Any:  # noqa: ANN401 - JSON-able
    """A dataclass or Struct as `msgspec.convert` takes it: a dict of its fields, or a list (`array_like`)."""
    kind: Any = type(x)
    plan = _plan(kind)
    try:
        fields = [(name, key, getattr(x, name)) for name, key in plan.fields]
    except AttributeError as exc:
        raise Refusal(TypeError, f"a field of this {kind.__qualname__} is not set ({exc})") from None
    if not plan.as_list:  # where the place says which field it is, none may be left out
        fields = [one for one in fields if one[2] is not UNSET]
    names, keys = [name for name, _, _ in fields], [key for _, key, _ in fields]
    values = _part(x, [value for _, _, value in fields], depth, field, names)
    if plan.as_list:
        return [*(value for _, value in plan.tag), *values]
    return _escaped(dict(plan.tag) | dict(zip(keys, values, strict=True)))


def _other(x: Any, depth: int) -> Any:  # noqa: ANN401 - any object
    """Arrays, Enum members and records, which are known by more than their type; all else is refused."""
    kind: Any = type(x)
    if arrays.is_array(kind):
        head = _described(arrays.head, x)  # nobody looks for surrogates in a `Large` later
        return {"$ndarray": arrays.described(x, head)} if x.nbytes < large.LEAST else large.Large(x, escape(head))
    if issubclass(kind, Enum) and getattr(kind, "_member_type_", None) is object:
        try:
            return _TAGS.get(type(x.value), _other)(x.value, depth)
        except Refusal as refusal:
            refusal.trail.append((x, "value", field))
            raise
    if issubclass(kind, (Enum, Omitted, *_TAGS)) or not (
        hasattr(kind, "__dataclass_fields__") or issubclass(kind, Struct)
    ):
        raise refuse(kind, _TAGS)
    return _record(x, depth)


def _described(describe: Callable[[Any], Any], x: object) -> Any:  # noqa: ANN401 - JSON-able
    try:
        return describe(x)
    except TypeError as exc:
        raise Refusal(TypeError, str(exc)) from None


_TAGS: dict[type, Callable[[Any, int], Any]] = {
    str: lambda x, _: x,
    type(None): lambda x, _: x,
    bool: lambda x, _: x,
    int: lambda x, _: x if LOW <= x <= HIGH else {"$int": hex(x)},
    float: lambda x, _: x if isfinite(x) else {"$float": str(x)},
    list: _items,
    dict: _dict,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    bytes: lambda x, _: large.of_bytes(x),
    Decimal: lambda x, _: {"$decimal": str(x)},
    datetime: lambda x, _: {"$datetime": _described(isotime.text, x)},
    date: lambda x, _: {"$date": x.isoformat()},
    time: lambda x, _: {"$time": _described(isotime.text, x)},
    timedelta: lambda x, _: {"$timedelta": [x.days, x.seconds, x.microseconds]},
    UUID: lambda x, _: {"$uuid": str(x)},
}
TAGGED = frozenset(_TAGS)
"""The types of a state that `tag` knows by themselves."""
_STR = frozenset({str})
_SCALARS = frozenset(_TAGS) - {list, dict, tuple, set, frozenset}
