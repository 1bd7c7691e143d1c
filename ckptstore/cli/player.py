"""
The demo's job, as any job would be written: load, go on, save after each step. It may be killed at any instant.

`python -m ckptstore.cli.player RUN` plays, and tells on stdout how far it is; where, the environment says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 - a typed load needs it
from decimal import Decimal
from time import perf_counter_ns
from typing import TYPE_CHECKING

from ckptstore import CheckpointError
from ckptstore.cli import exits, places, prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckptstore import CheckpointStore
    from ckptstore.cli.prices import Tick

KEEP = 20
FAST, SLOW = 3, 10  # prices in the two averages
SHARE = Decimal("0.2")  # of the cash, for each purchase
FEE = Decimal("0.001")
CENT = Decimal("0.01")


@dataclass(slots=True)
class Account:
    """All that the player needs to go on: the state of its checkpoints."""

    ticks: int = 0
    cash: Decimal = Decimal("100000.00")
    positions: dict[str, int] = field(default_factory=dict)
    prices: dict[str, list[Decimal]] = field(default_factory=dict)
    trades: list[tuple[date, str, int, Decimal]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=lambda: {"bought": 0, "sold": 0, "waited": 0})
    peak: Decimal = Decimal(0)
    mean: float = 0.0  # of the value after each tick
    squares: float = 0.0  # of the distances from that mean

    @property
    def value(self) -> Decimal:
        """The cash, and what the positions would bring at the last prices."""
        return self.cash + sum(self.prices[symbol][-1] * count for symbol, count in self.positions.items())

    def play(self, tick: Tick) -> None:
        """Buy when the fast average stands above the slow one, sell all when it stands below."""
        self.ticks += 1
        seen = self.prices.setdefault(tick.symbol, [])
        seen.append(tick.price)
        del seen[:-SLOW]
        trend = sum(seen[-FAST:]) * SLOW - sum(seen) * FAST if len(seen) == SLOW else 0
        held = self.positions.get(tick.symbol, 0)
        if trend > 0 and not held:
            self._trade(tick, int(self.cash * SHARE // tick.price))
        elif trend < 0 and held:
            self._trade(tick, -held)
        else:
            self.counters["waited"] += 1
        self._count()

    def _trade(self, tick: Tick, count: int) -> None:
        amount = tick.price * count
        self.cash -= amount + (abs(amount) * FEE).quantize(CENT)
        self.positions[tick.symbol] = self.positions.get(tick.symbol, 0) + count
        if not self.positions[tick.symbol]:
            del self.positions[tick.symbol]
        self.trades.append((tick.day, tick.symbol, count, tick.price))
        self.counters["bought" if count > 0 else "sold"] += 1

    def _count(self) -> None:
        """Running statistics, by Welford: their last bits depend on every tick and its order."""
        self.peak = max(self.peak, self.value)
        distance = float(self.value) - self.mean
        self.mean += distance / self.ticks
        self.squares += distance * (float(self.value) - self.mean)


def play(store: CheckpointStore, run: str, ticks: Sequence[Tick], tell: Callable[[str], object]) -> None:
    """Go on where the newest checkpoint stands, to the end; `tell` hears of each step before and after it."""
    account = store.load(run, type=Account, default=Account())
    tell(f"resumed {account.ticks}")
    for tick in ticks[account.ticks :]:
        account.play(tick)
        tell(f"saving {account.ticks}")
        start = perf_counter_ns()
        saved = store.save(run, account, metadata={"tick": account.ticks, "date": tick.day.isoformat()})
        tell(f"saved {account.ticks} {saved.number} {perf_counter_ns() - start}")
    tell("end")


def _tell(event: str) -> None:
    sys.stdout.write(event + "\n")
    sys.stdout.flush()


def main(run: str) -> int:
    """Play in this process; -> exit code."""
    try:
        play(places.Place.inherited().open(keep=KEEP), run, prices.read(), _tell)
    except CheckpointError as error:
        sys.stderr.write(exits.line(error) + "\n")
        return exits.exit_code(error)
    return exits.OK


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
