"""Where the numbers come from: processor, kernel, file system, versions. Nothing that names the machine or its user."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import version


def check() -> None:
    """Leave with a word to the user where the benchmarks cannot run."""
    if sys.platform != "linux":
        sys.exit("the benchmarks need Linux: they compare with O_TMPFILE and read /proc")


def describe(folder: str, size: str) -> list[str]:
    """The lines that stand above the tables."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ckptstore", "msgspec", "fsspec"))
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {size}",
        f"{_processor()}, {os.cpu_count()} processors",
        f"{platform.system()} {platform.release()}, {file_system(folder)}",
        f"{platform.python_implementation()} {platform.python_version()}, {packages}, SQLite {sqlite3.sqlite_version}",
    ]


def load(before: float) -> str:
    """How busy the machine was; `before` is the load average at the start."""
    return f"load average {before:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, of which 1 is our own"


def file_system(folder: str) -> str:
    """The type of the file system that `folder` is on, such as ext4."""
    path = os.path.realpath(folder)
    best, kind = "", "unknown file system"
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, found, *_ = line.split()
            inside = point == "/" or f"{path}/".startswith(f"{point}/")
            if inside and len(point) >= len(best):  # of two mounts on one point the later hides the earlier
                best, kind = point, found
    return kind


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
