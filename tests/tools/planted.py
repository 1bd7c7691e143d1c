"""The commit protocol with one rule left out each: bugs that a search worth its name must find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from stepped import SteppedBackend

from ckptstore import commit, history, layout, packs, prune, saving
from ckptstore.errors import BackendError, CheckpointConflict
from ckptstore.format1 import encode_hint, encode_manifest
from ckptstore.history import Found, History
from ckptstore.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pytest

    from ckptstore.codecs import Codecs
    from ckptstore.inline import Placed
    from ckptstore.manifest import Content, Header
    from ckptstore.position import Position
    from ckptstore.retention import Decision
    from ckptstore.saving import Draft

    Patch = pytest.MonkeyPatch


def no_proof(patch: Patch, /) -> None:
    """A create alone counts as committed."""
    patch.setattr(commit, "prove", lambda *_: None)


def hint_before_proof(patch: Patch, /) -> None:
    """The hint is put as soon as the slot is created."""
    prove = commit.prove

    def early(past: History, base: Content | None, manifest: Manifest) -> None:
        assert isinstance(past.backend, SteppedBackend)
        data = past.backend.ghost.backend.get(layout.slot(past.run, manifest.number))  # what it has just created
        past.backend.put(layout.hint(past.run), encode_hint(data, manifest.number), durable=False)
        prove(past, base, manifest)

    patch.setattr(commit, "prove", early)


def no_list_on_doubt(patch: Patch, /) -> None:
    """A save whose base is gone withdraws without looking whether it is the head itself."""

    def hasty(past: History, base: Content | None, manifest: Manifest) -> None:
        if base is None or (isinstance(base, Manifest) and past.stands(base)):
            return
        past.backend.delete([layout.slot(past.run, manifest.number)])
        raise commit.conflict(past.run, manifest.number - 1, None)

    patch.setattr(commit, "prove", hasty)


def no_look_above(patch: Patch, /) -> None:
    """A save whose base is gone and that is not the head withdraws, though somebody may have gone on from it."""
    patch.setattr(commit, "names", lambda *_: False)


def trust_empty_base(patch: Patch, /) -> None:
    """The first save of a run does not list."""
    prove = commit.prove

    def trusting(past: History, base: Content | None, manifest: Manifest) -> None:
        if base is not None:
            prove(past, base, manifest)

    patch.setattr(commit, "prove", trusting)


def hint_not_reread(patch: Patch, /) -> None:
    """An absent successor is enough to believe the hint."""

    def gullible(past: History, newest: Manifest | None, *, whole: bool) -> Manifest | None:
        while newest is not None:
            above = past.get(newest.number + 1, whole=whole)
            if above is None:
                return newest
            newest = above if isinstance(above, Manifest) and past.stands(newest) else None
        return None

    patch.setattr(History, "_find_by", gullible)


def walk_not_proven(patch: Patch, /) -> None:
    """The walk forward from the hint believes each successor; only the last step is proven."""

    def striding(past: History, newest: Manifest | None, *, whole: bool) -> Manifest | None:
        while newest is not None:
            above = past.get(newest.number + 1, whole=whole)
            if above is None:
                return newest if past.stands(newest) else None
            newest = above if isinstance(above, Manifest) else None
        return None

    patch.setattr(History, "_find_by", striding)


def no_second_list(patch: Patch, /) -> None:
    """What one list shows as the highest is believed, by readers and by the pruner."""

    def find(past: History, *, whole: bool = False) -> Found:
        hinted = past._find_by(past.hint().manifest, whole=whole)
        if hinted is not None:
            return Found(hinted, hinted)
        while True:
            top = max(past.numbers(), default=0)
            head = past.get(top, whole=whole) if top else None
            if head is not None or top == 0:
                return Found(head if isinstance(head, Manifest) else None, head)

    patch.setattr(History, "find", find)


def top_down(patch: Patch, /) -> None:
    """Removal goes from the newest down."""
    delete = SteppedBackend.delete

    def downwards(self: SteppedBackend, keys: Iterable[str]) -> None:
        delete(self, sorted(keys, reverse=True))

    patch.setattr(SteppedBackend, "delete", downwards)


def no_markers(patch: Patch, /) -> None:
    """A number above a kept checkpoint is removed without a marker."""
    put = SteppedBackend.put

    def bare(self: SteppedBackend, key: str, data: bytes, *, durable: bool = True) -> None:
        if durable:
            self.delete([key])
        else:
            put(self, key, data, durable=durable)

    patch.setattr(SteppedBackend, "put", bare)


def no_links(patch: Patch, /) -> None:
    """Whatever stands in a slot counts."""
    patch.setattr(history, "names", lambda *_: True)


def packs_without_aim(patch: Patch, /) -> None:
    """The collector removes each pack that no manifest names."""

    def greedy(run: str, found: prune.Survey, keep: set[int]) -> list[str]:
        named = {layout.pack(run, p) for n in keep | {found.top} for p in found.slots[n].header.packs}  # type: ignore[union-attr]
        return [key for key in found.others if key not in named]

    patch.setattr(prune, "collect", greedy)


def packs_first(patch: Patch, /) -> None:
    """Packs are removed before the manifests that name them."""
    remove = prune.remove

    def reckless(past: History, found: prune.Survey, decisions: list[Decision], *, dry_run: bool = False) -> list[str]:
        keep = {d.number for d in decisions if d.keep}
        past.backend.delete(prune.collect(past.run, found, keep))
        return remove(past, found, decisions, dry_run=dry_run)

    patch.setattr(prune, "remove", reckless)


def stale_table(patch: Patch, /) -> None:
    """A save compares with the first table that its process has met, not with that of its base."""
    tables: dict[int, packs._Old] = {}
    of = packs._Old.of

    def first(past: History, base: Content | None) -> packs._Old:
        old = of(past, base)
        return tables.setdefault(id(past.backend), old) if old.source else old

    patch.setattr(packs._Old, "of", first)


def collect_by_number(patch: Patch, /) -> None:
    """A pack is needed by the checkpoint that it was written for, and by no other."""

    def narrow(run: str, found: prune.Survey, keep: set[int]) -> list[str]:
        kept = keep | {found.top}
        aims = {key: layout.parse(run, key).number for key in found.others}
        return [key for key, aim in aims.items() if aim not in kept and aim <= found.top]

    patch.setattr(prune, "collect", narrow)


def losers_clean_up(patch: Patch, /) -> None:
    """A save that lost removes its packs."""
    behind = saving.save_behind

    def tidy(position: Position, draft: Draft, ready: Placed | None, base: Content | None, *rest: Any) -> Manifest:  # noqa: ANN401 - passed on
        past = position.history
        before = {info.key for info in past.backend.list(f"{past.run}/packs/")}
        try:
            return behind(position, draft, ready, base, *rest)
        except (CheckpointConflict, BackendError):
            aim = f"{past.run}/packs/{(base.number if base else 0) + 1:012}"
            mine = {info.key for info in past.backend.list(aim)} - before
            past.backend.delete(sorted(mine))
            raise

    patch.setattr(saving, "save_behind", tidy)


def no_readback(patch: Patch, /) -> None:
    """A refused create is a conflict, whoever it was that came first."""

    def proud(past: History, base: Content | None, cause: OSError, *_: object) -> None:
        if isinstance(cause, FileExistsError):
            raise commit.conflict(past.run, base.number if base else 0, None)

    patch.setattr(commit, "_turned_up", proud)


def one_id_for_all_attempts(patch: Patch, /) -> None:
    """The second attempt of a create is the first once more, id and all."""
    made = dict[str, tuple[Manifest, bytes]]()

    def once(header: Header, state: bytes, codecs: Codecs) -> tuple[Manifest, bytes]:
        return made.setdefault(header.write_id, encode_manifest(header, state, codecs))

    patch.setattr(commit, "encode_manifest", once)
    patch.setattr(msgspec.structs, "replace", lambda header, **_: header)


def unknown_floor(patch: Patch, /) -> None:
    """Each save removes one number without having seen what lies below it."""

    def blind(position: Position, manifest: Manifest, retention: object) -> None:
        past, out = position.history, manifest.number - getattr(retention, "count", 1)
        if out >= 1:
            past.backend.delete([layout.slot(past.run, out)])

    patch.setattr(saving, "_prune", blind)
