"""Values as comparable trees in which nothing is equal that differs in type, sign, zone or layout."""

from __future__ import annotations

import dataclasses
import struct
from datetime import datetime, time, timezone
from decimal import Decimal
from math import isnan
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def exact(x: Any) -> Any:  # noqa: ANN401 - any state
    """What two states share if and only if they are the same: types, order, NaN, zones, folds, bits."""
    kind = type(x)
    if kind in PARTS:
        return kind, PARTS[kind](x)
    if dataclasses.is_dataclass(kind):
        return kind, [exact(getattr(x, field.name)) for field in dataclasses.fields(kind)]
    if issubclass(kind, msgspec.Struct):
        return kind, [exact(getattr(x, name)) for name in kind.__struct_fields__]
    return kind, x


def moment(x: Any) -> Any:  # noqa: ANN401 - a datetime or time
    """The parts of a datetime; equality alone would take one zone for another, and ignore folds."""
    zone = x.tzinfo
    name = f"{zone.tzname(None)} {zone.utcoffset(None)!r}" if type(zone) is timezone else repr(zone)
    return x.replace(tzinfo=None, fold=0), x.fold, type(zone), name


def layout(x: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - parts of an array
    """The parts of an array; what is not contiguous comes back in C order."""
    kind = x.dtype
    whole = x.view(f"V{kind.itemsize}") if x.size else x  # by field, what lies between would be left out
    order = x.flags.f_contiguous and not x.flags.c_contiguous
    return kind, kind.fields, kind.isalignedstruct, x.shape, whole.tobytes(), order


PARTS: dict[type, Callable[[Any], Any]] = {
    float: lambda x: "nan" if isnan(x) else struct.pack("<d", x),
    Decimal: str,
    list: lambda x: [exact(value) for value in x],
    tuple: lambda x: [exact(value) for value in x],
    set: lambda x: sorted(map(exact, x), key=repr),
    frozenset: lambda x: sorted(map(exact, x), key=repr),
    dict: lambda x: [(exact(key), exact(value)) for key, value in x.items()],
    datetime: moment,
    time: moment,
    np.ndarray: layout,
}
