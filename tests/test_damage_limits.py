"""Objects at the edge of what the format can say: absurd numbers, sizes and texts, with digests that fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from harm import HINT, STATES, check_all_else, forged, three
from places import KINDS, InFolder, open_store, slot

from ckptstore import CheckpointCorrupt, CheckpointError, format1, history
from ckptstore.layout import MAX_NUMBER

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a run of three checkpoints, of each kind."""
    return three(request.param, tmp_path)


@pytest.mark.parametrize("hint", ["hint", "no hint"])
def test_behind_the_last_number_is_none(place: Place, hint: str) -> None:
    """A checkpoint forged under the last number there is loads as the newest; a save says that none is left."""
    data = forged(place.objects()[slot(3)], b'"number": 3', b'"number": %d' % MAX_NUMBER)
    place.poke(slot(MAX_NUMBER), data)
    place.poke(HINT, data if hint == "hint" else None)
    store = open_store(place)

    assert store.load("run", at=MAX_NUMBER) == store.load("run") == STATES[3]
    assert [record.number for record in store.checkpoints("run")] == [MAX_NUMBER, 2, 1]
    assert [problem.key for problem in store.verify("run").problems] == [slot(3)]
    with pytest.raises(CheckpointError, match=f"^run 'run': the last number, {MAX_NUMBER}, is taken, .* another name"):
        store.save("run", "next")


def test_damage_in_the_last_number(place: Place) -> None:
    """Garbage under the last number, above a gap, leaves a way out: the newest that is proven."""
    place.poke(slot(MAX_NUMBER), b"garbage")
    place.poke(HINT, None)
    store = open_store(place)

    with pytest.raises(CheckpointCorrupt, match=rf"^run 'run', checkpoint {MAX_NUMBER}: .*load\(…, at=2\)"):
        store.load("run")
    assert [record.number for record in store.checkpoints("run")] == [2, 1]
    assert [problem.key for problem in store.verify("run").problems] == [slot(3), slot(MAX_NUMBER)]


def test_a_hint_of_no_number_is_a_bad_hint(place: Place) -> None:
    """There is no checkpoint 0, whatever the hint says."""
    place.poke(HINT, forged(place.objects()[HINT], b'"number": 3', b'"number": 0'))
    store = open_store(place)

    assert store.load("run") == STATES[3]
    assert [problem.key for problem in store.verify("run").problems] == [HINT]


