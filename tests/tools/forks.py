"""What a forked child finds."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from ckptstore.testing.race import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


def in_child(check: Callable[[], bool]) -> bool:
    """Whether `check` is true in a forked child."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # kills a child that waits for ever
        try:
            good = check()
        except BaseException:  # noqa: BLE001 - nothing may run past this in a child
            os._exit(2)
        os._exit(not good)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
