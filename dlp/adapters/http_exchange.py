"""One exchange over HTTP, in a form that fails closed.

mitmproxy's own `HttpStream` streams, upgrades, tunnels and calls hooks; an `Exchange` only collects a request, has it
judged, collects the response and has that judged. What mitmproxy would answer in HTML or by hanging (trailers, a bad
head, a body over the limit, an exception) becomes a problem document here. Longer than most modules because the
order in which a request and its response are taken up, judged and sent is one subject: which bytes may go on.
"""

import base64
import re
import time
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.net.http import status_codes
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from dlp.adapters import http_head, http_target, refusal
from dlp.adapters import http_objections as objections
from dlp.adapters.fail_closed import ClientGoneError, FailClosed
from dlp.adapters.http1 import make_response
from dlp.adapters.http_head import Head, Objection
from dlp.adapters.http_stream import (
    Half,
    Way,
    accept_of,
    ending,
    grpc_half,
    grpc_status,
    response_half,
    websocket_close,
    websocket_half,
    windows_half,
)
from dlp.adapters.http_target import DEFAULT_PORTS, bracketed, text
from dlp.adapters.mcp_seen import Seen, Watched
from dlp.adapters.mcp_through import Relay, Through
from dlp.adapters.resolver import Barred, Pinned, Resolution
from dlp.config import Limits
from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Direction, Endpoint, Facts, Message
from dlp.core.outcome import Outcome, Refuse
from dlp.core.policy import decoded_path, facts_of, fields_of
from dlp.engine import ranges
from dlp.engine.pipeline import Engine, Run, Wait
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import LARGE_BYTES, Call, Within
from dlp.wire import body as wire_body
from dlp.wire import head as wire_head
from dlp.wire import window
from dlp.wire.graphql_text import Aliases, asked
from dlp.wire.limits import TooLarge
from dlp.wire.repair import repair_headers
from dlp.wire.sse import write_event
from dlp.wire.websocket import Side as WebSocketSide

OUTBOUND, INBOUND = Direction.OUTBOUND, Direction.INBOUND

_KEY, _ACCEPT = b"sec-websocket-key", b"sec-websocket-accept"
_FOR_A_PIECE = (b"range", b"if-range", b"a-im")  # RFC 9110, 14.2 and 13.1.5; RFC 3229
_PIECES = frozenset({status_codes.PARTIAL_CONTENT, 226})
_RANGE_IS_SIGNED = re.compile(rb"signedheaders=[^,]*\brange\b|\"range\"", re.IGNORECASE)  # SigV4; RFC 9421
_BODILESS = frozenset({204, 304})


class Shell(Protocol):
    """What an exchange needs of the proxy around it."""

    engine: Engine
    limits: Limits
    mcp: Through | None

    def identify(self, credentials: bytes | None) -> SessionInfo | None:
        """Return the open session that these proxy credentials are for."""
        ...

    def trace(self) -> tuple[str, str]:
        """Return a new trace id and span id, in hex."""
        ...

    def known(self, host: str, port: int) -> Resolution | None:
        """Return where an address leads if that can be said at once."""
        ...

    def resolve(self, host: str, port: int) -> Coroutine[Any, Any, Resolution]:
        """Return where an address leads."""
        ...

    def finish(self, run: Run, wait: Wait, session: str) -> Coroutine[Any, Any, Outcome]:
        """Drive a session's judgement that has to wait to its end."""
        ...

    def beside(self, task: Callable[[], object], session: str) -> Coroutine[Any, Any, object]:
        """Call `task`, which only reads, beside the loop for a session."""
        ...

    def serve(self, call: Call, method: str, target: str) -> Coroutine[Any, Any, tuple[int, bytes]]:
        """Answer a request to the proxy's own host: status and JSON."""
        ...


