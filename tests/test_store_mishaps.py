"""Lost replies, full disks, and checkpoints that vanish under a reader: nothing saved is lost, and work goes on."""

from __future__ import annotations

import builtins
import errno
import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from places import ALL_KINDS, InFolder, make, on, open_store, slot, through
from spies import Spy

from ckptstore import BackendError, inline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from places import Place

    from ckptstore import CheckpointStore
    from ckptstore.backend import ObjectInfo


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


# Replies that are lost


def test_a_lost_reply_is_no_conflict(place: Place) -> None:
    """A create that got through although the storage reported an error is the save that it was."""

    def lose(verb: str, key: str) -> None:
        if (verb, key) == ("create", slot(1)):
            raise TimeoutError("no reply")

    store = through(open_store(place), lambda backend: Spy(backend, after=lose))

    assert store.save("run", 1).number == 1
    assert store.save("run", 2).number == 2


def test_a_save_in_doubt_is_said_to_be(place: Place) -> None:
    """Where nobody can tell whether it was saved the error says so, and the next save goes on either way."""
    dark = False

    def darken(verb: str, key: str) -> None:
        nonlocal dark
        dark = dark or (verb, key) == ("create", slot(1))
        if dark:
            raise TimeoutError("no network")

    store = through(open_store(place), lambda backend: Spy(backend, after=darken))
    with pytest.raises(BackendError, match=r"^run 'run', checkpoint 1: .*did not say whether it was saved"):
        store.save("run", "in doubt")
    on(open_store(place)._backend, store)

    assert store.save("run", "next").number == 2
    assert [store.load("run", at=n) for n in (1, 2)] == ["in doubt", "next"]


# Readers beside writers


def test_a_load_looks_again_when_the_checkpoint_is_pruned_under_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack that vanishes because a newer checkpoint took its place is not damage: the newer one is loaded."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    writer = open_store(place, retention=1)
    writer.save("run", "x" * 20)

    def overtake(verb: str, key: str) -> None:
        if verb == "get" and "/packs/000000000001" in key:
            writer.save("run", "y" * 20)

    reader = through(open_store(place), lambda backend: Spy(backend, before=overtake))

    assert reader.load("run") == "y" * 20
    assert reader.save("run", "z").number == 3
    assert reader.load("run", at=1, default=None) is None


def test_a_listing_passes_over_what_is_pruned_under_it(place: Place) -> None:
    """What vanishes while checkpoints are listed is not in the list, and no error."""
    writer = open_store(place)
    for n in range(4):
        writer.save("run", n)
    pruner = open_store(place, retention=2)

    def overtake(verb: str, key: str) -> None:
        if (verb, key) == ("get", slot(2)):
            pruner.prune("run")

    reader = through(open_store(place), lambda backend: Spy(backend, before=overtake))

    assert [record.number for record in reader.checkpoints("run")] == [4, 3]


def beside_a_saver(place: Place, retention: int | None = None) -> CheckpointStore:
    """Save five checkpoints and lose the hint; return a store that finds one more whenever it lists."""
    writer = open_store(place)
    for n in range(5):
        writer.save("run", n)
    writer._backend.delete(["run/latest.json"])

    def overtake(verb: str, key: str) -> None:
        if verb == "list" and key == "run/":
            writer.save("run", "more")

    return through(open_store(place, retention=retention), lambda backend: Spy(backend, before=overtake))


def test_the_newest_is_found_beside_one_who_saves_all_the_time(place: Place) -> None:
    """Where no list stays true until it is proven, the hint that others have put meanwhile leads to the newest."""
    newest = beside_a_saver(place).latest("run")

    assert newest == open_store(place).latest("run")


def test_a_prune_ends_beside_one_who_saves_all_the_time(place: Place) -> None:
    """It removes what was to go at some instant, and what came meanwhile stays."""
    report = beside_a_saver(place, retention=2).prune("run")

    newest, *_ = kept = [record.number for record in open_store(place).checkpoints("run")]
    assert kept == list(range(newest, report.kept[-1] - 1, -1))
    assert (len(report.kept), report.removed) == (2, list(range(report.kept[-1] - 1, 0, -1)))
    assert open_store(place).verify("run").ok


def test_what_is_saved_while_a_run_is_verified_is_no_problem(place: Place) -> None:
    """A checkpoint that appears between two looks at its place is not taken for one that a stalled writer left."""
    writer = open_store(place)
    for n in range(3):
        writer.save("run", n)
    looks: list[str] = []

    def overtake(verb: str, key: str) -> None:
        if (verb, key) == ("get", slot(4)):
            looks.append(key)
            if len(looks) == 3:  # above the third, and in its own place, it was not there
                writer.save("run", 3)

    report = through(open_store(place), lambda backend: Spy(backend, before=overtake)).verify("run")

    assert (report.problems, writer.latest("run")) == ((), writer.checkpoints("run")[0])
    assert len(looks) > 3


