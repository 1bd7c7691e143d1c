"""
Who saves against whom: each a context that yields a function which makes one durable save into an empty folder.

As a program, `python -m benchmarks.contestants NAME FOLDER COUNT` makes COUNT saves, for the syncs to be counted.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import time
from contextlib import AbstractContextManager, closing, contextmanager
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from benchmarks import sample
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Save: TypeAlias = Callable[[], object]
    Contestant: TypeAlias = Callable[[str], AbstractContextManager[Save]]

_KEPT = 5

RAW = "raw: O_TMPFILE, fsync, link, fsync of the folder"
RAW_KEEPING = f"raw, and unlink of the file {_KEPT} before"
PROVEN = "raw, with a digest, a look at the one before and a hint"
NAMED = "raw, with a named temporary file"
OURS = "ckptstore"
OURS_KEEPING = f"ckptstore, retention={_KEPT}"
SQLITE = "SQLite: WAL, synchronous=FULL, one INSERT"


@contextmanager
def raw(folder: str) -> Iterator[Save]:
    """The fewest steps that are exclusive, atomic and durable on Linux."""
    state, numbers = sample.state(), count(1)

    def save() -> None:
        state["step"] = number = next(numbers)
        data = json.dumps(state).encode()
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _appear(at, f"{number:012}.json", data)
        finally:
            os.close(at)

    yield save


def _appear(at: int, name: str, data: bytes) -> None:
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o666, dir_fd=at)
    try:
        os.write(fd, data)
        os.fsync(fd)
        # Without a folder given CPython calls link(), which does not follow /proc's link.
        os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=True)
    finally:
        os.close(fd)
    os.fsync(at)


@contextmanager
def proven(folder: str) -> Iterator[Save]:
    """The same with what it takes to check a state, to prove it and to find it again, and nothing else."""
    state, numbers = sample.state(), count(1)

    def save() -> None:
        state["step"] = number = next(numbers)
        data = json.dumps(state).encode()
        data = b'{"sha256": "%b", "state": %b}' % (sha256(data).hexdigest().encode(), data)
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _appear(at, f"{number:012}.json", data)
            if number > 1:
                fd = os.open(f"{number - 1:012}.json", os.O_RDONLY, dir_fd=at)
                os.read(fd, 256)
                os.close(fd)
            fd = os.open("latest.json", os.O_WRONLY | os.O_CREAT, dir_fd=at)
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
            os.close(fd)
        finally:
            os.close(at)

    yield save


@contextmanager
def raw_keeping(folder: str) -> Iterator[Save]:
    """The same in a folder that does not grow; what is removed need not be durably so."""
    with raw(folder) as save_one:
        numbers = count(1 - _KEPT)

        def save() -> None:
            save_one()
            number = next(numbers)
            if number > 0:
                os.unlink(f"{folder}/{number:012}.json")

        yield save


@contextmanager
def named(folder: str) -> Iterator[Save]:
    """The same where a file cannot be nameless: it is linked to its name, and the temporary one is removed."""
    state, numbers = sample.state(), count(1)

    def save() -> None:
        state["step"] = number = next(numbers)
        data = json.dumps(state).encode()
        name = f"{folder}/{number:012}.json"
        fd = os.open(f"{name}.tmp", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.link(f"{name}.tmp", name)
        os.unlink(f"{name}.tmp")
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(at)
        finally:
            os.close(at)

    yield save


def _ours(retention: int | None) -> Contestant:
    @contextmanager
    def contestant(folder: str) -> Iterator[Save]:
        root, run = os.path.split(folder)
        store, state, numbers = CheckpointStore(root, retention=retention), sample.state(), count(1)

        def save() -> None:
            state["step"] = next(numbers)
            store.save(run, state)

        yield save

    return contestant


@contextmanager
def sqlite(folder: str) -> Iterator[Save]:
    """A table in place of a folder; a commit is one sync of the log."""
    state, numbers = sample.state(), count(1)
    with closing(sqlite3.connect(f"{folder}/saved.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE saved (number INTEGER PRIMARY KEY, state TEXT NOT NULL)")

        def save() -> None:
            state["step"] = number = next(numbers)
            db.execute("INSERT INTO saved VALUES (?, ?)", (number, json.dumps(state)))

        yield save


PLAIN: dict[str, Contestant] = {RAW: raw, OURS: _ours(None), PROVEN: proven, NAMED: named, SQLITE: sqlite}
KEEPING: dict[str, Contestant] = {RAW: raw, OURS_KEEPING: _ours(_KEPT), RAW_KEEPING: raw_keeping}
_ALL = {**PLAIN, **KEEPING}


def open_time(folder: str) -> float:
    """What O_TMPFILE takes in `folder`, in seconds; ext4 looks past each inode that was freed nearby within minutes."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    times: list[float] = []
    for _ in range(20):
        start = time.perf_counter()
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o666, dir_fd=at)
        times.append(time.perf_counter() - start)
        # Kept to the end: each that was closed without a name would be one more to look past.
        os.link(f"/proc/self/fd/{fd}", os.urandom(8).hex(), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=True)
        os.close(fd)
    os.close(at)
    return statistics.median(times)


def _main(name: str, folder: str, times: str) -> None:
    with _ALL[name](folder) as save:
        for _ in range(int(times)):
            save()


if __name__ == "__main__":
    _main(*sys.argv[1:])
