"""Edited, forged and misplaced manifests: never a wrong state, never one that hides the others, always a way on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from harm import HINT, STATES, check_all_else, forged, three
from places import KINDS, open_store, slot

from ckptstore import CheckpointCorrupt, VersionMismatch
from ckptstore.manifest import Header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place

WHERE = pytest.mark.parametrize(("bad", "hint"), [(2, "hint"), (3, "hint"), (3, "no hint")])


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a run of three checkpoints, of each kind."""
    return three(request.param, tmp_path)


def replace(place: Place, number: int, hint: str, data: bytes) -> None:
    """Put other bytes into a slot, and lose the hint if that is asked for."""
    assert data != place.objects()[slot(number)]
    place.poke(slot(number), data)
    if hint == "no hint":
        place.poke(HINT, None)


def header(data: bytes) -> bytes:
    """What stands before the state."""
    return data[: data.index(b'\n"state": ') + 1]


def state(data: bytes) -> bytes:
    """The state, as it stands last."""
    return data[len(header(data)) :]


# What editors, scripts and crashes make of a manifest, given it and another of the run.
EDITS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "empty": lambda data, _: b"",
    "half": lambda data, _: data[: len(data) // 2],
    "zeros": lambda data, _: b"\0" * len(data),
    "garbage": lambda data, _: bytes(range(256)) * 4,
    "other JSON": lambda data, _: b'{"step": 2}',
    "re-formatted": lambda data, _: json.dumps(json.loads(data)).encode(),
    "indented": lambda data, _: json.dumps(json.loads(data), indent=2).encode(),
    "line ends": lambda data, _: data.replace(b"\n", b"\r\n"),
    "byte order mark": lambda data, _: b"\xef\xbb\xbf" + data,
    "no last line end": lambda data, _: data[:-1],
    "one more line end": lambda data, _: data + b"\n",
    "twice": lambda data, _: data * 2,
    "duplicate key": lambda data, _: data.replace(b'"size": ', b'"size": 1,\n"size": ', 1),
    "unknown field": lambda data, _: data.replace(b'"size": ', b'"extra": 1,\n"size": ', 1),
    "field removed": lambda data, _: re.sub(rb'"version": .*\n', b"", data),
    "state edited": lambda data, _: data.replace(b'"text":"state', b'"text":"State', 1),
    "state of another": lambda data, other: header(data) + state(other),
    "header of another": lambda data, other: header(other) + state(data),
    "another": lambda _, other: other,
}


@WHERE
@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_manifest_is_corrupt(place: Place, bad: int, hint: str, edit: str) -> None:
    """Whatever is changed in a file is noticed; the others stay, and the message names the way out."""
    objects = place.objects()
    replace(place, bad, hint, EDITS[edit](objects[slot(bad)], objects[slot(1)]))

    check_all_else(place, bad)


@WHERE
@pytest.mark.parametrize("name", ["sha256", *(name for name in Header.__struct_fields__ if name != "format")])
def test_no_field_can_be_edited(place: Place, bad: int, hint: str, name: str) -> None:
    """Each field is covered by the digest."""
    data = place.objects()[slot(bad)]
    found = re.search(rf'"{name}": (.*),\n'.encode(), data)
    assert found
    value = json.loads(found[1])
    new: Any = value + 1 if type(value) is int else value[:-1] + chr(ord(value[-1]) ^ 1) if type(value) is str else [1]
    replace(place, bad, hint, data[: found.start(1)] + json.dumps(new).encode() + data[found.end(1) :])

    check_all_else(place, bad)


