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
from typing import TYPE_CHECKING, Any

from ckptstore.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np

_STRUCTURED = {"names", "formats", "offsets", "itemsize", "aligned"}
# Not O: an object in an array is a pointer, and bytes from a file must never become one.
_SIMPLE = re.compile(r"[<>|][biufcmMSUV][0-9]{1,10}(\[[0-9]*[A-Za-z]+\])?")


def is_array(kind: type) -> bool:
    """Whether `kind` is exactly `numpy.ndarray`."""
    return kind is getattr(sys.modules.get("numpy"), "ndarray", None)


def advice(kind: type) -> str | None:
    """What to store in place of a numpy scalar or of a subclass of ndarray; None for what is not numpy's."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(kind, (numpy.generic, numpy.ndarray)):
        return None
    return "store numpy.asarray(…) of it" if issubclass(kind, numpy.ndarray) else "store its .item()"


def describe(array: np.ndarray[Any, Any]) -> dict[str, object]:
    """`array` as JSON holds it; `TypeError` where the bytes alone would not bring it back."""
    dtype = array.dtype
    if dtype.itemsize == 0 and array.size:
        raise TypeError(f"a numpy array of dtype {dtype} cannot be stored: store its .tolist()")
    text = _dtype_out(dtype)
    flags = array.flags
    order: Any = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    data = b2a_base64(array.tobytes(order), newline=False).decode("ascii")
    return {"dtype": text, "shape": list(array.shape), "order": order, "data": data}


def revive(value: object) -> np.ndarray[Any, Any]:
    """The array that `describe` gave `value` for, writable; `ValueError` or `TypeError` for anything else."""
    if type(value) is not dict or value.keys() != {"dtype", "shape", "order", "data"}:
        raise ValueError("not an array")
    try:
        import numpy as np  # noqa: PLC0415 - costs 100 ms, and most states have no arrays
    except ImportError as exc:
        raise CheckpointError("state: it holds numpy arrays: pip install numpy") from exc
    dtype = _dtype_in(value["dtype"], np)
    shape, order = _shape(value["shape"]), value["order"]
    if type(value["data"]) is not str or order not in ("C", "F"):
        raise ValueError("not an array")
    raw = a2b_base64(value["data"], strict_mode=True)
    count = math.prod(shape)
    if count * dtype.itemsize != len(raw) or (count and not raw):  # elements of no size could be any number
        raise ValueError("shape and data differ")
    array = np.empty(shape, dtype, order=order)
    if raw:
        whole = dtype if dtype.fields is None else f"V{dtype.itemsize}"  # by field, what lies between would be left out
        array.view(whole)[...] = np.ndarray(shape, whole, raw, order=order)
    return array


def _dtype_out(dtype: np.dtype[Any]) -> object:
    """`dtype` as `_dtype_in` reads it; `TypeError` for one that is not numpy's own (`record`, bfloat16)."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_dtype_out(base), list(shape)]
    if dtype.fields is None or dtype.kind != "V":
        if not _SIMPLE.fullmatch(dtype.str) or sys.modules["numpy"].dtype(dtype.str) != dtype:
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
    if type(value) is str and _SIMPLE.fullmatch(value):
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
