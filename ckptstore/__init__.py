"""
Crash-safe checkpoints for any Python program.

`CheckpointStore(url)` is the way in; what it raises stands in `ckptstore.errors`.
"""

from ckptstore.checkpoint import Checkpoint, Writer
from ckptstore.compression import Zstd
from ckptstore.errors import (
    BackendError,
    CheckpointConflict,
    CheckpointCorrupt,
    CheckpointError,
    CheckpointNotFound,
    DecryptionError,
    VersionMismatch,
)
from ckptstore.retention import Decision, KeepLast, Retention
from ckptstore.schema import Schema
from ckptstore.serialized import Omitted
from ckptstore.serializers import Serializer
from ckptstore.store import CheckpointStore

__all__ = [
    "BackendError",
    "Checkpoint",
    "CheckpointConflict",
    "CheckpointCorrupt",
    "CheckpointError",
    "CheckpointNotFound",
    "CheckpointStore",
    "Decision",
    "DecryptionError",
    "KeepLast",
    "Omitted",
    "Retention",
    "Schema",
    "Serializer",
    "VersionMismatch",
    "Writer",
    "Zstd",
]