@dataclass(slots=True)
class Side:
    """One client connection: whom it belongs to and where its upstream connections may go.

    `bound` is the session of a listener that belongs to one. `pins` are the only addresses that are ever connected to.
    `expect` says of a connection that so many bytes which are to come from it, at most, are the inside of a body.
    """

    shell: Shell
    bound: SessionInfo | None
    pins: dict[tuple[str, int], Pinned]
    expect: Callable[[Connection, int], None]
    multiplexed: WeakKeyDictionary[Connection, BufferedH2Connection] = field(default_factory=WeakKeyDictionary)

    def pending(self, reading: Connection | None) -> int:
        """Return how many bytes wait for peers other than this one to make room (HTTP/2 flow control), at most."""
        most = 0
        for connection, h2 in self.multiplexed.items():
            if connection is not reading:
                most += sum(len(each) for each in h2.stream_buffers.values()) * h2.max_outbound_frame_size
        return most


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a CONNECT established: to where, and for which session."""

    session: SessionInfo
    host: str
    port: int


class Around(Protocol):
    """What an exchange needs of the layer that it is in."""

    side: Side
    tunnel: Tunnel | None
    inside: Tunnel | None


class Await(commands.Command):
    """Wait for `work`; the reply is its finished task. `cancel` is set once it runs.

    `streaming` says that more of the same body comes meanwhile, which should wait where it comes from.
    """

    blocking = True

    def __init__(self, work: Coroutine[Any, Any, Any], waiting: Layer, *, streaming: bool = False) -> None:
        self.work = work
        self.streaming = streaming
        self.cancel: Callable[[], object] | None = None
        self._queue = waiting._paused_event_queue  # noqa: SLF001 - mitmproxy's own, in which a layer's events wait

    @property
    def behind(self) -> int:
        """How many bytes wait until this is done."""
        return sum(len(event.data) for event in self._queue if isinstance(event, RequestData | ResponseData))


@dataclass(repr=False)
class AwaitCompleted(events.CommandCompleted):  # type: ignore[no-untyped-call] # its __init_subclass__
    """What was waited for is there. `reply` returns the result or raises what the work raised."""

    command: Await
    reply: Callable[[], Any]


class Stage(Enum):
    """How far an exchange has come."""

    HEAD = auto()
    REQUEST = auto()
    JUDGED = auto()
    RESPONSE = auto()
    STREAM = auto()
    DONE = auto()


class Exchange(Layer):
    """One request and its response. INVARIANT: nothing is sent upstream before `judge` forwarded the whole request."""

    def __init__(self, context: Context, stream_id: int, layer: "Around") -> None:
        super().__init__(context)
        self.stream_id = stream_id
        self._layer = layer
        self._side = layer.side
        self._shell = layer.side.shell
        self.stage = Stage.HEAD
        self._buffer = bytearray()
        self._gone = False
        self._more_to_come = False
        self._waited = False
        self._aliases: Aliases | None = None
        self._piece: ranges.Piece | None = None  # what the client asks for, where more is asked for in its place
        self._slice: ranges.Cut | None = None  # what of the answer it asked for
        self._waiting: Await | None = None
        self._server: Connection | None = None
        self._call: Call | None = None
        self._upstream = ""
        self._mcp: Seen | None = None  # what the request says, where that is MCP
        self._out: Half | None = None  # how the request goes on, where it does message by message
        self._in: Half | None = None
        self._out_ended = self._unsent = False
        self._grpc = self._websocket = False
        self._client_key = self._own_key = b""

    def __repr__(self) -> str:
        """Say how far this is, never with what."""
        return f"Exchange({self.stream_id}, {self.stage.name})"

    @property
    def _streaming(self) -> bool:
        """Whether the answer goes on message by message: what was just done may have changed that."""
        return self.stage is Stage.STREAM

    @property
    def session(self) -> str:
        """Whose exchange this is; "" as long as that is not known."""
        return "" if self._call is None else self._call.session.id

    # --- the adapter's dispatch: whatever raises refuses this message -------------------------------------------------

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        """Handle an event; an exception ends in a refusal."""
        if type(event) is RequestProtocolError:
            self._gone = True
            if self._waiting is not None and self._waiting.cancel is not None:
                self._waiting.cancel()
        guard = FailClosed()
        with guard:
            yield from super().handle_event(event)
        if isinstance(guard.error, ClientGoneError):
            yield from self._client_gone()
        elif isinstance(guard.error, ParseError):
            yield from self._break_off(objections.UNREADABLE)
        elif guard.error is not None:
            yield from self._break_off(objections.INTERNAL)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            yield from handler(self, event)

    def on_request_data(self, event: RequestData) -> CommandGenerator[None]:
        """Collect a piece of a body, as far as the limit goes; what is longer goes on piece by piece."""
        if self._out is not None:
            if self.stage in _UNDERWAY:
                yield from self._relay(self._out, event.data)
        elif self.stage is Stage.REQUEST:
            self._buffer += event.data
            if len(self._buffer) > self._shell.limits.body:
                data, self._buffer = bytes(self._buffer), bytearray()
                yield from self._open_request(windows_half(self._head, OUTBOUND))
                if self._out is not None and self.stage in _UNDERWAY:
                    yield from self._relay(self._out, data)

    def on_response_data(self, event: ResponseData) -> CommandGenerator[None]:
        """Collect a piece of a body, likewise."""
        if self.stage is Stage.STREAM and self._in is not None:
            yield from self._relay(self._in, event.data)
        elif self.stage is Stage.RESPONSE:
            self._buffer += event.data
            if len(self._buffer) > self._shell.limits.body:
                if self._has_fields() or self._mcp is not None:
                    yield from self._object(objections.TOO_LARGE)
                    return
                data, self._buffer = bytes(self._buffer), bytearray()
                yield from self._open_response(windows_half(self._head, INBOUND))
                if self._streaming and self._in is not None:
                    yield from self._relay(self._in, data)

    def on_trailers(self, event: RequestTrailers | ResponseTrailers) -> CommandGenerator[None]:
        """Refuse trailers, but for those that say how a gRPC call ended."""
        half = self._in
        if self.stage is not Stage.STREAM or half is None or half.way is not Way.GRPC:
            yield from self._object(http_head.TRAILERS)
            return
        half.finish(time.monotonic())
        yield from self._release(half, end=True)
        if self.stage is not Stage.STREAM:
            return
        trailers = event.trailers
        heading = wire_head.read_response_head(200, "", trailers.fields)
        outcome = yield from self._judge(Message(INBOUND, self._endpoint, heading.blocks))
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            _, trailers.fields = heading.write(outcome.edits)
        yield SendHttp(ResponseTrailers(self.stream_id, trailers), self.context.client)

    def on_client_gone(self, _event: events.Event) -> CommandGenerator[None]:
        """Let go of everything."""
        yield from self._client_gone()

    def on_upstream_broke(self, _event: events.Event) -> CommandGenerator[None]:
        """Tell the client."""
        self._server = None
        if self.stage in _UNDERWAY:
            yield from self._object(objections.UPSTREAM_BROKE, retryable=True)

    def on_wakeup(self, _event: events.Wakeup) -> CommandGenerator[None]:
        """Let go of what was held back long enough."""
        for half in (self._out, self._in):
            if half is not None:
                half.woken = False
                if self.stage in _UNDERWAY:
                    yield from self._release(half)

    # --- the request --------------------------------------------------------------------------------------------------

    def on_request_headers(self, event: RequestHeaders) -> CommandGenerator[None]:
        """Take up a request's head: whose it is, where it goes, and whether it may go on to its body."""
        request = self.request = event.request
        self.stage = Stage.REQUEST
        self._more_to_come = not event.end_stream
        head = self._head = http_head.read_request(request.headers.fields, request.data.http_version)
        request.headers.fields = head.fields
        self._grpc, self._websocket = head.grpc and head.objection is None, head.websocket
        if head.websocket:
            # The key is noise by nature. The proxy sends its own: what cannot be read must not cross unjudged.
            self._client_key = head.value(_KEY).encode("latin-1")
            request.headers.fields = http_head.without(head.fields, _KEY)
        session = self._session(head)
        if session is None:
            yield from self._refuse(_unrecorded(objections.NO_IDENTITY))
            return
        trace, self._span = self._shell.trace()
        self._own_key = base64.b64encode(bytes.fromhex(self._shell.trace()[0])) if head.websocket else b""
        self._call = Call(session, trace, head.sandbox_trace)
        objection = head.objection or self._address(request, head)
        if objection is not None:
            yield from self._object(objection)
            return
        if request.data.method == b"CONNECT":
            yield from self._connect(session)
            return
        half = None if event.end_stream else self._request_half(head)
        if half is not None:
            yield from self._open_request(half)
        if head.expects_continue and not event.end_stream and self.stage is not Stage.DONE:
            go_on = make_response(b"HTTP/1.1", 100, b"Continue", ())
            yield SendHttp(ResponseHeaders(self.stream_id, go_on), self.context.client)

    def _request_half(self, head: Head) -> Half | None:
        """Return how a request goes on that is a stream by its head; None for one that is read whole."""
        limit = self._shell.limits.body
        if head.grpc:
            return grpc_half(head, OUTBOUND, head.value(b"grpc-encoding"), limit=limit)
        if head.length is not None and head.length > limit:
            return windows_half(head, OUTBOUND)
        return None

    def _session(self, head: Head) -> SessionInfo | None:
        """Return whose request this is, as of now."""
        tunnel_ = self._layer.tunnel
        if tunnel_ is None and self._side.bound is None:
            return self._shell.identify(head.credentials)
        session = self._side.bound if tunnel_ is None else tunnel_.session
        return session if session is not None and self._shell.engine.sessions.alive(session.id) else None

    def _address(self, request: http.Request, head: Head) -> Objection | None:
        """Settle where the request goes; object if anything in it says otherwise."""
        tunnel_ = self._layer.tunnel
        led = None if tunnel_ is None else (tunnel_.host, tunnel_.port)
        target = http_target.settle(request, head, led, self.context.client)
        if isinstance(target, Objection):
            return target
        request.data.host, request.data.port = target
        self._upstream = f"{request.scheme or 'https'}://{bracketed(target[0])}:{target[1]}"
        return None

    def _connect(self, session: SessionInfo) -> CommandGenerator[None]:
        host, port = self.request.host, self.request.port
        call = self._call
        assert call is not None  # noqa: S101 - set before any way here
        if host != refusal.OWN_HOST:
            # Some clients open a tunnel for http:// as well; what is inside is judged under what it turns out to be.
            scheme = "http" if port == DEFAULT_PORTS["http"] else "https"
            named = self._shell.mcp is not None and self._shell.mcp.names(host, port)
            refuse = None if named else self._shell.engine.connect(call, scheme, host, port)
            if refuse is None and not named:
                known = self._shell.known(host, port)
                if isinstance(known, Barred):
                    refuse = self._barred(known)
            if refuse is not None:
                yield from self._refuse(refuse)
                return
        self.stage = Stage.DONE
        self._layer.inside = Tunnel(session, host, port)
        yield commands.SendData(self.context.client, b"HTTP/1.1 200 Connection established\r\n\r\n")
        yield DropStream(self.stream_id)

    def on_request_complete(self, _event: events.Event) -> CommandGenerator[None]:  # noqa: PLR0911 - its ways to end
        """Have the whole request judged, and send it upstream if it was forwarded."""
        if self._out is not None:
            yield from self._end_request()
            return
        if self.stage is not Stage.REQUEST:
            return
        call, request, head = self._call, self.request, self._head
        assert call is not None  # noqa: S101 - set before any way here
        self.stage = Stage.JUDGED
        raw, self._buffer = bytes(self._buffer), bytearray()
        data = request.data
        if data.host == refusal.OWN_HOST:
            status, content = yield from self._await(self._shell.serve(call, text(data.method), request.path))
            if self._over(call):
                yield from self._object(objections.NO_IDENTITY)
                return
            yield from self._answer(_json(status, content, data.http_version))
            return
        server = self._shell.mcp.find(request.scheme, data.host, data.port, request.path) if self._shell.mcp else None
        if server is not None:
            yield from self._relay_mcp(Relay(server, call.session, self._shell.limits.body), raw)
            return
        heading = self._heading()
        try:
            content = yield from self._read(raw, head)
        except TooLarge:
            yield from self._object(objections.TOO_LARGE)
            return
        quick = wire_body.is_quick(len(raw), head.content_type, head.content_encoding)
        facts = yield from self._quickly(partial(self._see_mcp, raw), quick=quick)
        message = Message(OUTBOUND, self._endpoint, (*heading.blocks, content.block), facts)
        if self._has_fields():  # which are named as they are, whatever a query calls them
            self._aliases = yield from self._quickly(lambda: asked(message.parts), quick=quick)
        find = partial(http_head.overriding, message, data.path, head.content_type, raw)
        outcome = yield from self._judge_all(message, (yield from self._quickly(find, quick=quick)))
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            write = partial(_write, heading, content, raw, outcome.edits)
            target, data.headers.fields, raw = yield from self._quickly(write, quick=_is_small(content))
            data.path = target.encode("latin-1")
        yield from self._forward(raw)

    def _see_mcp(self, raw: bytes) -> Facts:
        """Note whether the request is MCP, to a server that the settings do not name; return what is known of it."""
        if self._shell.mcp is not None:
            fields, coding = self.request.data.headers.fields, self._head.content_encoding
            self._mcp = self._shell.mcp.elsewhere.read(self._endpoint, fields, raw, coding)
        return {} if self._mcp is None else self._mcp.facts

    def _read(
        self, raw: bytes, head: Head, aliases: Aliases | None = None
    ) -> Generator[commands.Command, Any, wire_body.Body]:
        """Return what a body says, read beside the loop where that may take long.

        Raises:
            TooLarge: it is more than the limit, as it came or decoded.

        """
        kind, coding, limit = head.content_type, head.content_encoding, self._shell.limits.body
        read = partial(wire_body.read_body, raw, kind, coding, limit=limit, aliases=aliases)
        return (yield from self._quickly(read, quick=wire_body.is_quick(len(raw), kind, coding)))

    def _quickly[T](self, task: Callable[[], T], *, quick: bool) -> Generator[commands.Command, Any, T]:
        """Return what `task` returns, which only reads: at once if that is quick, else beside the loop."""
        if quick:
            return task()
        answer: T = yield from self._await(self._shell.beside(task, self.session))
        return answer

    def _relay_mcp(self, relay: Relay, raw: bytes) -> CommandGenerator[None]:
        """Have a request served as one of MCP, and give the answer on as it comes."""
        data, client = self.request.data, self.context.client
        relay.start(text(data.method), text(data.path), data.headers.fields, raw)
        try:
            begun = yield from self._await(relay.next())
            fields = [*begun["headers"], *([(b"transfer-encoding", b"chunked")] if _is_chunked(begun, data) else [])]
            response = _response(begun["status"], fields, b"", data.http_version)
            yield SendHttp(ResponseHeaders(self.stream_id, response), client)
            while (part := (yield from self._await(relay.next()))) is not None:
                if part.get("body"):
                    yield SendHttp(ResponseData(self.stream_id, part["body"]), client)
        finally:
            relay.close()
        self.stage = Stage.DONE
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)
        yield DropStream(self.stream_id)

    def _heading(self) -> wire_head.Head:
        """Settle where the request goes, and return what its head says."""
        data = self.request.data
        path = text(data.path)
        self._endpoint = Endpoint("http", self._upstream, text(data.method), decoded_path(path.partition("?")[0]))
        asked = [name.lower() for name, value in data.headers.fields if name.lower() in _FOR_A_PIECE]
        # Of several pieces at once nobody could say what stands beside what: then all is asked for.
        several = asked.count(b"range") > 1 or any(
            b"," in value for name, value in data.headers.fields if name.lower() in _FOR_A_PIECE
        )
        if asked and (several or self._has_fields()):
            data.headers.fields = http_head.without(data.headers.fields, *_FOR_A_PIECE)
        elif b"range" in asked:
            self._ask_beside()
        return wire_head.read_request_head(
            text(data.method), f"{bracketed(data.host)}:{data.port}", path, data.headers.fields
        )

    def _ask_beside(self) -> None:
        """Ask for what stands beside a piece as well: half a value looks like none.

        Not where a signature holds the field as it is. What comes then has to be whole, or no text.
        """
        data = self.request.data
        fields = data.headers.fields
        signed = any(
            _RANGE_IS_SIGNED.search(value)
            for name, value in fields
            if name.lower() in (b"authorization", b"signature-input")
        )
        if data.method == b"HEAD" or signed:
            return
        (range_,) = [value for name, value in fields if name.lower() == b"range"]
        self._piece = ranges.piece_of(range_)
        if self._piece is not None:
            asked = self._piece.asked()
            data.headers.fields = tuple((n, asked if n.lower() == b"range" else v) for n, v in fields)

    def _has_fields(self) -> bool:
        """Return whether this is, or may be, a source with declared fields, which are found in whole answers only."""
        return bool(fields_of(self._shell.engine.policy, self._endpoint))

    def _judge_all(self, message: Message, methods: Sequence[str]) -> Generator[commands.Command, Any, Outcome]:
        """Have a request judged as what it says, and as what a parameter may make of it: other methods."""
        for method in methods:
            endpoint = replace(message.endpoint, operation=method)
            outcome = yield from self._judge(replace(message, endpoint=endpoint))
            if isinstance(outcome, Refuse):
                return outcome
        return (yield from self._judge(message))

    def _judge(self, message: Message, *, streaming: bool = False) -> Generator[commands.Command, Any, Outcome]:
        """Have a message judged, and what MCP adds to it."""
        outcome = yield from self._judge_one(message, streaming=streaming)
        while not isinstance(outcome, Refuse) and self._mcp is not None and (more := self._mcp.take()) is not None:
            other = yield from self._judge_one(more, streaming=streaming)
            outcome = other if isinstance(other, Refuse) else outcome
        return outcome

    def _judge_one(self, message: Message, *, streaming: bool) -> Generator[commands.Command, Any, Outcome]:
        """Have a message judged, waiting only where the engine waits."""
        assert self._call is not None  # noqa: S101 - set before any way here
        run = self._shell.engine.judge(self._call, message)
        try:
            wait = next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        outcome = yield from self._await(self._shell.finish(run, wait, self._call.session.id), streaming=streaming)
        return outcome

    def _await(
        self, work: Coroutine[Any, Any, Any], *, streaming: bool = False
    ) -> Generator[commands.Command, Any, Any]:
        waiting = self._waiting = Await(work, self, streaming=streaming)
        reply = yield waiting
        self._waiting = None
        self._waited = True
        if self._gone:
            raise ClientGoneError
        return reply()

    def _forward(self, raw: bytes, *, whole: bool = True) -> CommandGenerator[None]:
        """Connect and send the request, or only its head where the rest comes message by message."""
        request, call = self.request, self._call
        assert call is not None  # noqa: S101 - set before any way here
        data = request.data
        address = (data.host, data.port)
        resolution = self._shell.known(*address)
        if resolution is None:
            resolution = yield from self._await(self._shell.resolve(*address))
        if isinstance(resolution, Barred):
            yield from self._refuse(self._barred(resolution))
            return
        self._side.pins[address] = resolution
        if self._waited and self._over(call):
            yield from self._object(objections.NO_IDENTITY)
            return
        connection, error = yield GetHttpConnection(address, data.scheme == b"https", None)
        if self._gone:
            raise ClientGoneError
        # Before the last byte leaves, the ledger's current version is what counts; to connect may have taken a while.
        if self._over(call):
            yield from self._object(objections.NO_IDENTITY)
            return
        if error is not None or connection is None:
            yield from self._object(objections.unreachable(error or ""), retryable=True)
            return
        self._server = connection
        data.content = raw
        if self._grpc and connection.alpn != b"h2":
            yield from self._object(http_head.GRPC)
            return
        self._add_own_fields(call, chunked=not whole and connection.alpn != b"h2")
        yield SendHttp(RequestHeaders(self.stream_id, request, end_stream=whole and not raw), connection)
        if not whole:
            return
        if raw:
            yield SendHttp(RequestData(self.stream_id, raw), connection)
        yield SendHttp(RequestEndOfMessage(self.stream_id), connection)

    def _add_own_fields(self, call: Call, *, chunked: bool) -> None:
        """Add to a request what the proxy itself says: its trace, its key of a WebSocket, how the body is framed."""
        fields = [(b"traceparent", f"00-{call.trace}-{self._span}-01".encode())]
        if self._websocket:
            fields.append((b"Sec-WebSocket-Key", self._own_key))
        if chunked and self._head.length is None and not self._head.chunked:  # it came in frames
            fields.append((b"transfer-encoding", b"chunked"))
        data = self.request.data
        data.headers.fields = (*data.headers.fields, *fields)

    def _over(self, call: Call) -> bool:
        """Return whether the session was closed or frozen meanwhile."""
        return not self._shell.engine.sessions.alive(call.session.id)

    # --- the response -------------------------------------------------------------------------------------------------

    def on_response_headers(self, event: ResponseHeaders) -> CommandGenerator[None]:
        """Take up a response's head."""
        response = self.response = event.response
        data = response.data
        self.stage = Stage.RESPONSE
        fields = data.headers.fields
        head = self._head = http_head.read_response(fields, data.http_version)
        data.headers.fields = head.fields
        objection = head.objection
        large = not event.end_stream and (head.length or 0) > self._shell.limits.body
        switched = data.status_code == status_codes.SWITCHING
        if switched and not self._may_switch(fields):
            objection = objections.SWITCHED
        elif objection is None and large and (self._has_fields() or self._mcp is not None):
            objection = objections.TOO_LARGE
        elif objection is None and self._is_piece(data) and self._has_fields():
            objection = objections.PIECE
        if objection is not None:
            yield from self._object(objection)
            return
        if switched:
            yield from self._switch()
        elif not event.end_stream:
            half = self._response_half(head, large=large)
            if half is not None:
                if half.way is Way.SSE and self._mcp is not None:
                    half.reader = Watched(half.reader, self._mcp, self._shell.limits.body)
                yield from self._open_response(half)

    def _may_switch(self, fields: http_head.Fields) -> bool:
        """Return whether a 101 answers what was asked: a WebSocket, and nothing else."""
        upgrades = [value.lower() for name, value in fields if name.lower() == b"upgrade"]
        accepted = [value for name, value in fields if name.lower() == _ACCEPT]
        return self._websocket and upgrades == [b"websocket"] and accepted == [accept_of(self._own_key)]

    def _response_half(self, head: Head, *, large: bool) -> Half | None:
        limit = self._shell.limits.body
        if self._grpc and head.grpc:
            return grpc_half(head, INBOUND, head.value(b"grpc-encoding"), limit=limit)
        if self._content_range() is not None:  # lines and events may be cut in two
            return windows_half(head, INBOUND) if large else None
        return response_half(head, limit=limit, hold=self._may_hold(INBOUND), large=large)

    def _may_hold(self, direction: Direction) -> bool:
        """Return whether messages may be judged together: not where each one's own facts decide."""
        return self._mcp is None and not facts_of(
            self._shell.engine.policy, self._endpoint, inbound=direction is INBOUND
        )

    @staticmethod
    def _is_piece(data: http.ResponseData) -> bool:
        named = any(name.lower() == b"content-range" for name, _ in data.headers.fields)
        return named or data.status_code in _PIECES

    def on_response_complete(self, _event: events.Event) -> CommandGenerator[None]:
        """Have the whole response judged, and deliver it if it was forwarded."""
        if self.stage is Stage.STREAM:
            yield from self._end_response()
            return
        response, head = self.response, self._head
        data = response.data
        raw, self._buffer = bytes(self._buffer), bytearray()
        self._server = None  # it has said all it has to say
        self._waited = False
        if not self._may_enter(raw):
            yield from self._object(objections.PIECES)
            return
        whole, raw = raw, raw if self._slice is None else ranges.characters(raw, self._slice)
        try:
            heading = wire_head.read_response_head(data.status_code, text(data.reason), data.headers.fields)
            content = yield from self._read(raw, head, self._aliases)
        except TooLarge:
            yield from self._object(objections.TOO_LARGE)
            return
        seen = self._mcp
        if seen is not None and data.status_code < 300 and head.media_type == "application/json":  # noqa: PLR2004
            hear = partial(seen.hear, raw, head.content_encoding, limit=self._shell.limits.body)
            yield from self._quickly(hear, quick=_is_small(content))
        shape = None if seen is None else seen.shape
        outcome = yield from self._judge(
            Message(INBOUND, self._endpoint, (*heading.blocks, content.block), shape=shape)
        )
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            write = partial(_write, heading, content, raw, outcome.edits)
            _, data.headers.fields, raw = yield from self._quickly(write, quick=_is_small(content))
        if self._waited and self._call is not None and self._over(self._call):
            yield from self._object(objections.NO_IDENTITY)
            return
        # INVARIANT: nothing in a piece was edited: `repair_headers` refuses that wherever there is a Content-Range.
        raw = raw if self._slice is None else self._cut_out(self._slice, whole)
        if head.chunked and self.request.data.http_version == b"HTTP/1.0":
            data.headers.fields = http_head.without(data.headers.fields, b"transfer-encoding")
            head.chunked = False
        may_have_body = self.request.data.method != b"HEAD" and data.status_code not in _BODILESS
        if may_have_body and head.length is None and not head.chunked and not self._grpc:
            # The body ended with the connection, or came in HTTP/2 frames or chunks; its reader may know neither.
            data.headers.fields = (*data.headers.fields, (b"Content-Length", b"%d" % len(raw)))
        data.content = raw
        yield from self._answer(response)

    def _content_range(self) -> bytes | None:
        """Return which bytes of a larger whole an answer says that it is; b"" where it says so in two ways."""
        fields = self.response.data.headers.fields
        said = [value for name, value in fields if name.lower() == b"content-range"]
        if len(said) == 1 and ranges.counts_rows(said[0]):
            return None
        return None if not said else said[0] if len(said) == 1 else b""

    def _may_enter(self, raw: bytes) -> bool:
        """Return whether all is there that a piece of an answer has to be judged with; note what of it was asked for.

        A piece that nobody asked for, or asked for as it is, may enter where it is the whole, or no text.
        """
        said, status = self._content_range(), self.response.status_code
        if not raw or status == status_codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True
        if said is None:
            several = self._head.media_type == "multipart/byteranges"
            return not several and (self._piece is None or status != status_codes.PARTIAL_CONTENT)
        if self._piece is not None:
            self._slice = ranges.cut(said, len(raw), self._piece)
            return self._slice is not None
        found = ranges.cut(said, len(raw), ranges.WHOLE)
        if found is not None and found.length == len(raw):
            return True
        ends = (raw[: ranges.EDGE], raw[-ranges.EDGE :])
        return ranges.fits(said, len(raw)) and not any(window.edge_blocks(end, self._head.content_type) for end in ends)

    def _cut_out(self, cut: ranges.Cut, raw: bytes) -> bytes:
        """Return what the client asked for of the bytes that came, and say so in the head."""
        data = self.response.data
        data.headers.fields = ranges.told(data.headers.fields, cut)
        if not cut.length:
            data.status_code, data.reason = status_codes.REQUESTED_RANGE_NOT_SATISFIABLE, b"Range Not Satisfiable"
        return cut.of(raw)[0]

    # --- streams: messages that are judged one by one, each way -------------------------------------------------------

    def _open_request(self, half: Half) -> CommandGenerator[None]:
        """Have a request's head judged and send it; its body follows message by message."""
        call, data = self._call, self.request.data
        assert call is not None  # noqa: S101 - set before any way here
        if data.host == refusal.OWN_HOST:
            yield from self._object(objections.TOO_LARGE)
            return
        heading = self._heading()
        if self._shell.mcp is not None and self._shell.mcp.elsewhere.is_known(self._endpoint):
            yield from self._object(objections.TOO_LARGE)
            return
        message = Message(OUTBOUND, self._endpoint, heading.blocks)
        outcome = yield from self._judge_all(message, http_head.overriding(message, data.path, "", b""))
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            target, data.headers.fields = heading.write(outcome.edits)
            data.path = target.encode("latin-1")
        self._out = half
        self._expect_body(half, self.context.client)
        self._unsent = half.way is Way.WINDOWS  # its head waits for the verdict on its first piece
        if not self._unsent:
            yield from self._send_head()
        if self.stage is not Stage.DONE:
            self.stage = Stage.JUDGED
            call.within = Within()

    def _send_head(self) -> CommandGenerator[None]:
        """Send the head of a request whose body follows."""
        self._unsent = False
        yield from self._forward(b"", whole=False)

    def _end_request(self) -> CommandGenerator[None]:
        half = self._out
        if half is None or self.stage not in _UNDERWAY:
            return
        if half.way is Way.WEBSOCKET:  # the connection ended without a close
            yield from self._client_gone()
            return
        half.finish(time.monotonic())
        yield from self._release(half, end=True)
        self._out_ended = True
        if self._server is not None and self.stage in _UNDERWAY:
            yield SendHttp(RequestEndOfMessage(self.stream_id), self._server)

    def _open_response(self, half: Half) -> CommandGenerator[None]:
        """Have a response's head judged and send it; its body follows message by message."""
        call, response, data = self._call, self.response, self.response.data
        assert call is not None  # noqa: S101 - set before any way here
        heading = wire_head.read_response_head(data.status_code, text(data.reason), data.headers.fields)
        outcome = yield from self._judge(Message(INBOUND, self._endpoint, heading.blocks))
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            _, data.headers.fields = heading.write(outcome.edits)
        if self._piece is not None and (said := self._content_range()) is not None:
            self._slice = ranges.cut(said, self._head.length, self._piece)
            if self._slice is None:
                yield from self._object(objections.PIECES)
                return
            data.headers.fields = ranges.told(data.headers.fields, self._slice)
        self._frame(half)
        self._in = half
        if self._server is not None:
            self._expect_body(half, self._server)
        call.within = call.within or Within()
        self.stage = Stage.STREAM
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)

    def _expect_body(self, half: Half, connection: Connection) -> None:
        """Have a large body read in large bits: not from HTTP/2, in which it comes among other frames."""
        if half.way is Way.WINDOWS and self._head.length is not None and connection.alpn != b"h2":
            self._side.expect(connection, self._head.length)

    def _frame(self, half: Half) -> None:
        """Say in the response's head how its body is framed: its length is not known where messages may change."""
        data, version = self.response.data, self.request.data.http_version
        fields = data.headers.fields
        if half.way is Way.WEBSOCKET:
            accept = (b"Sec-WebSocket-Accept", accept_of(self._client_key))
            data.headers.fields = (*fields, *http_head.UPGRADING, accept)
            return
        known = self._head.length is not None and half.way is Way.WINDOWS
        if not known:
            fields = http_head.without(fields, b"content-length", b"transfer-encoding", b"etag", b"accept-ranges")
        if half.decode is not None:
            fields = http_head.without(fields, b"content-encoding")
        if not known and version == b"HTTP/1.1":
            fields = (*fields, (b"Transfer-Encoding", b"chunked"))
        elif not known and version == b"HTTP/1.0":
            fields = (*http_head.without(fields, b"connection"), (b"Connection", b"close"))
        data.headers.fields = fields

    def _switch(self) -> CommandGenerator[None]:
        """Go on as a WebSocket: from here on both sides send frames."""
        limit = self._shell.limits.body
        self.response.headers.fields = http_head.without(self.response.headers.fields, _ACCEPT)
        extensions = self._head.value(b"sec-websocket-extensions")
        out = websocket_half(OUTBOUND, extensions, limit=limit, hold=self._may_hold(OUTBOUND))
        yield from self._open_response(websocket_half(INBOUND, extensions, limit=limit, hold=self._may_hold(INBOUND)))
        if self.stage is Stage.STREAM:
            self._out = out

    def _relay(self, half: Half, data: bytes) -> CommandGenerator[None]:
        """Take bytes of a stream, and let go on what may."""
        half.put(data, time.monotonic())
        yield from self._release(half)

    def _release(self, half: Half, *, end: bool = False) -> CommandGenerator[None]:
        """Have messages judged that need not be held back, and send them on."""
        now = time.monotonic()
        while (batch := half.stream.take(now, end=end, join=self._may_join(half))) is not None:
            shape = None if self._mcp is None or half.direction is OUTBOUND else self._mcp.shape
            message = Message(half.direction, self._endpoint, batch.blocks, shape=shape)
            outcome = yield from self._judge_stream(message, len(batch.several))
            if isinstance(outcome, Refuse):
                if batch.several:  # those before the one that may not go on still may
                    half.stream.back(batch)
                    continue
                yield from self._refuse(outcome)
                return
            raw, ends = batch.write(outcome.edits)
            half.stream.sent(ends)
            if half.direction is INBOUND:
                if self._slice is not None:
                    raw, self._slice = self._slice.of(raw)
                if raw:  # nothing is the end of a body in chunks
                    yield SendHttp(ResponseData(self.stream_id, raw), self.context.client)
            else:
                if self._unsent:
                    yield from self._send_head()
                if self._server is None:
                    return
                yield SendHttp(RequestData(self.stream_id, raw), self._server)
        deadline = half.stream.deadline
        if deadline is not None and not half.woken:
            half.woken = True
            yield commands.RequestWakeup(max(0.001, deadline - now))

    def _judge_stream(self, message: Message, several: int) -> Generator[commands.Command, Any, Outcome]:
        """Have a message of a stream judged, or several as one."""
        if self._call is not None and self._call.within is not None:
            self._call.within.joined = several or 1
        return (yield from self._judge(message, streaming=True))

    def _may_join(self, half: Half) -> bool:
        """Return whether messages that came together may be judged as one; what leaves is judged one by one."""
        joins = half.direction is INBOUND and half.stream.waiting > 1 and self._shell.engine.joins
        return joins and self._may_hold(INBOUND)

    def _end_response(self) -> CommandGenerator[None]:
        """Let go of what is left, record the end and tell the client."""
        half, server = self._in, self._server
        assert half is not None  # noqa: S101 - set with the stage
        half.finish(time.monotonic())
        yield from self._release(half, end=True)
        if self.stage is not Stage.STREAM:
            return
        self._note_end("")
        self._server = None
        self.stage = Stage.DONE
        if server is not None and ((self._out is not None and not self._out_ended) or half.way is Way.WEBSOCKET):
            yield SendHttp(RequestProtocolError(self.stream_id, "over", ErrorCode.CANCEL), server)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        yield DropStream(self.stream_id)

    def _note_end(self, reason: str) -> None:
        if self._call is not None and self._call.within is not None:
            self._shell.engine.end_stream(self._call, self._endpoint, reason)
            self._call.within = None

    def _cut(self, refuse: Refuse) -> CommandGenerator[None]:
        """End a stream that is refused halfway, in the way that its client understands best."""
        half, out, server, client = self._in, self._out, self._server, self.context.client
        assert half is not None  # noqa: S101 - set with the stage
        self.stage, self._server = Stage.DONE, None
        stream = self.stream_id
        last = ending(half.way, refuse)
        if self._mcp is not None and self._mcp.answers and half.way is Way.SSE:
            last = write_event(self._mcp.refusal(refuse).decode(), event="message")
        clean = last is not None or half.way in (Way.GRPC, Way.WEBSOCKET)
        if isinstance(half.reader, WebSocketSide) and out is not None and isinstance(out.reader, WebSocketSide):
            code, reason = websocket_close(refuse)
            last = half.reader.close(code, reason)
            if server is not None:
                yield SendHttp(RequestData(stream, out.reader.close(code, "")), server)
        if server is not None:
            yield SendHttp(RequestProtocolError(stream, "refused", ErrorCode.CANCEL), server)
        if last is not None:
            yield SendHttp(ResponseData(stream, last), client)
        if half.way is Way.GRPC:
            yield SendHttp(ResponseTrailers(stream, http.Headers(grpc_status(refuse))), client)
        if clean:
            yield SendHttp(ResponseEndOfMessage(stream), client)
        else:
            yield SendHttp(ResponseProtocolError(stream, "", ErrorCode.KILL), client)
        yield DropStream(stream)
        self._note_end(refuse.kind)

    # --- ends ---------------------------------------------------------------------------------------------------------

    @property
    def _direction(self) -> Direction:
        return INBOUND if self.stage in (Stage.RESPONSE, Stage.STREAM) else OUTBOUND

    def _object(self, objection: Objection, *, retryable: bool = False) -> CommandGenerator[None]:
        """Refuse for what the adapter itself found."""
        call = self._call
        if call is None:
            yield from self._refuse(_unrecorded(objection))
            return
        refuse = self._shell.engine.refuse(
            call,
            self._direction,
            objection.kind,
            objection.title,
            objection.detail,
            following=objection.next,
            endpoint=self._where(),
            retryable=retryable,
        )
        yield from self._refuse(refuse)

    def _barred(self, barred: Barred) -> Refuse:
        assert self._call is not None  # noqa: S101 - set before any way here
        return self._shell.engine.refuse(
            self._call,
            OUTBOUND,
            "upstream" if barred.retryable else "destination",
            "This address is not reachable through the proxy",
            f"The proxy makes no connection there: {barred.why}.",
            following="" if barred.retryable else "Ask the operator to name it under hosts: if it is meant to be used.",
            endpoint=self._where(),
            retryable=barred.retryable,
        )

    def _where(self) -> Endpoint:
        """Return what is known of the endpoint so far; no path, which may hold a value."""
        return Endpoint("http", self._upstream, text(self.request.data.method) if self._upstream else "")

    def _break_off(self, objection: Objection) -> CommandGenerator[None]:
        """End after an exception: with a problem document if the client has not been answered, else by closing."""
        if self.stage is Stage.DONE:
            self._buffer = bytearray()
            server, self._server = self._server, None
            if server is not None:
                yield SendHttp(RequestProtocolError(self.stream_id, "refused", ErrorCode.CANCEL), server)
            yield SendHttp(ResponseProtocolError(self.stream_id, "", ErrorCode.KILL), self.context.client)
            yield DropStream(self.stream_id)
        else:
            yield from self._object(objection)

    def _refuse(self, refuse: Refuse) -> CommandGenerator[None]:
        if self.stage is Stage.STREAM:
            yield from self._cut(refuse)
            return
        if self._grpc:
            yield from self._answer(_response(200, [*_GRPC_ANSWER, *grpc_status(refuse)], b"", b"HTTP/2.0"))
            return
        if self._mcp is not None and self._mcp.answers:
            told = self._mcp.refusal(refuse)
            yield from self._answer(_json(200, told, self.request.data.http_version))
            return
        content = refusal.problem_bytes(refuse)
        version = self.request.data.http_version
        response = _response(refusal.status(refuse), refusal.headers(refuse, len(content)), content, version)
        unread = self.stage is Stage.REQUEST or (self._out is not None and not self._out_ended)
        if unread and self._more_to_come and not self.request.is_http2:
            # The rest of the body is thrown away as it comes; a client that waits for the answer first sees the end.
            response.headers["Connection"] = "close"
        yield from self._answer(response)

    def _answer(self, response: http.Response) -> CommandGenerator[None]:
        """Send the response, end the exchange, and let go of an upstream that is still talking."""
        self.stage = Stage.DONE
        self._buffer = bytearray()
        server, self._server = self._server, None
        if server is not None:
            yield SendHttp(RequestProtocolError(self.stream_id, "refused", ErrorCode.CANCEL), server)
        content = response.data.content
        client = self.context.client
        if self.request.data.method == b"HEAD":
            content = b""
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=not content), client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)
        yield DropStream(self.stream_id)

    def _client_gone(self) -> CommandGenerator[None]:
        self.stage = Stage.DONE
        self._buffer = bytearray()
        server, self._server = self._server, None
        self._note_end("the client left")
        if server is not None:
            yield SendHttp(RequestProtocolError(self.stream_id, "gone", ErrorCode.CLIENT_DISCONNECTED), server)
        yield DropStream(self.stream_id)


