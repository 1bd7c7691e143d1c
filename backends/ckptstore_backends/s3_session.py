"""Requests to one bucket: an s3fs file system for each process, bounded in tries and in time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from ckptstore.backend import buffers
from ckptstore_backends.base import is_pack
from ckptstore_backends.s3_errors import failures, translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import TypeAlias

    from ckptstore.backend import Data

    Take: TypeAlias = "Callable[[dict[str, Any]], Awaitable[T]]"

T = TypeVar("T")

CONFIG: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 5,  # of silence; three attempts and what lies between them stay below 20 seconds
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": 16,  # a save takes 12, a load 14: behind botocore's 10 its small requests would wait
}
"""What botocore is told where the user says nothing; its and s3fs's own defaults ask a dead server for minutes."""

LARGE = 1024 * 1024
"""Bytes: what is smaller is sent in one piece, as botocore and aiohttp do it."""

SLOWEST = 64 * 1024
"""Bytes per second: a body that comes or goes slower than that counts as stuck."""

UNSENT = 4 * 1024 * 1024
"""Bytes that the system (Linux: at most these) may have taken over and not sent yet, when aiohttp begins to wait."""


class Session:
    """
    One bucket, as `storage_options` reach it.

    The file system is made at the first request of a process: one that was inherited by a fork is unusable. It is never
    shared with others, whose settings and caches would be ours.
    """

    def __init__(self, bucket: str, storage_options: Mapping[str, object]) -> None:
        try:
            import s3fs  # noqa: F401, PLC0415 - heavy; here so that a missing one shows at once
        except ImportError as exc:
            raise ImportError('s3:// needs s3fs: pip install "ckptstore[s3]"') from exc
        self.bucket = bucket
        config = {**CONFIG, **_config(storage_options.get("config_kwargs"))}
        self._options = {
            "skip_instance_cache": True,
            "use_listings_cache": False,
            **storage_options,
            "config_kwargs": config,
        }
        self._joins = "http_session_cls" in config  # which may not be aiohttp's
        self._silence = config["read_timeout"]
        # Seconds, and far above what the attempts take: only a stuck body, or a lookup of a name, gets there.
        self._patience = 10 * sum(config[name] or 60 for name in ("connect_timeout", "read_timeout"))
        self._opened: dict[int, Any] = {}
        self._locks: dict[int, threading.RLock] = {}  # a fork may leave its parent's locked

    @property
    def endpoint(self) -> str:
        """The URL of the server, whether it was given or found."""
        url: str = self._fs().s3.meta.endpoint_url
        return url

    def body(self, data: Data) -> Any:  # noqa: ANN401 - bytes, or what s3_body has
        """`data` as the body of a PUT: what is large is not copied, and the calling thread takes its checksum."""
        parts = list(buffers(data))
        if self._joins or sum(memoryview(part).nbytes for part in parts) < LARGE:
            return b"".join(parts)
        from ckptstore_backends.s3_body import Body  # noqa: PLC0415 - heavy

        body = Body(parts)
        _ = body.crc32 if self.endpoint.startswith("https:") else body.sha256
        return body

    def call(self, verb: str, method: str, key: str, *, size: int = 0, **params: object) -> dict[str, Any]:
        """Send one request for `verb` and return its answer; `size`: bytes that go with it. An `OSError` otherwise."""
        timeout, fs = self._patience + size / SLOWEST, self._fs()
        try:
            answer: dict[str, Any] = fs.call_s3(method, Bucket=self.bucket, timeout=timeout, **params)
        except failures() as exc:
            raise translated(exc, verb, self.bucket, key) from exc
        return answer

    def fetch(self, key: str, take: Take[T], **params: object) -> tuple[dict[str, Any], T]:
        """The answer to a GET of `key`, and what `take` makes of its body; an `OSError` otherwise."""
        from fsspec.asyn import sync  # noqa: PLC0415 - heavy

        fs = self._fs()
        try:
            fetched: Any = sync(fs.loop, _fetch, fs, self._patience, take, Bucket=self.bucket, Key=key, **params)
        except failures() as exc:
            raise translated(exc, "get", self.bucket, key) from exc
        answer, body = fetched
        return answer, body

    def _fs(self) -> Any:  # noqa: ANN401 - s3fs has no types
        pid = os.getpid()
        if pid not in self._opened:
            with self._locks.setdefault(pid, threading.RLock()):
                if pid not in self._opened:
                    self._opened[pid] = self._open()
        return self._opened[pid]

    def _open(self) -> Any:  # noqa: ANN401 - s3fs has no types
        from s3fs import S3FileSystem  # noqa: PLC0415 - heavy

        make: Any = S3FileSystem
        try:
            fs = make(**self._options)
            fs.retries = 1  # botocore's attempts are enough: s3fs multiplies them by its own
            events: Any = fs.s3.meta.events
        except failures() as exc:
            raise translated(exc, "get", self.bucket, "") from exc
        except (AttributeError, TypeError, ValueError) as exc:  # whatever they make of an option that is misspelt
            raise OSError(
                f"s3://{self.bucket}: s3fs or botocore refuse these storage_options: {exc}; an endpoint_url begins "
                "with http:// or https://, and what is for botocore goes into config_kwargs or client_kwargs",
            ) from exc
        from ckptstore_backends import s3_body  # noqa: PLC0415 - heavy

        events.register_first("needs-retry.s3.PutObject", _needs_retry)
        events.register("before-call.s3.PutObject", s3_body.put_checksum)
        events.register("choose-signer.s3.PutObject", s3_body.choose_signer)
        events.register_first("before-parameter-build.s3.PutObject", partial(_wait_for_upload, self._silence))
        events.register("before-send.s3.PutObject", _send_at_once)
        return fs


