"""
A large object on its way up, as it lies in memory.

All requests of a process share one thread. There botocore hashes a body, and aiohttp and asyncio copy it thrice before
its first byte is sent: 2.4 of 3.8 seconds of the processor for each GiB, in which nothing else moves. So a body is
hashed by whoever sends it, and handed on piece by piece.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import botocore.auth
from aiohttp.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ckptstore.backend import Buffer

PIECE = 1024 * 1024  # bytes that are handed on at a time
SIGNED_BY_US = "ckptstore-s3v4"
"""What botocore knows our signature by: its own "s3v4", of a body that knows its digest."""


class Body(Payload):
    """Buffers as the body of a PUT: a file to botocore, and to aiohttp what writes itself, as often as it is asked."""

    def __init__(self, buffers: Iterable[Buffer]) -> None:
        super().__init__(None)
        self._views = [memoryview(buffer).cast("B") for buffer in buffers]
        self._size = self._end = sum(map(len, self._views))  # the first is aiohttp's
        self._at = 0

    def __len__(self) -> int:
        return self._end

    @cached_property
    def sha256(self) -> str:
        """In hex, as a signature has it."""
        digest = hashlib.sha256()
        for view in self._views:
            digest.update(view)
        return digest.hexdigest()

    @cached_property
    def crc32(self) -> str:
        """In base64, as the checksum's header has it."""
        crc = 0
        for view in self._views:
            crc = zlib.crc32(view, crc)
        return base64.b64encode(crc.to_bytes(4, "big")).decode()

    def tell(self) -> int:
        """Where `read` goes on."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on at `offset`, from the front, from here or from the end."""
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes, or all that is left."""
        left = self._end - self._at
        size = left if size is None or size < 0 else min(size, left)
        data = b"".join(self._slices(self._at, self._at + size))
        self._at += size
        return data

    async def write(self, writer: Any) -> None:  # noqa: ANN401 - a part of aiohttp that it does not export
        """Everything, in pieces that wait until there is room for them."""
        for piece in self._slices(0, self._end):
            await writer.write(piece)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Everything as text; aiohttp wants that of a payload, and nobody calls it."""
        return b"".join(self._views).decode(encoding, errors)

    def _slices(self, start: int, end: int) -> Iterator[memoryview]:
        at = 0
        for view in self._views:
            for first in range(max(0, start - at), min(len(view), end - at), PIECE):
                yield view[first : min(first + PIECE, end - at)]
            at += len(view)


class _Auth(botocore.auth.S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signature, without its own look at a body that knows its digest."""

    def payload(self, request: Any) -> str:  # noqa: ANN401 - as above
        if isinstance(request.data, Body) and self._should_sha256_sign_payload(request):
            return request.data.sha256
        signed: str = super().payload(request)
        return signed


def choose_signer(signature_version: object, signing_name: object, **_: object) -> str | None:
    """Ours for botocore's "s3v4", as which it takes "v4" for S3; None leaves any other to botocore."""
    return SIGNED_BY_US if signing_name == "s3" and signature_version in {"v4", "s3v4"} else None


def put_checksum(params: dict[str, Any], **_: object) -> None:
    """
    The checksum that botocore adds in a header, and of a large body without its look at the body.

    With https botocore puts it behind the body, which is then sent in chunks that are each copied twice, and that some
    servers refuse. A large one has none where the server checks the SHA-256 of its signature.
    """
    body, checksum = params["body"], params["context"].get("checksum", {})
    algorithm = checksum.get("request_algorithm")
    if not isinstance(algorithm, dict) or algorithm.get("algorithm") != "crc32":  # the user has asked for another
        return
    algorithm["in"] = "header"
    if not isinstance(body, Body):
        return
    if params["url"].startswith("https:") or not _signs_body(params["context"]):
        params["headers"][algorithm["name"]] = body.crc32
    else:
        del checksum["request_algorithm"]


def _signs_body(context: dict[str, Any]) -> bool:
    """Whether the signature of a request over http covers its body: unless it is an old one or none, or told not to."""
    settings = getattr(context.get("client_config"), "s3", None) or {}
    return context.get("auth_type") in {"v4", "s3v4"} and settings.get("payload_signing_enabled") is not False


botocore.auth.AUTH_TYPE_MAPS[SIGNED_BY_US] = _Auth
