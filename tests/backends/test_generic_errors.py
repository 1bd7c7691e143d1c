"""What fsspec file systems do wrong, or each in its own way: caches, errors, threads and times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from filesystems import Bucket, Elsewhere, names, own_memory

from ckptstore_backends.generic import GenericBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_given_cache_is_not_believed() -> None:
    """A file system of the user's may cache its listings: each listing is fresh all the same."""
    fs = Bucket(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, name := next(names), single_writer=True)
    backend.create("run/1", b"x")
    assert len(list(backend.list(""))) == 1
    Bucket.objects[f"{name}/run/2"] = b"y"
    assert len(fs.ls(f"{name}/run")) == 2, "its own cache knows the marker and the first object alone"

    assert [info.key for info in backend.list("")] == ["run/1", "run/2"]
    Bucket.objects[f"{name}/run/3"] = b"z"
    with pytest.raises(FileExistsError):
        backend.create("run/3", b"other")


def test_an_empty_range_of_nothing_is_not_found() -> None:
    """Asked for no bytes at all of what is not there, a backend still says so."""
    backend = GenericBackend.of_system(own_memory(), "/place")

    with pytest.raises(FileNotFoundError):
        backend.get("run/1", 3, 3)


@pytest.mark.parametrize("verb", ["create", "put", "get", "list", "delete"])
def test_an_unknown_file_system_has_one_caller(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is known of a file system no two threads are in it at once, whichever verb they call."""
    fs = Elsewhere(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, str(tmp_path), single_writer=True)
    backend.put("run/1", b"x")
    entered: list[bool] = []

    def watch(name: str) -> None:
        real = getattr(fs, name)

        def watched(*args: object, **kwargs: object) -> object:
            with ThreadPoolExecutor(1) as other:
                entered.append(other.submit(enter, backend).result())
            return real(*args, **kwargs)

        monkeypatch.setattr(fs, name, watched)

    for name in ("pipe_file", "cat_file", "info", "ls", "rm_file", "mv"):
        watch(name)
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: backend.create("run/2", b"x"),
        "put": lambda: backend.put("run/1", b"x"),
        "get": lambda: backend.get("run/1"),
        "list": lambda: list(backend.list("")),
        "delete": lambda: backend.delete(["run/1"]),
    }
    calls[verb]()

    assert entered
    assert not any(entered)


def enter(backend: GenericBackend) -> bool:
    """Whether this thread could go into the file system now."""
    lock: Any = backend._alone()
    free: bool = lock.acquire(blocking=False)
    if free:
        lock.release()
    return free


# Errors


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (PermissionError("no"), PermissionError, "no"),
        (TimeoutError("late"), TimeoutError, "late"),
        (Bucket.StrangeError("503"), OSError, "StrangeError: 503"),
        (NotImplementedError(), OSError, "this file system cannot do that"),
        (KeyError("gone"), OSError, "KeyError: 'gone'"),
    ],
)
@pytest.mark.parametrize("verb", ["create", "put", "get", "list", "delete"])
def test_every_failure_is_an_oserror(
    raised: Exception, expected: type[OSError], message: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file system raises comes out as an `OSError`, with its cause, and never as an absent object."""
    fs = own_memory()
    backend = GenericBackend.of_system(fs, "/place")

    def failing(*_: object, **__: object) -> None:
        raise raised

    for name in ("pipe_file", "cat_file", "info", "ls", "rm_file"):
        monkeypatch.setattr(fs, name, failing)
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: backend.create("run/1", b"x"),
        "put": lambda: backend.put("run/1", b"x"),
        "get": lambda: backend.get("run/1", 1, 2),
        "list": lambda: list(backend.list("")),
        "delete": lambda: backend.delete(["run/1"]),
    }

    with pytest.raises(expected, match=message) as caught:
        calls[verb]()
    assert not isinstance(caught.value, (FileExistsError, FileNotFoundError))
    assert raised in (caught.value, caught.value.__cause__)


def test_a_failed_look_does_not_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be seen whether an object is there, a single writer's create fails and touches nothing."""
    fs = Elsewhere(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, str(tmp_path), single_writer=True)
    backend.create("run/1", b"first")
    monkeypatch.setattr(fs, "info", lambda _: (_ for _ in ()).throw(PermissionError("hidden")))

    with pytest.raises(PermissionError):
        backend.create("run/1", b"second")
    assert (tmp_path / "run/1").read_bytes() == b"first"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a write fails half-way the old object stays, and the unfinished one goes."""
    fs = Elsewhere(skip_instance_cache=True)
    backend = GenericBackend.of_system(fs, str(tmp_path), single_writer=True)
    backend.put("run/1", b"old")
    monkeypatch.setattr(fs, "mv", lambda *_: (_ for _ in ()).throw(OSError("disk gone")))

    with pytest.raises(OSError, match="disk gone"):
        backend.put("run/1", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "run").iterdir()] == [("1", b"old")]


# Times


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"mtime": 0.0, "created": 5.0}, datetime(1970, 1, 1, tzinfo=UTC)),
        ({"updated": "2026-01-02T03:04:05.678Z"}, datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)),
        (
            {"LastModified": datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))},
            datetime(2026, 1, 2, 1, tzinfo=UTC),
        ),
        ({"last_modified": datetime(2026, 1, 2)}, datetime(2026, 1, 2, tzinfo=UTC)),  # noqa: DTZ001 - it has none
        ({"mtime": None, "created": 60}, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        ({"updated": "yesterday"}, datetime.min.replace(tzinfo=UTC)),
        ({"mtime": float("inf")}, datetime.min.replace(tzinfo=UTC)),
        ({}, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_times_are_aware(told: dict[str, object], expected: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file system calls its time, and in whatever form, a listing has it in UTC, or says it is unknown."""
    fs = own_memory()
    line = {"name": "/place/run", "size": 1, "type": "file", **told}
    monkeypatch.setattr(fs, "ls", lambda *_, **__: [line])
    (info,) = GenericBackend.of_system(fs, "/place").list("")

    assert info.modified == expected
    assert info.modified.utcoffset() == timedelta(0)
