"""Settings of all tests."""

import gc

import pytest

pytest.register_assert_rewrite("ckptstore.testing")


def pytest_collection_finish() -> None:
    """
    Let no full collection of garbage look at the tests and at what they import, which all stay to the end.

    It would stop every thread, those of a server in this process as well: for up to 1.5 seconds of processor time.
    """
    gc.collect()
    gc.freeze()
