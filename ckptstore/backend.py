"""The port: five verbs over whole objects. A backend inherits nothing; it has these methods, bound to one root."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, cast

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
    bytes, one after the other, as far as the object goes; -> how many bytes that is. One that can replace an object on
    condition is `Comparing`.
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


class Comparing(Backend, Protocol):
    """
    A backend that may compare an object with what was read, and replace it, in one step: a save then asks once less.

    A tag stands for what an object holds: objects of other content have another.
    """

    def compares(self) -> bool:
        """Whether it can do so where it stands; it may ask the storage, once."""
        ...

    def get_tagged(self, key: str, end: int) -> tuple[bytes, str]:
        """As `get` from the beginning up to `end`, and the tag of the whole object."""
        ...

    def update(self, key: str, data: Data, tag: str | None) -> str | None:
        """
        Replacement of what has `tag`, or of nothing where that is None: atomic, durable on return; -> the new tag.

        None where that is not what `key` holds: nothing was or will be changed. An `OSError` means "unanswered".
        """
        ...


def as_comparing(backend: Backend) -> Comparing | None:
    """`backend`, where it is one that may compare."""
    return cast("Comparing", backend) if hasattr(backend, "update") else None


def buffers(data: Data) -> Iterable[Buffer]:
    """`data` as buffers, whichever of its two forms it has."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return (data,)  # pyright: ignore[reportReturnType] - sees a memoryview of buffers in here
    return data
