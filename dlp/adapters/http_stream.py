"""One exchange over HTTP, and the layers of mitmproxy that it takes part in, in forms that fail closed.

mitmproxy's own `HttpStream` streams, upgrades, tunnels and calls hooks; an `Exchange` only collects a request, has it
judged, collects the response and has that judged. What mitmproxy would answer in HTML or by hanging (trailers, a bad
head, a body over the limit, an exception) becomes a problem document here. Longer than most modules because the
framing, the exchange and the tunnel are one subject: which bytes may go on.
"""

import re
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from mitmproxy import http
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.net.http import status_codes
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpClient,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
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
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.proxy.layers.tls import ClientTLSLayer, ServerTLSLayer

from dlp.adapters import http_head, refusal
from dlp.adapters.fail_closed import ClientGoneError, FailClosed
from dlp.adapters.http1 import ClientHttp1, UpstreamHttp1, make_response
from dlp.adapters.http_head import Head, Objection
from dlp.adapters.resolver import Barred, Pinned, Resolution
from dlp.config import Limits
from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Direction, Endpoint, Message
from dlp.core.outcome import Outcome, Refuse
from dlp.core.policy import decoded_path, fields_of
from dlp.engine.pipeline import Engine, Run, Wait
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.wire import body as wire_body
from dlp.wire import head as wire_head
from dlp.wire.limits import TooLarge
from dlp.wire.repair import repair_headers

OUTBOUND, INBOUND = Direction.OUTBOUND, Direction.INBOUND

_FOR_A_PIECE = (b"range", b"if-range", b"a-im")  # RFC 9110, 14.2 and 13.1.5; RFC 3229
_PIECES = frozenset({status_codes.PARTIAL_CONTENT, 226})
_BODILESS = frozenset({204, 304})
_MOST_STREAMS = 32  # of one HTTP/2 connection: each may fill a body's limit
_DEFAULT_PORTS = {"http": 80, "https": 443}

# Nor are small letters passed: some servers take `post` for POST, which rules about POST would not see.
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Z-]{1,32}")
_TARGET = re.compile(rb"/[!-\"$-~]*|\*")
# Dot segments, plain or escaped: what stands behind them depends on who resolves them.
_DOTS = re.compile(rb"/(?:\.|%2[eE]){1,2}(?:[/?;]|$)")

NO_IDENTITY = Objection(
    "identity",
    "Who is asking?",
    "The proxy needs the credentials of an open session: the session's id as the user, its secret as the password.",
    "Use the proxy URL that the orchestrator gave you; a session that was closed or frozen needs a new one.",
)
NOT_A_PROXY_REQUEST = Objection(
    "protocol",
    "Not a request to a proxy",
    "This is a proxy: a request to it names the whole URL, or opens a tunnel with CONNECT.",
)
MISMATCH = Objection(
    "mismatch",
    "The request says two things about where it goes",
    "The address of the tunnel or of the URL, the name in the TLS hello and the Host header must be the same.",
)
BAD_METHOD = Objection(
    "protocol",
    "Ambiguous method",
    "The method is no token of up to 32 capital letters, digits and signs; others may read it differently.",
    "Send the method as its standard writes it, in capitals.",
)
BAD_TARGET = Objection(
    "protocol",
    "Ambiguous path",
    "The path holds dot segments, a fragment or characters that must be escaped; others may read it differently.",
    "Send the path resolved and escaped.",
)
TOO_LARGE = Objection(
    "limit",
    "The body is too large",
    "The body, as it was sent or once decompressed, is over the limit of what the proxy reads; larger ones are not "
    "supported yet.",
    "Send or ask for less at a time.",
)
SWITCHED = Objection(
    "unsupported",
    "Protocol switches are not supported yet",
    "The upstream switched to another protocol, which the proxy cannot read.",
)
UPSTREAM_BROKE = Objection("upstream", "The upstream did not answer", "The upstream broke off, or spoke no HTTP.")
UNREADABLE = Objection(
    "unreadable",
    "The proxy could not read or rewrite this message",
    "It is not what its headers say, or what must be rewritten in it cannot be.",
    "Send it in a common format and encoding, and whole.",
)
PIECE = Objection(
    "unreadable",
    "Only a piece of an answer",
    "The policy names fields of this source, and the proxy cannot tell which of them a piece of an answer is from.",
    "Ask for the whole.",
)
INTERNAL = Objection(
    "error", "The proxy could not judge this message", "Something failed inside the proxy; it passes nothing unjudged."
)


