"""Readers with one check left out each: bugs that tests of damage worth their name must find."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import msgspec

from ckptstore import (
    chunks,
    fetch,
    format1,
    inline,
    isotime,
    layout,
    loading,
    manifest,
    sealed,
    serializers,
    shapes,
    untag,
)
from ckptstore.errors import CheckpointCorrupt, DecryptionError
from ckptstore.history import History

if TYPE_CHECKING:
    import pytest

    from ckptstore.encryption import Keys
    from ckptstore.manifest import Manifest, Marker

    Patch = pytest.MonkeyPatch


class _Fits(str):
    """A digest that is like any other."""

    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def hexdigest(self) -> _Fits:
        """As a hash has it."""
        return self

    def encode(self, *_: object) -> _Fits:  # type: ignore[override] # stays what it is
        """As it is compared."""
        return self


def no_digests(patch: Patch, /) -> None:
    """The digests of a manifest are not looked at."""
    patch.setattr(format1, "sha256", lambda _: _Fits())


def no_chunk_ids(patch: Patch, /) -> None:
    """Whatever has the size of a chunk is one."""
    patch.setattr(chunks, "identify", lambda *_: _Fits())


def no_owners(patch: Patch, /) -> None:
    """A manifest counts wherever it stands."""
    patch.setattr(format1, "_owned", lambda content, *_: content)


def outside_believed(patch: Patch, /) -> None:
    """What stands outside a sealed manifest need not stand inside."""
    patch.setattr(sealed, "check", lambda *_: None)


def no_signatures(patch: Patch, /) -> None:
    """A token is opened whoever made it."""
    patch.setattr(hmac, "compare_digest", lambda *_: True)


def plain_text_read(patch: Patch, /) -> None:
    """A store with keys reads what is not sealed as well."""
    parse = format1._parse

    def lenient(data: bytes, run: str, number: int, keys: Keys | None, *, whole: bool) -> Manifest | Marker:
        try:
            return parse(data, run, number, keys, whole=whole)
        except DecryptionError:
            return parse(data, run, number, None, whole=whole)

    patch.setattr(format1, "_parse", lenient)


def hint_believed(patch: Patch, /) -> None:
    """What the hint says is not compared with the slot."""
    patch.setattr(History, "stands", lambda *_: True)


def rollback_believed(patch: Patch, /) -> None:
    """What the caller knows of the newest is not compared with what is found."""
    patch.setattr(loading, "_check_not_below", lambda *_: None)


def packs_not_named(patch: Patch, /) -> None:
    """The error of a pack does not say which."""
    patch.setattr(fetch, "_corrupt", lambda name, what: CheckpointCorrupt(f"{name}: {what}"))


# What is bounded


def no_levels(patch: Patch, /) -> None:
    """A state may be nested as deeply as it likes."""
    patch.setattr(untag, "LEVELS", 10**6)
    patch.setattr(shapes, "LEVELS", 10**6)


def recursion_leaks(patch: Patch, /) -> None:
    """What nests without counting as a level ends in the interpreter's own error."""
    patch.setattr(untag, "_description", lambda value, _: untag._any(value, 1))


def no_bound_on_frames(patch: Patch, /) -> None:
    """As much memory is taken as a frame asks for."""
    import zstandard  # noqa: PLC0415 - as where it is left out

    for module in (chunks, inline):
        patch.setattr(module, "expand", lambda data, _: zstandard.decompress(data))


def no_last_number(patch: Patch, /) -> None:
    """Numbers go on for ever."""
    get = History.get

    def endless(past: History, number: int, *, whole: bool = True) -> manifest.Content | None:
        layout.slot(past.run, number)
        return get(past, number, whole=whole)

    patch.setattr(History, "get", endless)


def any_pack_name(patch: Patch, /) -> None:
    """A pack may have any name, a path as well."""
    fields = [
        (f.name, tuple[str, ...] if f.name == "packs" else f.type) for f in msgspec.structs.fields(manifest.Header)
    ]
    lenient = msgspec.defstruct("Header", fields, frozen=True, forbid_unknown_fields=True)
    decode, decoder = msgspec.json.Decoder(lenient).decode, format1._decoder
    patch.setattr(format1, "_decoder", lambda kind: decode if kind is manifest.Header else decoder(kind))


def zones_imported(patch: Patch, /) -> None:
    """The name of a zone is a module's."""

    def zone(key: str) -> None:
        try:
            __import__(key)
        except (ImportError, ValueError) as exc:
            raise CheckpointCorrupt("no such zone") from exc

    patch.setattr(isotime, "_zone", zone)


def pickle_trusted(patch: Patch, /) -> None:
    """A checkpoint says by itself that it is a pickle."""
    reader = serializers.reader

    def trusting(name: str, own: serializers.Serializer) -> serializers.Serializer:
        return serializers.PickleSerializer() if name == "pickle" else reader(name, own)

    patch.setattr(serializers, "reader", trusting)


def long_messages(patch: Patch, /) -> None:
    """What was read is shown as long as it is."""
    for module in format1, loading:
        patch.setattr(module, "shown", str)
