"""What cannot be stored, where it is inside the state, and what to do about it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, get_origin

from ckptstore import arrays
from ckptstore.serialized import Omitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Step = Callable[[str, Any], str]


class Refusal(Exception):  # noqa: N818 - never seen outside
    """
    Something cannot be stored; `error` is what to raise in its place.

    Every container that it unwinds through adds its step to `trail`, so that a save that succeeds keeps no paths.
    """

    def __init__(self, kind: type[Exception], reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.trail: list[tuple[object, object, Step]] = []  # container, key, step; innermost first

    def error(self) -> Exception:
        """The error for the caller: the path as a Python expression, then the reason."""
        path, seen = "state", dict[int, str]()
        for container, key, step in reversed(self.trail):
            if id(container) in seen:
                return ValueError(f"{_short(path)} is {_short(seen[id(container)])} again: a cycle cannot be stored")
            seen[id(container)] = path
            path = step(path, key)
        return self.kind(f"{_short(path)}: {self.reason}")


def item(path: str, key: object) -> str:
    """The path of a value in a dict or a list."""
    try:
        text = f'"{key}"' if type(key) is str and key.isprintable() and not set(key) & {'"', "\\"} else ascii(key)
    except ValueError:  # an int of more than 4300 digits
        text = type(key).__name__
    return f"{path}[{text if len(text) <= 60 else text[:60] + '…'}]"


def member(path: str, index: int) -> str:
    """The path of a key of a dict, or of an element of a set."""
    return f"list({path})[{index}]"


def field(path: str, name: str) -> str:
    """The path of a field."""
    return f"{path}.{name}"


def refuse(kind: type, storable: Iterable[type]) -> Refusal:
    """The refusal of an object of type `kind`, with what to store in its place."""
    name = kind.__qualname__
    bases = [base.__name__ for base in kind.__mro__ if base in storable]
    if issubclass(kind, Enum):
        advice = "store its .value"
    elif issubclass(kind, Omitted):
        advice = "it stands for what was not loaded, so load the state without only= and save that"
    elif hint := arrays.advice(kind):
        name, advice = f"{kind.__module__}.{name}", hint
    elif bases:
        advice = f"it would come back as a plain {bases[0]}, so store a plain {bases[0]}"
    elif kind in (bytearray, memoryview):
        advice = "store bytes(…) of it"
    else:
        advice = 'store its parts in a dict or a dataclass, or open the store with serializer="pickle"'
    return Refusal(TypeError, f"{name} cannot be stored: {advice}")


def _short(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:100]}…{path[-100:]}"


def name_of(this: Any) -> str:  # noqa: ANN401 - a type or a function
    """What people call a type or a function."""
    return repr(this) if get_origin(this) else str(getattr(this, "__qualname__", None) or repr(this))
