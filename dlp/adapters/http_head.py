"""Header fields at the proxy's border: what is hop-by-hop, what is ambiguous, what is not supported, and who asks."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from dlp.core.message import Block, Message
from dlp.wire.websocket import readable_offers

type Fields = tuple[tuple[bytes, bytes], ...]

CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "identity"})
"""The content codings that the wire formats can read."""

UPGRADING: Fields = ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"))
"""The fields that switch to WebSocket, for one hop."""

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_REQUEST_SPECIAL = frozenset(
    {
        b"accept-encoding", b"baggage", b"connection", b"content-encoding", b"content-length", b"content-type",
        b"expect", b"host", b"http2-settings", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te",
        b"traceparent", b"tracestate", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
_RESPONSE_SPECIAL = frozenset(
    {
        b"alt-svc", b"connection", b"content-encoding", b"content-length", b"content-type", b"keep-alive",
        b"proxy-authenticate", b"proxy-authentication-info", b"proxy-connection", b"trailer", b"transfer-encoding",
        b"upgrade",
    }
)  # fmt: skip
# What some servers and frameworks take for the method or the URL instead of those that are judged.
_OVERRIDES = frozenset(
    {
        b"x-http-host-override", b"x-http-method", b"x-http-method-override", b"x-method", b"x-method-override",
        b"x-original-host", b"x-original-method", b"x-original-uri", b"x-original-url", b"x-override-url",
        b"x-rewrite-url",
    }
)  # fmt: skip
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_IN_PARAMETERS = frozenset({"_method", "x-http-method-override"})  # Rails, Laravel, Symfony; what others take
_OVERRIDING = (b"_method", b"_METHOD", b"-Override", b"-override", b"%")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\r\n\0]")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
# A Connection field may name any header as hop-by-hop; these it may not take away from what is judged and framed.
_NEVER_DROPPED = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding"})


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a message is refused for its head alone: the refusal's kind, title and detail, without any value."""

    kind: str
    title: str
    detail: str
    next: str = ""


@dataclass(slots=True)
class Head:
    """A message's header fields without what belongs to one hop, with what the proxy needs to know of them.

    `credentials` is what the sandbox showed to the proxy; it is no longer among `fields`.
    """

    fields: Fields = field(default=(), repr=False)
    host: bytes | None = field(default=None, repr=False)
    content_type: str = field(default="", repr=False)
    content_encoding: str = ""
    credentials: bytes | None = field(default=None, repr=False)
    sandbox_trace: str = ""
    expects_continue: bool = False
    websocket: bool = False
    length: int | None = None
    chunked: bool = False
    objection: Objection | None = None

    def object(self, objection: Objection | None) -> None:
        """Refuse the message for this, if it is anything and nothing was found earlier."""
        self.objection = self.objection or objection

    @property
    def grpc(self) -> bool:
        """Whether this is a gRPC call: its body is a stream of messages, and it may have trailers."""
        return self.media_type == "application/grpc" or self.media_type.startswith("application/grpc+")

    def value(self, name: bytes) -> str:
        """Return the values of a field, given in lower case, joined; "" where it is not there."""
        return ", ".join(value.decode("latin-1") for key, value in self.fields if key.lower() == name)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()


def _unsupported(what: str) -> Objection:
    return Objection(
        "unsupported",
        f"{what} not supported yet",
        f"The proxy cannot read {what.lower()}, so it passes none; this may come in a later version.",
        "Use a plain request and a complete response instead.",
    )


UPGRADE = _unsupported("WebSocket and other protocol upgrades are")
GRPC = Objection(
    "unsupported",
    "gRPC needs HTTP/2, and gRPC-Web is not supported yet",
    "The proxy reads gRPC over HTTP/2 on both sides only.",
    "Use a gRPC client that speaks HTTP/2, with a server that does.",
)
TRAILERS = _unsupported("Trailers are")


def _ambiguous(what: str) -> Objection:
    return Objection("protocol", "Ambiguous message", f"{what}, so two readers may read this message differently.")


OVERRIDE = Objection(
    "protocol",
    "A header overrides the request line",
    "A header names another method, host or URL than the request line, so an upstream may do what was not judged.",
    "Write the method and the URL that you mean into the request itself, and leave the override header out.",
)


