"""What large states hold in memory where requests take long, and where a load puts what comes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from far import MIB, Far, far_store
from peaks import peak
from places import InMemory, through
from sealing import SETTINGS
from small import small_chunks

from ckptstore import CheckpointCorrupt, packs


class Sink(Far):
    """A backend that keeps no packs."""

    def create(self, key: str, data: Any) -> None:  # noqa: ANN401 - whatever a create takes
        """Forget a pack."""
        if "/packs/" not in key:
            super().create(key, data)


def test_a_long_stream_holds_few_packs() -> None:
    """Of a stream of 256 MiB, the packs under way are in memory, one that waits, and one that is filled."""
    store = through(far_store(InMemory())[0], lambda backend: Sink(backend.inner))  # type: ignore[attr-defined]
    block = random.Random(3).randbytes(MIB)

    def write() -> None:
        with store.open_writer("run") as file:
            for number in range(256):
                file.write(number.to_bytes(8, "big") + block)

    assert peak(write) < (packs.UPLOADS + 3) * packs.FAR + 32 * MIB


def test_what_was_made_small_is_never_large_at_once() -> None:
    """Of 96 MiB that zstd stored as almost nothing, a check holds some chunks, and a reader a few times 8 MiB."""
    store, _ = far_store(InMemory(), compression="zstd")
    with store.open_writer("run") as file:
        for number in range(96):
            file.write(number.to_bytes(8, "big") * (MIB // 8))

    def read() -> None:
        with store.open_reader("run") as file:
            while file.read(MIB):
                pass

    assert store.latest("run").stored_size < MIB  # type: ignore[union-attr]
    assert peak(lambda: store.verify("run")) < 8 * MIB
    assert peak(read) < 64 * MIB


def change_twice(state: bytearray, dice: random.Random) -> None:
    """Leave chunks of three saves side by side, gaps in their packs, and one chunk thrice in the state."""
    state[MIB : 3 * MIB] = dice.randbytes(2 * MIB)
    state[9 * MIB : 11 * MIB] = state[3 * MIB : 5 * MIB] = bytes(2 * MIB)


@pytest.mark.parametrize("codecs", ["plain", "zstd + fernet"])
def test_a_load_puts_everything_into_its_place(codecs: str) -> None:
    """What lies here and there in several packs, and what is several times in a state, is read where it belongs."""
    place, dice = InMemory(), random.Random(9)
    store, _ = far_store(place, **SETTINGS[codecs])
    state = bytearray(dice.randbytes(20 * MIB))
    for _ in range(3):
        store.save("run", bytes(state))
        change_twice(state, dice)
    store.save("run", bytes(state))

    assert far_store(place, **SETTINGS[codecs])[0].load("run") == state


def test_a_load_in_place_finds_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack with one byte changed, or cut off anywhere, is damage to a load that fills memory."""
    small_chunks(monkeypatch, threads=2)
    place = InMemory()
    store, _ = far_store(place)
    store.save("run", random.Random(2).randbytes(3000))
    pack = next(key for key in place.objects() if "/packs/" in key)
    whole = place.objects()[pack]

    for harmed in (b"", whole[:-1], whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
        place.poke(pack, harmed)
        with pytest.raises(CheckpointCorrupt, match="it is not what was written"):
            far_store(place)[0].load("run")
