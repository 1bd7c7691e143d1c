"""Smaller bytes: zstd, with a bound on what comes out again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from ckptstore.errors import CheckpointCorrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from zstandard import ZstdDecompressor

    from ckptstore.backend import Buffer

LEVELS = range(1, 23)
_RATIO = 128 * 1024  # no frame holds more for each of its bytes: a block of three or more makes 128 KiB at most
_LIGHT = 12  # a context of a higher level holds on to hundreds of megabytes
MAGIC = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins, and no JSON text does."""

_threads = threading.local()  # a context may not be used by two threads at once, and making one costs a small save


class Zstd(msgspec.Struct, frozen=True):
    """Compression with zstd at `level`: 1 is fastest, 22 smallest, 3 zstd's own choice."""

    level: int = 3

    def __post_init__(self) -> None:
        if isinstance(self.level, bool) or not isinstance(self.level, int):
            raise TypeError(f"level must be an int, not {type(self.level).__name__}")
        if self.level not in LEVELS:
            raise ValueError(f"level must be {LEVELS[0]} to {LEVELS[-1]}, not {self.level}")

    def shrink(self, data: Buffer) -> bytes | None:
        """`data` as one frame that knows its size; None where that is no smaller."""
        smaller: bytes = self._compress()(data)
        return smaller if len(smaller) < len(data) else None

    def _compress(self) -> Callable[[Buffer], bytes]:
        kept: dict[int, Callable[[Buffer], bytes]] = _threads.__dict__.setdefault("compress", {})
        if self.level in kept:
            return kept[self.level]
        from zstandard import ZstdCompressor  # noqa: PLC0415 - few stores ask for it

        compress: Callable[[Buffer], bytes] = ZstdCompressor(level=self.level).compress
        if self.level <= _LIGHT:
            kept[self.level] = compress
        return compress


def expand(data: Buffer, limit: int) -> bytes:
    """What `shrink` was given, at most `limit` bytes; `CheckpointCorrupt` for anything else, before it takes memory."""
    import zstandard  # noqa: PLC0415 - few stores ask for it

    try:
        size = zstandard.frame_content_size(data)
        if not 0 < size <= min(limit, len(data) * _RATIO):  # negative: the frame does not say
            raise CheckpointCorrupt(f"a zstd frame of {size} bytes stands where at most {limit} are due")
        return _decompressor().decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise CheckpointCorrupt(f"not a zstd frame: {exc}") from exc


def _decompressor() -> ZstdDecompressor:
    from zstandard import ZstdDecompressor  # noqa: PLC0415 - few stores ask for it

    made: ZstdDecompressor | None = getattr(_threads, "decompressor", None)
    if made is None:
        _threads.decompressor = made = ZstdDecompressor()
    return made


def resolve(compression: str | Zstd | None) -> Zstd | None:
    """The codec that a store's argument asks for; `TypeError` or `ValueError` for anything else."""
    if compression is None or isinstance(compression, Zstd):
        return compression
    if not isinstance(compression, str):
        raise TypeError(f'compression must be "zstd", Zstd(level=…) or None, not {type(compression).__name__}')
    if compression != "zstd":
        raise ValueError(f'compression {compression!r} is unknown: use "zstd", Zstd(level=…) or None')
    return Zstd()
