"""Large bodies on S3: sent as they lie in memory, signed and summed as botocore would; and read into their place."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from aiobotocore.httpsession import AIOHTTPSession
from botocore import UNSIGNED

from ckptstore_backends.s3 import S3Backend
from ckptstore_backends.s3_body import Body
from ckptstore_backends.s3_session import LARGE, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bucket import Bucket
    from faulty_proxy import FaultyProxy

    from ckptstore.backend import Buffer

pytestmark = pytest.mark.usefixtures("impatient")

DATA = random.Random(5).randbytes(5 * LARGE // 2)
PARTS: list[Buffer] = [DATA[:10], memoryview(DATA)[10 : 2 * LARGE].cast("H"), bytearray(DATA[2 * LARGE :]), b""]


@contextlib.contextmanager
def requests(backend: S3Backend) -> Iterator[list[Any]]:
    """Give the requests as they are about to be sent."""
    sent: list[Any] = []
    events = backend._session._fs().s3.meta.events
    note = lambda request, **_: sent.append(request)  # noqa: E731 - botocore looks for keywords
    events.register("before-send.s3.PutObject", note)
    yield sent
    events.unregister("before-send.s3.PutObject", note)


def test_a_large_body_arrives(bucket: Bucket) -> None:
    """Buffers of every kind arrive as one object, and are not joined on their way."""
    backend = S3Backend(bucket.name, storage_options=bucket.options())
    backend.create("run/0", b"")

    with requests(backend) as sent:
        backend.create("run/1", PARTS)
        backend.put("run/2", DATA)

    assert bucket.peek("run/1") == bucket.peek("run/2") == DATA
    assert all(isinstance(request.body, Body) for request in sent)


def test_another_client_gets_bytes(bucket: Bucket) -> None:
    """Where the caller names the class that sends requests, which may be httpx's, a large body is bytes."""
    backend = S3Backend(bucket.name, storage_options=bucket.options(http_session_cls=AIOHTTPSession))

    with requests(backend) as sent:
        backend.put("run/1", PARTS)

    assert bucket.peek("run/1") == DATA
    assert not any(isinstance(request.body, Body) for request in sent)


@pytest.mark.parametrize("fault", ["reset before", "reset after", "503 SlowDown"])
def test_a_large_body_is_sent_again(bucket: Bucket, proxy: FaultyProxy, fault: str) -> None:
    """After a fault all of it goes once more, whatever had gone before."""
    backend = S3Backend(bucket.name, storage_options=bucket.options(proxy.url))
    proxy.begin(lambda number, _: fault if number == 0 else None)

    backend.put("run/1", PARTS)

    assert bucket.peek("run/1") == DATA


def test_http_signs_what_it_sends(bucket: Bucket) -> None:
    """Over http the signature covers the SHA-256 of a large body, as it does of a small one."""
    backend = S3Backend(bucket.name, storage_options=bucket.options())
    with requests(backend) as sent:
        backend.put("run/1", PARTS)
        backend.put("run/2", b"small")

    for request, data in zip(sent, (DATA, b"small"), strict=True):
        assert request.headers["X-Amz-Content-SHA256"] == hashlib.sha256(data).hexdigest().encode()
        assert b"x-amz-content-sha256" in request.headers["Authorization"]


@pytest.mark.parametrize("data", [PARTS, b"small"], ids=["large", "small"])
def test_https_sends_a_checksum_in_a_header(bucket: Bucket, data: Any) -> None:  # noqa: ANN401 - bytes or a list of them
    """Over https the server has a CRC-32 to check, and a length beforehand, by which gateways do not stumble."""
    options = bucket.options("https://127.0.0.1:9", retries={"mode": "standard", "total_max_attempts": 1})
    backend = S3Backend(bucket.name, storage_options=options)
    with requests(backend) as sent, pytest.raises(OSError, match="cannot be reached"):
        backend.put("run/1", data)

    body = b"".join(data) if isinstance(data, list) else data
    headers = {name.lower(): value for name, value in sent[0].headers.items()}
    assert base64.b64decode(headers["x-amz-checksum-crc32"]) == zlib.crc32(body).to_bytes(4, "big")
    assert headers["x-amz-content-sha256"] == b"UNSIGNED-PAYLOAD"
    assert int(headers["content-length"]) == len(body)
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize(
    "asked",
    [{"signature_version": "s3"}, {"signature_version": UNSIGNED}, {"s3": {"payload_signing_enabled": False}}],
    ids=["old signature", "no signature", "no digest"],
)
def test_no_body_goes_unchecked(bucket: Bucket, asked: dict[str, Any]) -> None:
    """Where the settings keep the SHA-256 out of the signature, there is a CRC-32 over http as well."""
    backend = S3Backend(bucket.name, storage_options=bucket.options(**asked))
    with requests(backend) as sent, contextlib.suppress(PermissionError):
        backend.put("run/1", PARTS)

    checksum = sent[0].headers["x-amz-checksum-crc32"]
    assert base64.b64decode(checksum) == zlib.crc32(DATA).to_bytes(4, "big")


def test_who_wants_no_checksum_sends_none(bucket: Bucket) -> None:
    """A server that understands no checksums is sent none, of large bodies either."""
    backend = S3Backend(bucket.name, storage_options=bucket.options(request_checksum_calculation="when_required"))
    with requests(backend) as sent:
        backend.put("run/1", PARTS)

    assert bucket.peek("run/1") == DATA
    assert not [name for name in sent[0].headers if "checksum" in name.lower()]


def test_a_body_is_a_file_to_botocore() -> None:
    """What looks at a body as at a file sees its bytes, from any place on."""
    body = Body(PARTS)
    assert (len(body), body.read(4), body.tell()) == (len(DATA), DATA[:4], 4)
    assert body.read() == DATA[4:]
    assert (body.read(1), body.seek(-3, 2), body.read(9)) == (b"", len(DATA) - 3, DATA[-3:])
    assert (body.seek(0), body.seek(7, 1), body.read(LARGE)) == (0, 7, DATA[7 : LARGE + 7])


def test_a_large_slice_is_what_a_slice_is(bucket: Bucket) -> None:
    """A slice of megabytes, which has room made for it, is as long as the object goes, and empty behind its end."""
    backend = S3Backend(bucket.name, storage_options=bucket.options())
    bucket.poke("run/1", DATA)

    for start, end in ((0, 3 * LARGE), (5, LARGE + 5), (2 * LARGE, 4 * LARGE), (3 * LARGE, 5 * LARGE), (0, 1 << 40)):
        assert backend.get("run/1", start, end) == DATA[start:end]
    with pytest.raises(FileNotFoundError):
        backend.get("run/2", 0, LARGE)


class Arriving:
    """The body of an answer, which comes in pieces of `size`."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def read(self, _: int) -> bytes:
        """Give the next piece."""
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.parametrize("size", [1, 3, 4, 100])
@pytest.mark.parametrize("ranged", [True, False])
def test_what_comes_goes_into_its_place(size: int, ranged: bool) -> None:
    """However a body is divided, and where a server sends the whole object, each buffer gets its own bytes."""
    parts = [bytearray(length) for length in (2, 0, 4, 1, 9)]
    answer: dict[str, Any] = {"Body": Arriving(b"345678901234" if ranged else b"012345678901234", size)}
    if ranged:
        answer["ContentRange"] = "bytes 3-14/15"

    assert asyncio.run(fill(3, [memoryview(part) for part in parts], answer)) == 12
    assert parts == [b"34", b"", b"5678", b"9", b"01234\0\0\0\0"]
