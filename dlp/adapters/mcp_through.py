"""MCP that a sandbox sends through the HTTP proxy: a server of the settings is known by its URL, and served alike.

What is said to any other address is known as MCP by what it says; see `mcp_seen`.
"""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

from dlp.adapters.fail_closed import FailClosed
from dlp.adapters.mcp_http import Request
from dlp.adapters.mcp_seen import Recogniser
from dlp.config import McpServer
from dlp.core.errors import ParseError
from dlp.core.policy import decoded_path
from dlp.engine.sessions import SessionInfo
from dlp.policy.paths import folded, normalised
from dlp.wire import coding

type Part = MutableMapping[str, Any]

_PORTS = {"http": 80, "https": 443}


class Server(Protocol):
    """What answers for one server."""

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message."""
        ...

    async def get(self, session: SessionInfo, request: Request) -> None:
        """Serve a stream."""
        ...

    async def delete(self, session: SessionInfo, request: Request) -> None:
        """End an MCP session."""
        ...


class Through:
    """Which addresses are MCP servers of the settings; `elsewhere` tells MCP at any other."""

    def __init__(self, servers: Mapping[str, McpServer], each: Mapping[str, Server], elsewhere: Recogniser) -> None:
        self.elsewhere = elsewhere
        self._servers: dict[tuple[str, int], list[tuple[str, str, Server]]] = {}
        for name, server in servers.items():
            if server.url:
                url = urlsplit(server.url)
                address = (url.hostname or "", url.port or _PORTS[url.scheme])
                self._servers.setdefault(address, []).append((url.scheme, _same(url.path or "/"), each[name]))

    def names(self, host: str, port: int) -> bool:
        """Return whether some server is at this address."""
        return (host, port) in self._servers

    def find(self, scheme: str, host: str, port: int, path: str) -> Server | None:
        """Return the server at a URL, in whichever way its path is written."""
        same = _same(path)
        found = (server for given, its, server in self._servers.get((host, port), ()) if (given, its) == (scheme, same))
        return next(found, None)


class Relay:
    """One request to a server and what is answered, piece by piece."""

    def __init__(self, server: Server, session: SessionInfo, limit: int) -> None:
        self._server = server
        self._session = session
        self._limit = limit
        self._parts: asyncio.Queue[Part | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self, method: str, path: str, fields: Sequence[tuple[bytes, bytes]], raw: bytes) -> None:
        """Begin to serve it."""
        self._task = asyncio.ensure_future(self._serve(method, path, fields, raw))

    async def next(self) -> Part | None:
        """Return the next piece, as ASGI has them; None after the last."""
        return await self._parts.get()

    def close(self) -> None:
        """Give up on the rest."""
        if self._task is not None:
            self._task.cancel()

    async def _serve(self, method: str, path: str, fields: Sequence[tuple[bytes, bytes]], raw: bytes) -> None:
        request = Request(method, path, [(name.lower(), value) for name, value in fields], self._parts.put)
        guard = FailClosed()
        with guard:
            if method == "POST":
                try:
                    content = coding.decode(raw, request.one(b"content-encoding").decode("latin-1"), limit=self._limit)
                except ParseError:
                    await request.answer(415)
                else:
                    await self._server.post(self._session, request, content.data)
            elif method in ("GET", "DELETE"):
                serve = self._server.get if method == "GET" else self._server.delete
                await serve(self._session, request)
            else:
                await request.answer(405, b"", [(b"allow", b"GET, POST, DELETE")])
        if guard.error is not None:
            with suppress(RuntimeError):
                await request.answer(500)
        await self._parts.put(None)


def _same(path: str) -> str:
    return folded(normalised(decoded_path(path.partition("?")[0])))