def test_a_hint_that_is_just_written_is_no_problem(place: Place) -> None:
    """Read in the middle of a write it is neither the old nor the new one: it is read again, and nothing is listed."""
    record = open_store(place).save("run", 1)
    halves = iter([True])

    class Torn(Spy):
        def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
            data = super().get(key, start, end)
            return data[:-5] if key == "run/latest.json" and next(halves, False) else data

    assert through(open_store(place), Torn).verify("run").ok
    assert next(halves, None) is None
    halves = iter([True])
    store = through(open_store(place), Torn)
    assert store.latest("run") == record
    assert "list" not in cast("Spy", store._backend).verbs


def test_what_a_list_misses_is_looked_for_before_anything_is_removed(place: Place) -> None:
    """A checkpoint whose successor a list does not show, because it moved meanwhile, is not taken for a stray."""
    records = [open_store(place).save("run", n) for n in range(5)]

    class Blind(Spy):
        def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
            return (info for info in super().list(prefix, after) if info.key != slot(4))

    report = through(open_store(place), Blind).prune("run")

    assert (report.kept, report.leftovers) == ([5, 4, 3, 2, 1], ())
    assert open_store(place).checkpoints("run") == records[::-1]


# Disks that are full or read only


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("size", [10, 100])
def test_a_disk_that_refuses_writes(place: Place, monkeypatch: pytest.MonkeyPatch, code: int, size: int) -> None:
    """The error names the run and says why; what was saved stays, and with the disk mended the next save works."""
    monkeypatch.setattr(inline, "INLINE_JSON", 50)
    full = False

    def fail(verb: str, key: str) -> None:
        if full and verb in {"create", "put", "delete"}:
            raise OSError(code, os.strerror(code), key)

    store = through(open_store(place, retention=2), lambda backend: Spy(backend, before=fail))
    records = [store.save("run", str(n) * size) for n in range(2)]
    before, full = place.objects(), True
    with pytest.raises(BackendError, match=f"^run 'run'.*{os.strerror(code)}.*what was saved before is untouched"):
        store.save("run", "x" * size)

    assert place.objects() == before
    assert store.checkpoints("run") == records[::-1]
    full = False
    assert store.save("run", "y" * size).number == 3
    assert open_store(place).load("run") == "y" * size


@pytest.mark.parametrize("operation", ["load", "latest", "checkpoints", "verify", "runs", "prune", "delete_run"])
def test_a_disk_that_refuses_reads(place: Place, operation: str) -> None:
    """Whatever the storage raises becomes a `BackendError` with that as its cause: it never passes for "not found"."""

    def fail(verb: str, key: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    open_store(place).save("run", 1)
    store = through(open_store(place), lambda backend: Spy(backend, before=fail))

    with pytest.raises(BackendError, match=r"storage failed.*Input/output error") as caught:
        getattr(store, operation)(*(() if operation == "runs" else ("run",)))
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("verb", ["prune", "verify", "delete_run"])
def test_no_file_can_be_opened(place: Place, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """Where a process has no descriptor left, not even for code that is loaded when it is needed, our error says so."""
    store = open_store(place)
    store.save("run", 1)
    plain = builtins.__import__

    def out_of_files(name: str, *args: Any) -> Any:  # noqa: ANN401 - as __import__ has them
        if name == "ckptstore":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return plain(name, *args)

    monkeypatch.setattr(builtins, "__import__", out_of_files)
    with pytest.raises(BackendError, match=r"run 'run': .*Too many open files"):
        getattr(store, verb)("run")
    monkeypatch.undo()

    assert store.load("run") == 1


def test_a_prune_goes_on_where_the_head_goes_before_its_eyes(tmp_path: Path) -> None:
    """Between finding the head and reading it others may save and prune: the hint is then made from their head."""
    place = InFolder(tmp_path)
    other, overtaken = open_store(place, retention=1), list[object]()
    for state in range(4):
        open_store(place).save("run", state)

    def overtake(*_: str) -> None:
        if spy.calls[-2:] == [("get", slot(4))] * 2 and not overtaken:
            overtaken.append(other.load("run"))
            other.save("run", "newer")

    store = open_store(place, retention=1)
    spy = Spy(store._backend, before=overtake)
    through(store, lambda _: spy).prune("run")

    assert overtaken == [3]
    assert open_store(place).load("run") == "newer"
    assert open_store(place).verify("run").ok
