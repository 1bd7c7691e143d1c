"""
A manifest that only a key opens: outside, what the protocol needs of it; inside, all of it, run and number included.

The inside is compressed once, where the store compresses, and is then one Fernet token. What stands outside is believed
because it is repeated there, so nothing can be swapped, renamed, replayed under another number, or edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from ckptstore import encryption, lines
from ckptstore.compression import MAGIC, expand
from ckptstore.errors import CheckpointCorrupt, DecryptionError
from ckptstore.manifest import FORMAT, Header, Hex32, Link, Number, PackName

if TYPE_CHECKING:
    from ckptstore.compression import Zstd

LIMIT = 256 * 1024 * 1024  # bytes of an inside: chunks of a state of a tebibyte


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields outside, in the order in which they are written."""

    format: Literal[1]
    number: Number
    write_id: Hex32
    parent: Link | None
    packs: tuple[PackName, ...]
    sealed: str


class Inside(NamedTuple):
    """An opened manifest: what stands outside, the bytes inside, and the key that opened them."""

    envelope: Envelope
    data: bytes
    key: encryption.Key


_LINES = lines.template(Envelope.__struct_fields__, b"}\n")
_decode = msgspec.json.Decoder(Envelope).decode


def seal(header: Header, data: bytes, key: encryption.Key, zstd: Zstd | None) -> bytes:
    """The lines behind the digest, of the manifest `data` whose header is `header`."""
    token = encryption.text(key.seal((zstd and zstd.shrink(data)) or data)).decode()
    return lines.fill(_LINES, Envelope(FORMAT, header.number, header.write_id, header.parent, header.packs, token))


def unseal(body: bytes, keys: encryption.Keys | None) -> Inside:
    """What `seal` made `body` of; `DecryptionError` where no key opens it."""
    envelope = _decode(b"{" + body)
    lines.check_canonical(body, _LINES, envelope)
    if keys is None:
        raise DecryptionError("it is encrypted: open the store with encryption= its key")
    token = encryption.token(envelope.sealed.encode())
    opened = None if token is None else keys.open(token)
    if opened is None:
        raise DecryptionError(
            "none of the store's keys opens it: it was written with another key (add that one behind the newest: "
            "encryption=[newest, older]), or edited by somebody without one",
        )
    data = expand(opened.data, LIMIT) if opened.data.startswith(MAGIC) else opened.data
    return Inside(envelope, data, opened.key)


def check(envelope: Envelope, header: Header) -> None:
    """What stands outside is what stands inside."""
    outside = (envelope.number, envelope.write_id, envelope.parent, envelope.packs)
    if outside != (header.number, header.write_id, header.parent, header.packs):
        raise CheckpointCorrupt("what stands outside its sealed part is not what stands inside")
