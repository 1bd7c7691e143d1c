"""What a subclass says of its backend: how to open it, and how to look behind its back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import pytest

from ckptstore.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable

B = TypeVar("B", bound=Backend)


class Helpers(Generic[B]):
    """The helpers of the suite, to be overridden."""

    race_in_processes: ClassVar[bool] = False
    """Whether other processes see the same objects; the race for a key is run in threads otherwise."""

    race_rounds: ClassVar[int] = 100
    """How many keys the workers race for; fewer where a request takes long."""

    @pytest.fixture
    def backend(self) -> B:
        """Give a new and empty backend."""
        raise NotImplementedError("override the fixture `backend` in your subclass of BackendTests")

    def opener(self, backend: B) -> Callable[[], Backend]:
        """Return what opens the same objects independently, in other processes too (so it can be pickled)."""
        raise NotImplementedError("override the method `opener` in your subclass of BackendTests")

    def peek(self, backend: B, key: str) -> bytes | None:
        """Return what is stored, or None, without a verb of the backend."""
        raise NotImplementedError("override the method `peek` in your subclass of BackendTests")

    def poke(self, backend: B, key: str, data: bytes | None) -> None:
        """Store `data`, or remove the object where it is None, without a verb of the backend."""
        raise NotImplementedError("override the method `poke` in your subclass of BackendTests")
