"""`CheckpointStore`: names the steps of each operation in order, and does none of them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from ckptstore import arguments, codecs, history, layout, loading, saving, serializers
from ckptstore import schema as schemas
from ckptstore.errors import CheckpointNotFound, translate, translated
from ckptstore.format1 import NO_METADATA, encode_metadata
from ckptstore.history import History
from ckptstore.manifest import Named
from ckptstore.only import paths
from ckptstore.position import Positions
from ckptstore.retention import KeepAll
from ckptstore.retention import resolve as resolve_retention
from ckptstore.serialized import Serialized
from ckptstore.urls import open_backend

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from ckptstore.arguments import At
    from ckptstore.checkpoint import Checkpoint
    from ckptstore.compression import Zstd
    from ckptstore.loading import Loaded
    from ckptstore.only import Only
    from ckptstore.prune import PruneReport
    from ckptstore.retention import Retention
    from ckptstore.schema import Schema
    from ckptstore.serializers import Serializer
    from ckptstore.stream_reader import CheckpointReader
    from ckptstore.stream_writer import CheckpointWriter
    from ckptstore.verify import VerifyReport

T = TypeVar("T")
D = TypeVar("D")
_MISSING: Any = object()


class CheckpointStore:
    """
    Numbered checkpoints of any number of runs, below one root: durable when `save` returns, checked when `load` does.

    `url` is a path or a URL: file://, memory://, s3://, or what fsspec or a plug-in knows; `storage_options` go to the
    file system behind it. With `fs`, a ready fsspec file system, it is a place in that. `serializer` is "json",
    "bytes", "pickle" or a `Serializer`; `compression` None, "zstd" or a `Zstd(level=…)`; `encryption` None, a Fernet
    key, or a list of them, of which the first writes and any reads. `retention` is None (keep all), the number of
    checkpoints to keep, or a policy. `schema` is a version or a `Schema`: what states look like, and how older ones
    come to look so. `single_writer=True` promises that only one process saves at a time, for storage that cannot create
    exclusively. Stores are safe to share between threads; two stores, in one process or many, are two writers.

    >>> store = CheckpointStore("memory://")
    >>> store.save("run-1", {"step": 1, "loss": 0.5}).number
    1
    >>> store.load("run-1")
    {'step': 1, 'loss': 0.5}
    """

    def __init__(  # noqa: PLR0913 - one argument for each decision that is a store's
        self,
        url: str | os.PathLike[str],
        *,
        serializer: str | Serializer = "json",
        compression: str | Zstd | None = None,
        encryption: str | bytes | Sequence[str | bytes] | None = None,
        retention: int | Retention | None = None,
        schema: int | str | Schema | None = None,
        storage_options: Mapping[str, object] | None = None,
        fs: object = None,
        single_writer: bool = False,
    ) -> None:
        self._serializer = serializers.resolve(serializer)
        self._codecs = codecs.resolve(compression, encryption)
        self._retention = None if retention is None else resolve_retention(retention)
        self._schema = schemas.resolve(schema)
        self._backend, self._url = open_backend(
            url, storage_options=storage_options, fs=fs, single_writer=single_writer
        )
        self._positions = Positions(self._history)

    def __repr__(self) -> str:
        zstd, keys = self._codecs
        shown = f"{self._url!r}, serializer={self._serializer.name!r}"
        shown += f", compression={zstd!r}" * (zstd is not None) + ", encryption=…" * (keys is not None)
        shown += f", retention={self._retention!r}" * (self._retention is not None)
        shown += f", schema={self._schema!r}" * (self._schema is not None)
        return f"CheckpointStore({shown})"

    def save(
        self,
        run: str,
        state: object,
        *,
        metadata: Mapping[str, object] | None = None,
        after: Checkpoint | int | None = None,
    ) -> Checkpoint:
        """
        Make `state` the newest checkpoint of `run`: durable, visible to everyone and proven when this returns.

        `metadata` (at most 64 KiB) is for anything that a listing should show. `after` names what the state continues
        from, a `Checkpoint` or a number, 0 for an empty run; without it that is what this store last saved or loaded.
        Raises `CheckpointConflict` when somebody else saved meanwhile, `CheckpointNotFound` for an `after` that does
        not exist, `BackendError` when the storage fails, and `TypeError` or `ValueError`, with the path inside the
        state, for what cannot be stored; in each case nothing stored before is touched.
        """
        if self._schema is not None:
            self._schema.check(state)
        position, serializer = self._positions.of(run), self._serializer
        if after is not None:
            arguments.check_after(run, after)
        draft = self._draft(serializers.serialize(serializer, state), serializer.name, metadata)
        try:  # in the place of `translated`, which would cost a save 1 % of its time
            return saving.save(position, draft, after, self._retention).record()
        except OSError as exc:
            translate(exc, run)

    @overload
    def load(  # without a type, whatever was saved
        self, run: str, *, at: At | None = None, only: Only | None = None, default: object = ..., min_number: int = 0
    ) -> Any: ...  # noqa: ANN401 - whatever was saved
    @overload
    def load(
        self, run: str, *, at: At | None = None, only: Only | None = None, type: type[T], min_number: int = 0
    ) -> T: ...
    @overload
    def load(
        self,
        run: str,
        *,
        type: type[T],
        default: D,
        at: At | None = None,
        only: Only | None = None,
        min_number: int = 0,
    ) -> T | D: ...
    def load(  # noqa: PLR0913 - each says another thing of what is wanted
        self,
        run: str,
        *,
        at: At | None = None,
        only: Only | None = None,
        type: Any = None,  # noqa: A002 - the word that users know from msgspec
        default: Any = _MISSING,
        min_number: int = 0,
    ) -> Any:
        """
        The state that was saved, equal and of the same types, every byte of it checked.

        `at` is a number, a `Checkpoint`, or an aware datetime (the newest at or before it); without it, the newest,
        from which the next save then continues. `type` is what the state is to be built into, such as a dataclass.
        `only`, a key or a tuple of keys and indexes, or a list of these, says of which part of the state the arrays and
        bytes are fetched that stand beside the JSON (64 KiB and more together); `Omitted` stands for each of the rest.
        `min_number` is for callers who keep elsewhere how far the run has come: a newest below it, or an empty run, is
        `CheckpointCorrupt`, for somebody who can write to the storage could remove the newest unseen.
        Raises `CheckpointNotFound` unless there is a `default`, `CheckpointCorrupt` for damage, `VersionMismatch` for a
        state that does not fit `type` or was written by a newer ckptstore, `LookupError` for a part that the state does
        not have, and `BackendError` when the storage fails.
        """
        chosen = None if only is None else paths(only)
        wanted = loading.Wanted(self._serializer, self._schema, type, chosen)
        return self._read(run, at, min_number, lambda found: loading.decode(found, wanted), default)

    def latest(self, run: str) -> Checkpoint | None:
        """The record of the newest checkpoint; None in a run without any. Costs the same however many there are."""
        past = self._history(run)
        with translated(run):
            newest = loading.latest(past)
        return None if newest is None else newest.record()

    def checkpoints(self, run: str, *, limit: int | None = None) -> list[Checkpoint]:
        """
        The records of all checkpoints that are sound, newest first, at most `limit`.

        Reads one header each. `verify` names what is not sound. `DecryptionError` where the keys do not fit the newest.
        """
        if limit is not None:
            arguments.check_number("limit", limit, 0)
        past = self._history(run)
        with translated(run):
            return [manifest.record() for manifest in loading.listed(past, limit)]

    def runs(self) -> list[str]:
        """The names of all runs, sorted."""
        with translated():
            return history.runs(self._backend)

    def delete(self, run: str, number: int) -> None:
        """
        Remove checkpoint `number`; its number is never used again.

        Another process that saves with retention goes by what it has seen itself, and counts `number` a while longer.
        `ValueError` for the newest: to go back, load an older one and save. `CheckpointNotFound` where there is none.
        """
        arguments.check_number("number", number, 1)
        position = self._positions.of(run)
        with translated(run), position.lock:
            from ckptstore import removal  # noqa: PLC0415 - few programs need it

            removal.delete(position.history, number)
            position.survey = None

    def delete_run(self, run: str) -> None:
        """
        Remove `run` and all its checkpoints; `CheckpointNotFound` if there is none.

        A marker of the last number stays, so that a copy of the job that still runs is fenced out of a run of the same
        name; the numbers go on behind it. Files that are not ours stay as well.
        """
        position = self._positions.of(run)
        with translated(run), position.lock:
            from ckptstore import removal  # noqa: PLC0415 - few programs need it

            removal.delete_run(position.history)
            position.forget()

    def prune(self, run: str, *, dry_run: bool = False) -> PruneReport:
        """
        Apply the store's retention to `run` and remove what crashed or overtaken writers left behind.

        The report says of each checkpoint whether it is kept and why. `dry_run` changes nothing.
        """
        with translated(run):
            from ckptstore import prune  # noqa: PLC0415 - few programs need it

            return prune.prune(self._history(run), self._retention or KeepAll(), dry_run=dry_run)

    def verify(self, run: str, *, progress: Callable[[int, int], object] | None = None) -> VerifyReport:
        """
        Re-read and check every byte of `run`; the report names each object that is not as it was written.

        `progress` is called with how many bytes of how many are read.
        """
        with translated(run):
            from ckptstore import verify  # noqa: PLC0415 - few programs need it

            return verify.verify(self._history(run), progress)

    def open_writer(
        self,
        run: str,
        *,
        metadata: Mapping[str, object] | None = None,
        after: Checkpoint | int | None = None,
    ) -> CheckpointWriter:
        """
        A binary file for a with-block: what is written to it becomes a checkpoint when the block ends well.

        Then its `checkpoint` is the record. An exception in the block leaves nothing. Of a long stream only a few
        megabytes are in memory; it continues from what the store had saved or loaded when it began to be stored.
        """
        from ckptstore import stream_writer  # noqa: PLC0415 - few programs need it

        position = self._positions.of(run)
        if after is not None:
            arguments.check_after(run, after)
        draft = self._draft(Serialized((), 0), "bytes", metadata)
        return stream_writer.CheckpointWriter(stream_writer.Stream(position, draft, after, self._retention))

    def open_reader(self, run: str, *, at: At | None = None, min_number: int = 0) -> CheckpointReader:
        """
        The serialized bytes of a checkpoint as a binary file, read when they are asked for, and checked then.

        It is seekable. Finds and moves the same as `load`; `CheckpointCorrupt` for damage where that is met, and
        `CheckpointNotFound` when the checkpoint is pruned meanwhile.
        """
        from ckptstore import stream_reader  # noqa: PLC0415 - few programs need it

        reader: stream_reader.CheckpointReader = self._read(run, at, min_number, stream_reader.open_found)
        return reader

    def _draft(self, state: Serialized, serializer: str, metadata: Mapping[str, object] | None) -> saving.Draft:
        facts = NO_METADATA if metadata is None else encode_metadata(arguments.check_metadata(metadata))
        version = None if self._schema is None else self._schema.version
        named = Named(serializer, {} if state.tree is None else {"tree": state.tree})
        return saving.Draft(state, named, version, facts)

    def _read(
        self, run: str, at: At | None, min_number: int, use: Callable[[Loaded], Any], default: object = _MISSING
    ) -> Any:  # noqa: ANN401 - whatever was saved
        """What `use` makes of the checkpoint; where that is the newest, the next save continues from it."""
        position = self._positions.of(run)
        arguments.check_at(run, at)
        arguments.check_min_number(min_number, at)
        past, moves = position.history, position.moves
        with translated(run):
            answer = loading.newest(past, use, min_number) if at is None else loading.at(past, at, use)
            result = answer.result if answer.found else default
            if answer.is_newest:
                position.follow(answer.head, answer.seen, moves)
        if result is _MISSING:
            raise CheckpointNotFound(f"run {run!r} has no checkpoint {arguments.shown(at)}")
        return result

    def _history(self, run: str) -> History:
        return History(self._backend, layout.check_run(run), self._codecs)
