"""One load: which checkpoint, and its serialized state with every byte checked."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptstore import schema, serializers
from ckptstore.checkpoint import Checkpoint
from ckptstore.errors import CheckpointCorrupt, CheckpointError, DecryptionError, shown
from ckptstore.history import TRIES
from ckptstore.manifest import Damaged, Manifest
from ckptstore.only import select
from ckptstore.serialized import Gone
from ckptstore.serializers import JsonSerializer
from ckptstore.stored import open_state, tree_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.history import History, Seen
    from ckptstore.manifest import Content
    from ckptstore.only import Path
    from ckptstore.serializers import Serializer
    from ckptstore.stored import Stored


class Loaded(NamedTuple):
    """A checkpoint and its serialized state, of which nothing was read yet unless it stands in the manifest."""

    history: History
    manifest: Manifest
    state: Stored


class Answer(NamedTuple):
    """
    What `use` made of what was found. `is_newest`: the next save continues from `head`, what the head slot holds.

    `seen`: the hint, before that was found.
    """

    found: bool
    result: Any
    is_newest: bool
    head: Content | None
    seen: Seen | None = None


_PRUNED = object()
_NOTHING = Answer(found=False, result=None, is_newest=False, head=None)


def newest(history: History, use: Callable[[Loaded], Any], min_number: int = 0) -> Answer:
    """`use` of the newest checkpoint; `CheckpointCorrupt`, with the way out, for damage, or below `min_number`."""
    for _ in range(TRIES):
        found = history.find(whole=True)
        if isinstance(found.head, Damaged):
            raise _unreadable(history, found.head)
        _check_not_below(history.run, found.newest, min_number)
        if found.newest is None:
            return Answer(found=False, result=None, is_newest=True, head=found.head, seen=found.seen)
        try:
            result = _use(history, found.newest, use)
        except CheckpointCorrupt as exc:
            raise _with_way_out(history, found.newest.number, exc) from exc
        if result is not _PRUNED:
            return Answer(found=True, result=result, is_newest=True, head=found.head, seen=found.seen)
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


class Wanted(NamedTuple):
    """What a load makes of a state: by which serializer, of which schema and type, and which arrays of it."""

    serializer: Serializer
    schema: schema.Schema | None
    type: Any
    only: list[Path] | None


def decode(found: Loaded, wanted: Wanted) -> Any:  # noqa: ANN401 - whatever was saved
    """The state, by the serializer that the manifest names, migrated to the schema that is due, as the type due."""
    header, due = found.manifest.header, wanted.schema
    reader = serializers.reader(header.serializer.name, wanted.serializer)
    tree = tree_size(header)
    if wanted.only is not None and not isinstance(reader, JsonSerializer):
        raise CheckpointError(f"only= chooses among arrays of a JSON state, and it was saved with {reader.name!r}")
    target = due.type if due is not None and wanted.type is None else wanted.type
    if target is not None and (due is None or due.version == header.version) and isinstance(reader, JsonSerializer):
        if tree is not None:
            return reader.deserialize_as(found.state, tree, target, wanted.only)
        if wanted.only is None:
            return reader.loads_as(found.state.read(), target)
    state = _state(found.state, reader, tree, wanted.only)
    return schema.restore(state, header.version, due, wanted.type)


def _state(stored: Stored, reader: Serializer, tree: int | None, only: list[Path] | None) -> object:
    if tree is not None and isinstance(reader, JsonSerializer):
        return reader.deserialize(stored, tree, only)
    state = reader.loads(stored.read())
    if only is not None:
        select(state, only)  # nothing to leave out, but a wrong path is wrong all the same
    return state


def _use(history: History, manifest: Manifest, use: Callable[[Loaded], Any]) -> Any:  # noqa: ANN401 - whatever `use` makes
    """What `use` makes of the checkpoint; `_PRUNED` where that was removed under us."""
    where = f"run {history.run!r}, checkpoint {manifest.number}"
    try:
        return use(Loaded(history, manifest, open_state(history.backend, manifest)))
    except Gone as exc:
        if not history.stands(manifest):
            return _PRUNED
        raise missing(where, exc) from exc
    except MemoryError as exc:
        size = manifest.header.size
        raise CheckpointError(
            f"{where}: its state of {size} bytes does not fit into memory: read it with open_reader, or part with only="
        ) from exc
    except CheckpointError as exc:
        raise type(exc)(f"{where}: {shown(exc)}") from exc


def missing(where: str, gone: Gone) -> CheckpointCorrupt:
    """What to raise for a pack that is missing while its checkpoint stands."""
    error = CheckpointCorrupt(f"{where}: one of its packs is missing: {gone.key}")
    error.key = gone.key
    return error


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
        return at(history, number, lambda loaded: loaded.state.check(set())).found
    except CheckpointError:
        return False
