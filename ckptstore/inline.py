"""A small state, inside its manifest."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ckptstore.codecs import PLAIN, ZSTD, Codecs
from ckptstore.compression import expand
from ckptstore.manifest import Encoding, Named

if TYPE_CHECKING:
    from ckptstore.manifest import Manifest
    from ckptstore.serialized import Serialized

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
    codecs: tuple[Named, ...] = ()  # what was done to `state`, or to each chunk


def place(state: Serialized, codecs: Codecs, *, is_json: bool) -> Placed | None:
    """`state` as part of a manifest; None where it is too large for that, or in several parts."""
    if len(state.parts) != 1 or not isinstance(data := state.parts[0], bytes):
        return None
    if is_json and codecs == PLAIN:
        return _inline("json", data, state) if len(data) <= INLINE_JSON else None
    # What is sealed is compressed with the rest of its manifest; there a second time would be in vain.
    small = codecs.zstd.shrink(data) if codecs.zstd and not codecs.keys and len(data) <= _TRIED else None
    if len(data if small is None else small) > INLINE_BASE64:
        return None
    if small is not None:
        return _inline("base64", _base64(small), state, (Named(ZSTD),))
    return _inline("json", data, state) if is_json else _inline("base64", _base64(data), state)


def read(manifest: Manifest) -> bytes:
    """The serialized state that stands in `manifest`; `CheckpointCorrupt` or a `ValueError` where none does."""
    header, state = manifest.header, manifest.state or b""
    if header.encoding == "json":
        return state
    data = a2b_base64(msgspec.json.decode(state, type=str), strict_mode=True)
    return expand(data, min(header.size, _TRIED)) if header.codecs else data  # nobody puts more into a manifest


def _inline(encoding: Encoding, last: bytes, state: Serialized, codecs: tuple[Named, ...] = ()) -> Placed:
    return Placed(encoding, last, sha256(last).hexdigest(), state.size, len(last), (), codecs)


def _base64(data: bytes) -> bytes:
    return b'"%b"' % b2a_base64(data, newline=False)