def _config(given: object) -> dict[str, Any]:
    """What the user has for botocore; `TypeError` for what it cannot be."""
    if given is not None and not isinstance(given, dict):
        raise TypeError(f"storage_options: config_kwargs must be a dict, not {type(given).__name__}")
    for name in ("connect_timeout", "read_timeout"):
        seconds = (given or {}).get(name)
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float))):
            raise TypeError(f"storage_options: config_kwargs: {name} must be seconds, not {seconds!r}")
    return given or {}


async def read(answer: dict[str, Any]) -> bytes:
    """All of a body."""
    data: bytes = await answer["Body"].read()
    return data


async def fill(start: int, into: Sequence[memoryview], answer: dict[str, Any]) -> int:
    """A body into memory, a little at a time, as it comes; `start`: where that begins in the whole object."""
    left, done = deque(view for view in into if len(view)), 0
    skip = 0 if "ContentRange" in answer else start  # the whole of it, whatever was asked for
    while data := await answer["Body"].read(LARGE):
        came = memoryview(data)[skip:]
        skip -= len(data) - len(came)
        while left and len(came):
            view = left.popleft()
            size = min(len(view), len(came))
            view[:size] = came[:size]
            done, came = done + size, came[size:]
            if size < len(view):
                left.appendleft(view[size:])
    return done


async def _fetch(fs: Any, patience: float, take: Take[T], **params: object) -> tuple[dict[str, Any], T]:  # noqa: ANN401 - s3fs has no types
    """GET, once more where the body breaks off or is not what its checksum says: botocore retries only up to there."""
    answer = await fs._call_s3("get_object", **params)  # noqa: SLF001 - s3fs's own name for the coroutine of call_s3
    try:
        return answer, await _taken(answer, patience, take)
    except failures():
        answer = await fs._call_s3("get_object", **params)  # noqa: SLF001 - as above
    return answer, await _taken(answer, patience, take)


async def _taken(answer: dict[str, Any], patience: float, take: Take[T]) -> T:
    try:
        async with asyncio.timeout(patience + answer.get("ContentLength", 0) / SLOWEST):
            return await take(answer)
    finally:
        answer["Body"].close()


def _needs_retry(caught_exception: Exception | None, request_dict: dict[str, Any], **_: object) -> None:
    """
    Raise what a create without an answer met, so that botocore does not resend it; anything else is left to botocore.

    The first request of two may land after the second: when retention has emptied the slot again by then, what was
    removed would be back. The store looks what became of it, and tries again under another id. (aiohttp still resends
    once itself where a connection drops; then the server is done with the first.) Of a pack a twin does no harm.
    (A False instead, "no retry", is taken for a pause of no seconds before one by each aiobotocore before 3.8.)
    """
    exclusive = "If-None-Match" in request_dict["headers"] and not is_pack(request_dict["url"])
    if caught_exception is not None and exclusive:
        raise caught_exception


def _wait_for_upload(silence: float | None, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """
    Count no silence while a slow line still sends.

    aiohttp does so from when the system has taken the last byte: at 300 kB/s, 5 seconds were over before it was sent.
    An aiobotocore that knows of no such setting (before 3.9.1) leaves it at that. (No method: s3fs holds its client
    until the file system is gone, and a client that held this session, which holds the file system, would be for ever.)
    """
    if silence:
        context["read_timeout"] = silence + min(len(params["Body"]), UNSENT) / SLOWEST


def _send_at_once(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore has no types
    """
    No `Expect: 100-continue`, which botocore adds to each PUT, and small bytes as bytes, of which it makes a file.

    aiohttp would wait for the former without a timeout, for ever where a server or proxy stays silent; and waiting for
    it makes two round trips of one. Of a file that it has read, aiohttp 3.10 to 3.14.3 sends nothing when it resends
    itself where a connection dropped, and then waits until the read timeout.
    """
    request.headers.pop("Expect", None)
    if isinstance(request.body, BytesIO) and request.body.getbuffer().nbytes < LARGE:
        request.body = request.body.getvalue()
