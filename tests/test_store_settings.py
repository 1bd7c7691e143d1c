"""What the arguments of a store promise: where it is, and who serializes."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from places import ALL_KINDS, make, open_store
from run_model import KeepOdd

from ckptstore import CheckpointError, CheckpointStore

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


# Where it is


def test_a_relative_path_is_bound_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working directory does not move the store."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore("ckpts")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.save("run", 1)

    assert (tmp_path / "ckpts/run/000000000001.json").exists()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` means what it means in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    CheckpointStore("~/ckpts").save("run", 1)

    assert (tmp_path / "ckpts/run/000000000001.json").exists()


def test_a_file_url_is_decoded(tmp_path: Path) -> None:
    """A file:// URL means the folder that a browser would open; spaces are %20 there, and only there."""
    CheckpointStore(f"file://{tmp_path.as_posix()}/a%20b").save("run", 1)
    CheckpointStore(f"{tmp_path}/c%20d").save("run", 1)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "c%20d"]


class Odd:
    """A path that looks like a URL."""

    def __fspath__(self) -> str:
        """The path."""
        return "memory://two"


def test_a_path_object_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `PathLike` is never taken for a URL."""
    monkeypatch.chdir(tmp_path)
    CheckpointStore(tmp_path / "one").save("run", 1)
    CheckpointStore(Odd()).save("run", 1)

    assert (tmp_path / "one/run/000000000001.json").exists()
    assert (tmp_path / "memory:/two/run/000000000001.json").exists()


def test_opening_a_store_makes_nothing(tmp_path: Path) -> None:
    """Neither opening nor reading leaves a folder behind."""
    store = CheckpointStore(tmp_path / "ckpts")

    assert (store.runs(), store.latest("run"), store.load("run", default=0)) == ([], None, 0)
    assert not (tmp_path / "ckpts").exists()


def test_named_memory_is_shared_and_the_nameless_is_not() -> None:
    """Stores of one memory:// name see each other's checkpoints; `memory://` is new and private each time."""
    for url in ("memory://test-named", "memory://"):
        CheckpointStore(url).save("run", 1)

    assert CheckpointStore("memory://test-named").load("run") == 1
    assert CheckpointStore("memory://").runs() == []


def test_repr_shows_the_settings() -> None:
    """A store tells people where it is and what it was told."""
    assert repr(CheckpointStore("memory://x")) == "CheckpointStore('memory://x', serializer='json')"
    assert repr(CheckpointStore("ckpts", serializer="bytes", retention=3)) == (
        "CheckpointStore('ckpts', serializer='bytes', retention=KeepLast(count=3))"
    )


# Who serializes


@pytest.mark.parametrize(("reader", "writer", "state"), [("json", "bytes", b"\0state"), ("bytes", "json", {"a": (1,)})])
def test_safe_serializers_read_each_others(place: Place, reader: str, writer: str, state: object) -> None:
    """The checkpoint says who reads it, so a store reads what was saved with another serializer that is safe."""
    open_store(place, serializer=writer).save("run", state)

    assert open_store(place, serializer=reader).load("run") == state


unpickled: list[str] = []


class Canary:
    """Tells when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return unpickled.append, ("sung",)


@pytest.mark.parametrize("reader", ["json", "bytes"])
def test_nothing_is_unpickled_unasked(place: Place, reader: str) -> None:
    """Pickle is for stores that ask for it: any other refuses, with the way out, and runs nothing."""
    unpickled.clear()
    open_store(place, serializer="pickle").save("run", Canary())
    store = open_store(place, serializer=reader)

    with pytest.raises(CheckpointError, match=r"^run 'run', checkpoint 1: .*serializer=\"pickle\""):
        store.load("run")
    assert [record.number for record in store.checkpoints("run")] == [1]
    assert store.verify("run").ok
    with store.open_reader("run") as file:
        assert file.read() == pickle.dumps(Canary(), pickle.HIGHEST_PROTOCOL)
    assert not unpickled


def test_who_asks_for_pickle_gets_it(place: Place) -> None:
    """With serializer="pickle" any object of Python comes back."""
    store = open_store(place, serializer="pickle")
    store.save("run", {"a": {1: complex(1, 2)}, "b": KeepOdd()})

    assert store.load("run") == {"a": {1: complex(1, 2)}, "b": KeepOdd()}


class Reversed:
    """A serializer of one's own: text, backwards."""

    name = "reversed"

    def dumps(self, state: object) -> bytes:
        """The bytes."""
        return str(state)[::-1].encode()

    def loads(self, data: bytes) -> object:
        """The text."""
        return data.decode()[::-1]


def test_a_serializer_of_ones_own(place: Place) -> None:
    """Its bytes are what is stored, its name says who can read them, and others say what is missing."""
    store = open_store(place, serializer=Reversed())
    store.save("run", "state")

    with store.open_reader("run") as file:
        assert file.read() == b"etats"
    assert open_store(place, serializer=Reversed()).load("run") == "state"
    with pytest.raises(CheckpointError, match="serializer 'reversed', which this store does not have"):
        open_store(place).load("run")
