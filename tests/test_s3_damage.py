"""Damage in a bucket: what no server should do to an object is noticed as it is in a folder."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from harm import HINT, STATES, check_all_else, three
from places import open_store, slot

from ckptstore import CheckpointCorrupt, inline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a bucket with a run of three checkpoints."""
    return three("bucket", tmp_path)


def flipped(data: bytes) -> bytes:
    """One bit is another."""
    at = random.Random(7).randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",  # of which no range can be asked for
    "half": lambda data: data[: len(data) // 2],
    "a bit": flipped,
    "twice": lambda data: data * 2,
}


@pytest.mark.parametrize(("bad", "hint"), [(2, "hint"), (3, "hint"), (3, "no hint")])
@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_object_is_corrupt(place: Place, bad: int, hint: str, edit: str) -> None:
    """Whatever is changed in an object is noticed; the others stay, and the message names the way out."""
    place.poke(slot(bad), EDITS[edit](place.objects()[slot(bad)]))
    if hint == "no hint":
        place.poke(HINT, None)

    check_all_else(place, bad)


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_hint_is_only_a_hint(place: Place, edit: str) -> None:
    """Whatever is changed in the hint, the newest is found and saves go on; verify names it."""
    place.poke(HINT, EDITS[edit](place.objects()[HINT]))
    store = open_store(place)

    assert store.load("run") == STATES[3]
    assert [problem.key for problem in store.verify("run").problems] == [HINT]
    assert store.save("run", "next").number == 4


@pytest.mark.parametrize("edit", ["empty", "half", "a bit", "lost"])
def test_a_changed_pack_is_corrupt(place: Place, edit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state whose pack is changed or lost is not loaded, and verify notices; the others load."""
    monkeypatch.setattr(inline, "INLINE_JSON", 100)
    store = open_store(place)
    store.save("run", "large" * 100)
    (pack,) = (key for key in place.objects() if "/packs/" in key)
    place.poke(pack, None if edit == "lost" else EDITS[edit](place.objects()[pack]))

    with pytest.raises(CheckpointCorrupt, match=r"^run 'run', checkpoint 4: "):
        open_store(place).load("run")
    assert not store.verify("run").ok
    assert store.load("run", at=3) == STATES[3]
