"""Large arrays and bytes stand beside the JSON as they lie in memory, and come back into memory of their own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from peaks import peak
from sources import Bytes, written

from ckptstore import VersionMismatch
from ckptstore.filled import HANDED_ON
from ckptstore.serializers import BytesSerializer, JsonSerializer, PickleSerializer

if TYPE_CHECKING:
    from ckptstore.serialized import Serialized

JSON, BYTES, PICKLE = JsonSerializer(), BytesSerializer(), PickleSerializer()
MIB = 1024 * 1024
ALIGNED = np.dtype([("a", "i1"), ("b", [("c", ">f4"), ("d", "M8[25s]", (2, 3))])], align=True)
TITLED = np.dtype([(("a title", "a"), "f8"), ("\ud800", "?")])
GRID = np.arange(40_000, dtype="<i8").reshape(200, 200)


def back(serialized: Serialized) -> Any:  # noqa: ANN401 - whatever was saved
    """Read a state with buffers beside it."""
    assert serialized.tree is not None
    data = written(serialized)
    assert len(data) == serialized.size
    return JSON.deserialize(Bytes(data), serialized.tree)


def whole(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Take each element with what stands between its fields, which numpy leaves out of a copy."""
    return array.view(f"V{array.dtype.itemsize}")


@dataclasses.dataclass
class Blob:
    """A record that msgspec could write by itself."""

    name: str
    data: bytes


@dataclasses.dataclass
class Blobless:
    """A record that is not what was saved."""

    weights: bytes


@dataclasses.dataclass
class Blobs:
    """Bytes that are not in a field by themselves."""

    blobs: list[Blob]


@dataclasses.dataclass
class Model:
    """A record with an array."""

    step: int
    weights: np.ndarray[Any, Any]
    blob: bytes


@pytest.mark.parametrize(
    "array",
    [
        GRID,
        np.asfortranarray(GRID),
        GRID[::2, ::-1],
        GRID.T[::-1],
        np.broadcast_to(np.arange(200), (200, 200)),
        GRID.astype(">i4"),
        np.array([b"x" * 70_000]),
        np.array("é" * 70_000),
        np.arange(20_000).astype("M8[ns]"),
        np.zeros(10_000, ALIGNED),
        np.frombuffer(bytes(range(256)) * 70 * ALIGNED.itemsize, ALIGNED)[::-2],
        np.zeros(10_000, TITLED),
        np.frombuffer(b"x" * 70_000, "u1"),
    ],
    ids=lambda array: f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}{array.strides}",
)
def test_round_trip(array: np.ndarray[Any, Any]) -> None:
    """An array comes back with its bytes, shape, dtype and order in memory, in memory of its own, writable."""
    found: Any = back(JSON.serialize({"a": [array]}))["a"][0]

    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert whole(found).tobytes() == whole(array).tobytes()
    assert (found.dtype.fields, found.dtype.isalignedstruct) == (array.dtype.fields, array.dtype.isalignedstruct)
    assert found.flags.f_contiguous == (array.flags.f_contiguous or array.ndim < 2)
    assert found.flags.writeable
    assert found.flags.owndata


@pytest.mark.parametrize("array", [GRID, np.asfortranarray(GRID), GRID[::-1]], ids=["C", "F", "reversed"])
def test_what_is_written(array: np.ndarray[Any, Any]) -> None:
    """The bytes beside the JSON are those that numpy gives, in the order that the JSON says, without a gap."""
    serialized = JSON.serialize([array, bytes(70_000)])
    data = written(serialized)
    order: Any = msgspec.json.decode(data[: serialized.tree])["$beside"][0][0]["order"]

    assert data[serialized.tree :] == array.tobytes(order) + bytes(70_000)


def test_bytes_come_back() -> None:
    """Bytes beside the JSON come back, wherever they stand, one object or two."""
    blob = b"x" * 70_000
    state = {"a": (blob, [blob]), 1: {"b": bytes(range(256)) * 16}}

    assert back(JSON.serialize(state)) == state


@pytest.mark.parametrize(
    ("state", "beside"),
    [
        ([bytes(4096)] * 16, True),
        ([bytes(4096)] * 15 + [bytes(4095)], False),
        ([np.zeros(4096, "u1")] * 16, True),
        ([np.zeros(4095, "u1")] * 99, False),
        ([np.zeros(2048, "u1"), bytes(65_535)], False),
        ([np.zeros(512), bytes(61_440)], True),
        ({bytes(99_000)}, False),
        ({frozenset({(bytes(99_000), 1)})}, False),
        ({bytes(99_000): 1}, False),
        ({(1, bytes(99_000)): 1}, False),
        ({(1, 2): bytes(99_000)}, True),
        (Blob("a", bytes(65_536)), True),
        (Blob("a", bytes(65_535)), False),
        (Blobs([Blob("a", bytes(4096))] * 16), True),
        (Blobs([Blob("a", bytes(4095))] * 99), False),
        (["\ud800", bytes(99_000)], True),
    ],
    ids=range(16),
)
def test_when_beside(state: object, beside: bool) -> None:
    """Values of 4 KiB go beside if they come to 64 KiB together; others, keys and what is in sets stay in the JSON."""
    serialized = JSON.serialize(state)

    assert (serialized.tree is not None) == beside
    assert beside or written(serialized) == JSON.dumps(state)


