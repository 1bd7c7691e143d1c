"""
Golden stores: folders written once and kept. Whatever changes in the code, they read as they always did.

`golden/make.py` says how to add one. A test that fails here says that stored checkpoints of users are in danger.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from goldens import EXPECTED, FIRST_WRITERS, GOLDEN, METADATA, an_array, beside, files, open_golden, write

from ckptstore import Checkpoint, CheckpointError, CheckpointNotFound, CheckpointStore, Omitted, Writer
from ckptstore.chunks import read_table
from ckptstore.manifest import Manifest


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


def test_what_stands_beside_json_still_reads() -> None:
    """Bytes and arrays come back, and some of them without the rest."""
    expected, store = beside(), open_golden("packs")
    state, some = store.load("beside"), store.load("beside", only="more")

    assert repr(state) == repr(expected)
    for found, due in zip([*state["arrays"], state["more"]], [*expected["arrays"], expected["more"]], strict=True):
        assert (found.dtype, found.shape, found.tobytes("A")) == (due.dtype, due.shape, due.tobytes("A"))
    assert repr(some["more"]) == repr(expected["more"])
    assert some["bytes"] == Omitted(None, None, 8192)


def test_golden_packs_are_shared() -> None:
    """The states of a run have several chunks, and later ones name packs of those before."""
    for name in ("packs", "sealed"):
        history = open_golden(name)._history("shared")
        found = [one for one in map(history.get, (1, 2, 3)) if isinstance(one, Manifest)]

        assert len(read_table(found[0]).chunks) > 5
        assert len(found[0].header.packs) > 1
        assert set(found[0].header.packs) & set(found[1].header.packs)


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

    by_hand = {"arrays", "beside"}  # whose states tests of their own compare
    assert store.runs() == sorted(run for run, states in EXPECTED[name].items() if states or run in by_hand)
    for run, states in EXPECTED[name].items():
        report = store.verify(run)
        assert report.problems == ()
        assert report.checked == len(states) + (run in by_hand)


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


# How pickle writes is Python's.
@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in FIRST_WRITERS | {"pickled"}])
def test_the_same_save_writes_the_same_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save of today is a golden file, byte for byte: no change of the format goes unseen."""
    with monkeypatch.context() as patch:
        write(name, str(tmp_path / "fresh"), patch)

    assert files(tmp_path / "fresh") == files(GOLDEN / name)


def test_the_page_on_the_format_shows_a_golden_manifest() -> None:
    """The manifest that docs/format.md explains is one that was really written."""
    page = (Path(__file__).parent.parent / "docs" / "format.md").read_text("utf-8")

    assert (GOLDEN / "plain" / "training" / "000000000002.json").read_text("utf-8") in page
