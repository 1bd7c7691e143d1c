"""On S3: each backend call of each operation fails in each way, and nothing acknowledged is lost."""

from __future__ import annotations

from functools import cache

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from faults import MODES, Mode
from places import InBucket, s3_backend
from small import small_chunks
from trial import CASES, Case, Trial, calls, save_large, stream

from ckptstore_backends.memory import MemoryBackend
from ckptstore_backends.s3 import S3Backend

READS = {"read", "load", "load by number", "latest", "checkpoints"}  # which change nothing, whether they fail or die


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large states are some chunks in some packs, and share what does not change."""
    small_chunks(monkeypatch)


def on_s3(case: Case) -> Trial:
    """
    A trial whose history was made in memory and put into a bucket at once.

    The operation, what follows it and what lands late are requests; what they leave is looked at in memory again.
    """
    place, memory = InBucket(), MemoryBackend()
    trial = Trial(case, memory)
    for info in memory.list(""):
        place.poke(info.key, memory.get(info.key))

    def look() -> MemoryBackend:
        copy = MemoryBackend()
        for key, data in place.objects().items():
            copy.put(key, data)
        return copy

    trial.move(s3_backend(place), look)
    return trial


@cache
def _calls(case: Case) -> range:
    return calls(on_s3(case))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the death of a hint's thread
@pytest.mark.parametrize(
    ("case", "mode"),
    [
        pytest.param(case, mode, id=f"{case.name}, {mode}")
        for case in CASES
        for mode in (MODES[:1] if case.name in READS else MODES)
        if mode != "lands twice" or case.operate in {save_large, stream}  # the rest: in memory, and in a storm
    ],
)
def test_fault_at_every_call(case: Case, mode: Mode) -> None:
    """
    Whichever call fails, acknowledged checkpoints load, nothing partial shows, and the next save works.

    That is by the same store after an error, and by another process where the first is dead or its call lands late.
    """
    for at in _calls(case):
        trial = on_s3(case)
        trial.run(at, mode)

        trial.check()
        trial.check_next(trial.store if mode.startswith("fails") else trial.other())
        trial.faulty.land()
        trial.check()


def test_the_hint_and_retention_of_a_save_go_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server that does not compare the enumeration meets a call in another thread, which fails like the others."""
    monkeypatch.setattr(S3Backend, "compares", lambda _: False)
    (case,) = (case for case in CASES if case.name == "save that prunes")
    numbers = calls(on_s3(case))
    assert numbers.start == -1

    for at in numbers:
        trial = on_s3(case)
        trial.run(at, "fails before")
        trial.check()
        trial.check_next(trial.store)
