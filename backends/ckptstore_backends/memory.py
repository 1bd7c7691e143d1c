"""Objects in this process's memory: the reference for all other backends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckptstore.backend import Data, ObjectInfo, buffers
from ckptstore_backends.base import LOCK, check_key, check_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_buckets: dict[str, dict[str, tuple[bytes, datetime]]] = {}


class MemoryBackend:
    """
    Objects that live as long as the process; without a `name` they are private, and gone with this backend.

    Equal names share their objects, and "bucket/prefix" is a view of what "bucket" holds below "prefix/".
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        bucket, _, prefix = check_key(name).partition("/") if name else ("", "", "")
        self._objects = _buckets.setdefault(bucket, {}) if bucket else {}
        self._prefix = prefix and f"{prefix}/"

    def create(self, key: str, data: Data) -> None:
        """Exclusive and atomic; `FileExistsError` for everyone but the first."""
        key = self._prefix + check_key(key)
        made = (b"".join(buffers(data)), datetime.now(UTC))
        with LOCK:
            if self._objects.setdefault(key, made) is not made:
                raise FileExistsError(key)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:  # noqa: ARG002 - nothing here is durable
        """Atomic replacement."""
        key = self._prefix + check_key(key)
        made = (b"".join(buffers(data)), datetime.now(UTC))
        with LOCK:
            self._objects[key] = made

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes, or a slice of them; `FileNotFoundError`."""
        key = self._prefix + check_key(key)
        with LOCK:
            found = self._objects.get(key)
        if found is None:
            raise FileNotFoundError(key)
        return found[0][start:end]

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with `prefix` and is above `after`, in key order, as they are at one instant."""
        check_prefix(prefix)
        return self._list(self._prefix + prefix, self._prefix + after)

    def _list(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        with LOCK:
            found = [
                ObjectInfo(key.removeprefix(self._prefix), len(data), modified)
                for key, (data, modified) in self._objects.items()
                if key > after and key.startswith(prefix)
            ]
        yield from sorted(found)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove; absent keys are fine."""
        checked = [self._prefix + check_key(key) for key in keys]
        with LOCK:
            for key in checked:
                self._objects.pop(key, None)
