"""A large state saved and loaded: side by side with bare loops of the same stages, a plain file, and restic."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from benchmarks import bare, bulk
from benchmarks.rounds import alternate, ratio, spread
from benchmarks.tables import Goal, Section, at_least, cells
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.rounds import Call, Turn
    from benchmarks.sizes import Sizes

KEY = Fernet.generate_key()
CODECS: dict[str, dict[str, str | bytes]] = {"plain": {}, "zstd and Fernet": {"compression": "zstd", "encryption": KEY}}
PLAIN, BOTH = (f"ckptstore, {name}" for name in CODECS)
HASH = "bare: sha256, write, sync"
LOOP = "bare: cut, HMAC, zstd, AES and HMAC in two threads, write, sync"
RESTIC = "restic"
READ = "a plain file"
_SAVES = """\
{size} MiB, half random, half JSON text, in turns of 4 MiB: bytes in memory (for restic a file that the system has in
memory), saved into an empty folder, durable on return. {rounds} rounds. The rate of ckptstore and of the bare loop is
that against the bare loop of the same stages; of restic{restic}."""
_LOADS = """\
The same, read into memory and every byte checked; restic gives it to nobody (`restic dump` into /dev/null). All files
are in the system's memory. {rounds} rounds."""


def open_store(folder: str, codecs: str) -> CheckpointStore:
    """A store of bytes with the codecs of that name."""
    return CheckpointStore(folder, serializer="bytes", **CODECS[codecs])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - one of each


def busy() -> float:
    """Seconds of the processor that this process took, with its threads and the children that ended."""
    return sum(os.times()[:4])


def measure_saves(folder: str, path: str, sizes: Sizes) -> Section:
    """The rate of saves of the bytes at `path`."""
    data, program = bulk.read(path), bare.Restic.found()
    secret = os.urandom(32)
    savers: dict[str, Callable[[str], Call]] = {
        HASH: lambda place: partial(bare.hashed, data, place),
        PLAIN: lambda place: partial(open_store(place, "plain").save, "run", data),
        LOOP: lambda place: partial(bare.stages, data, place, secret),
        BOTH: lambda place: partial(open_store(place, "zstd and Fernet").save, "run", data),
    }
    if program:
        savers[RESTIC] = lambda place: bare.Restic(program, place).backup(path)
    contestants = {name: partial(_in_fresh, saver, folder) for name, saver in savers.items()}
    turns = alternate(contestants, sizes.large, 1, busy)
    against = {HASH: HASH, PLAIN: HASH, LOOP: LOOP, BOTH: LOOP, RESTIC: LOOP}
    return Section(
        "A large state saved",
        _SAVES.format(
            size=sizes.bulk >> 20,
            rounds=sizes.large,
            restic=", which compresses and encrypts, against the second" if program else ": it is not installed here",
        ),
        ("one save", "s", "middle half", "min to max", "rate, bare = 1", "middle half", "min to max", "processor s"),
        _rows(turns, against),
        [
            at_least("rate of a large save, against hash, write and sync", ratio(turns[HASH], turns[PLAIN]), 0.85),
            at_least(
                "the same with zstd and Fernet, against a bare loop of two threads",
                ratio(turns[LOOP], turns[BOTH]),
                0.8,
            ),
            _beside_restic("the same, against restic", turns, 1.8),
        ],
    )


def _in_fresh(saver: Callable[[str], Call], folder: str) -> Call:
    return saver(bulk.fresh(folder))


def measure_loads(folder: str, path: str, sizes: Sizes) -> Section:
    """The rate of loads of the same."""
    loads: dict[str, Callable[[], Call]] = {READ: lambda: partial(bulk.read, path)}
    data, program = bulk.read(path), bare.Restic.found()
    for codecs, name in zip(CODECS, (PLAIN, BOTH), strict=True):
        store = open_store(os.path.join(folder, codecs), codecs)
        store.save("run", data)
        loads[name] = partial(_load, store)
    del data
    if program:
        os.mkdir(os.path.join(folder, "restic"))
        restic = bare.Restic(program, os.path.join(folder, "restic"))
        restic.backup(path)()
        loads[RESTIC] = lambda: restic.dump(path)
    os.sync()
    turns = alternate(loads, sizes.large, 1, busy)
    return Section(
        "A large state loaded",
        _LOADS.format(rounds=sizes.large),
        ("one load", "s", "middle half", "min to max", "rate, a file = 1", "middle half", "min to max", "processor s"),
        _rows(turns, dict.fromkeys(turns, READ)),
        [
            at_least("rate of a large load, against reading a file", ratio(turns[READ], turns[PLAIN]), 0.6),
            _beside_restic("rate of a large load with zstd and Fernet, against restic", turns, 1.8),
        ],
    )


def _load(store: CheckpointStore) -> Call:
    return partial(store.load, "run")


def _beside_restic(what: str, turns: Mapping[str, list[Turn]], limit: float) -> Goal:
    if RESTIC not in turns:
        return Goal(what, f"at least {limit:g}x", "restic is not installed", None)
    return at_least(what, ratio(turns[RESTIC], turns[BOTH]), limit)


def _rows(turns: Mapping[str, list[Turn]], against: Mapping[str, str]) -> list[list[str]]:
    return [
        [
            name,
            *cells(spread(turn.wall for turn in own)),
            *cells(ratio(turns[against[name]], own)),
            f"{spread(turn.cpu for turn in own).median:.2f}",
        ]
        for name, own in turns.items()
    ]
