"""Settings of all tests."""

from __future__ import annotations

import gc

import pytest

pytest.register_assert_rewrite("ckptstore.testing")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """A process for each processor where all tests run; for a few that are named it does not pay to start any."""
    return None if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


def pytest_collection_finish() -> None:
    """
    Let no full collection of garbage look at the tests and at what they import, which all stay to the end.

    It stops every thread, those of a server in this process as well, for 0.1 seconds each time.
    """
    gc.collect()
    gc.freeze()
