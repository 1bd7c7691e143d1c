"""What the arguments of a store promise: where it is, who serializes, what is kept."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from places import KINDS, make, open_store, slot, through
from run_model import KeepOdd
from spies import Spy

from ckptstore import CheckpointError, CheckpointNotFound, CheckpointStore, Decision, KeepLast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from places import Place

    from ckptstore import Checkpoint, Retention


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


def numbers(place: Place) -> list[int]:
    """The numbers of all checkpoints, oldest first."""
    return [record.number for record in reversed(open_store(place).checkpoints("run"))]


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


def test_a_path_object_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `PathLike` is never taken for a URL."""
    monkeypatch.chdir(tmp_path)
    CheckpointStore(tmp_path / "one").save("run", 1)
    CheckpointStore(Path("memory:") / "two").save("run", 1)

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


# What is kept


@pytest.mark.parametrize(
    ("retention", "kept"), [(None, [1, 2, 3, 4, 5]), (1, [5]), (3, [3, 4, 5]), (KeepLast(9), [1, 2, 3, 4, 5])]
)
def test_a_save_prunes(place: Place, retention: Retention | int | None, kept: list[int]) -> None:
    """Retention is applied by every save; None keeps all, and a number that many."""
    store = open_store(place, retention=retention)
    for n in range(5):
        store.save("run", n)

    assert numbers(place) == kept
    assert place.objects().keys() == {*map(slot, kept), "run/latest.json"}


@dataclass(frozen=True)
class KeepEveryThird:
    """A policy of one's own, which leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Keep the numbers that three divides."""
        return [Decision(one.number, keep=one.number % 3 == 0, reason="a third") for one in checkpoints]


def test_a_policy_that_leaves_gaps(place: Place) -> None:
    """What it keeps stays and loads, the newest besides; at most one small marker a kept checkpoint is left."""
    store = open_store(place, retention=KeepEveryThird())
    for n in range(1, 12):
        store.save("run", "x" * 1000 + str(n))

    assert numbers(place) == [3, 6, 9, 11]
    assert [store.load("run", at=n)[1000:] for n in (3, 6, 9, 11)] == ["3", "6", "9", "11"]
    sizes = {key: len(data) for key, data in place.objects().items()}
    assert sizes.keys() == {*map(slot, [3, 4, 6, 7, 9, 10, 11]), "run/latest.json"}
    assert all(sizes[slot(n)] < 500 for n in (4, 7, 10))


class Broken:
    """A policy with a bug."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Fail."""
        raise KeyError("oops")


def test_a_policy_with_a_bug_does_not_undo_a_save(place: Place) -> None:
    """The state is saved, so save returns; a warning, at the caller's line, says what could not be pruned."""
    store = open_store(place, retention=Broken())

    with pytest.warns(RuntimeWarning, match=r"^run 'run', checkpoint 1 is saved, but .*oops.*next save") as caught:
        record = store.save("run", "state")
    assert caught[0].filename == __file__
    assert (record.number, open_store(place).load("run")) == (1, "state")


class DropsAll:
    """A policy that would remove everything, and speaks of what there is not."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Drop each, and one more."""
        return [Decision(n, keep=False, reason="out") for n in (99, *(one.number for one in checkpoints))]


class Silent:
    """A policy that decides nothing."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Nothing."""
        return []


@pytest.mark.parametrize(("retention", "kept"), [(DropsAll(), [3]), (Silent(), [1, 2, 3])])
def test_a_policy_cannot_remove_the_newest(place: Place, retention: Retention, kept: list[int]) -> None:
    """The newest stays whatever a policy says, and so does what it says nothing of."""
    store = open_store(place, retention=retention)
    for n in range(3):
        store.save("run", n)

    assert numbers(place) == kept
    assert store.prune("run").kept == kept[::-1]


def test_a_prune_that_failed_is_made_up_for(place: Place) -> None:
    """When removing fails the save stands, with a warning; the next save removes what was left."""
    broken = True

    def fail(verb: str, key: str) -> None:
        if broken and verb == "delete":
            raise PermissionError("read only")

    store = through(open_store(place, retention=1), lambda backend: Spy(backend, before=fail))
    store.save("run", 1)
    with pytest.warns(RuntimeWarning, match=r"checkpoint 2 is saved, but .*read only"):
        store.save("run", 2)
    broken = False
    store.save("run", 3)

    assert numbers(place) == [3]


def test_a_hint_that_failed_is_made_up_for(place: Place) -> None:
    """When the hint cannot be written the save stands, with a warning, and readers find it all the same."""

    def fail(verb: str, key: str) -> None:
        if verb == "put":
            raise OSError(28, "No space left on device")

    open_store(place).save("run", 1)
    store = through(open_store(place), lambda backend: Spy(backend, before=fail))
    with pytest.warns(RuntimeWarning, match=r"checkpoint 2 is saved, but latest\.json could not be written .*No space"):
        store.save("run", 2)

    assert open_store(place).load("run") == 2


def test_no_warning_without_a_reason(place: Place) -> None:
    """Nothing is said where nothing is wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_store(place, retention=1).save("run", 1)

    assert caught == []


def test_a_pruned_checkpoint_is_not_found(place: Place) -> None:
    """What retention removed is gone for every way to name it."""
    store = open_store(place, retention=1)
    first = store.save("run", 1)
    store.save("run", 2)

    for at in (1, first, first.created_at):
        with pytest.raises(CheckpointNotFound):
            store.load("run", at=at)
