"""What a run must hold: dictionaries, and the rules of the fence and of retention in a few lines each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from places import slot

from ckptstore import Checkpoint, CheckpointConflict, CheckpointError, CheckpointNotFound, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import TypeAlias

    Policy: TypeAlias = Callable[[list[int]], Iterable[int]]  # numbers, newest first -> those to keep


@dataclass(frozen=True)
class KeepOdd:
    """A policy that leaves gaps, so that markers are needed."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Keep the odd numbers."""
        return [Decision(one.number, keep=one.number % 2 == 1, reason="odd or not") for one in checkpoints]


def keep_all(numbers: list[int]) -> list[int]:
    """As retention=None."""
    return numbers


def keep_odd(numbers: list[int]) -> list[int]:
    """As `KeepOdd`."""
    return [number for number in numbers if number % 2 == 1]


def keep_last(count: int) -> Policy:
    """As retention=count."""
    return lambda numbers: numbers[:count]


@dataclass
class Saved:
    """A checkpoint as it was acknowledged."""

    record: Checkpoint
    state: object
    data: bytes
    pack: int  # the number that its pack was written for; 0 where it has none


@dataclass
class Fence:
    """What one store remembers of one run: its base (0: empty), and the slots that its last pruning save saw."""

    known: bool = False
    base: int = 0
    saved: Saved | None = None  # what the base was; None where the run held no checkpoint
    seen: dict[int, Saved | None] | None = None

    def move(self, base: int, saved: Saved | None) -> None:
        """The next save continues from `base`."""
        self.known, self.base, self.saved = True, base, saved


@dataclass
class RunModel:
    """One run. A slot holds a checkpoint, or None for a marker."""

    name: str
    slots: dict[int, Saved | None] = field(default_factory=dict)
    hint: int | Literal["torn"] | None = None
    leftovers: dict[str, int] = field(default_factory=dict)  # of writers that crashed: key -> number it aims at

    @property
    def top(self) -> int:
        """The highest number that was ever used."""
        return max(self.slots, default=0)

    @property
    def standing(self) -> list[Saved]:
        """All checkpoints, newest first."""
        return [saved for _, saved in sorted(self.slots.items(), reverse=True) if saved]

    def find(self, which: Checkpoint | datetime | int | None) -> Saved | None:
        """What a load of `which` must find."""
        if which is None:
            return next(iter(self.standing), None)
        if isinstance(which, int):
            return self.slots.get(which)
        if not isinstance(which, Checkpoint):
            return next((saved for saved in self.standing if saved.record.created_at <= which), None)
        found = self.slots.get(which.number)
        return found if found and found.record == which else None

    def base(self, fence: Fence, after: Checkpoint | int | None) -> Saved | type[CheckpointError] | None:
        """What a save continues from, or the error that it must raise."""
        number = after.number if isinstance(after, Checkpoint) else after
        own = fence.known if number is None else fence.saved is not None and number == fence.base
        if own:  # removed or not: what counts is whether somebody went on from it
            return CheckpointConflict if fence.base != self.top else fence.saved
        newest = self.find(None)
        top = newest.record.number if newest else 0
        if number is None or number == top:
            return newest
        return CheckpointConflict if number < top else CheckpointNotFound

    def save(self, fence: Fence, saved: Saved, policy: Policy | None) -> None:
        """`saved` is the newest now; a store with retention prunes by what it has seen itself."""
        number = saved.record.number
        self.slots[number] = saved
        self.hint = number
        fence.move(number, saved)
        if policy is None:
            return
        if fence.seen is None or max(fence.seen) != number - 1:
            fence.seen = dict(self.slots)
        fence.seen[number] = saved
        self._remove(policy, fence.seen)

    def delete(self, number: int) -> None:
        """A marker takes its place, and no hint may repeat its state."""
        self.slots[number] = None
        if self.hint in {number, "torn"}:
            self.hint = None

    def delete_run(self) -> None:
        """One marker stays, so that numbers go on, and what a save in progress may need."""
        self.slots, self.hint = {self.top: None}, None
        self._forget_leftovers()

    def prune(self, policy: Policy) -> None:
        """What `policy` drops is gone, and everything that nobody can need."""
        self._remove(policy, dict(self.slots))
        self._forget_leftovers()

    def _forget_leftovers(self) -> None:
        self.leftovers = {key: number for key, number in self.leftovers.items() if number > self.top}

    def _remove(self, policy: Policy, seen: dict[int, Saved | None]) -> None:
        keep = {*policy([number for number in sorted(seen, reverse=True) if seen[number]])}
        keep |= {number for number in sorted(seen)[-1:] if seen[number]}
        emptied = 0
        for number in sorted(seen.keys() - keep - {self.top}):
            if number - 1 not in keep:
                del seen[number]
                self.slots.pop(number, None)
                emptied += 1
            elif seen[number]:
                seen[number] = self.slots[number] = None
        if emptied > 1:  # many at once are removed behind a hint that names the head
            self.hint = self.top if self.slots[self.top] else None

    def keys(self) -> list[str]:
        """The objects that must be there after a full prune."""
        packs = [f"{self.name}/packs/{pack:012}-0" for pack in {saved.pack for saved in self.standing} - {0}]
        hint = [] if self.hint is None else [f"{self.name}/latest.json"]
        return sorted([*(slot(n, self.name) for n in self.slots), *packs, *hint, *map(nameless, self.leftovers)])

    def wrong(self) -> list[str]:
        """What verify must complain of."""
        return [f"{self.name}/latest.json"] if self.hint == "torn" else []


def nameless(key: str) -> str:
    """`key` without the random part of a pack's name."""
    return re.sub(r"-[0-9a-f]{32}-", "-", key)
