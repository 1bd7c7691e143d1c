"""What `get`, `list` and `delete` promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ckptstore.testing.helpers import B, Helpers

NESTED = ["Z", "a", "a-b/x", "a.json", "a0", "b/1", "b/1.json", "b/10/x", "b/2", "b/c/d/e", "b/é", "ba/x", "c"]


class GetTests(Helpers[B]):
    """Reading of objects."""

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


class ListTests(Helpers[B]):
    """Listings."""

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


class DeleteTests(Helpers[B]):
    """Removal."""

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
