"""What a store does to bytes changes no promise: any codecs, any serializer, any size."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from places import KINDS, make, open_store
from sealing import KEY, SEALED, SETTINGS, manifest, noise

from ckptstore import (
    CheckpointNotFound,
    CheckpointStore,
    KeepLast,
    Zstd,
    format1,
)

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

INLINE, TRIED, JSON_INLINE = 64 * 1024, 1024 * 1024, 8 * 1024 * 1024
CODECS = pytest.mark.parametrize("codecs", SETTINGS)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


DATA: dict[str, bytes] = {
    "empty": b"",
    "small": b"{}",
    "small, shrinks": b"small " * 50,
    "64 KiB of noise": noise(INLINE),
    "64 KiB of noise and a byte": noise(INLINE + 1),
    "64 KiB, shrinks": b"x" * INLINE,
    "64 KiB and a byte, shrinks": b"x" * (INLINE + 1),
    "1 MiB, shrinks": b"y" * TRIED,
    "1 MiB and a byte, shrinks": b"y" * (TRIED + 1),
    "300 KiB of noise": noise(300 * 1024),
}


def as_state(data: bytes, serializer: str) -> object:
    """A state whose serialized form is `data`, as far as the serializer can."""
    if serializer == "bytes":
        return data
    return data[:-2].decode()  # JSON adds two quotes


@CODECS
@pytest.mark.parametrize("serializer", ["json", "bytes"])
def test_every_state_comes_back(place: Place, codecs: str, serializer: str) -> None:
    """Load, list, read and verify give what was saved, whatever is done to its bytes on the way."""
    settings = {**SETTINGS[codecs], "serializer": serializer}
    states = [as_state(data, serializer) for data in DATA.values()]
    store, other = open_store(place, **settings), open_store(place, **settings)
    records = [store.save("run", state, metadata={"at": n}) for n, state in enumerate(states)]

    assert other.load("run") == states[-1]
    assert other.latest("run") == records[-1]
    assert other.checkpoints("run") == records[::-1]
    for record, state in zip(records, states, strict=True):
        for at in (record.number, record):
            assert other.load("run", at=at) == state
        with other.open_reader("run", at=record.number) as file:
            assert len(file.read()) == record.size
    assert other.load("run", at=records[4].created_at) == states[4]
    assert other.verify("run").ok
    assert other.verify("run").checked == len(states)


@CODECS
def test_a_stream_comes_back(place: Place, codecs: str) -> None:
    """What is written to a file object is what is read from one."""
    for data in DATA.values():
        with open_store(place, **SETTINGS[codecs]).open_writer("run") as writer:
            writer.write(data[:100])
            writer.write(data[100:])

        with open_store(place, **SETTINGS[codecs]).open_reader("run") as reader:
            assert reader.read() == data
            assert reader.checkpoint == writer.checkpoint


@CODECS
def test_removals_are_the_same(place: Place, codecs: str) -> None:
    """Delete, prune and retention remove the same, packs included, and what stays still reads."""
    settings = SETTINGS[codecs]
    states = ["small", "x" * (TRIED + 1), noise(2 * INLINE).decode()] * 3
    store = open_store(place, **settings)
    for state in states:
        store.save("run", state)
    store.delete("run", 5)
    with pytest.raises(CheckpointNotFound):
        store.load("run", at=5)

    report = open_store(place, retention=KeepLast(3), **settings).prune("run")
    assert report.kept == [9, 8, 7]
    assert open_store(place, **settings).save("run", "next").number == 10
    packs = [key for key in place.objects() if "/packs/" in key]
    numbers = range(7, 10)
    assert [open_store(place, **settings).load("run", at=n) for n in numbers] == [states[n - 1] for n in numbers]
    assert len(packs) == len({pack for n in numbers for pack in manifest(store, n).header.packs})
    assert open_store(place, **settings).verify("run").ok

    keeping = open_store(place, retention=1, **settings)
    keeping.save("run", noise(2 * INLINE).decode())
    assert [record.number for record in store.checkpoints("run")] == [11]
    keeping.delete_run("run")
    assert (keeping.runs(), len(place.objects())) == ([], 1)
    assert keeping.save("run", "anew").number == 12


# (codecs, serializer) -> for each of DATA: how the state lies in its manifest
J, B, C = ("json", ()), ("base64", ()), ("chunks", ())
BZ, CZ, CF, CZF = (
    ("base64", ("zstd",)),
    ("chunks", ("zstd",)),
    ("chunks", ("fernet",)),
    ("chunks", ("zstd", "fernet")),
)
LIES: dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]] = {
    ("plain", "json"): [J] * 10,
    ("plain", "bytes"): [B, B, B, B, C, B, C, C, C, C],
    ("zstd", "json"): [J, J, BZ, BZ, BZ, BZ, BZ, BZ, CZ, CZ],
    ("zstd", "bytes"): [B, B, BZ, BZ, BZ, BZ, BZ, BZ, CZ, CZ],
    ("fernet", "json"): [J, J, J, J, CF, J, CF, CF, CF, CF],
    ("fernet", "bytes"): [B, B, B, B, CF, B, CF, CF, CF, CF],
    ("zstd + fernet", "json"): [J, J, J, J, CZF, J, CZF, CZF, CZF, CZF],
    ("zstd + fernet", "bytes"): [B, B, B, B, CZF, B, CZF, CZF, CZF, CZF],
}


@pytest.mark.parametrize(("codecs", "serializer"), LIES)
def test_where_a_state_lies(codecs: str, serializer: str) -> None:
    """Small states stand in the manifest, by the limits of docs/format.md, and the header names what was done."""
    store = CheckpointStore("memory://", serializer=serializer, **SETTINGS[codecs])
    found = []
    for data in DATA.values():
        header = manifest(store, store.save("run", as_state(data, serializer)).number).header
        found.append((header.encoding, tuple(codec.name for codec in header.codecs)))

    assert dict(zip(DATA, found, strict=True)) == dict(zip(DATA, LIES[codecs, serializer], strict=True))


@pytest.mark.parametrize("metadata", [{}, {"note": "again and again, " * 100}])
def test_what_is_sealed_is_compressed_first(metadata: dict[str, object]) -> None:
    """The inside of a sealed manifest, metadata included, is compressed once, before it is encrypted."""
    sizes = {}
    for codecs in SEALED:
        store = CheckpointStore("memory://", **SETTINGS[codecs])
        store.save("run", "again and again, " * 100, metadata=metadata)
        sizes[codecs] = len(store._backend.get("run/000000000001.json"))

    assert sizes["zstd + fernet"] < sizes["fernet"] - 1000


@CODECS
def test_compression_pays(codecs: str) -> None:
    """With zstd a state that repeats itself takes a hundredth; what does not shrink takes hardly more than it has."""
    store = CheckpointStore("memory://", serializer="bytes", **SETTINGS[codecs])
    shrinks = [store.save("run", b"0123456789" * size).stored_size for size in (5_000, 50_000, 500_000)]
    noisy = store.save("run", random.Random(1).randbytes(500_000)).stored_size

    assert noisy <= 500_100
    if codecs == "zstd":
        assert max(shrinks) < 1000
    if codecs == "zstd + fernet":
        assert max(shrinks[1:]) < 1000


def test_a_hint_of_a_large_compressed_state_is_whole(place: Place) -> None:
    """A compressed state is small, so a reader of the newest finds it in the hint."""
    open_store(place, compression="zstd").save("run", "x" * 1_000_000)

    assert place.objects()["run/latest.json"] == place.objects()["run/000000000001.json"]


@pytest.mark.parametrize("codecs", SEALED)
def test_a_sealed_hint_is_whole_however_large(place: Place, codecs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be left out of a sealed manifest, so the hint repeats all of it."""
    monkeypatch.setattr(format1, "HINT_LIMIT", 100)
    open_store(place, **SETTINGS[codecs]).save("run", "state")

    assert place.objects()["run/latest.json"] == place.objects()["run/000000000001.json"]
    assert open_store(place, **SETTINGS[codecs]).load("run") == "state"


# Stores that compress and stores that do not


@pytest.mark.parametrize("encryption", [None, KEY])
def test_stores_with_and_without_compression_share_a_run(place: Place, encryption: str | None) -> None:
    """How a checkpoint was written is read from itself: any store of the run reads it and goes on from it."""
    states = [("shrinks " * n, noise(n).decode()) for n in (10, 10_000, 100_000)]
    settings: list[Any] = [None, "zstd", Zstd(1), Zstd(19)]
    stores = [open_store(place, compression=compression, encryption=encryption) for compression in settings]
    for state in states:
        for store in stores:
            store.load("run", default=None)
            store.save("run", list(state))

    for store in stores:
        assert store.verify("run").checked == len(states) * len(stores)
        for number in range(1, len(states) * len(stores) + 1):
            assert store.load("run", at=number) == list(states[(number - 1) // len(stores)])
