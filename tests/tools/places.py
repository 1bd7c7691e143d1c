"""Where the tests keep a store: in memory or in a folder, with a way behind the store's back."""

from __future__ import annotations

import itertools
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ckptstore import CheckpointStore
from ckptstore_backends.memory import MemoryBackend, _buckets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptstore.backend import Backend

_numbers = itertools.count(1)


class Place(Protocol):
    """A root that any number of stores can share."""

    @property
    def url(self) -> str:
        """What a store is opened with."""
        ...

    def objects(self) -> dict[str, bytes]:
        """Everything that is stored, by key."""
        ...

    def poke(self, key: str, data: bytes | None) -> None:
        """Store `data`, or remove the object where it is None."""
        ...


class InMemory:
    """A named bucket, forgotten when nobody can open it any more."""

    def __init__(self) -> None:
        name = f"place-{next(_numbers)}"
        self.url = f"memory://{name}"
        self._objects = MemoryBackend(name)._objects
        weakref.finalize(self, _buckets.pop, name, None)

    def objects(self) -> dict[str, bytes]:
        """Look into the dictionary."""
        return {key: data for key, (data, _) in self._objects.items()}

    def poke(self, key: str, data: bytes | None) -> None:
        """Change the dictionary."""
        if data is None:
            del self._objects[key]
        else:
            self._objects[key] = (data, datetime.now(UTC))


class InFolder:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def objects(self) -> dict[str, bytes]:
        """Read the files."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    def poke(self, key: str, data: bytes | None) -> None:
        """Change a file."""
        path = self.root / key
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


KINDS = ("memory", "folder")


def make(kind: str, tmp_path: Path) -> Place:
    """A new and empty place."""
    return InMemory() if kind == "memory" else InFolder(tmp_path / "store")


def open_store(place: Place, **settings: Any) -> CheckpointStore:  # noqa: ANN401 - whatever a store takes
    """A store of its own, as another process would open it."""
    return CheckpointStore(place.url, **settings)


def slot(number: int, run: str = "run") -> str:
    """The key of a checkpoint, spelled out here: its name is part of the format."""
    return f"{run}/{number:012}.json"


def through(store: CheckpointStore, wrap: Callable[[Backend], Backend]) -> CheckpointStore:
    """`store` itself, from now on with a wrapper around its backend."""
    store._backend = wrap(store._backend)
    return store
