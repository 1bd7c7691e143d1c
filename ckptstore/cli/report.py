"""What the demo shows: how far it is while it runs, and what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.filesize import decimal

from ckptstore.cli import output
from ckptstore.cli.exits import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from ckptstore.cli.demo import Kill, Result

SHOWN = 10  # differences, after which they are only counted


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int], object]]:
    """A line that moves, on a terminal, and is gone in the end."""
    out = output.console()
    if quiet or not out.is_terminal:
        yield lambda _kills, _tick: None
        return
    with out.status("playing") as status:
        yield lambda kills, tick: status.update(f"playing: {tick} saved, killed {output.count(kills, 'time')}")


def as_json(result: Result, *, seed: int, url: str | None) -> dict[str, object]:
    """`result` with stable field names; `store` is null where it was temporary."""
    account = result.account
    return {
        "identical": not result.differences,
        "differences": result.differences,
        "verify": output.verified(result.verified),
        "store": url,
        "seed": seed,
        "ticks": len(result.ticks),
        "kills": [asdict(kill) for kill in result.kills],
        "late_kills": result.late,
        "redone": sum(kill.redone for kill in result.kills),
        "saved": result.saved,
        "kept": result.kept,
        "size": result.newest.size,
        "stored_size": result.stored,
        "seconds": round(result.seconds, 3),
        "median_save_seconds": round(result.median, 6),
        "saves_per_second": round(result.rate, 1),
        "account": {
            "cash": str(account.cash),
            "value": str(account.value),
            "return_pct": str(account.return_pct),
            "commission": str(account.commission),
            "positions": {symbol: str(count) for symbol, count in account.positions.items()},
        },
        "orders": account.orders,
        "executions": account.executions,
        "statuses": account.statuses,
        "rejected": account.rejected,
    }


def print_result(result: Result, *, seed: int, url: str | None) -> None:
    """The kills, some measures, the account, and in the end the verdict on a line of its own."""
    out = output.console()
    days, symbols = [tick.at for tick in result.ticks], sorted({tick.symbol for tick in result.ticks})
    out.print(
        f"{len(days)} monthly prices of {' '.join(symbols)}, {days[0]:%Y}-{days[-1]:%Y}: a save after each.\n"
        f"{_killed(result, seed)}\n",
    )
    _print_kills(result, out)
    _print_measures(result, out)
    out.print()
    for difference in result.differences[:SHOWN]:
        out.print(plain(difference), soft_wrap=True)
    if len(result.differences) > SHOWN:
        out.print(f"and {output.count(len(result.differences) - SHOWN, 'other difference')}")
    if not result.verified.ok:
        output.print_verified([result.verified])
    if url is not None:
        out.print(f"The store is kept: ckptstore ls demo --store {plain(url)}", soft_wrap=True)
    counts = f"{output.count(result.account.orders, 'order')}, {output.count(result.account.executions, 'execution')}"
    same = f"identical to an uninterrupted run: {counts}, to the last digit"
    words = "differs from an uninterrupted run" if result.differences else same
    bad = ", but verify found problems" * (not result.verified.ok)
    out.print(output.verdict(words + bad, good=result.ok))


def _killed(result: Result, seed: int) -> str:
    done, planned = len(result.kills), len(result.kills) + result.late
    if not planned:
        return "The job ran in one go: no kills."
    rest = f" of {planned} (it had ended before the rest)" * bool(result.late)
    return f"The job was killed {output.count(done, 'time')}{rest} and started again (SIGKILL, seed {seed})."


def _print_kills(result: Result, out: Console) -> None:
    if not result.kills:
        return
    numbers = ("RESUMED AFTER", "TICKS REDONE")
    table = output.table("KILL", "WHEN", *numbers, right=("KILL", *numbers))
    for number, kill in enumerate(result.kills, 1):
        table.add_row(str(number), _where(kill), str(kill.resumed), str(kill.redone))
    out.print(table)
    out.print()


def _where(kill: Kill) -> str:
    if kill.inside is None:
        return f"after save {kill.after}"
    return f"inside save {kill.inside}, {'after' if kill.resumed >= kill.inside else 'before'} its commit"


def _print_measures(result: Result, out: Console) -> None:
    account, newest = result.account, result.newest
    held = " ".join(f"{count:,} {symbol}" for symbol, count in account.positions.items())
    lines = {
        "checkpoints": f"{result.saved} saved, the last {result.kept} kept: {decimal(result.stored)}, the newest "
        f"{decimal(newest.size)}",
        "verify": f"{output.count(result.verified.checked, 'checkpoint')} sound, "
        f"{output.count(len(result.verified.problems), 'problem')}",
        "time": f"{result.seconds:.1f} s in all; a save takes {result.median * 1000:.1f} ms (median); "
        f"{result.rate:,.0f} saves a second",
        "orders": _list_counts(account.statuses),
        "rejected": _list_counts(account.rejected),
        "account": f"{account.value:,.2f} USD ({account.return_pct:+} %), {account.cash:,.2f} of it cash",
        "commission": f"{account.commission:,.2f} USD",
        "shares": held or "none",
    }
    out.print(output.fields(lines))


def _list_counts(counts: Mapping[str, int]) -> str:
    told = (f"{count:,} {word.removeprefix('risk_').replace('_', ' ')}" for word, count in counts.items())
    return ", ".join(told) or "none"
