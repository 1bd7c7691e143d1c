"""
A client in this process whose patience with a silent server ends at once, and not before the server is silent.

With a short read timeout instead, each test of silence would wait for it, and a busy machine that takes longer to
answer would pass for a silent server: threads of client, proxy and server take turns here, and were seen to stand
still for a second and more.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from aiohttp.client_proto import ResponseHandler


@cache
def connections() -> WeakValueDictionary[int, ResponseHandler]:
    """The connections of aiohttp, by their own port: all that are made after the first call."""
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - heavy, and optional

    found: WeakValueDictionary[int, ResponseHandler] = WeakValueDictionary()
    real = ResponseHandler.connection_made

    def connection_made(handler: Any, transport: BaseTransport) -> None:  # noqa: ANN401 - it stands in for a method
        real(handler, transport)
        found[transport.get_extra_info("sockname")[1]] = handler

    ResponseHandler.connection_made = connection_made  # type: ignore[assignment, method-assign]
    return found


def end_patience(port: int) -> None:
    """The read timeout of the connection from `port` is over, if it is one of `connections`."""
    handler = connections().get(port)
    if handler is not None:
        handler._loop.call_soon_threadsafe(handler._on_read_timeout)
