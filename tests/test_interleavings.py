"""Two savers, a pruner and a reader, interleaved call by call; and proof that the search finds planted bugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import planted
import pytest
from interleave import Scenario, explore
from sealing import SETTINGS
from small import small_chunks

from ckptstore import Decision, codecs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turns import Script

    from ckptstore import Checkpoint

S = "save"
PIN = frozenset({1})


class KeepLastAndFirst:
    """Keeps the newest and number 1, which leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Newest and first."""
        return [Decision(c.number, c.number == 1 or i == 0, "") for i, c in enumerate(checkpoints)]


SCENARIOS = {
    "two writers": Scenario({"a": ["load", S], "b": ["load", S, S, S]}),
    "two writers, keep 2": Scenario({"a": ["load", S], "b": ["load", S, S, S]}, keep=2),
    "two writers swap": Scenario({"a": ["load", S, S], "b": ["load", S, S], "c": ["latest", "latest"]}),
    "two writers swap, keep 2": Scenario(
        {"a": ["load", S, S], "b": ["load", S, S, S], "c": ["latest", "load"]}, keep=2
    ),
    "empty run": Scenario({"a": [S], "b": [S, S], "c": ["latest", "checkpoints"]}, seeded=False),
    "reader under writer": Scenario({"a": ["load", S, S, S], "c": ["load", "load"]}, large=True),
    "late reader": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["latest", "checkpoints", "load 2"]}),
    "readers": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["latest"] * 6}),
    "lost hint": Scenario({"a": ["load", S, S], "b": ["load", S, S, S], "c": ["lose hint", "load"] * 4}, keep=2),
    "lost hint, keep 1": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["lose hint", "latest"] * 4}),
    "pruner": Scenario({"a": ["load", S], "b": ["load", S, S], "p": ["prune"]}, keep=None, large=True),
    "pruner and reader": Scenario({"a": ["load", S, S], "p": ["prune"], "c": ["load"]}, keep=None, large=True),
    "two pruners": Scenario({"a": ["load", S, S], "p": ["prune"], "q": ["prune"]}, keep=None, large=True),
    "gaps": Scenario(
        {"a": ["load", S], "b": ["load", S, S, S], "c": ["latest", "load 2"]}, pins=PIN, policy=KeepLastAndFirst
    ),
    "gaps and pruners": Scenario(
        {"a": ["load", S, S, S], "p": ["prune"], "q": ["prune"]}, pins=PIN, policy=KeepLastAndFirst, large=True
    ),
    "lost and late replies": Scenario({"a": ["load", S], "b": ["load", S, S]}, losses=2, large=True),
    "lost and late replies, three": Scenario({"a": ["load", S, S], "b": ["load", S, S], "c": ["latest"]}, losses=2),
    "delete": Scenario({"a": ["load", S, S], "d": ["delete 1", "delete 2"], "c": ["load 2", "load"]}, keep=None),
    "dead writer's number": Scenario({"a": ["load", S], "b": ["load", S, S], "c": ["load 2"]}),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large states are some chunks in some packs, and share what does not change."""
    small_chunks(monkeypatch)


# What each save and load does besides takes longer, and the protocol is the same: fewer orders, each bug all the same.
CODECS = {"plain": codecs.PLAIN, "zstd + fernet": codecs.resolve(**SETTINGS["zstd + fernet"])}
SEEDS = {"plain": 200, "zstd + fernet": 20}


# Orders so rare that they are written down: each is how one left-out rule loses something.
STALE_HINT = ("readers", (("a", 0), ("b", 99), ("a", 2), ("c", 99)))
STALE_WALK = ("readers", (("a", 0), ("c", -2), ("b", 99), ("a", 1), ("c", 99)))
STALE_LIST = ("lost hint, keep 1", (("a", 0), ("b", 3), ("c", -4), ("b", 99), ("a", 1), ("c", 99)))
HOLE_ABOVE = ("pruner", (("a", 0), ("b", 99), ("p", 2), ("a", 99)))  # after the hint and one slot
FOLLOWED = ("two writers swap, keep 2", (("a", 0), ("a", -1), ("b", 3), ("a", 99)))
STRAY_BELOW = ("late reader", (("a", 0), ("b", 99), ("a", 1), ("c", 99)))
SCRIPTS = [STRAY_BELOW, FOLLOWED, STALE_HINT, STALE_WALK, STALE_LIST, HOLE_ABOVE]

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


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("kind", CODECS)
def test_no_order_of_calls_breaks_a_promise(kind: str, name: str) -> None:
    """Whatever the order, I1 to I6 of the protocol hold."""
    for seed in range(SEEDS[kind]):
        violation = explore(SCENARIOS[name], seed, codecs=CODECS[kind])

        assert violation is None, f"seed {seed}: {violation}"


@pytest.mark.parametrize(("name", "script"), SCRIPTS)
@pytest.mark.parametrize("kind", CODECS)
def test_no_rare_order_breaks_a_promise(kind: str, name: str, script: Script) -> None:
    """The orders by which weakened protocols lose something do not hurt the real one."""
    for seed in range(SEEDS[kind] // 10):
        violation = explore(SCENARIOS[name], seed, script, CODECS[kind])

        assert violation is None, f"seed {seed}: {violation}"


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
@pytest.mark.parametrize("kind", CODECS)
def test_the_search_finds_a_planted_bug(
    kind: str, bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any one rule of the protocol left out, some order breaks a promise: the search can fail."""
    where = PLANTED[bug]
    name, script = where if isinstance(where, tuple) else (where, ())
    bug(monkeypatch)

    assert any(explore(SCENARIOS[name], seed, script, CODECS[kind]) for seed in range(1000))
