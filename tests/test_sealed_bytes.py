"""Bytes lost or changed in compressed and encrypted objects: a state comes back right or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harm import HINT
from places import KINDS, open_store, slot
from sealing import KEY, SETTINGS, STATES, check_refused, outcome, outside, refitted, sealed_part, three

from ckptstore import CheckpointCorrupt, CheckpointError, DecryptionError, inline
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from places import Place

CODECS = pytest.mark.parametrize("codecs", [name for name in SETTINGS if name != "plain"])
SEALED = SETTINGS["zstd + fernet"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of place."""
    kind: str = request.param
    return kind


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let states of ten bytes already go to packs."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    monkeypatch.setattr(inline, "INLINE_BASE64", 10)


def pack_of(place: Place, number: int) -> str:
    """The key of the pack that was written for `number`."""
    (key,) = (key for key in place.objects() if key.startswith(f"run/packs/{number:012}-"))
    return key


def harmed(data: bytes, every: int) -> Iterator[bytes]:
    """`data` cut short, and with a bit changed, at each `every`-th byte."""
    for index in range(0, len(data), every):
        yield data[:index]
        for bit in (0x01, 0x80):
            yield data[:index] + bytes([data[index] ^ bit]) + data[index + 1 :]


# Manifests and hints


@CODECS
@pytest.mark.parametrize("bad", [2, 3])
def test_a_harmed_manifest_is_corrupt(kind: str, codecs: str, bad: int, tmp_path: Path) -> None:
    """Whatever byte of a manifest is lost or changed, it is refused and named, and all others load."""
    settings = SETTINGS[codecs]
    place = three(kind, tmp_path, **settings)
    place.poke(HINT, None)
    for data in harmed(place.objects()[slot(bad)], 17):
        place.poke(slot(bad), data)
        store = open_store(place, **settings)
        with pytest.raises(CheckpointError, match=rf"^run 'run', checkpoint {bad}: "):
            store.load("run", at=bad)
        assert [outcome(place, n, **settings) for n in STATES if n != bad] == [STATES[n] for n in STATES if n != bad]
        assert [problem.key for problem in store.verify("run").problems] == [slot(bad)]
        assert bad == 2 or isinstance(outcome(place, **settings), CheckpointError)


def test_a_harmed_token_is_refused_whatever_the_digest(kind: str, tmp_path: Path) -> None:
    """Whatever byte of a token is changed, and the digest made to fit, no state comes out."""
    place = three(kind, tmp_path, **SEALED)
    place.poke(HINT, None)
    data = place.objects()[slot(3)]
    token = sealed_part(data)
    for index in range(0, len(token), 5):
        other = b"A" if token[index] != ord("A") else b"B"
        place.poke(slot(3), outside(data, "sealed", b'"%b"' % (token[:index] + other + token[index + 1 :])))
        assert isinstance(outcome(place, **SEALED), DecryptionError)
        assert isinstance(outcome(place, 3, **SEALED), DecryptionError)


@CODECS
def test_a_harmed_hint_changes_nothing(kind: str, codecs: str, tmp_path: Path) -> None:
    """Whatever byte of the hint is lost or changed, the newest loads, and verify names the hint."""
    settings = SETTINGS[codecs]
    place = three(kind, tmp_path, **settings)
    for data in harmed(place.objects()[HINT], 17):
        place.poke(HINT, data)
        store = open_store(place, **settings)
        assert store.load("run") == STATES[3]
        assert [problem.key for problem in store.verify("run").problems] == [HINT]
    assert open_store(place, **settings).save("run", "next").number == 4


HINTS: dict[str, Callable[[Place, Place], bytes]] = {
    "the first": lambda place, _: place.objects()[slot(1)],
    "the one before": lambda place, _: place.objects()[slot(2)],
    "another run's": lambda place, _: place.objects()[slot(3, "other")],
    "plain": lambda _, plain: plain.objects()[HINT],
    "number edited": lambda place, _: outside(place.objects()[HINT], "number", b"7"),
    "cut and refitted": lambda place, _: refitted(place.objects()[HINT][:-40] + b'"}\n'),
    "a state elsewhere": lambda _, plain: plain.objects()[HINT].partition(b'"state"')[0] + b'"state_in": "3.json"}\n',
}


