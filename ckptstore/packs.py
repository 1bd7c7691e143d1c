"""Where a state's bytes lie: inside the manifest while they are few, else as chunks in packs of their own."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.errors import CheckpointCorrupt, VersionMismatch
from ckptstore.manifest import Encoding, Hex64, Size

if TYPE_CHECKING:
    from ckptstore.backend import Backend
    from ckptstore.manifest import Manifest

INLINE_JSON = 8 * 1024 * 1024  # a folder of JSON stays readable up to here
INLINE_BASE64 = 64 * 1024  # base64 costs a third more


class Chunk(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A piece of a state: the SHA-256 of its content, its size, and where it is stored (which of `Header.packs`)."""

    id: Hex64
    size: Size
    pack: Size
    offset: Size
    stored_size: Size


class Placed(msgspec.Struct, frozen=True):
    """A state ready to be named by a manifest: what stands last in the file, and the packs it needs."""

    encoding: Encoding
    state: bytes
    state_sha256: str
    size: int
    stored_size: int
    packs: tuple[str, ...] = ()


_decode_chunks = msgspec.json.Decoder(tuple[Chunk, ...]).decode


def place(data: bytes, *, is_json: bool) -> Placed | None:
    """`data` as part of a manifest; None where it is too large for that."""
    if len(data) > (INLINE_JSON if is_json else INLINE_BASE64):
        return None
    state = data if is_json else b'"%b"' % b2a_base64(data, newline=False)
    return Placed("json" if is_json else "base64", state, sha256(state).hexdigest(), len(data), len(state))


def write(backend: Backend, run: str, number: int, write_id: str, data: bytes) -> Placed:
    """`data` in a pack that is durable on return and aims at `number`."""
    name = layout.pack_name(number, write_id, 0)
    backend.create(layout.pack(run, name), data)
    chunk = Chunk(sha256(data).hexdigest(), len(data), 0, 0, len(data))
    state = msgspec.json.encode([chunk])
    return Placed("chunks", state, sha256(state).hexdigest(), len(data), len(data), (name,))


def read(backend: Backend, manifest: Manifest) -> bytes:
    """
    The serialized state of `manifest`, every byte checked.

    `FileNotFoundError` where a pack is gone; `CheckpointCorrupt`, without run and number, for bytes that do not fit.
    """
    header, state = manifest.header, manifest.state or b""
    unknown = [named.name for named in header.codecs] or header.serializer.settings
    if unknown:
        raise VersionMismatch(f"it was written with {unknown}, which this ckptstore does not know: upgrade ckptstore")
    try:
        if header.encoding == "json":
            data = state
        elif header.encoding == "base64":
            data = a2b_base64(msgspec.json.decode(state, type=str), strict_mode=True)
        else:
            data = b"".join([_read_chunk(backend, manifest, chunk) for chunk in _decode_chunks(state)])
    except (msgspec.MsgspecError, ValueError) as exc:
        raise CheckpointCorrupt(f"its state cannot be read: {exc}") from exc
    if len(data) != header.size:
        raise CheckpointCorrupt(f"its state has {len(data)} bytes where {header.size} were saved")
    return data


def _read_chunk(backend: Backend, manifest: Manifest, chunk: Chunk) -> bytes:
    names = manifest.header.packs
    if chunk.pack >= len(names):
        raise CheckpointCorrupt(f"its chunk {chunk.id[:12]} names a pack that the manifest does not")
    key = layout.pack(manifest.header.run, names[chunk.pack])
    data = backend.get(key, chunk.offset, chunk.offset + chunk.stored_size)
    if len(data) != chunk.size or sha256(data).hexdigest() != chunk.id:
        raise CheckpointCorrupt(f"{key}: chunk {chunk.id[:12]} is not what was written")
    return data
