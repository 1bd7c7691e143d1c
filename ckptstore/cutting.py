"""
Where a large state is cut into pieces: by its content (FastCDC).

Bytes inserted or changed leave the cuts elsewhere as they were, so a save finds again what its predecessor stored.
Which cutter was used matters to the writer alone, never to a reader.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ckptstore.backend import Buffer
    from ckptstore.serialized import Part

    AnyPart: TypeAlias = bytes | Part | Iterable[Buffer]  # the last of streams, whose length nobody knows

LEAST, AVERAGE, MOST = 256 * 1024, 512 * 1024, 1024 * 1024  # bytes of a piece; the first are skipped, at no cost
WINDOW = 4 * MOST  # bytes that are looked at together where they have to be copied
UNIT = 2 * 1024 * 1024  # bytes that a thread takes at a time: of 64 KiB two threads make less than one


def cut(parts: Iterable[AnyPart]) -> Iterator[Buffer]:
    """
    The pieces of a state's parts, one after the other.

    Bytes are cut as they lie. What may change while it is saved (an array) or be gone (a stream) is copied, a window at
    a time, so that what is hashed is what is stored. Small parts that follow each other are cut as one.
    """
    small: list[Buffer] = []
    for part in parts:
        if _size(part) < LEAST:
            small += (part,) if isinstance(part, bytes) else part
            continue
        yield from _cut_windows(small)
        small = []
        yield from _cut_at_rest(part) if isinstance(part, bytes) else _cut_windows(part)
    yield from _cut_windows(small)


def _size(part: AnyPart) -> int:
    """How large `part` is; of a stream nobody knows, and it is a part of its own."""
    return len(part) if isinstance(part, bytes) else getattr(part, "nbytes", LEAST)


def _cut_at_rest(data: bytes) -> Iterator[Buffer]:
    view = memoryview(data)
    at = 0
    for size in make_cutter()(view):
        yield view[at : at + size]
        at += size


def _cut_windows(blocks: Iterable[Buffer]) -> Iterator[Buffer]:
    """
    The pieces of what flows by, cut where it would be cut in one piece.

    A cut depends on nothing behind it, so all of a window but its last piece is final.
    """
    rest: Buffer = b""
    for window in _windows(blocks):
        whole = memoryview(b"".join((rest, *window)))
        at = 0
        *final, last = make_cutter()(whole)
        for size in final:
            yield whole[at : at + size]
            at += size
        rest = whole[at : at + last]
    if len(rest):
        yield rest


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
