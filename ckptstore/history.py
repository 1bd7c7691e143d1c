"""
The numbered objects of one run, read and proven: which checkpoints stand, and which is the newest.

A name proves nothing: a manifest counts when the slot above names it as its parent, or when it is the head, the highest
slot. Anything else is a stray, written by a stalled process into a slot that retention had emptied.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ckptstore import layout
from ckptstore.backend import Backend, as_comparing
from ckptstore.codecs import PLAIN, Codecs
from ckptstore.errors import BackendError, CheckpointCorrupt
from ckptstore.format1 import DIGEST, HEAD_SIZE, HINT_LIMIT, IDENT_SIZE, SIZE_LIMIT, has_header, parse, parse_hint
from ckptstore.manifest import Content, Damaged, Manifest, Marker, names

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 3  # how far the hint may lag before a list is cheaper
TRIES = 100  # each further try means that somebody else got on meanwhile
JUMP = 1000  # objects of one run that are listed before the rest of it is jumped over
_NEVER = datetime.min.replace(tzinfo=UTC)


class Hint(NamedTuple):
    """What the hint said: the manifest that it names, a guess to be proven; and its tag, where the backend compares."""

    manifest: Manifest | None
    tag: str | None


class Seen(msgspec.Struct, frozen=True):
    """
    The tag of the hint at an instant. `proves`: it was that while the slot behind the base had never been used.

    So when the hint has it still, that slot was never emptied, and who has just created in it was the first.
    """

    tag: str
    proves: bool


class Found(NamedTuple):
    """
    `newest`: the newest checkpoint that stands. `head`: what the highest slot holds; None in an empty run.

    `seen`: the hint, before these were found.
    """

    newest: Manifest | None
    head: Content | None
    seen: Seen | None = None


class Standing(msgspec.Struct, frozen=True):
    """A checkpoint that counts (or the damage in its place), and whether its slot is the head."""

    content: Manifest | Damaged
    is_head: bool


class History:
    """
    One run of one backend, read only.

    `comparing` is the backend, where it is one that may compare; `hint_key` the key of the hint.
    """

    def __init__(self, backend: Backend, run: str, codecs: Codecs = PLAIN) -> None:
        self.backend = backend
        self.run = run
        self.codecs = codecs
        self.comparing = as_comparing(backend)
        self.hint_key = layout.hint(run)

    def get(self, number: int, *, whole: bool = True) -> Content | None:
        """What slot `number` holds, checked; None when it is empty. `whole=False` reads the header alone."""
        if not 1 <= number <= layout.MAX_NUMBER:
            return None
        key = layout.slot(self.run, number)
        try:
            data = self.backend.get(key, 0, HEAD_SIZE) if not whole else b""
            if whole or not has_header(data):
                data = self.read(key)
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            where = f"run {self.run!r}, checkpoint {number}"
            return Damaged(
                number, CheckpointCorrupt(f"{where}: a folder stands in its place ({key}): remove it"), "folder"
            )
        return parse(data, self.run, number, self.codecs.keys, whole=whole)

    def stands(self, manifest: Manifest) -> bool:
        """Whether the slot of `manifest` still holds it, by its digest."""
        try:
            data = self.backend.get(layout.slot(self.run, manifest.header.number), 0, IDENT_SIZE)
        except FileNotFoundError:
            return False
        return data[DIGEST] == manifest.sha256.encode()

    def hint(self) -> Hint:
        """The hint, as it is now; read again where it is torn, for in a folder it is written in its place."""
        key, comparing = self.hint_key, self.comparing
        found, tag = None, None
        for _ in range(2):
            try:
                data, tag = comparing.get_tagged(key, SIZE_LIMIT + 1) if comparing else (self.read(key), None)
            except (FileNotFoundError, IsADirectoryError):
                return Hint(None, None)
            found = parse_hint(data, self.run, self.codecs.keys)
            if found is not None or len(data) > HINT_LIMIT:  # what a stranger put there is not held twice
                break
        return Hint(found, tag)

    def read(self, key: str) -> bytes:
        """An object, or so much of it that it is too large: what a stranger put there must not fill the memory."""
        return self.backend.get(key, 0, SIZE_LIMIT + 1)

    def numbers(self, after: int = 0) -> Iterator[int]:
        """The numbers above `after` whose slots are in use, ascending."""
        start = layout.slot(self.run, after) if after else ""
        for info in self.backend.list(f"{self.run}/", start):
            if info.key >= f"{self.run}/{layout.SLOTS_END}":
                return
            kind, number = layout.parse(self.run, info.key)
            if kind == "slot":
                yield number

    def is_head(self, number: int) -> bool:
        """Whether `number` is the highest slot in use, by a list."""
        return max(self.numbers(number - 1), default=0) == number

    def find(self, *, whole: bool = False) -> Found:
        """
        The newest checkpoint, as it was at some instant of this call.

        Three small reads where the hint is true. `whole`: the newest comes with its state.
        """
        for _ in range(TRIES):
            hint = self.hint()  # at each try: who gets on meanwhile writes it, and a list costs what the run holds
            hinted = self._find_by(hint.manifest, whole=whole)
            # What a stranger wrote may come back.
            seen = Seen(hint.tag, proves=True) if hint.tag is not None and hint.manifest is not None else None
            if hinted is not None:
                return Found(hinted, hinted, seen)
            top = max(self.numbers(), default=0)
            if top == 0:
                return Found(None, None, seen)
            head = self.get(top, whole=whole)
            found = None if head is None else self._find_from(head, whole=whole)
            if found is not None and self.is_head(top):  # else what was read at `top` may be a stray
                return found._replace(seen=seen)
        raise self.restless()

    def _find_by(self, newest: Manifest | None, *, whole: bool) -> Manifest | None:
        """The newest checkpoint, from the one that the hint names; None where that leads nowhere."""
        if newest is None:
            return None
        for _ in range(STEPS):
            above = self.get(newest.number + 1, whole=whole)
            # Read after the slot above: a hint of a removed number would pass for the newest otherwise.
            if above is None and whole and newest.state is None:
                again = self.get(newest.number)
                return again if isinstance(again, Manifest) and again.ident == newest.ident else None
            if isinstance(above, (Marker, Damaged)) or not self.stands(newest):
                return None
            if above is None:
                return newest
            newest = above
        return None

    def _find_from(self, head: Content, *, whole: bool) -> Found | None:
        """What stands newest at or below `head`; None if it was removed under us."""
        if not isinstance(head, Marker):
            return Found(head if isinstance(head, Manifest) else None, head)
        newest = next(self.walk_from(head), None)
        if newest is None or not whole:
            return Found(newest, head)
        again = self.get(newest.number)
        return Found(again, head) if isinstance(again, Manifest) and again.ident == newest.ident else None

    def standing(self, number: int) -> Standing | None:
        """Checkpoint `number` with its state, if it counts; None when there is none (any more)."""
        content = self.get(number)
        if content is None or isinstance(content, Marker):
            return None
        above = self.get(number + 1, whole=False)
        if above is None:
            if self.is_head(number):
                return Standing(content, is_head=True)
            above = self.get(number + 1, whole=False)
        # A damaged successor cannot testify; hiding a sound checkpoint for that would double the harm.
        proven = isinstance(above, Damaged) or isinstance(content, Damaged) or (above and names(above, content))
        return Standing(content, is_head=False) if proven else None

    def walk(self) -> Iterator[Manifest]:
        """The checkpoints that stand, newest first, headers alone; unreadable ones are passed over."""
        head = self.find().head
        if head is not None:
            yield from self.walk_from(head)

    def walk_from(self, head: Content) -> Iterator[Manifest]:
        """As `walk`, from what the head holds."""
        if isinstance(head, Manifest):
            yield head
        above = head
        for content in self._down(head.number):
            silent = isinstance(above, Damaged) and above.number == content.number + 1  # else it is no successor
            if isinstance(content, Manifest) and (silent or names(above, content)):
                yield content
            above = content

    def _down(self, top: int) -> Iterator[Content]:
        """What the slots below `top` hold, descending: counted down while they are dense, listed from a gap on."""
        number = top - 1
        while number and (content := self.get(number, whole=False)) is not None:
            yield content
            number -= 1
        for lower in reversed(list(takewhile(lambda n: n < number, self.numbers() if number else ()))):
            if (content := self.get(lower, whole=False)) is not None:
                yield content

    def at_time(self, moment: datetime) -> Standing | None:
        """The newest checkpoint created at or before `moment`, by bisection; None when all are younger."""
        numbers = list(self.numbers())
        count = bisect_right(numbers, moment, key=lambda number: self._created(numbers, number))
        return next(filter(None, map(self.standing, reversed(numbers[:count]))), None)

    def _created(self, numbers: list[int], number: int) -> datetime:
        """When `number` was created; where that cannot be read, when the next one below it was."""
        for candidate in reversed(numbers[: bisect_right(numbers, number)]):
            content = self.get(candidate, whole=False)
            if isinstance(content, Manifest):
                return content.header.created_at
        return _NEVER

    def restless(self) -> BackendError:
        """What to raise when others keep getting on while we look."""
        return BackendError(
            f"run {self.run!r}: the newest checkpoint changed {TRIES} times while it was read: try again"
        )


def runs(backend: Backend) -> list[str]:
    """
    The names of all runs that hold a checkpoint, sorted.

    One listing, which jumps over the rest of a run with many objects; a run without a hint costs a small read.
    """
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        after = _scan_runs(backend, after, found)
    return sorted(found)


def _scan_runs(backend: Backend, after: str, found: list[str]) -> str | None:
    """Add the runs listed above `after` to `found`; -> the key to go on from, None at the end."""
    listing = groupby(backend.list("", after), key=lambda info: info.key.partition("/")[0])
    for run, objects in listing:
        names = [layout.parse(run, info.key) for info in islice(objects, JUMP)]
        slots = [number for kind, number in names if kind == "slot"]
        hinted = any(kind == "hint" for kind, _ in names)
        # One slot and no hint is what a deleted run leaves: a marker.
        if layout.is_run(run) and slots and (hinted or len(slots) > 1 or not _is_marker(backend, run, slots[0])):
            found.append(run)
        if len(names) == JUMP:
            return f"{run}0"  # "0" sorts next behind "/"
    return None


def _is_marker(backend: Backend, run: str, number: int) -> bool:
    return isinstance(History(backend, run).get(number, whole=False), Marker)
