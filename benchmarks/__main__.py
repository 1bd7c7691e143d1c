"""`python -m benchmarks` measures everything and prints the tables; `--write` puts them into README.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks import codecs, execution, far, imports, large, loads, machine, many, objects, saves, sizes, tables

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS: dict[str, Callable[[str, sizes.Sizes], tables.Section | list[tables.Section]]] = {
    "saves": saves.measure,
    "many": many.measure,
    "loads": loads.measure,
    "imports": imports.measure,
    "codecs": codecs.measure,
    "tokens": codecs.measure_tokens,
    "objects": objects.measure,
    "execution": execution.measure,
    "events": execution.measure_events,
    "keeping": saves.measure_keeping,
    "large-s3": far.measure,
    "large": large.measure,  # last: what it compares with brings threads of its own
}
_README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "README.md")
_BEGIN, _END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def main() -> None:
    """Measure the parts that are asked for, below one folder that is gone afterwards."""
    machine.check()
    asked = _arguments()
    size = sizes.SMALL if asked.small else sizes.FULL
    before = os.getloadavg()[0]
    found: list[tables.Section] = []
    with tempfile.TemporaryDirectory(prefix=".benchmarks-", dir=asked.folder) as root:
        described = machine.describe(root, size.label)
        for part in asked.parts or _PARTS:
            start = time.monotonic()
            folder = os.path.join(root, part)
            os.mkdir(folder)
            measured = _PARTS[part](folder, size)
            found += measured if isinstance(measured, list) else [measured]
            print(f"{part}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    report = tables.report(found, [*described, machine.load(before)])
    if asked.write:
        _write(report)
    else:
        print(report, end="")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"only these: {', '.join(_PARTS)}")
    parser.add_argument("--folder", default=".", help="where to write: a folder on the disk to be measured (this one)")
    parser.add_argument("--small", action="store_true", help="a few of each, to see whether it runs")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if asked.write and (asked.parts or asked.small):
        parser.error("--write is for the full run of all parts")
    return asked


def _write(report: str) -> None:
    with open(_README, encoding="utf-8") as file:
        before, _, rest = file.read().partition(_BEGIN)
    after = rest.partition(_END)[2]
    with open(_README, "w", encoding="utf-8") as file:
        file.write(f"{before}{_BEGIN}\n{report}\n{_END}{after}")


if __name__ == "__main__":
    main()
