"""What callers may pass, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from ckptstore.checkpoint import Checkpoint

At: TypeAlias = Checkpoint | datetime | int


def check_number(name: str, number: object, least: int, *, also: str = "") -> None:
    """`number` is an int of `least` or more; `also` says what else the argument may be."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} must be an int{also}, not {type(number).__name__}")
    if number < least:
        raise ValueError(f"{name} must be {least} or more, not {number}")


def check_at(run: str, at: object) -> None:
    """`at` names a checkpoint of `run`."""
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"at={at.isoformat()} has no time zone: pass an aware datetime, such as datetime.now(UTC)")
    elif isinstance(at, Checkpoint):
        _check_owner("at", run, at)
    elif at is not None:
        check_number("at", at, 1, also=", a Checkpoint or an aware datetime")


def shown(at: At | None) -> str:
    """What a message calls `at`: a record by its number, as metadata may be long, and secret."""
    if at is None:
        return "yet"
    return f"{at.number} such as the given record" if isinstance(at, Checkpoint) else f"at {at}"


def check_min_number(min_number: object, at: object) -> None:
    """`min_number` is a number, 0 for none, and only of the newest."""
    check_number("min_number", min_number, 0)
    if min_number and at is not None:
        raise ValueError("min_number= says how new the newest must be: it cannot be given together with at=")


def check_after(run: str, after: object) -> None:
    """`after` names what a save of `run` continues from."""
    if isinstance(after, Checkpoint):
        _check_owner("after", run, after)
    else:
        check_number("after", after, 0, also=" or a Checkpoint")


def check_metadata(metadata: object) -> dict[str, object]:
    """`metadata` as a plain dict with str keys."""
    if not isinstance(metadata, Mapping) or not all(type(key) is str for key in metadata):
        raise TypeError(f"metadata must be a mapping with str keys, not {metadata!r}")
    return dict(metadata)


def _check_owner(name: str, run: str, checkpoint: Checkpoint) -> None:
    if checkpoint.run != run:
        raise ValueError(f"{name} is checkpoint {checkpoint.number} of run {checkpoint.run!r}, not of {run!r}")