class Shell(Protocol):
    """What an exchange needs of the proxy around it."""

    engine: Engine
    limits: Limits

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

    def serve(self, call: Call, method: str, target: str) -> Coroutine[Any, Any, tuple[int, bytes]]:
        """Answer a request to the proxy's own host: status and JSON."""
        ...


@dataclass(slots=True)
class Side:
    """One client connection: whom it belongs to and where its upstream connections may go.

    `bound` is the session of a listener that belongs to one. `pins` are the only addresses that are ever connected to.
    """

    shell: Shell
    bound: SessionInfo | None
    pins: dict[tuple[str, int], Pinned]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a CONNECT established: to where, and for which session."""

    session: SessionInfo
    host: str
    port: int


class Await(commands.Command):
    """Wait for `work`; the reply is its finished task. `cancel` is set once it runs."""

    blocking = True

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work
        self.cancel: Callable[[], object] | None = None


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
    DONE = auto()


class Exchange(Layer):
    """One request and its response. INVARIANT: nothing is sent upstream before `judge` forwarded the whole request."""

    def __init__(self, context: Context, stream_id: int, layer: "HttpSide") -> None:
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
        self._waiting: Await | None = None
        self._server: Connection | None = None
        self._call: Call | None = None
        self._upstream = ""

    def __repr__(self) -> str:
        """Say how far this is, never with what."""
        return f"Exchange({self.stream_id}, {self.stage.name})"

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
            yield from self._break_off(UNREADABLE)
        elif guard.error is not None:
            yield from self._break_off(INTERNAL)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            yield from handler(self, event)

    def on_body(self, event: RequestData | ResponseData) -> CommandGenerator[None]:
        """Collect a piece of a body, as far as the limit goes."""
        self._buffer += event.data
        if len(self._buffer) > self._shell.limits.body:
            yield from self._object(TOO_LARGE)

    def on_trailers(self, _event: events.Event) -> CommandGenerator[None]:
        """Refuse trailers."""
        yield from self._object(http_head.TRAILERS)

    def on_client_gone(self, _event: events.Event) -> CommandGenerator[None]:
        """Let go of everything."""
        yield from self._client_gone()

    def on_upstream_broke(self, _event: events.Event) -> CommandGenerator[None]:
        """Tell the client."""
        self._server = None
        if self.stage in (Stage.JUDGED, Stage.RESPONSE):
            yield from self._object(UPSTREAM_BROKE, retryable=True)

    # --- the request --------------------------------------------------------------------------------------------------

    def on_request_headers(self, event: RequestHeaders) -> CommandGenerator[None]:
        """Take up a request's head: whose it is, where it goes, and whether it may go on to its body."""
        request = self.request = event.request
        self.stage = Stage.REQUEST
        self._more_to_come = not event.end_stream
        head = self._head = http_head.read_request(request.headers.fields, request.data.http_version)
        request.headers.fields = head.fields
        session = self._session(head)
        if session is None:
            yield from self._refuse(_unrecorded(NO_IDENTITY))
            return
        trace, self._span = self._shell.trace()
        self._call = Call(session, trace, head.sandbox_trace)
        objection = head.objection or self._address(request, head)
        if objection is None and head.length is not None and head.length > self._shell.limits.body:
            objection = TOO_LARGE
        if objection is not None:
            yield from self._object(objection)
        elif request.data.method == b"CONNECT":
            yield from self._connect(session)
        elif head.expects_continue and not event.end_stream:
            go_on = make_response(b"HTTP/1.1", 100, b"Continue", ())
            yield SendHttp(ResponseHeaders(self.stream_id, go_on), self.context.client)

    def _session(self, head: Head) -> SessionInfo | None:
        """Return whose request this is, as of now."""
        tunnel_ = self._layer.tunnel
        if tunnel_ is None and self._side.bound is None:
            return self._shell.identify(head.credentials)
        session = self._side.bound if tunnel_ is None else tunnel_.session
        return session if session is not None and self._shell.engine.sessions.alive(session.id) else None

    def _address(self, request: http.Request, head: Head) -> Objection | None:
        """Settle where the request goes; object if anything in it says otherwise."""
        data = request.data
        if not _METHOD.fullmatch(data.method):
            return BAD_METHOD
        if data.method == b"CONNECT":
            target, objection = self._connect_target(request, head)
        else:
            if not _TARGET.fullmatch(data.path) or _DOTS.search(data.path.partition(b"?")[0]):
                return BAD_TARGET
            target, objection = self._target(request, head)
        if target is None or objection is not None:
            return objection or NOT_A_PROXY_REQUEST
        data.host, data.port = target
        self._upstream = f"{request.scheme or 'https'}://{_bracketed(target[0])}:{target[1]}"
        return None

    def _connect_target(self, request: http.Request, head: Head) -> tuple[tuple[str, int] | None, Objection | None]:
        target = None if self._layer.tunnel is not None else http_head.read_authority(request.authority, 0)
        if target is not None and head.host:  # some clients leave the port out here
            named = http_head.read_authority(_text(head.host), target[1])
            if named is None or named[0] != target[0]:
                return None, MISMATCH
        return target, None

    def _target(self, request: http.Request, head: Head) -> tuple[tuple[str, int] | None, Objection | None]:
        """Return host and port of a request that is not a CONNECT; TLS, URL and Host must agree on them."""
        tunnel_, client = self._layer.tunnel, self.context.client
        written, scheme = request.authority, request.scheme
        if tunnel_ is not None:
            over_tls = "https" if client.tls else "http"
            if scheme and scheme != over_tls and not request.is_http2:
                return None, MISMATCH
            request.scheme = scheme = over_tls
            if client.sni is not None and client.sni.lower().removesuffix(".") != tunnel_.host:
                return None, MISMATCH
        if scheme not in _DEFAULT_PORTS:
            return None, NOT_A_PROXY_REQUEST
        port = _DEFAULT_PORTS[scheme]
        named = [http_head.read_authority(text, port) for text in (written, _text(head.host)) if text]
        if tunnel_ is not None:
            target: tuple[str, int] | None = (tunnel_.host, tunnel_.port)
        else:
            target = named[0] if written else None
        if target is None:
            return None, NOT_A_PROXY_REQUEST
        if not named or any(one != target for one in named) or head.host == b"":
            return None, MISMATCH
        if not request.is_http2:
            if head.host is None:
                request.headers.fields = ((b"Host", request.data.authority), *request.headers.fields)
            request.authority = ""  # origin-form: some servers know no other
        return target, None

    def _connect(self, session: SessionInfo) -> CommandGenerator[None]:
        host, port = self.request.host, self.request.port
        call = self._call
        assert call is not None  # noqa: S101 - set before any way here
        if host != refusal.OWN_HOST:
            # Some clients open a tunnel for http:// as well; what is inside is judged under what it turns out to be.
            scheme = "http" if port == _DEFAULT_PORTS["http"] else "https"
            refuse = self._shell.engine.connect(call, scheme, host, port)
            if refuse is None:
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

    def on_request_complete(self, _event: events.Event) -> CommandGenerator[None]:
        """Have the whole request judged, and send it upstream if it was forwarded."""
        call, request, head = self._call, self.request, self._head
        assert call is not None  # noqa: S101 - set before any way here
        self.stage = Stage.JUDGED
        raw, self._buffer = bytes(self._buffer), bytearray()
        data = request.data
        if data.host == refusal.OWN_HOST:
            status, content = yield from self._await(self._shell.serve(call, _text(data.method), request.path))
            if self._over(call):
                yield from self._object(NO_IDENTITY)
                return
            yield from self._answer(_json(status, content, data.http_version))
            return
        path = _text(data.path)
        self._endpoint = Endpoint("http", self._upstream, _text(data.method), decoded_path(path.partition("?")[0]))
        if any(name.lower() in _FOR_A_PIECE for name, _ in data.headers.fields) and self._has_fields():
            data.headers.fields = http_head.without(data.headers.fields, *_FOR_A_PIECE)
        try:
            heading = wire_head.read_request_head(
                _text(data.method), f"{_bracketed(data.host)}:{data.port}", path, data.headers.fields
            )
            content = wire_body.read_body(raw, head.content_type, head.content_encoding, limit=self._shell.limits.body)
        except TooLarge:
            yield from self._object(TOO_LARGE)
            return
        message = Message(OUTBOUND, self._endpoint, (*heading.blocks, content.block))
        outcome = yield from self._judge(message)
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if outcome.edits:
            target, data.headers.fields, raw = _write(heading, content, raw, outcome.edits)
            data.path = target.encode("latin-1")
        yield from self._forward(raw)

    def _has_fields(self) -> bool:
        """Return whether this is, or may be, a source with declared fields, which are found in whole answers only."""
        return bool(fields_of(self._shell.engine.policy, self._endpoint))

    def _judge(self, message: Message) -> Generator[commands.Command, Any, Outcome]:
        """Have a message judged, waiting only where the engine waits."""
        assert self._call is not None  # noqa: S101 - set before any way here
        run = self._shell.engine.judge(self._call, message)
        try:
            wait = next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        outcome = yield from self._await(self._shell.finish(run, wait, self._call.session.id))
        return outcome

    def _await(self, work: Coroutine[Any, Any, Any]) -> Generator[commands.Command, Any, Any]:
        waiting = self._waiting = Await(work)
        reply = yield waiting
        self._waiting = None
        self._waited = True
        if self._gone:
            raise ClientGoneError
        return reply()

    def _forward(self, raw: bytes) -> CommandGenerator[None]:
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
            yield from self._object(NO_IDENTITY)
            return
        data.headers.fields = (
            *data.headers.fields,
            (b"traceparent", f"00-{call.trace}-{self._span}-01".encode()),
        )
        connection, error = yield GetHttpConnection(address, data.scheme == b"https", None)
        if self._gone:
            raise ClientGoneError
        # Before the last byte leaves, the ledger's current version is what counts; to connect may have taken a while.
        if self._over(call):
            yield from self._object(NO_IDENTITY)
            return
        if error is not None or connection is None:
            yield from self._object(_unreachable(error or ""), retryable=True)
            return
        self._server = connection
        data.content = raw
        yield SendHttp(RequestHeaders(self.stream_id, request, end_stream=not raw), connection)
        if raw:
            yield SendHttp(RequestData(self.stream_id, raw), connection)
        yield SendHttp(RequestEndOfMessage(self.stream_id), connection)

    def _over(self, call: Call) -> bool:
        """Return whether the session was closed or frozen meanwhile."""
        return not self._shell.engine.sessions.alive(call.session.id)

    # --- the response -------------------------------------------------------------------------------------------------

    def on_response_headers(self, event: ResponseHeaders) -> CommandGenerator[None]:
        """Take up a response's head."""
        response = self.response = event.response
        data = response.data
        self.stage = Stage.RESPONSE
        head = self._head = http_head.read_response(data.headers.fields, data.http_version)
        data.headers.fields = head.fields
        objection = head.objection
        if data.status_code == status_codes.SWITCHING:
            objection = SWITCHED
        elif objection is None and not event.end_stream and (head.length or 0) > self._shell.limits.body:
            objection = TOO_LARGE
        elif objection is None and self._is_piece(data) and self._has_fields():
            objection = PIECE
        if objection is not None:
            yield from self._object(objection)

    @staticmethod
    def _is_piece(data: http.ResponseData) -> bool:
        named = any(name.lower() == b"content-range" for name, _ in data.headers.fields)
        return named or data.status_code in _PIECES

    def on_response_complete(self, _event: events.Event) -> CommandGenerator[None]:
        """Have the whole response judged, and deliver it if it was forwarded."""
        response, head = self.response, self._head
        data = response.data
        raw, self._buffer = bytes(self._buffer), bytearray()
        self._server = None  # it has said all it has to say
        try:
            heading = wire_head.read_response_head(data.status_code, _text(data.reason), data.headers.fields)
            content = wire_body.read_body(raw, head.content_type, head.content_encoding, limit=self._shell.limits.body)
        except TooLarge:
            yield from self._object(TOO_LARGE)
            return
        self._waited = False
        outcome = yield from self._judge(Message(INBOUND, self._endpoint, (*heading.blocks, content.block)))
        if isinstance(outcome, Refuse):
            yield from self._refuse(outcome)
            return
        if self._waited and self._call is not None and self._over(self._call):
            yield from self._object(NO_IDENTITY)
            return
        if outcome.edits:
            _, data.headers.fields, raw = _write(heading, content, raw, outcome.edits)
        if head.chunked and self.request.data.http_version == b"HTTP/1.0":
            data.headers.fields = http_head.without(data.headers.fields, b"transfer-encoding")
            head.chunked = False
        may_have_body = self.request.data.method != b"HEAD" and data.status_code not in _BODILESS
        if may_have_body and head.length is None and not head.chunked:
            # The body ended with the connection, or came in HTTP/2 frames or chunks; its reader may know neither.
            data.headers.fields = (*data.headers.fields, (b"Content-Length", b"%d" % len(raw)))
        data.content = raw
        yield from self._answer(response)

    # --- ends ---------------------------------------------------------------------------------------------------------

    @property
    def _direction(self) -> Direction:
        return INBOUND if self.stage is Stage.RESPONSE else OUTBOUND

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
        return Endpoint("http", self._upstream, _text(self.request.data.method) if self._upstream else "")

    def _break_off(self, objection: Objection) -> CommandGenerator[None]:
        """End after an exception: with a problem document if the client has not been answered, else by closing."""
        if self.stage is Stage.DONE:
            yield SendHttp(ResponseProtocolError(self.stream_id, "", ErrorCode.KILL), self.context.client)
            yield DropStream(self.stream_id)
        else:
            yield from self._object(objection)

    def _refuse(self, refuse: Refuse) -> CommandGenerator[None]:
        content = refusal.problem_bytes(refuse)
        version = self.request.data.http_version
        response = _response(refusal.status(refuse), refusal.headers(refuse, len(content)), content, version)
        if self.stage is Stage.REQUEST and self._more_to_come and not self.request.is_http2:
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
        if server is not None:
            yield SendHttp(RequestProtocolError(self.stream_id, "gone", ErrorCode.CLIENT_DISCONNECTED), server)
        yield DropStream(self.stream_id)


