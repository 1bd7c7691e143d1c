"""What the commands print: JSON for scripts, tables and lines for people."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec.structs import asdict
from rich.console import Console
from rich.filesize import decimal
from rich.pretty import Pretty
from rich.table import Table
from rich.text import Text

from ckptstore import large, tags
from ckptstore.cli.exits import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import JustifyMethod

    from ckptstore.checkpoint import Checkpoint
    from ckptstore.prune import PruneReport
    from ckptstore.verify import VerifyReport

_WIDE = 10_000  # columns of a file or pipe: lines are not to be cut there
_READABLE = 100  # columns for a state, however wide the terminal is
PREVIEW = 64  # bytes of a state that is bytes
_LONG = 1000  # characters of a str or bytes inside a state, and parts of a container, after which it is cut, for people


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - rich calls this from its except block, and would exit with 1 itself


def console() -> Console:
    """A console for stdout as it is now: as wide as the terminal, without end in a pipe."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without "…" is no reason to fail
    fixed = sys.stdout.isatty() or "COLUMNS" in os.environ
    return _Console(width=None if fixed else _WIDE, highlight=False, markup=False, emoji=False)


def document(tree: object) -> None:
    """Print `tree` as one JSON document; UTF-8, as JSON is, whatever the locale says."""
    click.echo(msgspec.json.format(msgspec.json.encode(tags.escape(tree), enc_hook=large.inline)))


def tagged(value: object) -> Any:  # noqa: ANN401 - JSON-able
    """A loaded value for `document`: what JSON lacks in the store's own tagged form."""
    return tags.tag(value)


def record(checkpoint: Checkpoint) -> dict[str, object]:
    """`checkpoint` with stable field names, for `document`."""
    return {
        "run": checkpoint.run,
        "number": checkpoint.number,
        "created_at": checkpoint.created_at.isoformat(),
        "version": checkpoint.version,
        "size": checkpoint.size,
        "stored_size": checkpoint.stored_size,
        "digest": checkpoint.digest,
        "metadata": tagged(dict(checkpoint.metadata)),
        "writer": {"host": checkpoint.writer.host, "pid": checkpoint.writer.pid},
    }


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table without lines, so that it can be searched and sorted; the last column gives way."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        made.add_column(column, justify=justify, no_wrap=column != columns[-1], overflow="fold")
    return made


def facts(metadata: Mapping[str, object]) -> str:
    """Metadata on one line."""
    return plain(" ".join(f"{key}={value}" for key, value in metadata.items()))


def cells(checkpoint: Checkpoint) -> tuple[str, str, str, str]:
    """Number, time to the second, size and metadata: what a listing shows of a checkpoint."""
    when = f"{checkpoint.created_at:%Y-%m-%d %H:%M:%S}"
    return str(checkpoint.number), when, decimal(checkpoint.size), facts(checkpoint.metadata)


def fields(lines: Mapping[str, str]) -> Table:
    """A name and its text on each line."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, text in lines.items():
        made.add_row(name, text)
    return made


def record_lines(checkpoint: Checkpoint) -> Table:
    """The record of one checkpoint, a field a line."""
    lines = {
        "run": checkpoint.run,
        "number": str(checkpoint.number),
        "saved": f"{checkpoint.created_at:%Y-%m-%d %H:%M:%S.%f} UTC, by {plain(str(checkpoint.writer))}",
        "size": f"{checkpoint.size:,} bytes, {checkpoint.stored_size:,} in the store",
        "version": plain(str(checkpoint.version)),
        "digest": checkpoint.digest,
        "metadata": facts(checkpoint.metadata),
    }
    if checkpoint.version is None:
        del lines["version"]
    return fields(lines)


def print_state(value: object, out: Console) -> None:
    """Print a state for people, as Python writes it; bytes as `print_bytes`."""
    if isinstance(value, bytes):
        print_bytes(len(value), value[:PREVIEW], out)
    else:
        pretty = Pretty(value, max_string=_LONG, max_length=_LONG, indent_guides=False)
        out.print(pretty, width=min(out.width, _READABLE))


def print_bytes(size: int, beginning: bytes, out: Console) -> None:
    """Print a state that is bytes: how many, and what it begins with."""
    out.print(f"{size:,} bytes: {beginning!r}{' …' if size > len(beginning) else ''}")


def verified(report: VerifyReport) -> dict[str, object]:
    """`report` with stable field names, for `document`."""
    problems = [asdict(problem) for problem in report.problems]
    return {"run": report.run, "ok": report.ok, "checked": report.checked, "problems": problems}


def print_verified(reports: Sequence[VerifyReport]) -> None:
    """Each run on a line, with its problems below it."""
    out = console()
    for report in reports:
        out.print(f"{report.run}: {count(report.checked, 'checkpoint')} checked, ", end="", soft_wrap=True)
        out.print(verdict("ok" if report.ok else count(len(report.problems), "problem"), good=report.ok))
        for problem in report.problems:
            what = problem.what.removeprefix(f"{problem.key}: ")  # which some of them name as well
            out.print(f"  {plain(problem.key)}: {plain(what)}", soft_wrap=True)
    if not reports:
        out.print("no runs")


def print_pruned(report: PruneReport) -> None:
    """Each checkpoint and leftover on a line, and the sum."""
    out = console()
    would = "would be " * report.dry_run
    lines = table("CHECKPOINT", "", "WHY", right=("CHECKPOINT",))
    for decision in report.decisions:
        lines.add_row(str(decision.number), "kept" if decision.keep else f"{would}removed", plain(decision.reason))
    out.print(lines)
    for key in report.leftovers:
        out.print(f"leftover {would}removed: {plain(key)}", soft_wrap=True)
    removed, left = count(len(report.removed), "checkpoint"), count(len(report.leftovers), "leftover")
    out.print(f"{removed} and {left} {would}removed, {len(report.kept)} kept", soft_wrap=True)


@contextmanager
def reading(run: str, *, quiet: bool) -> Iterator[Callable[[int, int], object]]:
    """How much of a run has been read: a line that moves, on a terminal, and is gone in the end."""
    out = console()
    if quiet or not out.is_terminal:
        yield lambda _done, _total: None
        return
    with out.status(f"{plain(run)}: reading") as status:
        yield lambda done, total: status.update(f"{plain(run)}: {done / max(total, 1):.0%} of {decimal(total)}")


def count(number: int, what: str) -> str:
    """`1 checkpoint`, `2 checkpoints`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def verdict(text: str, *, good: bool) -> Text:
    """The line that sums it up."""
    return Text(text, style="bold green" if good else "bold red")
