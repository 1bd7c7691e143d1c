"""What a backend promises that compares before it replaces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from ckptstore.backend import as_comparing
from ckptstore.testing.helpers import B, Helpers
from ckptstore.testing.race import PATIENCE, WORKERS

if TYPE_CHECKING:
    from ckptstore.backend import Comparing

KEY = "run/latest.json"
ROUNDS = 10


class ComparingTests(Helpers[B]):
    """Every promise of `Comparing`; the helpers are those of `BackendTests`."""

    @pytest.fixture
    def comparing(self, backend: B) -> Comparing:
        """Give the backend, which compares."""
        comparing = as_comparing(backend)
        assert comparing is not None
        assert comparing.compares()
        return comparing

    def test_only_what_was_seen_is_replaced(self, backend: B, comparing: Comparing) -> None:
        """An update replaces the object whose tag it names, gives the new tag, and leaves any other object alone."""
        first = comparing.update(KEY, b"first", None)
        assert first is not None

        second = comparing.update(KEY, [b"sec", b"ond"], first)

        assert comparing.get_tagged(KEY, 100) == (b"second", second)
        assert comparing.get_tagged(KEY, 3) == (b"sec", second)
        assert comparing.update(KEY, b"third", first) is None
        assert comparing.update(KEY, b"third", None) is None
        assert self.peek(backend, KEY) == b"second"

    def test_what_is_not_there_is_not_replaced(self, backend: B, comparing: Comparing) -> None:
        """An update of an object that is gone is refused, and to read its tag is `FileNotFoundError`."""
        tag = comparing.update(KEY, b"first", None)
        self.poke(backend, KEY, None)

        assert comparing.update(KEY, b"second", tag) is None
        with pytest.raises(FileNotFoundError):
            comparing.get_tagged(KEY, 100)

    def test_whoever_wrote_it_the_tag_is_that_of_the_content(self, backend: B, comparing: Comparing) -> None:
        """What others stored, empty or not, has a tag like what was updated; other content has another."""
        tags = []
        for data in (b"", b"one", b"two"):
            self.poke(backend, KEY, data)
            read, tag = comparing.get_tagged(KEY, 100)
            assert read == data
            tags.append(tag)

        assert len(set(tags)) == 3
        assert comparing.update(KEY, b"next", tags[-1]) is not None

    def test_of_several_updates_one_is_made(self, comparing: Comparing) -> None:
        """Of writers that have seen the same object one replaces it, in every round."""
        tag = comparing.update(KEY, b"0", None)
        barrier = Barrier(WORKERS)

        def write(writer: int, number: int, seen: str | None) -> str | None:
            barrier.wait(PATIENCE)
            return comparing.update(KEY, b"%d by %d" % (number, writer), seen)

        with ThreadPoolExecutor(WORKERS) as pool:
            for number in range(ROUNDS):
                new = list(pool.map(write, range(WORKERS), [number] * WORKERS, [tag] * WORKERS))
                (winner,) = (writer for writer in range(WORKERS) if new[writer] is not None)
                tag = new[winner]
                assert comparing.get_tagged(KEY, 100) == (b"%d by %d" % (number, winner), tag)
