"""What a plain local save loads, and what is exported."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ckptstore

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ["asyncio", "click", "cryptography", "fsspec", "numpy", "pickle", "rich", "sqlite3", "zoneinfo", "zstandard"]
SAVE = """
import sys
from ckptstore import CheckpointStore
store = CheckpointStore(sys.argv[1])
store.save("run", {"step": 1}, metadata={"loss": 0.5})
assert store.load("run") == {"step": 1}
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("module", HEAVY)
def test_what_must_stay_unloaded_can_be_loaded(module: str) -> None:
    """Each of the modules is installed here, so that the next test could find it."""
    assert __import__(module).__name__ == module


def test_a_plain_local_save_loads_nothing_heavy(tmp_path: Path) -> None:
    """A save and a load in a folder load none of the libraries that only some stores need."""
    run = subprocess.run([sys.executable, "-c", SAVE, str(tmp_path)], capture_output=True, text=True, check=True)

    assert not set(HEAVY) & set(run.stdout.split())


def test_all_that_is_exported_exists_and_is_sorted() -> None:
    """`__all__` is the public API: sorted, and without a name that is not there."""
    assert ckptstore.__all__ == sorted(ckptstore.__all__)
    assert all(hasattr(ckptstore, name) for name in ckptstore.__all__)
