"""Two savers, a pruner and a reader, interleaved call by call; and proof that the search finds planted bugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import planted
import planted_pointer
import pytest
from interleave import explore
from scenarios import KINDS, SCENARIOS
from small import small_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from turns import Script


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large states are some chunks in some packs, and share what does not change."""
    small_chunks(monkeypatch)


# What each save and load does besides takes longer, and the protocol is the same: fewer orders, each bug all the same.
SEEDS = {"plain": 100, "zstd + fernet": 20, "comparing": 100}


# Orders so rare that they are written down: each is how one left-out rule loses something.
STALE_HINT = ("readers", (("a", 0), ("b", 99), ("a", 2), ("c", 99)))
STALE_WALK = ("readers", (("a", 0), ("c", -2), ("b", 99), ("a", 1), ("c", 99)))
STALE_LIST = ("lost hint, keep 1", (("a", 0), ("b", 3), ("c", -4), ("b", 99), ("a", 1), ("c", 99)))
HOLE_ABOVE = ("pruner", (("a", 0), ("b", 99), ("p", 2), ("a", 99)))  # after the hint and one slot
FOLLOWED = ("two writers swap, keep 2", (("a", 0), ("a", -1), ("b", 3), ("a", 99)))
STRAY_BELOW = ("late reader", (("a", 0), ("b", 99), ("a", 1), ("c", 99)))
STALE_TAG = ("two writers", (("a", 0), ("b", 99), ("a", 99)))
LATE_TAG = ("no load before", (("a", -4), ("b", 99), ("a", 99)))
LAGGING = ("hint that lags", (("a", 0), ("b", 1), ("c", 1), ("p", 99), ("a", 99)))
LATE_HINT = ("lost hint", (("c", 1), ("a", 1), ("b", 99), ("c", 1), ("a", 99)))
TWICE = ("hint lost and written", (("b", 1), ("b", -2), ("a", 0), ("c", 99), ("h", 99), ("b", 99), ("a", 99)))
SCRIPTS = [STRAY_BELOW, FOLLOWED, STALE_HINT, STALE_WALK, STALE_LIST, HOLE_ABOVE]
SCRIPTS += [STALE_TAG, LATE_TAG, LAGGING, LATE_HINT, TWICE]

PLANTED: dict[Callable[[pytest.MonkeyPatch], None], str | tuple[str, Script]] = {
    planted.no_proof: "two writers",
    planted.hint_before_proof: STALE_HINT,
    planted.no_list_on_doubt: "pruner",
    planted.no_look_above: FOLLOWED,
    planted.trust_empty_base: "empty run",
    planted.hint_not_reread: "two writers swap",
    planted.walk_not_proven: STALE_WALK,
    planted.no_second_list: STALE_LIST,
    planted.top_down: HOLE_ABOVE,
    planted.no_markers: "gaps",
    planted.no_links: STRAY_BELOW,
    planted.packs_without_aim: "pruner",
    planted.packs_first: "two writers",
    planted.stale_table: "reader under writer",
    planted.collect_by_number: "pruner",
    planted.losers_clean_up: "lost and late replies",
    planted.no_readback: "lost and late replies",
    planted.one_id_for_all_attempts: "lost and late replies",
    planted.unknown_floor: "lost and late replies, three",
}


BY_HINT: dict[Callable[[pytest.MonkeyPatch], None], str | tuple[str, Script]] = {
    planted_pointer.unconditional: STALE_TAG,
    planted_pointer.hint_read_last: LATE_TAG,
    planted_pointer.hint_left_behind: LAGGING,
    planted_pointer.any_hint_proves: LATE_HINT,
    planted_pointer.written_twice: TWICE,
    planted_pointer.retention_without_hint: "lost and late replies, three",
}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_order_of_calls_breaks_a_promise(kind: str, name: str) -> None:
    """Whatever the order, I1 to I6 of the protocol hold."""
    for seed in range(SEEDS[kind]):
        violation = explore(SCENARIOS[name], seed, **KINDS[kind])

        assert violation is None, f"seed {seed}: {violation}"


@pytest.mark.parametrize(("name", "script"), SCRIPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_rare_order_breaks_a_promise(kind: str, name: str, script: Script) -> None:
    """The orders by which weakened protocols lose something do not hurt the real one."""
    for seed in range(SEEDS[kind] // 10):
        violation = explore(SCENARIOS[name], seed, script, **KINDS[kind])

        assert violation is None, f"seed {seed}: {violation}"


@pytest.mark.parametrize(
    ("kind", "bug"),
    [
        pytest.param(kind, bug, id=f"{kind}-{bug.__name__}")
        for kind in KINDS
        for bug in (BY_HINT if kind == "comparing" else PLANTED)
    ],
)
def test_the_search_finds_a_planted_bug(
    kind: str, bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any one rule of the protocol left out, some order breaks a promise: the search can fail."""
    where = {**PLANTED, **BY_HINT}[bug]
    name, script = where if isinstance(where, tuple) else (where, ())
    bug(monkeypatch)

    assert any(explore(SCENARIOS[name], seed, script, **KINDS[kind]) for seed in range(1000))
