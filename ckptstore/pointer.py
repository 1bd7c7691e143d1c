"""
The hint, as one save moves it; where the storage compares before it replaces, that is the proof of the save as well.

Nobody empties a slot before the hint has named a number above it, or was gone; and no hint comes back. So a hint that
is still what it was while the slot behind the base was unused says that it was never emptied (`Seen`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore import layout
from ckptstore.backend import as_comparing
from ckptstore.format1 import encode_hint
from ckptstore.history import Seen

if TYPE_CHECKING:
    from ckptstore.backend import Comparing
    from ckptstore.history import History
    from ckptstore.manifest import Manifest


class Pointer:
    """
    The hint of a run, during one save, which writes it by one request or not at all.

    `seen` is what the next save may know of it; None where it was not written, or the storage does not compare.
    """

    def __init__(self, history: History, seen: Seen | None) -> None:
        comparing = as_comparing(history.backend)
        self._history = history
        self._comparing = comparing if comparing and comparing.compares() else None
        self._before = seen
        self._tried = False
        self._unanswered: OSError | None = None
        self.seen: Seen | None = None

    @property
    def compares(self) -> bool:
        """Whether the storage does, so that others may take the hint for a proof."""
        return self._comparing is not None

    def move(self, manifest: Manifest, data: bytes) -> bool:
        """Have the hint repeat `data`, the bytes of `manifest`, if it is still what it was: that proves `manifest`."""
        if self._comparing is not None and self._before is not None and self._before.proves:
            try:
                self._update(self._comparing, manifest, data)
            except OSError as exc:
                self._unanswered = exc
        return self.seen is not None

    def put(self, manifest: Manifest, data: bytes) -> None:
        """Have the hint repeat `data`, the bytes of `manifest`, which is proven; an `OSError` where nobody knows."""
        if self._comparing is None:
            key = layout.hint(self._history.run)
            self._history.backend.put(key, encode_hint(data, manifest.number), durable=False)
        elif not self._tried:
            self._update(self._comparing, manifest, data)
        elif self._unanswered is not None:
            raise self._unanswered

    def _update(self, comparing: Comparing, manifest: Manifest, data: bytes) -> None:
        """
        Replace the hint as it was before `manifest` was created; then the new one proves what follows.

        Where nobody knows that one, replace what is there now, unless it is ahead. It proves nothing: it may have been
        removed by hand meanwhile, and others may have gone on and emptied slots.
        """
        self._tried = True
        key, tag, proves = layout.hint(self._history.run), None, self._before is not None
        if self._before is not None:
            tag = self._before.tag
        elif manifest.number > 1:
            found, tag = self._history.hint()
            if found is not None and found.number >= manifest.number:
                return
        new = comparing.update(key, encode_hint(data, manifest.number), tag)
        self.seen = None if new is None else Seen(new, proves)