@pytest.mark.parametrize("hint", HINTS)
def test_no_hint_leads_astray(kind: str, hint: str, tmp_path: Path) -> None:
    """Whatever stands in the hint, older, of another run or forged, the newest is found and saves go on from it."""
    place, plain = three(kind, tmp_path / "sealed", **SEALED), three("memory", tmp_path)
    for n in range(5):
        open_store(place, **SEALED).save("other", n)
    place.poke(HINT, HINTS[hint](place, plain))
    store = open_store(place, **SEALED)

    assert store.load("run") == STATES[3]
    latest = store.latest("run")
    assert latest
    assert latest.number == 3
    assert open_store(place, **SEALED).save("run", "next").number == 4


@pytest.mark.parametrize("bad", [1, 2])
def test_a_harmed_marker_hides_no_neighbour(kind: str, bad: int, tmp_path: Path) -> None:
    """Whatever byte of a marker is lost or changed, no state comes out of it, and the others load."""
    place = three(kind, tmp_path, **SEALED)
    open_store(place, **SEALED).delete("run", bad)
    for data in harmed(place.objects()[slot(bad)], 13):
        place.poke(slot(bad), data)
        assert isinstance(outcome(place, bad, **SEALED), CheckpointError)
        assert [outcome(place, n, **SEALED) for n in STATES if n != bad] == [STATES[n] for n in STATES if n != bad]
        assert [problem.key for problem in open_store(place, **SEALED).verify("run").problems] == [slot(bad)]


# Packs


@pytest.mark.usefixtures("small_limits")
@CODECS
def test_a_harmed_pack_hurts_one_checkpoint(kind: str, codecs: str, tmp_path: Path) -> None:
    """Whatever byte of a pack is lost or changed, its checkpoint is corrupt, the message names it, others load."""
    settings = SETTINGS[codecs]
    place = three(kind, tmp_path, **settings)
    key = pack_of(place, 2)
    for data in harmed(place.objects()[key], 3):
        place.poke(key, data)
        with pytest.raises(CheckpointCorrupt, match=f"^run 'run', checkpoint 2: .*{key}"):
            open_store(place, **settings).load("run", at=2)
        assert [outcome(place, n, **settings) for n in (1, 3)] == [STATES[1], STATES[3]]


@pytest.mark.usefixtures("small_limits")
@CODECS
@pytest.mark.parametrize("bad", [2, 3])
@pytest.mark.parametrize("how", ["missing", "truncated", "flipped", "swapped", "of another run", "plain", "empty"])
def test_a_bad_pack_is_damage(kind: str, codecs: str, bad: int, how: str, tmp_path: Path) -> None:
    """Whatever stands in a pack's place, even sealed with the same key, its checkpoint alone is corrupt."""
    settings = SETTINGS[codecs]
    place = three(kind, tmp_path, **settings)
    key = pack_of(place, bad)
    data = place.objects()[key]
    open_store(place, **settings).save("other", STATES[1])
    (foreign,) = (data for name, data in place.objects().items() if name.startswith("other/packs"))
    instead = {
        "missing": None,
        "truncated": data[:-1],
        "flipped": b"x" + data[1:],
        "swapped": place.objects()[pack_of(place, 1)],
        "of another run": foreign,
        "plain": JsonSerializer().dumps(STATES[bad]),
        "empty": b"",
    }
    place.poke(key, instead[how])
    place.poke(HINT, None)

    check_refused(place, bad, CheckpointCorrupt, key, **settings)


@pytest.mark.usefixtures("small_limits")
def test_the_right_plain_text_is_no_token(kind: str, tmp_path: Path) -> None:
    """A pack that was opened by somebody who has the key, and left open, is not read."""
    place = three(kind, tmp_path, encryption=KEY)
    place.poke(pack_of(place, 2), JsonSerializer().dumps(STATES[2]))
    place.poke(HINT, None)

    check_refused(place, 2, CheckpointCorrupt, pack_of(place, 2), encryption=KEY)
