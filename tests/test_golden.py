"""
Golden stores: folders written once and kept. Whatever changes in the code, they read as they always did.

`golden/make.py` says how to add one. A test that fails here says that stored checkpoints of users are in danger.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import count
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from ckptstore import (
    Checkpoint,
    CheckpointError,
    CheckpointNotFound,
    CheckpointStore,
    Decision,
    Writer,
    commit,
    format1,
    packs,
    saving,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

GOLDEN = Path(__file__).parent / "golden" / "format1"
BERLIN = ZoneInfo("Europe/Berlin")

TRAINING: dict[int, object] = {
    1: {"step": 1, "loss": 0.5, "done": False, "note": None},
    2: {"step": 2, "loss": 0.25, "done": False, "note": "Grüße, 世界 🎉"},
    3: {"step": 3, "loss": 0.125, "done": True, "note": ""},
}
METADATA: dict[int, dict[str, object]] = {
    1: {},
    2: {"kürzel": "β", "price": Decimal("1.10"), "tags": ("a", "b")},
    3: {"$tuple": [1, 2]},
}
TYPES: dict[int, object] = {
    1: {
        "none": None,
        "bools": [True, False],
        "ints": [0, -7, 2**64 - 1, -(2**63)],
        "beyond 64 bits": [2**64, -(2**63) - 1, 10**30],
        "floats": [0.1, 1.0, -0.0, 5e-324, 1e16, 1.7976931348623157e308],
        "not finite": [nan, inf, -inf],
        "text": 'äß 世界 🎉 \x00\x1f\x7f\u2028 "\\/',
        "tuples": ((), (1, ("a",))),
        "sets": [set(), {1, 2, 3}, frozenset({"a"}), frozenset({(1, 2)})],
        "bytes": [b"", b"\x00\xff"],
        "decimals": [Decimal("1.10"), Decimal("-1E+100"), Decimal("NaN")],
        "datetimes": [
            datetime(2024, 1, 1, 0, 0, 0),  # noqa: DTZ001 - a naive one, too, comes back
            datetime(2024, 1, 1, 0, 0, 0, 1, UTC),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
            datetime(1900, 1, 1, tzinfo=timezone(-timedelta(minutes=19, seconds=32, microseconds=5))),
            datetime(2024, 7, 1, tzinfo=BERLIN),
            datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
            datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
        ],
        "dates": [date.min, date(2024, 2, 29), date.max],
        "times": [time(12, 30), time(0, 0, 0, 1, UTC), time(1, fold=1)],
        "timedeltas": [timedelta(0), timedelta(days=-1, microseconds=1)],
        "uuid": UUID("12345678-1234-5678-1234-567812345678"),
        "keys": {1: "one", (2, 3): "two", None: "nothing"},
        "like a tag": {"$tuple": [1]},
        "empty": [[], {}, {"": [{}]}],
    },
    2: {"a lone surrogate": "\ud800 \\", "as a key: \udfff": [1]},
}
MARKERS: dict[int, object] = {number: {"step": number} for number in (1, 4, 5)}
CHUNKS: dict[int, object] = {number: {"text": f"large {number} " * 10} for number in (1, 2)}

EXPECTED: dict[str, dict[str, dict[int, object]]] = {
    "plain": {"training": TRAINING, "types": TYPES},
    "markers": {"gaps": MARKERS, "removed": {}},
    "encodings": {"base64": {1: b"\x00\x01 no text \xff"}, "chunks": CHUNKS, "large-hint": {1: ["not in the hint"]}},
    "pickled": {"pickled": {1: 1 + 2j}},
    "arrays": {"arrays": {}},  # its one checkpoint is held against arrays by a test of its own
}


class KeepSome:
    """A policy that leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Numbers 1, 4 and 5."""
        return [Decision(one.number, keep=one.number in MARKERS, reason="golden") for one in checkpoints]


class Clock:
    """A minute and a microsecond later each time."""

    def __init__(self) -> None:
        self._next = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self, zone: tzinfo) -> datetime:
        """The time, as `datetime.now` gives it."""
        self._next += timedelta(minutes=1, microseconds=1)
        return self._next.astimezone(zone)


def an_array() -> Any:  # noqa: ANN401 - numpy may not be here
    """A column-major array of records, with a field that is an array itself."""
    numpy = pytest.importorskip("numpy")
    dtype = numpy.dtype([("at", "<M8[s]"), ("price", "<f8"), ("bids", ">i2", (2,))], align=True)
    array = numpy.zeros((2, 3), dtype, order="F")
    array["at"] = numpy.arange(6).reshape(2, 3)
    array["price"] = [[0.5, numpy.nan, -0.0], [1, 2, 3]]
    array["bids"] = 258
    return array


def write(name: str, root: str, patch: pytest.MonkeyPatch) -> None:
    """Save the golden store `name` below `root`: always at the same time, by the same process, under the same ids."""
    for module in (commit, saving):  # of manifests, and of packs
        ids = count(1)
        patch.setattr(module, "new_id", lambda ids=ids: f"{next(ids):032x}")
    patch.setattr(saving, "datetime", Clock())
    patch.setattr(saving, "HOST", "golden")
    patch.setattr(os, "getpid", lambda: 4711)
    store = CheckpointStore(root, serializer="pickle" if name == "pickled" else "json")
    if name == "arrays":
        store.save("arrays", {"records": an_array()})
    elif name == "encodings":
        _write_encodings(store, root, patch)
    elif name == "markers":
        for step in (1, 2, 3, 4, 5):
            store.save("gaps", {"step": step})
        CheckpointStore(root, retention=KeepSome()).prune("gaps")
        store.save("removed", "a")
        store.save("removed", "b")
        store.delete_run("removed")
    else:
        for run, states in EXPECTED[name].items():
            for number, state in states.items():
                store.save(run, state, metadata=METADATA[number] if run == "training" else None)


def _write_encodings(store: CheckpointStore, root: str, patch: pytest.MonkeyPatch) -> None:
    CheckpointStore(root, serializer="bytes").save("base64", EXPECTED["encodings"]["base64"][1])
    with patch.context() as lowered:
        lowered.setattr(packs, "INLINE_JSON", 100)
        for state in CHUNKS.values():
            store.save("chunks", state)
    with patch.context() as lowered:
        lowered.setattr(format1, "HINT_LIMIT", 100)
        store.save("large-hint", EXPECTED["encodings"]["large-hint"][1])


def files(root: Path) -> dict[str, bytes]:
    """Everything in a store, by key."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def open_golden(name: str, root: Path | None = None) -> CheckpointStore:
    """The golden store `name`, or a copy of it in `root`."""
    return CheckpointStore(root or GOLDEN / name, serializer="pickle" if name == "pickled" else "json")


