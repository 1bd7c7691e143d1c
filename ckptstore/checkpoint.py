"""The record of one checkpoint, as callers get it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Writer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who saved a checkpoint: host name and process id."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host}, pid {self.pid}"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    One saved state: immutable, numbered 1, 2, 3 … in its run.

    `created_at` is aware, in UTC, and never before the predecessor's. `size` is the length of the serialized state and
    `stored_size` what it takes in the store, both in bytes. `digest` is the SHA-256 of what was stored for the state:
    equal digests mean equal states. `version` is the schema's, None without one.
    """

    run: str
    number: int
    created_at: datetime
    version: int | str | None
    size: int
    stored_size: int
    digest: str
    metadata: Mapping[str, object]
    writer: Writer

    def __hash__(self) -> int:
        return hash((self.run, self.number, self.digest, self.created_at))
