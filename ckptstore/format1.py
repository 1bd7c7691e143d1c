"""
Format 1: manifest, marker and hint <-> bytes. docs/format.md draws it byte by byte.

A file is checked before anything in it is believed: `sha256` covers the header, `state_sha256` what stands last.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ckptstore import lines
from ckptstore.codecs import PLAIN, Codecs
from ckptstore.decoders import decoder
from ckptstore.errors import CheckpointCorrupt, CheckpointError, DecryptionError, VersionMismatch, shown
from ckptstore.manifest import FORMAT, Content, Damaged, Header, Ident, Manifest, Marker, Tombstone, new_id
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.encryption import Keys

T = TypeVar("T")

IDENT_SIZE = 256  # the first bytes of a slot: enough to say whose it is
HEAD_SIZE = 4096  # the first bytes of a slot: nearly always the whole header
HINT_LIMIT = 256 * 1024  # bytes of a manifest that the hint repeats whole
METADATA_LIMIT = 64 * 1024
NO_METADATA = msgspec.Raw(b"{}")
SIZE_LIMIT = 512 * 1024 * 1024  # bytes of an object: a sealed manifest of a state of a tebibyte has 350 MiB

_FIRST = re.compile(rb'\{"sha256": "([0-9a-f]{64})",\n"format": ([0-9]{1,9}),\n')
_IDENT = re.compile(rb'"number": ([0-9]{1,12}),\n"write_id": "([0-9a-f]{32})",\n"(removed|parent)": ')
DIGEST = slice(12, 12 + 64)  # where `sha256` stands: of a header that is written once, so it tells any two apart
_START = DIGEST.stop + len('",\n')  # where the bytes that it covers begin
_STATE, _STATE_IN = b'"state": ', b'"state_in": '
_STATE_LINE = b"\n" + _STATE  # a string in JSON holds no raw line end, so this stands nowhere else

_SEALED_LINE = b'\n"sealed": "'

_HEADER = lines.template(Header.__struct_fields__, b",\n")
_TOMBSTONE = lines.template(Tombstone.__struct_fields__, b"}\n")
_json = JsonSerializer()


@cache
def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Made when it is first needed: the two are 2 % of an import."""
    return decoder(kind).decode


class _OtherCase(CheckpointCorrupt):
    """The object is that of a run whose name differs in case alone."""


def encode_metadata(metadata: dict[str, object]) -> msgspec.Raw:
    """`metadata` as a header holds it; `ValueError` past 64 KiB, `TypeError` for what a state could not hold either."""
    try:
        data = _json.dumps(metadata)
    except (TypeError, ValueError) as exc:
        raise type(exc)(f"metadata{str(exc).removeprefix('state')}") from exc
    if len(data) > METADATA_LIMIT:
        raise ValueError(f"metadata takes {len(data)} bytes, more than {METADATA_LIMIT}: put it into the state")
    return msgspec.Raw(data)


def encode_manifest(header: Header, state: bytes, codecs: Codecs = PLAIN) -> tuple[Manifest, bytes]:
    """The manifest of `header` and `state`, without the state, and its bytes: sealed, where there are keys."""
    head = lines.fill(_HEADER, header)
    digest = sha256(head).hexdigest()
    data = b"".join((b'{"sha256": "', digest.encode(), b'",\n', head, _STATE, state, b"}\n"))
    metadata = {} if header.metadata is NO_METADATA else _decode_metadata(header)
    if codecs.keys is None:
        return Manifest(header, digest, metadata, None), data
    from ckptstore.sealed import seal  # noqa: PLC0415 - few stores ask for it; from the package takes 2 µs more

    key = codecs.keys.newest
    body = seal(header, data, key, codecs.zstd)
    digest = sha256(body).hexdigest()
    return Manifest(header, digest, metadata, None, key), b'{"sha256": "%b",\n%b' % (digest.encode(), body)


def encode_hint(data: bytes, number: int) -> bytes:
    """The hint that repeats the manifest `data`: whole, or without its state where that is large."""
    if len(data) <= HINT_LIMIT or _STATE_LINE not in data:  # a sealed manifest cannot be cut
        return data
    return data[: data.index(_STATE_LINE) + 1] + _STATE_IN + b'"%012d.json"}\n' % number


def encode_marker(content: Manifest | Damaged) -> tuple[Marker, bytes]:
    """The marker that takes the place of `content`, and its bytes; one of damage names nothing."""
    if isinstance(content, Manifest):
        old = content.header
        tombstone = Tombstone(FORMAT, old.number, old.write_id, True, old.parent, old.packs, content.sha256)  # noqa: FBT003 - a record's fields in order
    else:
        tombstone = Tombstone(FORMAT, content.number, new_id(), True, None, (), "0" * 64)  # noqa: FBT003 - the same
    body = lines.fill(_TOMBSTONE, tombstone)
    return Marker(tombstone), b'{"sha256": "%b",\n%b' % (sha256(body).hexdigest().encode(), body)


def ident(data: bytes) -> Ident | None:
    """Whose object this is, by its first `IDENT_SIZE` bytes, checked no further; None for anything foreign."""
    first = _FIRST.match(data)
    rest = first and _IDENT.match(data, first.end())
    if not first or not rest:
        return None
    return Ident(int(rest[1]), rest[2].decode(), first[1].decode(), rest[3] == b"removed")


def has_header(data: bytes) -> bool:
    """Whether `data`, the first `HEAD_SIZE` bytes of a slot, hold all of its header."""
    return len(data) < HEAD_SIZE or _STATE_LINE in data


