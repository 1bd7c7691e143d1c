"""
Seeded exploration of interleavings: real stores in greenlets, of which one at a time takes one backend call.

A ghost watches every call and says what no caller can see: whose number it was first.
"""

from __future__ import annotations

import contextlib
import random
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import greenlet
from faults import Died
from ghost import RUN, Ghost
from stepped import Losses, SteppedBackend, stepped
from turns import Turns

from ckptstore import CheckpointConflict, CheckpointError, CheckpointNotFound, CheckpointStore, layout
from ckptstore.codecs import PLAIN
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from turns import Script

    from ckptstore.codecs import Codecs
    from ckptstore.retention import Retention

T = TypeVar("T")
_DICE = random.Random(1)
COMMON = _DICE.randbytes(550).hex()  # a pack, which large states share, and another one in which they take turns
BODIES = [COMMON + _DICE.randbytes(450).hex() for _ in range(2)]


@dataclass
class Scenario:
    """Programs by actor; `keep`: retention inside saves (None: none); prunes use `pins` as well."""

    programs: dict[str, list[str]]
    keep: int | None = 1
    pins: frozenset[int] = frozenset()
    seeded: bool = True
    losses: int = 0
    large: bool = False
    policy: Callable[[], Retention] | None = None


def explore(
    scenario: Scenario,
    seed: int,
    script: Script = (),
    codecs: Codecs = PLAIN,
    memory: Callable[[], MemoryBackend] = MemoryBackend,
) -> str | None:
    """Play `scenario` in the order of `script` and then of `seed`; -> the broken promise with its trace, or None."""
    ghost = Ghost(memory(), codecs, scenario.keep or 1, scenario.pins)
    rng = random.Random(seed)
    turns = Turns(seed, script)
    losses = Losses(rng, scenario.losses)
    if scenario.seeded:
        _seed(ghost)
    actors = {
        actor: greenlet.greenlet(partial(_play, scenario, actor, stepped(actor, ghost, turns, losses)))
        for actor in scenario.programs
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        turns.run(actors, lambda: ghost.violation is not None)
    if ghost.violation is None:
        _finish(ghost)
    return ghost.violation


def _open(backend: SteppedBackend, retention: int | Retention | None = None) -> CheckpointStore:
    store = CheckpointStore("memory://", retention=retention)
    store._backend, store._codecs = backend, backend.ghost.codecs
    return store


def _seed(ghost: Ghost) -> None:
    store = _open(stepped("seed", ghost))
    state = "seed " + BODIES[0]
    ghost.acknowledge(store.save(RUN, state, metadata={"who": "seed", "state": state}).number, state)


def _finish(ghost: Ghost) -> None:
    """A fresh writer alone gets its save through, and after its prune nothing is left but what stands."""
    store = _open(stepped("last", ghost), retention=1)
    ghost.keep, ghost.pins = 1, frozenset()
    try:
        number = store.save(RUN, "last", metadata={"who": "last", "state": "last"}).number
        ghost.acknowledge(number, "last")
        store.prune(RUN)
    except CheckpointError as exc:
        ghost.fail(f"I5: a fresh writer alone fails: {exc!r}")
        return
    left = {info.key for info in ghost.backend.list(f"{RUN}/")} - {layout.slot(RUN, number), layout.hint(RUN)}
    if left:
        ghost.fail(f"I5: left over after a prune: {sorted(left)}")


class _Actor:
    def __init__(self, scenario: Scenario, name: str, backend: SteppedBackend) -> None:
        retention = scenario.policy() if scenario.policy else scenario.keep
        self.name, self.ghost, self.scenario = name, backend.ghost, scenario
        self.store = _open(backend, retention)
        self.pruner = _open(backend, scenario.policy() if scenario.policy else scenario.keep or 1)
        self.count = 0

    def save(self) -> None:
        self.count += 1
        state = f"{self.name}{self.count}" + BODIES[self.count % 2] * self.scenario.large
        try:
            number = self.store.save(RUN, state, metadata={"who": self.name, "state": state}).number
        except CheckpointConflict:
            head = self.ghost.used[-1] if self.ghost.used else None
            if head and head.metadata["state"] == state and head.number not in self.ghost.deleted:
                self.ghost.fail(f"I6: conflict reported to {state}, which is the head")
            raise
        self.ghost.acknowledge(number, state)

    def reading(self, do: Callable[[], int]) -> None:
        """The newest found must have been the newest at some instant of the call."""
        seen = {self.ghost.newest()}
        self.ghost.readers[self.name] = seen
        number = do()
        del self.ghost.readers[self.name]
        if number not in seen:
            self.ghost.fail(f"I2: newest = {number}, which it was at no instant of the call ({sorted(seen)})")

    def latest(self) -> int:
        newest = self.store.latest(RUN)
        if newest and newest.metadata["state"] != self.ghost.used[newest.number - 1].metadata["state"]:
            self.ghost.fail(f"I2: newest is a stray at {newest.number}")
        return newest.number if newest else 0

    def load(self) -> int:
        state = self.store.load(RUN, default=None)
        numbers = [m.number for m in self.ghost.used if m.metadata["state"] == state]
        if state is not None and not numbers:
            self.ghost.fail(f"I2: {state} was loaded, which is a stray")
        return numbers[0] if numbers else 0

    def load_at(self, number: int) -> None:
        try:
            state = self.store.load(RUN, at=number)
        except CheckpointNotFound:
            return
        if self.ghost.used[number - 1].metadata["state"] != state:
            self.ghost.fail(f"I2: {number} loads as {state}, which is a stray")

    def checkpoints(self) -> None:
        for checkpoint in self.store.checkpoints(RUN):
            if self.ghost.used[checkpoint.number - 1].metadata["state"] != checkpoint.metadata["state"]:
                self.ghost.fail(f"I2: {checkpoint.number} is listed, which is a stray")

    def delete(self, number: int) -> None:
        self.ghost.deleted.add(number)
        with contextlib.suppress(CheckpointNotFound, ValueError):
            self.pruner.delete(RUN, number)

    def do(self, op: str) -> None:
        verb, _, number = op.partition(" ")
        if verb in {"latest", "load"} and not number:
            self.reading(getattr(self, verb))
        elif verb == "load":
            self.load_at(int(number))
        elif verb == "delete":
            self.delete(int(number))
        elif verb == "prune":
            self.pruner.prune(RUN)
        elif verb == "lose":
            self.store._backend.delete([layout.hint(RUN)])
        elif verb == "checkpoints":
            self.checkpoints()
        else:
            self.save()


def _play(scenario: Scenario, name: str, backend: SteppedBackend) -> None:
    actor = _Actor(scenario, name, backend)
    try:
        for op in scenario.programs[name]:
            actor.do(op)
    except (CheckpointConflict, Died):
        pass  # fenced, or killed: this process is over
    except CheckpointError as exc:
        if not scenario.losses:
            backend.ghost.fail(f"{name}: {exc!r}")
