"""What `ckptstore show` prints of a checkpoint and its state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from harm import damage

from ckptstore import CheckpointStore
from ckptstore.cli import commands, exits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def tokyo() -> Iterator[None]:
    """A local time that is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_record_metadata_and_state(run: Callable[..., Any]) -> None:
    """The newest: its record, a field a line, then its state as Python writes it."""
    ran = run("show", "job")

    assert ran.code == 0
    assert ["number", "3"] in [line.split() for line in ran.out.splitlines()]
    assert ["metadata", "day=2025-01-03", "name=a", "b"] in [line.split() for line in ran.out.splitlines()]
    assert ran.out.endswith("\n\n{'step': 3, 'cash': Decimal('1.10')}\n")


def test_json(run: Callable[..., Any]) -> None:
    """For scripts: the record, and the state with the store's own tags for what JSON lacks."""
    document = run("show", "job", "--json").json

    assert set(document) == {"checkpoint", "state"}
    assert document["checkpoint"]["number"] == 3
    assert document["state"] == {"step": 3, "cash": {"$decimal": "1.10"}}


def test_a_state_of_200_levels_fits_into_the_document(run: Callable[..., Any], folder: Path) -> None:
    """What could be saved can be shown, however deep."""
    state: list[Any] = []
    for _ in range(199):
        state = [state]
    CheckpointStore(folder).save("deep", state)

    assert run("show", "deep", "--json").json["state"] == state


def test_json_of_large_values(run: Callable[..., Any], folder: Path) -> None:
    """Bytes and arrays of any size stand in the document, in the form of small ones."""
    CheckpointStore(folder).save("large", [bytes(6000), np.zeros(6000, "u1")])

    data, array = run("show", "large", "--json").json["state"]

    assert data == {"$bytes": "A" * 8000}
    assert array == {"$ndarray": {"dtype": "|u1", "shape": [6000], "order": "C", "data": "A" * 8000}}


def test_a_number_is_shown(run: Callable[..., Any]) -> None:
    """AT may be a number."""
    assert run("show", "job", "2", "--json").json["state"]["step"] == 2


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("form", ["{:%Y-%m-%dT%H:%M:%S.%f}", "{:%Y-%m-%dT%H:%M:%S.%f}+00:00"])
def test_a_time_is_shown(run: Callable[..., Any], folder: Path, form: str) -> None:
    """AT may be an ISO date-time, in UTC unless it says otherwise: the newest at or before it."""
    second = CheckpointStore(folder).checkpoints("job")[1]

    found = run("show", "job", form.format(second.created_at), "--json")

    assert found.json["checkpoint"]["number"] == 2


def test_bytes_are_shown_by_size_and_beginning(run: Callable[..., Any]) -> None:
    """A state that is bytes does not flood the terminal."""
    last = run("show", "raw").out.splitlines()[-1]

    assert last.startswith(r"2,560 bytes: b'\x00\x01\x02")
    assert last.endswith(" …")
    assert len(last) < 300


def test_a_long_stream_is_not_read(run: Callable[..., Any], folder: Path) -> None:
    """Of a stream in packs only the chunk that it begins with is read."""
    with CheckpointStore(folder).open_writer("stream") as file:
        file.write(np.random.default_rng(1).bytes(5_000_000))
    damage(*(folder / "stream" / "packs").iterdir())

    ran = run("show", "stream")

    assert (ran.code, ran.out.splitlines()[-1][:18]) == (0, "5,000,000 bytes: b")


def test_of_a_very_large_state_arrays_are_named(
    run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above some size a person sees all but the arrays, and none of them is read."""
    CheckpointStore(folder).save("net", {"step": 7, "weights": np.ones(100_000)})
    damage(*(folder / "net" / "packs").iterdir())
    monkeypatch.setattr(commands, "_WHOLE", 100_000)

    ran = run("show", "net")

    assert ran.code == 0
    assert "'step': 7" in ran.out
    assert "Omitted(dtype=dtype('float64'), shape=(100000,), nbytes=800000)" in ran.out


def test_a_long_list_is_cut(run: Callable[..., Any], folder: Path) -> None:
    """A list does not flood the terminal, and how much is left out is said."""
    CheckpointStore(folder).save("long", list(range(5000)))

    ran = run("show", "long")

    assert "+4000" in ran.out.splitlines()[-2]
    assert ran.out.count(",") < 1100


def test_a_pickle_is_not_run(run: Callable[..., Any], folder: Path) -> None:
    """Looking executes nothing that is stored: a pickled state is refused, with the reason."""
    CheckpointStore(folder, serializer="pickle").save("pickled", {1})

    ran = run("show", "pickled", "--json")

    assert (ran.code, ran.out) == (exits.UNREADABLE, "")
    assert "saved with pickle" in ran.err
