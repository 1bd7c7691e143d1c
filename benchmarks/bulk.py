"""A large state: half random bytes, half JSON text, the same at each run, and where a turn may write it."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRETCH = 4 * 1024 * 1024  # bytes of one kind, then of the other: both threads always have some of each
_FEW = 1000  # records that are made at a time


def write(path: str, size: int) -> None:
    """A file of `size` bytes, on the disk and in the system's memory."""
    rng = random.Random(20260314)
    text = _text(rng)
    with open(path, "wb") as file:
        left = size
        for index in range(-(-size // _STRETCH)):
            stretch = min(_STRETCH, left)
            file.write(rng.randbytes(stretch) if index % 2 else _next_bytes(text, stretch))
            left -= stretch
        file.flush()
        os.fsync(file.fileno())


def _next_bytes(source: Iterator[bytes], size: int) -> bytes:
    """`size` bytes of what `source` gives; the rest of its last piece is dropped."""
    parts, got = [], 0
    while got < size:
        parts.append(next(source))
        got += len(parts[-1])
    return b"".join(parts)[:size]


def _text(rng: random.Random) -> Iterator[bytes]:
    """Fills of a trading job as JSON, no two alike, which zstd makes a fifth of."""
    number = 0
    while True:
        bits = iter(rng.randbytes(8 * _FEW))
        fills = []
        for a, b, c, d, e, f, g, h in zip(*[bits] * 8, strict=True):
            number += 1
            fills.append(
                {
                    "id": f"o-{number:09}",
                    "symbol": f"SYM{a:03}",
                    "side": "buy" if b & 1 else "sell",
                    "quantity": 25 * c,
                    "price": (d * 65536 + e * 256 + f) / 10000,
                    "filled": f"2026-03-14T{b % 24:02}:{g % 60:02}:{h % 60:02}.{e:03}{f:03}+00:00",
                }
            )
        yield msgspec.json.encode(fills)


def read(path: str) -> bytes:
    """All of the file."""
    with open(path, "rb") as file:
        return file.read()


def changed(data: bytes, stretches: int) -> bytes:
    """`data` with a hundredth of it changed in place, in so many stretches."""
    new, rng = bytearray(data), random.Random(stretches)
    size = len(data) // 100 // stretches
    for index in range(stretches):
        at = len(data) * (2 * index + 1) // (2 * stretches)
        new[at : at + size] = rng.randbytes(size)
    return bytes(new)


def inserted(data: bytes) -> bytes:
    """`data` behind a thousand new bytes."""
    return random.Random(1000).randbytes(1000) + data


def reversed_bytes(data: bytes) -> bytes:
    """`data` from its end to its front: of the same kind, and no chunk of it known."""
    return data[::-1]


def fresh(folder: str) -> str:
    """An empty folder for the next turn; what the last one left is gone, and nothing waits to be written."""
    path = os.path.join(folder, "turn")
    shutil.rmtree(path, ignore_errors=True)
    os.sync()
    os.mkdir(path)
    return path
