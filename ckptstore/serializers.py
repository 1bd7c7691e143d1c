"""State <-> bytes and buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from ckptstore import large
from ckptstore.errors import CheckpointCorrupt, CheckpointError
from ckptstore.serialized import Memory, Serialized
from ckptstore.tags import TAGGED, escape, tag
from ckptstore.untag import LARGE, TYPED, too_deep, untag

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.only import Path
    from ckptstore.serialized import Source

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_encode_inline = msgspec.json.Encoder(enc_hook=large.inline).encode
_decode = msgspec.json.Decoder().decode


class Serializer(Protocol):
    """
    State <-> bytes: `loads(dumps(state))` is the state again.

    `name` is written into every checkpoint and decides who reads it. Give a new name to bytes that older code cannot
    read. `loads` raises `CheckpointError` for bytes that it cannot read.
    """

    @property
    def name(self) -> str:
        """What checkpoints are marked with; `json`, `bytes` and `pickle` are taken."""
        ...

    def dumps(self, state: object) -> bytes:
        """The bytes of `state`; `TypeError` or `ValueError` where it cannot be stored."""
        ...

    def loads(self, data: bytes) -> object:
        """The state that `dumps` gave `data` for."""
        ...


class JsonSerializer(msgspec.Struct, frozen=True):
    """Readable, exact and safe: what was given comes back, and nothing stored is ever executed."""

    @property
    def name(self) -> str:
        """`json`."""
        return "json"

    def dumps(self, state: object) -> bytes:
        """Compact JSON; `TypeError` names the path of what cannot be stored, `ValueError` that of a cycle."""
        data = None if type(state) in TAGGED else _native(state)
        return _in_utf8(_encode_inline, tag(state)) if data is None else data

    def serialize(self, state: object) -> Serialized:
        """What `dumps` gives, or its JSON with the large arrays and bytes of `state` beside it, not copied."""
        data = None if type(state) in TAGGED else _native(state)
        if data is None:
            tree = tag(state)
            try:
                data = _encode(tree)
            except (TypeError, UnicodeEncodeError):  # a `Large`, for what no tree may hold was refused; or a surrogate
                from ckptstore import buffered  # noqa: PLC0415 - only where it is used

                return _in_utf8(buffered.serialize, tree)
        return Serialized((data,), len(data))

    def loads(self, data: bytes) -> object:
        """The state; `CheckpointCorrupt` for anything that `dumps` does not write."""
        typed = data.startswith(TYPED)
        if not typed and len(data) < LARGE:
            return self._loads(data)
        from ckptstore import native  # noqa: PLC0415 - only where it is used

        return native.plain(data) if typed else native.undisturbed(self._loads, data)

    def loads_as(self, data: bytes, type: type[T]) -> T:  # noqa: A002 - the word that users know from msgspec
        """The state as a `type`; `VersionMismatch` where it does not fit."""
        from ckptstore import fitting, native  # noqa: PLC0415 - only where they are used

        return native.loads(data, type) if data.startswith(TYPED) else fitting.fit(self.loads(data), type)

    def deserialize(self, source: Source, tree: int, only: list[Path] | None = None) -> object:
        """
        The state that `serialize` gave a `tree` for, its buffers fetched into the memory that they stay in.

        With `only`, those at these paths and below; in the place of others stands `Omitted`.
        """
        from ckptstore import buffered  # noqa: PLC0415 - only where it is used

        return buffered.deserialize(source, tree, only)

    def deserialize_as(self, source: Source, tree: int, type: type[T], only: list[Path] | None = None) -> T:  # noqa: A002 - as above
        """The same as a `type`; `VersionMismatch` where it does not fit."""
        from ckptstore import fitting  # noqa: PLC0415 - only where it is used

        return fitting.fit(self.deserialize(source, tree, only), type)

    def _loads(self, data: bytes) -> object:
        try:
            tree = _decode(data)
        except ValueError as exc:  # msgspec's own are
            raise CheckpointCorrupt(f"state: not JSON: {exc}") from exc
        except RecursionError:
            raise too_deep() from None
        # `dumps` writes a tag exactly so, and within a string the quote is escaped: without one, no walk is due.
        return untag(tree) if b'{"$' in data else tree


def _native(state: object) -> bytes | None:
    """The bytes of a record, where msgspec alone writes it; whoever asks for others loads a module for nothing."""
    from ckptstore import native  # noqa: PLC0415 - only where it is used

    return native.dumps(state)


def _in_utf8(encode: Callable[[Any], T], tree: Any) -> T:  # noqa: ANN401 - JSON-able
    try:
        return encode(tree)
    except UnicodeEncodeError:  # a lone surrogate: rare enough that no other save should look for one
        return encode(escape(tree))


class BytesSerializer(msgspec.Struct, frozen=True):
    """Bytes as they are, for those who serialize themselves."""

    @property
    def name(self) -> str:
        """`bytes`."""
        return "bytes"

    def dumps(self, state: object) -> bytes:
        """`state` itself, if it is bytes, or the bytes of a bytearray or memoryview."""
        if isinstance(state, (bytes, bytearray, memoryview)):
            return bytes(state)
        raise TypeError(f'state: serializer="bytes" stores bytes, bytearray or memoryview, not {type(state).__name__}')

    def serialize(self, state: object) -> Serialized:
        """`state` in one part, not copied."""
        if type(state) is bytes or not isinstance(state, (bytearray, memoryview)):
            data = self.dumps(state)
            return Serialized((data,), len(data))
        view = memoryview(state)
        part = Memory(view.cast("B")) if view.c_contiguous and view.nbytes else bytes(view)  # empty ones have no cast
        return Serialized((part,), view.nbytes)

    def loads(self, data: bytes) -> object:
        """`data` itself."""
        return bytes(data)


class PickleSerializer(msgspec.Struct, frozen=True):
    """Almost any Python object; only for checkpoints whose every writer is trusted, for loading one can run code."""

    @property
    def name(self) -> str:
        """`pickle`."""
        return "pickle"

    def dumps(self, state: object) -> bytes:
        """The pickle, of the newest protocol; `TypeError` for what has none."""
        import pickle  # noqa: PLC0415 - few stores ask for it

        try:
            return pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError) as exc:  # AttributeError: a local class or function
            raise TypeError(f"state: cannot be pickled: {exc}") from exc
        except RecursionError:
            raise ValueError("state: nested too deeply for pickle") from None

    def loads(self, data: bytes) -> object:
        """The object; `CheckpointError` where its classes are not here, `CheckpointCorrupt` for other bytes."""
        import pickle  # noqa: PLC0415 - few stores ask for it

        try:
            return pickle.loads(data)  # noqa: S301 - the store asked for it
        except (ImportError, AttributeError) as exc:
            raise CheckpointError(f"state: its pickle needs code that is not here: {exc}") from exc
        except (pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError, RecursionError) as exc:
            raise CheckpointCorrupt(f"state: its pickle cannot be read: {exc}") from exc


_SHIPPED = {made.name: made for made in (JsonSerializer(), BytesSerializer(), PickleSerializer())}
_SAFE = ("json", "bytes")
_IN_PARTS = {JsonSerializer, BytesSerializer}  # not their subclasses, which may have a `dumps` of their own


def resolve(serializer: str | Serializer) -> Serializer:
    """The serializer that a store's argument asks for; `TypeError` or `ValueError` for anything else."""
    if isinstance(serializer, str):
        if serializer in _SHIPPED:
            return _SHIPPED[serializer]
        raise ValueError(f"serializer {serializer!r} is unknown: use {_names()} or an object of your own")
    name, verbs = getattr(serializer, "name", None), ("dumps", "loads")
    if isinstance(serializer, type) or not all(callable(getattr(serializer, verb, None)) for verb in verbs):
        raise TypeError(f"serializer must be {_names()} or an object with name, dumps and loads, not {serializer!r}")
    if not isinstance(name, str) or not name:
        raise TypeError(f"serializer {serializer!r} needs a name, a str that is written into its checkpoints")
    if name in _SHIPPED and type(serializer) is not type(_SHIPPED[name]):
        raise ValueError(f"serializer {serializer!r} calls itself {name!r}, which is taken: give it another name")
    return serializer


def reader(name: str, own: Serializer) -> Serializer:
    """Who reads a checkpoint saved with `name` in a store whose serializer is `own`; `CheckpointError` if nobody."""
    if name == own.name:
        return own
    if name in _SAFE:
        return _SHIPPED[name]
    if name == "pickle":
        raise CheckpointError(
            "state: saved with pickle, which can run code when it is loaded: "
            'if you trust its source, open the store with serializer="pickle"',
        )
    raise CheckpointError(
        f"state: saved with the serializer {name!r}, which this store does not have: "
        f"open it with serializer= an object of that name",
    )


def serialize(serializer: Serializer, state: object) -> Serialized:
    """`state` in parts, without a copy of its buffers where the serializer is one that can."""
    if isinstance(serializer, (JsonSerializer, BytesSerializer)) and type(serializer) in _IN_PARTS:
        return serializer.serialize(state)
    data = serializer.dumps(state)
    return Serialized((data,), len(data))


def _names() -> str:
    return ", ".join(f'"{name}"' for name in _SHIPPED)
