"""A stored state: inside its manifest, or in packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ckptstore import inline
from ckptstore.codecs import FERNET, ZSTD
from ckptstore.errors import CheckpointCorrupt, VersionMismatch, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from ckptstore.backend import Backend
    from ckptstore.fetch import Chunked, Place
    from ckptstore.manifest import Encoding, Header, Manifest

    Stored: TypeAlias = "Inline | Chunked"

_KNOWN: dict[Encoding, tuple[tuple[str, ...], ...]] = {
    "json": ((),),
    "base64": ((), (ZSTD,)),
    "chunks": ((), (ZSTD,), (FERNET,), (ZSTD, FERNET)),
}


class Inline:
    """A state that stands in its manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._data = inline.read(manifest)
        self.size = len(self._data)
        if self.size != manifest.header.size:
            raise CheckpointCorrupt(f"its state has {self.size} bytes where {manifest.header.size} were saved")

    def read(self) -> bytes:
        """All of it."""
        return self._data

    def check(self, _: set[Place], __: Callable[[int], object] | None = None) -> None:
        """Nothing is left to check."""

    def fill(self, targets: Sequence[tuple[int, memoryview]]) -> None:
        """Into each writable buffer, the bytes from that offset on."""
        for offset, into in targets:
            into[:] = self._data[offset : offset + len(into)]


def open_state(backend: Backend, manifest: Manifest) -> Stored:
    """
    The serialized state of `manifest`.

    `CheckpointCorrupt`, without run and number, for what does not fit; `VersionMismatch` for a newer writer's.
    """
    _check_known(manifest.header)
    try:
        if manifest.header.encoding != "chunks":
            return Inline(manifest)
        from ckptstore.fetch import Chunked  # noqa: PLC0415 - few states are large

        return Chunked(backend, manifest)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise CheckpointCorrupt(f"its state cannot be read: {exc}") from exc


def _check_known(header: Header) -> None:
    codecs = tuple(named.name for named in header.codecs)
    settings = [named.name for named in header.codecs if named.settings]
    tree_size(header)
    if settings or codecs not in _KNOWN[header.encoding]:
        how = f"{shown(', '.join(settings or codecs))} in a way"
        raise VersionMismatch(f"it was written with {how} that this ckptstore does not know: upgrade ckptstore")


def tree_size(header: Header) -> int | None:
    """The length of the JSON, where buffers stand behind it; `VersionMismatch` for settings that are not known."""
    name, settings = header.serializer.name, header.serializer.settings
    tree = settings.get("tree")
    if settings and (name != "json" or len(settings) > 1 or type(tree) is not int):
        raise VersionMismatch(
            f"it was written with {shown(name)} in a way that this ckptstore does not know: upgrade ckptstore"
        )
    return tree if type(tree) is int else None
