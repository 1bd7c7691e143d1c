"""
Large dataclasses and Structs as msgspec itself writes them: several times as fast as value by value.

    {"$typed":[<shape>,<state>]}

The shape says what `<state>` is without its classes, so that what a load gives is the same as if every value had been
written with its tag. Where that cannot be promised of a state, it is not written so.
"""

from __future__ import annotations

import gc
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec

from ckptstore import shapes
from ckptstore.decoders import decoder
from ckptstore.errors import CheckpointCorrupt, shown
from ckptstore.fitting import fit
from ckptstore.untag import LARGE, TYPED

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ckptstore.shapes import Shape

T = TypeVar("T")
D = TypeVar("D", bytes, memoryview)

SMALL = 16 * 1024  # bytes: below, tags cost no time that anybody notices, and people read them more easily
SHAPE_LIMIT = 4096  # bytes: what is longer is of no use to anybody who looks into the file

_END = b"]}"
_encode = msgspec.json.Encoder().encode


class _Native(NamedTuple):
    """How the instances of a class are written natively, and read again."""

    shape: Shape
    prefix: bytes
    decode: Callable[[memoryview], Any]
    blobs: tuple[str, ...]  # the fields with bytes in them


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    typed: tuple[msgspec.Raw, msgspec.Raw] = msgspec.field(name="$typed")


_open = msgspec.json.Decoder(_Envelope).decode


def dumps(state: object) -> bytes | None:
    """
    `state`, a dataclass or Struct, in the form that `loads` reads; None for what is better written with tags.

    That is what is small, of a class whose fields are not all of known and exact types, or holds anything that would
    not come back equal and of the same type: a subclass, NaN, a time zone; or bytes that should stand beside the JSON.
    """
    native = _native(cast("Hashable", type(state)))
    if native is None:
        return None
    try:
        if _is_apart(state, native):
            return None
        data = _encode(state)
        if len(data) < SMALL or not native.shape.holds([state]):
            return None
    except (TypeError, ValueError, AttributeError, RecursionError):  # what is wrong with it, tags can say better
        return None
    return b"".join((native.prefix, data, _END))


def _is_apart(state: object, native: _Native) -> bool:
    """Whether bytes of `state` should stand beside its JSON: asked before a base64 of them takes memory."""
    blobs = [getattr(state, name) for name in native.blobs]
    if all(type(blob) is bytes for blob in blobs):
        return not shapes.inline(blobs)
    return not native.shape.holds([state])


def loads(data: bytes, type: type[T]) -> T:  # noqa: A002 - as `fit` calls it
    """The state that `dumps` gave `data` for, as a `type`: what `fit(plain(data), type)` is, or raises, but sooner."""
    native = _native(cast("Hashable", type))
    if native is not None and data.startswith(native.prefix) and data.endswith(_END):
        try:
            state: T = undisturbed(native.decode, memoryview(data)[len(native.prefix) : -len(_END)])
        except (ValueError, RecursionError):  # msgspec's own are ValueErrors
            pass  # `plain` or `fit` says what is wrong, and where
        else:
            return state
    return fit(plain(data), type)


def plain(data: bytes) -> Any:  # noqa: ANN401 - whatever was saved
    """The state as plain values, as an untyped load gives it; `CheckpointCorrupt` for what `dumps` does not write."""
    try:
        shape, state = _open(data).typed
        if len(bytes(shape)) > SHAPE_LIMIT:
            raise ValueError("its shape is too long")  # noqa: TRY301 - as all that is wrong with it
        return undisturbed(_plain_decoder(bytes(shape)), memoryview(state))
    except (ValueError, TypeError, RecursionError) as exc:  # TypeError: a union that nobody can read
        raise CheckpointCorrupt(f"state: not as it was written: {shown(exc)}") from exc


@lru_cache(1024)
def _native(kind: Any) -> _Native | None:  # noqa: ANN401 - a class, or whatever a load is asked for
    shape = shapes.of_class(kind) if isinstance(kind, type) else None
    if shape is None:
        return None
    text = _encode(shape.json)
    if len(text) > SHAPE_LIMIT:
        return None
    blobs = (name for name, key in shapes.fields(kind)[1].items() if b'"bytes"' in _encode(shape.json[key]))
    return _Native(shape, b"".join((TYPED, text, b",")), decoder(kind).decode, tuple(blobs))


@lru_cache(64)
def _plain_decoder(shape: bytes) -> Callable[[memoryview], Any]:
    return decoder(shapes.to_type(msgspec.json.decode(shape))).decode


def undisturbed(decode: Callable[[D], T], data: D) -> T:
    """
    `decode(data)`, with the cyclic garbage collector paused where there is much to read.

    What is being read grows and holds no garbage, yet the collector would walk through it again and again: 180 of 390
    ms for 100,000 records. Two threads that do this at once leave it running, if it was.
    """
    if len(data) < LARGE or not gc.isenabled():
        return decode(data)
    gc.disable()
    try:
        return decode(data)
    finally:
        gc.enable()