type _Handler = Callable[[Exchange, Any], CommandGenerator[None]]


_UNDERWAY = (Stage.JUDGED, Stage.RESPONSE, Stage.STREAM)
_GRPC_ANSWER = [(b"content-type", b"application/grpc")]


def _at(stages: Stage | tuple[Stage, ...], handler: _Handler) -> _Handler:
    """Return a handler that does nothing at any other stage: what comes late is thrown away."""
    allowed = stages if isinstance(stages, tuple) else (stages,)

    def handle(exchange: Exchange, event: Any) -> CommandGenerator[None]:
        return handler(exchange, event) if exchange.stage in allowed else iter(())  # type: ignore[return-value]

    return handle


_HANDLERS: dict[type[events.Event], _Handler] = {
    RequestHeaders: _at(Stage.HEAD, Exchange.on_request_headers),
    RequestData: Exchange.on_request_data,
    RequestTrailers: _at(Stage.REQUEST, Exchange.on_trailers),
    RequestEndOfMessage: Exchange.on_request_complete,
    RequestProtocolError: Exchange.on_client_gone,
    ResponseHeaders: _at(Stage.JUDGED, Exchange.on_response_headers),
    ResponseData: Exchange.on_response_data,
    ResponseTrailers: _at((Stage.RESPONSE, Stage.STREAM), Exchange.on_trailers),
    ResponseEndOfMessage: _at((Stage.RESPONSE, Stage.STREAM), Exchange.on_response_complete),
    ResponseProtocolError: Exchange.on_upstream_broke,
    events.Wakeup: Exchange.on_wakeup,
}


