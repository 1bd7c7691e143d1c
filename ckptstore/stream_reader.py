"""A checkpoint's bytes as a file: of a large one only the chunks that are asked for are read, and soon those behind."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptstore.errors import CheckpointError, CheckpointNotFound, translated
from ckptstore.fetch import Chunked, Span
from ckptstore.loading import missing
from ckptstore.pool import Pool
from ckptstore.serialized import Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.backend import Buffer
    from ckptstore.checkpoint import Checkpoint
    from ckptstore.loading import Loaded

AHEAD = 4  # spans under way before they are asked for


class CheckpointReader(io.BufferedReader):
    """
    The bytes of a checkpoint as a binary file, read only and seekable; `checkpoint` is its record.

    `serializer` is the name of what made them: "bytes" for a stream.
    """

    def __init__(self, raw: io.RawIOBase, checkpoint: Checkpoint, serializer: str) -> None:
        super().__init__(raw)
        self.checkpoint = checkpoint
        self.serializer = serializer

    def write(self, _: object, /) -> int:
        """Refused."""
        raise io.UnsupportedOperation("a checkpoint is immutable: save a new one with open_writer")


def open_found(found: Loaded) -> CheckpointReader:
    """The serialized bytes of a checkpoint that was found."""
    state = found.state
    # A BytesIO is as good as a raw file; both have what BufferedReader asks for.
    raw: Any = ChunkFile(found, state) if isinstance(state, Chunked) else io.BytesIO(state.read())
    return CheckpointReader(raw, found.manifest.record(), found.manifest.header.serializer.name)


class _Coming(NamedTuple):
    """Chunks that are being read: from which on, up to which."""

    first: int
    end: int
    wait: Callable[[], list[Buffer]]


class ChunkFile(io.RawIOBase):
    """The bytes of a state in packs. Who reads on and on has the next spans read ahead, side by side."""

    def __init__(self, found: Loaded, state: Chunked) -> None:
        self._found = found
        self._state = state
        self._at = 0
        self._pool = Pool(state.threads)
        self._coming: deque[_Coming] = deque()
        self._contents: list[Buffer] = []  # of the chunks from `_first` on
        self._first = -1

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to `offset`; nothing is read."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._state.size}[whence]
        if at < 0:
            raise ValueError(f"negative seek position {at}")
        self._at = at
        return at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any writable buffer
        """Fill `buffer` with what comes next, as far as one chunk goes."""
        into = memoryview(buffer).cast("B")
        if not into or self._at >= self._state.size:
            return 0
        index = bisect_right(self._state.starts, self._at) - 1
        start = self._at - self._state.starts[index]
        data = memoryview(self._content(index))[start : start + len(into)]
        into[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """All that is left, read side by side."""
        if self._at == 0:
            data: bytes = self._named(self._state.read)
        else:
            left = bytearray(max(0, self._state.size - self._at))
            self._named(lambda: self._state.fill([(self._at, memoryview(left))]))
            data = bytes(left)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Let go of what was read ahead."""
        self._coming.clear()
        self._contents = []
        self._pool.close()
        super().close()

    def _content(self, index: int) -> Buffer:
        """The content of chunk `index`, read now unless it was read ahead."""
        if not self._first <= index < self._first + len(self._contents):
            self._named(lambda: self._move(index))
        return self._contents[index - self._first]

    def _move(self, index: int) -> None:
        """Have chunk `index` at hand: by itself after a jump, else with those behind it."""
        following = self._contents and index == self._first + len(self._contents)
        if not (following and self._coming and self._coming[0].first == index):
            self._coming.clear()
        if not following:
            self._first, self._contents = index, self._read(self._span(index, index + 1))
            return
        self._top_up(index)
        span = self._coming.popleft()
        self._first, self._contents = index, span.wait()
        self._top_up(span.end)

    def _top_up(self, end: int) -> None:
        end = self._coming[-1].end if self._coming else end
        while len(self._coming) < AHEAD and end < len(self._state.table.chunks):
            first, end = end, self._state.run_end(end)
            span = self._span(first, end)
            self._coming.append(_Coming(first, end, self._pool.begin(partial(self._read, span))))

    def _span(self, first: int, end: int) -> Span:
        return Span.of(self._state.table.chunks[first:end])

    def _read(self, span: Span) -> list[Buffer]:
        return [data for _, data in self._state.read_span(span)]

    def _named(self, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is read
        """What `read` gives; its errors name run and number."""
        history, manifest = self._found.history, self._found.manifest
        where = f"run {history.run!r}, checkpoint {manifest.number}"
        with translated(history.run):
            try:
                return read()
            except Gone as exc:
                if history.stands(manifest):
                    raise missing(where, exc) from exc
                raise CheckpointNotFound(f"{where}: removed while it was read: open one that is there") from exc
            except CheckpointError as exc:
                raise type(exc)(f"{where}: {exc}") from exc
