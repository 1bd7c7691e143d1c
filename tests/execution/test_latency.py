"""Latencies, and the draws between the shortest and the longest."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta

import pytest
from trading import latency

from ckptstore.execution import LATENCY_FAST, LATENCY_INSTANT, LATENCY_NORMAL, LATENCY_SLOW, LatencyConfig
from ckptstore.execution.latency import Draws

LOW, HIGH = timedelta(milliseconds=100), timedelta(milliseconds=200)


@pytest.mark.parametrize(
    ("profile", "milliseconds"),
    [
        (LATENCY_INSTANT, (0, 0, 0, 0)),
        (LATENCY_FAST, (10, 50, 100, 20)),
        (LATENCY_NORMAL, (50, 100, 200, 50)),
        (LATENCY_SLOW, (100, 500, 1000, 100)),
    ],
)
def test_profiles(profile: LatencyConfig, milliseconds: tuple[int, ...]) -> None:
    """A profile is these times: submission, shortest and longest fill, cancel."""
    assert astuple(profile) == tuple(timedelta(milliseconds=count) for count in milliseconds)


def test_senseless_latencies() -> None:
    """A negative time, a minimum above its maximum and a bare number are refused."""
    with pytest.raises(ValueError, match="cancel_latency must not be negative"):
        latency(cancel=-1)
    with pytest.raises(ValueError, match=r"fill_latency_min .* is more than"):
        latency(fill=2, fill_max=1)
    with pytest.raises(TypeError, match="submission_latency must be a timedelta"):
        LatencyConfig(50, LOW, HIGH, LOW)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test


def test_draws_are_told_by_seed_and_count() -> None:
    """A sequence that is taken up at its count goes on as the one that never stopped; another seed, otherwise."""
    whole = Draws(7)
    drawn = [whole.between(LOW, HIGH) for _ in range(20)]
    taken_up = Draws(7, 12)

    assert [taken_up.between(LOW, HIGH) for _ in range(8)] == drawn[12:]
    assert [Draws(8).between(LOW, HIGH)] != drawn[:1]


def test_draws_stay_the_same() -> None:
    """The draws of a seed are these, so that a checkpoint of today goes on tomorrow as it would have."""
    draws = Draws(1)

    assert [draws.between(LOW, HIGH) // timedelta(microseconds=1) for _ in range(3)] == [176794, 189430, 160395]


def test_draws_cover_the_range() -> None:
    """Both ends are drawn, nothing beyond them, and the middle is in the middle."""
    draws = Draws(3)
    drawn = [draws.between(timedelta(0), timedelta(microseconds=9)) // timedelta(microseconds=1) for _ in range(2000)]

    assert set(drawn) == set(range(10))
    assert 4.2 < sum(drawn) / len(drawn) < 4.8


def test_no_choice_no_draw() -> None:
    """Where shortest and longest are one, nothing is drawn."""
    draws = Draws(3)

    assert (draws.between(LOW, LOW), draws.count) == (LOW, 0)


def test_fresh_seeds_differ() -> None:
    """Without a seed each sequence is its own."""
    assert Draws(None).seed != Draws(None).seed


def test_senseless_seeds() -> None:
    """A seed is an int that 64 bits hold."""
    with pytest.raises(ValueError, match="seed must lie between"):
        Draws(2**63)
    with pytest.raises(TypeError, match="seed must be an int or None"):
        Draws("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - it is the test
