"""
Who moves next: actors in greenlets, one at a time, in an order that a script and then a seed decide.

An order is a few long segments: an actor moves until it is about to change something for the n-th time, or to its end.
Commit protocols fail under long stalls around changes; orders drawn call by call hardly ever hold one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeAlias

import greenlet
from faults import Died

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Script: TypeAlias = "Sequence[tuple[str, int]]"


class Turns:
    """
    Lets one actor move at a time: first as `script` says, then as a seed draws it.

    A line of the script is who, and how far: until the change after that many; or, negative, that many steps.
    """

    def __init__(self, seed: int, script: Script = ()) -> None:
        self._random = random.Random(seed)
        self._script = list(script)
        self._main = greenlet.getcurrent()
        self._changes: dict[greenlet.greenlet, bool] = {}

    def wait(self, *, changes: bool) -> None:
        """Called by an actor before each step; `changes`: the step is no mere reading."""
        self._changes[greenlet.getcurrent()] = changes
        self._main.switch()

    def run(self, actors: dict[str, greenlet.greenlet], stop: Callable[[], bool]) -> None:
        """Give turns until all are done, or `stop` says that it is enough."""
        while actors and not stop():
            if self._script:
                name, limit = self._script.pop(0)
            else:
                name = self._random.choice(list(actors))
                limit = self._random.choice([0, 0, 1, 1, 2, 3, 99, 99, 99, -2, -3, -5])
            if name in actors:  # a script does not know who has lost a reply and given up
                self._move(actors[name], limit, stop)
            actors = {name: actor for name, actor in actors.items() if not actor.dead}
        for actor in filter(None, actors.values()):  # those that have begun
            actor.throw(Died)

    def _move(self, actor: greenlet.greenlet, limit: int, stop: Callable[[], bool]) -> None:
        changes = steps = 0
        while not actor.dead and not stop():
            changes += self._changes.get(actor, False)
            if (0 <= limit < changes) or (limit < 0 and steps == -limit):
                break
            actor.switch()
            steps += 1
