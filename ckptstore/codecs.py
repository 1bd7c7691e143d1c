"""What is done to bytes on their way: compress, then encrypt. Which of it was done, the manifest says by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckptstore import compression as _compression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptstore.compression import Zstd
    from ckptstore.encryption import Keys

ZSTD = "zstd"
FERNET = "fernet"


class Codecs(NamedTuple):
    """What a store does to bytes. Without keys it opens nothing that is sealed; with keys, nothing that is not."""

    zstd: Zstd | None = None
    keys: Keys | None = None


PLAIN = Codecs()


def resolve(compression: str | Zstd | None, encryption: str | bytes | Sequence[str | bytes] | None) -> Codecs:
    """The codecs that a store's arguments ask for; `TypeError` or `ValueError` for anything else."""
    zstd = _compression.resolve(compression)
    if encryption is None:
        return Codecs(zstd)
    from ckptstore import encryption as _encryption  # noqa: PLC0415 - few stores ask for it

    return Codecs(zstd, _encryption.resolve(encryption))
