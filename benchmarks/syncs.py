"""How many syncs a save takes, as strace counts them, whatever the code believes of itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

WARM = 10
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def per_save(name: str, folder: str, saves: int) -> float | None:
    """Syncs of one save of the contestant in steady state: what `saves` more of them add. None without strace."""
    first = _count(name, folder, WARM)
    if first is None:
        return None
    more = _count(name, folder, WARM + saves)
    return None if more is None else (more - first) / saves


def _count(name: str, folder: str, saves: int) -> int | None:
    strace = shutil.which("strace")
    if strace is None:
        return None
    place = tempfile.mkdtemp(dir=folder)  # left to be removed at the end: deleting slows down what is measured next
    with tempfile.NamedTemporaryFile("r") as counts:
        done = subprocess.run(
            [
                *(strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", counts.name),
                *(sys.executable, "-m", "benchmarks.contestants", name, place, str(saves)),
            ],
            cwd=_ROOT,
            check=False,  # where tracing is forbidden
            stderr=subprocess.DEVNULL,
        )
        rows = [line.split() for line in counts]
    # % time, seconds, usecs/call, calls, errors (may be blank), syscall
    return (
        sum(int(row[3]) for row in rows if row and row[-1] in {"fsync", "fdatasync"}) if not done.returncode else None
    )
