"""Processes that save and prune on a disk whose power is cut after any operation, and what must hold then."""

from __future__ import annotations

import contextlib
import warnings
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

from disk_log import DiskLog, Note, files_below, quiet
from faults import Died
from power import SETTLED, Disk
from trial import RUN, check_tidy, opened, stays

from ckptstore import CheckpointError, CheckpointNotFound, CheckpointStore, layout, stream_writer
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    from disk_log import Op
    from power import Files

    Program: TypeAlias = "Callable[[Machine], None]"

ROOT = "nested/store"  # neither folder is there at first
LARGE = 70_000  # bytes: more than a manifest takes
BLOCK = 16_384  # bytes that the writer of a stream holds in memory here
LIMIT = 2000  # states at one moment that are all tried; of more, so many
ALL = "all"


class Machine:
    """
    A computer with one store on its disk, and everything that its processes do there.

    Where the disk has no hard `links`, each process is promised to be the single writer, as they come one by one.
    """

    def __init__(self, folder: Path, retention: int | None = None, *, links: bool = True, **settings: Any) -> None:  # noqa: ANN401 - whatever a store takes
        folder.mkdir(parents=True)
        self.log = DiskLog(str(folder), links=links)
        self.retention = retention
        self.settings = {"serializer": "bytes", **settings}
        self.states = count()
        self.begun = 0  # so many operations were done when the last program began
        self.disturbed: int | None = None  # so many operations were done before one was disturbed

    def process(self) -> Process:
        """A process that has just started; of the one before, nothing goes on."""
        self.log.dead = False
        return Process(self, LocalBackend(f"{self.log.folder}/{ROOT}", single_writer=not self.log.links))

    def settle(self) -> None:
        """Let so much time pass that the system has written everything."""
        self.log.note(SETTLED)

    def run(self, *programs: Program) -> list[Op]:
        """Run programs one after the other, each until it ends or dies; -> what the disk got to see."""
        with self.log.recording(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a hint or a prune that failed
            for program in programs:
                self.begun = len(self.log.ops)
                with contextlib.suppress(Died, CheckpointError):
                    program(self)
        return self.log.ops

    def disturb(self, before: Callable[[Op], None], act: Callable[[], None]) -> None:
        """Do this while each operation passes by `before` first; `disturbed` is when that has raised something."""
        self.disturbed = None

        def noting(op: Op) -> None:
            try:
                before(op)
            except BaseException:
                self.disturbed = len(self.log.ops)
                raise

        self.log.before = noting
        with contextlib.suppress(Died, CheckpointError):
            act()
        self.log.before = quiet

    def check_log(self) -> None:
        """No change of the disk has escaped the log."""
        disk = Disk()
        for op in self.log.ops:
            disk.apply(op)
        assert disk.now() == files_below(self.log.folder)


class Process:
    """One process with a store; what it is told is noted between the operations."""

    def __init__(self, machine: Machine, backend: LocalBackend) -> None:
        self._machine = machine
        self.store = opened(backend, machine.retention, **machine.settings)

    def save(self, *, large: bool = False) -> None:
        """Save the next state."""
        number = next(self._machine.states)
        state = b"state %d" % number + Random(number).randbytes(LARGE if large else 10)
        log = self._machine.log
        log.note("given", state)
        log.note("acknowledged", (self.store.save(RUN, state).number, state))

    def stream(self) -> None:
        """Save the next state as a stream; a thread of the process writes its packs."""
        number = next(self._machine.states)
        state = b"state %d" % number + Random(number).randbytes(LARGE)
        log = self._machine.log
        log.note("given", state)
        with mock.patch.object(stream_writer, "BLOCK", BLOCK), self.store.open_writer(RUN) as file:
            file.write(state)
        assert file.checkpoint is not None
        log.note("acknowledged", (file.checkpoint.number, state))

    def load(self) -> None:
        """Go on from the newest."""
        self.store.load(RUN, default=None)

    def prune(self) -> None:
        """Prune."""
        self.store.prune(RUN)

    def delete(self, number: int) -> None:
        """Remove one."""
        self._machine.log.note("dropped", number)
        self.store.delete(RUN, number)

    def delete_run(self) -> None:
        """Remove all."""
        self._machine.log.note("dropped", ALL)
        self.store.delete_run(RUN)


class Claims(NamedTuple):
    """What was told until a power cut, and is to be found after it."""

    acknowledged: dict[int, bytes]
    given: set[bytes]
    dropped: set[int]

    def hear(self, note: Note) -> None:
        """One more is told."""
        if note.what == "given":
            self.given.add(note.value)
        elif note.what == "acknowledged":
            self.acknowledged.update([note.value])
        elif note.what == "dropped":
            self.dropped.update(self.acknowledged if note.value == ALL else [note.value])

    @property
    def key(self) -> tuple[int, int, int]:
        """It only ever grows."""
        return len(self.acknowledged), len(self.given), len(self.dropped)


class Outage:
    """Cuts the power at every moment of a log, and looks at what may be left."""

    def __init__(self, machine: Machine, seed: int = 0, limit: int = LIMIT) -> None:
        self.machine = machine
        self.checked = 0
        self._random = Random(seed)
        self._limit = limit
        self._seen: set[tuple[frozenset[tuple[str, bytes]], object]] = set()

    def try_all(self, start: int) -> int:
        """`AssertionError` for the first state that breaks a promise, of those from operation `start` on; how many."""
        for moment, disk, claims in moments(self.machine.log.ops):
            if moment >= start:
                for files in disk.states(self._random, self._limit):
                    self.try_one(files, claims, moment)
        return self.checked

    def try_some(self, moments_: int) -> int:
        """As `try_all`, at so many moments."""
        done = len(self.machine.log.ops)
        chosen = {done, *(self._random.randint(0, done) for _ in range(moments_))}
        for moment, disk, claims in moments(self.machine.log.ops):
            if moment in chosen:
                for files in disk.states(self._random, self._limit):
                    self.try_one(files, claims, moment)
        return self.checked

    def try_one(self, files: Files, claims: Claims, moment: int) -> None:
        """What is left is `files`: see what a new process makes of it."""
        key = (frozenset(files.items()), claims.key)
        if key in self._seen:
            return
        self._seen.add(key)
        self.checked += 1
        try:
            check(files, claims, self.machine.retention, **self.machine.settings)
        except (AssertionError, CheckpointError) as exc:
            done = "\n".join(str(op)[:150] for op in self.machine.log.ops[max(0, moment - 20) : moment])
            left = {name: f"{data[:60]!r} ({len(data)})" for name, data in sorted(files.items())}
            raise AssertionError(f"{exc!r}\nafter {moment} operations:\n{done}\nleft: {left}") from exc


def moments(ops: list[Op]) -> Iterator[tuple[int, Disk, Claims]]:
    """How many operations are done, the disk after them, and what was told; from the last `SETTLED` on."""
    disk, claims = Disk(), Claims({}, set(), set())
    settled = max((at for at, op in enumerate(ops) if op == Note(SETTLED)), default=-1)
    for at, op in enumerate(ops):
        disk.apply(op)
        if isinstance(op, Note):
            claims.hear(op)
        if at >= settled:
            yield at + 1, disk, claims


def check(files: Files, claims: Claims, retention: int | None, **settings: Any) -> None:  # noqa: ANN401 - whatever a store takes
    """A new process finds all that was acknowledged, and nothing that is not whole; it saves, and tidies up."""
    backend = MemoryBackend()
    now = datetime.now(UTC)
    backend._objects.update({name.removeprefix(f"{ROOT}/"): (data, now) for name, data in files.items()})
    store = opened(backend, **settings)
    latest = store.latest(RUN)
    newest = max(claims.acknowledged, default=0)
    found = latest.number if latest else 0
    must_stand = {
        number: state
        for number, state in claims.acknowledged.items()
        if number not in claims.dropped and stays(number, max(newest, found), retention)
    }
    assert found >= max(must_stand, default=0), f"latest went back to {found}"
    for number, state in must_stand.items():
        assert store.load(RUN, at=number) == state
    for checkpoint in store.checkpoints(RUN):
        state = store.load(RUN, at=checkpoint)
        assert state == claims.acknowledged.get(checkpoint.number, state)
        assert state in claims.given
    _check_verified(store, must_stand)
    for _ in range(2):  # what a dead process aimed at the number after the next one is collected as well
        saved = opened(backend, **settings).save(RUN, b"next")
        assert saved.number > max(newest, found), f"{saved.number} was used before"
    assert store.load(RUN) == b"next"
    assert {c.number for c in store.checkpoints(RUN)} >= must_stand.keys()
    check_tidy(store)
    assert store.verify(RUN).problems == ()


def _check_verified(store: CheckpointStore, must_stand: dict[int, bytes]) -> None:
    try:
        problems = store.verify(RUN).problems
    except CheckpointNotFound:
        assert not must_stand
        return
    for problem in problems:
        left_over = problem.number not in must_stand and problem.what.startswith("does not count")
        assert problem.key == layout.hint(RUN) or left_over, problem
