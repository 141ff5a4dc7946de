"""MCP at addresses that the settings do not name, known by what is said there.

All of it is judged as the HTTP that it is, under the sources and destinations of its URL; what is known of MCP beyond
that only ever adds to it: pins, the shapes that a tool's schema admits, what answers nothing, and refusals that a model
can read. So whoever pretends to speak MCP gains nothing.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from dlp.adapters import refusal
from dlp.core.errors import ParseError
from dlp.core.message import MCP_METHODS, Direction, Endpoint, Facts, Message, Shape
from dlp.core.outcome import Refuse
from dlp.engine.mcp_dialogue import REFUSED, readable
from dlp.engine.pins import Pins
from dlp.policy.when import NO_TOOL
from dlp.wire import coding
from dlp.wire.jsonrpc import Rpc, RpcError, Sort, error_bytes, is_batch, read_rpc, result_bytes, split_batch
from dlp.wire.mcp import VERSION_KEY, target_of
from dlp.wire.sse import EventBody

_FIELDS = frozenset([b"mcp-protocol-version", b"mcp-session-id", b"mcp-method", b"mcp-name"])
_MOST_ADDRESSES = 4096
_RESULT = "/result/structuredContent"
_UNREAD = "mcp: expected one message, in UTF-8, with no key twice"


class Seen:
    """One request of MCP, and what comes back for it."""

    def __init__(self, pins: Pins, endpoint: Endpoint, rpc: Rpc) -> None:
        url = urlsplit(endpoint.upstream)
        self._pins = pins
        self._server = f"{url.netloc}{endpoint.path}"
        self._upstream = f"mcp://{url.hostname}:0"
        self._rpc = rpc
        self._target = target_of(rpc) if rpc.method else None
        self._waiting: list[Message] = []
        tool = "" if self._target is None else self._target.path.removeprefix("/tools/")
        self._tool = tool if rpc.method == "tools/call" else ""
        pin = pins.get(self._server, self._tool) if self._tool else None
        self.facts: Facts = pins.facts(self._server, self._tool) if self._tool else NO_TOOL
        if pin is not None and pin.suspect:
            self._wait(Direction.OUTBOUND, self.facts)

    def take(self) -> Message | None:
        """Return a message that has to pass as well before what was heard may go on; None where there is none."""
        return self._waiting.pop() if self._waiting else None

    def hear(self, raw: bytes, encoding: str = "", *, limit: int) -> None:
        """Take note of what the server says.

        Raises:
            ParseError: it is no message of JSON-RPC, or answers something else.

        """
        content = coding.decode(raw, encoding, limit=limit).data
        if not content.strip():
            return
        rpc = read_rpc(content)
        if rpc.sort in (Sort.RESULT, Sort.ERROR) and rpc.id != self._rpc.id and rpc.id is not None:
            raise ParseError("json-rpc: an answer to a request that was not made here")
        listed = rpc.body.get("tools") if rpc.sort is Sort.RESULT and self._rpc.method == "tools/list" else None
        if isinstance(listed, list):
            try:
                pins = self._pins.see(self._server, [tool for tool in listed if isinstance(tool, dict)])
            except ValueError as error:
                raise ParseError(f"mcp: a list of tools that holds none: {error}") from None
            suspect = [pin for pin in pins if pin.suspect]
            if suspect:
                told = {
                    "tool_changed": any(pin.changed for pin in suspect),
                    "hidden_text": any(pin.hidden for pin in suspect),
                }
                self._wait(Direction.INBOUND, {**NO_TOOL, **told})

    def shape(self, path: str) -> Shape | None:
        """Return what the tool's schema admits at a path of the answer."""
        if not self._tool or not path.startswith(_RESULT):
            return None
        admitted = self._pins.admitted(self._server, self._tool)
        return None if admitted is None else admitted(path.removeprefix(_RESULT))

    def refusal(self, refuse: Refuse) -> bytes:
        """Return a refusal as this request is answered: of a tool a result that a model can read, else an error."""
        number, problem = self._rpc.id, dict(refusal.problem(refuse))
        if self._rpc.method == "tools/call" and number is not None:
            content = [{"type": "text", "text": readable(problem)}]
            result: dict[str, object] = {"content": content, "structuredContent": problem, "isError": True}
            if VERSION_KEY in self._rpc.meta:
                result["resultType"] = "complete"
            return result_bytes(number, result)
        return error_bytes(number, REFUSED, f"{refuse.title}: {refuse.detail}", problem)

    @property
    def answers(self) -> bool:
        """Whether somebody waits for an answer in JSON-RPC."""
        return self._rpc.sort is Sort.REQUEST

    def _wait(self, direction: Direction, facts: Facts) -> None:
        path = "/" if self._target is None else self._target.path
        self._waiting.append(Message(direction, Endpoint("mcp", self._upstream, self._rpc.method, path), (), facts))


class Watched:
    """The events of an answer, each of them heard before it is judged."""

    def __init__(self, reader: Any, seen: Seen, limit: int) -> None:
        self._reader, self._seen, self._limit = reader, seen, limit

    def feed(self, data: bytes) -> Sequence[EventBody]:
        """Return the events that are complete with these bytes."""
        return self._heard(self._reader.feed(data))

    def finish(self) -> Sequence[EventBody]:
        """Return what is left."""
        return self._heard(self._reader.finish())

    def _heard(self, events: Sequence[EventBody]) -> Sequence[EventBody]:
        for event in events:
            self._seen.hear(event.data.encode(), limit=self._limit)
        return events


class Recogniser:
    """Tells MCP by what is said, and remembers where it was."""

    def __init__(self, pins: Pins, limit: int) -> None:
        self._pins = pins
        self._limit = limit
        self._addresses: dict[tuple[str, str], None] = {}

    def is_known(self, endpoint: Endpoint) -> bool:
        """Return whether MCP was spoken at this address."""
        return (endpoint.upstream, endpoint.path) in self._addresses

    def read(self, endpoint: Endpoint, fields: Sequence[tuple[bytes, bytes]], raw: bytes, encoding: str) -> Seen | None:
        """Return what a request says as MCP, None where it is none.

        Raises:
            ParseError: it is meant as MCP, and is not one message that all read alike.

        """
        if endpoint.operation != "POST":
            return None
        told = any(name.lower() in _FIELDS for name, _ in fields) or self.is_known(endpoint)
        if not told and b'"jsonrpc"' not in raw and not encoding:
            return None
        try:
            content = coding.decode(raw, encoding, limit=self._limit).data
            if is_batch(content):
                told = told or any(map(_is_mcp, split_batch(content)))
            rpc = read_rpc(content)
        except ParseError:
            if told:
                raise ParseError(_UNREAD) from None
            return None
        if not told and rpc.method not in MCP_METHODS:
            return None
        if len(self._addresses) >= _MOST_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        self._addresses[endpoint.upstream, endpoint.path] = None
        return Seen(self._pins, endpoint, rpc)


def _is_mcp(raw: bytes) -> bool:
    try:
        return read_rpc(raw).method in MCP_METHODS
    except RpcError:
        return False
