"""A store to look into, and a way to run commands on it."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from short_job import SHORT, TICKS, WORKER

from ckptstore import CheckpointStore
from ckptstore.cli import child, demo, prices
from ckptstore.cli.commands import ckptstore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Ran(NamedTuple):
    """What a command left behind."""

    code: int | str | None
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever stands in the document
        """The one document on stdout."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `folder` is a copy of: each save would sync, and a copy does not."""
    place = tmp_path_factory.mktemp("template") / "ckpts"
    store = CheckpointStore(place)
    for step in (1, 2, 3):
        store.save("job", {"step": step, "cash": Decimal("1.10")}, metadata={"day": date(2025, 1, step), "name": "a b"})
    CheckpointStore(place, serializer="bytes").save("raw", bytes(range(256)) * 10)
    return place


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A store with the runs `job` (three checkpoints) and `raw` (bytes)."""
    return shutil.copytree(template, tmp_path / "ckpts")


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command on the store of `folder`."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("CKPTSTORE_URL", str(folder))

    def run(*args: str) -> Ran:
        with pytest.raises(SystemExit) as exited:
            ckptstore(args, prog_name="ckptstore")
        captured = capsys.readouterr()
        return Ran(exited.value.code, captured.out, captured.err)

    return run


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no player for dead that a busy machine keeps waiting."""
    monkeypatch.setattr(child, "PATIENCE", 240)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the demo be short, its player have a fault, and its kills, so many with seed 1, be in time."""

    def plant(fault: str = "", *, kills: int = 0) -> None:
        ticks = prices.read()[SHORT]
        worker = WORKER.replace("AIMS", repr(demo._aims(TICKS, kills, Random(1)))).replace("PLANT", fault)
        monkeypatch.setattr(prices, "read", lambda: ticks)
        monkeypatch.setattr(child, "PLAYER", (sys.executable, "-c", worker))

    return plant
