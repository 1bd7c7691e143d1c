"""One store in several threads, and in the child of a fork."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from forks import in_child
from places import ALL_KINDS, InFolder, make, open_store, through
from spies import Spy

from ckptstore import CheckpointConflict, CheckpointStore
from ckptstore.testing.race import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from places import Place

    from ckptstore import Checkpoint
    from ckptstore.stream_writer import CheckpointWriter


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


def test_threads_that_share_a_store_take_turns(place: Place) -> None:
    """Saves of one store never conflict with each other: 100 of two threads get 100 numbers in a row."""
    store, start = open_store(place, retention=3), threading.Barrier(2)
    records: list[Checkpoint] = []

    def work(name: str) -> None:
        start.wait(PATIENCE)
        records.extend([store.save("run", [name, n]) for n in range(50)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(record.number for record in records) == list(range(1, 101))
    assert [record.number for record in store.checkpoints("run")] == [100, 99, 98]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("first", ["parent", "child"])
def test_a_fork_is_a_second_writer(tmp_path: Path, first: str) -> None:
    """After a fork parent and child are two writers with one base: whoever saves second is fenced out."""
    store = open_store(InFolder(tmp_path))
    store.save("run", 1)

    def save() -> int:
        try:
            return store.save("run", os.getpid()).number
        except CheckpointConflict:
            return 99

    ours, (ready, go) = 0, os.pipe()
    child = os.fork()
    if child == 0:
        if first == "parent":
            os.read(ready, 1)  # until the parent has saved
        os._exit(save())
    if first == "parent":
        ours = save()
        os.write(go, b"!")
    theirs = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if first == "child":
        ours = save()
    os.close(ready)
    os.close(go)

    assert (ours, theirs) == ((2, 99) if first == "parent" else (99, 2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_save_leaves_no_lock(tmp_path: Path) -> None:
    """A child that is forked while another thread saves does not wait for that thread, which it does not have."""
    parent, inside, leave = os.getpid(), threading.Event(), threading.Event()

    def wait(verb: str, key: str) -> None:
        if verb == "create" and os.getpid() == parent:
            inside.set()
            leave.wait(PATIENCE)

    place = InFolder(tmp_path)
    open_store(place).save("run", 1)
    store = through(open_store(place), lambda backend: Spy(backend, before=wait))
    outcomes: list[str] = []

    def save() -> None:
        try:
            outcomes.append(f"saved {store.save('run', 'ours').number}")
        except CheckpointConflict:
            outcomes.append("conflict")

    thread = threading.Thread(target=save)
    thread.start()
    inside.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # kills a child that waits for ever
        os._exit(store.save("run", "theirs").number)
    number = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    leave.set()
    thread.join()

    assert (number, outcomes) == (2, ["conflict"])


# A load beside a save of the same store


def hooked(place: Place, count: int, do: Callable[[CheckpointStore], object]) -> CheckpointStore:
    """A store in which `do` happens, as if in another thread, after request number `count`."""

    def after(verb: str, key: str) -> None:
        if len(spy.calls) == count:
            do(store)

    store = open_store(place)
    spy = Spy(store._backend, after=after)
    return through(store, lambda _: spy)


def test_a_slow_load_does_not_take_a_save_back(place: Place) -> None:
    """A load that found the newest before another thread saved does not fence the store behind its own save."""
    open_store(place).save("run", 1)
    store = hooked(place, 3, lambda store: store.save("run", 2))

    assert store.load("run") == 1
    assert store.save("run", 3).number == 3


def test_a_load_that_saw_more_moves_the_fence(place: Place) -> None:
    """Of two loads in two threads the one that found the newer counts, whichever ends first."""
    theirs = open_store(place)
    theirs.save("run", 1)

    def overtake(store: CheckpointStore) -> None:
        store.load("run")
        theirs.save("run", 2)

    store = hooked(place, 1, overtake)

    assert store.load("run") == 2
    assert store.save("run", 3).number == 3


def test_two_threads_of_a_child_get_one_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both are the first in a forked child to use a store, they still take turns."""
    positions = CheckpointStore("memory://")._positions
    positions.of("run")
    make_lock, got = threading.RLock, list[object]()
    other = threading.Thread(target=lambda: got.append(positions.of("run").lock))

    def make_lock_beside() -> object:
        if not other.ident:
            other.start()
            other.join(0.2)  # it gets through where nothing holds it
        return make_lock()

    monkeypatch.setattr(os, "getpid", lambda: -1)
    monkeypatch.setattr(threading, "RLock", make_lock_beside)
    mine = positions.of("run").lock
    other.join()

    assert got == [mine]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    "use", [lambda f: f.write(bytes(1 << 22)), lambda f: f.__exit__(None, None, None)], ids=["write", "end"]
)
def test_a_stream_is_its_process_s(tmp_path: Path, use: Callable[[CheckpointWriter], object]) -> None:
    """In a child that was forked meanwhile to write or end it is an error, and to leave its block waits for nothing."""
    go = threading.Event()

    def wait(verb: str, key: str) -> None:
        if verb == "create" and "/packs/" in key:
            go.wait(30)

    store = through(open_store(InFolder(tmp_path)), lambda backend: Spy(backend, before=wait))
    with store.open_writer("run") as file:
        while not file._blocks.full():
            file.write(bytes(1 << 20))

        def is_refused() -> bool:
            with suppress(RuntimeError):
                use(file)
                return False
            file.__exit__(SystemExit, SystemExit(), None)
            return True

        refused = in_child(is_refused)
        go.set()

    assert refused
    assert store.verify("run").ok
