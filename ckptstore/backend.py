"""The port: five verbs over whole objects. A backend inherits nothing; it has these methods, bound to one root."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

Buffer: TypeAlias = bytes | bytearray | memoryview
Data: TypeAlias = "Buffer | Iterable[Buffer]"


class ObjectInfo(NamedTuple):
    """One line of a listing: key, size in bytes, time of the last change (aware, UTC)."""

    key: str
    size: int
    modified: datetime


class NotExclusiveError(OSError):
    """This storage cannot create exclusively, so two writers could overwrite each other."""


class NotDurableError(OSError):
    """The object may be visible, but a sync failed: it must not be acknowledged, and a second sync proves nothing."""


class Backend(Protocol):
    """
    Where objects live. Keys are relative, "/"-separated, without empty, "." or ".." parts.

    Errors are the standard library's own: `FileExistsError`, `FileNotFoundError`, any other `OSError`. An `OSError` of
    `create` means "unanswered": the object may or may not be there. All verbs may be called from several threads.

    One whose requests take long says so by an attribute `far = True`: what may happen at once is then asked at once.
    One that can fill memory as it reads has a method `read_into(key, start, *into)`: as `get`, into writable buffers of
    bytes, one after the other, as far as the object goes; -> how many bytes that is.
    """

    def create(self, key: str, data: Data) -> None:
        """Exclusive, atomic, durable on return; `FileExistsError` for everyone but the first."""
        ...

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """Atomic replacement; `durable=False` is for hints, which a crash or a race may lose or tear."""
        ...

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes from `start` up to `end` (as a slice does it: short or empty past the end); `FileNotFoundError`."""
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with `prefix` and is above `after`, in key order; lazy, never from a cache."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """
        Remove, in the order given; absent keys are fine.

        What an earlier `delete` or durable `put` changed below the same first part of a key (a run) is durable before a
        later `delete` there removes anything.
        """
        ...


def buffers(data: Data) -> Iterable[Buffer]:
    """`data` as buffers, whichever of its two forms it has."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return (data,)  # pyright: ignore[reportReturnType] - sees a memoryview of buffers in here
    return data
