"""Reading a stored state: the chunks that are wanted, many with one request, side by side, every byte checked."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from ckptstore import layout
from ckptstore.chunks import Chunk, identify, read_table, unwrap
from ckptstore.errors import CheckpointCorrupt
from ckptstore.filled import Filled
from ckptstore.pool import THREADS, Pool
from ckptstore.serialized import Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ckptstore.backend import Backend, Buffer
    from ckptstore.manifest import Manifest

    ReadInto: TypeAlias = Callable[..., int]

T = TypeVar("T")
Place: TypeAlias = tuple[str, str, int, int]
"""Id, pack, offset and stored size: a chunk that is shared by many checkpoints need be checked but once."""

_SPAN = 2 * 1024 * 1024  # bytes that are read at once, and that a thread takes at a time
_FAR_SPAN = 32 * 1024 * 1024  # a pack is one request: a round trip takes as long as megabytes
_FAR_RUN = 8 * 1024 * 1024  # the same for a stream, which holds several
_FAR_THREADS = 14


class Span(NamedTuple):
    """Chunks that lie near each other in one pack, and are read together."""

    pack: int
    start: int
    end: int
    chunks: tuple[Chunk, ...]

    @classmethod
    def of(cls, chunks: Sequence[Chunk]) -> Span:
        """The span of `chunks`, which lie in one pack."""
        first = chunks[0]
        return cls(first.pack, first.offset, max(c.offset + c.stored_size for c in chunks), tuple(chunks))


class Piece(NamedTuple):
    """Where some bytes of a chunk belong: `into` holds those from `start` on."""

    start: int
    into: memoryview


class Chunked:
    """A state that lies in packs; nothing is read before it is asked for."""

    def __init__(self, backend: Backend, manifest: Manifest) -> None:
        self.table = read_table(manifest)
        self.size = manifest.header.size
        self.starts = list(accumulate((chunk.size for chunk in self.table.chunks), initial=0))
        self._backend = backend
        self._manifest = manifest
        self._far = bool(getattr(backend, "far", False))

    def read(self) -> bytes:
        """All of it."""
        if len(self.table.chunks) == 1:
            return bytes(next(self.contents(self.table.chunks))[1])
        filled = Filled(self.size)
        with filled.view() as view:
            self.fill([(0, view)])
        return filled.value()

    def check(self, seen: set[Place], tell: Callable[[int], object] | None = None) -> None:
        """
        Read every chunk whose place is not among those `seen`, and add it; `CheckpointCorrupt`, or `Gone`.

        `tell` hears how many bytes were read.
        """
        packs = self._manifest.header.packs
        places = {chunk: (chunk.id, packs[chunk.pack], chunk.offset, chunk.stored_size) for chunk in self.table.chunks}

        def read(span: Span) -> tuple[Chunk, ...]:
            deque(self.read_span(span), maxlen=0)  # each content is let go before the next
            return span.chunks

        wanted = self.spans(chunk for chunk, place in places.items() if place not in seen)
        for chunks in self._each(wanted, read):
            seen.update(places[chunk] for chunk in chunks)
            if tell is not None:
                tell(sum(chunk.stored_size for chunk in chunks))

    def fill(self, targets: Sequence[tuple[int, memoryview]]) -> None:
        """Into each writable buffer, the bytes from that offset on."""
        pieces: dict[Chunk, list[Piece]] = {}
        for offset, into in targets:
            for chunk, piece in self._pieces(offset, into):
                pieces.setdefault(chunk, []).append(piece)
        read_into = None if self._manifest.header.codecs else getattr(self._backend, "read_into", None)
        fill = self._fill_span if read_into is None else partial(self._fill_directly, read_into)
        deque(self._each(self.spans(pieces), lambda span: fill(span, pieces)), maxlen=0)

    def contents(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Buffer]]:
        """The content of each of `chunks`, in the order in which they are stored."""
        spans = self.spans(chunks)
        for span, stored in zip(spans, self._each(spans, self._get), strict=True):
            yield from self._unwrap(span, stored)

    def _each(self, spans: Sequence[Span], use: Callable[[Span], T]) -> Iterator[T]:
        """What threads make of each of `spans`, in order."""
        with self._pool(spans) as pool:
            yield from pool.in_order(use, spans, ahead=self.threads)

    def _pool(self, spans: Sequence[Span]) -> Pool:
        return Pool(self.threads if len(spans) > 1 else 0)

    @property
    def threads(self) -> int:
        """How many spans are read side by side."""
        return _FAR_THREADS if self._far else THREADS

    def spans(self, chunks: Iterable[Chunk]) -> list[Span]:
        """`chunks` as spans, each chunk once, in the order in which they are stored."""
        limit, gap = (_FAR_SPAN, _FAR_SPAN) if self._far else (_SPAN, 0)
        found: list[Span] = []
        group: list[Chunk] = []
        for chunk in sorted(set(chunks), key=lambda chunk: (chunk.pack, chunk.offset)):
            if group:
                first, last = group[0], group[-1]
                near = chunk.offset - last.offset - last.stored_size <= gap
                if chunk.pack != first.pack or not near or chunk.offset + chunk.stored_size - first.offset > limit:
                    found.append(Span.of(group))
                    group = []
            group.append(chunk)
        return [*found, Span.of(group)] if group else found

    def run_end(self, first: int) -> int:
        """
        The end of the chunks from `first` on that follow each other in the state and in one pack, up to a span.

        No longer than that is their content, either: it is in memory at once, however small it is stored.
        """
        chunks, starts, end = self.table.chunks, self.starts, first + 1
        limit = _FAR_RUN if self._far else _SPAN
        while end < len(chunks):
            before, chunk = chunks[end - 1], chunks[end]
            if chunk.pack != before.pack or chunk.offset != before.offset + before.stored_size:
                break
            stored, content = chunk.offset + chunk.stored_size - chunks[first].offset, starts[end + 1] - starts[first]
            if max(stored, content) > limit:
                break
            end += 1
        return end

    def read_span(self, span: Span) -> Iterator[tuple[Chunk, Buffer]]:
        """The chunks of `span` and their contents, one after the other; `Gone` where the pack is."""
        yield from self._unwrap(span, self._get(span))

    def _get(self, span: Span) -> memoryview:
        return self._asked(span, lambda key: memoryview(self._backend.get(key, span.start, span.end)))

    def _asked(self, span: Span, ask: Callable[[str], T]) -> T:
        """What `ask` gives for the pack of `span`; `Gone`, or `CheckpointCorrupt` for a folder in its place."""
        try:
            return ask(self._key(span))
        except FileNotFoundError as exc:
            raise Gone(self._key(span)) from exc
        except IsADirectoryError as exc:
            raise _corrupt(self._key(span), "a folder stands in its place: remove it") from exc

    def _unwrap(self, span: Span, stored: memoryview) -> Iterator[tuple[Chunk, Buffer]]:
        """Each chunk by itself: a span of what zstd made a hundred times smaller would not fit into memory."""
        for chunk in span.chunks:
            at = chunk.offset - span.start
            try:
                content = unwrap(self._manifest, chunk, stored[at : at + chunk.stored_size])
            except CheckpointCorrupt as exc:
                raise _corrupt(self._key(span), f"chunk {chunk.id[:12]}: {exc}") from exc
            yield chunk, content

    def _key(self, span: Span) -> str:
        header = self._manifest.header
        return layout.pack(header.run, header.packs[span.pack])

    def _fill_span(self, span: Span, pieces: Mapping[Chunk, list[Piece]]) -> None:
        for chunk, data in self.read_span(span):
            view = memoryview(data)
            for start, into in pieces[chunk]:
                into[:] = view[start : start + len(into)]

    def _fill_directly(self, read_into: ReadInto, span: Span, pieces: Mapping[Chunk, list[Piece]]) -> None:
        """
        As `_fill_span`, of what lies in its pack as it is.

        A copy into memory that nobody has touched yet takes half as long as the digest, and holds the interpreter.
        """
        if not self._far:  # each is hashed while the processor still has it at hand
            for chunk in span.chunks:
                self._fill_chunks(read_into, Span.of([chunk]), pieces)
        elif any(after.offset < chunk.offset + chunk.stored_size for chunk, after in pairwise(span.chunks)):
            self._fill_span(span, pieces)  # nobody writes such a table
        else:
            self._fill_chunks(read_into, span, pieces)

    def _fill_chunks(self, read_into: ReadInto, span: Span, pieces: Mapping[Chunk, list[Piece]]) -> None:
        wholes: list[memoryview] = []
        into: list[memoryview] = []
        at = span.start
        for chunk in span.chunks:
            fitting = [part for _, part in pieces[chunk] if len(part) == chunk.size]
            wholes.append(fitting[0] if fitting else memoryview(bytearray(chunk.size)))
            into += (memoryview(bytearray(chunk.offset - at)), wholes[-1])
            at = chunk.offset + chunk.size
        size = self._asked(span, lambda key: read_into(key, span.start, *into))
        for chunk, whole in zip(span.chunks, wholes, strict=True):
            if size < chunk.offset + chunk.size - span.start or identify(None, whole) != chunk.id:
                raise _corrupt(self._key(span), f"chunk {chunk.id[:12]}: it is not what was written")
            for start, part in pieces[chunk]:
                if part is not whole:
                    part[:] = whole[start : start + len(part)]

    def _pieces(self, offset: int, into: memoryview) -> Iterator[tuple[Chunk, Piece]]:
        """What of which chunks fills `into` from `offset` of the state on."""
        index = bisect_right(self.starts, offset) - 1
        while len(into):
            chunk, start = self.table.chunks[index], offset - self.starts[index]
            size = min(chunk.size - start, len(into))
            if size:
                yield chunk, Piece(start, into[:size])
            offset, into, index = offset + size, into[size:], index + 1


def _corrupt(key: str, what: str) -> CheckpointCorrupt:
    error = CheckpointCorrupt(f"{key}: {what}")
    error.key = key
    return error
