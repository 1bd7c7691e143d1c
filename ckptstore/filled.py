"""Bytes that are filled where they lie."""

from __future__ import annotations

import io
import sys

HANDED_ON = sys.version_info < (3, 12)
"""
Whether what was filled is handed on without a copy.

A BytesIO is the one way to fill a bytes object: CPython hands out the very one. But from 3.12 on the collector may take
one apart before the views of it, where an error that somebody keeps holds both in a cycle: 3.12.1 crashes, and 3.13
complains (https://github.com/python/cpython/issues/111049 and 111331).
"""


class Filled:
    """`size` bytes, at first zeros that nothing has touched: whoever has a view fills them."""

    def __init__(self, size: int) -> None:
        self._memory = io.BytesIO(bytes(size)) if HANDED_ON else bytearray(size)

    def view(self) -> memoryview:
        """The bytes to be filled; it is to be let go, and what was made of it, before the value is taken."""
        return self._memory.getbuffer() if isinstance(self._memory, io.BytesIO) else memoryview(self._memory)

    def value(self) -> bytes:
        """What they were filled with."""
        return self._memory.getvalue() if isinstance(self._memory, io.BytesIO) else bytes(self._memory)
