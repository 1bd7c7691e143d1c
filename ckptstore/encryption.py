"""
Secret bytes: Fernet tokens (AES-128 in CBC mode, HMAC-SHA256), and the keys that open them.

A token is handled as its bytes, before base64: `Fernet(key).decrypt(urlsafe_b64encode(token))` opens one.
"""

from __future__ import annotations

import hmac
import os
import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.ciphers import CipherContext

    from ckptstore.backend import Buffer

_VERSION = 0x80
_HEAD = struct.Struct(">BQ16s")  # version, seconds since 1970, initialization vector
_BLOCK = 16
_MAC = 32
_COPIED = 64 * 1024  # bytes: below, a copy is cheaper than views
_FILLS = [bytes([_BLOCK - size]) * (_BLOCK - size) for size in range(_BLOCK)]
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_HOW = "make one with cryptography.fernet.Fernet.generate_key()"


class Key:
    """One Fernet key. Nothing shows it: neither `repr` nor any error."""

    __slots__ = ("_cipher", "_identify", "_mac", "_spare")

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - few stores ask

        aes = algorithms.AES(secret[16:])
        self._mac = hmac.new(secret[:16], digestmod="sha256")
        self._cipher: Callable[[bytes], Any] = lambda vector: Cipher(aes, modes.CBC(vector))
        self._spare: list[_Chain] = []  # taken out for use: neither two threads nor a signal handler can share one
        self._identify = hmac.digest(secret, b"ckptstore: the id of a chunk", "sha256")

    def __repr__(self) -> str:
        return "Key(…)"

    def seal(self, data: Buffer) -> bytes | bytearray:
        """The token of `data`, in bytes."""
        vector = os.urandom(_BLOCK)
        cut = len(data) - len(data) % _BLOCK
        last = bytes(data[cut:]) + _FILLS[len(data) - cut]
        head = _HEAD.pack(_VERSION, int(time.time()), vector)
        if cut < _COPIED:
            body = head + self._encrypt(vector, bytes(data[:cut]) + last)
            return body + self._sign(body)
        # One buffer from the start: each copy of a large chunk would cost as much as a tenth of the cipher.
        encryptor = self._cipher(vector).encryptor()
        token = bytearray(len(head) + cut + _BLOCK + _MAC)
        view = memoryview(token)
        view[: len(head)] = head
        encryptor.update_into(memoryview(data)[:cut], view[len(head) :])
        view[len(head) + cut : -_MAC] = encryptor.update(last)
        view[-_MAC:] = self._sign(view[:-_MAC])
        return token

    def open(self, token: Buffer) -> Buffer | None:
        """What the token holds; None where this key did not make it, or not one bit of it is as it was."""
        view = memoryview(token)
        if len(view) < _HEAD.size + _BLOCK + _MAC or (len(view) - _HEAD.size - _MAC) % _BLOCK or view[0] != _VERSION:
            return None
        if not hmac.compare_digest(self._sign(view[:-_MAC]), view[-_MAC:]):
            return None
        data: bytes = self._cipher(bytes(view[9 : _HEAD.size])).decryptor().update(view[_HEAD.size : -_MAC])
        size = len(data) - data[-1]  # the fill is authentic: its length needs no second look
        return data[:size] if size < _COPIED else memoryview(data)[:size]

    def chunk_id(self, data: Buffer) -> str:
        """The id of a chunk: to whoever lacks the key, equal content does not show."""
        return hmac.digest(self._identify, data, "sha256").hex()

    def _sign(self, data: bytes | memoryview) -> bytes:
        mac = self._mac.copy()  # half the time of hmac.digest, which sets up the key each time
        mac.update(data)
        return mac.digest()

    def _encrypt(self, vector: bytes, blocks: bytes) -> bytes:
        try:
            chain = self._spare.pop()
        except IndexError:
            chain = _Chain(self._cipher(vector).encryptor(), vector)
        done = chain.encrypt(vector, blocks)
        self._spare.append(chain)
        return done


class _Chain:
    """
    An AES context in CBC mode for one text after another, each as if the context were new.

    To make one takes four times as long as what it does to a small state. CBC adds to each block, bit by bit, the
    encrypted block before it: a text that adds to its first block what went before, and its vector, begins afresh.
    """

    __slots__ = ("_encryptor", "_last")

    def __init__(self, encryptor: CipherContext, vector: bytes) -> None:
        self._encryptor = encryptor
        self._last = vector

    def encrypt(self, vector: bytes, blocks: bytes) -> bytes:
        """What AES-CBC makes of `blocks` with `vector`."""
        first = int.from_bytes(blocks[:_BLOCK]) ^ int.from_bytes(self._last) ^ int.from_bytes(vector)
        done = self._encryptor.update(first.to_bytes(_BLOCK) + blocks[_BLOCK:])
        self._last = done[-_BLOCK:]
        return done


class Opened(NamedTuple):
    """What a token held, and whose it was."""

    data: bytes
    key: Key


class Keys:
    """The keys of a store: the first writes, any of them reads."""

    __slots__ = ("_all", "newest")

    def __init__(self, keys: Sequence[Key]) -> None:
        self._all = tuple(keys)
        self.newest = self._all[0]

    def __repr__(self) -> str:
        return f"Keys({len(self._all)})"

    def open(self, token: bytes) -> Opened | None:
        """What the token holds; None where no key opens it."""
        for key in self._all:
            data = key.open(token)
            if data is not None:
                return Opened(bytes(data), key)
        return None


def text(token: bytes | bytearray) -> bytes:
    """A token as it stands in JSON: the standard's own form."""
    return b2a_base64(token, newline=False).translate(_URL_SAFE)


def token(text: bytes) -> bytes | None:
    """The way back; None for what is not base64 as `text` writes it."""
    try:
        found = urlsafe_b64decode(text)
    except ValueError:
        return None
    return found if urlsafe_b64encode(found) == text else None


def resolve(encryption: str | bytes | Sequence[str | bytes]) -> Keys:
    """The keys that a store's argument gives; for anything else a `TypeError` or `ValueError`, which shows none."""
    if isinstance(encryption, (str, bytes)):
        return Keys([_key(encryption, "encryption")])
    if not isinstance(encryption, (list, tuple)):
        raise TypeError(f"encryption must be a Fernet key or a list of them, not {type(encryption).__name__}")
    if not encryption:
        raise ValueError("encryption=[] would leave everything open: give at least one key, or None")
    return Keys([_key(one, f"encryption[{index}]") for index, one in enumerate(encryption)])


def _key(given: object, name: str) -> Key:
    if not isinstance(given, (str, bytes)):
        raise TypeError(f"{name} must be a Fernet key, a str or bytes, not {type(given).__name__}; {_HOW}")
    raw = given.encode(errors="surrogatepass") if isinstance(given, str) else given
    try:
        secret = urlsafe_b64decode(raw)
    except ValueError:
        secret = b""  # what base64 says of it stays in here: it may quote the key
    if len(secret) != _BLOCK * 2 or urlsafe_b64encode(secret) != raw.strip():
        due = "32 bytes in url-safe base64 are due (44 characters)"
        raise ValueError(f"{name} is not a Fernet key: {due}, and this has {len(raw)} characters; {_HOW}")
    return Key(secret)
