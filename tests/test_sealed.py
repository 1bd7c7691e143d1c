"""An encrypted run fails closed: whatever somebody without the key puts in a slot is refused, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harm import HINT, forged
from places import KINDS, open_store, slot
from sealing import (
    KEY,
    OTHER,
    SETTINGS,
    STATES,
    check_nothing_is_written,
    check_refused,
    outside,
    refitted,
    sealed_part,
    three,
)

from ckptstore import CheckpointCorrupt, CheckpointError, DecryptionError, VersionMismatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place

WHERE = pytest.mark.parametrize(("bad", "hint"), [(2, "hint"), (3, "hint"), (3, "no hint")])
WITH_KEY = SETTINGS["zstd + fernet"]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a root with a sealed run of three checkpoints, of each kind."""
    return three(request.param, tmp_path, **WITH_KEY)


@pytest.fixture
def plain(tmp_path: Path) -> Place:
    """The same run as a store without a key writes it."""
    return three("memory", tmp_path)


def replace(place: Place, number: int, hint: str, data: bytes) -> None:
    """Put other bytes into a slot, and lose the hint if that is asked for."""
    assert data != place.objects()[slot(number)]
    place.poke(slot(number), data)
    if hint == "no hint":
        place.poke(HINT, None)


# Keys


def test_without_a_key_nothing_is_done(place: Place) -> None:
    """A store without a key reads nothing of a sealed run, changes nothing, and says what is missing."""
    check_nothing_is_written(place, DecryptionError)

    with pytest.raises(DecryptionError, match=r"^run 'run', checkpoint 3: it is encrypted: .*encryption=") as caught:
        open_store(place).load("run")
    assert KEY not in str(caught.value)


def test_with_another_key_nothing_is_done(place: Place) -> None:
    """A store with the wrong key reads nothing of a sealed run, changes nothing, and says how to give older keys."""
    check_nothing_is_written(place, DecryptionError, encryption=OTHER)

    with pytest.raises(DecryptionError, match=r"^run 'run', checkpoint 3: .*encryption=\[newest, older\]") as caught:
        open_store(place, encryption=OTHER).load("run")
    assert OTHER not in str(caught.value)


def test_a_wrong_key_is_no_damage(place: Place) -> None:
    """With another key, verify names each checkpoint, and none of them as damaged."""
    report = open_store(place, encryption=OTHER).verify("run")

    assert report.checked == 0
    assert [problem.key for problem in report.problems] == [*map(slot, STATES)]
    assert all("key" in problem.what for problem in report.problems)


def test_with_a_key_nothing_is_done_to_a_plain_run(plain: Place) -> None:
    """A store with keys takes no plain run for its own: it neither reads nor goes on from it, and says what to do."""
    check_nothing_is_written(plain, DecryptionError, encryption=KEY)

    with pytest.raises(DecryptionError, match=r"^run 'run', checkpoint 3: it is not encrypted.*without encryption="):
        open_store(plain, encryption=KEY).load("run")


# What stands in a slot


@WHERE
@pytest.mark.parametrize("links", ["its own parent", "the real parent"])
def test_plain_text_is_refused(place: Place, plain: Place, bad: int, hint: str, links: str) -> None:
    """A sound plain manifest of the same run and number does not pass for the sealed one."""
    data = plain.objects()[slot(bad)]
    if links == "the real parent":
        real, own = (one.objects()[slot(bad)].split(b"\n")[4] for one in (place, plain))
        data = forged(data, own, real)
    replace(place, bad, hint, data)

    check_refused(place, bad, DecryptionError, **WITH_KEY)


@WHERE
def test_what_another_key_sealed_is_refused(place: Place, tmp_path: Path, bad: int, hint: str) -> None:
    """A manifest sealed by somebody with a key of his own does not pass."""
    twin = three("memory", tmp_path, encryption=OTHER)
    replace(place, bad, hint, twin.objects()[slot(bad)])

    check_refused(place, bad, DecryptionError, **WITH_KEY)


TOKENS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a character": lambda token: token[:100] + (b"B" if token[100:101] == b"A" else b"A") + token[101:],
    "cut short": lambda token: token[:-24],
    "longer": lambda token: token + b"AAAA",
    "no padding": lambda token: token.rstrip(b"=") + b"A",
    "not base64": lambda token: b"*" + token[1:],
    "not ASCII": lambda token: "ß".encode() + token[1:],
    "a space": lambda token: token[:60] + b" " + token[60:],
}


