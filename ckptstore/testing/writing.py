"""What `create` and `put` promise."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from ckptstore.testing.helpers import B, Helpers
from ckptstore.testing.race import PATIENCE, WORKERS, payload, race, raced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckptstore.backend import Buffer


class CreateTests(Helpers[B]):
    """Exclusive creation."""

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


class PutTests(Helpers[B]):
    """Replacement."""

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


class DataTests(Helpers[B]):
    """What both do with data."""

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
