"""Work done beside other work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """
    Begin `work` in a thread, and return what waits for it: that gives its result, or raises what it raised.

    Where no thread can be had, as at the end of the interpreter, waiting does the work.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            errors.append(exc)

    thread = threading.Thread(target=run)
    try:
        thread.start()
    except RuntimeError:
        return work

    def wait() -> T:
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    return wait
