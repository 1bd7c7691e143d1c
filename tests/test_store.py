"""What each operation of a store promises, on a folder and in memory."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from places import open_store, slot

from ckptstore import CheckpointNotFound, CheckpointStore, VersionMismatch, Writer, inline, saving

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

RANDOM = random.Random(1)


class Clock:
    """In the place of `datetime` in saves: gives the times of a list, one a save."""

    def __init__(self, *seconds: int) -> None:
        self.times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]
        self.left = [*self.times]

    def now(self, _: object) -> datetime:
        """The next time."""
        return self.left.pop(0)


# save and load


def test_the_newest_comes_back(store: CheckpointStore, place: Place) -> None:
    """A load gives what was saved last, in this process and in any other."""
    store.save("run", {"step": 1})
    store.save("run", {"step": 2, "when": datetime(2026, 1, 1, tzinfo=UTC)})

    assert store.load("run") == open_store(place).load("run") == {"step": 2, "when": datetime(2026, 1, 1, tzinfo=UTC)}


def test_a_record_says_what_was_saved(store: CheckpointStore) -> None:
    """Run, number, time, sizes, metadata and writer: as save returns it, so it is listed."""
    before = datetime.now(UTC)
    record = store.save("run", [1, 2], metadata={"step": 7})

    assert (record.run, record.number, record.version, record.metadata) == ("run", 1, None, {"step": 7})
    assert (record.size, record.stored_size) == (len(b"[1,2]"), len(b"[1,2]"))
    assert record.writer == Writer(host=os.uname().nodename, pid=os.getpid())
    assert before <= record.created_at <= datetime.now(UTC)
    assert store.checkpoints("run") == [record]


def test_equal_digests_mean_equal_states(store: CheckpointStore) -> None:
    """The digest is of the state alone."""
    records = [store.save("run", state, metadata={"n": n}) for n, state in enumerate(["a", "a", "b"])]

    assert records[0].digest == records[1].digest != records[2].digest


def test_load_at_a_number_or_a_record(store: CheckpointStore) -> None:
    """Any checkpoint can be loaded, not just the newest."""
    first, second = store.save("run", "first"), store.save("run", "second")

    assert [store.load("run", at=at) for at in (1, first, 2, second)] == ["first", "first", "second", "second"]


def test_a_record_means_one_checkpoint(store: CheckpointStore, tmp_path: Path) -> None:
    """A record of another store finds nothing here, though run and number are the same."""
    store.save("run", "here")
    foreign = CheckpointStore(tmp_path / "elsewhere").save("run", "there")

    assert store.load("run", at=foreign, default=None) is None


def test_load_at_a_time(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A datetime finds the newest at or before it, in any zone; of several at one time, the last."""
    clock = Clock(0, 10, 10, 20)
    monkeypatch.setattr(saving, "datetime", clock)
    for number in (1, 2, 3, 4):
        store.save("run", number)
    moments = [clock.times[0] + timedelta(seconds=seconds) for seconds in (0, 9.999999, 10, 19, 20, 99)]

    assert [store.load("run", at=moment) for moment in moments] == [1, 1, 3, 3, 4, 4]
    with pytest.raises(CheckpointNotFound):
        store.load("run", at=clock.times[0] - timedelta(microseconds=1))


