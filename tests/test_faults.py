"""Each backend call of each operation fails in each way; afterwards nothing acknowledged is lost and work goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from comparing import ComparingMemory
from faults import MODES, Died, FaultyBackend, Mode
from places import on
from sealing import SETTINGS
from small import small_chunks
from trial import CASES, RUN, Case, Trial, calls, opened

from ckptstore import CheckpointConflict, CheckpointNotFound
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptstore.backend import Backend

CODECS: dict[str, Any] = {}  # of every store of a test; the fixture that makes its backends fills it


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large states are some chunks in some packs, and share what does not change."""
    small_chunks(monkeypatch)


@pytest.fixture(params=["memory", "local", "memory, zstd + fernet", "comparing"])
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
        memory = {"memory": MemoryBackend, "comparing": ComparingMemory}
        return memory[kind]() if kind in memory else LocalBackend(str(tmp_path / str(count)))

    return make


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("mode", MODES)
def test_fault_at_every_call(case: Case, mode: Mode, make_backend: Callable[[], Backend]) -> None:
    """Whichever call fails, acknowledged checkpoints load, nothing partial shows, and another process saves next."""
    for at in calls(Trial(case, make_backend(), **CODECS)):
        trial = Trial(case, make_backend(), **CODECS)
        trial.run(at, mode)

        trial.check()
        trial.check_next(trial.other())
        trial.faulty.land()
        trial.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("mode", ["fails before", "fails after", "lands late"])
def test_same_store_goes_on_after_a_fault(case: Case, mode: Mode, make_backend: Callable[[], Backend]) -> None:
    """A process that met a fault and lives on saves next without a conflict: a lost reply is not another writer."""
    for at in calls(Trial(case, make_backend(), **CODECS)):
        trial = Trial(case, make_backend(), **CODECS)
        trial.run(at, mode)
        trial.faulty.land()

        trial.check_next(trial.store)
        trial.check()


@pytest.mark.parametrize(("name", "least"), [("large save", 1), ("stream", 2)])  # the first shares what it can
def test_packs_are_among_the_calls(name: str, least: int, make_backend: Callable[[], Backend]) -> None:
    """Each pack of a large state and of a stream meets every fault, also where another thread writes it."""
    (case,) = (case for case in CASES if case.name == name)
    trial = Trial(case, make_backend(), **CODECS)
    trial.run(None, "fails before")

    packs = [call for call in (*trial.faulty.calls, *trial.faulty.beside) if call.startswith(f"create {RUN}/packs/")]
    assert len(packs) >= least


def test_a_writer_that_stalled_is_fenced_not_lost(make_backend: Callable[[], Backend]) -> None:
    """A create that lands after its number was used and pruned is never shown as a checkpoint."""
    backend = make_backend()
    first = opened(backend, **CODECS)
    first.save(RUN, 1)
    faulty = FaultyBackend(backend)
    stale = opened(faulty, **CODECS)
    stale.load(RUN)
    faulty.forget()
    faulty.at, faulty.mode = 0, "dies before"
    with pytest.raises(Died):
        stale.save(RUN, "stray")
    other = opened(backend, 1, **CODECS)
    other.load(RUN)
    other.save(RUN, 2)
    other.save(RUN, 3)
    on(FaultyBackend(backend), stale)

    with pytest.raises(CheckpointConflict):
        stale.save(RUN, "stray")
    with pytest.raises(CheckpointNotFound):
        opened(backend, **CODECS).load(RUN, at=2)
    assert opened(backend, **CODECS).load(RUN) == 3
