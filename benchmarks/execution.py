"""A simulator with many completed orders saved and restored: side by side with dicts made by hand and `json.dump`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import byhand
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import Section, at_least, at_most, cells
from ckptstore.execution import (
    LATENCY_NORMAL,
    CheckpointManager,
    ExecutionSimulator,
    Order,
    OrderSide,
    OrderType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.sizes import Sizes

_HAND, _OURS, _ZSTD = "dicts by hand, json.dump(indent=2) twice, no sync", "ckptstore", "ckptstore, zstd"
_PLACES = {_HAND: "hand", _OURS: "plain", _ZSTD: "zstd"}
_SYMBOLS = [f"SYM{n:02}" for n in range(20)]
_START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def simulator(orders: int) -> ExecutionSimulator:
    """One with so many filled orders, bought and sold in turn."""
    made = ExecutionSimulator(
        Decimal(10_000_000),
        commission_per_share=Decimal("0.005"),
        latency_config=LATENCY_NORMAL,
        simulator_id="bench",
        seed=7,
    )
    now = _START
    for number in range(orders):
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        side = OrderSide.SELL if number // len(_SYMBOLS) % 2 else OrderSide.BUY
        now += timedelta(seconds=1)
        made.submit_order(Order(f"order-{number:06}", symbol, side, OrderType.MARKET, Decimal(100), now), now)
        for delay in (100, 400):  # submitted after 50 ms, filled at most 200 ms after the first price
            price = Decimal(10_000 + number * 37 % 999) / 100
            made.process_market_data(symbol, price, now + timedelta(milliseconds=delay))
    return made


def measure(folder: str, sizes: Sizes) -> Section:
    """Durable save, stored bytes, load and restore."""
    made = simulator(sizes.orders)
    hand = os.path.join(folder, _PLACES[_HAND])
    os.mkdir(hand)
    managers = {
        _OURS: CheckpointManager(os.path.join(folder, _PLACES[_OURS]), retention=1),
        _ZSTD: CheckpointManager(os.path.join(folder, _PLACES[_ZSTD]), compression="zstd", retention=1),
    }
    savers: dict[str, Callable[[], object]] = {_HAND: partial(byhand.save, made, hand)}
    loaders: dict[str, Callable[[], object]] = {_HAND: partial(byhand.load, hand)}
    for name, manager in managers.items():
        savers[name] = partial(_save, manager, made)
        loaders[name] = partial(_load, manager)
    saves = alternate({name: steady(save) for name, save in savers.items()}, sizes.heavy, 1)
    _check(made, loaders)
    loads = alternate({name: steady(load) for name, load in loaders.items()}, sizes.heavy, 1)
    stored = {name: _bytes(os.path.join(folder, place)) for name, place in _PLACES.items()}
    return _section(sizes, saves, loads, stored)


def _save(manager: CheckpointManager, made: ExecutionSimulator) -> None:
    manager.save_checkpoint(manager.create_checkpoint(made))


def _load(manager: CheckpointManager) -> ExecutionSimulator:
    return manager.restore_simulator(manager.load_checkpoint("bench"))


def _check(made: ExecutionSimulator, loaders: dict[str, Callable[[], Any]]) -> None:
    """What is loaded is what was saved: all of it, or by hand the account and its orders."""
    for name, load in loaders.items():
        state = load().state()
        if name != _HAND and state != made.state():
            raise ValueError(f"{name}: not what was saved")
        if (state.cash, state.completed_orders) != (made.cash, made.completed_orders):
            raise ValueError(f"{name}: not the account that was saved")


def _bytes(folder: str) -> int:
    """All that lies below `folder`."""
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


def _section(sizes: Sizes, saves: Any, loads: Any, stored: dict[str, int]) -> Section:  # noqa: ANN401
    rows = []
    for name in saves:
        times = [spread(turn.wall for turn in turns[name]) for turns in (saves, loads)]
        rates = [ratio(turns[_HAND], turns[name]) for turns in (saves, loads)]
        rows.append(
            [
                name,
                *(
                    cell
                    for time, rate in zip(times, rates, strict=True)
                    for cell in (*cells(time, 1), *cells(rate)[:2])
                ),
                f"{stored[name]:,}",
                f"{stored[name] / stored[_HAND]:.3f}",
            ]
        )
    return Section(
        "A simulator saved and restored",
        f"{sizes.orders:,} completed orders, {sizes.heavy} rounds. ckptstore's save is a snapshot, durable on return; "
        "its load checks every byte and every sum. By hand nothing is synced or checked, and what is pending is lost.",
        ("manner", *_columns("save s"), *_columns("load s"), "bytes", "by hand = 1"),
        rows,
        [
            at_least("rate of durable saves of a simulator, against by hand", ratio(saves[_HAND], saves[_OURS]), 8),
            at_least("the same with zstd", ratio(saves[_HAND], saves[_ZSTD]), 10),
            at_least(
                "rate of load and restore of a simulator, against by hand", ratio(loads[_HAND], loads[_OURS]), 2.3
            ),
            at_most("bytes of a saved simulator, against by hand", spread([stored[_OURS] / stored[_HAND]]), 0.36),
            at_most("the same with zstd", spread([stored[_ZSTD] / stored[_HAND]]), 0.06),
        ],
    )


def _columns(of: str) -> tuple[str, ...]:
    return (of, "middle half", "min to max", "rate, by hand = 1", "middle half")


def measure_events(_: str, sizes: Sizes) -> Section:
    """Submit and fill: the time for each order as their number grows."""
    counts = [sizes.orders // 8, sizes.orders // 4, sizes.orders // 2, sizes.orders]
    turns = alternate({str(n): steady(partial(simulator, n)) for n in counts}, sizes.heavy, 1)
    each = {name: [turn.wall / int(name) for turn in own] for name, own in turns.items()}
    least = each[str(counts[0])]
    rows = [[f"{int(name):,}", *cells(spread(own), 1e6, 1)] for name, own in each.items()]
    growth = spread(a / b for a, b in zip(each[str(counts[-1])], least, strict=True))
    return Section(
        "Submit and fill",
        "Market orders with NORMAL latency, each filled before the next: one submit and two prices. "
        f"{sizes.heavy} rounds.",
        ("orders", "µs an order", "middle half", "min to max"),
        rows,
        [at_most(f"time of an order among {counts[-1]:,}, against {counts[0]:,}", growth, 1.25)],
    )
