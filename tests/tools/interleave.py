"""
Seeded exploration of interleavings: real stores in greenlets, of which one at a time takes one backend call.

An order is a few long segments: an actor moves until it is about to change something for the n-th time, or to its end.
Commit protocols fail under long stalls around changes; orders drawn call by call hardly ever hold one. A ghost watches
every call and says what no caller can see: whose number it was first.
"""

from __future__ import annotations

import contextlib
import random
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import greenlet
from faults import Died

from ckptstore import CheckpointConflict, CheckpointError, CheckpointNotFound, CheckpointStore, layout
from ckptstore.format1 import IDENT_SIZE, ident, parse
from ckptstore.manifest import Ident, Manifest
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ckptstore.backend import Data, ObjectInfo
    from ckptstore.retention import Retention

T = TypeVar("T")
RUN = "r"
Script: TypeAlias = "Sequence[tuple[str, int]]"


class Ghost:
    """The truth about one run: first users of each number, acknowledged saves, and what removal is allowed."""

    def __init__(self, backend: MemoryBackend, keep: int, pins: frozenset[int]) -> None:
        self.backend = backend
        self.keep = keep
        self.pins = pins
        self.used: list[Manifest] = []
        self.acked: set[str] = set()
        self.deleted: set[int] = set()
        self.violation: str | None = None
        self.trace: list[str] = []

    def standing(self) -> dict[int, Manifest]:
        """The legitimate checkpoints that are in their slots."""
        return {m.number: m for m in self.used if self._ident(m.number) == m.ident}

    def newest(self) -> int:
        """The number of the newest checkpoint that stands; 0 for none."""
        return max(self.standing(), default=0)

    def may_go(self, number: int) -> bool:
        """Whether retention or the user allows to remove `number` now."""
        return number in self.deleted or (len(self.used) - number >= self.keep and number not in self.pins)

    def watch(self, actor: str, name: str, key: str, do: Callable[[], T]) -> T:
        """Carry out one call and hold the store against the promises."""
        self.trace.append(f"{actor}: {name} {key}")
        kind = layout.parse(RUN, key).kind
        if name in {"get", "list"} or kind == "hint":
            return do()
        before = self.standing() if name != "create" else {}
        result = do()
        number = len(self.used) + 1
        if name == "create" and kind == "slot" and self._ident(number):
            content = parse(self.backend.get(layout.slot(RUN, number)), RUN, number)
            assert isinstance(content, Manifest)
            self.used.append(content)
        after = self.standing() if name != "create" else {}
        for number in before.keys() - after.keys():
            manifest = before[number]
            own = manifest.metadata["who"] == actor and manifest.header.write_id not in self.acked
            if not self.may_go(number) and not (own and number < len(self.used)):
                self.fail(f"I1: checkpoint {number} was removed without right")
        objects = {info.key for info in self.backend.list(f"{RUN}/packs/")} if kind == "pack" and after else set()
        for number, manifest in after.items():
            if kind == "pack" and not {layout.pack(RUN, pack) for pack in manifest.header.packs} <= objects:
                self.fail(f"I3: checkpoint {number} stands without its packs")
        return result

    def acknowledge(self, number: int, state: object) -> None:
        """A save has returned `number`."""
        first = self.used[number - 1]
        if first.metadata["state"] != state:
            self.fail(f"I2: {number} is acknowledged for {state}, but {first.metadata['state']} used it first")
        if number > 1 and first.header.parent != self.used[number - 2].link:
            self.fail(f"I4: {number} does not follow what was the head")
        self.acked.add(first.header.write_id)

    def fail(self, what: str) -> None:
        """Remember the first broken promise."""
        if self.violation is None:
            self.violation = what + "\n  " + "\n  ".join(self.trace)

    def _ident(self, number: int) -> Ident | None:
        try:
            return ident(self.backend.get(layout.slot(RUN, number), 0, IDENT_SIZE))
        except FileNotFoundError:
            return None


class Turns:
    """
    Lets one actor move at a time: first as `script` says, then as a seed draws it.

    A line of the script is who, and how far: until the change after that many; or, negative, that many steps.
    """

    def __init__(self, seed: int, script: Script = ()) -> None:
        self._random = random.Random(seed)
        self._script = list(script)
        self._main = greenlet.getcurrent()
        self._changes: dict[greenlet.greenlet, bool] = {}

    def wait(self, *, changes: bool) -> None:
        """Called by an actor before each step; `changes`: the step is no mere reading."""
        self._changes[greenlet.getcurrent()] = changes
        self._main.switch()

    def run(self, actors: dict[str, greenlet.greenlet], stop: Callable[[], bool]) -> None:
        """Give turns until all are done, or `stop` says that it is enough."""
        while actors and not stop():
            if self._script:
                name, limit = self._script.pop(0)
            else:
                name = self._random.choice(list(actors))
                limit = self._random.choice([0, 0, 1, 1, 2, 3, 99, 99, 99, -2, -3, -5])
            self._move(actors[name], limit, stop)
            actors = {name: actor for name, actor in actors.items() if not actor.dead}
        for actor in filter(None, actors.values()):  # those that have begun
            actor.throw(Died)

    def _move(self, actor: greenlet.greenlet, limit: int, stop: Callable[[], bool]) -> None:
        changes = steps = 0
        while not actor.dead and not stop():
            changes += self._changes.get(actor, False)
            if (0 <= limit < changes) or (limit < 0 and steps == -limit):
                break
            actor.switch()
            steps += 1


