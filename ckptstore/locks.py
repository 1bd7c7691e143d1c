"""A lock that a fork cannot leave locked."""

from __future__ import annotations

import os
import threading


def lock_across_forks() -> threading.RLock:
    """
    A re-entrant lock, for a module: a fork waits until it is free, and child and parent go on with it.

    A child would else find it locked for ever by a thread that it does not have.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
