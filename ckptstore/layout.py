"""
Every object name, in one place; names are checked here on the way in and when listing.

    <run>/000000000042.json            a slot: the manifest (or marker) of number 42
    <run>/latest.json                  the hint
    <run>/packs/<number>-<write_id>-<i>   a pack, named by the number it was written for
    <any of these>.<16 hex>.tmp        an unfinished write of a backend that needs a name for it
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from ckptstore.errors import CheckpointError

MAX_NUMBER = 999_999_999_999
SLOTS_END = ":"  # sorts behind every digit and before every letter, so slots are listed without the rest

_RUN = re.compile(r"[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]{0,199}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{number}" for device in ("com", "lpt") for number in range(10))}
_KEY = re.compile(
    r"(?:(?P<slot>[0-9]{12})\.json|(?P<hint>latest\.json)|packs/(?P<pack>[0-9]{12})-[0-9a-f]{32}-[0-9]+)"
    r"(?P<tmp>\.[0-9a-f]{16}\.tmp)?",
)


class Name(NamedTuple):
    """What a key is: `number` is the slot's, or the one a pack or an unfinished write aims at (0 for the hint)."""

    kind: Literal["slot", "hint", "pack", "unfinished", "foreign"]
    number: int


def check_run(run: str) -> str:
    """`run` as a str, if it is safe on every storage; `TypeError` or `ValueError` otherwise."""
    if not isinstance(run, str):
        raise TypeError(f"run must be a str, not {type(run).__name__}")
    if not is_run(run):
        shown = repr(run) if len(run) <= 80 else f"{run[:60]!r}… ({len(run)} characters)"
        raise ValueError(
            f"run {shown} is not a safe name: use 1 to 200 of A-Z a-z 0-9 . _ - = + @, "
            "not starting or ending with a dot, and no name that Windows reserves (CON, NUL, COM1 …)",
        )
    return run if type(run) is str else str.__str__(run)  # a key would show a member of an Enum by its name


@lru_cache(maxsize=1024)
def is_run(name: str) -> bool:
    """Whether `name` can be a run of ours."""
    return bool(_RUN.fullmatch(name)) and not name.endswith(".") and name.partition(".")[0].lower() not in _RESERVED


def above(run: str, number: int) -> int:
    """The number behind `number`, at which a save aims; `CheckpointError` where numbers end."""
    if number >= MAX_NUMBER:
        raise CheckpointError(
            f"run {run!r}: the last number, {MAX_NUMBER}, is taken, and none is above it: save under another name. "
            "Nobody saves so often: look who wrote it"
        )
    return number + 1


def slot(run: str, number: int) -> str:
    """The key of `number`; `ValueError` where numbers end."""
    if not 1 <= number <= MAX_NUMBER:
        raise ValueError(f"run {run!r}: {number} is not a checkpoint number (1 to {MAX_NUMBER})")
    return f"{run}/{number:012}.json"


def hint(run: str) -> str:
    """The key of the run's hint."""
    return f"{run}/latest.json"


def pack(run: str, name: str) -> str:
    """The key of the pack called `name`."""
    return f"{run}/packs/{name}"


def pack_name(number: int, write_id: str, index: int) -> str:
    """The name of pack `index` that an attempt `write_id` writes for `number`."""
    return f"{number:012}-{write_id}-{index}"


def parse(run: str, key: str) -> Name:
    """What `key`, listed below `run`, is."""
    match = _KEY.fullmatch(key, len(run) + 1)
    if match is None:
        return Name("foreign", 0)
    number = int(match["slot"] or match["pack"] or 0)
    if match["tmp"]:
        return Name("unfinished", number)
    if match["hint"]:
        return Name("hint", 0)
    if number == 0:
        return Name("foreign", 0)
    return Name("slot" if match["slot"] else "pack", number)
