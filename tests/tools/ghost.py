"""The truth about a run that is being explored: who used a number first, and what may be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ckptstore import layout
from ckptstore.format1 import IDENT_SIZE, ident, parse
from ckptstore.manifest import Ident, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.codecs import Codecs
    from ckptstore_backends.memory import MemoryBackend

T = TypeVar("T")
RUN = "r"


class Ghost:
    """The truth about one run: first users of each number, acknowledged saves, and what removal is allowed."""

    def __init__(self, backend: MemoryBackend, codecs: Codecs, keep: int, pins: frozenset[int]) -> None:
        self.backend = backend
        self.codecs = codecs
        self.keep = keep
        self.pins = pins
        self.used: list[Manifest] = []
        self.acked: set[str] = set()
        self.deleted: set[int] = set()
        self.violation: str | None = None
        self.trace: list[str] = []
        self.readers: dict[str, set[int]] = {}  # who looks for the newest, and what that was since it began

    def standing(self) -> dict[int, Manifest]:
        """The legitimate checkpoints that are in their slots."""
        return {m.number: m for m in self.used if self._ident(m.number) == m.ident}

    def newest(self) -> int:
        """The number of the newest checkpoint that stands; 0 for none. Asked after each call: most time goes here."""
        return next((m.number for m in reversed(self.used) if self._ident(m.number) == m.ident), 0)

    def may_go(self, number: int) -> bool:
        """Whether retention or the user allows to remove `number` now."""
        return number in self.deleted or (len(self.used) - number >= self.keep and number not in self.pins)

    def watch(self, actor: str, name: str, key: str, do: Callable[[], T]) -> T:
        """Carry out one call, hold the store against the promises, and note what is the newest now."""
        try:
            return self._watch(actor, name, key, do)
        finally:
            for seen in self.readers.values():
                seen.add(self.newest())

    def _watch(self, actor: str, name: str, key: str, do: Callable[[], T]) -> T:
        self.trace.append(f"{actor}: {name} {key}")
        kind = layout.parse(RUN, key).kind
        if name in {"get", "list"} or kind == "hint":
            return do()
        before = self.standing() if name != "create" else {}
        result = do()
        number = len(self.used) + 1
        if name == "create" and kind == "slot" and self._ident(number):
            content = parse(self.backend.get(layout.slot(RUN, number)), RUN, number, self.codecs.keys)
            assert isinstance(content, Manifest)
            self.used.append(content)
        after = self.standing() if name != "create" else {}
        for number in before.keys() - after.keys():
            if not self.may_go(number):
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
