"""
How the golden checkpoints of simulators were made; run by hand, never by a test.

    PYTHONPATH=tests/tools python tests/execution/golden/make.py

Writes what is not here yet: for each version of a checkpoint, as `<version>.json` what `serialize_checkpoint` gives,
and as `<version>/` the folder of a manager. What is here is never written again: it stands for the files that users
have. A new version gets an example of its own.
"""

from __future__ import annotations

import json
from dataclasses import fields, make_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from trading import SYMBOL, at, buy, latency, sell

from ckptstore import CheckpointStore, Schema
from ckptstore.execution import (
    LATENCY_SLOW,
    CheckpointManager,
    DrawdownLimitRule,
    ExecutionCheckpoint,
    ExecutionSimulator,
    ExposureLimitRule,
    PositionLimitRule,
    RiskConfig,
    serialize_checkpoint,
)

HERE = Path(__file__).parent
OLD_FIELDS = 15  # of version 1.0.0: the first ones
RULES = RiskConfig(
    PositionLimitRule(Decimal(500)), ExposureLimitRule(Decimal("99.5")), DrawdownLimitRule(None, Decimal(40))
)


def simulator_1_0_0() -> ExecutionSimulator:
    """Filled, rejected and cancelled orders, one that waits and one that is new."""
    made = ExecutionSimulator(Decimal("10000.00"), simulator_id="golden", risk_config=RULES, seed=1)
    made.submit_order(buy("bought", "10.50"), at(0))
    made.process_market_data(SYMBOL, Decimal("100.10"), at(1))
    made.submit_order(sell("sold", "0.5"), at(2))
    made.process_market_data(SYMBOL, Decimal("101.00"), at(3))
    made.submit_order(sell("rejected", "99"), at(4))
    made.submit_order(buy("cancelled", "1", limit_price=Decimal("90.0")), at(5))
    made.cancel_order("cancelled", at(6))
    made.submit_order(buy("waiting", "1", limit_price=Decimal("91.0")), at(7))
    made.latency_config = LATENCY_SLOW
    made.submit_order(sell("new", "1"), at(8))
    return made


def simulator_1_1_0() -> ExecutionSimulator:
    """Actions of each kind, an execution that is not reported yet, a custom latency, and an hour that is repeated."""
    start = datetime(2024, 10, 27, 2, 30, 0, 7, ZoneInfo("Europe/Berlin"), fold=1)
    settings: dict[str, Any] = {"risk_config": RULES, "simulator_id": "golden", "seed": -3}
    made = ExecutionSimulator(
        Decimal("10000.00"), Decimal("2.50"), Decimal("0.010"), latency(5, 10, 40, 60), **settings
    )

    def after(milliseconds: int) -> datetime:
        return (start + timedelta(milliseconds=milliseconds)).replace(fold=1)

    made.submit_order(buy("bought", "10.50", created_at=start), start)
    for milliseconds in (6, 70):
        made.process_market_data(SYMBOL, Decimal("100.10"), after(milliseconds))
    made.submit_order(buy("cancelling", "1", limit_price=Decimal("90.0"), created_at=start))
    made.submit_order(sell("stopped", "1", stop_price=Decimal("99.0"), created_at=start))
    made.submit_order(sell("filled", "2.25", created_at=start))
    made.process_market_data(SYMBOL, Decimal("98.50"), after(80))
    made.submit_order(sell("filling", "3", created_at=start), after(130))
    made.process_market_data("MSFT", Decimal(40), after(135))
    made.process_market_data(SYMBOL, Decimal("98.70"), after(139))
    made.cancel_order("cancelling", after(148))
    made.submit_order(buy("new", "1", created_at=start), after(185))
    return made


def write(version: str, checkpoint: ExecutionCheckpoint) -> None:
    """Write the dict and the folder of `checkpoint`, which is of this version, with the fields that `version` has."""
    data = serialize_checkpoint(checkpoint)
    if version == "1.0.0":
        old_fields = fields(ExecutionCheckpoint)[:OLD_FIELDS]
        old_class = make_dataclass("ExecutionCheckpoint", [(field.name, Any) for field in old_fields])
        old = old_class(*("1.0.0", *(getattr(checkpoint, field.name) for field in old_fields[1:])))
        store = CheckpointStore(HERE / version, schema=Schema(version))
        store.save(checkpoint.simulator_id, old, metadata={"timestamp": checkpoint.checkpoint_timestamp})
        data = {field.name: data[field.name] for field in old_fields} | {"version": version}
    else:
        CheckpointManager(HERE / version).save_checkpoint(checkpoint)
    (HERE / f"{version}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Write the examples that are missing."""
    manager = CheckpointManager("memory://")
    for version, made in (("1.0.0", simulator_1_0_0), ("1.1.0", simulator_1_1_0)):
        if not (HERE / f"{version}.json").exists():
            write(version, manager.create_checkpoint(made()))


if __name__ == "__main__":
    main()
