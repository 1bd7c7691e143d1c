"""
Where a large state is cut into pieces: by its content (FastCDC).

Bytes inserted or changed leave the cuts elsewhere as they were, so a save finds again what its predecessor stored.
Which cutter was used matters to the writer alone, never to a reader.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from ckptstore.backend import Buffer
    from ckptstore.serialized import Part

    AnyPart: TypeAlias = bytes | Part | Iterable[Buffer]  # the last of streams, whose length nobody knows

LEAST, AVERAGE, MOST = 256 * 1024, 512 * 1024, 1024 * 1024  # bytes of a piece; the first are skipped, at no cost
WINDOW = 2 * MOST  # bytes that are looked at together where they have to be copied; of 4 * MOST 8 MiB more stay in use
STEADY = 32 * 1024 * 1024  # bytes that were all found where they were expected: what follows is expected as well
UNIT = 2 * 1024 * 1024  # bytes that a thread takes at a time: of 64 KiB two threads make less than one


class Expected:
    """
    Where a state is cut if it goes on as it began: as the one before was.

    The cutter looks at every byte, which is a third of the work where all is known; so long stretches that did not
    change are not looked at again. A wrong guess costs no more than the few chunks that were begun on its strength.
    """

    def __init__(self, before: Iterable[tuple[str, int]] = ()) -> None:
        """`before`: the id and the size of each piece."""
        self._pieces: dict[int, tuple[str, int]] = {}
        self._places: dict[str, int] = {}
        self._moved = 0  # bytes by which this state is ahead of the one before
        self._steady = 0
        at = 0
        for identity, size in before:
            self._pieces[at], self._places[identity] = (identity, size), at
            at += size

    def found(self, at: int, identity: str, size: int) -> None:
        """Learn what begins at `at`; each piece in its order."""
        if self._pieces.get(at - self._moved) == (identity, size):
            self._steady += size
        elif identity in self._places:
            self._moved, self._steady = at - self._places[identity], size
        else:
            self._steady = 0

    def size(self, at: int) -> int:
        """How large the piece at `at` is likely to be; 0 where there is nothing to go by."""
        if self._steady < STEADY:
            return 0
        _, size = self._pieces.get(at - self._moved, ("", 0))
        return size if size <= MOST else 0


def cut(parts: Iterable[AnyPart], expected: Expected | None = None) -> Iterator[Buffer]:
    """
    The pieces of a state's parts, one after the other.

    Bytes are cut as they lie. What may change while it is saved (an array) or be gone (a stream) is copied, a window at
    a time, so that what is hashed is what is stored. Small parts that follow each other are cut as one.
    """
    expected = expected or Expected()
    small: list[Buffer] = []
    at = 0
    for part in parts:
        if _size(part) < LEAST:
            small += (part,) if isinstance(part, bytes) else part
            continue
        at = yield from _cut_windows(small, at, expected)
        small = []
        if isinstance(part, bytes):
            at = yield from _cut_at_rest(part, at, expected)
        else:
            at = yield from _cut_windows(part, at, expected)
    yield from _cut_windows(small, at, expected)


def _size(part: AnyPart) -> int:
    """How large `part` is; of a stream nobody knows, and it is a part of its own."""
    return len(part) if isinstance(part, bytes) else getattr(part, "nbytes", LEAST)


def _cut_at_rest(data: bytes, start: int, expected: Expected) -> Generator[Buffer, None, int]:
    """The pieces of `data`, which begins at `start` of the state; gives where it ends."""
    view = memoryview(data)
    at = 0
    for size in _sizes(view, start, expected, whole=True):
        yield view[at : at + size]
        at += size
    return start + at


def _cut_windows(blocks: Iterable[Buffer], start: int, expected: Expected) -> Generator[Buffer, None, int]:
    """
    The pieces of what flows by, cut where it would be cut in one piece.

    A cut depends on nothing behind it, so all of a window but its last piece is final.
    """
    rest: Buffer = b""
    for window in _windows(blocks):
        view = memoryview(b"".join((rest, *window)))
        at = 0
        *final, last = _sizes(view, start, expected, whole=False)
        for size in final:
            yield view[at : at + size]
            at += size
        rest = view[at : at + last]
        start += at
    if len(rest):
        yield rest
    return start + len(rest)


def _sizes(view: memoryview, start: int, expected: Expected, *, whole: bool) -> Iterator[int]:
    """The sizes of the pieces of `view`; where it is not the `whole`, the last is what is left of it."""
    at = 0
    while at < len(view):
        size = expected.size(start + at)
        if size and (at + size <= len(view) or not whole):
            yield min(size, len(view) - at)
            at += size
            continue
        for found in make_cutter()(view[at:]):
            yield found
            at += found
            if expected.size(start + at):
                break


def _windows(blocks: Iterable[Buffer]) -> Iterator[list[Buffer]]:
    """`blocks` in groups of about `WINDOW` bytes: small ones together, large ones in slices."""
    group: list[Buffer] = []
    room = WINDOW
    for block in blocks:
        view = memoryview(block).cast("B") if len(block) else memoryview(b"")
        while len(view):
            group.append(view[:room])
            room -= len(group[-1])
            view = view[len(group[-1]) :]
            if not room:
                yield group
                group, room = [], WINDOW
    if group:
        yield group


def units(pieces: Iterable[Buffer]) -> Iterator[list[Buffer]]:
    """`pieces` in groups of about `UNIT` bytes."""
    unit: list[Buffer] = []
    size = 0
    for piece in pieces:
        unit.append(piece)
        size += len(piece)
        if size >= UNIT:
            yield unit
            unit, size = [], 0
    if unit:
        yield unit


@lru_cache(1)
def make_cutter() -> Callable[[memoryview], Iterable[int]]:
    """What gives the sizes of the pieces of a buffer; all but the last are final."""
    try:
        from pyfastcdc import FastCDC  # noqa: PLC0415 - few states are large
    except ImportError:
        return _fixed
    if not FastCDC.__module__.startswith("pyfastcdc.cy"):  # its fallback in Python makes 1 MB/s
        return _fixed
    by_content = FastCDC(AVERAGE, min_size=LEAST, max_size=MOST, normalized_chunking=2)
    return lambda view: (chunk.length for chunk in by_content.cut_buf(view))


def _fixed(view: memoryview) -> Iterable[int]:
    """Cuts of one size, where the cutter could not be built: only what is changed in place is found again."""
    sizes = [AVERAGE] * (len(view) // AVERAGE)
    return [*sizes, len(view) - sum(sizes)] if len(view) % AVERAGE or not sizes else sizes
