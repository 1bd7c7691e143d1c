"""
The demo: a trader on real prices is killed at random instants, again and again, and must end as if it never had been.

All of it happens in one folder. Nothing here prints.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from itertools import pairwise
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from ckptstore.cli import exits, player, prices
from ckptstore.cli.account import account_of
from ckptstore.cli.child import Child
from ckptstore.cli.exits import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckptstore import Checkpoint
    from ckptstore.cli.account import Account
    from ckptstore.cli.child import Event
    from ckptstore.cli.places import Place
    from ckptstore.cli.prices import Tick
    from ckptstore.execution import ExecutionCheckpoint
    from ckptstore.verify import VerifyReport

RUN = "demo"
_LAST = 0.9  # no kill is aimed beyond this part of the job, for it has to fall before the end
_GUESS = 2_000_000  # nanoseconds of a save, until one was seen


@dataclass(slots=True)
class Life:
    """What was heard of one process: from its start to its kill, or to its end."""

    resumed: int = 0  # the tick that recovery found
    begun: int = 0  # the last tick whose save was begun
    saved: int = 0  # the last tick whose save has returned
    base: int | None = None  # the number before the first: an earlier run of this name has used those up to it
    ended: bool = False
    took: list[int] = field(default_factory=list)  # nanoseconds of each save

    def hear(self, event: Event) -> None:
        """Take note of `event`."""
        if event.what == "resumed":
            self.resumed = self.begun = self.saved = event.tick
        elif event.what == "saving":
            self.begun = event.tick
        elif event.what == "saved":
            self.saved = event.tick
            self.base = event.number - event.tick if self.base is None else self.base
            self.took.append(event.took)
        else:
            self.ended = True


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: the save that it fell into (None: it fell between two), and where the next life took up."""

    after: int
    inside: int | None
    resumed: int
    redone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it. `late`: the kills that were due when the job had ended already."""

    ticks: Sequence[Tick]
    kills: Sequence[Kill]
    late: int
    account: Account
    newest: Checkpoint
    saved: int
    kept: int
    stored: int
    median: float
    rate: float
    seconds: float
    verified: VerifyReport
    differences: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether the result is the uninterrupted run's, and every byte in the store is sound."""
        return not self.differences and self.verified.ok


def play(
    place: Place,
    *,
    kills: int,
    seed: int,
    progress: Callable[[int, int], object],
    command: Sequence[str],
) -> Result:
    """
    Play all prices in processes that are killed `kills` times, then compare with one run that was left in peace.

    `progress` hears of the kills so far and of the tick. `DemoError` or `CheckpointError` where that is not possible.
    """
    start = time.monotonic()
    ticks = prices.read()
    dice = Random(seed)  # noqa: S311 - when to kill is no secret
    aims = _aims(len(ticks), kills, dice)
    lives: list[Life] = []
    while not lives or not lives[-1].ended:
        done = len(lives)
        aim = aims[done] if done < kills else None
        lives.append(_live(command, place, aim, dice, partial(progress, done)))
    return _result(place, ticks, lives, kills, time.monotonic() - start)


def _aims(ticks: int, kills: int, dice: Random) -> list[int]:
    """The ticks at which to kill, one for each life."""
    return sorted(dice.sample(range(1, int(ticks * _LAST)), kills))


def _live(
    command: Sequence[str], place: Place, aim: int | None, dice: Random, progress: Callable[[int], object]
) -> Life:
    """One life; killed a random moment, up to two saves long, after it has got to tick `aim`."""
    life, killed = Life(), False
    with Child(command, place, RUN) as child:
        while event := child.next():
            life.hear(event)
            progress(life.saved)
            if aim is not None and life.begun >= aim and not killed:
                time.sleep(dice.random() * 2 * median(life.took or [_GUESS]) / 1e9)
                child.kill()
                killed = True
        child.check()
    if not killed and not life.ended:
        raise DemoError("the player stopped before the end")
    return life


