"""Programs that need a process of their own, with nothing in it that these benchmarks imported."""

from __future__ import annotations

import os
import subprocess
import sys

# Somebody who forbids bytecode would have us time the compiler for one package and not for the other.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(program: str, *args: str) -> str:
    """What `program` prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *args],  # -P: what is installed, not what lies around
        check=True,
        env=_ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout
