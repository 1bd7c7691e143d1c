"""A file that becomes a checkpoint: a stream of any length, of which a few megabytes are in memory."""

from __future__ import annotations

import io
import os
from queue import Queue
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ckptstore import saving
from ckptstore.errors import translated
from ckptstore.pool import Pool, check_process
from ckptstore.serialized import Serialized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from ckptstore.checkpoint import Checkpoint
    from ckptstore.inline import Placed
    from ckptstore.position import Position
    from ckptstore.retention import Retention
    from ckptstore.saving import Draft

BLOCK = 1024 * 1024  # bytes that are handed over at a time; a stream that has no more is saved like any state
WAITING = 8  # blocks between the writer and the threads


class Stream(NamedTuple):
    """A state that arrives bit by bit: where it goes."""

    position: Position
    draft: Draft
    after: Checkpoint | int | None
    retention: Retention | None

    def save(self, data: bytes) -> Checkpoint:
        """Commit a short one."""
        state = Serialized((data,), len(data))
        with translated(self.position.history.run):
            draft = msgspec.structs.replace(self.draft, state=state)
            return saving.save(self.position, draft, self.after, self.retention).record()

    def begin(self) -> Callable[[Iterator[bytes]], Callable[[], Checkpoint]]:
        """Find what a long one continues from; what stores its blocks, and gives what then commits it."""
        with translated(self.position.history.run), self.position.lock:
            base = saving.find_base(self.position, self.after)

        def store(blocks: Iterator[bytes]) -> Callable[[], Checkpoint]:
            try:
                with translated(self.position.history.run):
                    placed = saving.pack(self.position.history, base, [blocks], self.position.prints)
            except BaseException:
                self.position.survey = None  # its packs stay: the next save lists them
                raise
            return lambda: commit(placed)

        def commit(placed: Placed) -> Checkpoint:
            with translated(self.position.history.run), self.position.lock:
                return saving.save_behind(self.position, self.draft, placed, base, self.retention).record()

        return store


class _Aborted(Exception):  # noqa: N818 - ends a thread, and is never seen outside
    """The with-block failed."""


class CheckpointWriter(io.BufferedIOBase):
    """
    A binary file that becomes a checkpoint when its with-block ends well; an exception in it leaves nothing.

    `checkpoint` is the record, None until then.
    """

    def __init__(self, stream: Stream) -> None:
        self.checkpoint: Checkpoint | None = None
        self._stream = stream
        self._entered = False
        self._block = bytearray()
        self._size = 0
        self._blocks: Queue[bytes | None] = Queue(WAITING)
        self._pool = Pool(1)
        self._stored: Callable[[], Callable[[], Checkpoint]] | None = None
        self._ended = False
        self._aborted = False
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        self._check_open()
        self._entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Commit, unless the block failed."""
        try:
            if kind is None:
                self.checkpoint = self._commit()
        finally:
            self._abort()
            super().close()

    def writable(self) -> bool:
        """Always, until it is closed."""
        return True

    def tell(self) -> int:
        """How many bytes were written."""
        return self._size

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer, as for files
        """Add the bytes of `data`; raises what went wrong with those before."""
        self._check_open()
        if not self._entered:
            raise ValueError("a checkpoint is written in a with-block: with store.open_writer(…) as file: …")
        view = memoryview(data)
        view = view.cast("B") if view.nbytes else memoryview(b"")
        self._size += len(view)
        while len(self._block) + len(view) > BLOCK and self._pool.ready():
            room = BLOCK - len(self._block)
            self._hand_over(bytes(self._block + view[:room]) if self._block else bytes(view[:room]))
            self._block.clear()
            view = view[room:]
        self._block += view
        return memoryview(data).nbytes

    def close(self) -> None:
        """No more is written; what was is committed by the with-block, or else dropped."""
        if not self._entered:
            self._abort()
        super().close()

    def _commit(self) -> Checkpoint:
        if self._stored is None:
            return self._stream.save(bytes(self._block))
        self._put(bytes(self._block))
        self._put(None)
        return self._stored()()

    def _hand_over(self, block: bytes) -> None:
        if self._stored is None:
            store = self._stream.begin()
            self._stored = self._pool.begin(lambda: self._store(store))
        self._put(block)

    def _put(self, block: bytes | None) -> None:
        check_process(self._pid)
        if self._ended and self._stored is not None:
            self._stored()  # raises: it ended before the stream did
        self._blocks.put(block)

    def _store(self, store: Callable[[Iterator[bytes]], Callable[[], Checkpoint]]) -> Callable[[], Checkpoint]:
        try:
            return store(self._arriving())
        finally:
            self._ended = True
            while not self._blocks.empty():  # whoever waits for room must not wait for ever
                self._blocks.get()

    def _arriving(self) -> Iterator[bytes]:
        while (block := self._blocks.get()) is not None:
            if self._aborted:
                raise _Aborted
            yield block

    def _abort(self) -> None:
        """End the thread, if it is still waiting for more; in a forked child there is none."""
        self._aborted = True
        self._block.clear()
        if self._pid != os.getpid():
            return
        if self._stored is not None and not self._ended:
            self._blocks.put(b"")
        self._pool.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the checkpoint's file is closed")
