"""A stream of what nothing makes smaller, what zstd does, and something between."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckptstore import CheckpointStore

_DICE = random.Random(4)
DATA = _DICE.randbytes(3000) + bytes(4000) + _DICE.randbytes(3000).hex().encode()


def write(store: CheckpointStore, data: bytes = DATA) -> None:
    """Save a stream."""
    with store.open_writer("run") as file:
        file.write(data)
