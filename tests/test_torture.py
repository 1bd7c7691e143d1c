"""The command that runs the long forms of all searches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parent / "torture.py"


@pytest.mark.parametrize("search", ["power", "orders", "hostile"])  # the others have short forms as tests
def test_a_search_runs_from_the_command(search: str) -> None:
    """A search that is named runs for its time, and says how much it tried."""
    ran = subprocess.run(
        [sys.executable, str(TORTURE), search, "--seconds", "1", "--seed", "1"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.startswith(f"{search}: seed 1, 1 s …\n{search}: ")
    assert "nothing lost" in ran.stdout


def test_an_unknown_search_is_refused() -> None:
    """The error names what there is."""
    ran = subprocess.run([sys.executable, str(TORTURE), "nap"], capture_output=True, text=True, check=False)

    assert ran.returncode == 2
    assert "there is no search nap" in ran.stderr
