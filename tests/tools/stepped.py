"""Shared memory as one actor of an exploration sees it: a call at a time, watched, with replies that may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from comparing import ComparingMemory
from ghost import RUN, Ghost

from ckptstore import layout

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator

    from turns import Turns

    from ckptstore.backend import Data, ObjectInfo

T = TypeVar("T")


class Losses:
    """How many replies are lost of calls that take effect only under a condition, and those that are still to land."""

    def __init__(self, rng: random.Random, budget: int) -> None:
        self._random, self._budget = rng, budget
        self.late: list[Callable[[], object]] = []

    def draw(self) -> str:
        """What happens to this call: "" for nothing."""
        if self._budget and self._random.random() < 0.3:
            self._budget -= 1
            return self._random.choice(["after", "before", "late"])
        return ""

    def land(self, ghost: Ghost) -> None:
        """Some late call may arrive now."""
        if self.late and self._random.random() < 0.1:
            try:
                self.late.pop()()
            except FileExistsError:
                ghost.trace.append("   … landed in vain")


class SteppedBackend:
    """One actor's view: each verb waits for its turn, if there are any; creates may lose their reply."""

    def __init__(self, actor: str, ghost: Ghost, turns: Turns | None, losses: Losses | None) -> None:
        self.actor, self.ghost, self._turns, self._losses = actor, ghost, turns, losses

    def create(self, key: str, data: Data) -> None:
        """One step, whose reply, or which itself, may be lost or late."""
        is_slot = layout.parse(RUN, key).kind == "slot"
        self._step("create", key, lambda: self.ghost.backend.create(key, data), may_be_lost=is_slot)

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

    def _step(self, name: str, key: str, do: Callable[[], T], *, may_be_lost: bool = False) -> T:
        if self._turns is None or self._losses is None:
            return self.ghost.watch(self.actor, name, key, do)
        self._turns.wait(changes=name not in {"get", "list"})
        self._losses.land(self.ghost)
        kind = self._losses.draw() if may_be_lost else ""
        if kind == "late":
            self._losses.late.append(lambda: self.ghost.watch(self.actor, name, key, do))
        elif kind != "before":
            result = self.ghost.watch(self.actor, name, key, do)
            if not kind:
                return result
        self.ghost.trace.append(f"   … reply lost ({kind})")
        raise OSError(5, kind)


class SteppedComparing(SteppedBackend):
    """The same over memory that compares; updates may lose their reply as well."""

    def compares(self) -> bool:
        """Always."""
        return True

    def get_tagged(self, key: str, end: int) -> tuple[bytes, str]:
        """One step."""
        return self._step("get", key, lambda: self._memory.get_tagged(key, end))

    def update(self, key: str, data: Data, tag: str | None) -> str | None:
        """One step, whose reply, or which itself, may be lost or late."""
        return self._step("update", key, lambda: self._memory.update(key, data, tag), may_be_lost=True)

    @property
    def _memory(self) -> ComparingMemory:
        assert isinstance(self.ghost.backend, ComparingMemory)
        return self.ghost.backend


def stepped(actor: str, ghost: Ghost, turns: Turns | None = None, losses: Losses | None = None) -> SteppedBackend:
    """The view of `actor` on what `ghost` watches; without `turns`, of somebody who is alone."""
    kind = SteppedComparing if isinstance(ghost.backend, ComparingMemory) else SteppedBackend
    return kind(actor, ghost, turns, losses)
