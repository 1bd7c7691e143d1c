"""Bytes lost or changed, one by one, in every kind of object: a state comes back right or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harm import HINT, STATES, check_all_else, forged, load_or_refuse, three
from places import KINDS, make, open_store, slot

from ckptstore import CheckpointCorrupt, CheckpointError, KeepLast, inline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from places import Place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a run of three checkpoints, of each kind."""
    return three(request.param, tmp_path)


@pytest.fixture(params=KINDS)
def packed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give the same with each state in a pack."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    return three(request.param, tmp_path)


def pack_of(place: Place, number: int) -> str:
    """The key of the pack that was written for `number`."""
    (key,) = (key for key in place.objects() if key.startswith(f"run/packs/{number:012}-"))
    return key


def truncated(data: bytes) -> Iterator[bytes]:
    """`data` cut short at every byte."""
    return (data[:size] for size in range(len(data)))


def flipped(data: bytes) -> Iterator[bytes]:
    """`data` with each of its bytes changed in turn: the lowest bit, which makes other digits, and the highest."""
    for index, byte in enumerate(data):
        for bit in (0x01, 0x80):
            yield data[:index] + bytes([byte ^ bit]) + data[index + 1 :]


HARMS = pytest.mark.parametrize("harm", [truncated, flipped])


@HARMS
@pytest.mark.parametrize("hint", ["hint", "no hint"])
def test_a_harmed_newest_is_right_or_refused(place: Place, harm: type, hint: str) -> None:
    """Whatever is wrong with the newest manifest, no other state passes for it, and the one below is the way out."""
    if hint == "no hint":
        place.poke(HINT, None)
    for data in harm(place.objects()[slot(3)]):
        place.poke(slot(3), data)
        store = open_store(place)
        with pytest.raises(CheckpointError, match=r"^run 'run', checkpoint 3: "):
            store.load("run", at=3)
        assert load_or_refuse(place) in ((STATES[3], None) if hint == "hint" else (None,))
        assert store.load("run", at=2) == STATES[2]
        assert [record.number for record in store.checkpoints("run")][-2:] == [2, 1]


@HARMS
def test_a_harmed_manifest_hides_no_neighbour(place: Place, harm: type) -> None:
    """Whatever is wrong with one in the middle, the newest and the one below load, and verify names it alone."""
    for data in harm(place.objects()[slot(2)]):
        place.poke(slot(2), data)
        store = open_store(place)
        with pytest.raises(CheckpointError, match=r"^run 'run', checkpoint 2: "):
            store.load("run", at=2)
        assert [store.load("run", at=at) for at in (None, 3, 1)] == [STATES[3], STATES[3], STATES[1]]
        assert [problem.key for problem in store.verify("run").problems] == [slot(2)]


@HARMS
def test_a_harmed_marker_hides_no_neighbour(place: Place, harm: type) -> None:
    """What stands in the place of a removed checkpoint never becomes one, nor hides the one below."""
    open_store(place).delete("run", 2)
    for data in harm(place.objects()[slot(2)]):
        place.poke(slot(2), data)
        store = open_store(place)
        assert load_or_refuse(place, at=2) is None
        assert [store.load("run", at=at) for at in (None, 1)] == [STATES[3], STATES[1]]
        assert [problem.key for problem in store.verify("run").problems] == [slot(2)]


@HARMS
def test_a_harmed_hint_changes_nothing(place: Place, harm: type) -> None:
    """The hint is never trusted: whatever is in it, the newest loads and the next save is the next number."""
    for data in harm(place.objects()[HINT]):
        place.poke(HINT, data)
        store = open_store(place)
        assert store.load("run") == STATES[3]
        latest = store.latest("run")
        assert latest
        assert latest.number == 3
        assert [problem.key for problem in store.verify("run").problems] == [HINT]


@pytest.mark.parametrize("data", [b"", b"\0" * 800, b"{}", b"[]", b'{"latest": 1}', bytes(range(256)) * 5000])
def test_any_hint_is_mended_by_the_next_save(place: Place, data: bytes) -> None:
    """A torn, empty or foreign hint costs a listing, until a save writes it anew."""
    place.poke(HINT, data)
    store = open_store(place)

    assert store.load("run") == STATES[3]
    assert not store.verify("run").ok
    store.save("run", "next")
    assert store.verify("run").ok


