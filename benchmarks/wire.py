"""
A long wire, as the server at its end makes it: what is said takes its time, and no connection carries more than it can.

Nothing stands in between that would take a processor for each byte.
"""

from __future__ import annotations

import time

ONE_WAY = 0.015  # seconds; there and back is what a request takes to a bucket of the same region and some more
RATE = 90e6  # bytes a second of one connection, what a bucket gives one
UNDER_WAY = int(2 * ONE_WAY * RATE)  # bytes that are sent before anybody has heard of the first
PIECE = 512 * 1024  # bytes that arrive together


class Wire:
    """One connection's, in one direction: `carry` returns when so many bytes are through."""

    def __init__(self) -> None:
        self._free = 0.0

    def carry(self, size: int) -> None:
        """Wait for `size` bytes more."""
        self._free = max(self._free, time.monotonic()) + size / RATE
        time.sleep(max(0, self._free - time.monotonic()))