@pytest.mark.parametrize("bad", [2, 3])
def test_an_object_beyond_all_sizes_is_corrupt(place: Place, bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than a checkpoint can be is not read to its end, nor believed."""
    for module in format1, history:
        monkeypatch.setattr(module, "SIZE_LIMIT", 10_000)
    place.poke(slot(bad), place.objects()[slot(bad)] + b" " * 10_000)
    place.poke(HINT, None)

    check_all_else(place, bad)


@pytest.mark.parametrize("key", [slot(2), slot(3), HINT])
def test_a_file_of_a_tebibyte_fills_no_memory(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that claims more than any machine has, at no cost to whoever put it there, is damage like any other."""
    for module in format1, history:
        monkeypatch.setattr(module, "SIZE_LIMIT", 10_000)
    place = three("folder", tmp_path)
    assert isinstance(place, InFolder)
    with (place.root / key).open("ab") as file:
        file.truncate(2**40)
    store = open_store(place)

    assert store.load("run", at=1) == STATES[1]
    assert [problem.key for problem in store.verify("run").problems] == [key]
    assert key != HINT or store.load("run") == STATES[3]


METADATA = {
    "not to be saved": b'{"a":{"$set":[{"$frozenset":[]},{"$date":"x"}]}}',
    "titles": b'{"a":{"$ndarray":{"dtype":{"names":["a"],"formats":["<f8"],"offsets":[0],"itemsize":8,"aligned":false,'
    b'"titles":[1]},"shape":[0],"order":"C","data":""}}}',
    "arrays in arrays": b'{"a":' + b'{"$ndarray":{"dtype":' * 300 + b"1" + b"}}" * 300 + b"}",
    "a number beyond all": b'{"a":' + b"9" * 5000 + b"}",
    "more than 64 KiB": b'{"a":"' + b"x" * 65536 + b'"}',
    "a zone that is a path": b'{"a":{"$time":"00:00:00[../../etc/passwd]"}}',
}


@pytest.mark.parametrize("bad", [2, 3])
@pytest.mark.parametrize("metadata", METADATA)
def test_metadata_that_nobody_saved_is_corrupt(place: Place, bad: int, metadata: str) -> None:
    """Metadata is read as strictly as all else in a header."""
    old = b'{"step":%d}' % bad
    place.poke(
        slot(bad), forged(place.objects()[slot(bad)], b'"metadata": ' + old, b'"metadata": ' + METADATA[metadata])
    )
    place.poke(HINT, None)

    check_all_else(place, bad)


def test_metadata_with_an_unknown_zone_is_no_damage(place: Place) -> None:
    """What this machine lacks is said, with run and number, and nothing is saved behind what it cannot read."""
    old, new = b'"metadata": {"step":3}', b'"metadata": {"at":{"$time":"00:00:00[Mars/Base]"}}'
    place.poke(slot(3), forged(place.objects()[slot(3)], old, new))
    place.poke(HINT, None)
    before = place.objects()
    store = open_store(place)

    for do in store.load, store.latest, lambda run: store.save(run, "next"):
        with pytest.raises(CheckpointError, match=r"^run 'run', checkpoint 3: metadata: .* Mars/Base: pip install"):
            do("run")
    assert place.objects() == before


LONG = b"x" * 1_000_000
TEXTS = {
    "field": (rb'"version": ', b'"' + LONG + b'": 1,\n"version": '),
    "run": (rb'"run": "', b'"run": "' + LONG),
    "serializer": (rb'\{"name":"json', b'{"name":"' + LONG),
    "codec": (rb'"codecs": \[', b'"codecs": [{"name":"' + LONG + b'"}'),
    "encoding": (rb'"encoding": "', b'"encoding": "' + LONG),
    "terminal": (rb'\{"name":"json', b'{"name":"\\u001b[31m\\u202e'),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_is_short_and_harmless(place: Place, text: str) -> None:
    """However long a forged text is, and whatever a terminal would do with it, an error says it in a few lines."""
    pattern, new = TEXTS[text]
    found = re.search(pattern, place.objects()[slot(3)])
    assert found
    place.poke(slot(3), forged(place.objects()[slot(3)], found[0], new))
    store = open_store(place)

    with pytest.raises(CheckpointError, match=r"^run 'run', checkpoint 3: ") as caught:
        store.load("run", at=3)
    assert len(str(caught.value)) < 1500
    assert str(caught.value).isprintable()
    assert all(len(problem.what) < 1500 and problem.what.isprintable() for problem in store.verify("run").problems)


def test_who_saved_first_is_said_harmlessly(place: Place) -> None:
    """The name of a host is a text that anybody can have written."""
    store = open_store(place)
    store.load("run")
    open_store(place).save("run", "of another")
    place.poke(slot(4), forged(place.objects()[slot(4)], b'"host":"', b'"host":"\\u001b[31m' + LONG))

    with pytest.raises(CheckpointError, match="4 was saved by") as caught:
        store.save("run", "next")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("pack", ["0\\n", "1" * 300, "../0", "-1", "\u0661"])
def test_no_pack_has_such_a_name(place: Place, pack: str) -> None:
    """Names of packs are read as strictly as they are written: no line ends, no paths, none too long for a disk."""
    name = b'"packs": ["000000000003-%b-%b"]' % (b"a" * 32, pack.encode())
    place.poke(slot(3), forged(place.objects()[slot(3)], b'"packs": []', name))
    place.poke(HINT, None)

    check_all_else(place, 3)


def test_a_folder_in_the_place_of_a_pack_is_damage(tmp_path: Path) -> None:
    """It hurts the checkpoint that needs the pack, and no other."""
    place = three("folder", tmp_path)
    assert isinstance(place, InFolder)
    open_store(place, serializer="bytes").save("run", bytes(100_000))
    (key,) = (key for key in place.objects() if "/packs/" in key)
    (place.root / key).unlink()
    (place.root / key).mkdir()
    store = open_store(place)

    with pytest.raises(CheckpointCorrupt, match=f"^run 'run', checkpoint 4: {key}: a folder stands in its place"):
        store.load("run")
    assert [(problem.key, problem.number) for problem in store.verify("run").problems] == [(key, 4)]
    assert store.load("run", at=3) == STATES[3]
