"""The benchmarks as programs; what they measure is no matter here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they compare with O_TMPFILE and read /proc")


def test_the_benchmarks_run(tmp_path: Path) -> None:
    """Every part runs, at a tiny size, decides all its goals, and leaves nothing behind."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small", "--folder", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n### ") == 16
    assert sum(line.endswith(("| yes |", "| **no** |", "| not measured |")) for line in ran.stdout.splitlines()) == 34
    assert list(tmp_path.iterdir()) == []
