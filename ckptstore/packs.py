"""Where a state's bytes lie: inside the manifest while they are few, else as chunks in packs of their own."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.beside import beside
from ckptstore.codecs import FERNET, PLAIN, ZSTD, Codecs
from ckptstore.compression import expand
from ckptstore.errors import CheckpointCorrupt, VersionMismatch
from ckptstore.manifest import Encoding, Hex64, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.backend import Backend
    from ckptstore.encryption import Key
    from ckptstore.history import History
    from ckptstore.manifest import Header, Manifest

INLINE_JSON = 8 * 1024 * 1024  # a folder of JSON stays readable up to here
INLINE_BASE64 = 64 * 1024  # base64 costs a third more
_TRIED = 16 * INLINE_BASE64  # whether more would fit once it is compressed, is not worth compressing it for
LARGE = 1024 * 1024  # bytes: below, a thread costs more than it saves
_KNOWN: dict[Encoding, tuple[tuple[str, ...], ...]] = {
    "json": ((),),
    "base64": ((), (ZSTD,)),
    "chunks": ((), (ZSTD,), (FERNET,), (ZSTD, FERNET)),
}


class Chunk(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    A piece of a state: what identifies its content, its size, and where it is stored (which of `Header.packs`).

    The id is the content's SHA-256; keyed, where it is encrypted.
    """

    id: Hex64
    size: Size
    pack: Size
    offset: Size
    stored_size: Size


class MissingPack(FileNotFoundError):  # noqa: N818 - what is missing says it
    """The pack `key` is not there."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Placed(msgspec.Struct, frozen=True):
    """A state ready to be named by a manifest: what stands last in the file, and the packs it needs."""

    encoding: Encoding
    state: bytes
    state_sha256: str
    size: int
    stored_size: int
    packs: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()  # what was done to `state`, or to each chunk


_decode_chunks = msgspec.json.Decoder(tuple[Chunk, ...]).decode


def place(data: bytes, codecs: Codecs, *, is_json: bool) -> Placed | None:
    """`data` as part of a manifest; None where it is too large for that."""
    limit = INLINE_JSON if is_json and codecs == PLAIN else INLINE_BASE64
    # What is sealed is compressed with the rest of its manifest; there a second time would be in vain.
    small = codecs.zstd.shrink(data) if codecs.zstd and not codecs.keys and len(data) <= _TRIED else None
    if small is not None:
        return None if len(small) > limit else _inline("base64", _base64(small), len(data), (ZSTD,))
    if len(data) > limit:
        return None
    return _inline("json", data, len(data)) if is_json else _inline("base64", _base64(data), len(data))


def _inline(encoding: Encoding, state: bytes, size: int, codecs: tuple[str, ...] = ()) -> Placed:
    return Placed(encoding, state, sha256(state).hexdigest(), size, len(state), codecs=codecs)


def _base64(data: bytes) -> bytes:
    return b'"%b"' % b2a_base64(data, newline=False)


def write(history: History, number: int, write_id: str, data: bytes) -> Placed:
    """`data` in a pack that is durable on return and aims at `number`."""
    zstd, keys = history.codecs
    name = layout.pack_name(number, write_id, 0)
    hashing: Callable[[], str] = partial(_identity, keys.newest if keys else None, data)
    if len(data) >= LARGE:  # a digest takes as long as what else is done, and both let others run
        hashing = beside(hashing)
    try:
        size = _store(history, name, data)
    finally:
        identity = hashing()
    state = msgspec.json.encode([Chunk(identity, len(data), 0, 0, size)])
    names = (*([ZSTD] if zstd else ()), *([FERNET] if keys else ()))
    return Placed("chunks", state, sha256(state).hexdigest(), len(data), size, (name,), names)


def _store(history: History, name: str, data: bytes) -> int:
    """Put `data` through the codecs into the pack; how many bytes that makes."""
    zstd, keys = history.codecs
    small = (zstd and zstd.shrink(data)) or data
    stored = keys.newest.seal(small) if keys else small
    history.backend.create(layout.pack(history.run, name), stored)
    return len(stored)


def read(backend: Backend, manifest: Manifest) -> bytes:
    """
    The serialized state of `manifest`, every byte checked.

    `MissingPack` where one is gone; `CheckpointCorrupt`, without run and number, for bytes that do not fit.
    """
    header, state = manifest.header, manifest.state or b""
    codecs = {named.name for named in header.codecs}
    _check_known(header)
    try:
        if header.encoding == "json":
            data = state
        elif header.encoding == "base64":
            data = a2b_base64(msgspec.json.decode(state, type=str), strict_mode=True)
            if ZSTD in codecs:
                data = expand(data, min(header.size, _TRIED))  # nobody puts more into a manifest
        else:
            data = b"".join([_read_chunk(backend, manifest, chunk) for chunk in _decode_chunks(state)])
    except (msgspec.MsgspecError, ValueError) as exc:
        raise CheckpointCorrupt(f"its state cannot be read: {exc}") from exc
    if len(data) != header.size:
        raise CheckpointCorrupt(f"its state has {len(data)} bytes where {header.size} were saved")
    return data


def _check_known(header: Header) -> None:
    names = tuple(named.name for named in header.codecs)
    settings = [named.name for named in (*header.codecs, header.serializer) if named.settings]
    if settings or names not in _KNOWN[header.encoding]:
        how = f"{', '.join(settings or names)} in a way"
        raise VersionMismatch(f"it was written with {how} that this ckptstore does not know: upgrade ckptstore")


def _read_chunk(backend: Backend, manifest: Manifest, chunk: Chunk) -> bytes:
    packs = manifest.header.packs
    if chunk.pack >= len(packs):
        raise CheckpointCorrupt(f"its chunk {chunk.id[:12]} names a pack that the manifest does not")
    name = layout.pack(manifest.header.run, packs[chunk.pack])
    try:
        stored = backend.get(name, chunk.offset, chunk.offset + chunk.stored_size)
        data = _undo(manifest, chunk, stored) if len(stored) == chunk.stored_size else None
    except FileNotFoundError as exc:
        raise MissingPack(name) from exc
    except IsADirectoryError as exc:
        raise _corrupt(name, "a folder stands in its place: remove it") from exc
    except CheckpointCorrupt as exc:
        raise _corrupt(name, f"chunk {chunk.id[:12]}: {exc}") from exc
    if data is None or len(data) != chunk.size or _identity(manifest.key, data) != chunk.id:
        raise _corrupt(name, f"chunk {chunk.id[:12]} is not what was written")
    return data


def _corrupt(name: str, what: str) -> CheckpointCorrupt:
    error = CheckpointCorrupt(f"{name}: {what}")
    error.key = name
    return error


def _undo(manifest: Manifest, chunk: Chunk, stored: bytes) -> bytes | None:
    """What the codecs made `stored` of; None where the key does not fit."""
    codecs = {named.name for named in manifest.header.codecs}
    if FERNET in codecs:
        opened = manifest.key.open(stored) if manifest.key else None
        if opened is None:
            return None
        stored = opened
    # As long as before: zstd did not make it smaller.
    return expand(stored, chunk.size) if ZSTD in codecs and len(stored) != chunk.size else stored


def _identity(key: Key | None, data: bytes) -> str:
    return key.chunk_id(data) if key else sha256(data).hexdigest()
