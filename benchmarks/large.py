"""All that is measured of large states on a disk: one part, as they share the state."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks import again, arrays, bulk, peaks, whole

if TYPE_CHECKING:
    from benchmarks.sizes import Sizes
    from benchmarks.tables import Section

_PARTS = (whole.measure_saves, whole.measure_loads, again.measure, peaks.measure, arrays.measure)


def measure(folder: str, sizes: Sizes) -> list[Section]:
    """The tables of saves, loads, second saves, memory, and arrays."""
    path = os.path.join(folder, "state")
    bulk.write(path, sizes.bulk)
    sections: list[Section] = []
    for number, part in enumerate(_PARTS):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        sections.append(part(place, path, sizes))
        shutil.rmtree(place)  # gigabytes
    return sections