def parse(data: bytes, run: str, number: int, keys: Keys | None = None, *, whole: bool = True) -> Content:
    """
    What the slot `number` of `run` holds; whatever stands in it, this does not raise but returns `Damaged`.

    `whole=False`: `data` is the beginning of the object, and its header alone is checked.
    """
    try:
        return _parse(data, run, number, keys, whole=whole)
    except CheckpointError as error:
        return Damaged(number, error, "bytes" if type(error) is CheckpointCorrupt else "not ours")


def parse_hint(data: bytes, run: str, keys: Keys | None = None) -> Manifest | None:
    """The manifest that the hint repeats; None for a torn, foreign or edited one, which is as good as no hint."""
    found = ident(data)
    if found is None:
        return None
    cut = data.rfind(b"\n" + _STATE_IN)
    whole = cut < 0
    content = parse(data if whole else data[: cut + 1] + _STATE, run, found.number, keys, whole=whole)
    return content if isinstance(content, Manifest) else None


def _parse(data: bytes, run: str, number: int, keys: Keys | None, *, whole: bool) -> Manifest | Marker:
    where = f"run {run!r}, checkpoint {number}"
    first = _FIRST.match(data)
    if len(data) > SIZE_LIMIT:
        raise CheckpointCorrupt(f"{where}: larger than any checkpoint, which has {SIZE_LIMIT} bytes at most")
    if first is None:
        raise CheckpointCorrupt(f"{where}: not a checkpoint: edited, re-formatted, cut short, or a foreign file")
    if int(first[2]) != FORMAT:
        raise VersionMismatch(
            f"{where}: written in format {int(first[2])}; this ckptstore reads format {FORMAT}: upgrade ckptstore",
        )
    found = ident(data)
    try:
        if found is not None and found.removed:
            return _owned(_parse_marker(data, first[1]), run, number)
        if _STATE_LINE not in data and _SEALED_LINE in data:
            return _owned(_parse_sealed(data, first[1], keys, whole=whole), run, number)
        manifest = _owned(_parse_manifest(data, first[1], whole=whole), run, number)
    except (VersionMismatch, DecryptionError, _OtherCase) as exc:
        raise type(exc)(f"{where}: {exc}") from exc
    except (CheckpointCorrupt, ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
        raise CheckpointCorrupt(f"{where}: edited, re-formatted or damaged: {shown(exc)}") from exc
    except CheckpointError as exc:  # what this machine lacks, such as a time zone
        raise type(exc)(f"{where}: {exc}") from exc
    if keys is not None:
        raise DecryptionError(
            f"{where}: it is not encrypted, and a store with keys reads only what is: whoever can write to the storage "
            "may have put it there. To read it all the same, open the store without encryption=",
        )
    return manifest


def _parse_manifest(data: bytes, digest: bytes, *, whole: bool) -> Manifest:
    end = data.find(_STATE_LINE, _START) + 1
    head = data[_START:end]
    if sha256(head).hexdigest().encode() != digest:
        raise CheckpointCorrupt("the header does not match its sha256")
    header = _decoder(Header)(b"{" + head[:-2] + b"}")
    metadata = _decode_metadata(header)
    lines.check_canonical(head, _HEADER, header)
    if not whole:
        return Manifest(header, digest.decode(), metadata, None)
    state = data[end + len(_STATE) : -2]
    if not data.endswith(b"}\n") or sha256(state).hexdigest() != header.state_sha256:
        raise CheckpointCorrupt("the state does not match its sha256")
    return Manifest(header, digest.decode(), metadata, state)


def _parse_sealed(data: bytes, digest: bytes, keys: Keys | None, *, whole: bool) -> Manifest:
    from ckptstore import sealed  # noqa: PLC0415 - few stores ask for it

    body = data[_START:]
    if sha256(body).hexdigest().encode() != digest:
        raise CheckpointCorrupt("the sealed manifest does not match its sha256")
    inside = sealed.unseal(body, keys)
    first = _FIRST.match(inside.data)
    if first is None:
        raise CheckpointCorrupt("its sealed part holds no manifest")
    inner = _parse_manifest(inside.data, first[1], whole=True)
    sealed.check(inside.envelope, inner.header)
    return Manifest(inner.header, digest.decode(), inner.metadata, inner.state if whole else None, inside.key)


def _parse_marker(data: bytes, digest: bytes) -> Marker:
    body = data[_START:]
    if sha256(body).hexdigest().encode() != digest:
        raise CheckpointCorrupt("the marker does not match its sha256")
    tombstone = _decoder(Tombstone)(b"{" + body)
    lines.check_canonical(body, _TOMBSTONE, tombstone)
    return Marker(tombstone)


def _decode_metadata(header: Header) -> dict[str, object]:
    if header.metadata == NO_METADATA:
        return {}
    data = bytes(header.metadata)
    try:
        metadata = _json.loads(data) if len(data) <= METADATA_LIMIT else None
        if isinstance(metadata, dict) and b"\n" not in data and _json.dumps(metadata) == data:
            return metadata
    except CheckpointError as exc:
        raise type(exc)(f"metadata{str(exc).removeprefix('state')}") from exc
    raise CheckpointCorrupt("its metadata is not as format 1 writes it")


def _owned(content: Manifest | Marker, run: str, number: int) -> Manifest | Marker:
    """Only under its own name does a manifest count: no copy or rename can take another's place."""
    owner = content.header.run if isinstance(content, Manifest) else run
    if owner != run and owner.casefold() == run.casefold():
        raise _OtherCase(f"here is run {shown(owner)!r}, and this disk ignores case: take a name that differs in more")
    if (owner, content.number) != (run, number):
        here = f"checkpoint {content.number} of run {shown(owner)!r}"
        raise CheckpointCorrupt(f"this is {here} under another name: copied or renamed by hand")
    return content