def read_request(fields: Fields, version: bytes) -> Head:
    """Return a request's head, cleaned; the first objection stands."""
    head = Head(objection=_malformed(fields))
    kept: list[tuple[bytes, bytes]] = []
    dropped: set[bytes] = set()
    for name, value in fields:
        lower = name.lower()
        if lower not in _REQUEST_SPECIAL:
            _read_plain(head, kept, name, lower, value)
            continue
        match lower:
            case b"host":
                head.object(_ambiguous("The header Host is there twice") if head.host is not None else None)
                head.host = value
                kept.append((name, value))
            case b"accept-encoding":
                readable = _readable(value)
                kept.append((name, readable))
            case b"proxy-authorization":
                head.credentials = value if head.credentials is None else b""
            case b"traceparent":
                head.sandbox_trace = _trace_id(value)
            case b"expect":
                head.expects_continue = value.lower() == b"100-continue"
            case b"upgrade" | b"te":
                _read_hop(head, kept, name, value, version)
            case _:
                _read_common(head, kept, dropped, name, lower, value)
    return _finish_request(head, kept, dropped, version)


def overriding(message: Message, target: bytes, content_type: str, raw: bytes) -> tuple[str, ...]:
    """Return the methods that a parameter of a request names in place of its own, as some frameworks take it."""
    blocks: list[Block] = []
    if _may_override(target.partition(b"?")[2]):
        blocks += message.blocks[:1]
    if content_type.lower().startswith(("application/x-www-form-urlencoded", "multipart/")) and _may_override(raw):
        blocks += message.blocks[2:]
    return tuple(
        method
        for block in blocks
        for part in block.parts
        for place, _, name in [part.path.rpartition("/")]
        for method in [part.text.strip().upper()]
        if place in ("", "query") and name.lower() in _IN_PARAMETERS
        if method in _METHODS and method != message.endpoint.operation
    )


def _may_override(data: bytes) -> bool:
    return any(sign in data for sign in _OVERRIDING)


def _read_hop(head: Head, kept: list[tuple[bytes, bytes]], name: bytes, value: bytes, version: bytes) -> None:
    """Take up what a request asks of the next hop: another protocol, or trailers."""
    if name.lower() == b"te":
        if value.strip().lower() == b"trailers":
            kept.append((name, value))
        return
    # An offer of HTTP/2 in clear text may be ignored (RFC 9110, 7.8); others would be tunnels.
    head.websocket = value.lower() == b"websocket" and version == b"HTTP/1.1"
    head.object(None if value.lower() == b"h2c" or head.websocket else UPGRADE)


def _finish_request(head: Head, kept: list[tuple[bytes, bytes]], dropped: set[bytes], version: bytes) -> Head:
    if head.media_type.startswith("application/grpc") and not (head.grpc and version.startswith(b"HTTP/2")):
        head.object(GRPC)
    _finish(head, kept, dropped, version)
    if head.websocket:
        head.fields = _offering(head.fields)
    elif not head.grpc:
        head.fields = without(head.fields, b"te")
    return head


def _offering(fields: Fields) -> Fields:
    """Return a WebSocket request's fields with the offers of extensions that can be read, and its Upgrade again."""
    kept = []
    for name, value in fields:
        readable = value
        if name.lower() == b"sec-websocket-extensions":
            readable = readable_offers(value.decode("latin-1")).encode("latin-1")
        if readable:
            kept.append((name, readable))
    return (*without(kept, b"connection", b"te"), *UPGRADING)


def read_response(fields: Fields, version: bytes) -> Head:
    """Return a response's head, cleaned; the first objection stands."""
    head = Head(objection=_malformed(fields))
    kept: list[tuple[bytes, bytes]] = []
    dropped: set[bytes] = set()
    for name, value in fields:
        lower = name.lower()
        if lower not in _RESPONSE_SPECIAL:
            kept.append((name, value))
        else:
            _read_common(head, kept, dropped, name, lower, value)
    if head.media_type.startswith("application/grpc") and not (head.grpc and version.startswith(b"HTTP/2")):
        head.object(GRPC)
    return _finish(head, kept, dropped, version)


def _read_plain(head: Head, kept: list[tuple[bytes, bytes]], name: bytes, lower: bytes, value: bytes) -> None:
    """Keep a field as it is, but for what only a proxy may say; one that overrides the request line refuses it."""
    if lower[:1] in b"xf":
        read_as = lower.replace(b"_", b"-")  # many servers make one name of both (RFC 3875, 4.1.18)
        head.object(OVERRIDE if read_as in _OVERRIDES else None)
        if read_as.startswith(b"x-forwarded-") or read_as == b"forwarded":
            return
    kept.append((name, value))


