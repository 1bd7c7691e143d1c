"""
The S3 of the large benchmark, far away: what s3fs asks for, and nothing else; objects stay in memory as they came.

moto is one Python program that looks at each body several times; this one copies it once, from the system into memory
that it has used before, and lets go of the interpreter meanwhile. As a program, `python -m benchmarks.server` prints
its port and serves until its input ends.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from benchmarks.wire import ONE_WAY, PIECE, UNDER_WAY, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_SMALL = 64 * 1024  # bytes of an object whose ETag is its MD5, as it is on S3; of larger ones it is any


class _Body(NamedTuple):
    """Some bytes, in pieces."""

    pieces: list[memoryview]
    etag: str

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


_objects: dict[str, _Body] = {}
_uploads: dict[str, dict[int, _Body]] = {}
_free: list[bytearray] = []  # pieces of objects that are gone: fresh memory costs as much as the copy
_lock = threading.Lock()
_ids = count(1)


def _remove(key: str) -> None:
    if gone := _objects.pop(key, None):
        _free.extend(piece.obj for piece in gone.pieces if isinstance(piece.obj, bytearray))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNDER_WAY // 2)  # Linux doubles it
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    """One connection; a key is the path without the first slash, bucket included."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # a reply is one send

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - as http.server has it
        """Nothing."""

    def handle_expect_100(self) -> bool:
        """Say that the body may come: that takes a round trip of its own."""
        time.sleep(2 * ONE_WAY)
        proceeds = super().handle_expect_100()
        self.wfile.flush()
        return proceeds

    def do_PUT(self) -> None:
        """A bucket, an object, or a part of one."""
        key, query = self._asked()
        body = self._received()
        with _lock:
            if "partNumber" in query:
                _uploads[query["uploadId"]][int(query["partNumber"])] = body
            elif not self._may_replace(_objects.get(key)):
                return self._error(412, "PreconditionFailed", "<Condition>If-None-Match</Condition>")
            else:
                _remove(key)
                _objects[key] = body
        return self._answer(200, ETag=body.etag)

    def do_POST(self) -> None:
        """Begin or end a multipart upload, or delete several."""
        key, query = self._asked()
        body = b"".join(self._received().pieces)
        if "delete" in query:
            for element in ET.fromstring(body).iter():  # noqa: S314 - our own client's
                if element.tag.rpartition("}")[2] == "Key":
                    _remove(f"{key}/{element.text}")
            return self._answer(200, b"<DeleteResult/>")
        if "uploads" in query:
            upload = str(next(_ids))
            _uploads[upload] = {}
            text = f"<UploadId>{upload}</UploadId>"
            return self._answer(200, f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>".encode())
        parts = _uploads.pop(query["uploadId"])
        _remove(key)
        _objects[key] = _Body([piece for number in sorted(parts) for piece in parts[number].pieces], '"1"')
        return self._answer(200, b'<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>')

    def do_HEAD(self) -> None:
        """What there is to know of an object."""
        self._send(with_body=False)

    def do_GET(self) -> None:
        """An object, a range of it, or a listing."""
        key, query = self._asked()
        if "list-type" in query:
            self._list(key, query)
        else:
            self._send(with_body=True)

    def do_DELETE(self) -> None:
        """An object, whether it is there or not."""
        _remove(self._asked()[0])
        self._answer(204)

    def _asked(self) -> tuple[str, dict[str, str]]:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        return unquote(url.path).strip("/"), {name: values[0] for name, values in query.items()}

    def _received(self) -> _Body:
        """The request's body, as it comes over the wire."""
        left, wire, pieces = int(self.headers.get("Content-Length", 0)), Wire(), []
        digest = md5(usedforsecurity=False) if left <= _SMALL else None
        while left:
            with _lock:
                memory = _free.pop() if _free else bytearray(PIECE)
            piece = memoryview(memory)[: min(left, PIECE)]
            if self.rfile.readinto(piece) != len(piece):  # pyright: ignore[reportAttributeAccessIssue] - a BufferedReader
                raise ConnectionError("the client is gone")
            wire.carry(len(piece))
            if digest:
                digest.update(piece)
            pieces.append(piece)
            left -= len(piece)
        return _Body(pieces, f'"{digest.hexdigest() if digest else next(_ids)}"')

    def _may_replace(self, there: _Body | None) -> bool:
        asked = self.headers.get("If-Match")
        if asked and (there is None or there.etag.strip('"') != asked.strip('"')):
            return False
        return there is None or not self.headers.get("If-None-Match")

    def _send(self, *, with_body: bool) -> None:
        key, _ = self._asked()
        body = _objects.get(key)
        if body is None:
            return self._error(404, "NoSuchKey")
        size, start = body.size, 0
        end, asked = size, self.headers.get("Range")
        extra = {"ETag": body.etag, "Last-Modified": "Sat, 14 Mar 2026 15:09:26 GMT"}
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(size, int(last or size) + 1)
            if start >= size:
                return self._error(416, "InvalidRange")
            extra["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._begin(206 if asked else 200, {**extra, "Content-Length": str(end - start)})
        wire = Wire()
        for piece in _slices(body.pieces, start, end) if with_body else ():
            wire.carry(len(piece))
            self.connection.sendall(piece)
        return None

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, after = f"{bucket}/{query.get('prefix', '')}", f"{bucket}/{query.get('start-after', '')}"
        lines = [
            f"<Contents><Key>{escape(key[len(bucket) + 1 :])}</Key><Size>{_objects[key].size}</Size>"
            '<ETag>"1"</ETag><LastModified>2026-03-14T15:09:26.000Z</LastModified></Contents>'
            for key in sorted(_objects)
            if key.startswith(prefix) and key > after
        ]
        text = "".join(lines)
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{text}</ListBucketResult>".encode())

    def _error(self, status: int, code: str, more: str = "") -> None:
        text = f"<Error><Code>{code}</Code><Message>{code}</Message>{more}</Error>".encode()
        self._answer(status, b"" if self.command == "HEAD" else text)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self._begin(status, {**headers, "Content-Length": str(len(body))}, body)

    def _begin(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """The head of the answer, and a short `body`: after the way of the request and its own."""
        time.sleep(2 * ONE_WAY)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _slices(pieces: list[memoryview], start: int, end: int) -> Iterator[memoryview]:
    at = 0
    for piece in pieces:
        view = piece[max(0, start - at) : max(0, end - at)]
        at += len(piece)
        if len(view):
            yield view


if __name__ == "__main__":
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
