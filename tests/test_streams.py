"""What streams promise: any length in a few megabytes of memory, all or nothing, and only what is asked for is read."""

from __future__ import annotations

import io
import itertools
import random
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest
from places import make, open_store
from sealing import SETTINGS
from streaming import DATA, write

from ckptstore import BackendError, CheckpointConflict, CheckpointNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

    from ckptstore.backend import Data

CODECS = pytest.mark.parametrize("codecs", SETTINGS)
pytestmark = pytest.mark.usefixtures("small", "no_thread_stays")


@CODECS
def test_what_is_written_in_any_pieces_is_read_in_any(place: Place, codecs: str) -> None:
    """However a stream is cut by its writer and its readers, its bytes come back."""
    store = open_store(place, **SETTINGS[codecs])
    dice = random.Random(codecs)
    with store.open_writer("run", metadata={"of": "bytes"}) as file:
        left = memoryview(DATA)
        while left:
            size = dice.choice([0, 1, 255, 256, 257, 3000])
            assert file.write(left[:size]) == len(left[:size])
            left = left[size:]
            assert file.tell() == len(DATA) - len(left)
    assert file.checkpoint is not None
    assert (file.checkpoint.size, file.checkpoint.metadata) == (len(DATA), {"of": "bytes"})

    with open_store(place, **SETTINGS[codecs]).open_reader("run") as reader:
        assert reader.checkpoint == file.checkpoint
        plain = io.BytesIO(DATA)
        for _ in range(200):
            if dice.random() < 0.3:
                offset, whence = dice.randrange(len(DATA)), dice.choice([io.SEEK_SET, io.SEEK_END])
                offset = offset if whence == io.SEEK_SET else -offset
                assert reader.seek(offset, whence) == plain.seek(offset, whence)
            size = dice.choice([0, 1, 100, 1000, 5000, -1])
            assert reader.read(size) == plain.read(size)
            assert reader.tell() == plain.tell()
    assert open_store(place, serializer="bytes", **SETTINGS[codecs]).load("run") == DATA


@pytest.mark.parametrize("size", [0, 1, 256, 257, len(DATA)])
def test_an_exception_leaves_nothing(place: Place, size: int) -> None:
    """Whatever was written before, a with-block that fails makes no checkpoint, and what it began is gone or goes."""
    store = open_store(place)
    store.save("run", 1)
    before = place.objects()
    with pytest.raises(ZeroDivisionError), store.open_writer("run") as file:
        _ = file.write(DATA[:size]) // 0

    assert file.checkpoint is None
    assert file.closed
    assert store.latest("run").number == 1  # type: ignore[union-attr]
    store.save("run", 2)
    store.prune("run")
    assert place.objects().keys() - before.keys() == {"run/000000000002.json"}


def test_writing_needs_a_with_block(place: Place) -> None:
    """A file that nobody would commit is not written to: an error says what to do."""
    file = open_store(place).open_writer("run")
    with pytest.raises(ValueError, match=r"with store\.open_writer"):
        file.write(b"x")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.__enter__()

    assert place.objects() == {}


@pytest.mark.parametrize("size", [10, len(DATA)])
def test_a_library_may_close_the_file(place: Place, size: int) -> None:
    """Who closes the file inside the block has written it all; the block's end commits it."""
    store = open_store(place)
    with store.open_writer("run") as file:
        file.write(DATA[:size])
        file.close()
        with pytest.raises(ValueError, match="closed"):
            file.write(b"more")

    assert store.open_reader("run").read() == DATA[:size]


def test_a_reader_is_not_written_to(place: Place) -> None:
    """A checkpoint does not change."""
    write(open_store(place))
    with open_store(place).open_reader("run") as file:
        assert not file.writable()
        with pytest.raises(io.UnsupportedOperation, match="immutable"):
            file.write(b"x")


def test_a_writer_has_no_way_back(place: Place) -> None:
    """What was handed on cannot be written again: seeking is refused as files refuse it."""
    with open_store(place).open_writer("run") as file:
        assert (file.writable(), file.readable(), file.seekable()) == (True, False, False)
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)


def test_equal_streams_are_stored_once(place: Place) -> None:
    """A stream stores nothing that the checkpoint before holds."""
    store = open_store(place)
    write(store)
    before = {key for key in place.objects() if "/packs/" in key}
    write(store)

    assert {key for key in place.objects() if "/packs/" in key} == before


def test_zip_archives_stream(place: Place) -> None:
    """The standard library's zip files are written to and read from a checkpoint."""
    with open_store(place).open_writer("run") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a", "b"):
            archive.writestr(name, name.encode() + DATA)

    with open_store(place).open_reader("run") as reader, zipfile.ZipFile(reader) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [b"a" + DATA, b"b" + DATA]


def test_numpy_streams(place: Place) -> None:
    """`np.save` and `np.load` work on a checkpoint."""
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(5000, dtype="<f4").reshape(50, 100)
    with open_store(place).open_writer("run") as file:
        numpy.save(file, array)

    with open_store(place).open_reader("run") as reader:
        assert (numpy.load(reader) == array).all()


def test_a_save_in_between_is_a_conflict(place: Place) -> None:
    """A long stream continues from where the run stood when it began; who saved meanwhile is not overwritten."""
    store, other = open_store(place), open_store(place)
    store.save("run", "first")
    with pytest.raises(CheckpointConflict, match="continues from checkpoint 1, but 2"), store.open_writer("run") as f:
        f.writelines([DATA, str(other.save("run", "between")).encode()])

    assert other.load("run") == "between"
    other.save("run", "next")
    other.prune("run")
    assert not [key for key in place.objects() if "/packs/" in key]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_stream_may_say_what_it_continues(place: Place, after: int) -> None:
    """`after=` holds for a long stream, and a wrong one is refused before all of it is written."""
    store = open_store(place)
    for step in (1, 2):
        store.save("run", step)
    writer = store.open_writer("run", after=after)
    with pytest.raises((CheckpointConflict, CheckpointNotFound), match="run 'run'"), writer as file:
        file.write(DATA)

    assert store.latest("run").number == 2  # type: ignore[union-attr]


def test_a_full_disk_ends_the_stream(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing more can be stored, the next writes raise what went wrong, nobody waits, and nothing is visible."""
    store = open_store(place)
    store.save("run", 1)
    create = store._backend.create

    def full(key: str, data: Data) -> None:
        if "/packs/" in key:
            raise OSError(28, "No space left on device")
        create(key, data)

    monkeypatch.setattr(store._backend, "create", full)
    endless = (random.Random(number).randbytes(300) for number in itertools.count())
    with pytest.raises(BackendError, match=r"run 'run'.*No space left"), store.open_writer("run") as file:
        file.writelines(endless)

    assert file.checkpoint is None
    assert store.load("run") == 1


@pytest.mark.parametrize("kind", ["memory", "folder"])  # the client of a bucket needs threads itself
def test_where_no_thread_can_be_had_a_stream_is_held_in_memory(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of the interpreter: the stream is saved all the same."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    store = open_store(make(kind, tmp_path), serializer="bytes")
    monkeypatch.setattr(threading.Thread, "start", refused)
    write(store)

    assert store.load("run") == DATA
