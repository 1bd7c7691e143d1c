"""
The hint, as one save moves it; where the storage compares before it replaces, that is the proof of the save as well.

Nobody empties a slot before the hint has named a number above it, or was gone; and no hint comes back. So a hint that
is still what it was while the slot behind the base was unused says that it was never emptied (`Seen`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore.format1 import encode_hint
from ckptstore.history import Seen

if TYPE_CHECKING:
    from ckptstore.backend import Comparing
    from ckptstore.history import History
    from ckptstore.manifest import Manifest


class Pointer:
    """
    The hint, during one save, which writes it by one request or not at all; this one where the storage cannot compare.

    `seen` is what the next save may know of the hint; None where it was not written, or the storage cannot compare.
    """

    seen: Seen | None = None

    def put(self, history: History, manifest: Manifest, data: bytes) -> None:
        """Have the hint repeat `data`, the bytes of `manifest`, which is proven; an `OSError` where nobody knows."""
        history.backend.put(history.hint_key, encode_hint(data, manifest.header.number), durable=False)


class ComparingPointer(Pointer):
    """
    The same on a storage that compares, so that others may take the hint for a proof.

    `before` is what the save knows of the hint.
    """

    def __init__(self, comparing: Comparing, before: Seen | None) -> None:
        self._comparing = comparing
        self._before = before
        self._tried = False
        self._unanswered: OSError | None = None

    def move(self, history: History, manifest: Manifest, data: bytes) -> bool:
        """Have the hint repeat `data`, the bytes of `manifest`, if it is still what it was: that proves `manifest`."""
        if self._before is not None and self._before.proves:
            try:
                self._update(history, manifest, data)
            except OSError as exc:
                self._unanswered = exc
        return self.seen is not None

    def put(self, history: History, manifest: Manifest, data: bytes) -> None:
        """As above."""
        if not self._tried:
            self._update(history, manifest, data)
        elif self._unanswered is not None:
            raise self._unanswered

    def _update(self, history: History, manifest: Manifest, data: bytes) -> None:
        """
        Replace the hint as it was before `manifest` was created; then the new one proves what follows.

        Where nobody knows that one, replace what is there now, unless it is ahead. It proves nothing: it may have been
        removed by hand meanwhile, and others may have gone on and emptied slots.
        """
        self._tried = True
        tag, proves = None, self._before is not None
        if self._before is not None:
            tag = self._before.tag
        elif manifest.number > 1:
            found, tag = history.hint()
            if found is not None and found.number >= manifest.number:
                return
        new = self._comparing.update(history.hint_key, encode_hint(data, manifest.number), tag)
        self.seen = None if new is None else Seen(new, proves)


_PLAIN = Pointer()


def point(history: History, seen: Seen | None) -> Pointer:
    """The pointer of one save, which knows the hint as it was `seen`; this may ask the storage, once."""
    comparing = history.comparing
    return _PLAIN if comparing is None or not comparing.compares() else ComparingPointer(comparing, seen)
