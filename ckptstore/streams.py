"""File objects over a checkpoint's bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ckptstore.checkpoint import Checkpoint
    from ckptstore.loading import Loaded


class CheckpointWriter(io.BytesIO):
    """
    A binary file that becomes a checkpoint when its with-block ends well; an exception in it leaves nothing.

    `checkpoint` is the record, None until then.
    """

    def __init__(self, commit: Callable[[bytes], Checkpoint]) -> None:
        super().__init__()
        self._commit = commit
        self.checkpoint: Checkpoint | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, unless the block failed."""
        try:
            if kind is None:
                self.checkpoint = self._commit(self.getvalue())
        finally:
            self.close()


class CheckpointReader(io.BytesIO):
    """The bytes of a checkpoint as a binary file, read only and seekable; `checkpoint` is its record."""

    def __init__(self, data: bytes, checkpoint: Checkpoint) -> None:
        super().__init__(data)
        self.checkpoint = checkpoint

    def writable(self) -> bool:
        """Never: a checkpoint does not change."""
        return False

    def write(self, _: object, /) -> int:
        """Refused."""
        raise io.UnsupportedOperation("a checkpoint is immutable: save a new one with open_writer")


def open_found(found: Loaded) -> CheckpointReader:
    """The serialized bytes of a checkpoint that was found."""
    return CheckpointReader(found.state.read(), found.manifest.record())
