"""Reading a stream: only what is asked for is fetched, once, checked where it is read, and all ways agree."""

from __future__ import annotations

import io
import random
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from places import open_store
from sealing import SETTINGS
from streaming import DATA, write

from ckptstore import CheckpointCorrupt, CheckpointNotFound, CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from places import Place


CODECS = pytest.mark.parametrize("codecs", SETTINGS)
pytestmark = pytest.mark.usefixtures("small", "no_thread_stays")


class Requests:
    """Counts the ranges that a backend is asked for."""

    def __init__(self, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packs: list[tuple[str, int | None, int | None]] = []
        get = store._backend.get

        def counting(key: str, start: int | None = None, end: int | None = None) -> bytes:
            if "/packs/" in key:
                self.packs.append((key, start, end))
            return get(key, start, end)

        monkeypatch.setattr(store._backend, "get", counting)

    def taken(self) -> int:
        """Bytes since the last call."""
        total = sum((end or 0) - (start or 0) for _, start, end in self.packs)
        self.packs.clear()
        return total


def test_only_the_needed_chunks_are_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening reads nothing of the packs; ten bytes somewhere cost the chunk or two that they lie in."""
    data = random.Random(1).randbytes(50_000)
    store = open_store(place)
    write(store, data)
    requests = Requests(store, monkeypatch)
    with store.open_reader("run") as file:
        raw: Any = file.raw  # below the buffer, which reads more than it is asked for
        assert requests.taken() == 0
        raw.seek(40_000)
        assert raw.read(10) == data[40_000:40_010]
        assert 0 < requests.taken() <= 2 * 1024
        raw.seek(0, io.SEEK_END)
        assert raw.read(10) == b""
        assert requests.taken() == 0


def test_who_reads_on_reads_each_byte_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """From front to back, what is read ahead is what is needed next."""
    data = random.Random(1).randbytes(50_000)
    store = open_store(place)
    write(store, data)
    requests = Requests(store, monkeypatch)
    copy = io.BytesIO()
    with store.open_reader("run") as file:
        shutil.copyfileobj(file, copy, 300)

    assert copy.getvalue() == data
    assert requests.taken() == len(data)


def test_a_checkpoint_removed_under_a_reader(place: Place) -> None:
    """Who reads on in a checkpoint that was pruned is told so, and not that it is damaged."""
    store = open_store(place, retention=1)
    write(store, random.Random(1).randbytes(50_000))
    with open_store(place).open_reader("run") as file:
        assert file.read(10)
        store.save("run", "newer")
        with pytest.raises(CheckpointNotFound, match="run 'run', checkpoint 1: removed while it was read"):
            file.read()


def test_damage_is_found_where_it_is_read(place: Place) -> None:
    """What lies behind a damaged chunk is read, the chunk is refused, and run, number and pack are named."""
    data = random.Random(1).randbytes(50_000)
    write(open_store(place), data)
    pack = sorted(key for key in place.objects() if "/packs/" in key)[1]
    place.poke(pack, b"X" + place.objects()[pack][1:])
    with open_store(place).open_reader("run") as file:
        with pytest.raises(CheckpointCorrupt, match=f"run 'run', checkpoint 1: {pack}"):
            file.read()
        file.seek(49_000)
        assert file.read() == data[49_000:]


WAYS: dict[str, Callable[[Any], object]] = {
    "read": lambda file: file.read(),
    "lines": list,
    "readinto": lambda file: file.readinto(bytearray(20_000)),
    "pieces": lambda file: b"".join(iter(partial(file.read, 100), b"")),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_to_read_agree(place: Place, way: str) -> None:
    """A checkpoint behaves as a file in memory does."""
    write(open_store(place))
    with open_store(place).open_reader("run") as file:
        assert WAYS[way](file) == WAYS[way](io.BytesIO(DATA))
