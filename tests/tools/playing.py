"""
Events as JSON holds them, played to a simulator, here or in another process.

As a program: `python playing.py`. It answers each line of its input, `{"folder": …, "id": …, "rest": [event, …]}`, with
the reports and the end of a simulator that it recovers from the folder and plays the rest of the events to.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ckptstore.execution import (
    CheckpointManager,
    DrawdownLimitRule,
    ExecutionSimulator,
    ExposureLimitRule,
    LatencyConfig,
    Order,
    OrderSide,
    OrderType,
    PositionLimitRule,
    RiskConfig,
    serialize_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STARTS = (
    datetime(2024, 3, 1, 9, 30),  # noqa: DTZ001 - naive times are times too
    datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 2, 59, 58, tzinfo=ZoneInfo("Europe/Berlin")),  # the clock is set back two seconds later
)


def started(latency: LatencyConfig) -> ExecutionSimulator:
    """A simulator with costs and limits."""
    rules = RiskConfig(
        PositionLimitRule(Decimal(90), Decimal(9000)),
        ExposureLimitRule(Decimal(95), Decimal(95)),
        DrawdownLimitRule(Decimal("20.5"), Decimal(30)),
    )
    return ExecutionSimulator(Decimal("10000.00"), Decimal("7.5"), Decimal("0.010"), latency, rules, "sim", seed=7)


def market(chance: random.Random, size: int) -> list[list[Any]]:
    """So many events: prices that wander, orders near them, cancels of orders, now and then a switch."""
    prices = {"AAPL": 10_000, "MSFT": 4_000}  # in hundredths
    return [_event(chance, prices, index) for index in range(size)]


def _event(chance: random.Random, prices: dict[str, int], index: int) -> list[Any]:
    kind = chance.choices(["price", "submit", "cancel", "switch"], [45, 38, 12, 5])[0]
    delay = chance.choice([None, 0, 1, 20, 60, 150, 400, 1500])
    if kind == "cancel":
        return [kind, delay, f"order-{chance.randrange(index + 1)}"]
    if kind == "switch":
        return [
            chance.choice(["disable_trading", "enable_trading", "enable_trading", "reset_daily_risk_tracking"]),
            None,
        ]
    symbol = chance.choice(list(prices))
    if kind == "price":
        prices[symbol] += chance.randint(-300, 320)
        return [kind, delay, symbol, f"{prices[symbol] // 100}.{prices[symbol] % 100:02}"]
    number = index if chance.random() < 0.9 else chance.randrange(index + 1)  # which may be taken
    side = chance.choices(["buy", "sell"], [6, 4])[0]
    order_type = chance.choice(["market", "market", "limit", "stop"])
    quantity = chance.choice(["1", "7.50", "0.003", "12", "30", "60", "500", "0"])
    near = prices[symbol] + chance.randint(-250, 250)
    return [kind, delay, f"order-{number}", symbol, side, order_type, quantity, f"{near / 100:.2f}"]


def play(simulator: ExecutionSimulator, event: Sequence[Any], start: datetime) -> list[str]:
    """Let `event` happen, so many milliseconds after the event before; the ids of the executions it reports."""
    kind, delay, *rest = event
    now = simulator.current_time or start
    then = None if delay is None and simulator.current_time else _later(now, delay or 0)
    if kind == "price":
        symbol, price = rest
        return [each.execution_id for each in simulator.process_market_data(symbol, Decimal(price), then)]
    if kind == "submit":
        order_id, symbol, side, order_type, quantity, price = rest
        limits = {"limit": {"limit_price": Decimal(price)}, "stop": {"stop_price": Decimal(price)}, "market": {}}
        order = Order(order_id, symbol, OrderSide(side), OrderType(order_type), Decimal(quantity), now)
        for name, value in limits[order_type].items():
            setattr(order, name, value)
        simulator.submit_order(order, then)
    elif kind == "cancel":
        simulator.cancel_order(rest[0], then)
    else:
        getattr(simulator, kind)()
    return []


def end_of(simulator: ExecutionSimulator) -> str:
    """All of its state, to the last digit."""
    return json.dumps(serialize_checkpoint(CheckpointManager("memory://").create_checkpoint(simulator)))


@contextmanager
def other_process() -> Iterator[Callable[[dict[str, Any]], Any]]:
    """A function that asks a process with another random state, hash seed and time zone."""
    environment = os.environ | {"PYTHONHASHSEED": "5", "TZ": "Asia/Tokyo"}
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as process:
        reader, writer = process.stdout, process.stdin
        assert reader is not None
        assert writer is not None

        def ask(question: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
            writer.write(json.dumps(question) + "\n")
            writer.flush()
            return json.loads(reader.readline())

        yield ask


def _later(moment: datetime, milliseconds: int) -> datetime:
    delay = timedelta(milliseconds=milliseconds)
    if moment.tzinfo is None:
        return moment + delay
    return (moment.astimezone(UTC) + delay).astimezone(moment.tzinfo)


def _answer(question: dict[str, Any]) -> list[Any]:
    random.seed()
    manager = CheckpointManager(Path(question["folder"]))
    simulator = manager.restore_simulator(manager.load_checkpoint(question["id"]))
    reports = [play(simulator, event, STARTS[question["start"]]) for event in question["rest"]]
    return [reports, end_of(simulator)]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)  # noqa: T201 - the answer