def test_without_buffers() -> None:
    """A state without large values is one part, the bytes that `dumps` gives, whatever its kind."""
    for state in ({"a": 1}, ["\ud800"], Blob("a", b"x"), Blobs([Blob("a", b"x")] * 999), [bytes(5000), "\ud800"]):
        serialized = JSON.serialize(state)

        assert serialized.parts == (JSON.dumps(state),)
        assert serialized.tree is None
        assert serialized.size == len(JSON.dumps(state))


def test_dumps_is_one_piece() -> None:
    """`dumps`, which writes metadata, puts nothing beside its JSON."""
    state = {"a": bytes(99_000), "b": np.zeros(9_000), "\ud800": {(bytes(9_000),)}}

    found: Any = JSON.loads(JSON.dumps(state))

    assert (found["a"], found["b"].tolist(), found["\ud800"]) == (state["a"], [0.0] * 9_000, state["\ud800"])


def test_equal_sets_are_equal_bytes() -> None:
    """Large bytes in a set are written in an order of their own."""
    elements = [(bytes([n]) * 5000, n) for n in range(20)]
    backwards = elements[::-1]

    assert JSON.dumps(set(elements)) == JSON.dumps(set(backwards))


def test_surrogates() -> None:
    """A lone surrogate, which UTF-8 cannot hold, may stand anywhere beside a large value."""
    array = np.zeros(9_000, TITLED)
    state = {"\ud800": [array, "\udfff", bytes(9_000)]}

    found = back(JSON.serialize(state))

    assert (found["\ud800"][0].dtype, found["\ud800"][1:]) == (TITLED, ["\udfff", bytes(9_000)])


def test_refusals_name_their_place() -> None:
    """What cannot be stored is refused as it is where nothing is large."""
    with pytest.raises(TypeError, match=r'state\["a"\]\[1\]: a numpy array of dtype'):
        JSON.serialize({"a": [bytes(99_000), np.zeros(9_000, object)]})


def test_typed() -> None:
    """A record with an array and bytes comes back as its type, and what does not fit is named."""
    model = Model(1, GRID, bytes(99_000))
    serialized = JSON.serialize(model)
    assert serialized.tree is not None
    source = Bytes(written(serialized))

    found = JSON.deserialize_as(source, serialized.tree, Model)

    assert (found.step, found.blob, found.weights.tolist()) == (1, model.blob, GRID.tolist())
    with pytest.raises(VersionMismatch, match=r"state\.weights: expected bytes"):
        JSON.deserialize_as(source, serialized.tree, Blobless)


def test_fetched_together() -> None:
    """A load asks for the JSON, and then for all buffers at once, each where it stands."""
    serialized = JSON.serialize([GRID, {"b": bytes(70_000)}, np.zeros(0)])
    assert serialized.tree is not None
    source = Bytes(written(serialized))

    JSON.deserialize(source, serialized.tree)

    tree = serialized.tree
    assert source.asked == [[(0, tree)], [(tree, GRID.nbytes), (tree + GRID.nbytes, 70_000)]]


@pytest.mark.parametrize("step", [1, -1], ids=["contiguous", "reversed"])
def test_saving_copies_nothing(step: int) -> None:
    """The parts of a state with a large array are never in memory all at once."""
    state = {"a": np.ones(64 * MIB, "u1")[::step], "b": bytes(16 * MIB)}

    def read() -> None:
        for part in JSON.serialize(state).parts:
            for piece in [part] if isinstance(part, bytes) else part:
                assert memoryview(piece).format == "B"

    assert peak(read) < 8 * MIB


@pytest.mark.parametrize("value", [np.ones(64 * MIB, "u1"), bytes(64 * MIB)], ids=["array", "bytes"])
def test_loading_takes_memory_once(value: object) -> None:
    """
    An array or bytes are fetched into the very memory that the state has them in.

    (From CPython 3.12 on, bytes are there twice for a moment.)
    """
    serialized = JSON.serialize([value])
    tree, source = serialized.tree, Bytes(written(serialized))
    assert tree is not None

    times = 2 if isinstance(value, bytes) and not HANDED_ON else 1
    assert 64 * MIB <= peak(lambda: JSON.deserialize(source, tree)) < (64 * times + 2) * MIB


def test_what_can_change() -> None:
    """A part says whether its memory is somebody else's to change: an array's is, a block's that was copied is not."""
    kinds = [part if isinstance(part, bytes) else part.mutable for part in JSON.serialize([GRID, GRID[::-1]]).parts[1:]]

    assert kinds == [True, False]
