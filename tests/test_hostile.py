"""Input by somebody who knows the format and means harm: only our errors leave a store, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hostile
import planted_checks
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Explore = Callable[[int], str | None]
    Bug = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize(("explore", "count"), [(hostile.states, 300), (hostile.runs, 40)])
def test_only_our_errors_leave_a_store(explore: Explore, count: int) -> None:
    """Whatever is stored, in bounded memory: nothing imported, run, or touched outside of the run."""
    for seed in range(count):
        violation = explore(seed)

        assert violation is None, f"seed {seed}: {violation}"


PLANTED: dict[Bug, Explore] = {
    planted_checks.no_levels: hostile.states,
    planted_checks.recursion_leaks: hostile.states,
    planted_checks.zones_imported: hostile.states,
    planted_checks.no_bound_on_frames: hostile.runs,
    planted_checks.no_last_number: hostile.runs,
    planted_checks.any_pack_name: hostile.runs,
    planted_checks.pickle_trusted: hostile.runs,
    planted_checks.long_messages: hostile.runs,
}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_bound_left_out_is_noticed(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any one bound or refusal left out, some input breaks a promise: the search can fail."""
    hostile.warm()
    bug(monkeypatch)

    assert any(PLANTED[bug](seed) for seed in range(3000))
