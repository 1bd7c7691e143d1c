"""Who does what to one run at the same time: the scenarios whose orders are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comparing import ComparingMemory
from interleave import Scenario
from sealing import SETTINGS

from ckptstore import Decision, codecs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore import Checkpoint

CODECS = {"plain": codecs.PLAIN, "zstd + fernet": codecs.resolve(**SETTINGS["zstd + fernet"])}
KINDS: dict[str, dict[str, Any]] = {kind: {"codecs": one} for kind, one in CODECS.items()}
KINDS["comparing"] = {"memory": ComparingMemory}
S = "save"
PIN = frozenset({1})


class KeepLastAndFirst:
    """Keeps the newest and number 1, which leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Newest and first."""
        return [Decision(c.number, c.number == 1 or i == 0, "") for i, c in enumerate(checkpoints)]


SCENARIOS = {
    "two writers": Scenario({"a": ["load", S], "b": ["load", S, S, S]}),
    "two writers, keep 2": Scenario({"a": ["load", S], "b": ["load", S, S, S]}, keep=2),
    "two writers swap": Scenario({"a": ["load", S, S], "b": ["load", S, S], "c": ["latest", "latest"]}),
    "two writers swap, keep 2": Scenario(
        {"a": ["load", S, S], "b": ["load", S, S, S], "c": ["latest", "load"]}, keep=2
    ),
    "empty run": Scenario({"a": [S], "b": [S, S], "c": ["latest", "checkpoints"]}, seeded=False),
    "reader under writer": Scenario({"a": ["load", S, S, S], "c": ["load", "load"]}, large=True),
    "late reader": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["latest", "checkpoints", "load 2"]}),
    "readers": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["latest"] * 6}),
    "lost hint": Scenario({"a": ["load", S, S], "b": ["load", S, S, S], "c": ["lose hint", "load"] * 4}, keep=2),
    "lost hint, keep 1": Scenario({"a": ["load", S], "b": ["load", S, S, S], "c": ["lose hint", "latest"] * 4}),
    "pruner": Scenario({"a": ["load", S], "b": ["load", S, S], "p": ["prune"]}, keep=None, large=True),
    "pruner and reader": Scenario({"a": ["load", S, S], "p": ["prune"], "c": ["load"]}, keep=None, large=True),
    "two pruners": Scenario({"a": ["load", S, S], "p": ["prune"], "q": ["prune"]}, keep=None, large=True),
    "gaps": Scenario(
        {"a": ["load", S], "b": ["load", S, S, S], "c": ["latest", "load 2"]}, pins=PIN, policy=KeepLastAndFirst
    ),
    "gaps and pruners": Scenario(
        {"a": ["load", S, S, S], "p": ["prune"], "q": ["prune"]}, pins=PIN, policy=KeepLastAndFirst, large=True
    ),
    "lost and late replies": Scenario({"a": ["load", S], "b": ["load", S, S]}, losses=2, large=True),
    "lost and late replies, three": Scenario({"a": ["load", S, S], "b": ["load", S, S], "c": ["latest"]}, losses=2),
    "delete": Scenario({"a": ["load", S, S], "d": ["delete 1", "delete 2"], "c": ["load 2", "load"]}, keep=None),
    "hint that lags": Scenario({"a": ["load", S], "b": ["load", S], "c": ["load", S], "p": ["prune"]}, keep=None),
    "no load before": Scenario({"a": [S], "b": ["load", S, S, S], "c": ["latest"]}),
    "hint lost and written": Scenario(
        {"a": ["load", S], "b": ["load", S], "c": ["load", S, S], "h": ["lose hint"]}, losses=1
    ),
    "dead writer's number": Scenario({"a": ["load", S], "b": ["load", S, S], "c": ["load 2"]}),
}
