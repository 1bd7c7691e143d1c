"""zstd: smaller or not at all, and never more memory than was promised."""

from __future__ import annotations

import random
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptstore import CheckpointCorrupt, CheckpointStore, Zstd
from ckptstore.compression import LEVELS, MAGIC, expand

NOISE = random.Random(0).randbytes(1000)
TEXT = b"checkpoint " * 100
FRAME = Zstd().shrink(TEXT) or b""


def claiming(size: int, body: bytes = b"\x01\x00\x00") -> bytes:
    """A frame whose header claims `size` bytes, with one empty block behind it."""
    return MAGIC + b"\xe0" + struct.pack("<Q", size) + body


def of_unknown_size(data: bytes) -> bytes:
    """A sound frame that does not say how much comes out."""
    stream = zstandard.ZstdCompressor().compressobj()
    return stream.compress(data) + stream.flush()


# Smaller


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_comes_back(level: int) -> None:
    """What any level of zstd makes smaller is what it was again."""
    frame = Zstd(level).shrink(TEXT)

    assert frame
    assert len(frame) < len(TEXT)
    assert expand(frame, len(TEXT)) == TEXT


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(st.binary(max_size=300).map(lambda data: data * 3), st.integers(1, 5))
def test_any_bytes_come_back(data: bytes, level: int) -> None:
    """Any bytes either come back from something smaller, or are left as they are."""
    frame = Zstd(level).shrink(data)

    assert frame is None or (len(frame) < len(data) and expand(frame, len(data)) == data)


@pytest.mark.parametrize("level", [1, 3, 12, 19])
def test_no_frame_is_too_small_to_be_believed(level: int) -> None:
    """What shrinks to a thirty-thousandth is expanded again: the bound refuses no true frame."""
    zeros = bytes(20_000_000)
    frame = Zstd(level).shrink(zeros)

    assert frame
    assert expand(frame, len(zeros)) == zeros


@pytest.mark.parametrize("data", [b"", b"x", NOISE, FRAME])
def test_what_does_not_shrink_is_left(data: bytes) -> None:
    """What would be no smaller is not compressed."""
    assert Zstd().shrink(data) is None


def test_what_stays_as_long_is_left() -> None:
    """A frame as long as its content would be taken for the content: there is never one."""
    compressor, equal = zstandard.ZstdCompressor(level=3), 0
    for noise in range(20, 60):
        for zeros in range(40):
            data = NOISE[:noise] + bytes(zeros)
            if len(compressor.compress(data)) == len(data):
                equal += 1
                assert Zstd(3).shrink(data) is None

    assert equal


def test_anyone_reads_a_frame() -> None:
    """A frame is the standard's: zstandard alone opens it, and it says its size."""
    assert zstandard.ZstdDecompressor().decompress(FRAME) == TEXT
    assert zstandard.frame_content_size(FRAME) == len(TEXT)
    assert FRAME.startswith(MAGIC)


def test_threads_do_not_disturb_each_other() -> None:
    """One `Zstd` is used by several threads at once."""
    zstd = Zstd(3)

    def there_and_back(seed: int) -> bool:
        data = random.Random(seed).randbytes(5_000) * 20
        frame = zstd.shrink(data)
        return frame is not None and expand(frame, len(data)) == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(200)))


# What is refused


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no frame": b"no zstd frame at all",
    "an empty frame": claiming(0),
    "an empty frame, and more": claiming(0) + b"more",
    "an empty frame, and another": claiming(0) + FRAME,
    "cut in its header": FRAME[:6],
    "cut by a byte": FRAME[:-1],
    "trailing bytes": FRAME + b"x",
    "two frames": FRAME + FRAME,
    "a frame to be skipped": struct.pack("<II", 0x184D2A50, 4) + b"skip",
    "a frame behind one to be skipped": struct.pack("<II", 0x184D2A50, 4) + b"skip" + FRAME,
    "unknown size": of_unknown_size(TEXT),
    "size left out": zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    "a size that is not true": FRAME.replace(struct.pack("<H", len(TEXT) - 256), struct.pack("<H", 9), 1),
    "a byte more than is due": Zstd().shrink(TEXT + b"x") or b"",
    "a dictionary is missing": MAGIC + b"\x61" + b"\x07" + struct.pack("<H", 100) + b"\x01\x00\x00",
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_shrink_did_not_make_is_refused(refused: str) -> None:
    """Whatever is not one whole frame, that says its size, of at most what is due, is corrupt."""
    assert REFUSED[refused] != FRAME

    with pytest.raises(CheckpointCorrupt, match="zstd frame"):
        expand(REFUSED[refused], len(TEXT))


@pytest.mark.parametrize("size", [10 * 2**30, 2**60, 2**63, 2**64 - 3])
@pytest.mark.parametrize("limit", [len(TEXT), 2**64])
def test_a_bomb_takes_no_memory(size: int, limit: int) -> None:
    """A frame that claims more than is due, or than its own few bytes could ever hold, is refused at once."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointCorrupt, match="zstd frame"):
            expand(claiming(size), limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 2**20


def test_every_flip_is_right_or_refused() -> None:
    """A damaged frame is corrupt, or holds other bytes of the same size: it never raises anything else."""
    for index in range(len(FRAME)):
        for bit in range(8):
            damaged = FRAME[:index] + bytes([FRAME[index] ^ 1 << bit]) + FRAME[index + 1 :]
            try:
                assert len(expand(damaged, len(TEXT))) <= len(TEXT)
            except CheckpointCorrupt:
                continue


# The argument


@pytest.mark.parametrize("level", [0, 23, -1, 10**9])
def test_a_level_out_of_range(level: int) -> None:
    """Levels go from 1 to 22."""
    with pytest.raises(ValueError, match=rf"level must be 1 to 22, not {level}"):
        Zstd(level)


@pytest.mark.parametrize("level", ["3", 3.0, True, None])
def test_a_level_of_another_type(level: object) -> None:
    """A level is an int, and True is none."""
    with pytest.raises(TypeError, match=rf"level must be an int, not {type(level).__name__}"):
        Zstd(level)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", ["gzip", "", "ZSTD", "zstd:3"])
def test_an_unknown_name(compression: str) -> None:
    """A name that is not known is refused when the store is opened."""
    with pytest.raises(ValueError, match=rf"compression '{compression}' is unknown: use \"zstd\""):
        CheckpointStore("memory://", compression=compression)


@pytest.mark.parametrize("compression", [3, True, b"zstd", Zstd, ["zstd"]])
def test_no_compression_at_all(compression: object) -> None:
    """What is neither a name nor a `Zstd` is refused when the store is opened."""
    with pytest.raises(TypeError, match=r"compression must be \"zstd\", Zstd\(level=…\) or None, not "):
        CheckpointStore("memory://", compression=compression)  # type: ignore[arg-type]


def test_the_name_is_zstds_own_choice() -> None:
    """The name "zstd" is `Zstd()`, which is level 3."""
    assert repr(CheckpointStore("memory://", compression="zstd")) == repr(
        CheckpointStore("memory://", compression=Zstd(level=3))
    )
