"""The commands: what each takes, and what it is to a shell."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import asdict

from ckptstore import layout
from ckptstore.cli import exits, options, output, places
from ckptstore.errors import BackendError, CheckpointError, CheckpointNotFound, DecryptionError
from ckptstore.urls import open_backend

if TYPE_CHECKING:
    from ckptstore.checkpoint import Checkpoint
    from ckptstore.store import CheckpointStore


class _Commands(click.Group):
    """A group whose failures are one line on stderr and an exit code of their own."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command, and see its output out."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # here a closed pipe can still be caught
        except CheckpointError as error:
            click.echo(exits.line(error), err=True)
            code = exits.exit_code(error)
        except exits.DemoError as error:
            click.echo(exits.line(error), err=True)
            code = error.code
        except KeyboardInterrupt:
            code = exits.INTERRUPTED
        except BrokenPipeError:
            _drop_output()
            code = exits.CLOSED_PIPE
        except OSError as error:  # such as a full disk behind stdout; the store's own errors are CheckpointErrors
            _drop_output()
            click.echo(f"ckptstore: the system failed: {exits.plain(str(error))}", err=True)
            code = exits.STORAGE
        sys.exit(code)


def _drop_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter does not fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_run(_: click.Context, __: click.Parameter, run: str | None) -> str | None:
    try:
        return run if run is None else layout.check_run(run)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def _parse_at(_: click.Context, __: click.Parameter, text: str | None) -> int | datetime | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and 1 <= len(text) <= 12 and int(text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a checkpoint number nor an ISO date-time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_WHOLE = 64 * 1024 * 1024  # bytes of a state up to which somebody waits for the arrays of which some lines are shown

_place = options.place(default="./ckpts")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
_run = click.argument("run", callback=_check_run)
_any_run = click.argument("run", required=False, callback=_check_run)


def _open(place: places.Place, keep: int | None = None) -> CheckpointStore:
    """The store at `place`, which must be there: a command that only reads makes no folder."""
    folder = open_backend(place.url, storage_options=place.storage_options)[1]
    if "://" not in folder and not os.path.isdir(folder):
        raise CheckpointNotFound(
            f"there is no store at {folder!r}: no such folder (--store or CKPTSTORE_URL names one)"
        )
    return place.open(keep=keep)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=exits.HELP)
@click.version_option(package_name="ckptstore")
def ckptstore() -> None:
    """
    Look into a store of checkpoints, check it, tidy it up.

    The store is the folder ./ckpts, unless --store of a command or CKPTSTORE_URL names another place.
    """


@ckptstore.command("ls", short_help="List the runs, or the checkpoints of one.")
@_any_run
@click.option("--limit", "-n", type=click.IntRange(min=1), help="At most so many checkpoints of RUN.")
@_place
@_json
def ls(run: str | None, limit: int | None, *, place: places.Place, as_json: bool) -> None:
    """
    List all runs with their newest checkpoint, or the checkpoints of RUN, newest first.

    Only what is sound is listed. Where the newest checkpoint of a run is damaged, the exit code is 4.
    """
    store = _open(place)
    if run is None:
        if limit is not None:
            raise click.UsageError("--limit needs a RUN")
        _list_runs(store, as_json=as_json)
        return
    found, error = store.checkpoints(run, limit=limit), _newest(store, run)[1]
    if not found:
        raise error or CheckpointNotFound(f"run {run!r}: there is no such run in this store")
    if as_json:
        output.document({"run": run, "checkpoints": [output.record(checkpoint) for checkpoint in found]})
    else:
        table = output.table("NUMBER", "SAVED (UTC)", "SIZE", "METADATA", right=("NUMBER", "SIZE"))
        for checkpoint in found:
            table.add_row(*output.cells(checkpoint))
        output.console().print(table)
    if error:
        raise error


def _list_runs(store: CheckpointStore, *, as_json: bool) -> None:
    runs = [(run, *_newest(store, run)) for run in store.runs()]
    if as_json:
        output.document(
            {
                "runs": [
                    {"run": run, "newest": newest and output.record(newest), "problem": error and str(error)}
                    for run, newest, error in runs
                ],
            },
        )
    elif runs:
        table = output.table("RUN", "NEWEST", "SAVED (UTC)", "SIZE", "METADATA", right=("NEWEST", "SIZE"))
        for run, newest, _ in runs:
            table.add_row(run, *(output.cells(newest) if newest else "-"))
        output.console().print(table)
    else:
        output.console().print("no runs")
    errors = [error for _, _, error in runs if error]
    for error in errors[:-1]:
        click.echo(exits.line(error), err=True)
    if errors:
        raise errors[-1]


def _newest(store: CheckpointStore, run: str) -> tuple[Checkpoint | None, CheckpointError | None]:
    """The newest sound checkpoint, and what is wrong with the newest of all."""
    try:
        return store.latest(run), None
    except BackendError:
        raise
    except DecryptionError as error:
        return None, error  # to other keys none of its checkpoints is listed
    except CheckpointError as error:
        return next(iter(store.checkpoints(run, limit=1)), None), error


