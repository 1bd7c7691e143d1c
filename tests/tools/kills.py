"""
Processes that save, prune and stream until they are killed, and what the next one must find.

As a program (`python kills.py <url> <kind> <seed> <operations>`) this is the process that gets killed: it says what it
is about to save and what is saved, and kills itself before that operation on the disk, if nobody was faster.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from disk_log import DiskLog

from ckptstore import CheckpointNotFound, CheckpointStore
from ckptstore_backends import files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from disk_log import Op

RUN = "run"
KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="


class Kind(NamedTuple):
    """A way to use a store: its settings, how large states are, whether they are streamed, and prunes called."""

    settings: dict[str, Any]
    size: int
    stream: bool = False
    prune: bool = False
    lies: bool = False  # says that it has saved before it has: to see that this is found
    named: bool = False  # unfinished files have names, as on a system that knows no others


SEALED = {"compression": "zstd", "encryption": KEY}
KINDS = {
    "small": Kind({}, 200),
    "small, keep 3": Kind({"retention": 3}, 200),
    "packs": Kind({"serializer": "bytes"}, 200_000),
    "packs, keep 2": Kind({"serializer": "bytes", "retention": 2}, 200_000),
    "packs, pruned": Kind({"serializer": "bytes", "retention": 1}, 100_000, prune=True),
    "sealed": Kind(SEALED, 300),
    "sealed packs, keep 2": Kind({**SEALED, "retention": 2}, 100_000),
    "large packs": Kind({"serializer": "bytes", "retention": 2}, 9_000_000),
    "named packs, keep 2": Kind({"serializer": "bytes", "retention": 2}, 100_000, named=True),
    "lies": Kind({}, 200, lies=True),
    "streams": Kind({"serializer": "bytes", "retention": 3}, 100_000, stream=True),
    "sealed streams, keep 2": Kind({**SEALED, "serializer": "bytes", "retention": 2}, 3_000_000, stream=True),
}
HONEST = [name for name, kind in KINDS.items() if not kind.lies]


def digest(state: object) -> str:
    """What tells a state from another."""
    return hashlib.sha256(state if isinstance(state, bytes) else repr(state).encode()).hexdigest()


def live(url: str, kind: Kind, random: Random, say: Callable[[str], object]) -> None:
    """Save for ever; each save is announced, and told when it has returned."""
    store = CheckpointStore(url, **{**kind.settings, **({"retention": None} if kind.prune else {})})
    pruner = CheckpointStore(url, **kind.settings)
    store.load(RUN, default=None)
    for turn in count():
        state = random.randbytes(random.randint(1, kind.size))
        say(f"saving {digest(state)}")
        if kind.lies:
            say(f"saved {(latest.number if (latest := store.latest(RUN)) else 0) + 1} {digest(state)}")
        if kind.stream:
            with store.open_writer(RUN) as file:
                for at in range(0, len(state), 7000):
                    file.write(state[at : at + 7000])
            assert file.checkpoint is not None
            number = file.checkpoint.number
        else:
            number = store.save(RUN, state).number
        say(f"saved {number} {digest(state)}")
        if kind.prune and turn % 3 == 2:
            pruner.prune(RUN)


def main(url: str, name: str, seed: str, operations: str) -> None:
    """Live, and die before that operation."""
    Path(url).mkdir(exist_ok=True)
    log, turn, last = DiskLog(url), count(), int(operations)

    def before(op: Op) -> None:
        if next(turn) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    log.before = before
    if KINDS[name].named:
        files._NAMELESS = None
    write = os.write
    with log.recording():
        live(url, KINDS[name], Random(seed), lambda words: write(1, f"{words}\n".encode()))


class Told(NamedTuple):
    """What the killed have said of one run."""

    saving: set[str]
    saved: dict[int, str]

    def hear(self, line: str) -> None:
        """One more line; a torn one says nothing."""
        if not line.endswith("\n"):
            return
        what, *words = line.split()
        if what == "saving":
            self.saving.add(words[0])
        else:
            self.saved[int(words[0])] = words[1]


def kill_one(url: str, name: str, told: Told, random: Random) -> None:
    """Start one, kill it, and check what it has left."""
    # Half of them die before an operation of their own choice; the others by a clock, wherever they are.
    by_clock = random.random() < 0.5
    operations = -1 if by_clock else random.randint(0, 60)
    arguments = [sys.executable, __file__, url, name, str(random.random()), str(operations)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        if by_clock:
            told.hear(child.stdout.readline())  # only then it is at work
            time.sleep(random.uniform(0, 0.1))
            child.kill()
        lines, errors = child.stdout.readlines(), child.stderr.read()
    assert child.returncode == -signal.SIGKILL, errors
    for line in lines:
        told.hear(line)
    check(url, KINDS[name], told, random)


def check(url: str, kind: Kind, told: Told, random: Random) -> None:
    """All that was acknowledged and not dropped is there, whole; the next save works, and a prune tidies up."""
    store = CheckpointStore(url, **kind.settings)
    found = {checkpoint.number: digest(store.load(RUN, at=checkpoint)) for checkpoint in store.checkpoints(RUN)}
    assert set(found.values()) <= told.saving, "something was never given"
    newest = max([*found, 0])
    assert newest >= max([*told.saved, 0]), f"latest went back to {newest}"
    keep = kind.settings.get("retention")
    due = {number for number in told.saved if keep is None or number > newest - keep}
    assert {n: found.get(n) for n in due} == {n: told.saved[n] for n in due}
    try:
        for problem in store.verify(RUN).problems:
            assert problem.key == f"{RUN}/latest.json", problem
    except CheckpointNotFound:
        assert not told.saved
    state = random.randbytes(20)
    told.saving.add(digest(state))
    number = store.save(RUN, state).number
    assert number > newest
    told.saved[number] = digest(state)
    assert digest(CheckpointStore(url, **kind.settings).load(RUN)) == digest(state)
    check_tidy(url, store)


def check_tidy(url: str, store: CheckpointStore) -> None:
    """After a prune there is no unfinished file and no pack that no manifest names."""
    store.prune(RUN)
    assert store.prune(RUN, dry_run=True).leftovers == ()
    folder = Path(url) / RUN
    assert not list(folder.rglob("*.tmp"))
    past = store._history(RUN)
    named = {name for manifest in past.walk() for name in manifest.header.packs}
    assert {path.name for path in folder.glob("packs/*")} == named
    assert store.verify(RUN).ok


def run(seed: int, seconds: float, kinds: Sequence[str] = HONEST, least: int = 1) -> int:
    """
    Kill processes for so long, and at least so many; -> how many.

    `AssertionError`, with the seed that brings the same kinds, states and operations again, for the first promise
    broken.
    """
    end = time.monotonic() + seconds
    random = Random(seed)
    told = {name: Told(set(), {}) for name in KINDS}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        for kills in count(1):
            name = kinds[kills % len(kinds)]
            try:
                kill_one(f"{folder}/{name}", name, told[name], random)
            except AssertionError as exc:
                raise AssertionError(f"seed {seed}, kill {kills}, {name}: {exc}") from exc
            if kills >= least and time.monotonic() >= end:
                return kills
    raise AssertionError


if __name__ == "__main__":
    main(*sys.argv[1:])
