"""How much is measured: in full, or so little that a test can see whether the programs run."""

from __future__ import annotations

from dataclasses import dataclass


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
    label: str


FULL = Sizes(
    rounds=100, saves=10, loads=100, traced=100, many=100_000, processes=30, orders=100_000, heavy=7, label="full run"
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
    label="tiny run: says nothing of speed",
)