FORGERIES: dict[str, tuple[bytes, bytes]] = {
    "duplicate key": (b'"size": ', b'"size": 1,\n"size": '),
    "duplicate key in a line": (b'"size": ', b'"size": 1, "size": '),
    "duplicate number": (b'"number": ', b'"number": 9, "number": '),
    "unknown field": (b'"size": ', b'"extra": 1,\n"size": '),
    "unknown field in a line": (b'"size": ', b'"extra": 1, "size": '),
    "wrong order": (b'"version": null,\n', b""),
    "spaces": (b'"codecs": []', b'"codecs": [ ]'),
    "no spaces": (b'"size": ', b'"size":'),
    "no number": (b'"size": ', b'"size": -'),
    "no such encoding": (b'"encoding": "json"', b'"encoding": "utf-8"'),
    "path for a pack": (b'"packs": []', b'"packs": ["../../etc"]'),
    "another run": (b'"run": "run"', b'"run": "rum"'),
    "no zone": (b'Z",\n"version"', b'",\n"version"'),
    "metadata list": (b'"metadata": {', b'"metadata": [{'),
    "metadata twice": (b'"metadata": {', b'"metadata": {"step":1,'),
    "metadata deep": (b'"metadata": {', b'"metadata": {"a":' + b"[" * 100_000 + b"]" * 100_000 + b","),
    "not UTF-8": (b'"host":"', b'"host":"\xff'),
    "huge pid": (b'"pid":', b'"pid":' + b"9" * 5000),
    "format 01": (b'"format": 1', b'"format": 01'),
}


@WHERE
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_fitting_digest_is_not_enough(place: Place, bad: int, hint: str, forgery: str) -> None:
    """A header whose digest fits is still read strictly: there is one way to write it."""
    replace(place, bad, hint, forged(place.objects()[slot(bad)], *FORGERIES[forgery]))

    check_all_else(place, bad)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"packs": []', b'"packs": [ ]'),
        (b'"removed": true', b'"removed": true, "removed": true'),
        (b'"removed": true', b'"removed": false'),
        (b"}\n", b"\n}\n"),
    ],
)
def test_a_marker_is_read_strictly_too(place: Place, old: bytes, new: bytes) -> None:
    """There is one way to write a marker."""
    open_store(place).delete("run", 2)
    replace(place, 2, "hint", forged(place.objects()[slot(2)], old, new))

    check_all_else(place, 2)


LIES: dict[str, tuple[bytes, bytes]] = {
    "wrong size": (b'"size": ', b'"size": 9'),
    "base64 for JSON": (b'"encoding": "json"', b'"encoding": "base64"'),
    "chunks for JSON": (b'"encoding": "json"', b'"encoding": "chunks"'),
}


@pytest.mark.parametrize("hint", ["hint", "no hint"])
@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_corrupt(place: Place, hint: str, lie: str) -> None:
    """A well-formed header that does not fit its state is noticed when that is read."""
    replace(place, 3, hint, forged(place.objects()[slot(3)], *LIES[lie]))

    check_all_else(place, 3)


def test_a_forged_predecessor_does_not_count(place: Place) -> None:
    """A header of any other digest is not the one that the next checkpoint continues from."""
    replace(place, 2, "hint", forged(place.objects()[slot(2)], b'"metadata": {"step":2}', b'"metadata": {"step":5}'))
    store = open_store(place)

    assert store.load("run", at=2, default="not found") == "not found"
    assert [record.number for record in store.checkpoints("run")] == [3, 1]
    assert [problem.key for problem in store.verify("run").problems] == [slot(2)]


NEWER: dict[str, tuple[bytes, bytes]] = {
    "format": (b'"format": 1,', b'"format": 2,'),
    "codec": (b'"codecs": []', b'"codecs": [{"name":"zstd"}]'),
    "settings": (b'{"name":"json"}', b'{"name":"json","settings":{"level":2}}'),
}


@pytest.mark.parametrize("newer", NEWER)
def test_what_a_newer_ckptstore_wrote_is_refused(place: Place, newer: str) -> None:
    """Nothing is read by a guess: the message says to upgrade, verify says it too, and the others load."""
    replace(place, 3, "no hint", forged(place.objects()[slot(3)], *NEWER[newer]))
    store = open_store(place)

    for at in (None, 3):
        with pytest.raises(VersionMismatch, match=r"^run 'run', checkpoint 3: .*upgrade ckptstore$"):
            store.load("run", at=at)
    assert [store.load("run", at=n) for n in (1, 2)] == [STATES[1], STATES[2]]
    assert {1, 2} <= {record.number for record in store.checkpoints("run")}
    assert [problem.key for problem in store.verify("run").problems] == [slot(3)]