def test_a_clock_that_was_set_back_is_not_believed(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint is older than the one it continues from."""
    clock = Clock(10, 0, 20)
    monkeypatch.setattr(saving, "datetime", clock)

    assert [store.save("run", 0).created_at for _ in range(3)] == [clock.times[0], clock.times[0], clock.times[2]]


def test_what_is_not_there_is_not_found(store: CheckpointStore) -> None:
    """A missing run or number is a `CheckpointNotFound`, which is a `FileNotFoundError`, and names both."""
    store.save("run", 1)

    with pytest.raises(FileNotFoundError, match=r"^run 'other' has no checkpoint"):
        store.load("other")
    with pytest.raises(CheckpointNotFound, match=r"^run 'run' has no checkpoint at 2"):
        store.load("run", at=2)


def test_a_record_that_is_not_found_does_not_show_its_metadata(store: CheckpointStore) -> None:
    """The message names run and number; metadata may be long, and in an encrypted store secret."""
    gone = store.save("run", 1, metadata={"password": "hunter2"})
    store.save("run", 2)
    store.delete("run", 1)

    with pytest.raises(CheckpointNotFound, match=r"^run 'run' has no checkpoint 1 such as the given record$"):
        store.load("run", at=gone)


@pytest.mark.parametrize("default", [None, 0, {"fresh": True}])
def test_a_default_takes_the_place_of_nothing(store: CheckpointStore, default: object) -> None:
    """Whatever the default is, None too, it comes back where there is no checkpoint, and only there."""
    assert store.load("run", default=default) is default
    store.save("run", "state")
    assert store.load("run", default=default) == "state"
    assert store.load("run", at=9, default=default) is default


def test_load_with_a_type(store: CheckpointStore) -> None:
    """`type=` gives that type, or a `VersionMismatch` that names run, number and place."""
    store.save("run", {"prices": [1, 2]})

    assert store.load("run", type=dict[str, tuple[int, ...]]) == {"prices": (1, 2)}
    with pytest.raises(VersionMismatch, match=r"^run 'run', checkpoint 1: state.*expected str, got int"):
        store.load("run", type=dict[str, list[str]])


@pytest.mark.parametrize(
    ("serializer", "state"),
    [
        ("json", random.Random(1).randbytes(4 << 20).hex()),
        ("bytes", random.Random(1).randbytes(inline.INLINE_BASE64 + 1)),
    ],
)
def test_large_states_go_to_a_pack(place: Place, serializer: str, state: str | bytes) -> None:
    """What is too large for a manifest comes back from a pack, which equal states share, and which goes with them."""
    store = open_store(place, serializer=serializer, retention=1)
    store.save("run", state)
    record = store.save("run", state)

    assert record.stored_size == record.size == len(state) + 2 * isinstance(state, str)
    assert sum("/packs/" in key for key in place.objects()) == 1
    assert open_store(place).load("run") == state

    store.save("run", state[:0])

    assert not any("/packs/" in key for key in place.objects())


def test_the_last_state_that_fits_stays_inline(place: Place) -> None:
    """A state of just the limit is in the manifest: one object, no pack."""
    open_store(place, serializer="bytes").save("run", b"x" * inline.INLINE_BASE64)

    assert place.objects().keys() == {slot(1), "run/latest.json"}


def test_the_hint_is_for_people_too(place: Place) -> None:
    """`latest.json` repeats the newest checkpoint with its state, unless that is large."""
    store = open_store(place)
    store.save("run", {"step": 1})
    assert place.objects()["run/latest.json"] == place.objects()[slot(1)]

    store.save("run", "x" * 1_000_000)
    assert len(place.objects()["run/latest.json"]) < 2000


# metadata


def test_metadata_of_every_kind_comes_back(store: CheckpointStore) -> None:
    """Metadata holds what a state may hold."""
    metadata = {"when": datetime(2026, 1, 1, tzinfo=UTC), "ä": (1, {2}), "$tuple": [float("inf"), None], "": b"\0"}
    record = store.save("run", 0, metadata=metadata)

    assert record.metadata == metadata == store.checkpoints("run")[0].metadata


def test_long_metadata_is_listed(store: CheckpointStore, place: Place) -> None:
    """However long a header is, a listing reads all of it."""
    records = [store.save("run", 0, metadata={"long": str(n) * 20_000}) for n in range(3)]
    place.poke("run/latest.json", None)

    assert store.checkpoints("run") == records[::-1]


def test_a_record_does_not_change_with_the_callers_metadata(store: CheckpointStore) -> None:
    """What was saved is what the record says, whatever becomes of the dict that was passed."""
    tags = ["a"]
    record = store.save("run", 0, metadata={"tags": tags})
    tags.append("b")

    assert record.metadata == {"tags": ["a"]}
    assert store.latest("run") == record


def test_metadata_ends_at_64_kib(store: CheckpointStore) -> None:
    """The limit is exact and said in the message; past it nothing is written."""
    fits = "x" * (64 * 1024 - len('{"a":""}'))

    assert store.save("run", 0, metadata={"a": fits}).metadata == {"a": fits}
    with pytest.raises(ValueError, match=r"metadata takes 65537 bytes, more than 65536"):
        store.save("run", 0, metadata={"a": fits + "x"})
    assert [record.number for record in store.checkpoints("run")] == [1]


# latest, checkpoints, runs


def test_an_empty_run_has_nothing_newest(store: CheckpointStore) -> None:
    """Of a run that is not there `latest` is None and the list of checkpoints empty."""
    assert store.latest("run") is None
    assert store.checkpoints("run") == []


def test_checkpoints_come_newest_first(store: CheckpointStore) -> None:
    """All records in order, or the first `limit` of them."""
    records = [store.save("run", n) for n in range(5)][::-1]

    assert store.checkpoints("run") == records
    assert [store.checkpoints("run", limit=limit) for limit in (0, 2, 9)] == [[], records[:2], records]
    assert store.latest("run") == records[0]
