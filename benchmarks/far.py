"""Large states on S3 a long wire away: side by side with one object written and read by s3fs alone."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

from benchmarks import bulk, wire
from benchmarks.bucket import BUCKET
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import Goal, Section, at_least, cells
from benchmarks.whole import busy
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.rounds import Call
    from benchmarks.sizes import Sizes

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BARE, _OURS = "s3fs, one object", "ckptstore"
_TEXT = """\
Bytes, half random, half JSON text, without codecs: by s3fs's `pipe_file` and `cat_file` as they come, or as a
checkpoint, the next of its run. A small server of our own keeps the objects in memory, answers as late as if each way
took {ms:.0f} ms, and gives each connection {mb:.0f} MB/s: so over one connection {one} need at least {alone} s. It runs
on this machine, with {processors} processors for both. {rounds} rounds."""


def measure(folder: str, sizes: Sizes) -> Section:
    """The rate of saves and loads of each size."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for size in sizes.apart:
        data = _data(folder, size)
        for verb, contestants in (("save", _savers), ("load", _loaders)):
            with _served() as (options, server):
                called = contestants(options, data)
                before = _busy(server)
                turns = alternate(called, sizes.large, 1, busy)
                served = (_busy(server) - before) / len(turns) / (sizes.large + 1)
            rows += [
                [
                    f"{verb} {size >> 20} MiB, {name}",
                    *cells(spread(turn.wall for turn in own)),
                    *cells(ratio(turns[_BARE], own)),
                    f"{spread(turn.cpu for turn in own).median:.2f}",
                ]
                for name, own in turns.items()
            ]
            rows.append([f"{verb} {size >> 20} MiB, the server, of either", *["-"] * 6, f"{served:.2f}"])
            found = ratio(turns[_BARE], turns[_OURS])
            goals.append(at_least(f"rate on S3 30 ms away, {verb} of {size >> 20} MiB, against s3fs", found, 2))
    return Section(
        "A large state on S3",
        _TEXT.format(
            ms=wire.ONE_WAY * 1000,
            mb=wire.RATE / 1e6,
            one=" and ".join(f"{size >> 20} MiB" for size in sizes.apart),
            alone=" and ".join(f"{size / wire.RATE:.2f}" for size in sizes.apart),
            processors=os.cpu_count(),
            rounds=sizes.large,
        ),
        ("one call", "s", "middle half", "min to max", "rate, s3fs = 1", "middle half", "min to max", "processor s"),
        rows,
        goals,
    )


def _data(folder: str, size: int) -> bytes:
    path = os.path.join(folder, str(size))
    bulk.write(path, size)
    return bulk.read(path)


def _savers(options: dict[str, Any], data: bytes) -> dict[str, Callable[[], Call]]:
    """Each save finds all of its bytes new; what the last one left is removed before, as it stays in memory."""
    fs, store, states = _bare(options), _store(options), cycle((data, bulk.reversed_bytes(data)))
    store.save("run", b"")

    def bare() -> Call:
        fs.call_s3("delete_object", Bucket=BUCKET, Key="bare")
        return partial(fs.pipe_file, f"{BUCKET}/bare", data)

    def ours() -> Call:
        _store(options, retention=1).prune("run")
        return partial(store.save, "run", next(states))

    return {_BARE: bare, _OURS: ours}


def _loaders(options: dict[str, Any], data: bytes) -> dict[str, Callable[[], Call]]:
    fs, store = _bare(options), _store(options)
    fs.pipe_file(f"{BUCKET}/bare", data)
    store.save("run", data)
    return {_BARE: steady(partial(fs.cat_file, f"{BUCKET}/bare")), _OURS: steady(partial(store.load, "run"))}


def _store(options: dict[str, Any], retention: int | None = None) -> CheckpointStore:
    return CheckpointStore(f"s3://{BUCKET}/ours", storage_options=options, serializer="bytes", retention=retention)


def _bare(options: dict[str, Any]) -> Any:  # noqa: ANN401 - s3fs has no types
    from s3fs import S3FileSystem  # noqa: PLC0415 - this part alone needs it

    return S3FileSystem(**options, skip_instance_cache=True, use_listings_cache=False)


@contextmanager
def _served() -> Iterator[tuple[dict[str, Any], int]]:
    """An empty bucket at the end of the wire: the storage options that lead to it, and the server's process."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline() if server.stdout else '')}"
            with urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")):  # noqa: S310 - our own server
                region = {"region_name": "us-east-1"}
                yield {"endpoint_url": url, "key": "any", "secret": "any", "client_kwargs": region}, server.pid
        finally:
            server.kill()


def _busy(pid: int) -> float:
    """Seconds of the processor that a process took."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