def test_an_old_ckptstore_does_not_save_after_a_newer_format(place: Place) -> None:
    """Two formats are not mixed by accident: the save is refused and nothing is written."""
    replace(place, 3, "no hint", forged(place.objects()[slot(3)], *NEWER["format"]))
    before = place.objects()

    with pytest.raises(VersionMismatch, match="upgrade ckptstore"):
        open_store(place).save("run", "next")
    assert place.objects() == before


@pytest.mark.parametrize("edit", ["half", "state edited"])
def test_the_way_out_is_sound_itself(place: Place, edit: str) -> None:
    """What the message offers can be loaded: damage below the newest is passed over, and having nothing is said."""
    for bad, way_out in ((3, r"load\(…, at=2\)"), (2, r"load\(…, at=1\)"), (1, "no sound one is left")):
        replace(place, bad, "hint", EDITS[edit](place.objects()[slot(bad)], b""))
        place.poke(HINT, b"")
        with pytest.raises(CheckpointCorrupt, match=rf"^run 'run', checkpoint 3: .*newest: {way_out}.*store is 4$"):
            open_store(place).load("run")

    assert open_store(place).save("run", "next").number == 4
    assert open_store(place).load("run") == "next"


# Files in the wrong place


@pytest.mark.parametrize("hint", ["hint", "no hint"])
def test_a_copy_under_the_next_number_is_corrupt(place: Place, hint: str) -> None:
    """A manifest counts only in its own place: a copy above the newest is named, and passed over by the next save."""
    place.poke(slot(4), place.objects()[slot(3)])
    if hint == "no hint":
        place.poke(HINT, None)
    store = open_store(place)

    with pytest.raises(CheckpointCorrupt, match=r"^run 'run', checkpoint 4: .*copied or renamed.*load\(…, at=3\)"):
        store.load("run")
    assert [record.number for record in store.checkpoints("run")] == [3, 2, 1]
    assert [problem.key for problem in store.verify("run").problems] == [slot(4)]
    assert store.save("run", "next").number == 5
    assert [open_store(place).load("run", at=at) for at in (None, 3)] == ["next", STATES[3]]


def test_a_copied_marker_is_corrupt(place: Place) -> None:
    """A marker too counts only in its own place."""
    open_store(place).delete("run", 2)
    place.poke(slot(4), place.objects()[slot(2)])

    with pytest.raises(CheckpointCorrupt, match=r"^run 'run', checkpoint 4: .*copied or renamed"):
        open_store(place).load("run")
    assert open_store(place).load("run", at=3) == STATES[3]


def test_a_copy_in_another_run_is_corrupt(place: Place) -> None:
    """A checkpoint belongs to its run; one that was copied is named there, and its own run does not notice."""
    place.poke(slot(1, "other"), place.objects()[slot(1)])
    place.poke("other/latest.json", place.objects()[HINT])
    store = open_store(place)

    with pytest.raises(CheckpointCorrupt, match=r"^run 'other', checkpoint 1: .*of run 'run' under another name"):
        store.load("other")
    assert store.checkpoints("other") == []
    assert store.load("run") == STATES[3]
    assert store.save("other", "next").number == 2
    assert open_store(place).load("other") == "next"


def test_swapped_manifests_are_corrupt(place: Place) -> None:
    """Two files with each other's names are both named; what is sound goes on."""
    objects = place.objects()
    place.poke(slot(1), objects[slot(2)])
    place.poke(slot(2), objects[slot(1)])
    store = open_store(place)

    assert [problem.key for problem in store.verify("run").problems] == [slot(1), slot(2)]
    for at in (1, 2):
        with pytest.raises(CheckpointCorrupt, match="copied or renamed"):
            store.load("run", at=at)
    assert (store.load("run"), store.save("run", "next").number) == (STATES[3], 4)