@pytest.mark.parametrize("name", EXPECTED)
def test_every_checkpoint_still_reads(name: str) -> None:
    """What was saved once comes back exactly: the repr tells 1, 1.0 and True apart, and one NaN from none."""
    store = open_golden(name)
    for run, states in EXPECTED[name].items():
        for number, state in states.items():
            assert repr(store.load(run, at=number)) == repr(state)
        if states:
            assert repr(store.load(run)) == repr(states[max(states)])


def test_arrays_still_read() -> None:
    """Values, dtype and memory order of an array come back."""
    expected = an_array()

    array = open_golden("arrays").load("arrays")["records"]

    assert (array.dtype, array.shape, array.tobytes("A")) == (expected.dtype, expected.shape, expected.tobytes("A"))
    assert array.flags.f_contiguous


def test_records_still_read() -> None:
    """All that a listing shows was read from the file."""
    records = open_golden("plain").checkpoints("training")

    assert [record.metadata for record in reversed(records)] == list(METADATA.values())
    assert records[1] == Checkpoint(
        run="training",
        number=2,
        created_at=datetime(2026, 1, 1, 0, 2, 0, 2, UTC),
        version=None,
        size=65,
        stored_size=65,
        digest="375ad812c1423e440610b435e3eac26441ba47f067a8d023c2fe93073be28387",
        metadata=METADATA[2],
        writer=Writer(host="golden", pid=4711),
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_every_byte_is_sound(name: str) -> None:
    """Nothing in a golden store is damaged, foreign or forgotten: verify finds as many checkpoints as are expected."""
    store = open_golden(name)

    assert store.runs() == [run for run, states in EXPECTED[name].items() if states or run == "arrays"]
    for run, states in EXPECTED[name].items():
        report = store.verify(run)
        assert report.problems == ()
        assert report.checked == len(states) + (run == "arrays")


def test_no_golden_store_is_without_expectations() -> None:
    """Each folder that is kept is tested."""
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(EXPECTED)


def test_what_a_marker_replaced_stays_gone() -> None:
    """A marker and an emptied slot between kept checkpoints are neither shown nor loaded."""
    store = open_golden("markers")

    assert [checkpoint.number for checkpoint in store.checkpoints("gaps")] == [5, 4, 1]
    for number in (2, 3):
        with pytest.raises(CheckpointNotFound):
            store.load("gaps", at=number)


def test_a_removed_run_stays_fenced(tmp_path: Path) -> None:
    """The marker that a removed run leaves shows nothing, and the numbers go on behind it."""
    store = open_golden("markers", shutil.copytree(GOLDEN / "markers", tmp_path / "copy"))

    assert store.latest("removed") is None
    assert store.save("removed", "c").number == 3


def test_a_pickle_is_only_loaded_when_asked() -> None:
    """A store that did not ask for pickle refuses one, whatever it holds."""
    with pytest.raises(CheckpointError, match='serializer="pickle"'):
        CheckpointStore(GOLDEN / "pickled").load("pickled")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_newest_is_found_without_the_hint(name: str, tmp_path: Path) -> None:
    """A lost latest.json costs a listing, never a checkpoint."""
    copy = shutil.copytree(GOLDEN / name, tmp_path / "copy")
    for hint in copy.glob("*/latest.json"):
        hint.unlink()

    for run in EXPECTED[name]:
        assert open_golden(name, copy).latest(run) == open_golden(name).latest(run)


@pytest.mark.parametrize("name", EXPECTED)
def test_work_goes_on_from_a_golden_store(name: str, tmp_path: Path) -> None:
    """A save continues each run, whatever stands newest in it, and what was there still reads."""
    store = open_golden(name, shutil.copytree(GOLDEN / name, tmp_path / "copy"))
    for run, states in EXPECTED[name].items():
        newest = store.latest(run)

        saved = store.save(run, {"step": "next"}, after=newest)

        assert newest is None or saved.number == newest.number + 1
        assert store.verify(run).ok
        assert repr([store.load(run, at=number) for number in states]) == repr(list(states.values()))
        assert store.load(run) == {"step": "next"}


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "pickled"])  # how pickle writes is Python's
def test_the_same_save_writes_the_same_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save of today is a golden file, byte for byte: no change of the format goes unseen."""
    with monkeypatch.context() as patch:
        write(name, str(tmp_path / "fresh"), patch)

    assert files(tmp_path / "fresh") == files(GOLDEN / name)


def test_the_page_on_the_format_shows_a_golden_manifest() -> None:
    """The manifest that docs/format.md explains is one that was really written."""
    page = (Path(__file__).parent.parent / "docs" / "format.md").read_text("utf-8")

    assert (GOLDEN / "plain" / "training" / "000000000002.json").read_text("utf-8") in page
