"""What `import ckptstore` costs, against `import fsspec`, and what a plain save on a local disk loads."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import children
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import NONE, Goal, Section, at_most, cells

if TYPE_CHECKING:
    from benchmarks.sizes import Sizes

_BARE, _FSSPEC, _OURS = "bare interpreter", "import fsspec", "import ckptstore"
_HEAVY = ("asyncio", "cryptography", "fsspec", "numpy", "rich", "zstandard")
_PROGRAMS = {_BARE: "pass", _FSSPEC: "import fsspec", _OURS: "import ckptstore"}
_SAVE = """
import sys
bare = set(sys.modules)
import ckptstore
store = ckptstore.CheckpointStore(sys.argv[1])
store.save("run", {"step": 1})
store.load("run")
print(*{name.partition(".")[0] for name in set(sys.modules) - bare})
"""


def measure(folder: str, sizes: Sizes) -> Section:
    """Whole processes, started in turns, and the modules that one of them holds in the end."""
    turns = alternate(
        {name: steady(partial(children.run, program)) for name, program in _PROGRAMS.items()}, sizes.processes, 3, _cpu
    )
    loaded = set(children.run(_SAVE, os.path.join(folder, "plain")).split())
    heavy, foreign = sorted(loaded.intersection(_HEAVY)), sorted(loaded - sys.stdlib_module_names)
    shown = ratio(turns[_OURS], turns[_FSSPEC], less=turns[_BARE])
    return Section(
        "An import",
        f"Whole processes, bytecode cached. {sizes.processes} rounds, 3 processes a turn; net of the bare interpreter "
        f"in the same round. A save and a load on a local disk load, besides the standard library: "
        f"{', '.join(foreign)}; none of {', '.join(_HEAVY)}{' but ' + ', '.join(heavy) if heavy else ''}.",
        ("one process", "ms", "middle half", "min to max", "net, fsspec = 1", "middle half", "min to max"),
        [
            [
                name,
                *cells(spread(turn.wall for turn in own), 1e3, 1),
                *([NONE] * 3 if name == _BARE else cells(ratio(own, turns[_FSSPEC], less=turns[_BARE]))),
            ]
            for name, own in turns.items()
        ],
        [
            at_most("import ckptstore, against import fsspec, both net", shown, 0.5),
            Goal("heavy packages that a plain save loads", "none", ", ".join(heavy) or "none", not heavy),
        ],
    )


def _cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system
