"""`only`: which arrays and bytes are fetched, and what stands in the place of the others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sources import Bytes, written

from ckptstore import Omitted, VersionMismatch, only
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()
WEIGHTS, BIAS, BLOB = np.arange(9_000.0), np.ones((10, 10), "<f4"), bytes(range(256)) * 80
STATE = {
    "step": 7,
    "params": {"w": WEIGHTS, "b": BIAS},
    "layers": [(WEIGHTS, "a"), (BLOB, "b")],
    3: {("x", 1): BLOB},
}
SERIALIZED = JSON.serialize(STATE)
NO_WEIGHTS = Omitted(np.dtype("<f8"), (9_000,), 72_000)
NO_BLOB = Omitted(None, None, 20_480)


def load(chosen: only.Only) -> tuple[Any, list[list[tuple[int, int]]]]:
    """Load these parts of the state, and tell what was fetched for it."""
    assert SERIALIZED.tree is not None
    source = Bytes(written(SERIALIZED))
    return JSON.deserialize(source, SERIALIZED.tree, only.paths(chosen)), source.asked


def test_nothing() -> None:
    """`only=[]` shows all of a state, small values and the kind of the large ones, and fetches none of these."""
    state, asked = load([])

    assert len(asked) == 1
    assert state["params"].pop("b").tolist() == BIAS.tolist()
    assert state == {
        "step": 7,
        "params": {"w": NO_WEIGHTS},
        "layers": [(NO_WEIGHTS, "a"), (NO_BLOB, "b")],
        3: {("x", 1): NO_BLOB},
    }


def test_some() -> None:
    """The large parts at a path and below it are fetched, together; all others are left out."""
    state, asked = load(["params", ("layers", 1)])

    assert state["params"]["w"].tolist() == WEIGHTS.tolist()
    assert state["layers"] == [(NO_WEIGHTS, "a"), (BLOB, "b")]
    assert [size for _, size in asked[1]] == [WEIGHTS.nbytes, len(BLOB)]


@pytest.mark.parametrize(
    ("chosen", "sizes"),
    [
        ("step", []),
        ("params", [72_000]),
        (("params", "w"), [72_000]),
        (("layers", -1, 0), [20_480]),
        (("layers", 0), [72_000]),
        ("layers", [72_000, 20_480]),
        ((3, ("x", 1)), [20_480]),
        ([("layers", 0, 0), ("layers", 0), "layers"], [72_000, 20_480]),
        ((), [72_000, 72_000, 20_480, 20_480]),
        ([()], [72_000, 72_000, 20_480, 20_480]),
    ],
)
def test_paths(chosen: only.Only, sizes: list[int]) -> None:
    """A path is a key or a tuple of keys and indexes; what several of them reach is fetched once."""
    _, asked = load(chosen)

    assert [[size for _, size in one] for one in asked[1:]] == ([sizes] if sizes else [])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("x",), 'only=(\'x\',): state has the keys "step", "params", "layers", 3, so there is no state["x"]'),
        (("params", "v"), 'state["params"] has the keys "w", "b", so there is no state["params"]["v"]'),
        (("layers", 2), 'state["layers"] is a list of 2, so there is no state["layers"][2]'),
        (("layers", "w"), 'state["layers"] is a list of 2, so there is no state["layers"]["w"]'),
        (("layers", 0, 2), 'state["layers"][0] is a tuple of 2, so'),
        (("params", "w", 0), 'state["params"]["w"] is an array or bytes that would be fetched whole, so'),
        (("step", "x"), 'state["step"] is of type int, so'),
        (([],), "so there is no state[[]]"),
        ((slice(1),), "so there is no state[slice(None, 1, None)]"),
        (("layers", slice(1)), 'so there is no state["layers"][slice(None, 1, None)]'),
    ],
)
def test_no_such_path(path: only.Path, message: str) -> None:
    """A path that leads nowhere is a LookupError that says how far it leads, and what is there."""
    with pytest.raises(LookupError) as caught:
        load(path)

    assert message in str(caught.value)


def test_no_such_path_is_short() -> None:
    """Of many keys, an error names the first few."""
    with pytest.raises(LookupError, match=r'state has the keys "k0", .*"k7", …, so there is no state\["x"\]'):
        only.select({f"k{n}": n for n in range(99)}, [("x",)])
    with pytest.raises(LookupError, match=r"state is an empty dict, so"):
        only.select({}, [("x",)])


@pytest.mark.parametrize("wrong", [None, 1, b"a", {"a"}, ["a", 1], [["a"]], {"a": 1}])
def test_no_path(wrong: Any) -> None:  # noqa: ANN401 - what no type checker would pass
    """What is no path and no list of paths is a TypeError."""
    with pytest.raises(TypeError, match="only must be a key, a tuple of keys and indexes, or a list of these"):
        only.paths(wrong)


@dataclasses.dataclass
class Training:
    """A state with a part that may be left out, and one that may not."""

    step: int
    params: dict[str, np.ndarray[Any, Any]]
    optimizer: Any


def test_typed() -> None:
    """What is left out fits fields of any type; elsewhere, the error names the place."""
    serialized = JSON.serialize(Training(1, {"w": WEIGHTS}, [WEIGHTS]))
    assert serialized.tree is not None
    source = Bytes(written(serialized))

    state = JSON.deserialize_as(source, serialized.tree, Training, [("params",)])

    assert (state.params["w"].tolist(), state.optimizer) == (WEIGHTS.tolist(), [NO_WEIGHTS])
    with pytest.raises(VersionMismatch, match=r'state\.params\["w"\]: expected numpy\.ndarray, got Omitted'):
        JSON.deserialize_as(source, serialized.tree, Training, [])


def test_bytes_alike() -> None:
    """Each value is chosen by its place, also among others that look the same from outside."""
    serialized = JSON.serialize([bytes([n]) * 30_000 for n in range(3)])
    assert serialized.tree is not None

    state = JSON.deserialize(Bytes(written(serialized)), serialized.tree, [(1,)])

    assert state == [Omitted(None, None, 30_000), bytes([1]) * 30_000, Omitted(None, None, 30_000)]


@pytest.mark.parametrize("state", [NO_BLOB, [NO_BLOB], {"a": NO_WEIGHTS}, {1: (NO_BLOB,)}, {NO_BLOB}])
def test_not_saved(state: object) -> None:
    """A state with something left out is not saved: the error says where, and what to do."""
    with pytest.raises(TypeError, match=r"Omitted cannot be stored: .* load the state without only= and save that"):
        JSON.serialize(state)
