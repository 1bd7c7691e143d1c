"""Bytes that are filled where they lie, and what is left of them where that fails."""

from __future__ import annotations

import contextlib
import gc
import weakref

import pytest

from ckptstore import filled
from ckptstore.filled import Filled


class Kept(Exception):  # noqa: N818 - of this test
    """One that can be watched."""


def test_views_fill_the_value() -> None:
    """The value is what views were filled with."""
    some = Filled(3)
    with some.view() as view:
        view[1:] = b"bc"

    assert some.value() == b"\0bc"


@pytest.mark.skipif(not filled.HANDED_ON, reason="this CPython may not take it apart")
def test_it_is_handed_on_without_a_copy() -> None:
    """Each value is the very same object."""
    some = Filled(3)

    assert some.value() is some.value()


def test_the_collector_takes_what_a_failure_left(capfd: pytest.CaptureFixture[str]) -> None:
    """An error in a cycle with its frames, and with views that outlive what they are of, goes without a word."""

    def fail() -> weakref.ref[object]:
        view = Filled(3).view()
        _part = view[1:]
        kept = Kept()
        with contextlib.suppress(Kept):
            raise kept
        return weakref.ref(kept)

    error = fail()
    gc.collect()

    assert error() is None
    assert capfd.readouterr().err == ""