def _read_common(
    head: Head, kept: list[tuple[bytes, bytes]], dropped: set[bytes], name: bytes, lower: bytes, value: bytes
) -> None:
    """Take up one special field that both directions have; what is for this hop only is not kept."""
    match lower:
        case b"trailer":
            head.object(TRAILERS)
        case b"connection":
            dropped |= _tokens(value)
            if value.strip().lower() in (b"close", b"keep-alive"):
                kept.append((name, value))
        case b"content-length":
            if head.length is not None or not _LENGTH.fullmatch(value):
                head.object(_ambiguous("Its Content-Length is not one plain number"))
            else:
                head.length = int(value)
            kept.append((name, value))
        case b"content-type":
            head.object(_ambiguous("The header Content-Type is there twice") if head.content_type else None)
            head.content_type = value.decode("latin-1")
            kept.append((name, value))
        case b"content-encoding":
            text = value.decode("latin-1")
            head.content_encoding = f"{head.content_encoding}, {text}" if head.content_encoding else text
            kept.append((name, value))
        case b"transfer-encoding":
            if head.chunked or value.lower() != b"chunked":
                head.object(_ambiguous("Its transfer coding is more than chunked"))
            head.chunked = True
            kept.append((name, value))
        case _:
            pass


def _finish(head: Head, kept: list[tuple[bytes, bytes]], dropped: set[bytes], version: bytes) -> Head:
    if head.chunked and (head.length is not None or version != b"HTTP/1.1"):
        head.object(_ambiguous("Its length is given in two ways, or in one that its version of HTTP does not have"))
    dropped -= _NEVER_DROPPED
    if dropped:
        kept = [(name, value) for name, value in kept if name.lower() not in dropped or name.lower() == b"connection"]
    head.fields = tuple(kept)
    return head


def _trace_id(value: bytes) -> str:
    """Return what stands for the sandbox's trace, or "": its own digits could spell out a value."""
    match = _TRACEPARENT.fullmatch(value)
    return sha256(match[1]).hexdigest()[:32] if match else ""


def _malformed(fields: Fields) -> Objection | None:
    for name, value in fields:
        if not _FIELD_NAME.fullmatch(name) or _BAD_VALUE.search(value):
            return _ambiguous("A header's name or value holds characters that it may not hold")
    return None


@lru_cache(maxsize=256)
def _tokens(value: bytes) -> frozenset[bytes]:
    """Return the header names that a Connection field makes hop-by-hop."""
    names = frozenset(token.strip().lower() for token in value.split(b","))
    return names - {b"close", b"keep-alive", b""}


@lru_cache(maxsize=1024)
def _readable(value: bytes) -> bytes:
    """Return an Accept-Encoding field without the codings that nobody here can read; as it was where there is none."""
    entries = value.decode("latin-1").split(",")
    readable = [entry for entry in entries if entry.partition(";")[0].strip().lower() in CODINGS]
    if len(readable) == len(entries):
        return value
    return ",".join(readable).strip().encode("latin-1") or b"identity"


@lru_cache(maxsize=4096)
def read_credentials(value: bytes) -> tuple[str, str] | None:
    """Return the user and the password of a Basic credential (RFC 7617), or None where it is not one."""
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None


_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\[\]\\%]+)(?::([0-9]{1,5}))?")


@lru_cache(maxsize=4096)
def read_authority(text: str, default_port: int) -> tuple[str, int] | None:
    """Return host, in lower case without a last dot and without brackets, and port; None where it is neither.

    User information, escapes and whatever else two readers could read differently make it none (RFC 3986, 3.2).
    """
    match = _AUTHORITY.fullmatch(text)
    if match is None or not text.isascii():
        return None
    host = match[1].lower().removeprefix("[").removesuffix("]")
    port = int(match[2]) if match[2] else default_port
    host = host.removesuffix(".")
    return (host, port) if host and 0 < port < 65536 else None  # noqa: PLR2004 - the largest port


def without(fields: Iterable[tuple[bytes, bytes]], *names: bytes) -> Fields:
    """Return the fields except those of these lower-case names."""
    return tuple((name, value) for name, value in fields if name.lower() not in names)
