"""A run of three checkpoints, and what must hold however one of them is harmed."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from places import make, open_store, slot

from ckptstore import CheckpointCorrupt, CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

HINT = "run/latest.json"
STATES = {n: {"step": n, "text": f"state {n}"} for n in (1, 2, 3)}
_START = len('{"sha256": "",\n') + 64  # where the bytes begin that a manifest's first digest covers


def three(kind: str, tmp_path: Path) -> Place:
    """A root with a run of three checkpoints."""
    place = make(kind, tmp_path)
    store = open_store(place)
    for n, state in STATES.items():
        store.save("run", state, metadata={"step": n})
    return place


def damage(file: Path) -> None:
    """Change one byte in the middle of `file`."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def load_or_refuse(place: Place, at: int | None = None) -> object:
    """The state, or None where it is refused."""
    try:
        return open_store(place).load("run", at=at)
    except CheckpointError:
        return None


def check_all_else(place: Place, bad: int, key: str | None = None) -> None:
    """
    With checkpoint `bad` damaged all others list and load, verify names it, load names the way out, saves go on.

    `key`: the object that is damaged, where that is not its manifest.
    """
    store = open_store(place)
    good = [n for n in STATES if n != bad]
    assert [store.load("run", at=n) for n in good] == [STATES[n] for n in good]
    assert {record.number for record in store.checkpoints("run")} >= {*good}
    assert [(problem.key, problem.number) for problem in store.verify("run").problems] == [(key or slot(bad), bad)]
    with pytest.raises(CheckpointCorrupt, match=f"^run 'run', checkpoint {bad}: "):
        store.load("run", at=bad)
    if bad < 3:
        assert store.load("run") == STATES[3]
    elif HINT in place.objects():  # which repeats what was there, and is checked itself
        assert load_or_refuse(place) in (STATES[3], None)
    else:
        with pytest.raises(CheckpointCorrupt, match=rf"^run 'run', checkpoint {bad}: .*newest: load\(…, at=2\)"):
            store.load("run")
    assert open_store(place).save("run", "next").number == 4
    assert open_store(place).load("run") == "next"
    assert [store.load("run", at=n) for n in good] == [STATES[n] for n in good]


def forged(data: bytes, old: bytes, new: bytes) -> bytes:
    """A manifest or marker with `old` replaced in its header, the digest made to fit as only a program would do it."""
    end = data.find(b'\n"state": ') + 1 or len(data)
    head = data[_START:end]
    assert old in head
    head = head.replace(old, new, 1)
    return b'{"sha256": "%b",\n%b%b' % (sha256(head).hexdigest().encode(), head, data[end:])
