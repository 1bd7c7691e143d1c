"""What a state should look like: typed loads."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import msgspec

from ckptstore.errors import VersionMismatch

T = TypeVar("T")

_EXACT = (bytes, bytearray, datetime, date, time, timedelta, Decimal, UUID)  # never parsed from a str
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:(?P<key>key[^`]*)` in `)?\$(?P<path>[^`]*)`)?", re.DOTALL)
_NAMES = {"decimal": "Decimal", "uuid": "UUID", "duration": "timedelta", "array": "list", "object": "dict"}
_WORDS = {
    "Object missing required field": "missing field",
    "Object contains unknown field": "unknown field",
    "Invalid enum value": "not one of the values:",
    "Expected": "expected",
}


def fit(state: object, type: type[T]) -> T:  # noqa: A002 - the public name of the argument
    """
    `state`, as loaded without a type, as a `type`; exact: a str is never read as a number, a date or a Decimal.

    Where it does not fit, `VersionMismatch` says where. A type that msgspec cannot convert to is a `TypeError`.
    """
    try:
        return msgspec.convert(state, type, builtin_types=_EXACT)
    except msgspec.ValidationError as exc:
        raise VersionMismatch(_in_our_words(str(exc))) from exc


def _in_our_words(message: str) -> str:
    match = _PLACE.fullmatch(message)
    what, key, path = match.group("what", "key", "path") if match else (message, None, None)
    for theirs, ours in _WORDS.items():
        what = what.replace(theirs, ours)
    what = re.sub(r"`([^`]*)`", lambda found: " | ".join(_NAMES.get(n, n) for n in found[1].split(" | ")), what)
    place = f"state{path or ''}"
    return f"{place}: {what}" if key is None else f"{place} (a key): {what}"
