"""What generated programs do, as messages of MCP; and the two protocols in turn, in one session."""

import base64
import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

import orjson

from dlp.core.message import Direction
from dlp.engine.mcp_dialogue import Dialogue, Send
from dlp.engine.pins import Pins
from dlp.engine.sessions import SessionInfo, Sessions
from dlp.testing import upstreams
from dlp.testing.exchange import Exchange, Heard, Told
from dlp.testing.http_exchange import HttpExchange
from dlp.testing.upstreams import Said
from dlp.testing.wall import Wall

type _Params = tuple[str, Mapping[str, object]]
"""A method with its parameters."""

_BAD = 400


class McpExchange:
    """Programs over MCP: a tool call where a program asks or tells, and other methods where it looks for other ways."""

    def __init__(self) -> None:
        # A proxy that was started anew has new dialogues: they hang on what lives as long as it does.
        self._talks: WeakKeyDictionary[Sessions, dict[tuple[str, str], _Talk]] = WeakKeyDictionary()

    def ask(self, wall: Wall, session: SessionInfo, source: str, query: str) -> bool:
        """Send the question to a source; return whether it passed."""
        return self._talk(wall, session, source).request(wall, *_question(query)) is not None

    def hear(self, wall: Wall, session: SessionInfo, source: str, query: str, said: Said) -> Heard:  # noqa: ARG002
        """Let a source's answer in."""
        return self._talk(wall, session, source).answer(wall, said)

    def tell(self, wall: Wall, session: SessionInfo, sink: str, text: str, way: str) -> Told:
        """Send a text to a sink."""
        talk = self._talk(wall, session, sink)
        raw = talk.request(wall, *WAYS[way](text))
        if raw is None:
            return Told()
        talk.answer(wall, Said())
        params = orjson.loads(raw).get("params", {})
        audiences = set(re.findall(rb'"audience":"(\w+)"', raw))
        return Told(raw, orjson.dumps(params.get("arguments")), audiences == {b"staff"})

    def echo(self, wall: Wall, session: SessionInfo, manner: str, text: str) -> Heard:
        """Send a text to the upstream that says it again, and let its answer in."""
        talk = self._talk(wall, session, "friend")
        raw = talk.request(wall, *_call("say", {"x": text}))
        if raw is None:
            return Heard(passed=False)
        said = upstreams.echo(manner, orjson.dumps(orjson.loads(raw)["params"]["arguments"]))
        if manner == "later":
            talk.answer(wall, Said())
            if talk.request(wall, *_call("kept", {})) is None:
                return Heard(passed=False)
        return talk.answer(wall, said)

    def _talk(self, wall: Wall, session: SessionInfo, server: str) -> "_Talk":
        talks = self._talks.setdefault(wall.sessions, {})
        return talks.get((session.id, server)) or talks.setdefault((session.id, server), _Talk(wall, session, server))


class _Talk:
    """What one session and one server say to each other, one request at a time."""

    def __init__(self, wall: Wall, session: SessionInfo, server: str) -> None:
        self._dialogue = Dialogue(
            lambda: wall.engine,
            session,
            server,
            tell=lambda refuse: {"title": refuse.title, "kind": refuse.kind},
            trace=lambda: ("0" * 32, "0" * 16),
            pins=Pins(wall.store),
            limit=wall.limit,
        )
        self._number = 0

    def request(self, wall: Wall, method: str, params: Mapping[str, object]) -> bytes | None:
        """Send a request; return it as the server receives it, None where it was refused."""
        self._number += 1
        raw = orjson.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        sends: Sequence[Send] = wall.drive(self._dialogue.from_client(raw))
        return next((send.raw for send in sends if send.direction is Direction.OUTBOUND), None)

    def answer(self, wall: Wall, said: Said) -> Heard:
        """Let the answer to the last request in."""
        raw = _answer(self._number, said)
        if len(raw) > wall.limit:
            sends = self._dialogue.too_large(self._number, Direction.INBOUND)
        else:
            sends = wall.drive(self._dialogue.from_server(raw))
        heard: Any = next((orjson.loads(send.raw) for send in sends if send.direction is Direction.INBOUND), {})
        result = heard.get("result", heard.get("error", {}))
        content = result.get("structuredContent")
        if not heard or (isinstance(content, dict) and {"title", "kind"} == content.keys()) or "code" in result:
            return Heard(passed=False)
        return Heard(passed=True, seen=orjson.dumps(result), body=orjson.dumps(content))


