"""
Telling the chunks of the save before from new ones, six times as fast as by their digests.

A fingerprint is a GMAC under a key that is drawn at random and that nobody sees, nor any fingerprint: so two different
chunks have the same one with a probability of 2**-112, whoever chose them (GHASH is a universal hash: at most so many
blocks as a chunk has, of 2**128). It only ever says "this is what was stored already"; what is stored has its SHA-256.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptstore.backend import Buffer

_NONCE = bytes(12)  # always the same: nothing is encrypted, and no tag is ever shown


class Fingerprints:
    """What a store remembers of the chunks that it last saved in a run: some 200 bytes for each."""

    def __init__(self) -> None:
        self.ids: dict[bytes, str] = {}  # by fingerprint; each line is true for ever
        self._key = os.urandom(16)  # here, not below, where two threads may come at once

    def of(self, content: Buffer) -> bytes:
        """The fingerprint of `content`."""
        return self._mac(content)

    @cached_property
    def _mac(self) -> Callable[[Buffer], bytes]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - heavy, and few states are large

        seal = AESGCM(self._key).encrypt
        return lambda content: seal(_NONCE, b"", content)
