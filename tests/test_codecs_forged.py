"""Plain manifests that lie about codecs and sizes, with digests that fit: refused, each as what it is."""

from __future__ import annotations

import json
import re
import struct
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from harm import HINT
from places import KINDS, make, open_store, slot

from ckptstore import CheckpointCorrupt, CheckpointError, VersionMismatch

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

STATE = b"again and again, " * 10_000  # a pack without zstd, in the manifest with it


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


def forge(place: Place, state: object, **fields: object) -> None:
    """Give number 1 another state (None: its own) and other fields, with digests that fit, and lose the hint."""
    head, _, old = place.objects()[slot(1)][79:].partition(b'"state": ')
    last = old[:-2] if state is None else compact(state)
    for name, value in {**fields, "state_sha256": sha256(last).hexdigest()}.items():
        head, count = re.subn(rb'"%b": .*,\n' % name.encode(), b'"%b": %b,\n' % (name.encode(), compact(value)), head)
        assert count == 1
    digest = sha256(head).hexdigest().encode()
    place.poke(slot(1), b'{"sha256": "%b",\n%b"state": %b}\n' % (digest, head, last))
    if HINT in place.objects():
        place.poke(HINT, None)


def compact(value: object) -> bytes:
    """JSON as a manifest holds it."""
    return json.dumps(value, separators=(",", ":")).encode()


def check_refused(place: Place, error: type[CheckpointError]) -> None:
    """Load says what is wrong with number 1, and verify names it."""
    store = open_store(place)
    with pytest.raises(error, match=r"^run 'run', checkpoint 1: "):
        store.load("run", at=1)
    (problem,) = store.verify("run").problems
    assert problem.number == 1
    assert problem.key == slot(1) or "run/packs/" in problem.key  # where the two contradict each other


@pytest.mark.parametrize("claimed", [10 * 2**30, 2**40, 2**60, 2**63 - 1])
def test_a_bomb_in_a_manifest_is_corrupt(place: Place, claimed: int) -> None:
    """A frame and a header that agree on a size beyond all memory are refused before any is taken."""
    open_store(place, serializer="bytes", compression="zstd").save("run", STATE)
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", claimed) + b"\x01\x00\x00"
    forge(place, b64encode(frame).decode(), size=claimed)

    check_refused(place, CheckpointCorrupt)


@pytest.mark.parametrize("size", [2**63, 2**64, 2**70])
def test_a_size_beyond_64_bits_is_corrupt(place: Place, size: int) -> None:
    """No size leads out of what a program can count."""
    open_store(place, serializer="bytes", compression="zstd").save("run", STATE)
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size % 2**64) + b"\x01\x00\x00"
    forge(place, b64encode(frame).decode(), size=size)

    check_refused(place, CheckpointCorrupt)


CHUNK = ("id", "size", "pack", "offset", "stored_size")
NUMBERS = [0, 1, 2**40, 2**63 - 1, 2**63, 2**64, 2**70, -1]
TRUE = {("pack", 0), ("offset", 0)}


@pytest.mark.parametrize(
    ("column", "value"), [(name, n) for name in CHUNK[1:] for n in NUMBERS if (name, n) not in TRUE]
)
@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("first", [False, True])
def test_a_chunk_that_lies_is_corrupt(
    place: Place, column: str, value: int, compression: str | None, first: bool
) -> None:
    """Whatever a table of chunks, or the list that the first writers made, says that is not so: no other error."""
    store = open_store(place, serializer="bytes", compression=compression)
    store.save("run", bytes(range(256)) * 5000)  # more than is tried in a manifest
    found: Any = store._history("run").get(1)
    table = json.loads(found.state)
    chunk = table["chunks"][0]
    assert chunk[CHUNK.index(column)] != value
    chunk[CHUNK.index(column)] = value
    forge(place, table["chunks"] if first else table)

    check_refused(place, CheckpointCorrupt)


@pytest.mark.parametrize("packs", [[], [0], [100_000], [-1], [2**64], [200_000, 200_000], 200_000, None])
def test_a_table_with_wrong_packs_is_corrupt(place: Place, packs: object) -> None:
    """The sizes of packs are those of the packs that the manifest names, and no chunk reaches beyond."""
    store = open_store(place, serializer="bytes")
    store.save("run", STATE)
    found: Any = store._history("run").get(1)
    forge(place, json.loads(found.state) | {"packs": packs})

    check_refused(place, CheckpointCorrupt)


NAMES: dict[str, list[dict[str, object]]] = {
    "unknown": [{"name": "lz4"}],
    "twice": [{"name": "zstd"}, {"name": "zstd"}],
    "the other way round": [{"name": "fernet"}, {"name": "zstd"}],
    "settings": [{"name": "zstd", "settings": {"dictionary": 1}}],
    "one too many": [{"name": "zstd"}, {"name": "fernet"}, {"name": "lz4"}],
}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("size", [170_000, 1_700_000])
def test_codecs_of_another_kind_are_a_newer_writers(place: Place, names: str, size: int) -> None:
    """Names, orders and settings that are not known ask for an upgrade, in the manifest and in packs."""
    open_store(place, serializer="bytes", compression="zstd").save("run", STATE * (size // len(STATE)))
    forge(place, None, codecs=NAMES[names])

    check_refused(place, VersionMismatch)


@pytest.mark.parametrize("names", [["fernet"], ["zstd", "fernet"]])
def test_a_plain_manifest_has_no_key(place: Place, names: list[str]) -> None:
    """Encrypted chunks under a manifest that is not sealed cannot be opened, and are corrupt."""
    open_store(place, serializer="bytes").save("run", STATE)
    forge(place, None, codecs=[{"name": name} for name in names])

    check_refused(place, CheckpointCorrupt)


@pytest.mark.parametrize("names", [[], ["zstd"]])
def test_the_wrong_codec_is_corrupt(place: Place, names: list[str]) -> None:
    """What was compressed does not pass as it lies, nor what was not as a frame."""
    open_store(place, serializer="bytes", compression=None if names else "zstd").save("run", STATE[:60_000])
    forge(place, None, codecs=[{"name": name} for name in names])

    check_refused(place, CheckpointCorrupt)
