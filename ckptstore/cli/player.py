"""
The demo's job, as any job would be written: recover, go on, save after each step. It may be killed at any instant.

`python -m ckptstore.cli.player RUN` plays, and tells on stdout how far it is; where, the environment says.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from time import perf_counter_ns
from typing import TYPE_CHECKING

from ckptstore import CheckpointError, CheckpointNotFound
from ckptstore.cli import exits, places, prices, trader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckptstore.cli.prices import Tick
    from ckptstore.execution import CheckpointManager, ExecutionSimulator

KEEP = 20


def play(manager: CheckpointManager, run: str, ticks: Sequence[Tick], tell: Callable[[str], object]) -> None:
    """Go on where the newest checkpoint stands, to the end; `tell` hears of each step before and after it."""
    simulator = _recover(manager, run)
    played = trader.played(simulator, ticks)
    tell(f"resumed {played}")
    for tick in range(played + 1, len(ticks) + 1):
        trader.step(simulator, ticks[:tick])
        tell(f"saving {tick}")
        start = perf_counter_ns()
        place = manager.save_checkpoint(manager.create_checkpoint(simulator))
        tell(f"saved {tick} {int(PurePath(place).stem)} {perf_counter_ns() - start}")
    tell("end")


def _recover(manager: CheckpointManager, run: str) -> ExecutionSimulator:
    try:
        checkpoint = manager.load_checkpoint(run)
    except CheckpointNotFound:
        return trader.begin(run)
    return manager.restore_simulator(checkpoint)


def _tell(event: str) -> None:
    sys.stdout.write(event + "\n")
    sys.stdout.flush()


def main(run: str) -> int:
    """Play in this process; -> exit code."""
    try:
        play(places.Place.inherited().manager(keep=KEEP), run, prices.read(), _tell)
    except CheckpointError as error:
        sys.stderr.write(exits.line(error) + "\n")
        return exits.exit_code(error)
    return exits.OK


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
