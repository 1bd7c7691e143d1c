"""Each backend call of each operation fails in each way; afterwards nothing acknowledged is lost and work goes on."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from faults import MODES, Died, FaultyBackend, Mode
from sealing import SETTINGS

from ckptstore import CheckpointConflict, CheckpointError, CheckpointNotFound, CheckpointStore, Decision, layout, packs
from ckptstore.history import History
from ckptstore.manifest import Manifest
from ckptstore.prune import survey
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckptstore import Checkpoint
    from ckptstore.backend import Backend

RUN = "run"
LARGE = "x" * 200  # above the limit that `small_limits` sets, so it goes to a pack
CODECS: dict[str, Any] = {}  # of every store of a test; the fixture that makes its backends fills it


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


def _save_large(store: CheckpointStore) -> None:
    store.save(RUN, LARGE)


CASES = [
    Case("first save", _save_small, saved=0, fresh=True),
    Case("save", _save_small),
    Case("save by a fresh store", _save_small, fresh=True),
    Case("large save", _save_large),
    Case("save that prunes", _save_small, retention=2),
    Case("save that prunes, by a fresh store", _save_small, saved=4, retention=2, fresh=True),
    Case("large save that prunes", _save_large, retention=2),
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


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """States of a hundred bytes already go to packs."""
    monkeypatch.setattr(packs, "INLINE_JSON", 100)
    monkeypatch.setattr(packs, "INLINE_BASE64", 100)


@pytest.fixture(params=["memory", "local", "memory, zstd + fernet"])
def make_backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Backend]:
    """A maker of empty backends, none of which shares anything with another."""
    kind, _, codecs = request.param.partition(", ")
    for name, value in SETTINGS[codecs or "plain"].items():
        monkeypatch.setitem(CODECS, name, value)
    count = 0

    def make() -> Backend:
        nonlocal count
        count += 1
        return MemoryBackend() if kind == "memory" else LocalBackend(str(tmp_path / str(count)))

    return make


def _open(backend: Backend, retention: int | None = None) -> CheckpointStore:
    store = CheckpointStore("memory://", retention=KeepOddAndLast() if retention == -2 else retention, **CODECS)
    store._backend = backend
    return store


class Trial:
    """One run of a case against one fault, and what is known to be acknowledged."""

    def __init__(self, case: Case, backend: Backend) -> None:
        self.case = case
        self.backend = backend
        self.faulty = FaultyBackend(backend)
        self.acked: dict[int, object] = {}
        self.store = _open(self.faulty, case.retention)
        writer = _open(backend) if case.fresh else self.store
        for number in range(1, case.saved + 1):
            state = LARGE + str(number) if number % 2 else f"small {number}"
            self.acked[writer.save(RUN, state).number] = state
        self.faulty.calls.clear()

    def run(self, at: int | None, mode: Mode) -> bool:
        """Do the operation under the fault; -> whether its process lives on."""
        self.faulty.at, self.faulty.mode = at, mode
        original = self.store.save

        def save(run: str, state: object) -> object:
            checkpoint = original(run, state)
            self.acked[checkpoint.number] = state
            return checkpoint

        self.store.save = save  # type: ignore[method-assign, assignment]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                self.case.operate(self.store)
        except CheckpointError:
            alive = True
        except Died:
            alive = False
        else:
            alive = True
        self.store.save = original  # type: ignore[method-assign]
        self.faulty.at = None
        return alive

    def must_stand(self) -> dict[int, object]:
        """The acknowledged checkpoints that nothing was allowed to remove."""
        latest = _open(self.backend).latest(RUN)  # what a dead process committed last prunes as well
        newest = max(self.acked.keys() | {latest.number if latest else 0})
        keep = self.case.retention
        return {
            number: state
            for number, state in self.acked.items()
            if number not in self.case.removes
            and (
                keep is None
                or (keep > 0 and number > newest - keep)
                or (keep == -2 and (number % 2 or number == newest))
            )
        }

    def check(self) -> None:
        """Another process sees all that was acknowledged, and nothing that is not whole."""
        other = _open(self.backend)
        for number, state in self.must_stand().items():
            assert other.load(RUN, at=number) == state
        for checkpoint in other.checkpoints(RUN):
            state = other.load(RUN, at=checkpoint)
            assert state == self.acked.get(checkpoint.number, state)
            assert state in {"new", LARGE, *self.acked.values()}
        latest = other.latest(RUN)
        assert (latest.number if latest else 0) >= max(self.must_stand(), default=0)

    def check_next(self, store: CheckpointStore) -> None:
        """The next save works, and after a prune nothing is left but what stands."""
        if self.case.name == "delete run":
            with contextlib.suppress(CheckpointNotFound):
                _open(self.backend).delete_run(RUN)  # doing it again finishes what was begun
            store = _open(self.backend)
        before = _open(self.backend).latest(RUN)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            number = store.save(RUN, "next").number
        self.acked[number] = "next"
        assert number > (before.number if before else 0)
        assert _open(self.backend).load(RUN) == "next"
        _open(self.backend).prune(RUN)
        history = History(self.backend, RUN, store._codecs)
        left = survey(history)
        assert left is not None
        needed = {layout.pack(RUN, name) for m in left.checkpoints() for name in m.header.packs}
        assert set(left.others) == needed
        assert all(isinstance(c, Manifest) or n - 1 in left.slots for n, c in left.slots.items())


def _calls(case: Case, backend: Backend) -> int:
    trial = Trial(case, backend)
    assert trial.run(None, "fails before")
    trial.check()
    return len(trial.faulty.calls)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("mode", MODES)
def test_fault_at_every_call(case: Case, mode: Mode, make_backend: Callable[[], Backend]) -> None:
    """Whichever call fails, acknowledged checkpoints load, nothing partial shows, and another process saves next."""
    for at in range(_calls(case, make_backend())):
        trial = Trial(case, make_backend())
        trial.run(at, mode)

        trial.check()
        trial.check_next(_open(trial.backend))
        trial.faulty.land()
        trial.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("mode", ["fails before", "fails after", "lands late"])
def test_same_store_goes_on_after_a_fault(case: Case, mode: Mode, make_backend: Callable[[], Backend]) -> None:
    """A process that met a fault and lives on saves next without a conflict: a lost reply is not another writer."""
    for at in range(_calls(case, make_backend())):
        trial = Trial(case, make_backend())
        trial.run(at, mode)
        trial.faulty.land()

        trial.check_next(trial.store)
        trial.check()


def test_a_writer_that_stalled_is_fenced_not_lost(make_backend: Callable[[], Backend]) -> None:
    """A create that lands after its number was used and pruned is never shown as a checkpoint."""
    backend = make_backend()
    first = _open(backend)
    first.save(RUN, 1)
    faulty = FaultyBackend(backend)
    stale = _open(faulty)
    stale.load(RUN)
    faulty.calls.clear()
    faulty.at, faulty.mode = 0, "dies before"
    with pytest.raises(Died):
        stale.save(RUN, "stray")
    other = _open(backend, retention=1)
    other.load(RUN)
    other.save(RUN, 2)
    other.save(RUN, 3)
    late = FaultyBackend(backend)
    late_store = _open(late)
    late_store._positions = stale._positions

    with pytest.raises(CheckpointConflict):
        late_store.save(RUN, "stray")
    with pytest.raises(CheckpointNotFound):
        _open(backend).load(RUN, at=2)
    assert _open(backend).load(RUN) == 3
