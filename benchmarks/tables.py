"""What a part of the benchmarks reports, and the Markdown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.rounds import Spread

NONE = "-"


class Goal(NamedTuple):
    """A promise with a number: what was measured of it, and whether it is kept; None where it could not be measured."""

    what: str
    limit: str
    measured: str
    met: bool | None


class Section(NamedTuple):
    """One part: what was done, the table, and the goals that it decides."""

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]


def at_most(what: str, found: Spread, limit: float, unit: str = "x") -> Goal:
    """The goal that the median of `found` is no more than `limit`."""
    return Goal(what, f"at most {limit:g}{unit}", f"{found.median:.3f}{unit}", found.median <= limit)


def at_least(what: str, found: Spread, limit: float, unit: str = "x") -> Goal:
    """The goal that the median of `found` is no less than `limit`."""
    return Goal(what, f"at least {limit:g}{unit}", f"{found.median:.3f}{unit}", found.median >= limit)


def cells(found: Spread, scale: float = 1, digits: int = 2) -> list[str]:
    """`found` as three cells: the median, the middle half, the ends."""
    low, lower, median, upper, high = (_number(value * scale, digits) for value in found)
    return [median, f"{lower} to {upper}", f"{low} to {high}"]


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits if abs(value) < 100 else 0}f}"


def report(sections: Sequence[Section], machine: Iterable[str]) -> str:
    """The whole report: the machine, the goals of all sections, and the sections."""
    verdict = {True: "yes", False: "**no**", None: "not measured"}
    goals = [[goal.what, goal.limit, goal.measured, verdict[goal.met]] for part in sections for goal in part.goals]
    parts = [
        "\n".join(f"- {line}" for line in machine),
        _table(["goal", "limit", "measured (median)", "met"], goals),
        *(f"### {part.title}\n\n{part.text}\n\n{_table(part.header, part.rows)}" for part in sections),
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
