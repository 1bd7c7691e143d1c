"""One load: which checkpoint, and its serialized state with every byte checked."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptstore import packs, schema, serializers
from ckptstore.checkpoint import Checkpoint
from ckptstore.errors import CheckpointCorrupt, CheckpointError, DecryptionError, shown
from ckptstore.history import TRIES
from ckptstore.manifest import Damaged, Manifest
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from ckptstore.history import History
    from ckptstore.manifest import Content
    from ckptstore.serializers import Serializer


class Loaded(NamedTuple):
    """A checkpoint and its serialized state."""

    manifest: Manifest
    data: bytes


class Answer(NamedTuple):
    """What was found, None for nothing. `is_newest`: the next save continues from `head`, what the head slot holds."""

    loaded: Loaded | None
    is_newest: bool
    head: Content | None


def newest(history: History, min_number: int = 0) -> Answer:
    """The newest checkpoint; `CheckpointCorrupt`, with the way out, where damage hides it, or below `min_number`."""
    for _ in range(TRIES):
        found = history.find(whole=True)
        if isinstance(found.head, Damaged):
            raise _unreadable(history, found.head)
        _check_not_below(history.run, found.newest, min_number)
        if found.newest is None:
            return Answer(None, is_newest=True, head=found.head)
        try:
            data = _data(history, found.newest)
        except CheckpointCorrupt as exc:
            raise _with_way_out(history, found.newest.number, exc) from exc
        if data is not None:
            return Answer(Loaded(found.newest, data), is_newest=True, head=found.head)
    raise history.restless()


def latest(history: History) -> Manifest | None:
    """The newest checkpoint without its state; `CheckpointCorrupt` where damage hides which it is."""
    found = history.find()
    if isinstance(found.head, Damaged):
        raise _unreadable(history, found.head)
    return found.newest


def listed(history: History, limit: int | None) -> list[Manifest]:
    """The checkpoints that stand, newest first; `DecryptionError` in a run that is not open to this store."""
    head = history.find().head
    if isinstance(head, Damaged) and isinstance(head.error, DecryptionError):
        raise head.error
    return [] if head is None else list(islice(history.walk_from(head), limit))


def at(history: History, which: Checkpoint | datetime | int) -> Answer:
    """The checkpoint that `which` names, if it is there (any more)."""
    nothing = Answer(None, is_newest=False, head=None)
    if isinstance(which, datetime):
        standing = history.at_time(which)
    else:
        standing = history.standing(which.number if isinstance(which, Checkpoint) else which)
    if standing is None:
        return nothing
    content = standing.content
    if isinstance(content, Damaged):
        raise content.error
    if isinstance(which, Checkpoint) and not content.is_of(which):
        return nothing
    data = _data(history, content)
    return nothing if data is None else Answer(Loaded(content, data), standing.is_head, content)


def decode(found: Loaded, own: Serializer, due: schema.Schema | None, type_: Any) -> Any:  # noqa: ANN401 - whatever was saved
    """The state, by the serializer that the manifest names, migrated to `due` and built into `type_` or its type."""
    header = found.manifest.header
    try:
        reader = serializers.reader(header.serializer.name, own)
        target = due.type if due is not None and type_ is None else type_
        as_it_is = due is None or due.version == header.version
        if target is not None and as_it_is and isinstance(reader, JsonSerializer):
            return reader.loads_as(found.data, target)
        return schema.restore(reader.loads(found.data), header.version, due, type_)
    except CheckpointError as exc:
        raise type(exc)(f"run {header.run!r}, checkpoint {header.number}: {shown(exc)}") from exc


def _data(history: History, manifest: Manifest) -> bytes | None:
    """The serialized state; None when the checkpoint was pruned under us."""
    where = f"run {history.run!r}, checkpoint {manifest.number}"
    try:
        return packs.read(history.backend, manifest)
    except FileNotFoundError as exc:
        if not history.stands(manifest):
            return None
        raise CheckpointCorrupt(f"{where}: one of its packs is missing: {exc}") from exc
    except CheckpointError as exc:
        raise type(exc)(f"{where}: {shown(exc)}") from exc


def _check_not_below(run: str, newest: Manifest | None, min_number: int) -> None:
    number = newest.number if newest else 0
    if number < min_number:
        raise CheckpointCorrupt(
            f"run {run!r}: the newest checkpoint is {number or 'none'}, but the caller knows of {min_number}: removed "
            "or rolled back by somebody who can write to the storage, or this is not the store that it was saved in. "
            f"Put back what is missing, or load without min_number= to go on from {number or 'nothing'}"
        )


def _unreadable(history: History, head: Damaged) -> CheckpointError:
    return head.error if head.kind == "not ours" else _with_way_out(history, head.number, head.error)


def _with_way_out(history: History, number: int, error: CheckpointError) -> CheckpointError:
    sound = next((m.number for m in history.walk() if m.number < number and _is_sound(history, m.number)), None)
    way_out = f"load(…, at={sound}) gives the newest sound one" if sound else "no sound one is left"
    return type(error)(f"{error}. This is the newest: {way_out}; the next save of a new store is {number + 1}")


def _is_sound(history: History, number: int) -> bool:
    try:
        return at(history, number).loaded is not None
    except CheckpointError:
        return False
