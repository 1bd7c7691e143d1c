"""
How the golden stores were made; run by hand, never by a test.

    python tests/golden/make.py

Writes what `tools/goldens.py` describes and is not here yet. What is here is never written again: it stands for the
files that users have. A new format gets a folder beside `format1`, and `format1` stays.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest


def main() -> None:
    """Write the golden stores that are missing."""
    tools = Path(__file__).parent.parent / "tools"
    sys.path.insert(0, str(tools))
    golden = runpy.run_path(str(tools / "goldens.py"))
    for name in golden["EXPECTED"]:
        root = golden["GOLDEN"] / name
        if not root.exists():
            with pytest.MonkeyPatch.context() as patch:
                golden["write"](name, str(root), patch)


if __name__ == "__main__":
    main()
