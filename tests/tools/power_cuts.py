"""What processes do on a disk before its power is cut: fixed scenarios, and random ones for as long as one likes."""

from __future__ import annotations

import tempfile
import time
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from faults import Died
from outage import Machine, Outage
from sealing import SETTINGS
from trial import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from disk_log import Op
    from outage import Process, Program


def saves(*sizes: str) -> Program:
    """A process that saves once for each of these."""

    def program(machine: Machine) -> None:
        process = machine.process()
        for size in sizes:
            process.save(large=size == "large")

    return program


def before(*sizes: str) -> Program:
    """A process that has saved and pruned nothing; all of it has reached the disk by itself but the hint's versions."""

    def program(machine: Machine) -> None:
        machine.retention, retention = None, machine.retention
        saves(*sizes)(machine)
        machine.retention = retention

    return program


def settle(machine: Machine) -> None:
    """All of it is on the disk."""
    machine.settle()


def does(*verbs: str) -> Program:
    """A process that does these."""

    def program(machine: Machine) -> None:
        process = machine.process()
        for verb in verbs:
            act(process, verb)

    return program


def act(process: Process, verb: str) -> None:
    """Let a process do what a word says."""
    if verb.startswith("save"):
        process.save(large=verb == "save large")
    elif verb == "delete":
        newest = process.store.latest(RUN)
        if newest is not None and newest.number > 1:
            process.delete(newest.number - 1)
    else:
        getattr(process, verb.replace(" ", "_"))()


class Scenario(NamedTuple):
    """Programs, one after the other, of stores that keep so many; on a disk with hard links, or without."""

    programs: tuple[Program, ...]
    retention: int | None = None
    links: bool = True


FEW = (before("large", "small"), settle)
MANY = (before("large", "small", "large"),)  # not settled: of the hint, any version may be back

SCENARIOS = {
    "first save": Scenario((saves("small"),)),
    "first save, large": Scenario((saves("large"),)),
    "save": Scenario((*FEW, saves("small"))),
    "save, large": Scenario((*FEW, saves("large"))),
    "saves, keep 1": Scenario((*FEW, saves("small", "large", "small")), 1),
    "small saves, keep 2": Scenario((saves("small", "small"), settle, saves("small", "small", "small")), 2),
    "large saves, keep 2": Scenario((*FEW, saves("large", "large", "large")), 2),
    "saves, keep odd": Scenario((*FEW, saves("large", "large", "small")), -2),
    "first retention": Scenario((*MANY, saves("small")), 2),
    "prune": Scenario((*MANY, does("prune")), 1),
    "prune, keep odd": Scenario((before("large", "large", "large", "small"), does("prune")), -2),
    "delete": Scenario((*FEW, does("delete", "prune", "save"))),
    "stream": Scenario((*FEW, does("stream"))),
    "delete run": Scenario((*MANY, does("delete run", "save"))),
    "first save, no links": Scenario((saves("small"),), links=False),
    "save, no links": Scenario((*FEW, saves("small")), links=False),
    "large saves, keep 2, no links": Scenario((*FEW, saves("large", "large", "large")), 2, links=False),
    "delete, no links": Scenario((*FEW, does("delete", "prune", "save")), links=False),
}


def killed(verb: str, at: int) -> Program:
    """A process that does this, and is killed before its operation number `at`."""
    return killed_doing([verb], at)


def killed_doing(verbs: Sequence[str], at: int) -> Program:
    """As `killed`, of one that does several things."""

    def program(machine: Machine) -> None:
        turn = count()

        def before(op: Op) -> None:
            if next(turn) == at:
                raise Died

        machine.disturb(before, lambda: does(*verbs)(machine))

    return program


def failing(verb: str, at: int, number: int) -> Program:
    """A process whose operation number `at` fails with this error, and which then saves."""

    def program(machine: Machine) -> None:
        turn = count()

        def before(op: Op) -> None:
            if next(turn) == at:
                raise OSError(number, "injected")

        process = machine.process()
        machine.disturb(before, lambda: act(process, verb))
        act(process, "save")

    return program


def each(
    folder: Path, make: Callable[[int], tuple[Program, ...]], retention: int | None = None, *, links: bool = True
) -> list[Machine]:
    """What became of a scenario for each operation that `make` may disturb."""
    machines: list[Machine] = []
    while not machines or machines[-1].disturbed:
        machine = Machine(folder / str(len(machines)), retention, links=links)
        machine.run(*make(len(machines)))
        machine.check_log()
        machines.append(machine)
    return machines


def run(seed: int, seconds: float) -> int:
    """
    Cut the power of random machines for so long; -> how many states of a disk were recovered from.

    `AssertionError` for the first that breaks a promise, with the seed of that very machine: `run(seed, 0)` tries it
    again.
    """
    end = time.monotonic() + seconds
    checked = 0
    for one in count(seed):
        try:
            with tempfile.TemporaryDirectory() as folder:
                checked += _random_machine(Path(folder) / "disk", Random(one))
        except AssertionError as exc:
            raise AssertionError(f"seed {one}: {exc}") from exc
        if time.monotonic() >= end:
            return checked
    raise AssertionError


def _random_machine(folder: Path, random: Random) -> int:
    """Some processes, of which some are killed and some meet errors; the power is cut at random moments."""
    settings = random.choice([*SETTINGS.values(), {"serializer": "bytes"}])
    machine = Machine(folder, random.choice([None, 1, 2, 3, -2]), links=random.random() < 0.8, **settings)
    verbs = ("save", "save large", "stream", "load", "prune", "delete", "delete run")
    weights = (12, 6, 3, 3, 2, 2, 0.5)
    programs: list[Program] = []
    for _ in range(random.randint(1, 5)):
        lives = random.choices(verbs, weights, k=random.randint(1, 5))
        kind = random.random()
        if kind < 0.3:
            programs.append(killed_doing(lives, random.randrange(40)))
        elif kind < 0.5:
            programs += [does(*lives), failing(lives[0], random.randrange(15), random.choice([5, 28]))]
        else:
            programs.append(does(*lives))
        if random.random() < 0.3:
            programs.append(settle)
    machine.run(*programs)
    machine.check_log()
    outage = Outage(machine, random.randrange(1 << 30), limit=6)
    return outage.try_some(random.randint(5, 30))
