"""Chunks that a store knows by their fingerprints: what that spares, and what it must not overlook."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from places import InMemory, open_store
from sealing import SETTINGS
from small import small_chunks

from ckptstore import packs
from ckptstore.chunks import identify
from ckptstore.fingerprints import Fingerprints

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore import CheckpointStore
    from ckptstore.backend import Buffer

CODECS = pytest.mark.parametrize("codecs", SETTINGS)
STATE = random.Random(8).randbytes(20_000)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some hundred bytes."""
    small_chunks(monkeypatch, threads=2)


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the size of each chunk whose digest a save takes."""
    taken: list[int] = []

    def noting(key: object, data: Buffer) -> str:
        taken.append(len(data))
        return identify(key, data)  # type: ignore[arg-type]

    monkeypatch.setattr(packs, "identify", noting)
    return taken


def changed(state: bytes, at: int) -> bytes:
    """`state` with one bit of a byte changed."""
    return state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]


@CODECS
def test_what_a_store_has_just_saved_needs_no_digest(codecs: str, digests: list[int]) -> None:
    """Of a state that is saved again with one byte changed, the digest of what is around that byte is taken alone."""
    store = open_store(InMemory(), serializer="bytes", **SETTINGS[codecs])
    store.save("run", STATE)
    assert sum(digests) == len(STATE)
    digests.clear()

    store.save("run", changed(STATE, 10_000))

    assert 0 < sum(digests) <= 4 * 1024
    digests.clear()
    with store.open_writer("run") as file:
        file.write(changed(STATE, 5000))
    assert 0 < sum(digests) <= 8 * 1024


@CODECS
def test_no_changed_byte_is_overlooked(codecs: str) -> None:
    """Wherever a bit changes, the same store saves it, and the state is what it was given."""
    place, state = InMemory(), STATE
    store, dice = open_store(place, serializer="bytes", retention=2, **SETTINGS[codecs]), random.Random(3)
    store.save("run", state)
    for at in [0, len(state) - 1, *(dice.randrange(len(state)) for _ in range(40))]:
        state = changed(state, at)
        store.save("run", state)

        assert open_store(place, serializer="bytes", **SETTINGS[codecs]).load("run") == state


def first_bytes_alone(_: Fingerprints, content: Buffer) -> bytes:
    """Look at the beginning of a chunk."""
    return bytes(content[:32])


def without_size(_: Fingerprints, content: Buffer) -> bytes:
    """Look at a sum that does not care for order."""
    return sum(content).to_bytes(8, "big")


@pytest.mark.parametrize("weak", [first_bytes_alone, without_size])
def test_a_weak_fingerprint_is_noticed(
    weak: Callable[[Fingerprints, Buffer], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fingerprint that overlooks something gives another state: this would be seen."""
    monkeypatch.setattr(Fingerprints, "of", weak)
    place = InMemory()
    store = open_store(place, serializer="bytes")
    store.save("run", STATE)
    swapped = STATE[:10_000] + bytes(reversed(STATE[10_000:10_002])) + STATE[10_002:]
    store.save("run", swapped)

    assert open_store(place, serializer="bytes").load("run") != swapped


def test_what_the_base_does_not_hold_has_its_digest_taken(digests: list[int]) -> None:
    """What this store saved last is no base where others went on with something else: all is taken and stored anew."""
    place = InMemory()
    store = open_store(place, serializer="bytes")
    store.save("run", STATE)
    other = open_store(place, serializer="bytes")
    other.save("run", random.Random(9).randbytes(len(STATE)))
    store.load("run")
    digests.clear()

    store.save("run", STATE)

    assert sum(digests) == len(STATE)
    assert open_store(place, serializer="bytes").load("run") == STATE


def remembered(store: CheckpointStore) -> int:
    """How many fingerprints `store` has."""
    return len(store._positions.of("run").prints.ids)


def test_the_last_state_alone_is_remembered() -> None:
    """A store has fingerprints of what it saved last, also after many saves, and of a small state none."""
    store = open_store(InMemory(), serializer="bytes")
    store.save("run", STATE)
    chunks = remembered(store)
    for seed in range(5):
        store.save("run", random.Random(seed).randbytes(len(STATE)))

    assert remembered(store) < 1.5 * chunks


def test_a_fingerprint_is_nobodys_business() -> None:
    """Two runs or stores have different keys, so that nobody can make a chunk for a fingerprint."""
    one, other = Fingerprints(), Fingerprints()

    assert one.of(b"content") == one.of(memoryview(b"content"))
    assert one.of(b"content") != one.of(b"contenu")
    assert one.of(b"content") != other.of(b"content")
    assert len(one.of(b"")) == 16
