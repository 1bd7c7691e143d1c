"""
Long runs of saves, loads and prunes, small and large, on an S3 server that misbehaves.

    PYTHONPATH=tests/tools python -c "import storm; print(storm.run(seed=1, seconds=600))"

Behind a proxy that drops, refuses, delays and cuts off requests by a seed, one store works at a time. After each
operation what the server holds is copied and looked at by a store that has no trouble.
"""

from __future__ import annotations

import random
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from faulty_proxy import FaultyProxy
from places import InBucket
from sealing import SETTINGS
from small import small_chunks
from trial import opened
from waits import Waits

from ckptstore import BackendError, CheckpointConflict, CheckpointError, CheckpointStore, layout, packs
from ckptstore.history import History
from ckptstore.prune import survey
from ckptstore_backends import s3_session
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from faulty_proxy import Rule

RUN = "run"
KEEP = 3
ATTEMPTS = s3_session.CONFIG["retries"]["total_max_attempts"]  # of botocore for each request
WORST = 4 * ATTEMPTS  # requests for one: aiohttp sends twice where a connection drops, and a body is fetched twice
LONGEST = 20  # seconds that a request waits, as docs/s3.md says; twice that and two silences where a body breaks off
BROKEN = 2 * (LONGEST + s3_session.CONFIG["read_timeout"])
IN_A_ROW = 3 * LONGEST  # of an operation, once the server fails for good
FAULTS = ["reset before", "reset after", "503 SlowDown", "500 InternalError", "500 InternalError after"]
FAULTS += ["409 ConditionalRequestConflict", "hang", "hang after", "slow", "half", "stall"]
LASTING = ["reset before", "reset after", "503 SlowDown", "500 InternalError after", "409 ConditionalRequestConflict"]
LASTING += ["403 ExpiredToken", "403 ExpiredToken", "hang", "stall"]


def run(seed: int, seconds: float, least: int = 8) -> int:
    """
    How many operations were held against what must hold, in about `seconds`, and at least so many.

    `AssertionError`, with the seed, for a conflict with nobody, an acknowledged checkpoint that is lost or changed, a
    failure taken for damage or absence, space that is not given back, and an operation that goes on asking or waiting.
    """
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch, threads=2)
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")  # so that a listing can fail in the middle
        storm = _Storm(seed, Waits(patch))
        try:
            return storm.go(time.monotonic() + seconds, least)
        except (AssertionError, CheckpointError, OSError) as exc:
            raise AssertionError(f"seed {seed}, after {' | '.join(storm.story[-6:])}: {exc!r}") from exc
        finally:
            storm.proxy.stop()


class _Weather(NamedTuple):
    """What the server does to an operation."""

    name: str
    rule: Rule | None
    stays: bool = False