def _result(place: Place, ticks: Sequence[Tick], lives: Sequence[Life], planned: int, seconds: float) -> Result:
    store, manager = place.open(), place.manager()
    ours = manager.load_checkpoint(RUN)
    account = account_of(manager.restore_simulator(ours))
    expected, expected_kept = _in_peace(place, ticks)
    kept = store.checkpoints(RUN)
    took = [one for life in lives for one in life.took]
    base = next((life.base for life in lives if life.base is not None), 0)
    return Result(
        ticks=ticks,
        kills=_kills(lives),
        late=planned - (len(lives) - 1),
        account=account,
        newest=kept[0],
        saved=kept[0].number - base,
        kept=len(kept),
        stored=sum(checkpoint.stored_size for checkpoint in kept),
        median=median(took) / 1e9,
        rate=len(took) * 1e9 / sum(took),
        seconds=seconds,
        verified=store.verify(RUN),
        differences=[*_lost(lives), *_checkpoints(kept, base, expected_kept), *_differing("", ours, expected)],
    )


def _in_peace(place: Place, ticks: Sequence[Tick]) -> tuple[ExecutionCheckpoint, list[Checkpoint]]:
    """Play all of it at once, in memory, and give what is there in the end."""
    memory = place._replace(url=f"memory://demo-{os.urandom(8).hex()}", storage_options={})
    manager, store = memory.manager(keep=player.KEEP), memory.open()
    player.play(manager, RUN, ticks, lambda _: None)
    found = manager.load_checkpoint(RUN), store.checkpoints(RUN)
    store.delete_run(RUN)
    return found


def _kills(lives: Sequence[Life]) -> list[Kill]:
    return [
        Kill(
            after=life.saved,
            inside=life.begun if life.begun > life.saved else None,
            resumed=following.resumed,
            redone=life.begun - following.resumed,
        )
        for life, following in pairwise(lives)
    ]


def _lost(lives: Sequence[Life]) -> list[str]:
    """Saves that had returned, and that recovery did not find: what must never be."""
    pairs = pairwise(lives)
    return [f"tick {a.saved} was saved, but recovery found {b.resumed}" for a, b in pairs if b.resumed < a.saved]


def _differing(name: str, ours: Any, expected: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a checkpoint holds
    """Each value that differs: cash, risk state and the like by their names, orders and positions by id and symbol."""
    if isinstance(ours, dict) and isinstance(expected, dict):
        for key in ours | expected:
            yield from _differing(f"{name} {key}", ours.get(key), expected.get(key))
    elif is_dataclass(ours) and type(ours) is type(expected):
        for each in fields(ours):
            yield from _differing(f"{name} {each.name}", getattr(ours, each.name), getattr(expected, each.name))
    elif ours != expected:
        yield f"{name.strip()}: {_short(ours)}, uninterrupted {_short(expected)}"


def _checkpoints(kept: Sequence[Checkpoint], base: int, expected: Sequence[Checkpoint]) -> list[str]:
    """The stored bytes, by their digests, of every checkpoint that is kept: finer than any comparison of values."""
    ours = [(c.number - base, c.digest, dict(c.metadata)) for c in kept]
    theirs = [(c.number, c.digest, dict(c.metadata)) for c in expected]
    if ours == theirs:
        return []
    others = sum(one not in theirs for one in ours)
    newest = f"the newest is {ours[0][0]}, uninterrupted {theirs[0][0]}"
    return [f"checkpoints: {others} of the {len(ours)} kept are others; {newest}"]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:28]}…{text[-28:]}"


def prepare(place: Place, *, fresh: bool) -> None:
    """An empty run for the demo, beside whatever else is in the store; `DemoError` where there is one already."""
    store = place.open()
    if RUN not in store.runs():
        return
    if not fresh:
        raise DemoError(f"run {RUN!r} is in this store already: --fresh removes it and starts over", exits.CONFLICT)
    store.delete_run(RUN)
