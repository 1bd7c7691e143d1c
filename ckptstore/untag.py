"""A tree from JSON, with tags -> the state. Nothing is imported but numpy and zone data, and nothing executed."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from ckptstore import arrays, isotime
from ckptstore.errors import CheckpointCorrupt
from ckptstore.tags import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection

TYPED = b'{"$typed":['
"""How a state begins that msgspec wrote by itself."""
LARGE = 1024 * 1024  # bytes: above, the collector's passes over what is being read take as long as reading it

_COLLISIONS = 1000  # keys of one hash: 10 ms for a set, and more than anybody comes by
_INT = r"-?0x[0-9a-f]+"
_ESCAPE = r"\\u(005c|d[89a-f][0-9a-f]{2})"


def untag(tree: Any) -> Any:  # noqa: ANN401 - the state may be anything
    """
    The state that `tag` made `tree` of; lists and dicts of `tree` are changed in place and become part of it.

    A tag that is unknown or holds what it never holds is `CheckpointCorrupt`, as are too many levels.
    """
    return _any(tree, 1)


def too_deep() -> CheckpointCorrupt:
    """The error for a tree that nobody can have saved."""
    return CheckpointCorrupt(f"state: nested too deeply (a state has at most {LEVELS} levels)")


def _any(x: Any, depth: int) -> Any:  # noqa: ANN401 - any value
    if type(x) is dict:
        return _dict(x, depth)
    return _list(x, depth) if type(x) is list else x


def _list(x: list[Any], depth: int) -> list[Any]:
    if depth > LEVELS:
        raise too_deep()
    for index, value in enumerate(x):
        kind = type(value)
        if kind is dict:
            x[index] = _dict(value, depth + 1)
        elif kind is list:
            _list(value, depth + 1)
    return x


def _dict(x: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - any value
    if len(x) == 1:
        [(key, value)] = x.items()
        if key.startswith("$"):
            return _tagged(key, value, depth)  # before the levels: a tagged Decimal is none
    if depth > LEVELS:
        raise too_deep()
    for key, value in x.items():
        kind = type(value)
        if kind is dict:
            x[key] = _dict(value, depth + 1)
        elif kind is list:
            _list(value, depth + 1)
    return x


def _tagged(tag: str, value: Any, depth: int) -> Any:  # noqa: ANN401 - any value
    """What a tag stands for."""
    if tag not in _TAGS:
        raise CheckpointCorrupt(f"state: {_show(tag)} is not a tag that this version knows")
    holds, name, read = _TAGS[tag]
    try:
        if type(value) is holds:
            if read is _pairs:
                return _pairs(value, depth)
            return read(_any(value, depth) if read in _GROUPS else value)
    except (ValueError, TypeError, ArithmeticError, LookupError):
        pass  # they say what is wrong in words of a parser
    raise CheckpointCorrupt(f'state: "{tag}" holds {_show(value)}, which is not {name}')


def _show(value: object) -> str:
    if type(value) is str:
        return msgspec.json.encode(value if len(value) <= 60 else value[:60] + "…").decode()
    kinds = {list: "a list", dict: "a dict", bool: "a bool", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


def _pairs(pairs: list[Any], depth: int) -> dict[Any, Any]:
    if depth > LEVELS:
        raise too_deep()
    if any(type(pair) is not list for pair in pairs):
        raise ValueError("not all are pairs")
    for pair in pairs:  # no comprehension: its frames would end 200 levels at the interpreter's limit
        key, _ = pair
        pair[0] = _any(key, depth + 1)
    _check_spread([key for key, _ in pairs])
    state: dict[Any, Any] = {}
    for key, value in pairs:
        state[key] = _any(value, depth + 1)
    _check_different(state, pairs)
    return state


def _description(x: Any, depth: int) -> Any:  # noqa: ANN401 - JSON-able
    """What describes an array, where only a text can have a tag: arrays within it would nest without a level."""
    if type(x) not in (dict, list):
        return x
    if depth > LEVELS:
        raise too_deep()
    if type(x) is dict and x.keys() == {"$str"}:
        return _str(x["$str"])
    for key in x if type(x) is dict else range(len(x)):
        x[key] = _description(x[key], depth + 1)
    return x


def _set(elements: list[Any]) -> set[Any]:
    _check_spread(elements)
    made = set(elements)
    _check_different(made, elements)
    return made


def _frozenset(elements: list[Any]) -> frozenset[Any]:
    return frozenset(_set(elements))


def _check_different(made: Collection[Any], of: list[Any]) -> None:
    if len(made) != len(of):
        raise ValueError("something is in it twice")


def _check_spread(keys: list[Any]) -> None:
    """
    Refuse keys that were chosen for their hashes: 300,000 equal ones, in 8 MiB, would take a set ten minutes.

    Python's hash of a number is the number modulo 2**61 - 1. That of a text nobody can foresee.
    """
    if len(keys) <= _COLLISIONS or set(map(type, keys)) == {str}:
        return
    if max(Counter(map(hash, keys)).values()) > _COLLISIONS:
        raise ValueError("too many keys have one hash")


def _str(text: str) -> str:
    if "\\" in re.sub(_ESCAPE, "", text):
        raise ValueError(text)
    return re.sub(_ESCAPE, lambda found: chr(int(found[1], 16)), text)


def _int(text: str) -> int:
    if not re.fullmatch(_INT, text):
        raise ValueError(text)
    return int(text, 16)


def _float(text: str) -> float:
    if text not in {"nan", "inf", "-inf"}:
        raise ValueError(text)
    return float(text)


def _date(text: str) -> date:
    value = date.fromisoformat(text)
    if value.isoformat() != text:  # from Python 3.11 on, 20240101 is one
        raise ValueError(text)
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if str(value).upper() != text.upper():  # spaces, underscores, or a context that makes NaN of nonsense
        raise ValueError(text)
    return value


def _timedelta(parts: list[Any]) -> timedelta:
    value = timedelta(*parts)
    if set(map(type, parts)) != {int} or [value.days, value.seconds, value.microseconds] != parts:
        raise ValueError(parts)
    return value


def _uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text:
        raise ValueError(text)
    return value


_GROUPS = {tuple, _set, _frozenset}
_TAGS: dict[str, tuple[type, str, Any]] = {
    "$tuple": (list, "a tuple", tuple),
    "$set": (list, "a set", _set),
    "$frozenset": (list, "a frozenset", _frozenset),
    "$dict": (list, "a dict", _pairs),
    "$str": (str, "a str", _str),
    "$int": (str, "an int", _int),
    "$float": (str, "a float", _float),
    "$bytes": (str, "bytes", lambda text: a2b_base64(text, strict_mode=True)),
    "$decimal": (str, "a Decimal", _decimal),
    "$datetime": (str, "a datetime", isotime.to_datetime),
    "$date": (str, "a date", _date),
    "$time": (str, "a time", isotime.to_time),
    "$timedelta": (list, "a timedelta", _timedelta),
    "$uuid": (str, "a UUID", _uuid),
    "$ndarray": (dict, "a numpy array", lambda value: arrays.revive(_description(value, 1))),
}
