"""How long orders, fills and cancels take, and the draws that decide between the shortest and the longest."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from datetime import timedelta
from hashlib import sha256

_MICROSECOND = timedelta(microseconds=1)
_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class LatencyConfig:
    """
    How long it takes until an order is submitted, a triggered fill happens, a cancel takes effect.

    A fill takes anything from `fill_latency_min` to `fill_latency_max`, both included, in microseconds.
    `ValueError` for a negative latency, and for a minimum above its maximum.
    """

    submission_latency: timedelta
    fill_latency_min: timedelta
    fill_latency_max: timedelta
    cancel_latency: timedelta

    def __post_init__(self) -> None:
        for each in fields(self):
            latency = getattr(self, each.name)
            if not isinstance(latency, timedelta):
                raise TypeError(f"{each.name} must be a timedelta, not {latency!r}")
            if latency < timedelta(0):
                raise ValueError(f"{each.name} must not be negative: {latency}")
        if self.fill_latency_min > self.fill_latency_max:
            raise ValueError(
                f"fill_latency_min {self.fill_latency_min} is more than fill_latency_max {self.fill_latency_max}",
            )


def _milliseconds(submission: int, fill_min: int, fill_max: int, cancel: int) -> LatencyConfig:
    times = (timedelta(milliseconds=count) for count in (submission, fill_min, fill_max, cancel))
    return LatencyConfig(*times)


LATENCY_INSTANT = _milliseconds(0, 0, 0, 0)
LATENCY_FAST = _milliseconds(10, 50, 100, 20)
LATENCY_NORMAL = _milliseconds(50, 100, 200, 50)
LATENCY_SLOW = _milliseconds(100, 500, 1000, 100)


class Draws:
    """
    A sequence of random draws that `seed` and `count` tell completely: two of equal seed and count go on alike.

    `seed` None stands for a fresh one; `ValueError` for one that 64 bits do not hold.
    """

    def __init__(self, seed: int | None, count: int = 0) -> None:
        if seed is None:
            seed = int.from_bytes(os.urandom(8)) % _SEEDS
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"seed must be an int or None, not {seed!r}")
        if not -_SEEDS <= seed < _SEEDS:
            raise ValueError(f"seed must lie between -2**63 and 2**63 - 1: {seed}")
        self.seed = seed
        self.count = count

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """A time from `low` to `high`, both included, each microsecond as likely as any other."""
        span = (high - low) // _MICROSECOND
        if not span:
            return low
        digest = sha256(b"%d:%d" % (self.seed, self.count)).digest()
        self.count += 1
        return low + int.from_bytes(digest[:16]) % (span + 1) * _MICROSECOND
