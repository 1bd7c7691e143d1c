"""One save: the base, the packs, the claim of the next number, and then the hint and retention."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.beside import beside
from ckptstore.checkpoint import Checkpoint, Writer
from ckptstore.commit import claim, conflict
from ckptstore.errors import CheckpointConflict, CheckpointCorrupt, CheckpointNotFound
from ckptstore.inline import Placed, place
from ckptstore.manifest import FORMAT, Damaged, Header, Manifest, Marker, Named, new_id
from ckptstore.pointer import ComparingPointer, point
from ckptstore.retention import KeepLast
from ckptstore.serialized import Gone, Serialized, stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ckptstore.backend import Buffer
    from ckptstore.cutting import AnyPart
    from ckptstore.fingerprints import Fingerprints
    from ckptstore.history import History
    from ckptstore.manifest import Content
    from ckptstore.pointer import Pointer
    from ckptstore.position import Position
    from ckptstore.retention import Retention

HOST = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


class Draft(msgspec.Struct, frozen=True):
    """What is to be saved, before it has a number."""

    state: Serialized
    serializer: Named
    version: int | str | None
    metadata: msgspec.Raw


def save(position: Position, draft: Draft, after: Checkpoint | int | None, retention: Retention | None) -> Manifest:
    """Commit `draft` as the next checkpoint; durable and acknowledged when this returns."""
    small = place(draft.state, position.history.codecs, is_json=draft.serializer.name == "json")
    with position.lock:
        return save_behind(position, draft, small, find_base(position, after), retention)


def save_behind(
    position: Position, draft: Draft, ready: Placed | None, base: Content | None, retention: Retention | None
) -> Manifest:
    """As `save`, of a state that is `ready` or goes into packs, behind `base`; who calls this has the lock."""
    history, placed = position.history, ready
    pointer = point(history, position.seen if base is position.base else None)
    survey, position.survey = position.survey, None  # a save that fails leaves packs: the next one lists them
    if placed is None:
        placed = pack(history, base, draft.state.parts, position.prints, partial(stretch, draft.state))
    new = _header(history, base, draft, placed), placed.state
    manifest, data = claim(history, base, new, position.doubts, pointer)
    if data is None:
        if ready is not None and ready.packs:  # they aim at a number that is taken
            position.move(manifest, None)
            raise _overtaken(history, manifest)
        return save_behind(position, draft, ready, manifest, retention)
    position.survey = survey
    position.move(manifest.with_state(placed.state) if placed.packs else manifest, None)
    position.doubts.settle(manifest)
    if retention is None:
        problems = _point(history, pointer, manifest, data)
    else:
        problems = _point_and_retain(position, (manifest, data), pointer, retention)
    position.seen = pointer.seen
    for problem in problems:
        warnings.warn(f"run {history.run!r}, checkpoint {manifest.number} is saved, but {problem}", RuntimeWarning, 4)
    return manifest


def _overtaken(history: History, landed: Manifest) -> CheckpointConflict:
    return CheckpointConflict(
        f"run {history.run!r}: an earlier save of this store, which seemed to have failed, is checkpoint "
        f"{landed.number} after all; nothing was overwritten. Write the stream again: it then continues from there",
    )


def find_base(position: Position, after: Checkpoint | int | None) -> Content | None:
    """What the save continues from: the fence of this store, or what the caller says; who calls this has the lock."""
    if after is not None:
        return _ours(_after(position, after))
    if not position.known:
        _, head, seen = position.history.find()
        position.move(_ours(head), seen)
    return position.base if isinstance(position.base, Manifest) else _ours(position.base)


def _ours(base: Content | None) -> Content | None:
    """`base`, unless it is what a newer ckptstore, or one with other keys, has written."""
    if isinstance(base, Damaged) and base.kind == "not ours":
        raise base.error
    return base


def _after(position: Position, after: Checkpoint | int) -> Content | None:
    history = position.history
    number = after.number if isinstance(after, Checkpoint) else after
    base = newest = position.base
    if not (position.known and isinstance(base, Manifest) and base.number == number):
        newest, base, _ = history.find()
        if isinstance(base, Damaged):
            newest = base
    top = newest.number if newest else 0
    if top > number:
        raise conflict(history.run, number, newest)
    same = not isinstance(after, Checkpoint) or (isinstance(base, Manifest) and base.is_of(after))
    if top < number or not same:
        raise CheckpointNotFound(
            f"run {history.run!r}: there is no such checkpoint {number} to continue from; newest: {top or 'none'}",
        )
    return base


def pack(
    history: History,
    base: Content | None,
    parts: Iterable[AnyPart],
    prints: Fingerprints,
    again: Callable[[int, int], Buffer] | None = None,
) -> Placed:
    """
    As `packs.write`; what has to be read back from `base` and is not there is a conflict, or damage of `base`.

    A save whose `base` was pruned by those who went on from it may meet that before it meets the taken number.
    """
    from ckptstore import packs  # noqa: PLC0415 - few states are large

    try:
        return packs.write(history, base, parts, prints, again)
    except (Gone, CheckpointCorrupt) as exc:
        if not isinstance(base, Manifest) or not history.stands(base):
            raise conflict(history.run, base.number if base else 0, None) from exc
        raise CheckpointCorrupt(
            f"run {history.run!r}: checkpoint {base.number}, from which this save continues, is damaged: {exc}; "
            "nothing was saved. verify() says more; what is saved behind a small state is stored anew",
        ) from exc


def _header(history: History, base: Content | None, draft: Draft, placed: Placed) -> Header:
    now = datetime.now(UTC)
    return Header(  # by position: 16 names would cost a save 1 µs more
        FORMAT,
        layout.above(history.run, base.number if base else 0),
        new_id(),
        base.link if isinstance(base, (Manifest, Marker)) else None,
        history.run,
        # A clock that was set back must not make a successor older than what it follows.
        max(now, base.header.created_at) if isinstance(base, Manifest) else now,
        draft.version,
        Writer(host=HOST, pid=os.getpid()),
        draft.serializer,
        placed.codecs,
        placed.size,
        placed.stored_size,
        placed.packs,
        draft.metadata,
        placed.encoding,
        placed.state_sha256,
    )


# The hint and retention: best effort, as the checkpoint stands whatever happens here. Each says what went wrong.


def _point_and_retain(
    position: Position, committed: tuple[Manifest, bytes], pointer: Pointer, retention: Retention
) -> list[str]:
    history, compares = position.history, isinstance(pointer, ComparingPointer)
    if not compares and getattr(history.backend, "far", False):
        hinted = beside(partial(_point, history, pointer, *committed))
        try:
            late = _retain(position, committed[0], retention)
        finally:
            problems = hinted()
        return problems + late
    problems = _point(history, pointer, *committed)
    if pointer.seen is not None or not compares:
        problems += _retain(position, committed[0], retention)
    return problems


def _point(history: History, pointer: Pointer, manifest: Manifest, data: bytes) -> list[str]:
    """A hint that was not written costs the next reader a listing."""
    try:
        pointer.put(history, manifest, data)
    except Exception as exc:  # noqa: BLE001 - the state is saved: not even a bug in a backend may deny that
        return [f"latest.json could not be written ({exc}): reading is slower until the next save"]
    return []


def _retain(position: Position, manifest: Manifest, retention: Retention) -> list[str]:
    """What was not pruned is pruned by the next save."""
    try:
        _prune(position, manifest, retention)
    except Exception as exc:  # noqa: BLE001 - the state is saved: not even a bug in a caller's policy may deny that
        return [f"old checkpoints could not be pruned ({exc!r}): the next save tries again"]
    return []


def _prune(position: Position, manifest: Manifest, retention: Retention) -> None:
    """Prune by what this process has seen; by a proven listing when it has not seen everything yet."""
    from ckptstore import prune  # noqa: PLC0415 - only where it is used

    history = position.history
    found, position.survey = position.survey, None
    if found is not None and found.is_before(manifest):
        found.add(history.run, manifest)
    else:
        found = prune.survey(history, manifest)
    if found is None:
        return  # somebody went on from here already: pruning is theirs
    found.hinted = True
    if not (isinstance(retention, KeepLast) and prune.keep_last(history, found, retention.count)):
        prune.remove(history, found, prune.decide(found, retention))
    position.survey = found
