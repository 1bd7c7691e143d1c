"""Memory that compares before it replaces, as object stores do: what five verbs leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from ckptstore.backend import buffers
from ckptstore_backends.base import LOCK
from ckptstore_backends.memory import MemoryBackend

if TYPE_CHECKING:
    from ckptstore.backend import Data


class ComparingMemory(MemoryBackend):
    """As its base, and a `Comparing`. A tag is a digest, as on S3: the same content has it again."""

    def compares(self) -> bool:
        """Always."""
        return True

    def get_tagged(self, key: str, end: int) -> tuple[bytes, str]:
        """As `get`, and a digest."""
        data = self.get(key)
        return data[:end], sha256(data).hexdigest()

    def update(self, key: str, data: Data, tag: str | None) -> str | None:
        """Atomic."""
        new = b"".join(buffers(data))
        with LOCK:
            held = self._objects.get(self._prefix + key)
            if tag != (sha256(held[0]).hexdigest() if held else None):
                return None
            self._objects[self._prefix + key] = (new, datetime.now(UTC))
        return sha256(new).hexdigest()