def _is_small(content: wire_body.Body) -> bool:
    """Return whether a body is written, or read once more, in a moment."""
    return content.length_decoded <= LARGE_BYTES


def _write(
    heading: wire_head.Head, content: wire_body.Body, raw: bytes, edits: tuple[Edit, ...]
) -> tuple[str, http_head.Fields, bytes]:
    """Return target, headers and body with the edits of a whole message made; only what is edited changes."""
    count = sum(len(block.parts) for block in heading.blocks)
    target, fields = heading.write([edit for edit in edits if edit.part < count])
    inner = [
        Edit(edit.part - count, edit.start, edit.end, edit.text, edit.number) for edit in edits if edit.part >= count
    ]
    if inner:
        raw = content.write(inner)
    return target, repair_headers(fields, edited=bool(inner), length=len(raw)), raw


def _unrecorded(objection: Objection) -> Refuse:
    """Return a refusal of what belongs to no session."""
    return Refuse(objection.kind, objection.title, objection.detail, "", "", next=objection.next)


def _response(status: int, fields: list[tuple[bytes, bytes]], content: bytes, version: bytes) -> http.Response:
    return make_response(version, status, status_codes.RESPONSES.get(status, "").encode(), tuple(fields), content)


def _is_chunked(begun: Mapping[str, Any], data: http.RequestData) -> bool:
    return data.http_version == b"HTTP/1.1" and not any(name == b"content-length" for name, _ in begun["headers"])


def _json(status: int, content: bytes, version: bytes) -> http.Response:
    fields = [
        (b"content-type", refusal.MEDIA_TYPE.encode() if status >= 400 else b"application/json"),  # noqa: PLR2004
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
    ]
    return _response(status, fields, content, version)
