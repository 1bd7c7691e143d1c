"""
A long wire to a server on this machine: each way takes its time, and no connection carries more than it can.

As a program, `python -m benchmarks.wire PORT` prints the port of the near end, and runs until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial

ONE_WAY = 0.015  # seconds; there and back is what a request takes to a bucket of the same region and some more
RATE = 90e6  # bytes a second of one connection, what a bucket gives one
_PIECE = 256 * 1024
_UNDER_WAY = 16  # pieces: more than `RATE` brings under way in `ONE_WAY`


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What comes from `reader` to `writer`, late and no faster than the wire."""
    wire: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
    out = asyncio.create_task(_arrive(wire, writer))
    clock, free = asyncio.get_running_loop().time, 0.0
    with suppress(ConnectionError):
        while data := await reader.read(_PIECE):
            free = max(free, clock()) + len(data) / RATE
            await wire.put((free + ONE_WAY, data))
    await wire.put((0, b""))
    await out


async def _arrive(wire: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    due, data = await wire.get()
    while data:
        if due > clock():
            await asyncio.sleep(due - clock())
        if not writer.is_closing():
            with suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
        due, data = await wire.get()
    writer.close()


async def _connect(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
    await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))


async def _main(port: int) -> None:
    server = await asyncio.start_server(partial(_connect, port), "127.0.0.1", 0, limit=_PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
