"""Which arrays and bytes of a state a load fetches: those at some paths, and below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ckptstore.refusals import item
from ckptstore.serialized import Omitted

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple[Any, ...]
"""The keys and indexes that lead to a part of a state."""
Only: TypeAlias = str | Path | list[str | Path]
"""A path or a list of paths, as users give them."""

_SHOWN = 8  # keys that an error names


def paths(only: Only) -> list[Path]:
    """The paths that a load is asked for; `TypeError` for what is none."""
    given = only if isinstance(only, list) else [only]
    for path in given:
        if not isinstance(path, (str, tuple)):
            raise TypeError(f"only must be a key, a tuple of keys and indexes, or a list of these, not {only!r}")
    return [(path,) if isinstance(path, str) else path for path in given]


def select(state: Any, chosen: list[Path]) -> list[Omitted]:  # noqa: ANN401 - whatever was saved
    """What stands for something left out at the chosen paths and below; `LookupError` where one leads nowhere."""
    return [one for path in chosen for one in _below(_follow(state, path))]


def _follow(state: Any, path: Path) -> Any:  # noqa: ANN401 - whatever was saved
    here, place = state, "state"
    for step in path:
        try:
            here = _part(here, step)
        except (LookupError, TypeError):  # TypeError: a key that has no hash
            raise LookupError(f"only={path!r}: {place} {_content(here)}, so there is no {item(place, step)}") from None
        place = item(place, step)
    return here


def _part(here: Any, step: Any) -> Any:  # noqa: ANN401 - whatever was saved
    if isinstance(here, dict) or (isinstance(here, (list, tuple)) and type(step) is int):
        return here[step]
    raise LookupError


def _content(here: object) -> str:
    if isinstance(here, dict):
        keys = [item("", key)[1:-1] for key in list(here)[:_SHOWN]]
        return f"has the keys {', '.join(keys)}{', …' if len(here) > _SHOWN else ''}" if keys else "is an empty dict"
    if isinstance(here, (list, tuple)):
        return f"is a {type(here).__name__} of {len(here)}"
    return (
        "is an array or bytes that would be fetched whole"
        if isinstance(here, Omitted)
        else f"is of type {type(here).__name__}"
    )


def _below(here: Any) -> Iterator[Omitted]:  # noqa: ANN401 - whatever was saved
    if isinstance(here, Omitted):
        yield here
    for part in here.values() if isinstance(here, dict) else here if isinstance(here, (list, tuple)) else ():
        yield from _below(part)
