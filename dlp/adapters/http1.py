"""HTTP/1 framing: mitmproxy's connections with heads read strictly and bounded, trailers read, and nothing tunnelled.

mitmproxy's own readers raise on trailers (the client hangs), take heads of any length, answer in HTML, treat a 1xx as
the response, and turn a 101 into a raw tunnel. They also check each message's types field by field and parse each
header several times, which together took two fifths of a request's time. Longer than most modules because reading,
writing and keeping a connection are one state machine.
"""

import re
import time
from typing import Any

import h11
from mitmproxy import http
from mitmproxy.net.http import status_codes
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server, make_body_reader

from dlp.adapters import refusal
from dlp.adapters.http_head import Fields
from dlp.config import Limits
from dlp.core.outcome import Refuse

_UNTIL_CLOSE = -1
_VERSION = re.compile(rb"HTTP/1\.[01]")
_STATUS = re.compile(rb"[1-9][0-9]{2}")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
_NO_BODY = frozenset({204, 304})


class BadHeadError(ValueError):
    """A head that is not HTTP/1; its text is not kept."""


def read_request_head(lines: list[bytes]) -> tuple[http.Request, int | None]:
    """Return a request and its body's length: None for chunks.

    Raises:
        BadHeadError: it is not HTTP/1, or gives its length in two ways (RFC 9112, 6.3).

    """
    method, _, rest = lines[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if not _METHOD.fullmatch(method) or not target or not _VERSION.fullmatch(version):
        raise BadHeadError
    scheme = authority = b""
    path = target
    if method == b"CONNECT":
        authority, path = target, b""
    elif not target.startswith(b"/") and target != b"*":
        scheme, found, rest = target.partition(b"://")
        authority, _, path = rest.partition(b"/")
        scheme, path = scheme.lower(), b"/" + path
        if not found or not authority:
            raise BadHeadError
    fields = _read_fields(lines)
    size = 0 if method == b"CONNECT" else _size(fields, default=0)
    request = make_request(method, scheme, authority, path, version, fields)
    return request, size


def read_response_head(lines: list[bytes], method: bytes) -> tuple[http.Response, int | None]:
    """Return a response to a `method` and its body's length: None for chunks, -1 if it ends with the connection.

    Raises:
        BadHeadError: it is not HTTP/1, or gives its length in two ways.

    """
    version, _, rest = lines[0].partition(b" ")
    code, _, reason = rest.partition(b" ")
    if not _VERSION.fullmatch(version) or not _STATUS.fullmatch(code):
        raise BadHeadError
    status = int(code)
    fields = _read_fields(lines)
    bodiless = status in _NO_BODY or _informational(status) or method.upper() == b"HEAD"
    size = 0 if bodiless else _size(fields, default=_UNTIL_CLOSE)
    return make_response(version, status, reason, fields), size


def make_request(
    method: bytes, scheme: bytes, authority: bytes, path: bytes, version: bytes, fields: Fields
) -> http.Request:
    """Return a mitmproxy request, without its checks of each field's type: these come from our own readers."""
    request = http.Request.__new__(http.Request)
    data = request.data = http.RequestData.__new__(http.RequestData)
    data.__dict__.update(
        host="",
        port=0,
        method=method,
        scheme=scheme,
        authority=authority,
        path=path,
        **_message(version, fields),
    )
    return request


def make_response(version: bytes, status: int, reason: bytes, fields: Fields, content: bytes = b"") -> http.Response:
    """Return a mitmproxy response, likewise."""
    response = http.Response.__new__(http.Response)
    data = response.data = http.ResponseData.__new__(http.ResponseData)
    data.__dict__.update(status_code=status, reason=reason, **_message(version, fields))
    data.content = content
    return response


def _message(version: bytes, fields: Fields) -> dict[str, Any]:
    headers = http.Headers.__new__(http.Headers)
    headers.fields = fields
    return {
        "http_version": version,
        "headers": headers,
        "content": None,
        "trailers": None,
        "timestamp_start": time.time(),
        "timestamp_end": None,
    }


def _read_fields(lines: list[bytes]) -> Fields:
    fields: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        # A line that begins with a space continues the one before, which is not allowed any more (RFC 9112, 5.2).
        if not colon or not name or name[0] in b" \t":
            raise BadHeadError
        fields.append((name, value.strip(b" \t")))
    return tuple(fields)


def _size(fields: Fields, default: int) -> int | None:
    """Return the length of a body by its head's fields; only one of them may speak of it, and once."""
    found: int | None = default
    seen = False
    for name, value in fields:
        lower = name.lower()
        if lower == b"transfer-encoding" and value.lower() == b"chunked":
            size = None
        elif lower == b"content-length" and _LENGTH.fullmatch(value):
            size = int(value)
        elif lower in (b"transfer-encoding", b"content-length"):
            raise BadHeadError
        else:
            continue
        if seen:
            raise BadHeadError
        found, seen = size, True
    return found


def _informational(status: int) -> bool:
    return 100 <= status < 200  # noqa: PLR2004 - RFC 9110, 15.2


def _chunked(fields: Fields) -> bool:
    return any(name.lower() == b"transfer-encoding" for name, _ in fields)


def _stays(version: bytes, fields: Fields) -> bool:
    """Return whether a connection outlives the message, as far as that message tells (RFC 9112, 9.3)."""
    for name, value in fields:
        if name.lower() == b"connection":
            tokens = value.lower()
            if b"close" in tokens:
                return False
            if b"keep-alive" in tokens:
                return True
    return version != b"HTTP/1.0"


def _fields_bytes(fields: Fields) -> bytes:
    return b"".join([b"%s: %s\r\n" % field for field in fields])


class _Http1(Http1Connection):
    """What both sides share."""

    ReceiveTrailers: type[RequestTrailers | ResponseTrailers]

    def __init__(self, context: Context, limits: Limits) -> None:
        super().__init__(context)  # type: ignore[call-arg] # the sides' own take no connection
        self._limits = limits
        self._size: int | None = 0
        self._chunked = False

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        """Read what there is of a body, trailers included."""
        stream, request = self.stream_id, self.request
        if stream is None or request is None:
            msg = "a body without a head"
            raise TypeError(msg)
        reader = self.body_reader
        while True:
            try:
                part = reader(self.buf) if isinstance(event, events.DataReceived) else reader.read_eof()
            except h11.ProtocolError:
                yield commands.CloseConnection(self.conn)
                yield ReceiveHttp(self.ReceiveProtocolError(stream, "bad framing", code=self.ReceiveProtocolError.code))
                return
            if part is None:
                return
            if not isinstance(part, h11.Data):
                yield from self._end_body(stream, request, part.headers)
                return
            if part.data:
                yield ReceiveHttp(self.ReceiveData(stream, bytes(part.data)))

    def _end_body(self, stream: int, request: http.Request, trailers: Any) -> CommandGenerator[None]:
        if trailers:
            yield ReceiveHttp(self.ReceiveTrailers(stream, http.Headers(list(trailers))))
        if isinstance(self, Http1Client):
            # First: the next request may come, and take this connection, before the next line returns.
            yield from self.mark_done(response=True)
        if request.data.method != b"CONNECT":
            yield ReceiveHttp(self.ReceiveEndOfMessage(stream))
        if isinstance(self, Http1Server):
            yield from self.mark_done(request=True)

    def raw(self, event: events.Event) -> CommandGenerator[None]:
        """After a switch to WebSocket: hand on bytes as they are; whoever reads frames is above."""
        stream = self.stream_id
        if stream is None:
            return
        if isinstance(event, events.DataReceived):
            data = self.buf.maybe_extract_at_most(len(self.buf)) if len(self.buf) else None
            if data:
                yield ReceiveHttp(self.ReceiveData(stream, bytes(data)))
        elif isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(self.ReceiveEndOfMessage(stream))
            self.state = self.done

    def _send_data(self, data: bytes) -> CommandGenerator[None]:
        if data:
            yield commands.SendData(self.conn, b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def _is_over(self) -> bool:
        """Return whether the connection ends with this exchange, and forget the exchange."""
        request, response = self.request, self.response
        self.request_done = self.response_done = False
        self.request = self.response = None
        return (
            request is None
            or response is None
            or not _stays(request.data.http_version, request.data.headers.fields)
            or not _stays(response.data.http_version, response.data.headers.fields)
        )


class ClientHttp1(_Http1, Http1Server):
    """HTTP/1 with a sandbox: heads, pipelining and draining are bounded, and bad requests get a problem document."""

    ReceiveTrailers = RequestTrailers

    def __init__(self, context: Context, limits: Limits) -> None:
        super().__init__(context, limits)
        self._drained = 0

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        """Read a request's head."""
        if not isinstance(event, events.DataReceived):
            yield commands.CloseConnection(self.conn)
            return
        while (lines := self.buf.maybe_extract_lines()) == []:
            pass  # empty lines before a request are let pass (RFC 9112, 2.2)
        if lines is None:
            if len(self.buf) > self._limits.header:
                yield from self._bad("The request's head is too long.")
            return
        if sum(map(len, lines)) > self._limits.header:
            yield from self._bad("The request's head is too long.")
            return
        try:
            request, size = read_request_head([bytes(line) for line in lines])
        except BadHeadError:
            yield from self._bad("The request's head is not HTTP/1, or gives its length ambiguously.")
            return
        self.request = request
        yield ReceiveHttp(RequestHeaders(self.stream_id, request, size == 0))
        self.body_reader = make_body_reader(size)
        self.state = self.read_body
        yield from self.state(event)

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        """Read a body; once its refusal is out, only so much more of it, so that its sender gets to see that."""
        if self.response is not None and isinstance(event, events.DataReceived):
            self._drained += len(event.data)
            if self._drained > 4 * self._limits.body + 1_000_000:
                yield commands.CloseConnection(self.conn)
                self.state = self.done
                return
        yield from super().read_body(event)

    def wait(self, event: events.Event) -> CommandGenerator[None]:
        """Hold back what a client sends before it has its answer."""
        if isinstance(event, events.DataReceived) and len(self.buf) > self._limits.header + self._limits.body:
            yield commands.CloseConnection(self.conn)
            event = events.ConnectionClosed(self.conn)
        yield from super().wait(event)

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        """Send a piece of a response."""
        if isinstance(event, ResponseHeaders):
            response = self.response = event.response
            data = response.data
            version, reason = data.http_version, data.reason
            if not version.startswith(b"HTTP/1"):
                version, reason = b"HTTP/1.1", status_codes.RESPONSES.get(data.status_code, "").encode()
            self._chunked = _chunked(data.headers.fields)
            head = b"%s %d %s\r\n%s\r\n" % (version, data.status_code, reason, _fields_bytes(data.headers.fields))
            yield commands.SendData(self.conn, head)
            if data.status_code == status_codes.SWITCHING:
                self.state = self.raw
                yield from self.raw(events.DataReceived(self.conn, b""))
        elif isinstance(event, ResponseData):
            yield from self._send_data(event.data)
        elif isinstance(event, ResponseEndOfMessage) and self.state == self.raw:
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        elif isinstance(event, ResponseEndOfMessage):
            if self._chunked and self.request is not None and self.request.data.method != b"HEAD":
                yield commands.SendData(self.conn, b"0\r\n\r\n")
            yield from self.mark_done(response=True)
        else:  # killed
            yield commands.CloseConnection(self.conn)

    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        """Note that one half of an exchange is over; begin the next, or close, after both."""
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if self.request_done and self.response_done:
            if self._is_over():
                yield commands.CloseConnection(self.conn)
                self.state = self.done
                return
            self.stream_id += 2
            self._drained = 0
            self.state = self.read_headers
            if self.buf:
                yield from self.state(events.DataReceived(self.conn, b""))
        elif self.request_done:
            self.state = self.wait

    def _bad(self, detail: str) -> CommandGenerator[None]:
        refuse = Refuse("protocol", "Not a request that the proxy can read", detail, "", "")
        content = refusal.problem_bytes(refuse)
        fields = (*refusal.headers(refuse, len(content)), (b"connection", b"close"))
        yield commands.SendData(self.conn, b"HTTP/1.1 400 Bad Request\r\n%s\r\n" % _fields_bytes(fields) + content)
        yield commands.CloseConnection(self.conn)
        self.state = self.done


class UpstreamHttp1(_Http1, Http1Client):
    """HTTP/1 with an upstream: bounded heads, informational responses (1xx) swallowed, a 101 no tunnel."""

    ReceiveTrailers = ResponseTrailers

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        """Read a response's head."""
        if not isinstance(event, events.DataReceived) or self.request is None or self.stream_id is None:
            if isinstance(event, events.DataReceived):
                yield commands.CloseConnection(self.conn)  # it speaks without being asked
            else:
                yield from super().read_headers(event)
            return
        while (lines := self.buf.maybe_extract_lines()) is not None:
            try:
                if not lines or sum(map(len, lines)) > self._limits.header:
                    break
                response, size = read_response_head([bytes(line) for line in lines], self.request.data.method)
            except BadHeadError:
                break
            if _informational(response.status_code) and response.status_code != status_codes.SWITCHING:
                continue
            self.response = response
            self._size = size
            if response.status_code == status_codes.SWITCHING:
                self.state = self.raw
                yield ReceiveHttp(ResponseHeaders(self.stream_id, response, end_stream=False))
                yield from self.raw(event)
                return
            yield ReceiveHttp(ResponseHeaders(self.stream_id, response, size == 0))
            self.body_reader = make_body_reader(size)
            self.state = self.read_body
            yield from self.state(event)
            return
        if lines is not None or len(self.buf) > self._limits.header:
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, "bad head", ErrorCode.GENERIC_SERVER_ERROR))

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        """Send a piece of a request."""
        if isinstance(event, RequestHeaders):
            self.stream_id, self.request = event.stream_id, event.request
            data = event.request.data
            fields = data.headers.fields
            if not data.http_version.startswith(b"HTTP/1"):
                fields = _as_http1(event.request)
            self._chunked = _chunked(fields)
            head = b"%s %s HTTP/1.1\r\n%s\r\n" % (data.method, data.path, _fields_bytes(fields))
            yield commands.SendData(self.conn, head)
        elif isinstance(event, RequestData):
            yield from self._send_data(event.data)
        elif isinstance(event, RequestEndOfMessage):
            if self._chunked:
                yield commands.SendData(self.conn, b"0\r\n\r\n")
            yield from self.mark_done(request=True)
        else:  # given up
            yield commands.CloseConnection(self.conn)

    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        """Note that one half of an exchange is over; after both, keep the connection if both sides would."""
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if self.request_done and self.response_done:
            # An HTTP/2 client's exchanges each have a connection of their own, as mitmproxy has it.
            single = self.context.client.alpn == b"h2" or self._size == _UNTIL_CLOSE
            switched = self.response is not None and self.response.status_code == status_codes.SWITCHING
            self.stream_id = None
            if self._is_over() or single or switched:
                yield commands.CloseConnection(self.conn)
                self.state = self.done
                return
            self.state = self.read_headers
            if self.buf:
                yield from self.state(events.DataReceived(self.conn, b""))


def _as_http1(request: http.Request) -> Fields:
    """Return the fields of an HTTP/2 request in HTTP/1 (RFC 9113, 8.2.3 and 8.3.1): with Host, and one Cookie."""
    fields = request.data.headers.fields
    cookies = [value for name, value in fields if name.lower() == b"cookie"]
    rest = [field for field in fields if field[0].lower() not in (b"cookie", b"host")]
    host = next((value for name, value in fields if name.lower() == b"host"), request.data.authority)
    length = [(b"content-length", b"%d" % len(request.data.content or b""))] if request.data.content else []
    framed = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in rest)
    joined = [(b"cookie", b"; ".join(cookies))] if cookies else []
    return ((b"host", host), *rest, *joined, *([] if framed else length))
