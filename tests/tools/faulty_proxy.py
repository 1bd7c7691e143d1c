"""
A proxy in front of an S3 server that counts requests, and loses, delays, refuses or falsifies those a rule names.

A fault is one of

    "reset before"      the connection is reset, and the server never hears of the request
    "reset after"       the server carries it out, and the connection is reset
    "hang"              no answer ever comes, and the client's read timeout is over; the server never hears of it
    "hang after"        the same; the server has carried it out
    "503 SlowDown"      this status and error code; the server never hears of it
    "500 Code after"    the same; the server has carried it out
    "slow"              the answer comes in pieces, with pauses
    "half"              the answer breaks off in the middle of its body
    "stall"             the answer stops in the middle of its body, and nothing more ever comes
    "flip"              one bit of the answer's body is another
    "unconditional"     the server gets the request without If-None-Match
    "unmatched"         the server gets the request without If-Match
    "mistagged"         the server gets another tag in If-Match
    b"..."              a 200 with this body; the server never hears of it
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import struct
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, TypeAlias
from urllib.parse import unquote, urlsplit

from silence import connections, end_patience

if TYPE_CHECKING:
    from collections.abc import Callable

    Fault: TypeAlias = str | bytes | None
    Rule: TypeAlias = Callable[[int, str], Fault]

PIECES = 4


class Request(NamedTuple):
    """One request, whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def verb(self) -> str:
        """The verb of the backend that it serves: probe, create, put, get, list or delete."""
        url = urlsplit(self.target)
        if url.path.endswith("/.ckptstore-probe"):
            return "probe"
        if self.method == "PUT":
            return "create" if "if-none-match" in self.headers else "put"
        if self.method == "GET":
            return "list" if "list-type=2" in url.query else "get"
        return "delete"

    @property
    def key(self) -> str:
        """What it is about; empty for a request to the bucket."""
        return unquote(urlsplit(self.target).path).strip("/").partition("/")[2]


class Answer(NamedTuple):
    """One answer, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def encode(self, body: bytes | None = None) -> bytes:
        """As it goes over the wire, with its own length even where another `body` is sent."""
        skip = {"connection", "transfer-encoding", "content-length", "keep-alive", "server"}
        lines = [f"HTTP/1.1 {self.status} Status"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in skip]
        if self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + (self.body if body is None else body)


class FaultyProxy:
    """
    Forwards to `host`:`port`; since the last `begin(rule)`, `rule(number, verb)` names the fault of each request.

    `number` counts from 0, and `log` has a line for each: "create run/1.json" and so on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._lock = threading.Lock()
        self._over = threading.Event()
        connections()
        self.begin()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the client went away, or the fault closed the connection
                    proxy._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def begin(self, rule: Rule | None = None) -> None:
        """Count and log anew, and let happen what `rule` says; nothing without one."""
        with self._lock:
            self._rule = rule or _no_fault
            self.log: list[str] = []

    @property
    def verbs(self) -> list[str]:
        """The verbs alone of `log`."""
        return [line.partition(" ")[0] for line in self.log]

    def stop(self) -> None:
        """Shut it down; whoever still waits for an answer is dropped."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, client: socket.socket) -> None:
        with client.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                with self._lock:
                    number = len(self.log)
                    self.log.append(f"{request.verb} {request.key}")
                    fault = self._rule(number, request.verb)
                self._answer(client, request, fault)

    def _answer(self, client: socket.socket, request: Request, fault: Fault) -> None:
        if isinstance(fault, bytes):
            client.sendall(Answer(200, [("Content-Type", "application/xml")], fault).encode())
            return
        words = (fault or "").split()
        if words and words[0].isdigit():
            if words[-1] == "after":
                self._forward(request)
            client.sendall(_error(int(words[0]), words[1]).encode())
            return
        if fault == "unconditional":
            request.headers.pop("if-none-match", None)
        if fault == "unmatched":
            request.headers.pop("if-match", None)
        if fault == "mistagged" and "if-match" in request.headers:
            request.headers["if-match"] = '"another"'
        if words and words[0] in {"reset", "hang"}:
            if words[-1] == "after":
                self._forward(request)
            self._drop(client, hang=words[0] == "hang")
        _send(client, self._forward(request), fault)
        if fault == "stall":
            self._drop(client, hang=True)

    def _drop(self, client: socket.socket, *, hang: bool) -> NoReturn:
        if hang:
            end_patience(client.getpeername()[1])
            self._over.wait()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing sends a reset
        client.close()
        raise ConnectionResetError

    def _forward(self, request: Request) -> Answer:
        upstream = http.client.HTTPConnection(*self._upstream)
        try:
            upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in {"connection", "expect"}:
                    upstream.putheader(name, value)
            upstream.endheaders(request.body)
            response = upstream.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            upstream.close()


def _no_fault(_number: int, _verb: str) -> Fault:
    return None


def _read(stream: BinaryIO) -> Request | None:
    method, _, rest = stream.readline().decode("latin-1").partition(" ")
    if not method.strip():
        return None
    headers = {}
    while (line := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0))) or b""
    return Request(method, rest.rpartition(" ")[0], headers, body)


def _error(status: int, code: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>the proxy says so</Message><Region>eu-north-7</Region></Error>"
    return Answer(status, [("Content-Type", "application/xml")], text.encode())


def _send(client: socket.socket, answer: Answer, fault: Fault) -> None:
    body = answer.body
    if fault == "flip" and body:
        body = bytes([body[0] ^ 1]) + body[1:]
    data = answer.encode(body[: len(body) // 2] if fault in {"half", "stall"} else body)
    if fault == "slow":
        size = len(data) // PIECES + 1
        for first in range(0, len(data), size):
            client.sendall(data[first : first + size])
            time.sleep(0.02)  # the fault itself
        return
    client.sendall(data)
    if fault == "half":
        client.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError
