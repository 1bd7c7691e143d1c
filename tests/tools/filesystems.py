"""File systems of fsspec that stand in for those of others: one with folders, and a bucket."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ckptstore_backends.systems import EXCLUSIVE, name_of

if TYPE_CHECKING:
    import pytest

names = (f"place-{number}" for number in itertools.count())


def own_memory() -> MemoryFileSystem:
    """A memory that nobody shares, as `global_store=False` makes one where fsspec knows of it."""
    fs = MemoryFileSystem(skip_instance_cache=True)
    fs.store, fs.pseudo_dirs = {}, [""]
    return fs


class Elsewhere(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system with folders, of somebody's own."""

    protocol = ("elsewhere",)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("elsewhere://")))


class Bucket(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """An object store like Azure's: flat, listings cached, errors of its own, ranges behind the end refused."""

    protocol = ("abfs",)
    objects: ClassVar[dict[str, bytes]] = {}

    class StrangeError(Exception):
        """An error that is no OSError."""

    def pipe_file(self, path: str, value: bytes, mode: str = "", *, overwrite: bool = True, **_: object) -> None:
        """Store, or refuse with `overwrite=False`."""
        assert mode == ""
        assert type(value) is bytes
        if "missing-container" in path:
            raise FileNotFoundError(path)
        if overwrite:
            self.objects[path] = value
        elif self.objects.setdefault(path, stored := bytes(bytearray(value))) is not stored:
            raise FileExistsError(path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        """The bytes; an error for a range that is not there."""
        if path not in self.objects:
            raise FileNotFoundError(path)
        data = self.objects[path]
        if (start is not None and start >= len(data)) or (end is not None and end <= (start or 0)):
            raise self.StrangeError("416 range not satisfiable")
        return data[start:end]

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # noqa: FBT002 - fsspec's own signature
        """One level, from the cache if there is one, with the markers of folders that some tools leave."""
        if path in self.dircache:
            return list(self.dircache[path])
        below = [key[len(path) + 1 :] for key in tuple(self.objects) if key.startswith(f"{path}/")]
        if not below:
            return [self._line(path)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        self.dircache[path] = lines = [
            {"name": f"{path}/", "size": 0, "type": "file"},
            *({"name": f"{path}/{name}", "size": 0, "type": "directory"} for name in folders),
            *(self._line(f"{path}/{name}") for name in below if "/" not in name),
        ]
        return lines

    def info(self, path: str, **_: object) -> dict[str, object]:
        """One line of a listing, from the cache if its folder is in there."""
        for line in self.dircache[self._parent(path)] if self._parent(path) in self.dircache else [self._line(path)]:
            if line["name"] == path:
                return dict(line)
        raise FileNotFoundError(path)

    def _line(self, path: str) -> dict[str, object]:
        if path not in self.objects:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.objects[path]), "type": "file", "last_modified": datetime.now(UTC)}

    def rm_file(self, path: str) -> None:
        """Remove, and complain where there is nothing."""
        if self.objects.pop(path, None) is None:
            raise FileNotFoundError(path)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what was listed."""
        self.dircache.clear()


def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Bucket` be one of the classes whose source was read."""
    monkeypatch.setitem(EXCLUSIVE, name_of(Bucket), {"overwrite": False})