def _call(tool: str, arguments: Mapping[str, object]) -> _Params:
    return "tools/call", {"name": tool, "arguments": arguments}


def _question(query: str) -> _Params:
    what, _, which = query.partition("/")
    return _call(what, {"row": which} if which else {})


def _answer(number: int, said: Said) -> bytes:
    """Return an upstream's answer as a tool's result."""
    result: dict[str, object] = {"isError": said.status >= _BAD}
    if said.headers and said.content_type == "application/json" and b"content-encoding" not in dict(said.headers):
        result["_meta"] = {name.decode(): value.decode() for name, value in said.headers}
    if said.content_type == "application/json" and said.body[:1] == b"{":
        result |= {
            "content": [{"type": "text", "text": said.body.decode()}],
            "structuredContent": orjson.loads(said.body),
        }
    elif said.content_type.startswith("text/plain"):
        result["content"] = [{"type": "text", "text": said.body.decode()}]
    elif said.content_type.startswith("text/"):
        table = {"uri": "file:///it", "mimeType": said.content_type, "text": said.body.decode()}
        result["content"] = [{"type": "resource", "resource": table}]
    else:
        blob = {
            "uri": "file:///it",
            "mimeType": "application/octet-stream",
            "blob": base64.b64encode(said.body).decode(),
        }
        result["content"] = [{"type": "resource", "resource": blob}]
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result})


def _tool(arguments: Mapping[str, object]) -> _Params:
    return _call("in", arguments)


WAYS: Mapping[str, Callable[[str], _Params]] = {
    "json": lambda text: _tool({"x": text}),
    "text": lambda text: ("prompts/get", {"name": "in", "arguments": {"x": text}}),
    "query": lambda text: ("resources/read", {"uri": f"note://in/?x={quote(text, safe='')}"}),
    "form": lambda text: (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "in"}, "argument": {"name": "x", "value": text}},
    ),
    "header": lambda text: ("tools/call", {"name": "in", "arguments": {}, "_meta": {"note.test/x": text}}),
    "path": lambda text: ("resources/read", {"uri": f"note://in/{quote(text[-300:], safe='')}"}),
    "key": lambda text: _tool({text: 1}),
    "gzip": lambda text: _tool({"x": base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}),
    "cookie": lambda text: ("tools/call", {"name": "in", "arguments": {}, "_meta": {"progressToken": text}}),
    "staff": lambda text: _tool({"audience": "staff", "x": text}),
    "staff twice": lambda text: _tool({"audience": "staff", "x": text, "Audience": "all"}),
    "ask audience": lambda text: _tool({"x": text, "for": {"audience": "staff"}}),
}
"""How a text is put into a message."""


class MixedExchange:
    """Programs that change between HTTP and MCP with every exchange: the session is one."""

    def __init__(self) -> None:
        self._ways: tuple[Exchange, ...] = (HttpExchange(), McpExchange())
        self._turn: dict[str, int] = {}

    def ask(self, wall: Wall, session: SessionInfo, source: str, query: str) -> bool:
        """Send the question to a source; return whether it passed."""
        return self._next(session).ask(wall, session, source, query)

    def hear(self, wall: Wall, session: SessionInfo, source: str, query: str, said: Said) -> Heard:
        """Let a source's answer in, over the protocol by which it was asked."""
        return self._ways[self._turn[session.id] % 2].hear(wall, session, source, query, said)

    def tell(self, wall: Wall, session: SessionInfo, sink: str, text: str, way: str) -> Told:
        """Send a text to a sink."""
        return self._next(session).tell(wall, session, sink, text, way)

    def echo(self, wall: Wall, session: SessionInfo, manner: str, text: str) -> Heard:
        """Send a text to the upstream that says it again, and let its answer in."""
        return self._next(session).echo(wall, session, manner, text)

    def _next(self, session: SessionInfo) -> Exchange:
        self._turn[session.id] = turn = self._turn.get(session.id, 0) + 1
        return self._ways[turn % 2]
