"""Saves and loads of several stores on one root, in any order, against a model; the test adds what removes."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from places import open_store
from run_model import Fence, KeepOdd, RunModel, Saved, keep_last, keep_odd

from ckptstore import (
    Checkpoint,
    CheckpointError,
    CheckpointNotFound,
    CheckpointStore,
)
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from places import Place
    from run_model import Policy

    from ckptstore import Retention

INLINE_JSON, INLINE_BASE64 = 40, 20  # bytes: small enough that many states need a pack
START = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = ["a", "a-b", "B.2"]
STORES = 3
RETENTIONS: list[tuple[int | Retention | None, Policy | None]] = [
    (None, None),
    (1, keep_last(1)),
    (3, keep_last(3)),
    (KeepOdd(), keep_odd),
]
JSON = JsonSerializer()

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3) | st.just(2**70),
    st.sampled_from([0.5, -0.0, float("inf")]),
    st.text("aä$\ud800", max_size=3),
    st.sampled_from(
        ["x" * 60, b"", b"\xff" * 30, Decimal("1.10"), START, date(2026, 1, 1), timedelta(1), (1,), {1, 2}]
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "$tuple", "", 7, (1, 2)]), inner, max_size=2)
        | st.tuples(inner)
    ),
    max_leaves=5,
)
unstorable = st.sampled_from([object(), [bytearray(1)], {"k": {1: print}}, ({"k": st},)])
stores = st.integers(0, STORES - 1)
runs = st.sampled_from([*RUNS, *RUNS[:1] * 5])  # so that one run gets long
picks = st.integers(0, 1000)  # one of what is there, whatever that is


class Clock:
    """In the place of `datetime` where saves ask for the time."""

    time = START

    def now(self, _: object) -> datetime:
        """Whatever the machine says."""
        return self.time


clock = Clock()


def outcome(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - a result, or the type of what was raised
    """What `call` gives, or the type of its error."""
    try:
        return call()
    except (CheckpointError, ValueError) as exc:
        return type(exc)


class SavingMachine(RuleBasedStateMachine):
    """Everything that adds or reads checkpoints."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        clock.time = START
        self.models = {run: RunModel(run) for run in RUNS}
        self.records: dict[str, list[Checkpoint]] = {run: [] for run in RUNS}
        self.hints: dict[str, dict[int, bytes]] = {run: {} for run in RUNS}
        self.policies: list[Policy | None] = []
        self.stores: list[CheckpointStore] = []
        self.fences: dict[tuple[int, str], Fence] = {}
        self.reader = open_store(place)
        self.looks = 0
        self.seen: dict[str, bytes] = {}  # what the last look has seen

    @initialize(chosen=st.tuples(*[st.sampled_from([*RETENTIONS, *RETENTIONS[2:]])] * STORES))
    def open(self, chosen: tuple[tuple[int | Retention | None, Policy | None], ...]) -> None:
        """Open some stores on one root."""
        self.retentions = [retention for retention, _ in chosen]
        self.policies = [policy for _, policy in chosen]
        self.stores = [open_store(self.place)] * STORES
        for index in range(STORES):
            self.take_over(index)

    @rule(index=stores)
    def take_over(self, index: int) -> None:
        """Let a new process go on in the place of an old one."""
        self.stores[index] = open_store(self.place, retention=self.retentions[index])
        self.fences |= {(index, run): Fence() for run in RUNS}

    # Saves

    def saved(
        self, index: int, run: str, after: Checkpoint | int | None, state: object, save: Callable[[], Any]
    ) -> None:
        """Check how `save` ends, against the model."""
        model, fence = self.models[run], self.fences[index, run]
        base, record = model.base(fence, after), outcome(save)
        if isinstance(base, type):
            assert record is base
            return
        as_bytes = type(state) is memoryview
        data = bytes(state) if isinstance(state, memoryview) else JSON.dumps(state)
        assert record.number == model.top + 1
        assert record.created_at == (max(clock.time, base.record.created_at) if base else clock.time)
        assert (record.run, record.size, record.version, record.writer.pid) == (run, len(data), None, os.getpid())
        pack = record.number * (len(data) > (INLINE_BASE64 if as_bytes else INLINE_JSON))
        if pack and base and base.pack and base.data == data:  # equal to what it follows: nothing is stored
            pack = base.pack
        model.save(fence, Saved(record, data if as_bytes else state, data, pack), self.policies[index])
        self.records[run].append(record)
        self.hints[run][record.number] = self.place.objects()[f"{run}/latest.json"]

    @rule(index=stores, run=runs, state=trees)
    def save(self, index: int, run: str, state: object) -> None:
        """Save, from where this store stands."""
        self.saved(index, run, None, state, lambda: self.stores[index].save(run, state))

    @rule(index=stores, run=runs, states=st.lists(trees, min_size=1, max_size=6))
    def go_on(self, index: int, run: str, states: list[object]) -> None:
        """Take over with a load, and save a few: this never conflicts."""
        self.check_load(index, run, None)
        for state in states:
            self.saved(index, run, None, state, partial(self.stores[index].save, run, state))

    @rule(index=stores, run=runs, metadata=st.dictionaries(st.sampled_from(["step", "ä"]), trees))
    def save_with_metadata(self, index: int, run: str, metadata: dict[str, object]) -> None:
        """Save metadata of every kind; the record repeats it."""
        self.saved(index, run, None, 1, lambda: self.stores[index].save(run, 1, metadata=metadata))
        if self.fences[index, run].base == self.models[run].top:
            latest = self.stores[index].latest(run)
            assert latest
            assert self.records[run][-1].metadata == metadata == latest.metadata

    @rule(index=stores, run=runs, state=trees, pick=picks)
    def save_after(self, index: int, run: str, state: object, pick: int) -> None:
        """Say what the state continues from, rightly or wrongly."""
        top = self.models[run].top
        afters: list[Checkpoint | int] = [0, top, max(0, top - 1), top + 1]
        afters += self.records[run][-3:] + self.records[run][:2]
        after = afters[pick % len(afters)]
        self.saved(index, run, after, state, lambda: self.stores[index].save(run, state, after=after))

    @rule(index=stores, run=runs, state=unstorable)
    def save_unstorable(self, index: int, run: str, state: object) -> None:
        """Refuse what cannot be stored, and change nothing."""
        before = self.place.objects()
        with pytest.raises(TypeError, match=r"state.*cannot be stored"):
            self.stores[index].save(run, state)
        assert self.place.objects() == before

    @rule(index=stores, run=runs, data=st.binary(max_size=40))
    def write(self, index: int, run: str, data: bytes) -> None:
        """Save a stream."""

        def save() -> Checkpoint | None:
            with self.stores[index].open_writer(run) as file:
                file.write(data[:5])
                file.write(data[5:])
            return file.checkpoint

        self.saved(index, run, None, memoryview(data), save)

    @rule(index=stores, run=runs)
    def write_and_fail(self, index: int, run: str) -> None:
        """Leave nothing of a stream that ended in an exception."""
        before = self.place.objects()
        with pytest.raises(ZeroDivisionError), self.stores[index].open_writer(run) as file:
            file.writelines(b"half" * (20 // left) for left in (1, 0))
        assert self.place.objects() == before

    # Loads

    def check_load(self, index: int, run: str, at: Checkpoint | datetime | int | None) -> None:
        """Load, read and load with a default: each finds what the model holds, and moves the fence alike."""
        model, fence = self.models[run], self.fences[index, run]
        store, found = self.stores[index], model.find(at)
        if found is None:
            assert outcome(lambda: store.open_reader(run, at=at)) is CheckpointNotFound
            assert outcome(lambda: store.load(run, at=at)) is CheckpointNotFound
            assert store.load(run, at=at, default=fence) is fence
        else:
            loaded = store.load(run, at=at, default=fence)
            assert loaded == found.state
            assert JSON.dumps(loaded) == JSON.dumps(found.state)  # the types as well
            with store.open_reader(run, at=at) as file:
                assert (file.read(), file.checkpoint) == (found.data, found.record)
        if at is None or (found and found.record.number == model.top):
            fence.move(model.top, found)

    @rule(index=stores, run=runs)
    def load_newest(self, index: int, run: str) -> None:
        """Load the newest."""
        self.check_load(index, run, None)

    @rule(index=stores, run=runs, pick=picks)
    def load_number(self, index: int, run: str, pick: int) -> None:
        """Load a number, which may be gone or yet to come."""
        self.check_load(index, run, 1 + pick % (self.models[run].top + 1))

    @precondition(lambda self: any(self.records.values()))
    @rule(index=stores, run=runs, pick=picks)
    def load_record(self, index: int, run: str, pick: int) -> None:
        """Load what a record names, which may be of an earlier life of the run."""
        if self.records[run]:
            self.check_load(index, run, self.records[run][pick % len(self.records[run])])

    @rule(index=stores, run=runs, seconds=st.integers(-1, 12))
    def load_time(self, index: int, run: str, seconds: int) -> None:
        """Load what was the newest at a time."""
        self.check_load(index, run, START + timedelta(seconds=seconds))
