"""How long requests to S3 would have waited with the timeouts that hold where nobody sets any: counted, not waited."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ckptstore_backends import s3_session
from ckptstore_backends.s3_session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class _Request:
    """One request of the backend, with all its repetitions."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.seconds = 0.0


_current: ContextVar[_Request] = ContextVar("_current")  # fsspec's loop inherits it from the thread that asks


class Waits:
    """
    The requests since the last `begin`, from when it is made until `patch` is undone.

    A pause that botocore asks for is noted and not slept. A silence that the tests' short timeout has ended counts as
    long as the timeout would be.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from aiobotocore.endpoint import AioEndpoint  # noqa: PLC0415 - optional
        from botocore.retries.standard import ExponentialBackoff  # noqa: PLC0415 - optional

        self.begin()
        taken, respond, delay = s3_session._taken, AioEndpoint._get_response, ExponentialBackoff.delay_amount

        def at_once(*args: Any) -> int:  # noqa: ANN401 - botocore's own
            _current.get().seconds += delay(*args)
            return 0

        async def answered(*args: Any) -> Any:  # noqa: ANN401 - botocore's own
            answer, exc = await respond(*args)
            _note_silence(exc)
            return answer, exc

        async def read(*args: Any) -> Any:  # noqa: ANN401 - what is made of a body
            try:
                return await taken(*args)
            except Exception as exc:
                _note_silence(exc)
                raise

        patch.setattr(ExponentialBackoff, "delay_amount", at_once)
        patch.setattr(AioEndpoint, "_get_response", answered)
        patch.setattr(s3_session, "_taken", read)
        for name in ("call", "fetch"):
            patch.setattr(Session, name, self._noted(getattr(Session, name)))

    def begin(self) -> None:
        """Count anew."""
        self._requests: list[_Request] = []

    @property
    def longest(self) -> float:
        """Of one request."""
        return max((request.seconds for request in self._requests), default=0)

    @property
    def in_a_row(self) -> float:
        """Of all that one thread asked, and of the slowest of those that it waits for."""
        by_thread = Counter[int]()
        for request in self._requests:
            by_thread[request.thread] += request.seconds  # type: ignore[assignment] # a sum all the same
        own = by_thread.pop(threading.get_ident(), 0)
        return own + max(by_thread.values(), default=0)

    def _noted(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever a request takes
            request = _Request()
            self._requests.append(request)
            token = _current.set(request)
            try:
                return ask(*args, **params)
            finally:
                _current.reset(token)

        return noted


def _note_silence(exc: Exception | None) -> None:
    from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError  # noqa: PLC0415 - optional

    if isinstance(exc, ConnectTimeoutError):
        _current.get().seconds += s3_session.CONFIG["connect_timeout"]
    elif isinstance(exc, (ReadTimeoutError, asyncio.TimeoutError)):
        _current.get().seconds += s3_session.CONFIG["read_timeout"]
