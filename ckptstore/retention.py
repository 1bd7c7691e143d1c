"""Which checkpoints to keep, and why: pure functions of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore.checkpoint import Checkpoint


class Decision(msgspec.Struct, frozen=True):
    """What is to become of one checkpoint, and the reason in words."""

    number: int
    keep: bool
    reason: str


class Retention(Protocol):
    """A policy: looks at records alone, so the same records always give the same decisions."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> Sequence[Decision]:
        """One decision for each of `checkpoints`, which come newest first. The newest is kept whatever is said here."""
        ...


class KeepAll(msgspec.Struct, frozen=True):
    """Removes nothing."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> Sequence[Decision]:
        """Keep each."""
        return [Decision(checkpoint.number, keep=True, reason="everything is kept") for checkpoint in checkpoints]


class KeepLast(msgspec.Struct, frozen=True):
    """Keeps the last `count` checkpoints."""

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int):
            raise TypeError(f"retention: the number of checkpoints to keep must be an int, not {self.count!r}")
        if self.count < 1:
            raise ValueError(f"retention: at least one checkpoint is kept, not {self.count}; None keeps all")

    def decide(self, checkpoints: Sequence[Checkpoint]) -> Sequence[Decision]:
        """Keep the first `count`, remove the rest."""
        kept, old = f"among the last {self.count}", f"older than the last {self.count}"
        return [
            Decision(checkpoint.number, keep=index < self.count, reason=kept if index < self.count else old)
            for index, checkpoint in enumerate(checkpoints)
        ]


def resolve(retention: int | Retention | None) -> Retention:
    """The policy that a store's `retention=` stands for; `TypeError` or `ValueError` for what is none."""
    if retention is None:
        return KeepAll()
    if isinstance(retention, int):
        return KeepLast(retention)
    if isinstance(retention, type) or not callable(getattr(retention, "decide", None)):
        raise TypeError(f"retention must be None, an int or a policy with decide(checkpoints), not {retention!r}")
    return retention
