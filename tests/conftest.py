"""Settings of all tests."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

pytest.register_assert_rewrite("ckptstore.testing")

from places import ALL_KINDS, make, open_store  # noqa: E402 - they import what is to be rewritten
from small import small_chunks  # noqa: E402 - as above

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

    from ckptstore import CheckpointStore


@pytest.fixture(params=ALL_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a new root, of each kind."""
    return make(request.param, tmp_path)


@pytest.fixture
def store(place: Place) -> CheckpointStore:
    """Open a store with the settings that one gets without asking."""
    return open_store(place)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some hundred bytes, packs and blocks to match, and threads as in real life."""
    small_chunks(monkeypatch, threads=2)


@pytest.fixture
def no_thread_stays() -> Any:  # noqa: ANN401 - a generator
    """After each test all threads of streams are gone."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "ckptstore"]


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
