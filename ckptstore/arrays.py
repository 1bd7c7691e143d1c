"""
Numpy arrays as JSON-able descriptions; numpy is never imported before an array is met.

    {"dtype": "<f8", "shape": [2, 3], "order": "C" | "F", "data": "<base64>"}

A dtype is numpy's own short text; a structured one is `{"names", "formats", "offsets", "itemsize", "aligned"}` (and
`"titles"`, where it has some), a field that is an array of its own `[dtype, shape]`.
"""

from __future__ import annotations

import math
import re
import sys
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ckptstore.errors import CheckpointError
from ckptstore.serialized import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

    from ckptstore.serialized import Part

BLOCK = 1024 * 1024  # bytes of an array that are copied at a time
_HEAD = {"dtype", "shape", "order"}
_WHOLE = _HEAD | {"data"}
_STRUCTURED = {"names", "formats", "offsets", "itemsize", "aligned"}
# Not O: an object in an array is a pointer, and bytes from a file must never become one.
_SIMPLE = r"[<>|][biufcmMSUV][0-9]{1,10}(\[[0-9]*[A-Za-z]+\])?"


def is_array(kind: type) -> bool:
    """Whether `kind` is exactly `numpy.ndarray`."""
    return kind is getattr(sys.modules.get("numpy"), "ndarray", None)


def advice(kind: type) -> str | None:
    """What to store in place of a numpy scalar or of a subclass of ndarray; None for what is not numpy's."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(kind, (numpy.generic, numpy.ndarray)):
        return None
    return "store numpy.asarray(…) of it" if issubclass(kind, numpy.ndarray) else "store its .item()"


def head(array: np.ndarray[Any, Any]) -> dict[str, object]:
    """The description of `array` without its data; `TypeError` where the bytes alone would not bring it back."""
    dtype = array.dtype
    if dtype.itemsize == 0 and array.size:
        raise TypeError(f"a numpy array of dtype {dtype} cannot be stored: store its .tolist()")
    flags = array.flags
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    return {"dtype": _dtype_out(dtype), "shape": list(array.shape), "order": order}


def described(array: np.ndarray[Any, Any], head: dict[str, object]) -> dict[str, object]:
    """`array`, whose head this is, as JSON holds it."""
    order: Any = head["order"]
    # Of a structured view, numpy's `tobytes` leaves what stands between fields unset: whatever was in memory there.
    raw = array.tobytes(order) if array.dtype.fields is None else b"".join(part(array))
    return {**head, "data": b2a_base64(raw, newline=False).decode("ascii")}


def revive(value: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401 - whatever JSON holds
    """The array that `described` gave `value` for, writable; `ValueError` or `TypeError` for anything else."""
    plan = Plan.of(value, _WHOLE)
    if type(value["data"]) is not str:
        raise ValueError("not an array")
    raw = a2b_base64(value["data"], strict_mode=True)
    if plan.nbytes != len(raw):
        raise ValueError("shape and data differ")
    array = plan.allocate()
    memory(array)[:] = raw
    return array


class Plan(NamedTuple):
    """An array as its head describes it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    nbytes: int

    @classmethod
    def of(cls, head: Any, keys: set[str] = _HEAD) -> Plan:  # noqa: ANN401 - whatever JSON holds
        """The plan by a head, or by a dict with other keys besides; `ValueError` or `TypeError` for anything else."""
        if type(head) is not dict or head.keys() != keys or head["order"] not in ("C", "F"):
            raise ValueError("not an array")
        try:
            import numpy as np  # noqa: PLC0415 - costs 100 ms, and most states have no arrays
        except ImportError as exc:
            raise CheckpointError("state: it holds numpy arrays: pip install numpy") from exc
        dtype, shape = _dtype_in(head["dtype"], np), _shape(head["shape"])
        count = math.prod(shape)
        if min(shape, default=0) < 0 or (count and not dtype.itemsize):  # elements of no size could be any number
            raise ValueError("not a shape")
        return cls(dtype, shape, head["order"], count * dtype.itemsize)

    def allocate(self) -> np.ndarray[Any, Any]:
        """The array, its elements not set yet."""
        empty: Callable[..., np.ndarray[Any, Any]] = sys.modules["numpy"].empty
        return empty(self.shape, self.dtype, order=self.order)


def memory(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of a contiguous `array` as they lie in memory, what stands between fields included."""
    if not array.nbytes:
        return memoryview(bytearray())
    rows: Any = array if array.flags.c_contiguous else array.T
    return memoryview(rows.reshape(-1).view("u1"))


def part(array: np.ndarray[Any, Any]) -> Part:
    """The bytes of `array`, in the order that its head says, without a copy of all of it."""
    flags = array.flags
    return Memory(memory(array)) if flags.c_contiguous or flags.f_contiguous else _Scattered(array)


class _Scattered:
    """An array that is no single piece of memory, copied block by block in C order."""

    mutable = False  # a block is nobody else's

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self.nbytes = array.nbytes

    def __iter__(self) -> Iterator[memoryview]:
        np = sys.modules["numpy"]
        size = self._array.dtype.itemsize
        whole = self._array.view(f"V{size}")  # by field, what lies between would be left out
        blocks = np.nditer(whole, ["external_loop", "buffered"], order="C", buffersize=max(1, BLOCK // size))
        for block in blocks:
            yield memory(block.copy())  # 5 GB/s; `array.flat` gives 1


def _dtype_out(dtype: np.dtype[Any]) -> object:
    """`dtype` as `_dtype_in` reads it; `TypeError` for one that is not numpy's own (`record`, bfloat16)."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_dtype_out(base), list(shape)]
    if dtype.fields is None or dtype.kind != "V":
        if not re.fullmatch(_SIMPLE, dtype.str) or sys.modules["numpy"].dtype(dtype.str) != dtype:
            raise TypeError(f"a numpy array of dtype {dtype} cannot be stored: store its .tolist()")
        return dtype.str
    if dtype.type.__name__ != "void":
        raise TypeError("a numpy array of records cannot be stored: give it a dtype of type numpy.void")
    known: Any = dtype.fields
    fields = [known[name] for name in dtype.names or ()]
    described: dict[str, object] = {
        "names": list(dtype.names or ()),
        "formats": [_dtype_out(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }
    titles = [field[2] if len(field) == 3 else None for field in fields]
    if not {type(title) for title in titles} <= {str, type(None)}:
        raise TypeError("a numpy array cannot be stored with titles of fields that are not str")
    return {**described, "titles": titles} if any(titles) else described


def _dtype_in(value: Any, np: Any) -> Any:  # noqa: ANN401 - from the module, imported late, a dtype
    if type(value) is str and re.fullmatch(_SIMPLE, value):
        dtype = np.dtype(value)
        if dtype.str == value:
            return dtype
    elif type(value) is list and len(value) == 2:
        return np.dtype((_dtype_in(value[0], np), _shape(value[1])))
    elif type(value) is dict and type(value["formats"]) is list and value.keys() - {"titles"} == _STRUCTURED:
        if "titles" in value and not _are_titles(value["titles"]):
            raise ValueError("not titles")
        return np.dtype({**value, "formats": [_dtype_in(part, np) for part in value["formats"]]})
    raise ValueError("not a dtype")


def _are_titles(value: object) -> bool:
    return type(value) is list and set(map(type, value)) <= {str, type(None)} and any(value)


def _shape(value: object) -> tuple[int, ...]:
    if type(value) is not list or len(value) > 64 or not set(map(type, value)) <= {int}:  # numpy takes 64 dimensions
        raise ValueError("not a shape")
    return tuple(value)
