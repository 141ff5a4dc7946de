"""What streamable HTTP looks like on the sandbox's side: a request taken apart, and the few kinds of answers."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlp.wire.jsonrpc import Id

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Deliver = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"
EVENTS = b"text/event-stream"
SESSION = b"mcp-session-id"
VERSION = b"mcp-protocol-version"
_KEPT = 4096
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


class GoneError(Exception):
    """The client left before it had said all."""


@dataclass(slots=True)
class Request:
    """One request of a sandbox's. `fields` have names in small letters, as ASGI gives them.

    `ours` is one that the gateway makes for itself: nothing in it is the sandbox's.
    """

    method: str
    path: str
    fields: Sequence[tuple[bytes, bytes]] = field(repr=False)
    deliver: Deliver = field(repr=False)
    ours: bool = False
    _first: Mapping[bytes, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Have the fields at hand: several are asked for."""
        self._first = dict(reversed(self.fields))

    def one(self, name: bytes) -> bytes:
        """Return a field's value, the first where there are several, b"" where it is missing."""
        return self._first.get(name, b"")

    @property
    def bearer(self) -> tuple[str, str]:
        """The session and its secret that the request names; empty where it names none."""
        scheme, _, token = self.one(b"authorization").decode("latin-1").partition(" ")
        session, _, secret = token.strip().replace(":", ".", 1).partition(".")
        return (session, secret) if scheme.lower() == "bearer" else ("", "")

    @property
    def is_local(self) -> bool:
        """Whether it says of itself that it comes from a page of this machine, if it comes from one (DNS rebinding)."""
        origin = self.one(b"origin").decode("latin-1")
        return not origin or _host(origin.rpartition("://")[2]) in _LOCAL

    def is_for(self, hosts: frozenset[str]) -> bool:
        """Return whether its Host is one of these, or of this machine."""
        return _host(self.one(b"host").decode("latin-1")) in hosts | _LOCAL

    def accept(self) -> bytes:
        """Return what it accepts, in the two words that matter here."""
        given = b",".join(value for key, value in self.fields if key == b"accept").lower()
        both = [kind for kind in (JSON, EVENTS) if kind in given or b"*/*" in given]
        return b", ".join(both) or b"text/plain"

    async def answer(self, status: int, body: bytes = b"", fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a whole body, JSON where there is one."""
        kind = [(b"content-type", JSON)] if body else []
        length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]  # noqa: PLR2004 - it has no body
        headers = [*kind, *length, (b"cache-control", b"no-store"), *fields]
        await self.deliver({"type": "http.response.start", "status": status, "headers": headers})
        await self.deliver({"type": "http.response.body", "body": body})

    async def begin_events(self, fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Begin to answer with events."""
        headers = [(b"content-type", EVENTS), (b"cache-control", b"no-cache, no-transform"), *fields]
        await self.deliver({"type": "http.response.start", "status": 200, "headers": headers})

    async def event(self, data: bytes, number: str = "", retry: int | None = None) -> None:
        """Send one event; `data` has no line ends but those of JSON's white space."""
        flat = data.replace(b"\r", b" ").replace(b"\n", b" ")
        lines = [b"event: message"]
        if number:
            lines.append(b"id: " + number.encode())
        if retry is not None:
            lines.append(b"retry: %d" % retry)
        lines.append(b"data: " + flat)
        await self.raw(b"\n".join(lines) + b"\n\n")

    async def raw(self, data: bytes) -> None:
        """Send a piece of the answer."""
        await self.deliver({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End an answer that was begun."""
        await self.deliver({"type": "http.response.body", "body": b""})


async def read_content(receive: Receive, limit: int) -> tuple[bytes, bytes, bool]:
    """Return a request's body and whether it is whole; of one over the limit only the start and the end are kept.

    Raises:
        GoneError: the client left.

    """
    pieces: list[bytes] = []
    size, end = 0, b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size <= limit or not pieces:
            pieces.append(piece)
        else:
            pieces = [b"".join(pieces)[:_KEPT]]
            end = (end + piece)[-_KEPT:]
        if not message.get("more_body", False):
            content = b"".join(pieces)
            return (content, b"", True) if size <= limit else (content[:_KEPT], end or content[-_KEPT:], False)


@dataclass(slots=True)
class Known:
    """Event ids as the client knows them, each with the server's own: what a server writes there goes no further."""

    most: int = 4096
    _given: dict[str, tuple[bytes, object]] = field(default_factory=dict)
    _next: int = 0

    def give(self, theirs: str, about: object) -> str:
        """Return a new id for an event that the server calls `theirs`."""
        self._next += 1
        if len(self._given) >= self.most:
            del self._given[next(iter(self._given))]
        number = f"e{self._next}"
        self._given[number] = (theirs.encode(), about)
        return number

    def take(self, ours: bytes) -> tuple[bytes, object] | None:
        """Return what the server calls an event, and what it is about."""
        return self._given.get(ours.decode("latin-1"))


type Waiting = Mapping[Id, object]


def _host(authority: str) -> str:
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return authority.partition(":")[0].lower()
