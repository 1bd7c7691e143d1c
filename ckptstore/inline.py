"""A small state, inside its manifest."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ckptstore.codecs import PLAIN, ZSTD, Codecs
from ckptstore.compression import expand
from ckptstore.manifest import Encoding

if TYPE_CHECKING:
    from ckptstore.manifest import Manifest

INLINE_JSON = 8 * 1024 * 1024  # a folder of JSON stays readable up to here
INLINE_BASE64 = 64 * 1024  # base64 costs a third more
_TRIED = 16 * INLINE_BASE64  # whether more would fit once it is compressed, is not worth compressing it for


class Placed(msgspec.Struct, frozen=True):
    """A state ready to be named by a manifest: what stands last in the file, and the packs it needs."""

    encoding: Encoding
    state: bytes
    state_sha256: str
    size: int
    stored_size: int
    packs: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()  # what was done to `state`, or to each chunk


def place(data: bytes, codecs: Codecs, *, is_json: bool) -> Placed | None:
    """`data` as part of a manifest; None where it is too large for that."""
    limit = INLINE_JSON if is_json and codecs == PLAIN else INLINE_BASE64
    # What is sealed is compressed with the rest of its manifest; there a second time would be in vain.
    small = codecs.zstd.shrink(data) if codecs.zstd and not codecs.keys and len(data) <= _TRIED else None
    shortest = data if small is None else small
    if len(shortest) > limit:
        return None
    encoding: Encoding = "json" if is_json and small is None else "base64"
    state = data if encoding == "json" else b'"%b"' % b2a_base64(shortest, newline=False)
    codecs_used = () if small is None else (ZSTD,)
    return Placed(encoding, state, sha256(state).hexdigest(), len(data), len(state), codecs=codecs_used)


def read(manifest: Manifest) -> bytes:
    """The serialized state that stands in `manifest`; `CheckpointCorrupt` or a `ValueError` where none does."""
    header, state = manifest.header, manifest.state or b""
    if header.encoding == "json":
        return state
    data = a2b_base64(msgspec.json.decode(state, type=str), strict_mode=True)
    return expand(data, min(header.size, _TRIED)) if header.codecs else data  # nobody puts more into a manifest