type _Handler = Callable[[Exchange, Any], CommandGenerator[None]]


def _at(stage: Stage, handler: _Handler) -> _Handler:
    """Return a handler that does nothing at any other stage: what comes late is thrown away."""

    def handle(exchange: Exchange, event: Any) -> CommandGenerator[None]:
        return handler(exchange, event) if exchange.stage is stage else iter(())  # type: ignore[return-value]

    return handle


_HANDLERS: dict[type[events.Event], _Handler] = {
    RequestHeaders: _at(Stage.HEAD, Exchange.on_request_headers),
    RequestData: _at(Stage.REQUEST, Exchange.on_body),
    RequestTrailers: _at(Stage.REQUEST, Exchange.on_trailers),
    RequestEndOfMessage: _at(Stage.REQUEST, Exchange.on_request_complete),
    RequestProtocolError: Exchange.on_client_gone,
    ResponseHeaders: _at(Stage.JUDGED, Exchange.on_response_headers),
    ResponseData: _at(Stage.RESPONSE, Exchange.on_body),
    ResponseTrailers: _at(Stage.RESPONSE, Exchange.on_trailers),
    ResponseEndOfMessage: _at(Stage.RESPONSE, Exchange.on_response_complete),
    ResponseProtocolError: Exchange.on_upstream_broke,
}


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


