"""Numpy arrays: each kind comes back as it was, and no description makes an array that it does not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ckptstore.errors import CheckpointCorrupt
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()
GOOD = {"dtype": "<f8", "shape": [2], "order": "C", "data": "AAAAAAAAAAAAAAAAAAAAAA=="}
ALIGNED = np.dtype([("a", "i1"), ("b", [("c", ">f4"), ("d", "M8[25s]", (2, 3))])], align=True)
SCATTERED = np.dtype({"names": ["a", "b"], "formats": ["f4", "f4"], "offsets": [8, 0], "itemsize": 16})
TITLED = np.dtype([(("a title", "a"), "f8"), ("b", "?")])


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5),
        np.zeros((0, 3)),
        np.zeros((2, 0), "<U3"),
        np.array([[1.0, np.nan], [-0.0, np.inf]]),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array([True, False]),
        np.array([1 + 2j], "c8"),
        np.array([1], "g"),
        np.array(["é", "\ud800", ""]),
        np.array([b"a\x00b"]),
        np.array(["2024-01-01", "NaT"], "M8[ns]"),
        np.array([1], "m8[ns]"),
        np.array([b"abc"], "V3"),
        np.zeros(3, ALIGNED),
        np.zeros(3, SCATTERED),
        np.zeros(3, TITLED),
        np.zeros(3, [("\ud800", "f8")]),
        np.zeros(0, []),
    ],
    ids=lambda array: f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}",
)
def test_round_trip(array: np.ndarray[Any, Any]) -> None:
    """An array comes back with its bytes, shape and dtype (field offsets, titles and alignment with it), writable."""
    back: Any = JSON.loads(JSON.dumps([array]))[0]  # type: ignore[index] # it is a list

    assert type(back) is np.ndarray
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert (back.dtype.fields, back.dtype.isalignedstruct) == (array.dtype.fields, array.dtype.isalignedstruct)
    assert back.flags.writeable
    assert back.flags.owndata


def test_fortran_order() -> None:
    """An array in Fortran order comes back in Fortran order."""
    back: Any = JSON.loads(JSON.dumps(np.asfortranarray(np.arange(6).reshape(2, 3))))

    assert back.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert back.flags.f_contiguous
    assert not back.flags.c_contiguous


@pytest.mark.parametrize("view", [np.arange(20).reshape(4, 5)[::2, ::-1], np.broadcast_to(np.arange(3), (2, 3))])
def test_view(view: np.ndarray[Any, Any]) -> None:
    """Of a view, what it shows is stored, and nothing of what it is cut from."""
    back: Any = JSON.loads(JSON.dumps(view))

    assert back.tolist() == view.tolist()
    assert back.flags.c_contiguous


def test_view_of_records() -> None:
    """A view of a structured array brings the bytes between its fields along, and none from elsewhere in memory."""
    records = np.frombuffer(bytes(range(256)) * ALIGNED.itemsize, ALIGNED)[::-1]

    back: Any = JSON.loads(JSON.dumps(records))

    assert back.tobytes() == records.view(f"V{ALIGNED.itemsize}").tobytes()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(1, [("a", [("b", object)])]), "dtype .* cannot be stored: store its .tolist()"),
        (np.array(["a"], np.dtypes.StringDType()), "dtype StringDType.* cannot be stored: store its .tolist()"),
        (np.zeros(3, "V0"), "cannot be stored"),
        (np.zeros(1, np.dtype((np.record, [("a", "f8")]))), "a numpy array of records cannot be stored"),
        (np.zeros(1, [((1, "a"), "f8")]), "titles of fields that are not str"),
    ],
    ids=["object field", "StringDType", "no size", "records", "titles"],
)
def test_refused(array: np.ndarray[Any, Any], message: str) -> None:
    """An array whose bytes alone would not bring it back is a TypeError that names its place."""
    with pytest.raises(TypeError, match=rf'state\["a"\]: .*{message}'):
        JSON.dumps({"a": array})


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "O"},
        {"dtype": "|O8"},
        {"dtype": "f8"},
        {"dtype": "=f8"},
        {"dtype": "<f8,<f8"},
        {"dtype": "|f8"},
        {"dtype": "<f3"},
        {"dtype": "<M8[x]"},
        {"dtype": "<U9999999999"},
        {"dtype": 8},
        {"dtype": ["<f8"]},
        {"dtype": ["<f8", [-1]]},
        {"dtype": ["<f8", [2**40, 2**40]]},
        {"dtype": {}},
        {"dtype": {"names": ["a"], "formats": ["|O8"], "offsets": [0], "itemsize": 8, "aligned": False}},
        {"dtype": {"names": ["a"], "formats": ["<f8"], "offsets": [1], "itemsize": 8, "aligned": False}},
        {"dtype": {"names": ["a"], "formats": ["<f8"], "offsets": [-8], "itemsize": 8, "aligned": False}},
        {"dtype": {"names": ["a", "a"], "formats": ["<f4", "<f4"], "offsets": [0, 4], "itemsize": 8, "aligned": False}},
        {"dtype": {"names": ["a"], "formats": ["<f8"], "offsets": [0], "itemsize": 8, "aligned": False, "x": 1}},
        {"dtype": {"names": ["a"], "formats": "<f8", "offsets": [0], "itemsize": 8, "aligned": False}},
        {"dtype": "|V0"},
        {"dtype": "|V0", "data": "", "shape": [2**40]},
        {"shape": [3]},
        {"shape": [2**62]},
        {"shape": [10**30, 0], "data": ""},
        {"shape": [-1]},
        {"shape": [2.0]},
        {"shape": ["a", 2**60]},
        {"shape": [True, 2]},
        {"shape": 2},
        {"shape": [1] * 65 + [2]},
        {"order": "A"},
        {"order": "c"},
        {"order": ["C"]},
        {"data": "AAAA"},
        {"data": "=="},
        {"data": "AAAAAAAAAAAAAAAAAAAAAA==\n"},
        {"data": None},
        {"more": 1},
    ],
    ids=str,
)
def test_malformed(change: dict[str, Any]) -> None:
    """A description that `dumps` never writes is corrupt."""
    assert isinstance(JSON.loads(JSON.dumps({"$x": 1, **GOOD})), dict)

    with pytest.raises(CheckpointCorrupt, match="which is not a numpy array"):
        JSON.loads(
            JSON.dumps({"a": 1, "b": {"x": None}}).replace(b"null", b'{"$ndarray":' + JSON.dumps(GOOD | change) + b"}")
        )


def test_incomplete() -> None:
    """A description that lacks a part is corrupt."""
    for part in GOOD:
        rest = {name: value for name, value in GOOD.items() if name != part}

        with pytest.raises(CheckpointCorrupt, match="which is not a numpy array"):
            JSON.loads(b'{"$ndarray":' + JSON.dumps(rest) + b"}")
