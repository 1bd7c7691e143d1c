"""One load: which checkpoint, and its serialized state with every byte checked."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptstore import schema, serializers
from ckptstore.checkpoint import Checkpoint
from ckptstore.errors import CheckpointCorrupt, CheckpointError, DecryptionError
from ckptstore.history import TRIES
from ckptstore.manifest import Damaged, Manifest
from ckptstore.serialized import Gone
from ckptstore.serializers import JsonSerializer
from ckptstore.stored import open_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.history import History
    from ckptstore.manifest import Content
    from ckptstore.serializers import Serializer
    from ckptstore.stored import Stored


class Loaded(NamedTuple):
    """A checkpoint and its serialized state, of which nothing was read yet unless it stands in the manifest."""

    history: History
    manifest: Manifest
    state: Stored


class Answer(NamedTuple):
    """What `use` made of what was found. `is_newest`: the next save continues from `head`, what the head slot holds."""

    found: bool
    result: Any
    is_newest: bool
    head: Content | None


_PRUNED = object()
_NOTHING = Answer(found=False, result=None, is_newest=False, head=None)


def newest(history: History, use: Callable[[Loaded], Any]) -> Answer:
    """`use` of the newest checkpoint; `CheckpointCorrupt`, with the way out, where damage hides it."""
    for _ in range(TRIES):
        found = history.find(whole=True)
        if isinstance(found.head, Damaged):
            raise _unreadable(history, found.head)
        if found.newest is None:
            return Answer(found=False, result=None, is_newest=True, head=found.head)
        try:
            result = _use(history, found.newest, use)
        except CheckpointCorrupt as exc:
            raise _with_way_out(history, found.newest.number, exc) from exc
        if result is not _PRUNED:
            return Answer(found=True, result=result, is_newest=True, head=found.head)
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


def at(history: History, which: Checkpoint | datetime | int, use: Callable[[Loaded], Any]) -> Answer:
    """`use` of the checkpoint that `which` names, if it is there (any more)."""
    if isinstance(which, datetime):
        standing = history.at_time(which)
    else:
        standing = history.standing(which.number if isinstance(which, Checkpoint) else which)
    if standing is None:
        return _NOTHING
    content = standing.content
    if isinstance(content, Damaged):
        raise content.error
    if isinstance(which, Checkpoint) and not content.is_of(which):
        return _NOTHING
    result = _use(history, content, use)
    return (
        _NOTHING if result is _PRUNED else Answer(found=True, result=result, is_newest=standing.is_head, head=content)
    )


def decode(found: Loaded, own: Serializer, due: schema.Schema | None, type_: Any) -> Any:  # noqa: ANN401 - whatever was saved
    """The state, by the serializer that the manifest names, migrated to `due` and built into `type_` or its type."""
    header = found.manifest.header
    reader = serializers.reader(header.serializer.name, own)
    target = due.type if due is not None and type_ is None else type_
    as_it_is = due is None or due.version == header.version
    data = found.state.read()
    if target is not None and as_it_is and isinstance(reader, JsonSerializer):
        return reader.loads_as(data, target)
    return schema.restore(reader.loads(data), header.version, due, type_)


def _use(history: History, manifest: Manifest, use: Callable[[Loaded], Any]) -> Any:  # noqa: ANN401 - whatever `use` makes
    """What `use` makes of the checkpoint; `_PRUNED` where that was removed under us."""
    where = f"run {history.run!r}, checkpoint {manifest.number}"
    try:
        return use(Loaded(history, manifest, open_state(history.backend, manifest)))
    except Gone as exc:
        if not history.stands(manifest):
            return _PRUNED
        raise CheckpointCorrupt(f"{where}: one of its packs is missing: {exc}") from exc
    except CheckpointError as exc:
        raise type(exc)(f"{where}: {exc}") from exc


def _unreadable(history: History, head: Damaged) -> CheckpointError:
    return head.error if head.kind == "not ours" else _with_way_out(history, head.number, head.error)


def _with_way_out(history: History, number: int, error: CheckpointError) -> CheckpointError:
    sound = next((m.number for m in history.walk() if m.number < number and _is_sound(history, m.number)), None)
    way_out = f"load(…, at={sound}) gives the newest sound one" if sound else "no sound one is left"
    return type(error)(f"{error}. This is the newest: {way_out}; the next save of a new store is {number + 1}")


def _is_sound(history: History, number: int) -> bool:
    try:
        return at(history, number, lambda loaded: loaded.state.check(set())).found
    except CheckpointError:
        return False