def _text(data: bytes | None) -> str:
    return (data or b"").decode("latin-1")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unrecorded(objection: Objection) -> Refuse:
    """Return a refusal of what belongs to no session."""
    return Refuse(objection.kind, objection.title, objection.detail, "", "", next=objection.next)


def _unreachable(error: str) -> Objection:
    if "certificate" in error.lower():
        return Objection(
            "upstream",
            "The upstream cannot be trusted",
            "Its certificate is not valid for this name, or comes from an authority that the proxy does not know.",
            "Ask the operator to name the authority under upstream_ca: if it is meant to be trusted.",
        )
    return Objection("upstream", "The upstream cannot be reached", "No connection to it could be made.")


def _response(status: int, fields: list[tuple[bytes, bytes]], content: bytes, version: bytes) -> http.Response:
    return make_response(version, status, status_codes.RESPONSES.get(status, "").encode(), tuple(fields), content)


def _json(status: int, content: bytes, version: bytes) -> http.Response:
    fields = [
        (b"content-type", refusal.MEDIA_TYPE.encode() if status >= 400 else b"application/json"),  # noqa: PLR2004
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
    ]
    return _response(status, fields, content, version)


# --- connections ------------------------------------------------------------------------------------------------------


class UpstreamHttp(HttpClient):
    """Opens a connection to an upstream and speaks whichever HTTP was agreed on."""

    def __init__(self, context: Context, limits: Limits) -> None:
        super().__init__(context)
        self._limits = limits

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        server = self.context.server
        error = yield commands.OpenConnection(server)
        if not error:
            if server.alpn == b"h2":
                self.child_layer = Http2Client(self.context)
            else:
                self.child_layer = UpstreamHttp1(self.context, self._limits)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign] # as mitmproxy does
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, error)


