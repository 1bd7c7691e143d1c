"""A large state as chunks: what each is known by, how it is stored, and the table that says where."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from ckptstore.codecs import FERNET, ZSTD, Codecs
from ckptstore.compression import expand
from ckptstore.errors import CheckpointCorrupt
from ckptstore.manifest import Hex64, Size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckptstore.backend import Buffer
    from ckptstore.encryption import Key
    from ckptstore.manifest import Manifest

LIMIT = 64 * 1024 * 1024  # bytes of a chunk: what is said to be larger is not even tried
FIRST_LIMIT = 4 * 1024 * 1024 * 1024  # the first writers made one chunk of a whole state
_SEALING = 128  # bytes: more than encryption adds to a chunk


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


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    The chunks of a state, in its order, and how many bytes each of `Header.packs` has.

    How much of a pack is dead its chunks cannot say: they are what lives.
    """

    packs: tuple[Size, ...]
    chunks: tuple[Chunk, ...]


_decode = msgspec.json.Decoder(Table | tuple[Chunk, ...]).decode


def read_table(manifest: Manifest) -> Table:
    """The table of `manifest`, which has its state; `CheckpointCorrupt` or a `ValueError` for one that none can be."""
    header = manifest.header
    found: Any = _decode(manifest.state or b"")
    # The first writers named no sizes, and filled each pack with one chunk.
    table: Table = found if isinstance(found, Table) else Table(_extents(found, len(header.packs)), found)
    if len(table.packs) != len(header.packs) or sum(chunk.size for chunk in table.chunks) != header.size:
        raise CheckpointCorrupt("its table of chunks does not fit its header")
    limit = LIMIT if isinstance(found, Table) else FIRST_LIMIT
    for chunk in table.chunks:
        if not 0 < chunk.size <= limit:
            raise CheckpointCorrupt(f"its chunk {chunk.id[:12]} is said to have {chunk.size} bytes")
        if chunk.pack >= len(table.packs):
            raise CheckpointCorrupt(f"its chunk {chunk.id[:12]} names a pack that the manifest does not")
        least, most = (0, chunk.size + _SEALING) if header.codecs else (chunk.size, chunk.size)
        if chunk.offset + chunk.stored_size > table.packs[chunk.pack] or not least <= chunk.stored_size <= most:
            raise CheckpointCorrupt(f"its chunk {chunk.id[:12]} is said to lie where it cannot")
    return table


def _extents(chunks: Iterable[Chunk], packs: int) -> tuple[int, ...]:
    """How far the chunks reach in each of `packs`."""
    ends = [0] * packs
    for chunk in chunks:
        if chunk.pack < packs:
            ends[chunk.pack] = max(ends[chunk.pack], chunk.offset + chunk.stored_size)
    return tuple(ends)


def names(codecs: Codecs) -> tuple[str, ...]:
    """What a manifest calls that which `wrap` does."""
    return (*([ZSTD] if codecs.zstd else ()), *([FERNET] if codecs.keys else ()))


def identify(key: Key | None, data: Buffer) -> str:
    """The id of the chunk `data`."""
    return key.chunk_id(data) if key else sha256(data).hexdigest()


def wrap(codecs: Codecs, data: Buffer) -> Buffer:
    """The chunk `data` as it is stored: what zstd does not make smaller stays as it is."""
    small = (codecs.zstd and codecs.zstd.shrink(data)) or data
    return codecs.keys.newest.seal(small) if codecs.keys else small


def unwrap(manifest: Manifest, chunk: Chunk, stored: Buffer) -> Buffer:
    """The content of `chunk`, checked by its id; `CheckpointCorrupt` where it is not what was written."""
    codecs = {named.name for named in manifest.header.codecs}
    data: Buffer | None = stored if len(stored) == chunk.stored_size else None
    if FERNET in codecs and data is not None:
        data = manifest.key.open(data) if manifest.key else None
    if ZSTD in codecs and data is not None and len(data) != chunk.size:  # as long as before: it was not made smaller
        data = expand(data, chunk.size)
    if data is None or len(data) != chunk.size or identify(manifest.key, data) != chunk.id:
        raise CheckpointCorrupt("it is not what was written")
    return data