@ckptstore.command("show", short_help="Show a checkpoint and its state.")
@_run
@click.argument("at", required=False, callback=_parse_at)
@_place
@_json
def show(run: str, at: int | datetime | None, *, place: places.Place, as_json: bool) -> None:
    """
    Show one checkpoint with its state: the newest of RUN, or the one AT a number or time.

    A time is an ISO date-time such as 2025-01-31T12:00, in UTC unless it says otherwise, and stands for the newest
    checkpoint at or before it. Long values are cut, of a stream there is the beginning, and of a state above 64 MiB
    large arrays and bytes are named, not read. With --json all is there, and values that JSON lacks are written as the
    store writes them, such as {"$decimal": "1.10"}.
    """
    store = _open(place)
    with store.open_reader(run, at=at) as file:
        checkpoint = file.checkpoint
        if as_json:
            state = output.tagged(store.load(run, at=checkpoint))
            output.document({"checkpoint": output.record(checkpoint), "state": state})
            return
        out = output.console()
        out.print(output.record_lines(checkpoint))
        out.print()
        if file.serializer == "bytes":
            output.print_bytes(checkpoint.size, file.read(output.PREVIEW), out)
            return
    output.print_state(store.load(run, at=checkpoint, only=[] if checkpoint.size > _WHOLE else None), out)


@ckptstore.command("verify", short_help="Check every byte of a run, or of all.")
@_any_run
@_place
@_json
def verify(run: str | None, *, place: places.Place, as_json: bool) -> None:
    """Read every byte of RUN, or of all runs, again and check it; list what is not as it was written."""
    store = _open(place)
    reports = []
    for each in [run] if run else store.runs():
        with output.reading(each, quiet=as_json) as progress:
            reports.append(store.verify(each, progress=progress))
    ok = all(one.ok for one in reports)
    if as_json:
        output.document({"ok": ok, "runs": [output.verified(one) for one in reports]})
    else:
        output.print_verified(reports)
    if not ok:
        sys.exit(exits.DIFFERS)


@ckptstore.command("prune", short_help="Remove old checkpoints and leftovers.")
@_run
@click.option("--keep", "-k", type=click.IntRange(min=1), help="How many checkpoints to keep.  [default: all]")
@click.option("--dry-run", is_flag=True, help="Change nothing, only tell.")
@_place
@_json
def prune(run: str, keep: int | None, *, place: places.Place, dry_run: bool, as_json: bool) -> None:
    """Remove what crashed writers left in RUN, and with --keep all but its last N checkpoints."""
    report = _open(place, keep).prune(run, dry_run=dry_run)
    if as_json:
        output.document(
            {
                "run": run,
                "dry_run": dry_run,
                "kept": report.kept,
                "removed": report.removed,
                "decisions": [asdict(decision) for decision in report.decisions],
                "leftovers": report.leftovers,
            },
        )
    else:
        output.print_pruned(report)


@ckptstore.command("demo", short_help="Kill a job again and again, and compare.")
@options.place(default=None)
@click.option("--compress", is_flag=True, help="Compress what is stored, with zstd.")
@click.option(
    "--encrypt",
    is_flag=True,
    help="Encrypt, with your newest key; without one, with a key that is gone at the end, as is the run.",
)
@click.option("--kills", type=click.IntRange(0, 100), default=5, show_default=True, help="How many kills.")
@click.option("--seed", type=int, help="Decides when to kill.  [default: another each time]")
@click.option("--fresh", is_flag=True, help="Remove the run `demo` of an earlier time first.")
@_json
def demo(  # noqa: PLR0913 - options of a command line
    place: places.Place | None,
    kills: int,
    seed: int | None,
    *,
    compress: bool,
    encrypt: bool,
    fresh: bool,
    as_json: bool,
) -> None:
    """
    Kill a job at random moments, and see that its result is as if nothing had happened.

    A program trades on ten years of real monthly prices and saves a checkpoint after each. It is killed (SIGKILL)
    again and again, started again each time, and in the end compared, exactly, with an uninterrupted run.
    """
    from ckptstore.cli import child, report  # noqa: PLC0415 - the other commands start no processes
    from ckptstore.cli import demo as job  # noqa: PLC0415 - likewise

    url = place and place.url
    if url is not None and url.startswith("memory://"):
        raise click.UsageError(
            "a memory:// store is seen by one process only, and the demo needs several: name a folder"
        )
    seed = random.randrange(10_000) if seed is None else seed  # noqa: S311 - when to kill is no secret
    with tempfile.TemporaryDirectory(prefix="ckptstore-demo-") if url is None else nullcontext(url) as where:
        lost = encrypt and not (place and place.keys)
        place = places.equipped(place or places.Place(where), compress=compress, encrypt=encrypt)
        job.prepare(place, fresh=fresh)
        with report.progress(quiet=as_json) as progress:
            result = job.play(place, kills=kills, seed=seed, progress=progress, command=child.PLAYER)
        if lost:  # nobody could ever open it
            place.open().delete_run(job.RUN)
            url = None
    if as_json:
        output.document(report.as_json(result, seed=seed, url=url))
    else:
        report.print_result(result, seed=seed, url=url)
    if not result.ok:
        sys.exit(exits.DIFFERS)
