"""A store to look into, and a way to run commands on it."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ckptstore import CheckpointStore
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
