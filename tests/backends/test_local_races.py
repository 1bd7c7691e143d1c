"""The local backend among others: folders that come and go under a writer, and writers that are killed."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ckptstore_backends import files
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a folder that exists."""
    return tmp_path


@pytest.fixture
def backend(root: Path) -> LocalBackend:
    """Give a backend for it."""
    return LocalBackend(str(root))


@pytest.mark.parametrize("verb", ["create", "put"])
@pytest.mark.parametrize("nameless", [True, False])
def test_a_folder_may_go_under_a_writer(backend: LocalBackend, root: Path, verb: str, nameless: bool) -> None:
    """When a delete removes the emptied folder in the middle of a write, the write makes it again and succeeds."""
    backend._nameless = nameless
    backend.create("run/packs/1", b"x")

    def parts() -> object:
        yield b"some "
        for path in root.joinpath("run/packs").iterdir():
            path.unlink()
        root.joinpath("run/packs").rmdir()
        root.joinpath("run").rmdir()
        yield b"parts"

    getattr(backend, verb)("run/packs/2", parts())

    assert [info.key for info in backend.list("")] == ["run/packs/2"]
    assert backend.get("run/packs/2") == b"some parts"


def test_creates_and_deletes_race_for_a_folder(backend: LocalBackend) -> None:
    """Threads that create and delete the only objects of one folder never fail for its coming and going."""

    def work(worker: int) -> None:
        for number in range(25):
            key = f"run/packs/{worker}-{number}"
            backend.create(key, b"x")
            backend.put(key, b"y")
            assert backend.get(key) == b"y"
            backend.delete([key])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert list(backend.list("")) == []


WRITER = """
import itertools, sys
from ckptstore_backends.local import LocalBackend
backend = LocalBackend(sys.argv[1])
backend._nameless = sys.argv[2] == "nameless"
for number in itertools.count(int(sys.argv[3])):
    data = b"%d;" % number * 20_000
    backend.create(f"run/{number:012}.json", (data[at:at + 9999] for at in range(0, len(data), 9999)))
    backend.put("run/replaced", data)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("how", ["nameless", "named"])
def test_a_killed_writer_leaves_whole_objects(backend: LocalBackend, how: str) -> None:
    """Killed at any instant, a writer leaves every acknowledged object, only whole ones, and at most .tmp files."""
    acknowledged = [0]
    for kill in range(6):
        arguments = [sys.executable, "-c", WRITER, backend.root, how, str(acknowledged[-1] + 2)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged += [int(writer.stdout.readline()) for _ in range(1 + 3 * kill)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += map(int, writer.stdout.read().split())

    keys = [info.key for info in backend.list("run/0") if not info.key.endswith(".tmp")]
    assert set(acknowledged[1:]) <= {int(key[4:16]) for key in keys}
    assert [key for key in keys if backend.get(key) != b"%d;" % int(key[4:16]) * 20_000] == []
    replaced = backend.get("run/replaced")
    assert replaced == replaced[: replaced.index(b";") + 1] * 20_000


def test_a_listing_misses_nothing_that_moves_on(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that was there goes, and what comes is missed by the first look, the second one shows it."""
    for number in (1, 2):
        backend.create(f"run/{number}", b"x")
    scandir, looks = os.scandir, [0]

    class Moving:
        """The entries of a folder, of which each look at first finds none, as another process moves on meanwhile."""

        def __init__(self, path: str) -> None:
            self.entries = [] if looks[0] < 1 and path.endswith("run/") else sorted(scandir(path), key=lambda e: e.name)
            looks[0] += path.endswith("run/")

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            """Nothing is held open."""

    monkeypatch.setattr(os, "scandir", Moving)

    assert [info.key for info in backend.list("run/")] == ["run/1", "run/2"]
    assert looks[0] == 3


@pytest.mark.parametrize(("seconds", "looks"), [(0.001, 100), (2.0, 11)])
def test_a_listing_ends_beside_one_who_writes_all_the_time(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, seconds: float, looks: int
) -> None:
    """Where no two looks agree, there are a hundred, and of a large folder, where they take long, only eleven."""
    look, taken = files._look, itertools.count(1)

    def look_beside_a_writer(*args: str) -> dict[str, os.DirEntry[str]]:
        backend.create(f"run/{next(taken)}", b"x")
        return look(*args)

    monkeypatch.setattr(files, "_look", look_beside_a_writer)
    monkeypatch.setattr(files, "monotonic", itertools.count(step=seconds).__next__)

    assert len(list(backend.list("run/"))) == looks


def test_a_listing_shows_what_was_there_when_it_looked(backend: LocalBackend) -> None:
    """What goes while others are shown is shown as well: a run that moves on would else seem to be empty."""
    for number in (1, 2, 3):
        backend.create(f"run/{number}", b"x")

    shown = []
    for info in backend.list("run/"):
        shown.append((info.key, info.size))
        backend.delete(["run/2", "run/3"])

    assert shown == [("run/1", 1), ("run/2", 0), ("run/3", 0)]
