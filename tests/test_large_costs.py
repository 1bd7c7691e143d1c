"""What large states cost where requests take long: few requests, side by side, and a bounded part of it in memory."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from far import MIB, Far, far_store, save
from places import InMemory, through
from sealing import SETTINGS
from small import small_chunks

from ckptstore import BackendError, fetch, packs
from ckptstore.testing.race import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


OTHERS = 6  # requests beside one for each full pack: a pack that is not full, create, proof, hint, and two deletes


class Bill:
    """A run whose requests are held against the bounds, save after save."""

    def __init__(self, *, stream: bool, **settings: Any) -> None:  # noqa: ANN401 - whatever a store takes
        self.place = InMemory()
        self.settings = settings
        self.stream = stream
        self.store, self.far = far_store(self.place, **settings)
        self.named = 0.0  # packs that the newest checkpoint may name
        self.number = 0

    def save(self, state: bytes) -> None:
        """
        Save, and then load as another process does: at most one request for each 16 MiB, and six.

        The first save of a run asks thrice whether there is anything, and has nothing to remove. A stream cannot be
        asked for its bytes once more, so it reads back what it gives up: at most each pack of the checkpoint before.
        """
        self.far.calls.clear()
        record = save(self.store, state, stream=self.stream)
        full = max(record.size, record.stored_size) / packs.FAR  # of small chunks encryption makes larger ones
        first = 1 if record.number == 1 else 0
        assert len(self.far.calls) <= full + OTHERS + first + (self.named if self.stream else 0)
        assert self.far.packs("get") <= (self.named if self.stream else 0)

        self.named = full + packs.SPARE
        other, far = far_store(self.place, **self.settings)
        assert other.load("run") == state
        assert len(far.calls) <= full + OTHERS


def change(state: bytes, dice: random.Random) -> bytes:
    """`state` as a program might leave it: mostly a little changed, sometimes all over, grown, cut or new."""
    kind = dice.random()
    if kind < 0.02:
        return dice.randbytes(dice.randrange(200, 20_000))
    edits = 40 if kind < 0.1 else dice.randrange(1, 4)
    for _ in range(edits):
        at, size = dice.randrange(len(state) + 1), dice.choice([1, 10, 100])
        state = state[:at] + dice.randbytes(size) + state[at + dice.choice([0, size]) :]
    if kind > 0.9:
        state += dice.randbytes(3000)
    return state[-20_000:] if len(state) > 40_000 else state


def run_small(*, stream: bool, retention: int | None, codecs: str) -> None:
    """Hold a hundred saves of small chunks against the bounds."""
    bill = Bill(stream=stream, retention=retention, **SETTINGS[codecs])
    dice = random.Random(f"{stream} {retention} {codecs}")
    state = dice.randbytes(20_000)
    for _ in range(100):
        bill.save(state)
        state = change(state, dice)


@pytest.mark.parametrize("codecs", ["plain", "zstd + fernet"])
@pytest.mark.parametrize("retention", [None, 1, 3])
@pytest.mark.parametrize("stream", [False, True], ids=["save", "stream"])
def test_requests_stay_few(stream: bool, retention: int | None, codecs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a state was changed in whatever way, a save and a load send few requests for its size."""
    small_chunks(monkeypatch, threads=2)

    run_small(stream=stream, retention=retention, codecs=codecs)


