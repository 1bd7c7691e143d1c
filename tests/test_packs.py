"""What large states promise: only what is new is stored, space is bounded, and what fails leaves nothing."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from places import make, open_store
from sealing import SETTINGS
from small import PACK, pack_sizes

from ckptstore import BackendError, CheckpointConflict, CheckpointCorrupt, cutting

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place


CODECS = pytest.mark.parametrize("codecs", SETTINGS)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that nothing makes smaller."""
    return random.Random(seed).randbytes(size)


@CODECS
def test_what_was_saved_before_is_not_stored_again(place: Place, codecs: str) -> None:
    """After a thousand bytes came in at the front, or a kilobyte changed, at most three chunks are new."""
    store = open_store(place, serializer="bytes", **SETTINGS[codecs])
    state = noise(12 << 20)
    store.save("run", state)
    first = sum(pack_sizes(place).values())
    for number, changed in enumerate([noise(1000, 2) + state, state[: 5 << 20] + noise(1024, 3) + state[5 << 20 :]]):
        store.save("run", changed)

        assert sum(pack_sizes(place).values()) - first <= 3 * (number + 1) * (cutting.MOST + 100)
        assert open_store(place, serializer="bytes", **SETTINGS[codecs]).load("run") == changed


@CODECS
def test_another_process_finds_it_again(place: Place, codecs: str) -> None:
    """Who has only loaded the run, or knows nothing but its newest header, stores nothing that is there."""
    state = noise(3 << 20)
    open_store(place, serializer="bytes", **SETTINGS[codecs]).save("run", state)
    before = pack_sizes(place)
    loader, stranger = (open_store(place, serializer="bytes", **SETTINGS[codecs]) for _ in range(2))
    loader.load("run")
    loader.save("run", state)
    stranger.save("run", state)

    assert pack_sizes(place) == before
    assert stranger.latest("run").number == 3  # type: ignore[union-attr]


def test_equal_chunks_of_one_state_are_stored_once(place: Place) -> None:
    """A state of 16 MiB of zeros takes a chunk, and comes back."""
    store = open_store(place, serializer="bytes")
    record = store.save("run", bytes(16 << 20))

    assert sum(pack_sizes(place).values()) == record.stored_size <= 2 * cutting.MOST
    assert store.load("run") == bytes(16 << 20)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("other", [{}, {"compression": "zstd"}, {"encryption": SETTINGS["fernet"]["encryption"]}])
def test_other_codecs_store_all_anew(place: Place, other: dict[str, Any]) -> None:
    """What was written through other codecs is not named by a manifest that would read it with these."""
    state = noise(5000)
    codecs = {"encryption": SETTINGS["fernet"]["encryption"], "compression": "zstd"}
    open_store(place, serializer="bytes", **codecs).save("run", state)
    before = pack_sizes(place).keys()
    if "encryption" not in other:
        open_store(place, **codecs).delete_run("run")  # who has no key saves nothing behind it
    store = open_store(place, serializer="bytes", **other)
    store.save("run", state)

    assert sum(size for key, size in pack_sizes(place).items() if key not in before) >= len(state)
    assert store.load("run") == state


@pytest.mark.usefixtures("small")
@CODECS
def test_a_save_that_fails_in_the_middle_leaves_nothing(
    place: Place, codecs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full at the third pack: a clear error, the checkpoint before untouched, the space given back."""
    store = open_store(place, serializer="bytes", **SETTINGS[codecs])
    store.save("run", noise(3000))
    before = place.objects()
    create, room = store._backend.create, iter(range(2))

    def full(key: str, data: Any) -> None:  # noqa: ANN401 - a backend's data
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        create(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(store._backend, "create", full)
        with pytest.raises(BackendError, match=r"run 'run'.*No space left.*untouched"):
            store.save("run", noise(20_000, 2))

    assert not [thread for thread in threading.enumerate() if thread.name == "ckptstore"]
    assert store.load("run") == noise(3000)
    store.save("run", b"small")
    store.prune("run")
    assert place.objects().keys() - before.keys() == {"run/000000000002.json"}


@pytest.mark.usefixtures("small")
def test_verify_says_how_far_it_is(place: Place) -> None:
    """Bytes only grow, no further than all that the run has, and get there; what checkpoints share counts once."""
    store = open_store(place, serializer="bytes")
    for seed in range(3):
        store.save("run", noise(20 * PACK) + noise(3000, seed))
    heard: list[tuple[int, int]] = []
    assert store.verify("run", progress=lambda done, total: heard.append((done, total))).ok

    assert {total for _, total in heard} == {sum(map(len, place.objects().values()))}
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1][0] == heard[-1][1]
    assert len(heard) > 20


@pytest.mark.usefixtures("small")
def test_verify_reads_what_is_shared_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten checkpoints that share all but a little cost little more than one."""
    store = open_store(place, serializer="bytes")
    for seed in range(10):
        store.save("run", noise(20 * PACK) + noise(300, seed))
    get, taken = store._backend.get, [0]

    def counting(key: str, start: int | None = None, end: int | None = None) -> bytes:
        data = get(key, start, end)
        taken[0] += len(data) * ("/packs/" in key)
        return data

    monkeypatch.setattr(store._backend, "get", counting)
    assert store.verify("run").checked == 10

    assert taken[0] == sum(pack_sizes(place).values())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("pruned", [False, True], ids=["lost", "pruned"])
def test_a_stream_whose_base_lost_its_packs(place: Place, pruned: bool) -> None:
    """What a stream has to read back and is not there is damage, by number, or a conflict where others went on."""
    store, other = (open_store(place, serializer="bytes", retention=1) for _ in range(2))
    state = noise(3 * PACK)
    store.save("run", state)
    if pruned:
        other.save("run", b"small")
    else:
        for key in pack_sizes(place):
            place.poke(key, None)

    error = pytest.raises(CheckpointConflict if pruned else CheckpointCorrupt, match=r"^run 'run': .*checkpoint 1\b")
    with error, store.open_writer("run") as file:
        file.write(state[: PACK // 2] + noise(3 * PACK, 2) + state[2 * PACK : 2 * PACK + 500])
    store = open_store(place, serializer="bytes")
    store.save("run", b"small")
    with store.open_writer("run") as file:
        file.write(state)
    assert store.load("run") == state


@pytest.mark.usefixtures("small")
def test_memory_filled_directly_is_checked(tmp_path: Path) -> None:
    """In a folder without codecs, where chunks are read to where they belong, no damaged one passes."""
    place = make("folder", tmp_path)
    state = noise(2 * PACK) + bytes(2 * PACK) + noise(PACK)
    open_store(place, serializer="bytes").save("run", state)
    assert open_store(place).load("run") == state
    for key, data in place.objects().items():
        if "/packs/" not in key:
            continue
        for damaged in (b"X" + data[1:], data[:-1], data[:-1] + b"X", b""):
            place.poke(key, damaged)
            with pytest.raises(CheckpointCorrupt, match=key):
                open_store(place).load("run")
        place.poke(key, None)
        with pytest.raises(CheckpointCorrupt, match=f"missing: {key}"):
            open_store(place).load("run")
        place.poke(key, data)
    assert open_store(place).load("run") == state
