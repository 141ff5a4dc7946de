"""HTTP/1.1 (RFC 9112) around MCP: heads and bodies taken out of what a connection gives, read strictly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from dlp.core.errors import ParseError

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(%b) ([!-~]+) (HTTP/1\.[01])\r\n" % _TOKEN)
_STATUS = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?\r\n")
_FIELD = re.compile(rb"(%b):[ \t]*+((?:[!-~\x80-\xff]++(?:[ \t]++(?=[!-~\x80-\xff]))?+)*+)[ \t]*+" % _TOKEN)
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~]*)?")
_LONGEST_LINE = 4096
_MOST_KNOWN, _LONGEST_KNOWN = 64, 1024
_NO_BODY = frozenset([204, 304])
_FINAL = 200  # what is below says only that an answer will come


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Head:
    """The start of a message: a `method` and its target, or a status. Fields have names in small letters.

    `length` is that of the body in bytes, None where it comes in chunks or ends with the connection. `stays` says that
    the connection outlives the message, as far as this one tells.
    """

    method: bytes
    target: bytes = field(repr=False)
    status: int
    fields: Sequence[tuple[bytes, bytes]] = field(repr=False)
    length: int | None
    stays: bool

    def one(self, name: bytes) -> bytes:
        """Return a field's value, b"" where it is missing."""
        return next((value for key, value in self.fields if key == name), b"")


class End(Enum):
    """The end of a message."""

    END = "end"


END = End.END

type Frame = Head | bytes | End


class _At(Enum):
    HEAD = 1
    BODY = 2  # of a known length
    REST = 3  # up to the end of the connection
    SIZE = 4  # of a chunk
    CHUNK = 5
    AFTER = 6  # the line end behind a chunk
    TRAILERS = 7


class Frames:
    """Takes messages out of bytes, in whatever pieces they come: requests, or `answers`. A head has `limit` bytes."""

    def __init__(self, limit: int, *, answers: bool) -> None:
        self._limit = limit
        self._answers = answers
        self._buffer = bytearray()
        self._at = _At.HEAD
        self._left = 0
        self._spent = 0  # bytes of trailers
        self._over = False
        self._known: dict[bytes, tuple[bytes, bytes]] = {}  # fields, by the lines that held them

    @property
    def waiting(self) -> int:
        """How many bytes have come and are not taken out."""
        return len(self._buffer)

    @property
    def between(self) -> bool:
        """Whether a message is over, and nothing of the next has come."""
        return self._at is _At.HEAD and not self._buffer

    def feed(self, data: bytes) -> None:
        """Take what the connection gives; b"" is its end."""
        self._over = self._over or not data
        self._buffer += data

    def next(self) -> Frame | None:
        """Return what comes next; None where more has to come first.

        Raises:
            ParseError: it is not HTTP/1.1, is cut off, or may be read in two ways.

        """
        if self._at is _At.HEAD:
            frame: Frame | None = self._head()
        elif self._at in (_At.BODY, _At.CHUNK, _At.REST):
            frame = self._data()
        else:
            frame = self._between_chunks()
        if frame is None and self._over and (self._buffer or self._at is not _At.HEAD):
            raise ParseError("http: it ends too early")
        return frame

    def _head(self) -> Head | None:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):  # let pass before a message (RFC 9112, 2.2)
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", 0, self._limit)
        if end < 0:
            if len(buffer) >= self._limit:
                raise ParseError(f"http: expected a head of at most {self._limit} bytes")
            return None
        raw = bytes(buffer[: end + 2])
        del buffer[: end + 4]
        start = (_STATUS if self._answers else _REQUEST).match(raw)
        if start is None:
            raise ParseError("http: expected a first line of HTTP/1.1")
        lines = raw[start.end() : -2].split(b"\r\n") if start.end() < len(raw) else []
        fields = [self._known.get(line) or self._field(line) for line in lines]
        first, second, third = start.groups()
        status = int(second) if self._answers else 0
        length, chunked = _length(fields)
        bodiless = 0 < status < _FINAL or status in _NO_BODY
        version = first if self._answers else third
        if bodiless or not (chunked or length is not None or self._answers):
            length, chunked = 0, False
        self._at = _At.SIZE if chunked else _At.REST if length is None else _At.BODY
        self._left, self._spent = length or 0, 0
        tokens = b",".join([value for name, value in fields if name == b"connection"]).lower()
        stays = version == b"HTTP/1.1" and b"close" not in tokens and self._at is not _At.REST
        method, target = (b"", b"") if self._answers else (first, second)
        return Head(method, target, status, fields, length, stays)

    def _field(self, line: bytes) -> tuple[bytes, bytes]:
        """Return the field that a line holds, and remember it: a peer says most of them with every message."""
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ParseError("http: expected a header field")
        known = match[1].lower(), match[2]
        if len(line) <= _LONGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[line] = known
        return known

    def _data(self) -> Frame | None:
        if self._at is _At.REST:
            if not self._buffer:
                return self._end() if self._over else None
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        if not self._left:
            return self._end()
        if not self._buffer:
            return None
        data = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(data)
        if self._at is _At.CHUNK and not self._left:
            self._at = _At.AFTER
        return data

    def _between_chunks(self) -> Frame | None:
        """Read lines up to the next bytes of the body, or to its end."""
        while self._at in (_At.SIZE, _At.AFTER, _At.TRAILERS):
            end = self._buffer.find(b"\r\n", 0, _LONGEST_LINE)
            if end < 0:
                if len(self._buffer) >= _LONGEST_LINE:
                    raise ParseError("http: a line between chunks is too long")
                return None
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            if self._at is _At.AFTER:
                if line:
                    raise ParseError("http: expected a chunk to end where it said")
                self._at = _At.SIZE
            elif self._at is _At.SIZE:
                size = _SIZE.fullmatch(line)
                if size is None:
                    raise ParseError("http: expected the size of a chunk")
                self._left = int(size[1], 16)
                self._at = _At.CHUNK if self._left else _At.TRAILERS
            elif not line:
                return self._end()
            else:  # they are nobody's here
                self._spent += len(line)
                if self._spent > self._limit:
                    raise ParseError("http: the trailers are too long")
        return self._data()

    def _end(self) -> End:
        self._at = _At.HEAD
        return END


def _length(fields: Sequence[tuple[bytes, bytes]]) -> tuple[int | None, bool]:
    """Return the length that a head gives, and whether the body comes in chunks.

    Raises:
        ParseError: it speaks of that twice, or in a way that others may read differently (RFC 9112, 6.3).

    """
    told = [(name, value) for name, value in fields if name in (b"content-length", b"transfer-encoding")]
    if not told:
        return None, False
    name, value = told[0]
    if len(told) > 1:
        raise ParseError("http: the length of the body is given twice")
    if name == b"transfer-encoding" and value.lower() == b"chunked":
        return None, True
    if name == b"content-length" and _LENGTH.fullmatch(value):
        return int(value), False
    raise ParseError("http: the length of the body is given in no way that is read")
