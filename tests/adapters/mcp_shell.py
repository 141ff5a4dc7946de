"""What the gateway needs of the proxy around it, with the real engine and no socket."""

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from typing import Any

from dlp.adapters import refusal
from dlp.config import Limits
from dlp.engine.mcp_dialogue import Common, Dialogue
from dlp.engine.pins import Pins
from dlp.engine.pipeline import Classify
from dlp.engine.sessions import SessionInfo
from dlp.testing.wall import Wall

POLICY = """
policy: servers
version: "1"
ner: off
classes:
  pii.email: {level: internal, token: EMAIL, entities: [EMAIL_ADDRESS]}
destinations:
  all: {at: "mcp://*/**"}
rules:
  - {name: in, data: pii.email, to: sandbox, then: tokenize, says: People enter as tokens.}
  - {name: out, data: pii.email, to: all, then: allow, says: They may go back.}
"""
LIMITS = Limits(body=200_000, idle=1.0)


class Shell:
    """An engine, and what is around it."""

    def __init__(self, policy: str = POLICY, limits: Limits = LIMITS) -> None:
        self.wall = Wall(policy)
        self.engine = self.wall.engine
        self.limits = limits
        self.pins = Pins(self.wall.store)
        self.session, self.secret = self.wall.sessions.open("bot")

    def trace(self) -> tuple[str, str]:
        """Return ids."""
        return "0" * 32, "0" * 16

    def begin(self, session: SessionInfo, server: str, common: Common | None = None) -> Dialogue:
        """Begin a dialogue."""
        return Dialogue(
            lambda: self.engine,
            session,
            server,
            tell=refusal.problem,
            trace=self.trace,
            pins=self.pins,
            limit=self.limits.body,
            common=common,
        )

    async def finish(self, run: Any, wait: Any, _session: str) -> Any:
        """Classify what has to be, after others had their turn."""
        try:
            while True:
                await asyncio.sleep(0)
                answer = self.engine.classifier.classify(wait.parts) if isinstance(wait, Classify) else wait.task()
                wait = run.send(answer)
        except StopIteration as end:
            return end.value


class Http:
    """An ASGI client."""

    def __init__(self, app: Any, bearer: str = "") -> None:
        self.app = app
        self.bearer = bearer

    async def ask(
        self,
        path: str,
        message: object = None,
        method: str = "POST",
        into: list[MutableMapping[str, Any]] | None = None,
        **fields: str,
    ) -> tuple[int, Mapping[str, str], list[Any]]:
        """Return status, header fields and the messages that answer a request; `into` gets all of it as it comes."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode() if message is not None else b""
        headers = {"host": "127.0.0.1", "accept": "application/json, text/event-stream"}
        headers |= {"content-type": "application/json"} if raw else {}
        headers |= {"authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        sent: list[MutableMapping[str, Any]] = [] if into is None else into
        pieces = [{"type": "http.request", "body": raw, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if pieces:
                return pieces.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def deliver(part: MutableMapping[str, Any]) -> None:
            sent.append(part)

        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": given}
        await asyncio.wait_for(self.app(scope, receive, deliver), 20)
        status, told = sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        body = b"".join(part.get("body", b"") for part in sent[1:])
        if told.get("content-type") == "text/event-stream":
            lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
            return status, told, [json.loads(line) for line in lines]
        return status, told, [json.loads(body)] if body else []


def modern(number: object, method: str, **params: object) -> tuple[dict[str, object], dict[str, str]]:
    """Return a request of the revision without sessions, and its header fields."""
    about = {"protocolVersion": "2026-07-28", "clientInfo": {"name": "t", "version": "1"}, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    fields = {"mcp_protocol_version": "2026-07-28", "mcp_method": method}
    name = params.get("uri" if method == "resources/read" else "name")
    return request(number, method, **params, _meta=meta), fields | ({"mcp_name": str(name)} if name else {})


def request(number: object, method: str, **params: object) -> dict[str, object]:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def call(number: object, tool: str, meta: object = None, **arguments: object) -> dict[str, object]:
    """Return a call of a tool."""
    more = {} if meta is None else {"_meta": meta}
    return request(number, "tools/call", name=tool, arguments=arguments, **more)
