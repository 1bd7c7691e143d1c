"""Typed loads: a plain state built into a type, and the place where it does not fit."""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints
from uuid import UUID

import msgspec

from ckptstore.arrays import is_array
from ckptstore.decoders import convert
from ckptstore.errors import VersionMismatch, shown
from ckptstore.refusals import item, member, name_of

T = TypeVar("T")

_EXACT = (bytes, bytearray, datetime, date, time, timedelta, Decimal, UUID)  # never parsed from a str
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:key(?P<key>[^`]*)` in `)?\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>[0-9]+)\]|(?P<some>\[\.\.\.\])")
_NAMES = {"decimal": "Decimal", "uuid": "UUID", "duration": "timedelta", "array": "list", "object": "dict"}
_WORDS = {
    "Object missing required field": "missing field",
    "Object contains unknown field": "unknown field",
    "Invalid enum value": "not one of the values:",
    "Expected": "expected",
}
_UNUSABLE = (TypeError, NameError, AttributeError)  # what msgspec and `get_type_hints` raise for bad annotations


def fit(state: object, type: type[T]) -> T:  # noqa: A002 - the public name of the argument
    """
    `state`, as loaded without a type, as a `type`; exact: a str is never read as a number, a date or a Decimal.

    Where it does not fit, `VersionMismatch` says where. A type that no state can be built into is a `TypeError`.
    """
    try:
        fitted: T = _convert(state, type)
    except msgspec.ValidationError as exc:
        raise VersionMismatch(explain(str(exc), state, type)) from exc
    except UnicodeEncodeError as exc:  # what msgspec makes of a lone surrogate where it expects something else
        raise VersionMismatch(f"state: {shown(ascii(exc.object))} does not fit into {name_of(type)}") from exc
    except _UNUSABLE as exc:
        check_type(type)
        if is_array(getattr(exc, "obj", None).__class__):  # which msgspec takes for a dict
            raise VersionMismatch(f"state: a numpy array stands where {name_of(type)} has a dict") from exc
        raise
    return fitted


def check_type(type_: Any) -> None:  # noqa: ANN401 - also a union
    """A state can be built into `type_`; otherwise `TypeError` names the field that is in the way."""
    error = _why_unusable(type_)
    if error is not None:
        what = _culprit(type_, set()) or name_of(type_)
        raise TypeError(f"{what}: no state can be built into this type: {error}") from error


def explain(message: str, state: object, type_: Any) -> str:  # noqa: ANN401 - also a union
    """What msgspec says of `state`, in the notation of our own errors: `state.orders["a"][3].price: expected …`."""
    match = _PLACE.fullmatch(message)
    what, key, path = match.group("what", "key", "path") if match else (message, None, None)
    for theirs, ours in _WORDS.items():
        what = what.replace(theirs, ours)
    what = re.sub(r"`([^`]*)`", lambda found: " | ".join(_NAMES.get(n, n) for n in found[1].split(" | ")), what)
    search = _Search(state, type_, message)
    place = search.follow(path or "")
    return f"{place if key is None else search.key(place) + key}: {what}"


class _Search:
    """
    Finds the way to what does not fit; `root` is what is left of the state, with everything behind that cut off.

    msgspec names fields and indexes, but not the keys of a dict. It reads a dict in order, so the culprit is the last
    entry of the shortest beginning of that dict for which msgspec says the same.
    """

    def __init__(self, root: object, type_: Any, message: str) -> None:  # noqa: ANN401 - also a union
        self._root = root
        self._type = type_
        self._message = message
        self._trail: list[tuple[Any, Any]] = []  # container, key or index
        self._here: Any = root

    def follow(self, path: str) -> str:
        """`path`, of msgspec, as ours; from where it leads outside of dicts and lists, as msgspec gave it."""
        place = "state"
        for step in _STEP.finditer(path):
            try:
                place = self._go(place, step)
            except (TypeError, LookupError):
                return place + path[step.start() :]
        return place

    def key(self, place: str) -> str:
        """The key, of the dict at `place`, that does not fit."""
        index = self._index()
        return f"{place} (a key)" if index is None else member(place, index)

    def _go(self, place: str, step: re.Match[str]) -> str:
        name, index, _ = step.groups()
        if name is not None:
            self._enter(name, self._here[name])
            return f"{place}.{name}"
        if index is not None:
            self._enter(int(index), list(self._here)[int(index)])
            return f"{place}[{index}]"
        entry = self._index()
        if entry is None:
            raise LookupError
        key = list(self._here)[entry]
        self._enter(key, self._here[key])
        return item(place, key)

    def _enter(self, key: object, value: object) -> None:
        self._trail.append((self._here, key))
        self._here = value

    def _index(self) -> int | None:
        """Which entry of the dict that we stand at does not fit; the dict is cut behind it."""
        entries = list(self._here.items())
        size = bisect_left(range(len(entries)), True, lo=1, key=lambda size: self._fails(dict(entries[:size])))  # noqa: FBT003 - what is searched for
        if not entries or not self._fails(dict(entries[:size])):
            return None
        self._here = dict(entries[:size])
        return size - 1

    def _fails(self, here: object) -> bool:
        """Whether msgspec says the same when `here` stands where we are."""
        root = here
        for container, key in reversed(self._trail):
            copy = container.copy() if isinstance(container, dict) else list(container)
            copy[key] = root
            root = copy
        try:
            _convert(root, self._type)
        except msgspec.ValidationError as exc:
            return str(exc) == self._message
        except UnicodeEncodeError:
            return False
        return False


def _convert(state: object, type_: Any) -> Any:  # noqa: ANN401 - whatever the type says
    return convert(state, type_, _EXACT)


def _why_unusable(type_: Any) -> Exception | None:  # noqa: ANN401 - also a union
    try:
        _convert(None, type_)
    except msgspec.ValidationError:
        return None
    except _UNUSABLE as exc:
        return exc
    return None


def _culprit(type_: Any, seen: set[int]) -> str | None:  # noqa: ANN401 - also a union
    """The innermost field within `type_` that makes it unusable, as `Order.price`; None where it is no field."""
    if id(type_) in seen:
        return None
    seen.add(id(type_))
    for name, part in [*_fields(type_), *((None, part) for part in get_args(type_))]:
        if _why_unusable(part) is not None:
            return _culprit(part, seen) or (name and f"{type_.__qualname__}.{name}")
    return None


class _Field(NamedTuple):
    name: str
    type: Any


def _fields(type_: Any) -> list[_Field]:  # noqa: ANN401 - also a union
    if not isinstance(type_, type):
        return []
    try:
        return [_Field(name, hint) for name, hint in get_type_hints(type_, include_extras=True).items()]
    except _UNUSABLE:
        return []
