"""Bytes that are filled where they lie, and what is left of them where that fails."""

from __future__ import annotations

import contextlib
import gc
import weakref

from ckptstore.filled import Filled


def test_what_was_filled_is_handed_on_without_a_copy() -> None:
    """The value is what views were filled with, and each time the very same object."""
    some = Filled(3)
    with some.view() as view:
        view[1:] = b"bc"

    assert some.value() == b"\0bc"
    assert some.value() is some.value()


def test_the_collector_takes_what_a_failure_left() -> None:
    """An error in a cycle with its frames, and with views in them, goes without a crash or a word; so do the bytes."""

    def fail() -> weakref.ref[object]:
        some = Filled(3)
        with some.view() as view:
            _part = view[1:]
            _kept = ValueError()
            with contextlib.suppress(ValueError):
                raise _kept
        return weakref.ref(some._file)

    file = fail()
    gc.collect()

    assert file() is None