class HttpSide(HttpLayer):
    """HTTP with one client, outside of tunnels (`tunnel` is None) or inside of one."""

    def __init__(self, context: Context, side: Side, tunnel_: Tunnel | None) -> None:
        super().__init__(context, HTTPMode.regular if tunnel_ is None else HTTPMode.transparent)
        self.side = side
        self.tunnel = tunnel_
        self.inside: Tunnel | None = None
        self._owners: dict[Connection, str] = {}

    def __repr__(self) -> str:
        """Say which side this is."""
        return f"HttpSide({self.mode.name})"

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionEvent):
            handler = self.connections.get(event.connection)
            if handler is not None:
                yield from self.event_to_child(handler, event)
            if self.inside is not None:
                yield from self._enter(self.inside)
        elif isinstance(event, events.Start):
            context = self.context.fork()
            server: Layer
            if self.context.client.alpn == b"h2":
                server = ClientHttp2(context)
            else:
                server = ClientHttp1(context, self.side.shell.limits)
            self.connections[self.context.client] = server
            yield from self.event_to_child(server, event)
        elif isinstance(event, events.CommandCompleted):
            yield from self.event_to_child(self.command_sources.pop(event.command), event)

    def _enter(self, tunnel_: Tunnel) -> CommandGenerator[None]:
        """Hand the connection over to what is inside the tunnel; HTTP with the proxy itself is over on it."""
        outer = self.connections[self.context.client]
        assert isinstance(outer, ClientHttp1)  # noqa: S101 - CONNECT is read by HTTP/1 only
        early = outer.buf.maybe_extract_at_most(len(outer.buf)) if len(outer.buf) else None
        inside = Inside(self.context, self.side, tunnel_)
        self._handle_event = inside.handle_event  # type: ignore[method-assign] # as mitmproxy's NextLayer does
        self.handle_event = inside.handle_event  # type: ignore[method-assign]
        yield from inside.handle_event(events.Start())
        if early:
            yield from inside.handle_event(events.DataReceived(self.context.client, bytes(early)))

    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        """Begin an exchange."""
        self.streams[stream_id] = Exchange(self.context.fork(), stream_id, self)  # type: ignore[assignment]
        yield from ()

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> CommandGenerator[None]:
        """Reuse a connection of this client's session, or open one. An upstream is contacted nowhere else.

        Sessions that share a client's connection share none upstream: to some servers a connection is an identity.
        """
        owner = self._owner(event)
        if reuse:
            matching = [c for c in self.connections if event.connection_spec_matches(c)]
            for connection in [c for c in matching if self._owners.get(c) == owner]:
                if connection in self.waiting_for_establishment:
                    self.waiting_for_establishment[connection].append(event)
                    return
                # Over HTTP/1, one connection serves one exchange of an HTTP/2 client: answers may end with it.
                if connection.connected and (self.context.client.alpn != b"h2" or connection.alpn == b"h2"):
                    stream = self.command_sources.pop(event)
                    yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (connection, None)))
                    return
                if connection.state is ConnectionState.CLOSED:
                    del self.connections[connection]
        context = self.context.fork()
        context.server = Server(address=event.address)
        stack = tunnel.LayerStack()
        if event.tls:
            context.server.sni = event.address[0]
            stack /= ServerTLSLayer(context)
        stack /= UpstreamHttp(context, self.side.shell.limits)
        self.connections[context.server] = stack[0]
        self._owners = {c: name for c, name in self._owners.items() if c in self.connections}
        self._owners[context.server] = owner
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _owner(self, event: GetHttpConnection) -> str:
        exchange = self.command_sources[event]
        if not isinstance(exchange, Exchange):
            msg = "a connection that no exchange asked for"
            raise TypeError(msg)
        return exchange.session


