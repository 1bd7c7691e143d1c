"""What keys promise to a store: they change without a gap, and nothing that they seal shows."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from places import ALL_KINDS, make, open_store
from sealing import KEY, OTHER, SEALED, SETTINGS, THIRD, manifest, noise, sealed_part

from ckptstore import CheckpointCorrupt, CheckpointStore, DecryptionError, saving

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

INLINE = 64 * 1024  # a byte more goes to a pack
SECRET = "NOT-IN-THE-CLEAR"  # noqa: S105 - so that a test can look for it
RUN = f"{SECRET}-run"


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


def test_rotation(place: Place) -> None:
    """With [new, old] all reads and the new key writes; with [new] the old is refused, and the new reads."""
    states = {1: "old", 2: noise(INLINE + 1).decode(), 3: "new", 4: noise(INLINE + 2).decode()}
    old = open_store(place, encryption=OTHER)
    both = open_store(place, encryption=[KEY, OTHER])
    new = open_store(place, encryption=[KEY])
    for store, number in ((old, 1), (old, 2), (both, 3), (both, 4)):
        store.load("run", default=None)
        assert store.save("run", states[number]).number == number

    assert [both.load("run", at=n) for n in states] == [*states.values()]
    assert both.verify("run").ok
    assert [record.number for record in both.checkpoints("run")] == [4, 3, 2, 1]
    assert [new.load("run", at=n) for n in (3, 4)] == [states[3], states[4]]
    assert new.load("run") == states[4]
    for number in (1, 2):
        message = rf"^run 'run', checkpoint {number}: .*encryption=\[newest, older\]"
        with pytest.raises(DecryptionError, match=message) as caught:
            new.load("run", at=number)
        assert not any(key in str(caught.value) for key in (KEY, OTHER))
    assert [problem.number for problem in new.verify("run").problems] == [1, 2]
    with pytest.raises(DecryptionError):
        old.load("run")
    assert open_store(place, encryption=(THIRD, OTHER, KEY)).load("run") == states[4]


def test_a_store_without_the_old_key_keeps_what_it_cannot_read(place: Place) -> None:
    """Retention removes nothing that a missing key hides, nor a pack that it may need; with the key it goes."""
    old = open_store(place, encryption=OTHER)
    for text in "ab":
        old.save("run", text * (INLINE + 1))
    new = open_store(place, encryption=[KEY, OTHER])
    for text in "cde":
        new.load("run")
        new.save("run", text)
    before = place.objects()

    alone = open_store(place, encryption=KEY, retention=1)
    report = alone.prune("run", dry_run=True)
    alone.save("run", "f")

    assert (report.kept, report.removed) == ([5], [4, 3])
    assert [record.number for record in alone.checkpoints("run")] == [6]
    assert {key for key in before if key.endswith(("1.json", "2.json"))} <= place.objects().keys()
    assert [old.load("run", at=n)[0] for n in (1, 2)] == ["a", "b"]
    open_store(place, encryption=[KEY, OTHER], retention=1).prune("run")
    assert place.objects().keys() == {"run/000000000006.json", "run/latest.json"}


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_equal_content_does_not_show(compression: str | None) -> None:
    """The same state has another chunk id under another key; saved twice under one key, nothing stored is the same."""
    state = noise(2 * INLINE)
    ids = {}
    for key in (KEY, OTHER, None):
        store = CheckpointStore("memory://", serializer="bytes", compression=compression, encryption=key)
        store.save("run", state)
        store.save("other", state)
        states = [manifest(store, 1, run).state or b"" for run in ("run", "other")]
        ids[key] = {found for state in states for found in re.findall(b"[0-9a-f]{64}", state)}
        objects = store._backend._objects  # type: ignore[attr-defined]
        packs = [data for name, (data, _) in objects.items() if "/packs/" in name]
        assert (packs[0] == packs[1]) is (key is None)
        assert len(packs[0]) == len(packs[1])

    assert [len(one) for one in ids.values()] == [1, 1, 1]  # who has the key can still see that content is equal
    assert len(ids[KEY] | ids[OTHER] | ids[None]) == 3
    assert sha256(state).hexdigest().encode() in ids[None]


@pytest.mark.parametrize("codecs", SEALED)
def test_no_plain_text_is_stored(place: Place, codecs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of state, metadata, run, host, digest or codec stands in any object, nor in the bytes of its token."""
    monkeypatch.setattr(saving, "HOST", f"{SECRET}-host")
    store = open_store(place, **SETTINGS[codecs])
    for state in (
        "NOT-IN-THE-CLEAR small",
        "NOT-IN-THE-CLEAR large " * 10_000,
        {"NOT-IN-THE-CLEAR key": noise(INLINE).decode()},
    ):
        store.save(RUN, state, metadata={f"{SECRET} name": f"{SECRET} value"})
    store.delete(RUN, 1)
    record = store.latest(RUN)
    assert record
    secrets = [
        b"NOT-IN-THE-CLEAR",
        b"metadata",
        b"created_at",
        b"serializer",
        record.digest.encode(),
        noise(INLINE)[:30],
    ]
    stored = place.objects()
    tokens = [urlsafe_b64decode(sealed_part(data)) for data in stored.values() if b'"sealed": ' in data]
    assert len(tokens) == 3  # two manifests and the hint

    assert [secret for data in (*stored.values(), *tokens) for secret in secrets if secret in data] == []


@pytest.mark.parametrize("codecs", SEALED)
def test_what_shows_is_what_the_protocol_needs(place: Place, codecs: str) -> None:
    """Outside stand the digest, the number, the ids of attempts and the names of packs, and no more."""
    store = open_store(place, **SETTINGS[codecs])
    for state in ("small", noise(INLINE + 1).decode()):
        store.save("run", state)

    for number in (1, 2):
        lines = place.objects()[f"run/{number:012}.json"].splitlines()
        names = [line.split(b'"')[1].decode() for line in lines]
        assert names == ["sha256", "format", "number", "write_id", "parent", "packs", "sealed"]


def test_a_pack_sealed_with_the_same_key_does_not_pass_for_another(place: Place) -> None:
    """Packs of equal size under one key cannot be swapped: a chunk is known by its content."""
    store = open_store(place, **SETTINGS["fernet"])
    for text in "ab":
        store.save("run", text * (INLINE + 1))
    one, two = (key for key in sorted(place.objects()) if "/packs/" in key)
    first, second = place.objects()[one], place.objects()[two]
    place.poke(one, second)
    place.poke(two, first)

    for number, key in ((1, one), (2, two)):
        with pytest.raises(CheckpointCorrupt, match=f"^run 'run', checkpoint {number}: {key}: chunk"):
            store.load("run", at=number)
    assert [problem.number for problem in store.verify("run").problems] == [1, 2]
