"""The memory backend: the conformance suite, and what its names promise."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ckptstore.testing import BackendTests
from ckptstore.testing.race import PATIENCE
from ckptstore_backends.base import LOCK
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Callable

names = (f"bucket-{number}" for number in itertools.count())


class TestMemoryBackend(BackendTests[MemoryBackend]):
    """The suite, in threads."""

    race_rounds = 1000

    @pytest.fixture
    def backend(self) -> MemoryBackend:
        """Give a bucket of its own."""
        return MemoryBackend(f"{next(names)}/some/prefix")

    def opener(self, backend: MemoryBackend) -> Callable[[], MemoryBackend]:
        """Return what opens the same bucket once more."""
        return functools.partial(MemoryBackend, backend.name)

    def peek(self, backend: MemoryBackend, key: str) -> bytes | None:
        """Look into the dictionary."""
        found = backend._objects.get(backend._prefix + key)
        return found[0] if found else None

    def poke(self, backend: MemoryBackend, key: str, data: bytes | None) -> None:
        """Change the dictionary."""
        if data is None:
            del backend._objects[backend._prefix + key]
        else:
            backend._objects[backend._prefix + key] = (data, datetime.now(UTC))


def test_without_a_name_objects_are_private() -> None:
    """Two nameless backends share nothing, with each other or with a later one."""
    MemoryBackend().create("run/1", b"x")

    assert list(MemoryBackend().list("")) == []
    assert MemoryBackend()._objects is not MemoryBackend("")._objects


def test_equal_names_share_objects() -> None:
    """A named store is one in the process: what one backend stored, another finds."""
    name = next(names)
    MemoryBackend(name).create("run/1", b"x")

    assert MemoryBackend(name).get("run/1") == b"x"
    assert list(MemoryBackend(name + "0").list("")) == []


def test_a_prefix_is_a_view_of_its_bucket() -> None:
    """The key "x" of "bucket/prefix" is the key "prefix/x" of "bucket", in every verb and in both directions."""
    name = next(names)
    bucket, view = MemoryBackend(name), MemoryBackend(f"{name}/prefix")
    view.create("run/1", b"1")
    bucket.create("prefix/run/2", b"2")
    bucket.create("prefix-else/run/3", b"3")

    assert bucket.get("prefix/run/1") == b"1"
    assert [info.key for info in view.list("")] == ["run/1", "run/2"]
    assert [info.key for info in view.list("run/", "run/1")] == ["run/2"]
    view.delete(["run/2"])
    assert [info.key for info in bucket.list("")] == ["prefix-else/run/3", "prefix/run/1"]


@pytest.mark.parametrize("name", ["/", "a/", "a//b", "a/../b", ".."])
def test_bad_names_are_refused(name: str) -> None:
    """A name is written in one way only: another would be another store without a word."""
    with pytest.raises(ValueError, match="is not a key"):
        MemoryBackend(name)


def test_a_signal_handler_may_save() -> None:
    """A handler that saves when the program is told to stop does not wait for the very call it interrupted."""
    with LOCK:  # where the signal finds the program
        again = LOCK.acquire(blocking=False)
        if again:
            LOCK.release()

    assert again


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_leaves_no_lock_behind() -> None:
    """A child forked while another thread was inside a backend can use it: nothing stays locked for ever."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with LOCK:
            inside.set()
            leave.wait(PATIENCE)

    backend = MemoryBackend()
    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(PATIENCE)
    threading.Timer(0.05, leave.set).start()  # the fork waits for the lock
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # kills a child that waits for ever
        backend.create("run/1", b"x")
        os._exit(0)
    holder.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_listing_shows_one_instant() -> None:
    """What goes while others are shown is shown as well: a run that moves on would else seem to be empty."""
    backend = MemoryBackend()
    for number in (1, 2, 3):
        backend.create(f"run/{number}", b"x")

    shown = []
    for info in backend.list("run/"):
        shown.append(info.key)
        backend.delete(["run/2", "run/3"])

    assert shown == ["run/1", "run/2", "run/3"]
