"""A dict of arrays saved and loaded: side by side with what frameworks bring along, where it is installed."""

from __future__ import annotations

import importlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import bulk
from benchmarks.rounds import alternate, ratio, spread
from benchmarks.tables import Section, cells
from benchmarks.whole import CODECS, busy
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from benchmarks.rounds import Call
    from benchmarks.sizes import Sizes

    Manner = tuple[Callable[[str], object], Callable[[str], object]]  # saves below a folder, and loads from there

_ARRAYS = 16
_TEXT = """\
For information: a dict of {arrays} arrays of float32, {size} MiB together, to a file and back, {rounds} rounds. numpy,
torch and safetensors sync nothing and check nothing, and safetensors gives arrays of its own copy. Orbax writes a
folder of its own, compressed where that helps, and gives it its name at the end. {missing}"""


def measure(folder: str, path: str, sizes: Sizes) -> Section:
    """The time to save and to load the bytes at `path` as arrays."""
    whole = np.fromfile(path, "<f4")
    state = {f"layer-{index}": part for index, part in enumerate(np.array_split(whole, _ARRAYS))}
    manners = {f"ckptstore, {name}": _ours(state, codecs) for name, codecs in CODECS.items()}
    manners["numpy.savez"] = _numpy(state)
    others = {"torch.save, torch.load": ("torch", _torch), "safetensors": ("safetensors.numpy", _safetensors)}
    others["Orbax"] = ("orbax.checkpoint", _orbax)
    found = {name: module for name, (named, _) in others.items() if (module := _module(named))}
    manners |= {name: others[name][1](module, state) for name, module in found.items()}
    saves = alternate({name: partial(_save, folder, save) for name, (save, _) in manners.items()}, sizes.large, 1, busy)
    loads: dict[str, Callable[[], Call]] = {}
    for number, (name, (save, load)) in enumerate(manners.items()):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        save(place)
        loads[name] = partial(partial, load, place)
    os.sync()
    loaded = alternate(loads, sizes.large, 1, busy)
    first = next(iter(manners))
    missing = ", ".join(others.keys() - found.keys())
    return Section(
        "A dict of arrays",
        _TEXT.format(
            arrays=_ARRAYS,
            size=sizes.bulk >> 20,
            rounds=sizes.large,
            missing=f"Not installed here: {missing}." if missing else "",
        ).rstrip(),
        (
            "manner",
            "save s",
            "middle half",
            "min to max",
            "first = 1",
            "load s",
            "middle half",
            "min to max",
            "first = 1",
        ),
        [
            [
                name,
                *cells(spread(turn.wall for turn in saves[name])),
                cells(ratio(saves[name], saves[first]))[0],
                *cells(spread(turn.wall for turn in loaded[name])),
                cells(ratio(loaded[name], loaded[first]))[0],
            ]
            for name in manners
        ],
        [],
    )


def _save(folder: str, save: Callable[[str], object]) -> Call:
    return partial(save, bulk.fresh(folder))


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _ours(state: dict[str, Any], codecs: dict[str, Any]) -> Manner:
    return (
        lambda place: CheckpointStore(place, **codecs).save("run", state),
        lambda place: CheckpointStore(place, **codecs).load("run"),
    )


def _numpy(state: dict[str, Any]) -> Manner:
    def load(place: str) -> object:
        with np.load(f"{place}/state.npz") as file:
            return {name: file[name] for name in file}

    return lambda place: np.savez(f"{place}/state.npz", **state), load


def _torch(torch: Any, state: dict[str, Any]) -> Manner:  # noqa: ANN401 - may not be there
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    return lambda place: torch.save(tensors, f"{place}/state.pt"), lambda place: torch.load(f"{place}/state.pt")


def _orbax(orbax: Any, state: dict[str, Any]) -> Manner:  # noqa: ANN401 - may not be there
    def save(place: str) -> None:
        with orbax.StandardCheckpointer() as checkpointer:  # waits for it at the end
            checkpointer.save(os.path.abspath(f"{place}/state"), state)

    def load(place: str) -> object:
        with orbax.StandardCheckpointer() as checkpointer:
            return checkpointer.restore(os.path.abspath(f"{place}/state"))

    return save, load


def _safetensors(safetensors: Any, state: dict[str, Any]) -> Manner:  # noqa: ANN401 - may not be there
    return (
        lambda place: safetensors.save_file(state, f"{place}/state.safetensors"),
        lambda place: safetensors.load_file(f"{place}/state.safetensors"),
    )
