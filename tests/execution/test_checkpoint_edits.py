"""Every value of a checkpoint's file, replaced by every kind of nonsense."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from playing import end_of
from trading import SYMBOL, at, buy, holding, latency, sell

from ckptstore.execution import CheckpointManager, deserialize_checkpoint, serialize_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

NONSENSE: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "-1",
    "NaN",
    "sNaN",
    "Infinity",
    "1E+999999",
    "2024-03-01T09:30:00",
    "\ud800",
    [],
    [None],
    {},
    {"": None},
    {"x": {}},
]


def written() -> dict[str, Any]:
    """A checkpoint's file: a filled order, one that waits, one that is new, and a fill that is queued."""
    made = holding("10", latency_config=latency(5, 50, 20, 90))
    made.process_market_data(SYMBOL, holding().last_prices[SYMBOL], at(10))
    made.process_market_data(SYMBOL, holding().last_prices[SYMBOL], at(200))
    made.submit_order(sell("filling", "5"), at(210))
    made.submit_order(buy("waiting", "1", limit_price=holding().cash), at(210))
    made.process_market_data(SYMBOL, holding().last_prices[SYMBOL], at(220))
    made.submit_order(buy("new", "1"), at(221))
    return serialize_checkpoint(CheckpointManager("memory://").create_checkpoint(made))


def places(tree: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Every container in `tree` with each of its keys or indexes."""
    if isinstance(tree, (dict, list)):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from places(value)


def outcome(manager: CheckpointManager, data: Any) -> str:  # noqa: ANN401 - JSON
    """What becomes of `data`: it is refused, or is a simulator that goes on and can be saved again."""
    try:
        simulator = manager.restore_simulator(deserialize_checkpoint(data))
    except ValueError:
        return "refused"
    for symbol in (SYMBOL, "MSFT"):
        simulator.process_market_data(symbol, Decimal("101.10"), at(10_000))
    return "restored" if end_of(simulator) else ""


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense(nonsense: object) -> None:
    """In any place of the file it is a `ValueError` or it makes sense there: nothing else."""
    manager, data = CheckpointManager("memory://"), written()
    before = json.dumps(data)
    outcomes = []
    for container, key in places(data):
        kept, container[key] = container[key], copy.deepcopy(nonsense)
        outcomes.append(outcome(manager, data))
        container[key] = kept

    assert json.dumps(data) == before
    assert len(outcomes) > 100
    assert outcomes.count("refused") > len(outcomes) / 3


def test_what_is_missing() -> None:
    """A value that is taken out is refused too, or has a default."""
    manager, data = CheckpointManager("memory://"), written()
    outcomes = []
    for container, key in places(data):
        if isinstance(container, dict):
            kept = dict(container)
            del container[key]
            outcomes.append(outcome(manager, data))
            container.clear()
            container.update(kept)

    assert {"refused", "restored"} == set(outcomes)
