"""WebSocket frames (RFC 6455, RFC 7692) to messages and back, over wsproto's frame protocol, bounded.

One `Side` reads what one peer sends and writes it anew for the other: with the same fragments where nothing was edited,
compressed by itself where compression was agreed on. Payloads of pings and reasons of a close are messages as well.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, ParseFailed
from wsproto.utilities import split_comma_header

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Kind, Part
from dlp.wire.body import Body, read_body
from dlp.wire.leaf import by_part
from dlp.wire.limits import TooLarge

_MOST_FRAGMENTS = 100_000
_KNOWN_PARAMETERS = frozenset(
    ["client_no_context_takeover", "server_no_context_takeover", "client_max_window_bits", "server_max_window_bits"]
)


class What(Enum):
    """What a message is."""

    TEXT = "text"
    BINARY = "binary"
    PING = "ping"
    PONG = "pong"
    CLOSE = "close"


@dataclass(slots=True)
class Message:
    """One message: `raw` is its payload, without framing; `code` is of a close. `write` gives frames."""

    what: What
    raw: bytes = field(repr=False)
    side: "Side" = field(repr=False)
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    fragments: Sequence[int] = ()
    code: int | None = None
    body: Body | None = field(default=None, repr=False)

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return the frames of it with `edits` made; each message is written once, in order.

        Raises:
            ParseError: an edit does not fit, or what it would be in cannot be rewritten.

        """
        sorted_out = by_part(edits)
        if not sorted_out:
            return self.side.frames(self)
        if self.body is None:
            raise ParseError(f"websocket: a {self.what.value} cannot be rewritten")
        raw = self.body.write(edit for each in sorted_out.values() for edit in each)
        return self.side.frames(replace(self, raw=raw, fragments=()))


