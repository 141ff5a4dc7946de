"""The MCP servers that `dlp bench mcp` measures with: the SDK's own server, over pipes or over HTTP."""

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.types import Receive, Scope, Send

from dlp.bench.bodies import personal

SIZE = 20_000


def server(name: str, tools: int = 0, patience: float = 0.0) -> MCPServer:
    """Return a server that echoes, that tells of customers, and that has `tools` more; it lists after `patience`."""
    made = MCPServer(name, log_level="CRITICAL")

    @made.tool(structured_output=False)
    def echo(text: str) -> str:
        """Return a text as it came."""
        return text

    @made.tool(structured_output=False)
    def customers(number: int) -> str:
        """Return 20 KB of customers, others on each page."""
        return page(number)

    for number in range(tools):
        made.add_tool(_query, name=f"query_{number:03}", description=f"Run query {number} on the records of {name}.")
    if patience:
        inner = made.list_tools

        async def slowly() -> Any:
            await asyncio.sleep(patience)
            return await inner()

        made.list_tools = slowly  # type: ignore[method-assign]  # a server that has to ask elsewhere first
    return made


def page(number: int) -> str:
    """Return 20 KB of customers in JSON; no two pages have one in common."""
    rows: list[str] = []
    size, at = 0, number * SIZE
    while size < SIZE:
        rows.append(personal(at).decode())
        size, at = size + len(rows[-1]), at + 1
    return f"[{','.join(rows)}]"


def _query(filter: str, limit: int = 100, fields: list[str] | None = None) -> str:  # noqa: A002 - as tools call it
    return json.dumps({"filter": filter, "limit": limit, "fields": fields})


class _Below:
    """Serves each server below its name."""

    def __init__(self, servers: Mapping[str, MCPServer]) -> None:
        self._servers = servers
        self._apps = {name: one.streamable_http_app(streamable_http_path=f"/{name}") for name, one in servers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to its server."""
        if scope["type"] != "lifespan":
            await self._apps[scope["path"].strip("/")](scope, receive, send)
            return
        await receive()
        async with AsyncExitStack() as stack:
            for one in self._servers.values():
                await stack.enter_async_context(one.session_manager.run())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve one server over pipes, or as many as standard input says over HTTP at a port that is printed."""
    if sys.argv[1:] == ["stdio"]:
        server("bench").run(transport="stdio")
        return
    given: dict[str, list[float]] = json.loads(sys.stdin.readline())
    app = _Below({name: server(name, int(tools), patience) for name, (tools, patience) in given.items()})
    # With the protocol named: asyncio sends small answers at once only where it sees that this is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")  # from here on, whoever connects waits to be served
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run([listener])


if __name__ == "__main__":
    main()
