"""States with buffers that `serialize` never wrote: each is refused, before memory is taken for what it claims."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import Bytes

from ckptstore import CheckpointCorrupt, CheckpointError
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()
ARRAY = {"dtype": "<u1", "shape": [2, 3], "order": "C"}
BOOL = {"dtype": "|b1", "shape": [6], "order": "C"}


def load(tree: Any, buffers: bytes = b"") -> Any:  # noqa: ANN401 - whatever JSON holds
    """Load what is forged."""
    data = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return JSON.deserialize(Bytes(data + buffers), len(data))


def forged(entries: list[Any], state: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
    """Give the form in which buffers are."""
    return {"$beside": [entries, state]}


def test_sound() -> None:
    """What the others are forged from is sound."""
    [data, array] = load(forged([3, BOOL], [{"$bytes": 0}, {"$ndarray": 1}]), b"abc" + bytes([1] * 6))

    assert (data, array.tolist()) == (b"abc", [True] * 6)


@pytest.mark.parametrize(
    ("entries", "state", "message"),
    [
        ([6], [{"$bytes": 0}, {"$bytes": 0}], '"$bytes" refers to 0'),
        ([6], [{"$bytes": 1}], '"$bytes" refers to 1'),
        ([6], [{"$bytes": -1}], '"$bytes" refers to -1'),
        ([6], [{"$bytes": 10**30}], '"$bytes" refers to 1000'),
        ([6], [{"$ndarray": 0}], '"$ndarray" refers to 0'),
        ([BOOL], [{"$bytes": 0}], '"$bytes" refers to 0'),
        ([6, 0], [{"$bytes": 0}], 'nothing refers to entry 1 of "$beside"'),
        ([6], [], 'nothing refers to entry 0 of "$beside"'),
        ([6], [{"$bytes": True}], "nothing refers to entry 0"),
        ([6], [{"$bytes": 0.0}], "nothing refers to entry 0"),
        ([6], [{"$bytes": "0"}], "nothing refers to entry 0"),
        ([6], [{"$bytes": 0, "a": 1}], "nothing refers to entry 0"),
        ([6], {"$set": [{"$bytes": 0}]}, "nothing refers to entry 0"),
        ([6], {"$frozenset": [{"$tuple": [{"$bytes": 0}]}]}, "nothing refers to entry 0"),
        ([6], {"$dict": [[{"$bytes": 0}, 1]]}, "nothing refers to entry 0"),
        ([6], {"$dict": {"a": {"$bytes": 0}}}, '"$dict" holds a dict'),
        ([6], {"$tuple": {"$bytes": 0}}, '"$tuple" holds'),
        ([6], {"$beside": [[6], {"$bytes": 0}]}, '"$beside" is not a tag'),
        ([6], {"$typed": ["bytes", {"$bytes": 0}]}, '"$typed" is not a tag'),
        ([6], [{"$bytes": 0}, {"$date": 1}], '"$date" holds a number'),
        ([5], {"$bytes": 0}, "it has"),
        ([7], {"$bytes": 0}, "it has"),
        ([2**62], {"$bytes": 0}, "it has"),
        ([-1, 7], [{"$bytes": 0}, {"$bytes": 1}], 'entry 0 of "$beside"'),
        ([6.0], {"$bytes": 0}, 'entry 0 of "$beside"'),
        (["6"], {"$bytes": 0}, 'entry 0 of "$beside"'),
        ([True, 5], [{"$bytes": 0}, {"$bytes": 1}], 'entry 0 of "$beside"'),
        ([None], {"$bytes": 0}, 'entry 0 of "$beside"'),
    ],
)
def test_forged(entries: list[Any], state: Any, message: str) -> None:  # noqa: ANN401 - whatever JSON holds
    """Each entry is referred to once, as what it is, from where a value stands; else the state is corrupt."""
    with pytest.raises(CheckpointCorrupt) as caught:
        load(forged(entries, state), bytes(6))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "|O8"},
        {"dtype": "u1"},
        {"dtype": 8},
        {"dtype": {}},
        {"dtype": {"names": ["a"], "formats": ["|O8"], "offsets": [0], "itemsize": 8, "aligned": False}},
        {"dtype": "|V0"},
        {"shape": [7]},
        {"shape": [-2, -3]},
        {"shape": [2.0, 3]},
        {"shape": ["2", 3]},
        {"shape": [2**62, 2**62]},
        {"shape": [10**30, 0]},
        {"shape": 6},
        {"shape": [1] * 65 + [6]},
        {"shape": None},
        {"order": "A"},
        {"order": None},
        {"order": ["C"]},
        {"data": "AAAAAAAA"},
    ],
    ids=str,
)
def test_forged_array(change: dict[str, Any]) -> None:
    """A description that is no array's, or another's, is corrupt."""
    assert load(forged([BOOL], {"$ndarray": 0}), bytes(6)).size == 6
    buffers = b"" if change.get("shape") == [10**30, 0] else bytes(6)

    with pytest.raises(CheckpointCorrupt):
        load(forged([BOOL | change], {"$ndarray": 0}), buffers)


@pytest.mark.parametrize("part", ["dtype", "shape", "order"])
def test_incomplete_array(part: str) -> None:
    """A description that lacks a part is corrupt."""
    rest = {name: value for name, value in BOOL.items() if name != part}

    with pytest.raises(CheckpointCorrupt, match='entry 0 of "\\$beside"'):
        load(forged([rest], {"$ndarray": 0}), bytes(6))


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1}',
        b"[]",
        b'{"$beside":[]}',
        b'{"$beside":[[]]}',
        b'{"$beside":[[],1,2]}',
        b'{"$beside":[{},1]}',
        b'{"$beside":[[],1],"a":1}',
        b'{"$beside":[[],1]',
        b'{"$beside":[[],1e999]}',
        b'{"$beside":[[],"\xff"]}',
        b'{"$beside":[[],' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"$beside":[[],' + b'{"$tuple":[' * 201 + b"]}" * 201 + b"]}",
        b'{"$beside":[' + b"[" * 100_000 + b"]" * 100_000 + b",1]}",
    ],
    ids=range(13),
)
def test_another_form(data: bytes) -> None:
    """What does not have the form of a state with buffers is corrupt."""
    with pytest.raises(CheckpointCorrupt):
        load(data)


@pytest.mark.parametrize("tree", [0, -1, 100])
def test_another_length(tree: int) -> None:
    """JSON that would be longer than all of the state, or nothing, is corrupt."""
    with pytest.raises(CheckpointCorrupt, match=f"of 99 bytes, {tree} cannot be JSON"):
        JSON.deserialize(Bytes(bytes(99)), tree)


def test_not_without_its_length() -> None:
    """A state with buffers is not one that could be read without: the tag is unknown to `loads`."""
    with pytest.raises(CheckpointCorrupt, match='"\\$beside" is not a tag that this version knows'):
        JSON.loads(b'{"$beside":[[],1]}')


def test_no_memory_for_claims() -> None:
    """What an entry claims takes no memory before it is known to be there, and referred to."""
    gigabyte = 2**30
    claims = [forged([gigabyte], {"$bytes": 0}), forged([BOOL | {"shape": [gigabyte]}], {"$ndarray": 0})]
    large = [forged([2**24], {"$bytes": 1})]
    tracemalloc.start()
    try:
        for tree, there in [(tree, b"") for tree in claims] + [(tree, bytes(2**24)) for tree in large]:
            data = json.dumps(tree).encode()
            source = Bytes(data + there)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(CheckpointCorrupt):
                JSON.deserialize(source, len(data))
            assert tracemalloc.get_traced_memory()[1] - before < 2**20
    finally:
        tracemalloc.stop()


leaves = st.sampled_from([None, 1, "a", {"$bytes": 0}, {"$bytes": 1}, {"$ndarray": 0}, {"$ndarray": 1}, {"$date": "x"}])
hostile = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["$tuple", "$set", "$dict", "$bytes", "$ndarray", "a", "$beside"]), inner, max_size=2
        ),
        st.lists(st.lists(inner, min_size=2, max_size=2), max_size=2).map(lambda pairs: {"$dict": pairs}),
    ),
    max_leaves=6,
)
entries = st.lists(st.sampled_from([0, 3, 6, ARRAY, BOOL, BOOL | {"shape": [3]}, BOOL | {"shape": [0]}]), max_size=2)


@settings(derandomize=True, database=None, deadline=None, max_examples=500)
@given(entries, hostile, st.sampled_from([0, 3, 6, 9, 12]))
def test_hostile(described: list[Any], state: Any, size: int) -> None:  # noqa: ANN401 - whatever JSON holds
    """Whatever stands there, reading ends in a state that can be saved again, or in CheckpointError."""
    try:
        found = load(forged(described, state), bytes(size))
    except CheckpointError:
        return

    JSON.serialize(found)
