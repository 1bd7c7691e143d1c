"""How much is measured: in full, or so little that a test can see whether the programs run."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Rounds, and how many of each thing in a turn of one."""

    rounds: int
    saves: int
    loads: int
    traced: int  # saves under strace
    many: int  # checkpoints in the large run
    processes: int  # rounds of whole processes
    orders: int  # completed orders of a simulator
    heavy: int  # rounds of what takes seconds
    large: int  # rounds of a large state
    bulk: int  # bytes of a large state
    stream: int  # bytes of one that is never in memory as a whole
    apart: tuple[int, ...]  # bytes of large states on S3
    label: str


FULL = Sizes(
    rounds=100,
    saves=10,
    loads=100,
    traced=100,
    many=100_000,
    processes=30,
    orders=100_000,
    heavy=7,
    large=5,
    bulk=1024 * MIB,
    stream=4096 * MIB,
    apart=(64 * MIB, 1024 * MIB),
    label="full run",
)
SMALL = Sizes(
    rounds=1,
    saves=1,
    loads=1,
    traced=2,
    many=20,
    processes=1,
    orders=40,
    heavy=1,
    large=1,
    bulk=3 * MIB,
    stream=6 * MIB,
    apart=(2 * MIB, 3 * MIB),
    label="tiny run: says nothing of speed",
)
