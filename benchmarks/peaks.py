"""Memory at its highest, in processes of their own: while a stream flows, and while a state is saved that is there."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

from benchmarks import bulk, children
from benchmarks.tables import Goal, Section
from benchmarks.whole import KEY

if TYPE_CHECKING:
    from benchmarks.sizes import Sizes

_CODECS = {"plain": "", "zstd": "compression", "Fernet": "encryption", "zstd and Fernet": "compression encryption"}
_TEXT = """\
The most memory that a process ever had (VmHWM). A stream of {stream} MiB, no two stretches of it alike, is written with
`open_writer` by one process and read with `open_reader` by another: all of their memory, interpreter and modules
included. A state of {bulk} MiB, bytes or one array, is saved whole: what the save takes above the state itself."""

_BEGIN = """
import sys
from ckptstore import CheckpointStore
place, path, kind, size, codecs, key = sys.argv[1:]
given = {name: {"compression": "zstd", "encryption": key}[name] for name in codecs.split()}
store = CheckpointStore(place, serializer=kind, **given)

def memory(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
"""
# A number every 128 KiB: no chunk is so small that it has none, so none was stored before.
_WRITER = """
left, number = int(size), 0
with store.open_writer("run") as stream, open(path, "rb") as file:
    while left:
        block = bytearray(file.read(1 << 20))
        if not block:
            file.seek(0)
        for at in range(0, len(block), 1 << 17):
            number += 1
            block[at : at + 8] = number.to_bytes(8, "big")[: len(block) - at]
        left -= stream.write(block[:left])
print(memory("VmHWM"))
"""
_READER = """
got = 0
with store.open_reader("run") as stream:
    while block := stream.read(1 << 20):
        got += len(block)
assert got == int(size)
print(memory("VmHWM"))
"""
_SAVE = """
if kind == "json":
    import numpy
    state = {"array": numpy.fromfile(path, "<f4")}
else:
    with open(path, "rb") as file:
        state = file.read()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak is what there is now
before = memory("VmRSS")
store.save("run", state)
print(memory("VmHWM") - before)
"""


def measure(folder: str, path: str, sizes: Sizes) -> Section:
    """The peaks of streams and of saves of the bytes at `path`."""
    place = os.path.join(folder, "turn")
    streams: dict[str, list[int]] = {}
    saves: dict[str, int] = {}
    for name, codecs in _CODECS.items():
        given = (place, path, "bytes", str(sizes.stream), codecs)
        streams[name] = [_peak(way, *given) for way in (_WRITER, _READER)]
        bulk.fresh(folder)
    for kind, (name, codecs) in product(("bytes", "json"), _CODECS.items()):
        what = {"bytes": "bytes", "json": "an array"}[kind]
        saves[f"{what}, {name}"] = _peak(_SAVE, place, path, kind, str(sizes.bulk), codecs)
        bulk.fresh(folder)
    rows = [[f"stream, {name}", *(_mib(peak) for peak in peaks)] for name, peaks in streams.items()]
    rows += [[name, _mib(peak), "-"] for name, peak in saves.items()]
    return Section(
        "Memory of large states",
        _TEXT.format(stream=sizes.stream >> 20, bulk=sizes.bulk >> 20),
        ("what", "written, MiB", "read, MiB"),
        rows,
        [
            _goal("most memory of a process that streams", max(map(max, streams.values())), 150),
            _goal("most memory of a large save, above the state", max(saves.values()), 100),
        ],
    )


def _peak(program: str, *given: str) -> int:
    return int(children.run(_BEGIN + program, *given, KEY.decode()))


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f}"


def _goal(what: str, peak: int, limit: int) -> Goal:
    return Goal(what, f"at most {limit} MiB", f"{_mib(peak)} MiB", peak <= limit << 20)
