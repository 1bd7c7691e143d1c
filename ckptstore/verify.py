"""Re-reading every byte of a run, and naming each object that is not as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.errors import CheckpointCorrupt, CheckpointError, CheckpointNotFound, DecryptionError, shown
from ckptstore.format1 import HINT_LIMIT, ident, parse_hint
from ckptstore.manifest import Damaged, Manifest
from ckptstore.serialized import Gone
from ckptstore.stored import open_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ckptstore.fetch import Place
    from ckptstore.history import History

    Progress: TypeAlias = Callable[[int, int], object]


class Problem(msgspec.Struct, frozen=True):
    """
    One thing that is wrong with one object: its key, what it is, and which checkpoint it hurts.

    A damaged pack is a problem of each checkpoint that needs it. `number` is None where none is hurt.
    """

    run: str
    number: int | None
    key: str
    what: str


class VerifyReport(msgspec.Struct, frozen=True):
    """What was found: `checked` counts the checkpoints that were read whole."""

    run: str
    checked: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.problems


class _Progress:
    """How many of the bytes of a run have been read, told to whoever wants to know."""

    def __init__(self, sizes: dict[str, int], tell: Progress | None) -> None:
        self._sizes = sizes
        self._total = sum(sizes.values())
        self._done = 0
        self._tell = tell

    def read(self, size: int) -> None:
        """So many more."""
        self._done = min(self._done + size, self._total)
        if self._tell is not None:
            self._tell(self._done, self._total)

    def read_object(self, key: str) -> None:
        """All of `key`."""
        self.read(self._sizes.get(key, 0))

    def end(self) -> None:
        """All that is needed; the rest of the packs is dead."""
        self.read(self._total)


def verify(history: History, tell: Progress | None = None) -> VerifyReport:
    """Read every object of the run and check it; `tell` hears how many bytes of how many are read."""
    sizes = {info.key: info.size for info in history.backend.list(f"{history.run}/")}
    if not sizes:
        raise CheckpointNotFound(f"there is no run {history.run!r}")
    progress = _Progress(sizes, tell)
    found = [(key, layout.parse(history.run, key)) for key in sizes]
    problems = [
        Problem(history.run, None, key, "not an object of this library: it is left alone")
        for key, name in found
        if name.kind == "foreign"
    ]
    slots = [name.number for _, name in found if name.kind == "slot"]
    checked = 0
    seen: set[Place] = set()
    after = max(slots, default=0) + 1
    for number in [*slots, *range(after, min(after, layout.MAX_NUMBER) + 1)]:  # a folder in its place is not listed
        key, what = _check_slot(history, number, seen, progress)
        checked += what is None
        problems += [Problem(history.run, number, key, what)] if what else []
    problems += [Problem(history.run, None, history.hint_key, what) for what in _check_hint(history)]
    progress.end()
    return VerifyReport(history.run, checked, tuple(problems))


def _check_slot(history: History, number: int, seen: set[Place], progress: _Progress) -> tuple[str, str | None]:
    """The key of what is wrong, and what: "" where there is no checkpoint (any more), None where all is well."""
    key = layout.slot(history.run, number)
    standing = history.standing(number)
    progress.read_object(key)
    if standing is None:
        stray = isinstance(history.get(number, whole=False), Manifest)
        stray = stray and history.standing(number) is None  # else it was saved just now
        return key, (
            stray * f"does not count: {number + 1} does not follow it. A stalled writer left it, or files were removed"
        )
    content = standing.content
    if isinstance(content, Damaged):
        return key, str(content.error)
    try:
        open_state(history.backend, content).check(seen, progress.read)
    except CheckpointCorrupt as exc:
        return exc.key or key, shown(exc)
    except CheckpointError as exc:
        return key, shown(exc)
    except Gone as exc:  # or pruned meanwhile, packs and all
        return exc.key, f"{exc.key} is missing" if history.stands(content) else ""
    return key, None


def _check_hint(history: History) -> list[str]:
    try:
        return _judge_hint(history, history.hint_key)
    except FileNotFoundError:
        return []
    except IsADirectoryError:
        return ["a folder stands in its place: remove it"]


def _judge_hint(history: History, key: str) -> list[str]:
    data = history.read(key)
    hint, found = parse_hint(data, history.run, history.codecs.keys), ident(data)
    if hint is None and found is not None:
        content = history.get(found.number, whole=False)
        if isinstance(content, Damaged) and isinstance(content.error, DecryptionError):
            return []  # nor can the hint be judged without the key: of the checkpoint it is said
    if hint is None:
        # Else it is being written: a folder's hint is, in its place. What a stranger put there is not held twice.
        settled = len(data) > HINT_LIMIT or history.read(key) == data
        return ["torn or edited: nothing is lost, the next save writes it anew"] * settled
    if history.get(hint.number, whole=False) is None and not _above(history, hint.number):
        return [f"it names checkpoint {hint.number}, which is gone without a successor: removed by hand?"]
    return []


def _above(history: History, number: int) -> bool:
    return any(True for _ in history.numbers(number))
