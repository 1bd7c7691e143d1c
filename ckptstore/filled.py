"""Bytes that are filled where they lie."""

from __future__ import annotations

import io
import weakref


class Filled:
    """
    `size` bytes that whoever has a view fills, and that are then handed on without a copy.

    A BytesIO is the one way to fill a bytes object: CPython hands out the very one. But where the collector meets one
    and views of it in a cycle, CPython 3.12.1 crashes, and 3.13 complains on stderr
    (https://github.com/python/cpython/issues/111049 and 111331). A load that failed leaves such a cycle with whoever
    keeps the error, whose frames hold it all. So what the views refer to is held from outside, until this is gone.
    """

    def __init__(self, size: int) -> None:
        self._file = io.BytesIO(bytes(size))  # nothing touches these zeros before they are filled

    def view(self) -> memoryview:
        """The bytes to be filled; it is to be let go, and what was made of it, before the value is taken."""
        view = self._file.getbuffer()
        weakref.finalize(self, _let_go, view.obj).atexit = False
        return view

    def value(self) -> bytes:
        """What it was filled with; while there is a view, a copy."""
        return self._file.getvalue()


def _let_go(_: object) -> None:
    pass
