"""The checkpoint manager: where it saves, and what it finds again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fsspec
import pytest
from checkpoints import saved, taken
from places import InMemory
from trading import SYMBOL, at, buy, holding, simulator

from ckptstore import CheckpointNotFound, DecryptionError
from ckptstore.execution import (
    CHECKPOINT_VERSION,
    CheckpointManager,
)

FERNET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BERLIN = ZoneInfo("Europe/Berlin")


# Where


@pytest.mark.parametrize("form", [Path, str, Path.as_uri])
def test_a_readable_file(tmp_path: Path, form: Any) -> None:  # noqa: ANN401 - what makes a path a URL
    """A save into a folder returns the path of a JSON file with the version at its top, and the latest beside it."""
    manager = CheckpointManager(form(tmp_path / "a b"))
    path = manager.save_checkpoint(manager.create_checkpoint(holding()))

    assert isinstance(path, Path)
    assert path == tmp_path / "a b" / "sim" / "000000000001.json"
    content = json.loads(path.read_text())
    assert content["version"] == CHECKPOINT_VERSION
    assert content["state"]["cash"] == {"$decimal": "9000.0000"}
    assert (path.parent / "latest.json").exists()


def test_a_large_file(tmp_path: Path) -> None:
    """A checkpoint with many orders is written natively, which is several times as fast, and comes back the same."""
    made = simulator("1000000")
    for minute in range(100):
        made.submit_order(buy(f"order-{minute}", "1.0"), at(minute))
        made.process_market_data(SYMBOL, Decimal("99.90"), at(minute))
    manager = CheckpointManager(tmp_path)
    checkpoint = manager.create_checkpoint(made)
    path = manager.save_checkpoint(checkpoint)

    assert b'"state": {"$typed":' in Path(path).read_bytes()
    assert repr(manager.load_checkpoint("sim")) == repr(checkpoint)
    assert repr(manager.restore_simulator(checkpoint).state()) == repr(made.state())


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path stays true when the working directory changes."""
    monkeypatch.chdir(tmp_path)
    manager = CheckpointManager("here")
    monkeypatch.chdir("/")

    assert manager.save_checkpoint(taken(at(0))) == tmp_path / "here" / "sim" / "000000000001.json"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_url(end: str) -> None:
    """Elsewhere than in a folder it is the URL of the object."""
    url = InMemory().url

    assert CheckpointManager(url + end).save_checkpoint(taken(at(0))) == f"{url}/sim/000000000001.json"


def test_a_ready_file_system(tmp_path: Path) -> None:
    """A file system of this machine gives paths too, and the store's options reach the store."""
    manager = CheckpointManager(tmp_path, fs=fsspec.filesystem("file"), single_writer=True)

    assert manager.save_checkpoint(taken(at(0))) == tmp_path / "sim" / "000000000001.json"
    assert (tmp_path / "sim" / "000000000001.json").exists()


def test_retention() -> None:
    """What retention removes is listed no more."""
    manager = CheckpointManager("memory://", retention=2)
    for minute in range(4):
        manager.save_checkpoint(taken(at(minute)))

    assert [time for time, _ in manager.list_checkpoints("sim")] == [at(3), at(2)]


def test_encryption(tmp_path: Path) -> None:
    """With a key nothing can be read without it, the times of the checkpoints included."""
    manager = CheckpointManager(tmp_path, encryption=FERNET_KEY, compression="zstd")
    path = manager.save_checkpoint(taken(at(0)))

    assert isinstance(path, Path)
    assert b"2024-03-01" not in path.read_bytes()
    assert manager.load_checkpoint("sim", at(0)) == taken(at(0))
    with pytest.raises(DecryptionError):
        CheckpointManager(tmp_path).load_checkpoint("sim")


# What is found


def test_the_newest() -> None:
    """Without a timestamp it is what was saved last, also after a step back in time."""
    manager = saved(taken(at(2)), taken(at(1)))

    assert manager.load_checkpoint("sim") == taken(at(1))


@pytest.mark.parametrize(("asked", "found"), [(10, 10), (15, 10), (20, 20), (99, 20)])
def test_by_time(asked: int, found: int) -> None:
    """It is the checkpoint of that time, else the newest before it; times of saving mean nothing."""
    manager = saved(taken(at(20)), taken(at(10)))

    assert manager.load_checkpoint("sim", at(asked)).checkpoint_timestamp == at(found)


def test_none_that_old() -> None:
    """Before the oldest there is nothing, and the error says which that is."""
    with pytest.raises(CheckpointNotFound, match=r"the oldest is of 2024-03-01T09:30:00.010000\+00:00"):
        saved(taken(at(10)), taken(at(20))).load_checkpoint("sim", at(9))


@pytest.mark.parametrize("timestamp", [None, at(0)])
def test_none_at_all(timestamp: datetime | None) -> None:
    """An unknown simulator is a `FileNotFoundError`, and its list is empty."""
    manager = saved()

    with pytest.raises(FileNotFoundError):
        manager.load_checkpoint("sim", timestamp)
    assert manager.list_checkpoints("sim") == []


def test_several_of_one_time() -> None:
    """Of several checkpoints of the same time it is the one saved last."""
    manager = saved(taken(at(1), cash=1), taken(at(1), cash=2), taken(at(0), cash=3))

    assert manager.load_checkpoint("sim", at(1)).cash == 2


def test_listed_newest_first(tmp_path: Path) -> None:
    """The list goes by the checkpoints' own times, and each path is that of its checkpoint."""
    manager = CheckpointManager(tmp_path)
    paths = [manager.save_checkpoint(taken(at(minute))) for minute in (2, 3, 1)]

    assert manager.list_checkpoints("sim") == [(at(3), paths[1]), (at(2), paths[0]), (at(1), paths[2])]


def test_a_repeated_hour() -> None:
    """When the clock is set back, the second half past two is later than the first, and is found as itself."""
    first = datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    manager = saved(taken(second, cash=2), taken(first, cash=1))

    assert [time.fold for time, _ in manager.list_checkpoints("sim")] == [1, 0]
    assert [manager.load_checkpoint("sim", time).cash for time in (first, second)] == [1, 2]
    assert manager.load_checkpoint("sim", first.astimezone(UTC) + timedelta(minutes=59)).cash == 1


NAIVE = at(5).replace(tzinfo=None)


@pytest.mark.parametrize(("kept", "asked"), [(NAIVE, at(5)), (at(5), NAIVE)])
def test_naive_and_aware(kept: datetime, asked: datetime) -> None:
    """A naive time is not compared with aware ones, nor the reverse: the error says which to ask for."""
    manager = saved(taken(kept))

    with pytest.raises(ValueError, match=r"are (naive|aware): ask for (naive|aware) ones"):
        manager.load_checkpoint("sim", asked)


def test_before_the_first_event() -> None:
    """A simulator without a time yet is kept beside its later naive checkpoints, which are found by their times."""
    made = simulator()
    manager = saved()
    before = datetime.now(UTC)
    manager.save_checkpoint(manager.create_checkpoint(made))
    made.process_market_data(SYMBOL, Decimal(1), NAIVE)
    manager.save_checkpoint(manager.create_checkpoint(made))

    (newest, _), (oldest, _) = manager.list_checkpoints("sim")
    assert newest == NAIVE
    assert before <= oldest <= datetime.now(UTC)
    assert manager.load_checkpoint("sim", NAIVE).current_time == NAIVE
