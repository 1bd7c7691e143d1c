"""What all verbs promise: of keys, and to threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ckptstore.testing.helpers import B, Helpers
from ckptstore.testing.race import PATIENCE, WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a\0b"]
ODD_KEYS = [
    "run-1/.hidden",
    "run-1/a b",
    "run-1/100%25",
    "run-1/#hash?query&x=1",
    "run-1/plus+equals=at@",
    "run-1/[ab]*?{x,y}",
    "run-1/ünï-çødé-雪",
    "run-1/..twodots..",
    "run-1/~tilde'\"quote",
    f"run-1/{'n' * 200}",
]


class KeyTests(Helpers[B]):
    """Keys that are odd, and those that are refused."""

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys(self, backend: B, key: str) -> None:
        """A key may hold spaces, dots, unicode, and what URLs, shells and patterns use; every verb agrees on it."""
        backend.create(key, b"created")
        assert self.peek(backend, key) == b"created"

        backend.put(key, b"replaced")
        assert backend.get(key) == b"replaced"
        assert [info.key for info in backend.list("run-1/")] == [info.key for info in backend.list(key)] == [key]

        backend.delete([key])
        assert self.peek(backend, key) is None

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_bad_keys_are_refused(self, backend: B, key: str) -> None:
        """A key that could leave the root, or be written in two ways, is a `ValueError` for every verb."""
        self.poke(backend, "a/b", b"x")
        attempts: list[Callable[[], object]] = [
            lambda: backend.create(key, b"x"),
            lambda: backend.put(key, b"x", durable=False),
            lambda: backend.get(key),
            lambda: backend.delete(["a/b", key]),
        ]

        for attempt in attempts:
            with pytest.raises(ValueError):  # noqa: PT011 - the message is the backend's own
                attempt()
        assert self.peek(backend, "a/b") == b"x"

    @pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a//", "./a"])
    def test_bad_prefixes_are_refused(self, backend: B, prefix: str) -> None:
        """A prefix that could leave the root is a `ValueError`."""
        with pytest.raises(ValueError):  # noqa: PT011 - the message is the backend's own
            list(backend.list(prefix))


class ThreadTests(Helpers[B]):
    """One backend in many threads."""

    def test_threads_may_share_a_backend(self, backend: B) -> None:
        """Many threads may use one backend at once, each finding exactly what it stored."""
        start = threading.Barrier(WORKERS)

        def work(worker: int) -> list[bytes]:
            start.wait(PATIENCE)
            found = []
            for number in range(10):
                key, data = f"run/{worker}/{number}", b"%d:%d" % (worker, number)
                backend.create(key, data)
                found.append(backend.get(key))
                backend.put(f"run/{worker}-latest", data, durable=False)
                found.extend(backend.get(info.key) for info in backend.list(f"run/{worker}/"))
                backend.delete([key])
            return found

        with ThreadPoolExecutor(WORKERS) as pool:
            found = list(pool.map(work, range(WORKERS)))

        assert found == [[b"%d:%d" % (w, n) for n in range(10) for _ in range(2)] for w in range(WORKERS)]
        assert [info.key for info in backend.list("")] == [f"run/{worker}-latest" for worker in range(WORKERS)]
