"""Wrappers around a backend: one that counts and disturbs, one that ignores case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore.backend import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from ckptstore.backend import Backend, Data

    Hook: TypeAlias = Callable[[str, str], None]


def _nothing(verb: str, key: str) -> None:
    """Disturb nothing."""


class Spy:
    """Forwards all verbs and writes them down; `before` and `after` see verb and key of each, and may raise."""

    def __init__(self, inner: Backend, before: Hook = _nothing, after: Hook = _nothing) -> None:
        self.inner = inner
        self.before = before
        self.after = after
        self.calls: list[tuple[str, str]] = []
        self.read = 0  # bytes
        self.listed = 0  # objects

    @property
    def verbs(self) -> list[str]:
        """The verbs alone."""
        return [verb for verb, _ in self.calls]

    def _begin(self, verb: str, key: str) -> None:
        self.calls.append((verb, key))
        self.before(verb, key)

    def create(self, key: str, data: Data) -> None:
        """Forward."""
        self._begin("create", key)
        self.inner.create(key, data)
        self.after("create", key)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """Forward."""
        self._begin("put", key)
        self.inner.put(key, data, durable=durable)
        self.after("put", key)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Forward."""
        self._begin("get", key)
        data = self.inner.get(key, start, end)
        self.read += len(data)
        self.after("get", key)
        return data

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Forward."""
        self._begin("list", prefix)
        for info in self.inner.list(prefix, after):
            self.listed += 1
            yield info

    def delete(self, keys: Iterable[str]) -> None:
        """Forward."""
        given = [*keys]
        self._begin("delete", " ".join(given))
        self.inner.delete(given)
        self.after("delete", " ".join(given))


class IgnoringCase:
    """A disk on which names that differ only in case are one; a listing spells them as it was asked."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def create(self, key: str, data: Data) -> None:
        """Forward in lower case."""
        self.inner.create(key.lower(), data)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """Forward in lower case."""
        self.inner.put(key.lower(), data, durable=durable)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Forward in lower case."""
        return self.inner.get(key.lower(), start, end)

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Forward in lower case; what stands below `prefix` is spelled as there."""
        for info in self.inner.list(prefix.lower(), after.lower()):
            yield ObjectInfo(prefix + info.key[len(prefix) :], info.size, info.modified)

    def delete(self, keys: Iterable[str]) -> None:
        """Forward in lower case."""
        self.inner.delete([key.lower() for key in keys])
