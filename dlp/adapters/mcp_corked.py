"""HTTP for the gateway's clients, where the head and the body of a small answer leave in one piece.

uvicorn writes them one after the other; each write is a system call here and a wake-up there, which in an exchange of
1 KB is a good part of the whole.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol


class Corked:
    """A transport that writes once a turn of the loop; all else is as it was."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """Return what the transport has."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write it with all else that is written in this turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def close(self) -> None:
        """Write what waits, then close."""
        self.flush()
        self._transport.close()


class CorkedHttp(H11Protocol):
    """uvicorn's HTTP/1.1 on such a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a connection."""
        super().connection_made(cast("asyncio.Transport", Corked(cast("asyncio.Transport", transport))))
