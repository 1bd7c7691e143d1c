"""One operation of a store against one fault, and what must hold afterwards: the parts of every fault enumeration."""

from __future__ import annotations

import contextlib
import json
import random
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from faults import Died, FaultyBackend, Mode

from ckptstore import Checkpoint, CheckpointError, CheckpointNotFound, CheckpointStore, Decision, layout
from ckptstore.history import History
from ckptstore.manifest import Manifest
from ckptstore.prune import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckptstore.backend import Backend

RUN = "run"
LARGE = random.Random(1).randbytes(700).hex()  # with the sizes that the tests set, five chunks in two packs
STREAM = random.Random(2).randbytes(1500)  # in as many blocks and chunks, written by a thread


class Case(NamedTuple):
    """An operation, on a run with `saved` checkpoints before it; `fresh`: by a store that never touched the run."""

    name: str
    operate: Callable[[CheckpointStore], object]
    saved: int = 3
    retention: int | None = None
    fresh: bool = False
    removes: frozenset[int] = frozenset()  # numbers whose removal is what the operation is for


def _save_small(store: CheckpointStore) -> None:
    store.save(RUN, "new")


def save_large(store: CheckpointStore) -> None:
    """Save what goes to packs."""
    store.save(RUN, LARGE)


def stream(store: CheckpointStore) -> Checkpoint:
    """Save a stream that goes to packs."""
    with store.open_writer(RUN) as file:
        for at in range(0, len(STREAM), 200):
            file.write(STREAM[at : at + 200])
    assert file.checkpoint is not None
    return file.checkpoint


def _read(store: CheckpointStore) -> None:
    with store.open_reader(RUN) as file:
        assert json.loads(file.read()) == LARGE + "3"


CASES = [
    Case("first save", _save_small, saved=0, fresh=True),
    Case("save", _save_small),
    Case("save by a fresh store", _save_small, fresh=True),
    Case("large save", save_large),
    Case("save that prunes", _save_small, retention=2),
    Case("save that prunes, by a fresh store", _save_small, saved=4, retention=2, fresh=True),
    Case("large save that prunes", save_large, retention=2),
    Case("stream", stream),
    Case("stream that prunes, by a fresh store", stream, saved=4, retention=2, fresh=True),
    Case("read", _read),
    Case("load", lambda store: store.load(RUN)),
    Case("load by number", lambda store: store.load(RUN, at=2)),
    Case("latest", lambda store: store.latest(RUN), fresh=True),
    Case("checkpoints", lambda store: store.checkpoints(RUN)),
    Case("prune", lambda store: store.prune(RUN), saved=5, retention=2, fresh=True),
    Case("prune that leaves a gap", lambda store: store.prune(RUN), saved=5, retention=-2, fresh=True),
    Case("delete", lambda store: store.delete(RUN, 2), removes=frozenset({2})),
    Case("delete run", lambda store: store.delete_run(RUN), removes=frozenset(range(100))),
]


class KeepOddAndLast:
    """A policy that leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Odd numbers and the newest."""
        return [Decision(c.number, c.number % 2 == 1 or i == 0, "odd") for i, c in enumerate(checkpoints)]


def opened(backend: Backend, retention: int | None = None, **codecs: Any) -> CheckpointStore:  # noqa: ANN401 - whatever a store takes
    """A store of its own on `backend`."""
    store = CheckpointStore("memory://", retention=KeepOddAndLast() if retention == -2 else retention, **codecs)
    store._backend = backend
    return store


def stays(number: int, newest: int, retention: int | None) -> bool:
    """Whether a case's retention keeps `number` in a run without gaps."""
    if retention is None or number == newest:
        return True
    return bool(number % 2) if retention == -2 else number > newest - retention


def check_tidy(store: CheckpointStore, run: str = RUN) -> None:
    """After a prune nothing is left of `run` but what stands, the packs it needs, and markers that are needed."""
    store.prune(run)
    left = survey(History(store._backend, run, store._codecs))
    assert left is not None
    needed = {layout.pack(run, name) for m in left.checkpoints() for name in m.header.packs}
    assert set(left.others) == needed
    assert all(isinstance(c, Manifest) or n - 1 in left.slots for n, c in left.slots.items())