class ClientHttp2(Http2Server):
    """HTTP/2 with a sandbox; so many streams at once that their bodies stay within reason."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn.local_settings.max_concurrent_streams = _MOST_STREAMS
        self.h2_conn.local_settings.acknowledge()


class Inside(Layer):
    """The inside of a tunnel: TLS or plain HTTP, and nothing else."""

    def __init__(self, context: Context, side: Side, tunnel_: Tunnel) -> None:
        super().__init__(context)
        self._side = side
        self._tunnel = tunnel_
        self._seen = b""
        context.server = Server(address=(tunnel_.host, tunnel_.port))  # for the name in the certificate

    def __repr__(self) -> str:
        """Say what this is."""
        return "Inside()"

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        client: Client = self.context.client
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(client)
        elif isinstance(event, events.DataReceived) and event.connection == client:
            self._seen += event.data
            if len(self._seen) < 3 and self._seen[:1] == b"\x16":  # noqa: PLR2004 - a TLS record shows in three bytes
                return
            child: Layer
            if starts_like_tls_record(self._seen):
                child = ClientTLSLayer(self.context)
                child.child_layer = HttpSide(self.context, self._side, self._tunnel)
            elif self._seen[:1].isalpha():
                child = HttpSide(self.context, self._side, self._tunnel)
            else:
                yield commands.CloseConnection(client)
                return
            self._handle_event = child.handle_event  # type: ignore[method-assign] # as mitmproxy's NextLayer does
            self.handle_event = child.handle_event  # type: ignore[method-assign]
            yield from child.handle_event(events.Start())
            yield from child.handle_event(events.DataReceived(client, self._seen))


__all__ = ["Await", "AwaitCompleted", "Exchange", "HttpEvent", "HttpSide", "Shell", "Side", "Tunnel"]
