"""`CheckpointManager`: simulators in a `CheckpointStore`, found again by their own times."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckptstore import CheckpointNotFound, CheckpointStore, VersionMismatch
from ckptstore.execution import checkpoint as checkpoints
from ckptstore.execution import consistency
from ckptstore.execution.clock import instant, kind
from ckptstore.execution.serialization import current
from ckptstore.execution.simulator import ExecutionSimulator

if TYPE_CHECKING:
    from ckptstore import Checkpoint
    from ckptstore.execution.checkpoint import ExecutionCheckpoint

_TIMESTAMP = "timestamp"


class CheckpointManager:
    """
    Keeps checkpoints of simulators, each durable when it is saved, and makes simulators of them again.

    `checkpoint_dir_or_url` is a folder or any URL that a `CheckpointStore` takes; `store_options` are the store's:
    `compression`, `encryption`, `retention`, `storage_options`, `fs`, `single_writer`. Each simulator is a run of that
    store, so two managers that save the same one are two writers: one of them gets a `CheckpointConflict`.

    A simulator id is a safe name (1 to 200 of `A-Z a-z 0-9 . _ - = + @`): `ValueError` for any other.
    """

    def __init__(self, checkpoint_dir_or_url: str | os.PathLike[str], **store_options: Any) -> None:  # noqa: ANN401 - the store's
        if fixed := store_options.keys() & {"schema", "serializer"}:
            raise TypeError(f"{min(fixed)} is for the manager to decide, and no option of it")
        self._store = CheckpointStore(checkpoint_dir_or_url, schema=checkpoints.SCHEMA, **store_options)
        self._root = _root(checkpoint_dir_or_url, store_options.get("fs"))

    def __repr__(self) -> str:
        return f"CheckpointManager({self._store!r})"

    def create_checkpoint(self, simulator: ExecutionSimulator, simulator_id: str | None = None) -> ExecutionCheckpoint:
        """
        A snapshot of `simulator`; what happens to it later does not show.

        Its time is the simulator's own, or the wall clock's, aware, if that has none yet. With a `simulator_id` it is
        the checkpoint of a simulator of that name, whose executions will be named after it.
        """
        return checkpoints.of_state(simulator.state(), simulator_id)

    def save_checkpoint(self, checkpoint: ExecutionCheckpoint) -> Path | str:
        """
        Save `checkpoint` as the newest of its simulator, durably; returns where: a path, or a URL of remote storage.

        `VersionMismatch` for one of a version that cannot be read again; other errors as in `CheckpointStore.save`.
        """
        checkpoint = current(checkpoint)
        metadata = {_TIMESTAMP: checkpoint.checkpoint_timestamp}
        return self._place(self._store.save(checkpoint.simulator_id, checkpoint, metadata=metadata))

    def load_checkpoint(self, simulator_id: str, timestamp: datetime | None = None) -> ExecutionCheckpoint:
        """
        The checkpoint that was saved last; with a `timestamp`, that of this time, else the newest before it.

        Times are the checkpoints' own, not those of saving; of several of the same time it is the one saved last.
        `CheckpointNotFound`, which is a `FileNotFoundError`, if there is none; `ValueError` for a naive timestamp where
        checkpoints have aware ones, and the reverse. With a timestamp, it costs what `list_checkpoints` costs.
        """
        if timestamp is None:
            return self._store.load(simulator_id, type=checkpoints.ExecutionCheckpoint)
        found = self._at(simulator_id, timestamp)
        return self._store.load(simulator_id, at=found, type=checkpoints.ExecutionCheckpoint)

    def list_checkpoints(self, simulator_id: str) -> list[tuple[datetime, Path | str]]:
        """
        The time and the place of each checkpoint, newest first, by their own times; reads one header each.

        Naive and aware times cannot be compared: where a simulator has both, the one saved last is the newest.
        """
        return [(time, self._place(record)) for time, record in self._newest_first(simulator_id)]

    def restore_simulator(self, checkpoint: ExecutionCheckpoint) -> ExecutionSimulator:
        """
        The simulator that goes on from `checkpoint` as the one it was made of does, to the last digit.

        `VersionMismatch` for a version that no migration reaches, `InconsistentCheckpoint`, which is a `ValueError`
        and a `CheckpointCorrupt`, with every contradiction in it.
        """
        checkpoint = current(checkpoint)
        consistency.check(checkpoint)
        return ExecutionSimulator.from_state(checkpoints.to_state(checkpoint))

    def _at(self, simulator_id: str, timestamp: datetime) -> Checkpoint:
        if not isinstance(timestamp, datetime):
            raise TypeError(f"timestamp must be a datetime, not {timestamp!r}")
        listed = self._newest_first(simulator_id)
        comparable = [(time, record) for time, record in listed if kind(time) == kind(timestamp)]
        if listed and not comparable:
            raise ValueError(
                f"timestamp {timestamp.isoformat()} is {kind(timestamp)}, but those of simulator {simulator_id!r} "
                f"are {kind(listed[0][0])}: ask for {kind(listed[0][0])} ones",
            )
        for time, record in comparable:
            if instant(time) <= instant(timestamp):
                return record
        raise CheckpointNotFound(
            f"simulator {simulator_id!r} has no checkpoint at or before {timestamp.isoformat()}"
            + (f": the oldest is of {comparable[-1][0].isoformat()}" if comparable else ", nor any other"),
        )

    def _newest_first(self, simulator_id: str) -> list[tuple[datetime, Checkpoint]]:
        listed = [(_time_of(record), record) for record in self._store.checkpoints(simulator_id)]
        if len({kind(time) for time, _ in listed}) < 2:
            listed.sort(key=lambda entry: (instant(entry[0]), entry[1].number), reverse=True)
        return listed

    def _place(self, record: Checkpoint) -> Path | str:
        name = f"{record.number:012}.json"
        if isinstance(self._root, Path):
            return self._root / record.run / name
        return f"{self._root}{'' if self._root.endswith('/') else '/'}{record.run}/{name}"


def _time_of(record: Checkpoint) -> datetime:
    time = record.metadata.get(_TIMESTAMP)
    if isinstance(time, datetime):
        return time
    raise VersionMismatch(f"run {record.run!r}, checkpoint {record.number}: not saved by a CheckpointManager")


def _root(given: str | os.PathLike[str], fs: Any) -> Path | str:  # noqa: ANN401 - fsspec has no types
    """Where the runs are: a path of this machine, else a URL."""
    text = os.fspath(given) if fs is None else str(fs.unstrip_protocol(os.fspath(given)))
    scheme, mark, rest = text.partition("://")
    if not mark or (isinstance(given, os.PathLike) and fs is None):
        return Path(text).expanduser().absolute()
    if scheme != "file":
        return text
    from urllib.parse import unquote  # noqa: PLC0415 - only where it is used

    path = "/" + rest.partition("/")[2]
    return Path(path if fs is not None else unquote(path))
