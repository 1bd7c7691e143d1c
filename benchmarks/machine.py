"""Where the numbers come from: processor, kernel, file system, versions. Nothing that names the machine or its user."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version

_SLOW = 20e-6  # on a disk at rest a nameless file is opened in 3 to 9 µs, after many deletes in up to 300


def check() -> None:
    """Leave with a word to the user where the benchmarks cannot run."""
    if sys.platform != "linux":
        sys.exit("the benchmarks need Linux: they compare with O_TMPFILE and read /proc")


def describe(folder: str, size: str) -> list[str]:
    """The lines that stand above the tables."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ckptstore", "msgspec", "fsspec"))
    opens = _open_time(folder)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {size}",
        f"{_processor()}, {os.cpu_count()} processors",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, {packages}, SQLite {sqlite3.sqlite_version}",
        f"{file_system(folder)}; opens a nameless file in {opens * 1e6:.1f} µs"
        + (" (**slow**: much was deleted here within minutes)" if opens > _SLOW else ""),
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


def _open_time(folder: str) -> float:
    """What O_TMPFILE takes here: ext4 looks past each inode that was freed within minutes, as tests free thousands."""
    place = os.path.join(folder, "probe")
    os.mkdir(place)
    at = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    times: list[float] = []
    for number in range(20):
        start = time.perf_counter()
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o666, dir_fd=at)
        times.append(time.perf_counter() - start)
        # Kept to the end: each that was closed without a name would be one more to look past.
        os.link(f"/proc/self/fd/{fd}", str(number), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=True)
        os.close(fd)
    os.close(at)
    return statistics.median(times)
