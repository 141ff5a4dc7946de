"""gRPC messages on a stream: a flag, a length, a protobuf message, compressed or not, in any chunking, and back.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block
from dlp.wire.body import Body, read_body
from dlp.wire.leaf import by_part
from dlp.wire.limits import TooLarge

MEDIA_TYPE = "application/grpc"
_PREFIX = 5
_PROTOBUF = ("", "proto")
_CODINGS = frozenset({"", "identity", "gzip", "deflate"})


@dataclass(slots=True)
class Frame:
    """One message with its prefix."""

    raw: bytes = field(repr=False)
    compressed: bool
    body: Body | None = field(repr=False)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What it says; an empty message says nothing."""
        return (self.body.block,) if self.body is not None else ()

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return it with `edits` made, compressed as it was.

        Raises:
            ParseError: an edit does not fit, or it cannot be rewritten.

        """
        sorted_out = by_part(edits)
        if not sorted_out or self.body is None:
            return self.raw
        payload = self.body.write(edit for each in sorted_out.values() for edit in each)
        return bytes([self.compressed]) + len(payload).to_bytes(4) + payload


class Reader:
    """The messages of one direction of a call."""

    def __init__(self, *, content_type: str, encoding: str, limit: int) -> None:
        """Take the content type, the `grpc-encoding`, and the most bytes of one message.

        Raises:
            ParseError: the encoding is not one that is read.

        """
        encoding = encoding.strip().lower()
        if encoding not in _CODINGS:
            raise ParseError("grpc: an encoding that is not read; identity, gzip and deflate are")
        self._encoding = "" if encoding == "identity" else encoding
        suffix = content_type.partition(";")[0].strip().lower().removeprefix(MEDIA_TYPE).removeprefix("+")
        self._kind = "application/x-protobuf" if suffix in _PROTOBUF else f"application/{suffix}"
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the messages that are complete with these bytes.

        Raises:
            TooLarge: a message is larger than what is read, as sent or decompressed.
            ParseError: these are no gRPC messages.

        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= _PREFIX:
            flag, length = buffer[at], int.from_bytes(buffer[at + 1 : at + _PREFIX])
            if flag > 1 or (flag and not self._encoding):
                raise ParseError("grpc: a message with a flag that means nothing here")
            if length > self._limit:
                raise TooLarge(f"grpc: a message of more than {self._limit} bytes")
            end = at + _PREFIX + length
            if end > len(buffer):
                break
            frames.append(self._frame(bytes(buffer[at:end]), compressed=bool(flag)))
            at = end
        del buffer[:at]
        return frames

    def finish(self) -> list[Frame]:
        """Return nothing.

        Raises:
            ParseError: the stream ended within a message.

        """
        if self._buffer:
            raise ParseError(f"grpc: {len(self._buffer)} bytes that are the beginning of a message only")
        return []

    def _frame(self, raw: bytes, *, compressed: bool) -> Frame:
        payload = raw[_PREFIX:]
        if not payload:
            return Frame(raw, compressed, None)
        coding = self._encoding if compressed else ""
        return Frame(raw, compressed, read_body(payload, self._kind, coding, limit=self._limit))