@pytest.mark.parametrize("hinted", [1, 2])
def test_an_old_hint_is_followed_up(place: Place, tmp_path: Path, hinted: int) -> None:
    """A hint that lags, or that is of another run or store, leads to the newest all the same."""
    place.poke(HINT, place.objects()[slot(hinted)])
    assert open_store(place).load("run") == STATES[3]

    other = make("folder", tmp_path / "other")
    for n in range(5):
        open_store(other).save("run", n)
    place.poke(HINT, other.objects()[HINT])
    assert open_store(place).load("run") == STATES[3]


# Packs


@HARMS
@pytest.mark.parametrize("bad", [2, 3])
def test_a_harmed_pack_is_right_or_refused(packed: Place, harm: type, bad: int) -> None:
    """No byte of a pack can be lost or changed unseen, and only the checkpoint that needs it is hurt."""
    key = pack_of(packed, bad)
    for data in harm(packed.objects()[key]):
        packed.poke(key, data)
        with pytest.raises(CheckpointCorrupt, match=f"^run 'run', checkpoint {bad}: .*{key}"):
            open_store(packed).load("run", at=bad)
        assert open_store(packed).load("run", at=1) == STATES[1]


@pytest.mark.parametrize("bad", [2, 3])
@pytest.mark.parametrize("how", ["missing", "truncated", "flipped", "swapped"])
def test_a_bad_pack_hurts_one_checkpoint(packed: Place, bad: int, how: str) -> None:
    """The rest lists and loads, verify names the checkpoint and the pack, load the way out, and saves go on."""
    key = pack_of(packed, bad)
    data = packed.objects()[key]
    harmed = {
        "missing": None,
        "truncated": data[:-1],
        "flipped": b"x" + data[1:],
        "swapped": packed.objects()[pack_of(packed, 1)],
    }
    packed.poke(key, harmed[how])

    with pytest.raises(CheckpointCorrupt, match=key):
        open_store(packed).load("run", at=bad)
    packed.poke(HINT, None)
    check_all_else(packed, bad, key)


def test_a_chunk_of_no_pack_is_corrupt(packed: Place) -> None:
    """A chunk that names a pack which its manifest does not is damage as well."""
    name = pack_of(packed, 3).rpartition("/")[2]
    packed.poke(slot(3), forged(packed.objects()[slot(3)], b'["%b"]' % name.encode(), b"[]"))
    packed.poke(HINT, None)

    check_all_else(packed, 3)


def test_longer_packs_are_no_harm(packed: Place) -> None:
    """A manifest names the bytes that it needs of a pack; what stands behind them is not looked at."""
    key = pack_of(packed, 3)
    packed.poke(key, packed.objects()[key] + b"more")

    assert open_store(packed).load("run") == STATES[3]


# Removing beside damage


def test_pruning_keeps_what_it_cannot_read(packed: Place) -> None:
    """An unreadable manifest may be mended one day: neither it nor any pack is removed, the others by the policy."""
    sound = packed.objects()[slot(2)]
    packed.poke(slot(2), sound[:100])
    report = open_store(packed, retention=KeepLast(1)).prune("run")

    assert (report.kept, report.removed) == ([3], [1])
    assert {slot(2), slot(3), *(pack_of(packed, n) for n in (1, 2, 3))} <= packed.objects().keys()
    packed.poke(slot(2), sound)
    assert open_store(packed).load("run", at=2) == STATES[2]


def test_a_run_with_damage_can_be_deleted(packed: Place) -> None:
    """Nothing has to be readable to be removed with its run."""
    packed.poke(slot(2), b"garbage")
    packed.poke(slot(3), b"garbage")
    packed.poke(HINT, b"garbage")
    store = open_store(packed)
    store.delete_run("run")

    assert (store.runs(), store.load("run", default="gone")) == ([], "gone")
    assert sum(len(data) for data in packed.objects().values()) < 1000
    assert store.save("run", "new").number == 4
