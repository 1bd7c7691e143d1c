"""What the tests of local storage share: system calls that are recorded, or fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from bucket import Bucket, Server
from faulty_proxy import FaultyProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make a function of `os` fail with an error number, where its arguments satisfy a condition; count how often."""

    def install(name: str, number: int, when: Callable[..., bool] = lambda *_, **__: True) -> list[int]:
        real = getattr(os, name)
        failures: list[int] = []

        def failing(*args: object, **kwargs: object) -> object:
            if when(*args, **kwargs):
                failures.append(number)
                raise OSError(number, os.strerror(number))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, failing)
        return failures

    return install


@pytest.fixture
def calls(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record every call that changes a disk, in order, like "fsync file", "fsync run" or "link 2"."""
    log: list[str] = []

    def place(path: object) -> str:
        if isinstance(path, int):
            status = os.fstat(path)
            for folder in (root, *root.parents, *root.parent.rglob("*")):
                if folder.is_dir() and not folder.is_symlink() and os.path.samestat(folder.stat(), status):
                    return os.path.relpath(folder, root)
            return "file"
        return os.path.basename(str(path))

    def record(name: str, argument: int) -> None:
        real = getattr(os, name)

        def recorded(*args: object, **kwargs: object) -> object:
            where = place(args[argument])
            result = real(*args, **kwargs)
            log.append(f"{name} {'a.tmp' if where.endswith('.tmp') else where}")
            return result

        monkeypatch.setattr(os, name, recorded)

    for name, argument in {"fsync": 0, "link": 1, "replace": 1, "unlink": 0, "rmdir": 0, "mkdir": 0}.items():
        record(name, argument)
    return log


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """Run an S3 server for all tests."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: Server) -> Bucket:
    """Give a new and empty bucket."""
    return s3_server.bucket()


@pytest.fixture
def proxy(s3_server: Server) -> Iterator[FaultyProxy]:
    """Give a proxy in front of the server."""
    proxy = FaultyProxy(s3_server.host, s3_server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore try again at once: the tests need not wait between its attempts."""
    from botocore.retries.standard import ExponentialBackoff  # noqa: PLC0415 - optional

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
