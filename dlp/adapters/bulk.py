"""Connections that a body of known length is read from in large bits; all else comes in small ones.

Each bit goes through every layer, whatever its size. But a bit of many small messages, frames or chunks takes as long
as they do, and meanwhile nobody else is served: only what is known to be the inside of one body may be large.
"""

import asyncio
from collections.abc import Awaitable, Callable

LARGE = 256 * 1024
"""Bytes that are read at once, at most: as many as asyncio takes from a socket."""

type Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Reader(asyncio.StreamReader):
    """A stream that knows how much of a body is to come: `expected` bytes."""

    def __init__(self) -> None:
        super().__init__(limit=LARGE // 2, loop=asyncio.get_running_loop())
        self.expected = 0

    async def read(self, n: int = -1) -> bytes:
        """Return `n` bytes at most, and more of a body that is expected; b"" at the end."""
        data = await super().read(max(n, min(self.expected, LARGE)) if n > 0 else n)
        self.expected = max(0, self.expected - len(data))
        return data


async def listen(accept: Accept, host: str, port: int, backlog: int) -> asyncio.Server:
    """Do what `asyncio.start_server` does, with such streams."""
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Reader(), accept, loop=loop)

    return await loop.create_server(protocol, host, port, backlog=backlog)


async def connect(host: str, port: int) -> tuple[Reader, asyncio.StreamWriter]:
    """Do what `asyncio.open_connection` does, with such a stream.

    Raises:
        OSError: nobody is there.

    """
    loop, reader = asyncio.get_running_loop(), Reader()
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, host, port)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
