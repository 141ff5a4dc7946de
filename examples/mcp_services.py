"""The same upstreams as MCP servers: what each can do are tools, and every byte it receives over HTTP is kept."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import apis
import uvicorn
from apis import Data, Received, Service
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from starlette.types import Message, Receive, Scope, Send

READS = ToolAnnotations(read_only_hint=True)
_FAILED = 400

type Ask = Callable[..., dict[str, Any]]
"""Asks the service behind a server, as `ask(method, path, body, headers)`; gives what it says."""


# ---------------------------------------------------------------------------------------------------- the servers


def _asking(service: Service) -> Ask:
    def ask(method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = service(Received(method, path, headers or {}, json.dumps(body).encode()))
        if answer.status >= _FAILED or not isinstance(answer.body, dict):
            raise ToolError(json.dumps(answer.body))
        return answer.body

    return ask


def workday(ask: Ask) -> MCPServer:
    """Serve employees with their pay, and their reviews."""
    server = MCPServer("workday", log_level="CRITICAL")

    @server.tool(annotations=READS)
    def list_employees() -> dict[str, Any]:
        """List everybody who works here, with what they earn."""
        return ask("GET", "/v1/employees")

    @server.tool(annotations=READS)
    def get_review(employee: str) -> dict[str, Any]:
        """Read the last review of an employee, given by id."""
        return ask("GET", f"/v1/employees/{employee}/review")

    return server


def slack(ask: Ask) -> MCPServer:
    """Post messages."""
    server = MCPServer("slack", log_level="CRITICAL")

    @server.tool()
    def post_message(channel: str, text: str) -> dict[str, Any]:
        """Post a message to a channel, such as #general."""
        return ask("POST", "/api/chat.postMessage", {"channel": channel, "text": text})

    return server


def vault(ask: Ask) -> MCPServer:
    """Give keys, as resources."""
    server = MCPServer("vault", log_level="CRITICAL")

    @server.resource("vault://payments/{name}", mime_type="application/json")
    def key(name: str) -> str:
        """Give a key of the payments provider."""
        return json.dumps(ask("GET", f"/v1/secret/data/payments/{name}", None, {"x-vault-token": apis.VAULT_LOGIN}))

    return server


def payments(ask: Ask) -> MCPServer:
    """Look at a balance and pay money back, for whoever has a key."""
    server = MCPServer("payments", log_level="CRITICAL")

    @server.tool(annotations=READS)
    def balance(api_key: str) -> dict[str, Any]:
        """Return the balance."""
        return ask("GET", "/v1/balance", None, {"authorization": f"Bearer {api_key}"})

    @server.tool()
    def refund(api_key: str, charge: str, amount: int) -> dict[str, Any]:
        """Pay back a charge, or part of it."""
        body = {"charge": charge, "amount": amount}
        return ask("POST", "/v1/refunds", body, {"authorization": f"Bearer {api_key}"})

    return server


def sheets(ask: Ask) -> MCPServer:
    """Read the customers, page by page."""
    server = MCPServer("sheets", log_level="CRITICAL")

    @server.tool(annotations=READS)
    def read_rows(offset: int, limit: int) -> dict[str, Any]:
        """Read some rows of the sheet of customers."""
        return ask("GET", f"/v1/sheets/customers/rows?offset={offset}&limit={limit}")

    return server


def crm(ask: Ask) -> MCPServer:
    """Take contacts."""
    server = MCPServer("crm", log_level="CRITICAL")

    @server.tool()
    def create_contacts(contacts: list[dict[str, str]]) -> dict[str, Any]:
        """Add contacts."""
        return ask("POST", "/v1/contacts", {"contacts": contacts})

    return server


def tickets(ask: Ask) -> MCPServer:
    """Read tickets."""
    server = MCPServer("tickets", log_level="CRITICAL")

    @server.tool(annotations=READS)
    def get_issue(key: str) -> dict[str, Any]:
        """Read a ticket."""
        return ask("GET", f"/rest/api/2/issue/{key}")

    return server


def all_servers(data: Data) -> dict[str, MCPServer]:
    """Return every server by its name."""
    behind = apis.all_services(data)
    hosts = {
        workday: "api.workday.test",
        slack: "slack.test",
        vault: "vault.test",
        payments: "api.payments.test",
        sheets: "sheets.test",
        crm: "crm.test",
        tickets: "tickets.test",
    }
    return {make.__name__: make(_asking(behind[host])) for make, host in hosts.items()}


# ------------------------------------------------------------------------------------------------ how they are run


@dataclass
class Kept:
    """What one server received: `bodies` as they came, heads included."""

    pieces: list[bytes] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def raw(self) -> bytes:
        """Everything received so far."""
        return b"\n".join(self.pieces)

    def calls(self, tool: str) -> list[dict[str, Any]]:
        """Return the arguments of the calls of a tool."""
        called = (message["params"] for message in self.messages if message.get("method") == "tools/call")
        return [params["arguments"] for params in called if params["name"] == tool]


@dataclass(frozen=True)
class McpServices:
    """All MCP servers, running below one address."""

    kept: Mapping[str, Kept]
    url: str

    def __getitem__(self, name: str) -> Kept:
        """Return what one server received."""
        return self.kept[name]

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """The proxy's `mcp: servers:`, by name."""
        return {name: {"url": f"{self.url}/{name}/mcp"} for name in self.kept}

    def forget(self) -> None:
        """Forget what was received, between two stories."""
        for one in self.kept.values():
            one.pieces.clear()
            one.messages.clear()


class _Below:
    """Serves each server below its name, and keeps what it receives."""

    def __init__(self, servers: Mapping[str, Any]) -> None:
        self.kept = {name: Kept() for name in servers}
        self._servers = servers
        self._apps: Mapping[str, Any] = {
            # Whole answers, not streams: of an event, a client takes no more than a megabyte.
            name: server.streamable_http_app(streamable_http_path=f"/{name}/mcp", json_response=True)
            for name, server in servers.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to its server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        name = scope["path"].split("/")[1]
        kept = self.kept[name]
        kept.pieces.append(b"\n".join((scope["raw_path"], *(b": ".join(header) for header in scope["headers"]))))
        body = bytearray()

        async def keeping() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if message["type"] == "http.request" and not message.get("more_body") and body:
                kept.pieces.append(bytes(body))
                kept.messages.append(json.loads(body))
                body.clear()
            return message

        await self._apps[name](scope, keeping, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            for server in self._servers.values():
                await stack.enter_async_context(server.session_manager.run())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@contextlib.contextmanager
def running_mcp_services(servers: Mapping[str, Any]) -> Iterator[McpServices]:
    """Run the SDK's servers, by name, on one loopback port until the block ends."""
    app = _Below(servers)
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, name="mcp", daemon=True)
    thread.start()
    try:
        while not serving.started:
            time.sleep(0.01)
        port = serving.servers[0].sockets[0].getsockname()[1]
        yield McpServices(app.kept, f"http://127.0.0.1:{port}")
    finally:
        serving.should_exit = True
        thread.join(10)