PLANTED: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "no pack is given up": lambda patch: patch.setattr(packs._Old, "worn", lambda *_: set()),
    "all is read back": lambda patch: patch.setattr(packs._Writer, "_rewrap", lambda _, piece: (piece[0], None)),
    "each chunk is fetched by itself": lambda patch: patch.setattr(fetch, "_FAR_SPAN", 0),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_the_count_of_requests_finds(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what keeps the requests few, the test above fails."""
    small_chunks(monkeypatch, threads=2)
    PLANTED[bug](monkeypatch)

    with pytest.raises(AssertionError):
        run_small(stream=False, retention=3, codecs="plain")


@pytest.mark.parametrize("stream", [False, True], ids=["save", "stream"])
def test_requests_of_real_sizes(stream: bool) -> None:
    """36 MiB, one percent changed, then most of each pack: by the same bounds, and one percent is one pack."""
    bill = Bill(stream=stream, retention=1)
    state = bytearray(random.Random(1).randbytes(36 * MIB))
    bill.save(bytes(state))
    assert bill.far.packs("create") == 3

    state[: MIB // 2] = bytes(MIB // 2)
    bill.save(bytes(state))
    assert bill.far.packs("create") == 1

    for at in range(0, len(state), 5 * MIB):
        state[at : at + 3 * MIB] = random.Random(at).randbytes(3 * MIB)
    bill.save(bytes(state))
    assert (bill.far.packs("get") > 0) == stream


class Meeting(Far):
    """A backend where the first `size` requests for packs wait for each other; `most` were ever under way at once."""

    def __init__(self, inner: Any, size: int) -> None:  # noqa: ANN401 - a backend
        super().__init__(inner, before=self._meet, after=self._leave)
        self.most = 0
        self._size, self._now, self._begun = size, 0, 0
        self._lock = threading.Lock()
        self._all = threading.Barrier(size, timeout=PATIENCE)  # nobody comes where they are asked one after the other
        self._more = threading.Event()

    def _meet(self, _: str, key: str) -> None:
        if "/packs/" not in key:
            return
        with self._lock:
            self._begun += 1
            self._now += 1
            self.most = max(self.most, self._now)
            waits = self._begun <= self._size
        if waits:
            self._all.wait()
            self._more.wait(0.1)  # for one too many, which would set it
        else:
            self._more.set()

    def _leave(self, _: str, key: str) -> None:
        if "/packs/" in key:
            with self._lock:
                self._now -= 1


@pytest.mark.parametrize("stream", [False, True], ids=["save", "stream"])
def test_uploads_and_fetches_go_side_by_side(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many packs as are allowed are under way at once, and never more: of a save, of a load, and of a reader."""
    uploads, fetches = packs.UPLOADS, fetch._FAR_THREADS
    small_chunks(monkeypatch, threads=2)
    monkeypatch.setattr(packs, "UPLOADS", uploads)
    monkeypatch.setattr(fetch, "_FAR_THREADS", fetches)
    monkeypatch.setattr(fetch, "_FAR_RUN", 2 * packs.FAR)
    place, state = InMemory(), random.Random(7).randbytes(3 * fetches * packs.FAR)
    store, far = far_store(place)
    writing = Meeting(far.inner, uploads)
    save(through(store, lambda _: writing), state, stream=stream)

    reading = Meeting(far.inner, fetches)
    assert through(store, lambda _: reading).load("run") == state

    assert (writing.most, reading.most) == (uploads, fetches)


@pytest.mark.parametrize("stream", [False, True], ids=["save", "stream"])
def test_a_save_that_failed_costs_no_space(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a save left that failed, or a stream whose block did, goes with the next save of the same store."""
    small_chunks(monkeypatch, threads=2)
    place = InMemory()
    store, far = far_store(place, retention=1)
    dice = random.Random(5)
    for _ in range(2):
        store.save("run", dice.randbytes(5000))

    def refuse(verb: str, key: str) -> None:
        if verb == "create" and key.endswith("-5"):
            raise PermissionError("expired")

    far.before = refuse
    with pytest.raises(BackendError, match="expired"):
        save(store, dice.randbytes(20_000), stream=stream)
    assert sum(f"packs/{3:012}-" in key for key in place.objects()) >= 4
    far.before = lambda *_: None
    store.save("run", dice.randbytes(5000))

    [manifest] = store.checkpoints("run")
    left = sum(len(data) for key, data in place.objects().items() if "/packs/" in key)
    assert left == manifest.stored_size
