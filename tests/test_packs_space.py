"""The space that packs take: at most twice what the checkpoints of a run need, and one pack more."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from places import make, open_store
from sealing import SETTINGS
from small import PACK, pack_sizes

from ckptstore import CheckpointStore, packs
from ckptstore.chunks import read_table
from ckptstore.history import History
from ckptstore.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from places import Place

    from ckptstore.packs import _Old as Old

CODECS = pytest.mark.parametrize("codecs", SETTINGS)


def manifests(store: CheckpointStore) -> list[Manifest]:
    """The manifests that count, with their tables."""
    history = History(store._backend, "run", store._codecs)
    found = [history.get(checkpoint.number) for checkpoint in store.checkpoints("run")]
    assert all(isinstance(one, Manifest) for one in found)
    return [one for one in found if isinstance(one, Manifest)]


def live_bytes(store: CheckpointStore) -> dict[str, int]:
    """How much of each pack the checkpoints of the run need."""
    needed = {}
    for manifest in manifests(store):
        if manifest.header.encoding == "chunks":
            for chunk in read_table(manifest).chunks:
                needed[manifest.header.packs[chunk.pack], chunk.offset] = chunk.stored_size
    live: dict[str, int] = {}
    for (pack, _), size in needed.items():
        live[pack] = live.get(pack, 0) + size
    return live


def edits(state: bytes, dice: random.Random) -> bytes:
    """`state` as a program might leave it a step later: a little changed, or much, or grown, or cut down."""
    if dice.random() < 0.01:
        return dice.randbytes(dice.randrange(100, 20_000))
    for _ in range(dice.randrange(1, 6)):
        at, size = dice.randrange(len(state) + 1), dice.choice([1, 10, 300, 3000])
        state = state[:at] + dice.randbytes(dice.choice([0, size])) + state[at + dice.choice([0, size]) :]
    return state if len(state) < 40_000 else state[10_000:]


def check_space(store: CheckpointStore, place: Place) -> None:
    """Check that packs take at most twice what lives, and one more, and that no manifest names too many."""
    live = live_bytes(store)
    stored = sum(pack_sizes(place).values())
    assert stored <= 2 * sum(live.values()) + max(pack_sizes(place).values(), default=0)
    for manifest in manifests(store):
        size = max(manifest.header.size, manifest.header.stored_size)  # of small chunks encryption makes larger ones
        assert len(manifest.header.packs) <= size // packs.FAR + packs.SPARE


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("retention", [1, 3, 10])
@CODECS
def test_a_run_never_takes_twice_what_it_needs(codecs: str, retention: int, tmp_path: Path) -> None:
    """Over 200 saves of a state that changes in all ways, space stays bounded, and so does the number of packs."""
    place = make("memory", tmp_path)
    store = open_store(place, serializer="bytes", retention=retention, **SETTINGS[codecs])
    dice = random.Random(f"{codecs} {retention}")
    state = dice.randbytes(20_000)
    for step in range(200):
        state = edits(state, dice)
        if step % 3:
            store.save("run", state)
        else:
            with store.open_writer("run") as file:
                file.write(state)
        check_space(store, place)
        if step % 20 == 0:
            assert open_store(place, serializer="bytes", **SETTINGS[codecs]).load("run") == state
    assert store.verify("run").ok


def only_dead(old: Old, needed: Iterable[Any], _: object) -> set[int]:
    """Give up packs that are mostly dead, however many there are."""
    return worn(old, needed, lambda _: 10**6)


worn = packs._Old.worn
PLANTED: dict[str, Callable[..., set[int]]] = {"none is given up": lambda *_: set(), "however many": only_dead}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("bug", PLANTED)
def test_the_check_of_space_finds(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without giving up packs, the bounds of the test above break."""
    monkeypatch.setattr(packs._Old, "worn", PLANTED[bug])

    with pytest.raises(AssertionError):
        test_a_run_never_takes_twice_what_it_needs("plain", 1, tmp_path)


@pytest.mark.usefixtures("small")
def test_a_reused_pack_is_full_of_what_lives(place: Place) -> None:
    """The packs that a manifest names are at least half alive in it, old or new."""
    store = open_store(place, serializer="bytes", retention=1)
    dice = random.Random(1)
    state = dice.randbytes(30 * PACK)
    for _ in range(10):
        state = state[:-2000] + dice.randbytes(2000)
        store.save("run", state)
        [manifest] = manifests(store)
        live = live_bytes(store)

        sizes = dict(zip(manifest.header.packs, read_table(manifest).packs, strict=True))
        assert {f"run/packs/{name}": size for name, size in sizes.items()} == pack_sizes(place)
        assert all(2 * live[name] >= size for name, size in sizes.items())
