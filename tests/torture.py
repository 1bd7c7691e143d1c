"""
The long forms of the searches: each draws what it does from a seed, and goes on for as long as it is told.

    python tests/torture.py --seconds 3600
    python tests/torture.py power kills --seconds 600 --seed 7

What is found ends the command with the seed that shows it again.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
SEARCHES = {
    "power": ("power_cuts", "states of a disk after a power cut"),
    "kills": ("kills", "processes killed"),
    "races": ("histories", "calls of racing processes"),
    "orders": ("orders", "orders of calls"),
    "storm": ("storm", "operations on a bucket that misbehaves"),
    "hostile": ("hostile", "hostile inputs"),
}


def main() -> None:
    """Run the searches that are named, or all, one after the other."""
    parser = argparse.ArgumentParser(description="Search for a lost checkpoint, at length.")
    parser.add_argument("searches", nargs="*", metavar="SEARCH", help=f"of {', '.join(SEARCHES)}; without any, all")
    parser.add_argument("--seconds", type=float, default=600, help="for all together (600)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="to begin with")
    arguments = parser.parse_args()
    if unknown := set(arguments.searches) - SEARCHES.keys():
        parser.error(f"there is no search {', '.join(unknown)}")
    sys.path.insert(0, str(HERE / "tools"))
    chosen = arguments.searches or list(SEARCHES)
    for name, seconds in shares(chosen, arguments.seconds):
        module, what = SEARCHES[name]
        search: Callable[[int, float], int] = importlib.import_module(module).run
        print(f"{name}: seed {arguments.seed}, {seconds:.0f} s …", flush=True)  # noqa: T201 - this is a command
        print(f"{name}: {search(arguments.seed, seconds):,} {what}, nothing lost", flush=True)  # noqa: T201 - the same


def shares(chosen: list[str], seconds: float) -> Iterator[tuple[str, float]]:
    """Each search with its part of what is left of the time."""
    end = time.monotonic() + seconds
    for left, name in zip(count(len(chosen), -1), chosen, strict=False):
        yield name, max(0.0, end - time.monotonic()) / left


if __name__ == "__main__":
    main()