class SteppedBackend:
    """One actor's view of the shared memory: each verb waits for its turn; creates may lose their reply."""

    def __init__(self, actor: str, turns: Turns, ghost: Ghost, losses: Losses) -> None:
        self.actor, self.turns, self.ghost, self.losses = actor, turns, ghost, losses

    def create(self, key: str, data: Data) -> None:
        """One step, whose reply, or which itself, may be lost or late."""
        self.turns.wait(changes=True)
        self.losses.land(self.ghost)
        kind = self.losses.draw() if layout.parse(RUN, key).kind == "slot" else ""

        def do() -> None:
            self.ghost.backend.create(key, data)

        if kind == "late":
            self.losses.late.append(lambda: self.ghost.watch(self.actor, "create", key, do))
        elif kind != "before":
            self.ghost.watch(self.actor, "create", key, do)
        if kind:
            self.ghost.trace.append(f"   … reply lost ({kind})")
            raise OSError(5, kind)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """One step."""
        self._step("put", key, lambda: self.ghost.backend.put(key, data, durable=durable))

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """One step."""
        return self._step("get", key, lambda: self.ghost.backend.get(key, start, end))

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """One step."""
        return iter(self._step("list", prefix, lambda: list(self.ghost.backend.list(prefix, after))))

    def delete(self, keys: Iterable[str]) -> None:
        """A step for each key, in the order given."""
        for key in keys:
            self._step("delete", key, lambda key=key: self.ghost.backend.delete([key]))  # type: ignore[misc]

    def _step(self, name: str, key: str, do: Callable[[], T]) -> T:
        self.turns.wait(changes=name in {"put", "delete"})
        self.losses.land(self.ghost)
        return self.ghost.watch(self.actor, name, key, do)


class Losses:
    """How many replies of creates are lost, and the creates that are still to land."""

    def __init__(self, rng: random.Random, budget: int) -> None:
        self._random, self._budget = rng, budget
        self.late: list[Callable[[], object]] = []

    def draw(self) -> str:
        """What happens to this create: "" for nothing."""
        if self._budget and self._random.random() < 0.3:
            self._budget -= 1
            return self._random.choice(["after", "before", "late"])
        return ""

    def land(self, ghost: Ghost) -> None:
        """Some late create may arrive now."""
        if self.late and self._random.random() < 0.1:
            try:
                self.late.pop()()
            except FileExistsError:
                ghost.trace.append("   … landed in vain")


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


def explore(scenario: Scenario, seed: int, script: Script = ()) -> str | None:
    """Play `scenario` in the order of `script` and then of `seed`; -> the broken promise with its trace, or None."""
    backend = MemoryBackend()
    ghost = Ghost(backend, scenario.keep or 1, scenario.pins)
    rng = random.Random(seed)
    turns = Turns(seed, script)
    losses = Losses(rng, scenario.losses)
    if scenario.seeded:
        _seed(ghost)
    actors = {
        actor: greenlet.greenlet(partial(_play, scenario, actor, SteppedBackend(actor, turns, ghost, losses)))
        for actor in scenario.programs
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        turns.run(actors, lambda: ghost.violation is not None)
    if ghost.violation is None:
        _finish(ghost)
    return ghost.violation


class _Direct(SteppedBackend):
    def _step(self, name: str, key: str, do: Callable[[], T]) -> T:
        return self.ghost.watch(self.actor, name, key, do)

    def create(self, key: str, data: Data) -> None:
        self.ghost.watch(self.actor, "create", key, lambda: self.ghost.backend.create(key, data))


def _direct(actor: str, ghost: Ghost) -> _Direct:
    return _Direct(actor, Turns(0), ghost, Losses(random.Random(0), 0))


def _seed(ghost: Ghost) -> None:
    store = CheckpointStore("memory://")
    store._backend = _direct("seed", ghost)
    state = "seed " + "x" * 200
    ghost.acknowledge(store.save(RUN, state, metadata={"who": "seed", "state": state}).number, state)


def _finish(ghost: Ghost) -> None:
    """A fresh writer alone gets its save through, and after its prune nothing is left but what stands."""
    store = CheckpointStore("memory://", retention=1)
    store._backend = _direct("last", ghost)
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
        self.store = CheckpointStore("memory://", retention=retention)
        self.store._backend = backend
        self.pruner = CheckpointStore(
            "memory://", retention=scenario.policy() if scenario.policy else scenario.keep or 1
        )
        self.pruner._backend = backend
        self.count = 0

    def save(self) -> None:
        self.count += 1
        state = f"{self.name}{self.count}" + "x" * 200 * self.scenario.large
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
        watch = self.ghost.watch

        def note(actor: str, name: str, key: str, call: Callable[[], T]) -> T:
            result = watch(actor, name, key, call)
            seen.add(self.ghost.newest())
            return result

        self.ghost.watch = note  # type: ignore[method-assign, assignment]
        number = do()
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