class Side:
    """What one peer of a WebSocket sends, read, and written anew for the other."""

    def __init__(self, *, from_client: bool, extensions: str, limit: int) -> None:
        """Take whose messages these are, the extensions agreed on, and the most bytes of one message.

        Raises:
            ParseError: an extension was agreed on that is not read.

        """
        self._limit = limit
        reading, writing = deflate(extensions, limit), deflate(extensions, limit)
        self._in = FrameProtocol(not from_client, [reading] if reading else [])
        self._out = FrameProtocol(from_client, [writing] if writing else [])
        self._pieces: list[bytes] = []
        self._lengths: list[int] = []
        self._current = 0
        self._size = 0
        self.closed = False

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete with these bytes.

        Raises:
            TooLarge: a message is larger than what is read.
            ParseError: this is no WebSocket.

        """
        if self.closed:
            return []  # what follows a close is nobody's (RFC 6455, 1.4)
        self._in.receive_bytes(data)
        messages: list[Message] = []
        try:
            for frame in self._in.received_frames():
                if isinstance(frame.payload, tuple):  # a close
                    self.closed = True
                    code, reason = frame.payload
                    messages.append(self._control(What.CLOSE, str(reason).encode(), int(code)))
                    break
                payload = frame.payload.encode() if isinstance(frame.payload, str) else bytes(frame.payload)
                if frame.opcode in (Opcode.PING, Opcode.PONG):
                    messages.append(self._control(What[frame.opcode.name], payload))
                    continue
                self._gather(payload, frame_finished=frame.frame_finished)
                if frame.frame_finished and frame.message_finished:
                    messages.append(self._message(What[frame.opcode.name]))
        except ParseFailed as error:
            if error.code == CloseReason.MESSAGE_TOO_BIG:
                raise TooLarge(f"websocket: a message of more than {self._limit} bytes") from None
            raise ParseError(f"websocket: frames that break the protocol ({int(error.code)})") from None
        return messages

    def finish(self) -> list[Message]:
        """Return nothing: a message that is not complete is none."""
        return []

    def frames(self, message: Message) -> bytes:
        """Return a message as frames for the other peer."""
        raw, out = message.raw, self._out
        if message.what is What.CLOSE:
            return bytes(out.close(message.code, raw.decode()))
        if message.what is What.PING or message.what is What.PONG:
            return bytes(out.ping(raw) if message.what is What.PING else out.pong(raw))
        written = bytearray()
        at = 0
        lengths = message.fragments or (len(raw),)
        for number, length in enumerate(lengths, 1):
            piece = raw[at : at + length]
            text = message.what is What.TEXT
            written += out.send_data(piece.decode() if text else piece, fin=number == len(lengths))
            at += length
        return bytes(written)

    def close(self, code: int, reason: str = "") -> bytes:
        """Return a close for the other peer."""
        return bytes(self._out.close(code, reason))

    def _gather(self, payload: bytes, *, frame_finished: bool) -> None:
        self._size += len(payload)
        if self._size > self._limit or len(self._lengths) > _MOST_FRAGMENTS:
            raise TooLarge(f"websocket: a message of more than {self._limit} bytes, or {_MOST_FRAGMENTS} fragments")
        self._pieces.append(payload)
        self._current += len(payload)
        if frame_finished:
            self._lengths.append(self._current)
            self._current = 0

    def _message(self, what: What) -> Message:
        raw, lengths = b"".join(self._pieces), tuple(self._lengths)
        self._pieces, self._lengths, self._size = [], [], 0
        kind = "text/plain; charset=utf-8" if what is What.TEXT else "application/octet-stream"
        body = read_body(raw, kind, "", limit=self._limit)
        return Message(what, raw, self, (body.block,), lengths, body=body)

    def _control(self, what: What, raw: bytes, code: int | None = None) -> Message:
        path = f"websocket/{what.value}"
        try:
            part = Part(path, raw.decode(), name="reason" if what is What.CLOSE else "")
        except UnicodeDecodeError:
            part = Part(path, "", Kind.OPAQUE, length=len(raw), why="a payload that is no text")
        blocks = (Block(lambda: (part,), surface=raw if part.text else None, raw=raw),) if raw else ()
        return Message(what, raw, self, blocks, code=code)


class _Bounded(PerMessageDeflate):
    """Compression whose messages are inflated up to a limit only: wsproto's own inflates a bomb whole."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._inflated = 0

    def frame_inbound_payload_data(self, _proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Inflate a piece of a message."""
        if not self._inbound_compressed or not self._inbound_is_compressible or self._decompressor is None:
            return data
        try:
            out = self._decompressor.decompress(bytes(data), self._limit - self._inflated + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(out)
        return CloseReason.MESSAGE_TOO_BIG if self._inflated > self._limit else out

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:  # noqa: FBT001 - wsproto's signature
        """Inflate what is left of a message."""
        if fin and self._inbound_is_compressible:
            self._inflated = 0
        return super().frame_inbound_complete(proto, fin)


def deflate(extensions: str, limit: int) -> PerMessageDeflate | None:
    """Return the compression that a `Sec-WebSocket-Extensions` answer agrees on, None for none.

    Raises:
        ParseError: it agrees on anything else.

    """
    named = split_comma_header(extensions.encode("latin-1")) if extensions.strip() else []
    if not named:
        return None
    name, *parameters = [piece.strip() for piece in named[0].split(";")]
    known = all(piece.partition("=")[0].strip() in _KNOWN_PARAMETERS for piece in parameters)
    if len(named) > 1 or name.lower() != PerMessageDeflate.name or not known:
        raise ParseError("websocket: an extension that is not read; only permessage-deflate is")
    extension = _Bounded(limit)
    try:
        extension.finalize(named[0].replace('"', ""))
    except ValueError:
        raise ParseError("websocket: permessage-deflate with parameters that mean nothing") from None
    return extension


def readable_offers(value: str) -> str:
    """Return the offers of a `Sec-WebSocket-Extensions` request that can be read."""
    offers = split_comma_header(value.encode("latin-1"))
    return ", ".join(offer for offer in offers if offer.partition(";")[0].strip().lower() == PerMessageDeflate.name)
