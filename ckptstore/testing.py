"""
The conformance suite of the port: a backend that passes it can carry a store.

A backend is tested by a subclass of `BackendTests`; nothing else is needed. Put
`pytest.register_assert_rewrite("ckptstore.testing")` into `conftest.py` to see the values of a failed assertion.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pytest

from ckptstore._race import PATIENCE, WORKERS, payload, race, raced
from ckptstore.backend import Backend, Buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

B = TypeVar("B", bound=Backend)

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
NESTED = ["Z", "a", "a-b/x", "a.json", "a0", "b/1", "b/1.json", "b/10/x", "b/2", "b/c/d/e", "b/é", "ba/x", "c"]


class BackendTests(Generic[B]):
    """
    Every promise of the port, one test each; the helpers read and write behind the backend's back.

        class TestMine(BackendTests[MyBackend]):
            race_in_processes = True

            @pytest.fixture
            def backend(self, tmp_path):
                return MyBackend(tmp_path)

            def opener(self, backend):
                return functools.partial(MyBackend, backend.root)

            def peek(self, backend, key):
                path = backend.root / key
                return path.read_bytes() if path.exists() else None

            def poke(self, backend, key, data):
                path = backend.root / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink() if data is None else path.write_bytes(data)
    """

    race_in_processes: ClassVar[bool] = False
    """Whether other processes see the same objects; the race for a key is run in threads otherwise."""

    race_rounds: ClassVar[int] = 100
    """How many keys the workers race for; fewer where a request takes long."""

    @pytest.fixture
    def backend(self) -> B:
        """Give a new and empty backend."""
        raise NotImplementedError

    def opener(self, backend: B) -> Callable[[], Backend]:
        """Return what opens the same objects independently, in other processes too (so it can be pickled)."""
        raise NotImplementedError

    def peek(self, backend: B, key: str) -> bytes | None:
        """Return what is stored, or None, without a verb of the backend."""
        raise NotImplementedError

    def poke(self, backend: B, key: str, data: bytes | None) -> None:
        """Store `data`, or remove the object where it is None, without a verb of the backend."""
        raise NotImplementedError

    # create

    def test_create_stores_the_bytes(self, backend: B) -> None:
        """What is created is there, byte for byte, and nothing else is."""
        backend.create("run/packs/1", b"state")

        assert self.peek(backend, "run/packs/1") == b"state"
        assert [info.key for info in backend.list("")] == ["run/packs/1"]

    def test_create_refuses_what_exists(self, backend: B) -> None:
        """Everyone but the first gets `FileExistsError`, and the first one's object stays as it was."""
        self.poke(backend, "run/1.json", b"first")

        for again in (backend, self.opener(backend)()):
            with pytest.raises(FileExistsError):
                again.create("run/1.json", b"second")
        assert self.peek(backend, "run/1.json") == b"first"
        assert [info.key for info in backend.list("")] == ["run/1.json"]

    def test_create_has_one_winner_in_every_race(self, backend: B) -> None:
        """Of all who create one key at once exactly one succeeds, and it is that one's object which stays."""
        won = race(self.opener(backend), processes=self.race_in_processes, rounds=self.race_rounds)

        assert sorted(number for number, _ in won) == list(range(self.race_rounds))
        assert [self.peek(backend, raced(number)) for number, _ in won] == [payload(*one) for one in won]

    # put

    @pytest.mark.parametrize("durable", [True, False])
    def test_put_stores_and_replaces(self, backend: B, durable: bool) -> None:
        """After a put the object holds the new bytes alone, whether there was one before or not, hint or no hint."""
        for data in (b"first", b"the second, longer", b"3rd", b""):
            backend.put("run/latest.json", data, durable=durable)

            assert self.peek(backend, "run/latest.json") == data
        assert [info.key for info in backend.list("")] == ["run/latest.json"]

    def test_put_is_atomic_for_a_racing_reader(self, backend: B) -> None:
        """A reader that races with replacements gets one of them, never a mixture, a part or nothing."""
        versions = [b"a" * 200_000, b"b" * 150_000]
        self.poke(backend, "run/1", versions[0])
        other = self.opener(backend)()
        done = threading.Event()

        def watch() -> set[bytes]:
            seen = {other.get("run/1")}
            while not done.is_set():
                seen.add(other.get("run/1"))
            return seen

        with ThreadPoolExecutor() as pool:
            watching = pool.submit(watch)
            try:
                for number in range(50):
                    backend.put("run/1", versions[number % 2])
            finally:
                done.set()

        assert watching.result() <= set(versions)

    def test_racing_puts_leave_one_of_them(self, backend: B) -> None:
        """When many replace one object at once, none fails and the object is one of theirs, whole."""
        versions = [b"%d" % worker * 20_000 for worker in range(WORKERS)]
        start = threading.Barrier(WORKERS)

        def work(data: bytes) -> None:
            start.wait(PATIENCE)
            for _ in range(10):
                backend.put("run/1", data)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, versions))

        assert self.peek(backend, "run/1") in versions
        assert [info.key for info in backend.list("")] == ["run/1"]

    # create and put

    @pytest.mark.parametrize(("verb", "old"), [("create", None), ("put", b"old")])
    def test_nothing_shows_until_it_is_whole(self, backend: B, verb: str, old: bytes | None) -> None:
        """While an object is being written everyone sees what was there before: nothing, or the old one."""
        if old is not None:
            self.poke(backend, "run/1", old)
        other = self.opener(backend)()
        seen: list[bytes | None] = []

        def parts() -> Iterator[bytes]:
            for _ in range(3):
                yield b"x" * 100_000
                seen.append(self.peek(backend, "run/1"))
                try:
                    seen.append(other.get("run/1"))
                except FileNotFoundError:
                    seen.append(None)

        getattr(backend, verb)("run/1", parts())

        assert seen == [old] * 6
        assert other.get("run/1") == b"x" * 300_000

    @pytest.mark.parametrize("verb", ["create", "put"])
    def test_failing_data_changes_nothing(self, backend: B, verb: str) -> None:
        """When the caller's own data raises, that is what comes out, and nothing is stored or left behind."""
        self.poke(backend, "run/2", b"old")
        key = "run/1" if verb == "create" else "run/2"

        def parts() -> Iterator[bytes]:
            yield b"x" * 100_000
            raise FileNotFoundError("the caller's own")

        with pytest.raises(FileNotFoundError, match="the caller's own"):
            getattr(backend, verb)(key, parts())
        assert [info.key for info in backend.list("")] == ["run/2"]
        assert self.peek(backend, "run/2") == b"old"

    @pytest.mark.parametrize("verb", ["create", "put"])
    @pytest.mark.parametrize("form", [list, tuple, iter], ids=["list", "tuple", "iterator"])
    def test_data_may_be_buffers(self, backend: B, verb: str, form: Callable[[list[Buffer]], Any]) -> None:
        """Data may come as any iterable of buffers of any kind, empty ones among them, even one that is used up."""
        wide = memoryview(b"12345678").cast("Q")
        parts: list[Buffer] = [b"", b"bytes", bytearray(b"array"), memoryview(b"a view")[2:], wide, memoryview(b"")]

        getattr(backend, verb)("run/1", form(parts))

        assert self.peek(backend, "run/1") == b"bytesarrayview12345678"

    @pytest.mark.parametrize("data", [b"", bytearray(b"array"), memoryview(b"view")], ids=["empty", "array", "view"])
    def test_data_may_be_one_buffer(self, backend: B, data: Buffer) -> None:
        """Data may be a single buffer, also an empty one; what is stored is a copy of it."""
        expected = bytes(data)
        backend.create("run/1", data)
        backend.put("run/2", data)
        if isinstance(data, bytearray):
            data[:] = b"other"

        assert self.peek(backend, "run/1") == self.peek(backend, "run/2") == expected

    def test_large_objects(self, backend: B) -> None:
        """An object of many megabytes comes back whole, and in part."""
        block = bytes(range(256)) * 4096
        backend.create("run/1", (block for _ in range(9)))

        assert backend.get("run/1") == block * 9
        assert backend.get("run/1", 8 * len(block) - 1, 8 * len(block) + 1) == b"\xff\x00"

    # get

    @pytest.mark.parametrize("data", [b"0123456789", b""], ids=["ten", "empty"])
    @pytest.mark.parametrize(
        ("start", "end"),
        [(None, None), (0, 4), (None, 4), (3, None), (2, 5), (5, 5), (5, 2), (8, 99), (10, None), (99, 100), (0, 0)],
    )
    def test_get_slices(self, backend: B, data: bytes, start: int | None, end: int | None) -> None:
        """A range is what a slice of the bytes gives: short or empty past the end."""
        self.poke(backend, "run/1", data)

        assert backend.get("run/1", start, end) == data[start:end]

    @pytest.mark.parametrize("key", ["run/2", "other/1", "other/deep/1", "run/1/below"])
    @pytest.mark.parametrize("end", [None, 256])
    def test_get_of_what_is_not_there(self, backend: B, key: str, end: int | None) -> None:
        """An absent object is a `FileNotFoundError`, whatever else is missing on the way to it."""
        self.poke(backend, "run/1", b"x")

        with pytest.raises(FileNotFoundError):
            backend.get(key, None, end)

    def test_read_into_fills_memory(self, backend: B) -> None:
        """Where there is a `read_into`, it gives what `get` gives, as far as the object goes, and the same errors."""
        read_into = getattr(backend, "read_into", None)
        if read_into is None:
            return
        self.poke(backend, "run/packs/1", b"0123456789")

        for start, size in ((0, 10), (3, 4), (3, 20), (10, 1), (20, 1), (0, 0)):
            into = bytearray(size)
            assert read_into("run/packs/1", start, memoryview(into)) == len(b"0123456789"[start : start + size])
            assert into.rstrip(b"\0") == b"0123456789"[start : start + size]
        parts = [bytearray(size) for size in (2, 0, 3, 9, 1)]
        assert read_into("run/packs/1", 1, *[memoryview(part) for part in parts]) == 9
        assert parts == [b"12", b"", b"345", b"6789\0\0\0\0\0", b"\0"]
        with pytest.raises(FileNotFoundError):
            read_into("run/packs/2", 0, memoryview(bytearray(1)))

    # list

    @pytest.mark.parametrize("prefix", ["", "a", "a.", "b", "b/", "b/1", "b/c/", "b/c/d/e", "nothing", "no/such/"])
    def test_list_is_in_key_order(self, backend: B, prefix: str) -> None:
        """A listing has every key that starts with the prefix, also in the middle of a name, in the order of keys."""
        keys = [key for key in NESTED if key != "b/1"] + ["b/1/y"]
        for key in keys:
            self.poke(backend, key, b"x")

        assert [info.key for info in backend.list(prefix)] == sorted(k for k in keys if k.startswith(prefix))

    @pytest.mark.parametrize("prefix", ["", "b/"])
    @pytest.mark.parametrize("after", ["", "a", "a/", "a.json", "b", "b/", "b/1.json", "b/10/x", "b/c", "b/c0", "zz"])
    def test_list_goes_on_after_a_key(self, backend: B, prefix: str, after: str) -> None:
        """With `after` a listing has only what is above it, whether that key exists or not."""
        for key in NESTED:
            self.poke(backend, key, b"x")

        assert [info.key for info in backend.list(prefix, after)] == sorted(
            key for key in NESTED if key.startswith(prefix) and key > after
        )

    def test_list_tells_size_and_time(self, backend: B) -> None:
        """A line of a listing has the size in bytes and the time of the last change, aware and in UTC."""
        self.poke(backend, "run/1", b"12345")
        (info,) = backend.list("run/")

        assert info.size == 5
        assert info.modified.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=10)

    def test_list_is_never_stale(self, backend: B) -> None:
        """What others stored or removed shows in the very next listing, with its size."""
        assert list(backend.list("run/")) == []

        self.poke(backend, "run/1", b"1")
        assert [info.key for info in backend.list("run/")] == ["run/1"]

        self.poke(backend, "run/2", b"1")
        self.poke(backend, "run/1", b"22")
        assert [(info.key, info.size) for info in backend.list("run/")] == [("run/1", 2), ("run/2", 1)]

        self.poke(backend, "run/1", None)
        self.poke(backend, "run/2", None)
        assert list(backend.list("")) == []

    def test_list_survives_removals(self, backend: B) -> None:
        """Objects may be removed while a listing is under way: it ends, and has all that stayed."""
        for key in NESTED:
            self.poke(backend, key, b"x")
        listing = backend.list("")
        first = next(listing)
        for key in NESTED[1:-1]:
            self.poke(backend, key, None)
        keys = [first.key, *(info.key for info in listing)]

        assert (keys[0], keys[-1]) == (NESTED[0], NESTED[-1])
        assert keys == sorted(keys)

    # delete

    def test_delete_removes_only_what_is_named(self, backend: B) -> None:
        """Exactly the named objects go, and absent ones among them are fine."""
        for key in NESTED:
            self.poke(backend, key, b"x")

        backend.delete(iter(["b/c/d/e", "a", "absent", "b/absent", "no/such/folder", "a/below", "a"]))

        assert [info.key for info in backend.list("")] == [key for key in NESTED if key not in {"b/c/d/e", "a"}]

    def test_delete_takes_keys_literally(self, backend: B) -> None:
        """Characters that mean something to a shell mean themselves."""
        keys = ["run/*", "run/[ab]", "run/a", "run/b", "run/?", "run/%61"]
        for key in keys:
            self.poke(backend, key, b"x")

        backend.delete(["run/*", "run/?", "run/[ab]", "run/%61"])

        assert [key for key in keys if self.peek(backend, key) is not None] == ["run/a", "run/b"]

    def test_a_deleted_key_is_free_again(self, backend: B) -> None:
        """After everything in a folder was removed the same key can be created there, with other bytes."""
        for data in (b"first", b"second"):
            backend.create("run/packs/1", data)

            assert self.peek(backend, "run/packs/1") == data
            backend.delete(["run/packs/1"])
            assert self.peek(backend, "run/packs/1") is None

    # keys

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

    # threads

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
