"""The MCP gateway: streamable HTTP for sandboxes, `/SERVER/mcp` for each server of the settings and `/mcp` for all.

Here it is settled who asks and for which server; what is said is judged in dialogues, one message at a time.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from dlp.adapters import own_host
from dlp.adapters.fail_closed import FailClosed
from dlp.adapters.mcp_child import Children
from dlp.adapters.mcp_drive import Finish
from dlp.adapters.mcp_front import Connection
from dlp.adapters.mcp_http import Deliver, GoneError, Receive, Request, Scope, read_content
from dlp.adapters.mcp_joined import Joined
from dlp.adapters.mcp_remote import Begin, Remote
from dlp.adapters.mcp_upstream import Upstream
from dlp.config import Limits, McpServer
from dlp.core.message import Direction
from dlp.core.ports import Clock
from dlp.engine.pipeline import Engine
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.wire.jsonrpc import INVALID_REQUEST, PARSE_ERROR, error_bytes, id_of_oversized

_SWEEP_SECONDS = 2.0


class Server(Protocol):
    """What answers for one server, or for all of them together."""

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message."""
        ...

    async def get(self, session: SessionInfo, request: Request) -> None:
        """Serve a stream."""
        ...

    async def delete(self, session: SessionInfo, request: Request) -> None:
        """End an MCP session."""
        ...

    def sweep(self, alive: Callable[[str], bool]) -> None:
        """Let go of what belongs to sessions that are over."""
        ...


class Shell(Protocol):
    """What the gateway needs of the proxy around it."""

    engine: Engine
    limits: Limits

    def trace(self) -> tuple[str, str]:
        """Return a new trace id and span id, in hex."""
        ...


class Gateway:
    """Serves sandboxes; an ASGI application."""

    def __init__(
        self,
        shell: Shell,
        servers: Mapping[str, McpServer],
        begin: Begin,
        finish: Finish,
        *,
        clock: Clock,
        hosts: Mapping[str, tuple[str, int]],
        trust: str,
        bound: SessionInfo | None = None,
    ) -> None:
        """`hosts` are names that the proxy resolves itself, `trust` the file of authorities, as for the HTTP proxy."""
        self._shell = shell
        self._clock = clock
        self._bound = bound
        limits = shell.limits
        self.remotes = {
            name: Remote(name, Upstream(server, hosts, limits, trust), begin, finish, limits.body)
            for name, server in servers.items()
            if server.url
        }
        self.children = {
            name: Children(server, begin, finish, limits) for name, server in servers.items() if not server.url
        }
        self._each: Mapping[str, Remote | Children] = {**self.remotes, **self.children}
        self._joined = Joined(self._each, servers, lambda session: shell.engine.is_carrying(session.id))
        self._names = frozenset[str]()

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """Listen until the block ends; gives the address that it became. Raises OSError where it cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        # Accepted sockets inherit it; asyncio sets it only on sockets that name their protocol. Without, 40 ms a call.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._names = frozenset({f"[{host}]" if ":" in host else host})
        open_: set[Connection] = set()
        front = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, self._shell.limits.header, open_), sock=listener, backlog=1024
        )
        sweeping = asyncio.create_task(self._sweep())
        try:
            name = listener.getsockname()
            yield str(name[0]), int(name[1])
        finally:
            sweeping.cancel()
            front.close()
            for connection in list(open_):
                connection.close()
            await self.close()
            await front.wait_closed()

    async def close(self) -> None:
        """End all children and connections."""
        for remote in self.remotes.values():
            await remote.close()
        for children in self.children.values():
            await children.close()

    async def __call__(self, scope: Scope, receive: Receive, deliver: Deliver) -> None:
        """Serve one request; whatever raises ends it. Once its client is gone, who runs this cancels it."""
        request = Request(scope["method"], scope["path"], scope["headers"], deliver)
        guard = FailClosed()
        with guard:
            await self._serve(request, receive)
        if guard.error is not None and not isinstance(guard.error, GoneError):
            with contextlib.suppress(RuntimeError):  # it has begun to answer: then the connection is closed
                await request.answer(500)

    async def _serve(self, request: Request, receive: Receive) -> None:
        if not (request.is_local and request.is_for(self._names)):
            await request.answer(403, error_bytes(None, PARSE_ERROR, "Not from this page or for this host"))
            return
        session = self._session(request)
        if session is None:
            told = error_bytes(None, PARSE_ERROR, "Who is asking? Expected: Authorization: Bearer SESSION.SECRET")
            await request.answer(401, told, [(b"www-authenticate", b'Bearer realm="dlp"')])
            return
        server = self._server(request.path)
        if server is None and request.path.endswith("/mcp"):
            names = ", ".join(f"/{name}/mcp" for name in self._each) or "no servers"
            await request.answer(
                404, error_bytes(None, INVALID_REQUEST, f"No MCP server is here. There is /mcp: {names}")
            )
        elif server is None:
            await self._own(session, request)
        elif request.method == "POST":
            await self._post(server, session, request, receive)
        elif request.method in ("GET", "DELETE"):
            serve = server.get if request.method == "GET" else server.delete
            await serve(session, request)
        else:
            await request.answer(405, b"", [(b"allow", b"GET, POST, DELETE")])

    async def _post(self, server: Server, session: SessionInfo, request: Request, receive: Receive) -> None:
        kind = request.one(b"content-type").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            await request.answer(415, error_bytes(None, PARSE_ERROR, "Expected Content-Type: application/json"))
            return
        if b"text/plain" in request.accept():
            await request.answer(406, error_bytes(None, PARSE_ERROR, "Expected to be asked for JSON or events"))
            return
        limit = self._shell.limits.body
        content, end, whole = await read_content(receive, limit)
        if not whole:
            number = id_of_oversized(content, end)
            told = f"The message is over the limit of {limit} bytes of what the proxy reads"
            self._shell.engine.refuse(
                Call(session, self._shell.trace()[0]), Direction.OUTBOUND, "limit", "The message is too large", told
            )
            await request.answer(413, error_bytes(number, PARSE_ERROR, told))
            return
        await server.post(session, request, content)

    def _session(self, request: Request) -> SessionInfo | None:
        """Return whose request this is; an MCP session or what a client says of itself never tells."""
        sessions = self._shell.engine.sessions
        if self._bound is not None:
            return self._bound if sessions.alive(self._bound.id) else None
        name, secret = request.bearer
        return sessions.authenticate(name, secret) if name and secret else None

    def _server(self, path: str) -> Server | None:
        if path == "/mcp":
            return self._joined
        name, _, rest = path[1:].partition("/")
        return self._each.get(name) if rest == "mcp" else None

    async def _own(self, session: SessionInfo, request: Request) -> None:
        """Answer what a session may ask of the proxy itself: the state of its approvals."""
        call = Call(session, self._shell.trace()[0])
        status, content = await own_host.serve(self._shell.engine, self._clock, call, request.method, request.path)
        await request.answer(status, content)

    async def _sweep(self) -> None:
        """Look now and then for what belongs to sessions that are over."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            with FailClosed():
                alive = self._shell.engine.sessions.alive
                for one in (*self._each.values(), self._joined):
                    one.sweep(alive)
