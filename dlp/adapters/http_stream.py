"""Which exchanges go on message by message, how each kind is read, and what ends one that is refused halfway."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from urllib.parse import quote

import orjson

from dlp.adapters import refusal
from dlp.adapters.http_head import Fields, Head
from dlp.core.errors import ParseError
from dlp.core.message import Direction
from dlp.core.outcome import Refuse
from dlp.engine.streams import Stream, Unit
from dlp.wire import grpc, lines, sse, websocket, window
from dlp.wire.limits import TooLarge

_GRPC_STATUS = {"limit": 8, "identity": 16, "upstream": 14, "error": 13}  # others: 7, PERMISSION_DENIED
_WEBSOCKET_CODE = {"limit": 1009, "upstream": 1014, "error": 1011, "unreadable": 1007}  # others: 1008
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MOST_MESSAGE = 900  # bytes of a grpc-message: it is a header


class Way(Enum):
    """What a stream is made of."""

    SSE = "sse"
    LINES = "lines"
    GRPC = "grpc"
    WEBSOCKET = "websocket"
    WINDOWS = "windows"


class Reader(Protocol):
    """Bytes in any chunking to messages."""

    def feed(self, data: bytes) -> Sequence[Unit]:
        """Return the messages that are complete with these bytes."""
        ...

    def finish(self) -> Sequence[Unit]:
        """Return what is left at the end."""
        ...


@dataclass(slots=True)
class Half:
    """One direction of an exchange that goes on message by message."""

    way: Way
    direction: Direction
    reader: Reader = field(repr=False)
    stream: Stream = field(repr=False)
    decode: Callable[[bytes], bytes] | None = field(default=None, repr=False)
    woken: bool = False  # a wake-up is on its way

    def put(self, data: bytes, now: float) -> None:
        """Take bytes as they come; raises ParseError for what cannot be read."""
        for unit in self.reader.feed(self.decode(data) if self.decode else data):
            self.stream.put(unit, now)

    def finish(self, now: float) -> None:
        """Take note that no more comes; raises ParseError where that is in the middle of a message."""
        for unit in self.reader.finish():
            self.stream.put(unit, now)


def response_half(head: Head, *, limit: int, hold: bool, large: bool) -> Half | None:
    """Return how a response that is a stream by its head is read, None where it is none.

    `hold` says whether messages may be held back, `large` that it is a body over the limit.

    Raises:
        ParseError: it is coded in a way that cannot be read as it comes.

    """
    kind = head.media_type
    if kind == sse.MEDIA_TYPE:
        events = Events(limit=limit)
        decode = _decoder(head, limit)
        return Half(Way.SSE, Direction.INBOUND, events, Stream(hold=hold, plain=True), decode)
    if kind in lines.MEDIA_TYPES and head.length is None:
        decode = _decoder(head, limit)
        return Half(Way.LINES, Direction.INBOUND, lines.Reader(limit=limit), Stream(hold=hold, plain=True), decode)
    return windows_half(head, Direction.INBOUND) if large else None


def windows_half(head: Head, direction: Direction) -> Half:
    """Return how a body is read that is too large to be read whole."""
    plain = head.content_encoding.strip().lower() in ("", "identity")
    return Half(Way.WINDOWS, direction, window.Reader(text=plain), Stream(hold=False))


def grpc_half(head: Head, direction: Direction, encoding: str, *, limit: int) -> Half:
    """Return how one direction of a gRPC call is read; raises ParseError for an encoding that is not."""
    reader = grpc.Reader(content_type=head.content_type, encoding=encoding, limit=limit)
    return Half(Way.GRPC, direction, reader, Stream(hold=False))


def websocket_half(direction: Direction, extensions: str, *, limit: int, hold: bool) -> Half:
    """Return how one direction of a WebSocket is read; raises ParseError for extensions that are not."""
    side = websocket.Side(from_client=direction is Direction.OUTBOUND, extensions=extensions, limit=limit)
    return Half(Way.WEBSOCKET, direction, side, Stream(hold=hold))


class Events:
    """Server-sent events as messages."""

    def __init__(self, *, limit: int) -> None:
        """Take the most bytes of one event."""
        self._limit = limit
        self._reader = sse.Reader(limit=limit)

    def feed(self, data: bytes) -> list[sse.EventBody]:
        """Return the events that are complete with these bytes."""
        return [sse.EventBody(event, limit=self._limit) for event in self._reader.feed(data)]

    def finish(self) -> list[sse.EventBody]:
        """Return what is left."""
        return [sse.EventBody(event, limit=self._limit) for event in self._reader.finish()]


def _decoder(head: Head, limit: int) -> Callable[[bytes], bytes] | None:
    """Return what takes a stream's content coding off as it comes."""
    coding = head.content_encoding.strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise ParseError("content-encoding: a stream in this coding cannot be read as it comes; ask for identity")
    inflate = zlib.decompressobj(47)  # gzip or zlib, as its first bytes say

    def decode(data: bytes) -> bytes:
        try:
            out = inflate.decompress(data, limit + 1)
        except zlib.error:
            raise ParseError("content-encoding: a stream that is broken") from None
        if len(out) > limit or inflate.unconsumed_tail:
            raise TooLarge(f"stream: a piece of it gives more than {limit} bytes")
        return out

    return decode


def ending(way: Way, refuse: Refuse) -> bytes | None:
    """Return what is written at the end of a body that is refused halfway, None where only breaking off says it."""
    if way is Way.SSE:
        return sse.write_event(orjson.dumps(refusal.problem(refuse)).decode(), event="error")
    if way is Way.LINES:
        return orjson.dumps({"error": refusal.problem(refuse)}, option=orjson.OPT_APPEND_NEWLINE)
    return None


def grpc_status(refuse: Refuse) -> Fields:
    """Return the trailers that tell a gRPC client of a refusal."""
    told = f"{refuse.title}: {refuse.detail} {refuse.next}".strip()
    message = quote(told, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").encode()[:_MOST_MESSAGE]
    return (
        (b"grpc-status", b"%d" % _GRPC_STATUS.get(refuse.kind, 7)),
        (b"grpc-message", message),
        (b"dlp-decision", refuse.event.encode()),
    )


def accept_of(key: bytes) -> bytes:
    """Return what a server answers to a WebSocket's key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.strip() + _ACCEPT_GUID, usedforsecurity=False).digest())


def websocket_close(refuse: Refuse) -> tuple[int, str]:
    """Return the code and the reason with which a WebSocket is closed for a refusal."""
    return _WEBSOCKET_CODE.get(refuse.kind, 1008), f"{refuse.title}. Decision {refuse.event}"
