"""
The S3 of the large benchmark: what s3fs asks for, and nothing else; objects stay in memory as they came.

moto is one Python program that looks at each body several times; this one receives and sends. As a program,
`python -m benchmarks.server` prints its port and serves until its input ends.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = 1 << 20

_objects: dict[str, list[bytes]] = {}  # parts, as they were uploaded
_uploads: dict[str, dict[int, bytes]] = {}
_lock = threading.Lock()
_ids = count(1)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """One connection; a key is the path without the first slash, bucket included."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - as http.server has it
        """Nothing."""

    def do_PUT(self) -> None:
        """A bucket, an object, or a part of one."""
        key, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with _lock:
            if "partNumber" in query:
                _uploads[query["uploadId"]][int(query["partNumber"])] = body
            elif self.headers.get("If-None-Match") and key in _objects:
                return self._error(412, "PreconditionFailed")
            else:
                _objects[key] = [body]
        return self._answer(200, ETag=f'"{next(_ids)}"')

    def do_POST(self) -> None:
        """Begin or end a multipart upload, or delete several."""
        key, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "delete" in query:
            for element in ET.fromstring(body).iter():  # noqa: S314 - our own client's
                if element.tag.rpartition("}")[2] == "Key":
                    _objects.pop(f"{key}/{element.text}", None)
            return self._answer(200, b"<DeleteResult/>")
        if "uploads" in query:
            upload = str(next(_ids))
            _uploads[upload] = {}
            text = f"<UploadId>{upload}</UploadId>"
            return self._answer(200, f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>".encode())
        parts = _uploads.pop(query["uploadId"])
        _objects[key] = [parts[number] for number in sorted(parts)]
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
        _objects.pop(self._asked()[0], None)
        self._answer(204)

    def _asked(self) -> tuple[str, dict[str, str]]:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        return unquote(url.path).strip("/"), {name: values[0] for name, values in query.items()}

    def _send(self, *, with_body: bool) -> None:
        key, _ = self._asked()
        parts = _objects.get(key)
        if parts is None:
            return self._error(404, "NoSuchKey")
        size, start = sum(map(len, parts)), 0
        end, asked = size, self.headers.get("Range")
        extra = {"ETag": '"1"', "Last-Modified": "Sat, 14 Mar 2026 15:09:26 GMT"}
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(size, int(last or size) + 1)
            if start >= size:
                return self._error(416, "InvalidRange")
            extra["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self.send_response(206 if asked else 200)
        for name, value in {**extra, "Content-Length": str(end - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            for piece in _slices(parts, start, end):
                self.wfile.write(piece)
        return None

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, after = f"{bucket}/{query.get('prefix', '')}", f"{bucket}/{query.get('start-after', '')}"
        lines = [
            f"<Contents><Key>{escape(key[len(bucket) + 1 :])}</Key><Size>{sum(map(len, _objects[key]))}</Size>"
            '<ETag>"1"</ETag><LastModified>2026-03-14T15:09:26.000Z</LastModified></Contents>'
            for key in sorted(_objects)
            if key.startswith(prefix) and key > after
        ]
        text = "".join(lines)
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{text}</ListBucketResult>".encode())

    def _error(self, status: int, code: str) -> None:
        body = (
            b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        )
        self._answer(status, body)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _slices(parts: list[bytes], start: int, end: int) -> Iterator[memoryview]:
    at = 0
    for part in parts:
        view = memoryview(part)[max(0, start - at) : max(0, end - at)]
        at += len(part)
        for first in range(0, len(view), _PAGE):
            yield view[first : first + _PAGE]


if __name__ == "__main__":
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