class _Storm:
    """One run, its store, and what is known to stand in it."""

    def __init__(self, seed: int, waits: Waits) -> None:
        self.waits = waits
        self.dice = random.Random(seed)
        self.place = InBucket()
        server = self.place.bucket
        host, port = server.url.removeprefix("http://").split(":")
        self.proxy = FaultyProxy(host, int(port))
        self.codecs = SETTINGS[self.dice.choice([*SETTINGS])]
        self.options = server.options(self.proxy.url)
        self.store = self._open()
        self.state = self.dice.randbytes(4000)
        self.standing: dict[int, bytes] = {}  # acknowledged, or seen by the witness
        self.tried: set[bytes] = set()  # saves that failed, and may stand all the same
        self.story: list[str] = []

    def _open(self) -> CheckpointStore:
        """A store of another process, of an endpoint that it has not seen."""
        return CheckpointStore(
            self.place.url, serializer="bytes", retention=KEEP, storage_options=self.options, **self.codecs
        )

    def go(self, until: float, least: int) -> int:
        """Operate, and check after each."""
        operations: list[Callable[[], None]] = [self.save] * 8 + [self.stream] * 4 + [self.load] * 4
        operations += [self.load_older, self.records, self.prune, self.renew]
        self.save()
        while len(self.story) < least or time.monotonic() < until or len(self.story) % 8:
            if len(self.story) % 8 == 0:
                self.tidy()
            operation, weather = self.dice.choice(operations), self.weather()
            self.story.append(f"{operation.__name__}, {weather.name}")
            self.proxy.begin(weather.rule)
            self.waits.begin()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a hint or a prune that failed
                operation()
            self.check_bounds(weather)
            self.proxy.begin()
            self.check()
        self.tidy()
        return len(self.story)

    def weather(self) -> _Weather:
        """Nothing, faults here and there, or one that stays: from a request on, or for one verb."""
        dice, kind = random.Random(self.dice.random()), self.dice.random()
        if kind < 0.15:
            return _Weather("calm", None)
        if kind < 0.6:
            share = self.dice.choice([0.05, 0.2, 0.5])
            return _Weather(f"{share:.0%}", lambda *_: dice.choice(FAULTS) if dice.random() < share else None)
        fault = self.dice.choice(LASTING)
        if kind < 0.8:
            first = self.dice.randrange(15)
            return _Weather(
                f"{fault} from {first} on", lambda number, _: fault if number >= first else None, stays=True
            )
        verb, first = self.dice.choice(["get", "list", "create", "put", "delete"]), self.dice.randrange(3)
        met = iter(range(10**6))
        return _Weather(
            f"{fault} of {verb} from {first} on",
            lambda _, asked: fault if asked == verb and next(met) >= first else None,
            stays=True,
        )

    def save(self) -> None:
        """Save what has changed a little or much, or something small."""
        kind = self.dice.random()
        state = self.dice.randbytes(50) if kind < 0.3 else self._edited()
        self._commit(state, lambda: self.store.save(RUN, state).number)

    def stream(self) -> None:
        """The same as a stream, which an earlier save that stands after all may refuse."""
        state = self._edited()

        def write() -> int:
            with self.store.open_writer(RUN) as file:
                file.write(state)
            assert file.checkpoint is not None
            return file.checkpoint.number

        self._commit(state, write)

    def _edited(self) -> bytes:
        if self.dice.random() < 0.1:
            self.state = self.dice.randbytes(self.dice.randrange(2000, 10_000))
        at = self.dice.randrange(len(self.state))
        self.state = self.state[:at] + self.dice.randbytes(self.dice.choice([1, 100, 2000])) + self.state[at + 500 :]
        self.state = self.state[-10_000:]
        return self.state

    def _commit(self, state: bytes, commit: Callable[[], int]) -> None:
        newest = max(self.standing, default=0)
        try:
            number = commit()
        except BackendError:
            self.tried.add(state)
        except CheckpointConflict as exc:
            if not self.tried or "an earlier save of this store" not in str(exc):
                raise
        else:
            assert number > newest
            self.standing[number] = state
            self.tried.clear()

    def load(self) -> None:
        """The newest, or no answer: never damage, never absence."""
        self._look(lambda: self.store.load(RUN), max(self.standing))

    def load_older(self) -> None:
        """One that stands, or no answer."""
        number = self.dice.choice(self.kept())
        self._look(lambda: self.store.load(RUN, at=number), number)

    def _look(self, load: Callable[[], Any], number: int) -> None:
        try:
            state = load()
        except BackendError:
            return
        assert state == self.standing[number] or (number == max(self.standing) and state in self.tried)

    def records(self) -> None:
        """All that stand, or no answer."""
        try:
            found = {record.number for record in self.store.checkpoints(RUN)}
        except BackendError:
            return
        assert found >= set(self.kept())

    def prune(self) -> None:
        """Prune, as far as it goes."""
        try:
            self.store.prune(RUN)
        except BackendError:
            return

    def renew(self) -> None:
        """Go on as another process."""
        self.store = self._open()

    def kept(self) -> list[int]:
        """The numbers that retention keeps."""
        return sorted(self.standing)[-KEEP:]

    def check_bounds(self, weather: _Weather) -> None:
        """The operation has sent few requests, and none waits longer than is said, nor do all together."""
        limit = 2 * len(self.state) // packs.FAR + len(self.place.objects()) + 30
        assert len(self.proxy.log) <= WORST * limit, "an operation goes on asking"
        assert self.waits.longest <= BROKEN, f"a request waits {self.waits.longest:.0f} s"
        if weather.stays:
            assert self.waits.in_a_row <= IN_A_ROW, f"an operation waits {self.waits.in_a_row:.0f} s"

    def check(self) -> None:
        """All that retention keeps is there, unchanged; what nobody was told of is a save that was tried."""
        witness = self.witness()
        newest = witness.latest(RUN)
        assert newest is not None
        assert newest.number >= max(self.standing), "an acknowledged checkpoint is lost"
        if newest.number not in self.standing:
            state = witness.load(RUN)
            assert state in self.tried, "a state that nobody saved"
            self.standing[newest.number] = state
        for number in self.kept():
            assert witness.load(RUN, at=number) == self.standing[number]
        report = witness.verify(RUN)
        assert report.ok, report.problems

    def witness(self) -> CheckpointStore:
        """A store with a copy of all that the server holds."""
        copy = MemoryBackend()
        for key, data in self.place.objects().items():
            copy.put(key, data)
        return opened(copy, serializer="bytes", **self.codecs)

    def tidy(self) -> None:
        """In calm weather the same store saves, and a prune leaves nothing but what stands."""
        self.proxy.begin()
        if self.tried and self.dice.random() < 0.5:
            self.store.load(RUN)
        self.save()
        self.check()
        self.store.prune(RUN)
        witness = self.witness()
        left = survey(History(witness._backend, RUN, witness._codecs))
        assert left is not None
        needed = {layout.pack(RUN, name) for manifest in left.checkpoints() for name in manifest.header.packs}
        assert set(left.others) == needed, "space is not given back"
