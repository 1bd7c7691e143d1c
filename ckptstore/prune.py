"""
Removing, safely: what retention drops, then what nobody can need any more.

Every decision is taken on a proven head and stays right while the head grows. The order carries the promise: from the
bottom up, a marker where a kept checkpoint stands below, manifests before the packs that they named.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.errors import CheckpointNotFound, DecryptionError
from ckptstore.format1 import encode_hint, encode_marker
from ckptstore.history import TRIES
from ckptstore.manifest import Damaged, Manifest, Marker, names
from ckptstore.retention import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore.history import History
    from ckptstore.manifest import Content
    from ckptstore.retention import Retention


class PruneReport(msgspec.Struct, frozen=True):
    """What a prune did, or with `dry_run` would do: each checkpoint, newest first, and the leftovers by key."""

    run: str
    decisions: tuple[Decision, ...]
    leftovers: tuple[str, ...]
    dry_run: bool

    @property
    def kept(self) -> list[int]:
        """Numbers of the checkpoints that stay, newest first."""
        return [decision.number for decision in self.decisions if decision.keep]

    @property
    def removed(self) -> list[int]:
        """Numbers of the checkpoints that go, newest first."""
        return [decision.number for decision in self.decisions if not decision.keep]


class Survey:
    """All that stands in a run, proven at one instant: what the slots hold, ascending, and keys of packs and rests."""

    def __init__(self, slots: dict[int, Content], others: list[str]) -> None:
        self.slots = slots
        self.others = others
        self.hinted = False  # True: the hint names the head, or is none of this prune's business
        self.is_plain = all(isinstance(content, Manifest) for content in slots.values())

    @property
    def top(self) -> int:
        """The number of the head."""
        return next(reversed(self.slots), 0)

    def is_before(self, manifest: Manifest) -> bool:
        """Whether `manifest` was built on the head of this survey, so that nothing can have come between."""
        head = self.slots[self.top]
        return isinstance(head, Manifest) and names(manifest, head)

    def add(self, run: str, manifest: Manifest) -> None:
        """`manifest` has just been committed on top of all this."""
        self.slots[manifest.number] = manifest
        self.others += [layout.pack(run, name) for name in manifest.header.packs]

    def checkpoints(self) -> list[Manifest]:
        """The manifests that count, newest first; the rest are strays."""
        found = []
        for number in sorted(self.slots, reverse=True):
            content, above = self.slots[number], self.slots.get(number + 1)
            if isinstance(content, Manifest) and (
                number == self.top or isinstance(above, Damaged) or (above is not None and names(above, content))
            ):
                found.append(content)
        return found


def prune(history: History, policy: Retention, *, dry_run: bool) -> PruneReport:
    """Apply `policy` to the run as it stands now, and remove what nobody can need."""
    found = survey(history)
    if found is None:
        raise CheckpointNotFound(f"there is no run {history.run!r}")
    head = found.slots[found.top]
    if isinstance(head, Damaged) and isinstance(head.error, DecryptionError):
        raise head.error
    decisions = decide(found, policy)
    leftovers = remove(history, found, decisions, dry_run=dry_run)
    return PruneReport(history.run, tuple(decisions), tuple(leftovers), dry_run)


def survey(history: History, own: Manifest | None = None) -> Survey | None:
    """
    What stands in the run; None in an empty one.

    The head is proven before the list, which so shows all below it. What comes meanwhile is left to the next survey:
    one that waited until nobody saves might wait for ever.

    `own`: the manifest just committed. None as well when it is no longer the head: pruning is its successor's then.
    """
    head = history.find().head if own is None else own
    if head is None:
        return None
    numbers: set[int] = set()
    others: list[str] = []
    for info in history.backend.list(f"{history.run}/"):
        kind, number = layout.parse(history.run, info.key)
        if kind == "slot":
            numbers.add(number)
        elif kind in {"pack", "unfinished"}:
            others.append(info.key)
    if own is not None and own.number != max(numbers, default=0):
        return None
    found: dict[int, Content | None] = {head.number: head}
    for number in sorted((n for n in numbers if n < head.number), reverse=True):
        found[number] = history.get(number, whole=False)
        if isinstance(found[number], Manifest) and number + 1 not in found:
            # Before it is taken for a stray and removed: what a list does not show is not proven to be absent.
            found[number + 1] = history.get(number + 1, whole=False)
    return Survey({n: content for n, content in sorted(found.items()) if content is not None}, others)


def keep_last(history: History, found: Survey, count: int) -> bool:
    """
    What `decide` and `remove` do for `KeepLast(count)`, at no cost for each checkpoint that stays.

    False, with nothing done, where more stands in the run than small checkpoints without a gap.
    """
    surplus = list(islice(found.slots, max(0, len(found.slots) - count)))
    if not found.is_plain or found.others or found.top - next(iter(found.slots)) >= len(found.slots):
        return False
    _empty(history, found, surplus)
    return True


def decide(found: Survey, policy: Retention) -> list[Decision]:
    """The decision for each checkpoint, newest first; the newest stays whatever the policy says."""
    checkpoints = [manifest.record() for manifest in found.checkpoints()]
    by_number = {decision.number: decision for decision in policy.decide(checkpoints)}
    missing = Decision(0, keep=True, reason="the policy says nothing of it")
    decisions = [by_number.get(c.number, missing) for c in checkpoints]
    return [
        Decision(c.number, d.keep or i == 0, d.reason if d.keep or i else "the newest is never removed")
        for i, (c, d) in enumerate(zip(checkpoints, decisions, strict=True))
    ]


def remove(history: History, found: Survey, decisions: Sequence[Decision], *, dry_run: bool = False) -> list[str]:
    """Carry out `decisions`, with all strays, useless markers, packs and unfinished writes; -> keys of leftovers."""
    keep = {decision.number for decision in decisions if decision.keep}
    dropped = {decision.number for decision in decisions if not decision.keep}
    keep |= {n for n, content in found.slots.items() if isinstance(content, Damaged)}  # it may be a good one
    empty, leftovers = [], []
    for number in sorted(found.slots.keys() - keep - {found.top}):
        content = found.slots[number]
        if number - 1 in keep:
            if isinstance(content, Manifest) and not dry_run:
                found.slots[number], data = encode_marker(content)
                found.is_plain = False
                history.backend.put(layout.slot(history.run, number), data)
            continue
        empty.append(number)
        if number not in dropped:
            leftovers.append(layout.slot(history.run, number))
    garbage = collect(history.run, found, keep)
    if not dry_run:
        _empty(history, found, empty)
        if garbage:
            history.backend.delete(garbage)
        found.others = [key for key in found.others if key not in set(garbage)]
    return leftovers + garbage


def _empty(history: History, found: Survey, numbers: list[int]) -> None:
    """Empty slots, upwards, and forget them."""
    if numbers and history.comparing is not None:
        _outrun_hint(history, found)
    elif len(numbers) > 1:
        _renew_hint(history)
    if numbers:
        history.backend.delete([layout.slot(history.run, number) for number in numbers])
    for number in numbers:
        del found.slots[number]


def _outrun_hint(history: History, found: Survey) -> None:
    """
    Leave no hint that names less than the head: a save whose base it was found with would take it for a proof.

    Removed, not renewed: only the save of a checkpoint ever writes its hint, so that none comes back.
    """
    hint = None if found.hinted else history.hint().manifest
    if hint is not None and hint.number < found.top:
        history.backend.delete([history.hint_key])


def _renew_hint(history: History) -> None:
    """
    Make the hint name the head, durably: as it is now, for a hint that went back would cost each reader a list.

    What a power cut or a failure leaves of a delete of many may be any of them: a slot that stands, and nothing behind
    it. A hint that names this one, because it was not renewed or an older one is back, would be believed.
    """
    for _ in range(TRIES):
        head = history.find().head
        if not isinstance(head, Manifest):
            break
        with suppress(FileNotFoundError):  # others have got on, and removed it
            data = history.backend.get(layout.slot(history.run, head.number))
            history.backend.put(history.hint_key, encode_hint(data, head.number))
            return
    history.backend.delete([history.hint_key])


def collect(run: str, found: Survey, keep: set[int]) -> list[str]:
    """
    Packs and unfinished writes that nobody can need: aimed at the head or below, and named by nothing that stays.

    An unreadable manifest may need any of them, so it stops the collection.
    """
    if any(isinstance(content, Damaged) for content in found.slots.values()):
        return []
    needed = set()
    for number in keep | {found.top}:
        content = found.slots[number]
        if isinstance(content, (Manifest, Marker)):
            needed |= {layout.pack(run, name) for name in content.header.packs}
    return [key for key in found.others if key not in needed and layout.parse(run, key).number <= found.top]
