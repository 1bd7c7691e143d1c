"""Where a store is and what opens it, as the command line and its child processes have it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptstore.store import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from ckptstore.execution import CheckpointManager

_CHILD = "CKPTSTORE_DEMO"  # how the demo's player gets what may not stand in a command line


class Place(NamedTuple):
    """A store as a command line names it. Keys come from a file or the environment: a command line is seen by all."""

    url: str
    storage_options: Mapping[str, object] = {}
    keys: tuple[str, ...] = ()
    compress: bool = False

    def open(self, *, keep: int | None = None) -> CheckpointStore:
        """The store; `ValueError`, `TypeError` or `ImportError` where that is not possible."""
        return CheckpointStore(self.url, **self._options(keep))

    def manager(self, *, keep: int | None = None) -> CheckpointManager:
        """The store as a manager of simulators; errors as in `open`."""
        from ckptstore.execution import CheckpointManager  # noqa: PLC0415 - the demo's alone

        return CheckpointManager(self.url, **self._options(keep))

    def _options(self, keep: int | None) -> dict[str, Any]:
        return {
            "compression": "zstd" if self.compress else None,
            "encryption": list(self.keys) or None,
            "retention": keep,
            "storage_options": self.storage_options or None,
        }

    def environment(self) -> dict[str, str]:
        """The environment of a child process that opens the same store."""
        return os.environ | {_CHILD: json.dumps(self)}

    @classmethod
    def inherited(cls) -> Self:
        """The place that the parent process has in mind."""
        url, storage_options, keys, compress = json.loads(os.environ[_CHILD])
        return cls(url, storage_options, tuple(keys), compress)


def equipped(place: Place, *, compress: bool, encrypt: bool) -> Place:
    """`place` as the demo's flags want it; a key that nobody gave is made, and known to nobody afterwards."""
    if encrypt and not place.keys:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - only where it is used

        place = place._replace(keys=(Fernet.generate_key().decode(),))
    return place._replace(compress=compress)
