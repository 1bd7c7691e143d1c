"""Interleavings of savers, pruners and readers without end."""

from __future__ import annotations

import time

import pytest
from interleave import explore
from scenarios import KINDS, SCENARIOS
from small import small_chunks


def run(seed: int, seconds: float) -> int:
    """Play every scenario in orders drawn from `seed` and the numbers behind it; -> how many orders."""
    end, tried = time.monotonic() + seconds, 0
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch)
        while tried == 0 or time.monotonic() < end:
            for name, scenario in SCENARIOS.items():
                for kind in "plain", "comparing":
                    violation = explore(scenario, seed, **KINDS[kind])
                    assert violation is None, f"seed {seed}, {kind}, {name}: {violation}"
            tried, seed = tried + 2 * len(SCENARIOS), seed + 1
    return tried
