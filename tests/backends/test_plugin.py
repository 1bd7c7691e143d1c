"""The example of a third-party backend: it passes the suite, and an installed one is found by its scheme."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from plugged import EXAMPLE, opened

from ckptstore.testing import BackendTests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptstore.backend import Backend

USE = """
import sys
from ckptstore import CheckpointStore
from ckptstore.urls import open_backend
url = "example://" + sys.argv[1]
for step in range(3):
    CheckpointStore(url, storage_options={"timeout": 5}).save("run", {"step": step})
print(CheckpointStore(url).load("run"), len(CheckpointStore(url).checkpoints("run")), open_backend(url)[0].timeout)
"""


class TestExample(BackendTests[Any]):
    """The suite, in processes."""

    race_in_processes = True

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Give a file of its own."""
        return opened(str(tmp_path / "objects.sqlite"))

    def opener(self, backend: Any) -> Callable[[], Backend]:  # noqa: ANN401 - see above
        """Return what opens the same file once more."""
        return functools.partial(opened, backend.path)

    def peek(self, backend: Any, key: str) -> bytes | None:  # noqa: ANN401 - see above
        """Look into the table."""
        with closing(sqlite3.connect(backend.path)) as db:
            found = db.execute("SELECT data FROM objects WHERE key = ?", [key]).fetchone()
        return found and bytes(found[0])

    def poke(self, backend: Any, key: str, data: bytes | None) -> None:  # noqa: ANN401 - see above
        """Change the table."""
        with closing(sqlite3.connect(backend.path)) as db, db:
            db.execute("DELETE FROM objects WHERE key = ?", [key])
            if data is not None:
                db.execute("INSERT INTO objects VALUES (?, ?, ?)", [key, data, time.time()])


def test_an_installed_plugin_is_found_by_its_scheme(tmp_path: Path) -> None:
    """Installed by pip, the example serves `example://` URLs with its options, though nothing here names it."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLE, source)  # a build must not write into the checkout
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(source)], check=True)
    used = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "objects.sqlite")],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert used.stdout.strip() == "{'step': 2} 3 60.0"