class Trial:
    """One run of a case against one fault, and what is known to be acknowledged."""

    def __init__(self, case: Case, backend: Backend, **codecs: Any) -> None:  # noqa: ANN401 - whatever a store takes
        self.case = case
        self.backend = backend
        self.look: Callable[[], Backend] = lambda: backend
        self.codecs = codecs
        self.faulty = FaultyBackend(backend)
        self.acked: dict[int, object] = {}
        self.store = self._open(self.faulty, case.retention)
        writer = self.other() if case.fresh else self.store
        for number in range(1, case.saved + 1):
            state = LARGE + str(number) if number % 2 else f"small {number}"
            self.acked[writer.save(RUN, state).number] = state
        self.faulty.forget()

    def move(self, backend: Backend, look: Callable[[], Backend]) -> None:
        """Go on in `backend`, which holds a copy of all; `look` gives a copy to look into, such as is cheap to read."""
        self.backend, self.look = backend, look
        self.faulty.inner = backend

    def other(self) -> CheckpointStore:
        """A store of another process."""
        return self._open(self.backend)

    def _open(self, backend: Backend, retention: int | None = None) -> CheckpointStore:
        return opened(backend, retention, **self.codecs)

    def run(self, at: int | None, mode: Mode) -> BaseException | None:
        """Do the operation under the fault; what it raised."""
        self.faulty.at, self.faulty.mode = at, mode
        original = self.store.save

        def save(run: str, state: object) -> object:
            checkpoint = original(run, state)
            self.acked[checkpoint.number] = state
            return checkpoint

        self.store.save = save  # type: ignore[method-assign, assignment]
        raised: BaseException | None = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                done = self.case.operate(self.store)
            if self.case.operate is stream:
                assert isinstance(done, Checkpoint)
                self.acked[done.number] = STREAM
        except (CheckpointError, Died) as exc:
            raised = exc
        self.store.save = original  # type: ignore[method-assign]
        self.faulty.at = None
        return raised

    def must_stand(self, other: CheckpointStore) -> dict[int, object]:
        """The acknowledged checkpoints that nothing was allowed to remove."""
        latest = other.latest(RUN)  # what a dead process committed last prunes as well
        newest = max(self.acked.keys() | {latest.number if latest else 0})
        return {
            number: state
            for number, state in self.acked.items()
            if number not in self.case.removes and stays(number, newest, self.case.retention)
        }

    def check(self) -> None:
        """Another process sees all that was acknowledged, and nothing that is not whole."""
        other = self._open(self.look())
        must_stand = self.must_stand(other)
        for number, state in must_stand.items():
            assert other.load(RUN, at=number) == state
        for checkpoint in other.checkpoints(RUN):
            state = other.load(RUN, at=checkpoint)
            assert state == self.acked.get(checkpoint.number, state)
            assert state in {"new", LARGE, STREAM, *self.acked.values()}
        latest = other.latest(RUN)
        assert (latest.number if latest else 0) >= max(must_stand, default=0)

    def check_next(self, store: CheckpointStore) -> None:
        """The next save works, and after a prune nothing is left but what stands."""
        if self.case.name == "delete run":
            with contextlib.suppress(CheckpointNotFound):
                self.other().delete_run(RUN)  # doing it again finishes what was begun
            store = self.other()
        before = self._open(self.look()).latest(RUN)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            number = store.save(RUN, "next").number
        self.acked[number] = "next"
        assert number > (before.number if before else 0)
        store = self._open(self.look())
        assert store.load(RUN) == "next"
        check_tidy(store)


def calls(trial: Trial) -> range:
    """The calls of an operation without a fault, as `FaultyBackend` numbers them."""
    assert trial.run(None, "fails before") is None
    trial.check()
    return range(-len(trial.faulty.beside), len(trial.faulty.calls))