@WHERE
@pytest.mark.parametrize("edit", TOKENS)
def test_an_edited_token_is_refused(place: Place, bad: int, hint: str, edit: str) -> None:
    """A token that was touched opens with no key, however well the digest outside fits."""
    data = place.objects()[slot(bad)]
    replace(place, bad, hint, outside(data, "sealed", b'"%b"' % TOKENS[edit](sealed_part(data))))

    check_refused(place, bad, DecryptionError, **WITH_KEY)


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "number": lambda data: outside(data, "number", b"1"),
    "write_id": lambda data: outside(data, "write_id", b'"%b"' % (b"ab" * 16)),
    "no parent": lambda data: outside(data, "parent", b"null"),
    "parent": lambda data: outside(data, "parent", b'{"write_id":"%b","sha256":"%b"}' % (b"ab" * 16, b"cd" * 32)),
    "packs": lambda data: outside(data, "packs", b'["000000000001-%b-0"]' % (b"ab" * 16)),
    "format 01": lambda data: refitted(data.replace(b'"format": 1', b'"format": 01')),
    "spaces": lambda data: refitted(data.replace(b'"packs": []', b'"packs": [ ]')),
    "escapes": lambda data: refitted(data.replace(b'"sealed": "g', b'"sealed": "\\u0067')),
    "twice": lambda data: refitted(data.replace(b'"packs": []', b'"packs": [],\n"packs": []')),
    "unknown": lambda data: refitted(data.replace(b'"packs": []', b'"extra": 1,\n"packs": []')),
    "missing": lambda data: refitted(data.replace(b'"packs": [],\n', b"")),
    "a line more": lambda data: refitted(data + b"\n"),
    "a state": lambda data: refitted(data.replace(b'"}\n', b'",\n"state": 1}\n')),
    "digest": lambda data: data.replace(data[12:76], b"ab" * 32),
    "digest not refitted": lambda data: data.replace(b'"packs": []', b'"packs": [ ]'),
    "truncated": lambda data: data[:-30],
    "token cut, digest as it was": lambda data: data.replace(sealed_part(data), sealed_part(data)[:-24]),
    "empty": lambda _: b"",
    "zeros": lambda data: b"\0" * len(data),
}


@WHERE
@pytest.mark.parametrize("edit", EDITS)
def test_what_stands_outside_cannot_be_edited(place: Place, bad: int, hint: str, edit: str) -> None:
    """The fields outside are believed only as they stand inside, and there is one way to write them."""
    replace(place, bad, hint, EDITS[edit](place.objects()[slot(bad)]))

    check_refused(place, bad, CheckpointCorrupt, **WITH_KEY)


@WHERE
@pytest.mark.parametrize("how", ["copied", "number edited outside", "all edited outside"])
def test_an_older_one_is_not_replayed(place: Place, bad: int, hint: str, how: str) -> None:
    """A sealed manifest opens under no other number than its own."""
    old, due = place.objects()[slot(1)], place.objects()[slot(bad)]
    if how == "number edited outside":
        old = outside(old, "number", b"%d" % bad)
    elif how == "all edited outside":
        old = outside(due, "sealed", b'"%b"' % sealed_part(old))
    replace(place, bad, hint, old)

    check_refused(place, bad, CheckpointCorrupt, **WITH_KEY)


@WHERE
def test_another_runs_is_refused(place: Place, bad: int, hint: str) -> None:
    """A manifest sealed with the very same key opens in no other run than its own."""
    store = open_store(place, **WITH_KEY)
    for n in STATES:
        store.save("other", {"of another run": n})
    replace(place, bad, hint, place.objects()[slot(bad, "other")])

    check_refused(place, bad, CheckpointCorrupt, **WITH_KEY)


def test_swapped_manifests_are_refused(place: Place) -> None:
    """Two sealed manifests under each other's names are both refused; what is sound goes on."""
    objects = place.objects()
    place.poke(slot(1), objects[slot(2)])
    place.poke(slot(2), objects[slot(1)])
    store = open_store(place, **WITH_KEY)

    assert [problem.key for problem in store.verify("run").problems] == [slot(1), slot(2)]
    for at in (1, 2):
        with pytest.raises(CheckpointCorrupt, match="under another name"):
            store.load("run", at=at)
    assert (store.load("run"), store.save("run", "next").number) == (STATES[3], 4)


@pytest.mark.parametrize("hint", ["hint", "no hint"])
@pytest.mark.parametrize("what", ["plain", "copy"])
def test_nothing_is_put_above_the_newest(place: Place, plain: Place, hint: str, what: str) -> None:
    """A manifest put into the next slot is refused, and a store that knew better does not go on from it."""
    store = open_store(place, **WITH_KEY)
    assert store.load("run") == STATES[3]
    open_store(plain).save("run", "forged")
    place.poke(slot(4), (plain if what == "plain" else place).objects()[slot(4 if what == "plain" else 3)])
    if hint == "no hint":
        place.poke(HINT, None)
    before = place.objects()

    with pytest.raises(DecryptionError if what == "plain" else CheckpointCorrupt, match=r"^run 'run', checkpoint 4: "):
        open_store(place, **WITH_KEY).load("run")
    with pytest.raises(CheckpointError, match="4 is taken by what cannot be read"):
        store.save("run", "next")
    assert place.objects() == before
    assert [open_store(place, **WITH_KEY).load("run", at=n) for n in STATES] == list(STATES.values())


def test_a_newer_format_is_refused_as_what_it_is(place: Place) -> None:
    """A sealed manifest of a format to come asks for an upgrade, not for a key."""
    replace(place, 3, "no hint", refitted(place.objects()[slot(3)].replace(b'"format": 1', b'"format": 2')))

    check_refused(place, 3, VersionMismatch, **WITH_KEY)
