"""The golden stores with codecs: which keys open them, and that every way to store a state is among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from goldens import EXPECTED, GOLDEN, KEY, OLDER_KEY, open_golden

from ckptstore import CheckpointStore, DecryptionError
from ckptstore.manifest import Manifest, Marker


@pytest.mark.parametrize("name", ["fernet", "both"])
@pytest.mark.parametrize("keys", [None, OLDER_KEY])
def test_without_its_key_a_golden_store_is_closed(name: str, keys: str | None) -> None:
    """Who does not have the key that wrote the newest gets an error, and no state."""
    with pytest.raises(DecryptionError, match=r"^run 'coded', checkpoint 5: "):
        CheckpointStore(GOLDEN / name, encryption=keys).load("coded")


def test_an_older_key_opens_what_it_wrote() -> None:
    """What was written before the rotation opens with the older key alone, the rest with the newer alone."""
    for key, numbers in ((OLDER_KEY, (1, 2)), (KEY, (3,))):
        store = CheckpointStore(GOLDEN / "fernet", encryption=key)
        for number, state in EXPECTED["fernet"]["rotated"].items():
            if number in numbers:
                assert store.load("rotated", at=number) == state
            else:
                with pytest.raises(DecryptionError):
                    store.load("rotated", at=number)


@pytest.mark.parametrize("name", ["zstd", "fernet", "both"])
def test_the_golden_stores_with_codecs_have_every_encoding(name: str) -> None:
    """Small states, packs, a chunk that zstd left as it is, a marker and an emptied slot are all among them."""
    history = open_golden(name)._history("coded")
    found = [history.get(number) for number in (1, 2, 3, 4, 5)]
    headers = {one.number: one.header for one in found if isinstance(one, Manifest)}
    coded = {number: (header.encoding, [codec.name for codec in header.codecs]) for number, header in headers.items()}
    codecs = {"zstd": ["zstd"], "fernet": ["fernet"], "both": ["zstd", "fernet"]}[name]

    assert isinstance(found[1], Marker)
    assert found[2] is None
    inline = ("base64", ["zstd"]) if name == "zstd" else ("chunks", codecs)
    assert coded == {1: ("json", []), 4: inline, 5: ("chunks", codecs)}
    raw = open_golden(name)._history("raw").get(1)
    assert isinstance(raw, Manifest)
    assert raw.header.stored_size == {"zstd": 320, "fernet": 393, "both": 393}[name]


def test_the_page_on_the_format_shows_a_golden_sealed_manifest() -> None:
    """The sealed manifest that docs/format.md explains is one that was really written."""
    page = (Path(__file__).parent.parent / "docs" / "format.md").read_text("utf-8")
    outside, _, token = (GOLDEN / "fernet/coded/000000000005.json").read_text("utf-8").partition('"sealed": ')

    assert f'{outside}"sealed": {token[:41]}…"}}\n' in page
