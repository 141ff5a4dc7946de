"""Protobuf messages without their schema: fields by number, texts and numbers by what they look like.

Without a schema, bytes can be a text, a message or neither. What reads as text is text; where it reads as a message as
well, both readings are given, as only the receiver knows. What is neither is opaque. Paths are numbers of fields
(`/3/1`); another reading of the same bytes stands beside them (`/3:sint`, `/3:message/1`).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.document import Document, Edits
from dlp.wire.leaf import edited_text, text_part
from dlp.wire.limits import MAX_PARTS, MAX_PATHS, let_go

_MAX_DEPTH = 100  # what protobuf's own readers take
_MAX_FIELD = (1 << 29) - 1
_MAX_VARINT = 10
_MOST_FIELDS = 50_000  # of one message: more would hold others up for long
_WORK = 32  # times its size that a message is looked at in all, before it is given up
_MANY_BYTES = 16  # of numbers that look like noise: they may be a text in disguise
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: its number, its wire type, where it begins, and where its value (or its length's content) stands."""

    number: int
    kind: int
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Node:
    """A stretch that holds parts or other nodes. `length` is where its length is written; -1 for a number."""

    length: int
    start: int
    end: int
    parent: int


class _Message:
    """The state of one pass over a message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parts: list[Part] = []
        self.nodes: list[_Node] = []
        self.where: list[int | None] = []  # by part: its node; None for another reading, which is not written
        self._spent = 0
        self._work = _WORK * len(data) + 1_000_000
        self._noise = 0

    def read(self, prefix: str) -> None:
        """Read the whole as one message."""
        fields = self._fields(0, len(self.data))
        if fields is None:
            raise ParseError(f"protobuf: {len(self.data)} bytes that are no message")
        self._message(fields, prefix, -1, 0, writable=True)
        if self._noise >= _MANY_BYTES:
            why = "numbers that look like noise"
            self._add(Part(prefix, "", Kind.OPAQUE, length=self._noise, why=why), None)

    def _add(self, part: Part, node: int | None) -> None:
        self.parts.append(part)
        self.where.append(node)
        self._spent += len(part.path)
        if len(self.parts) > MAX_PARTS or self._spent > MAX_PATHS:
            let_go(self.parts)
            raise ParseError(f"protobuf: more than {MAX_PARTS} parts, or paths too long to keep")

    def _fields(self, at: int, end: int) -> list[_Field] | None:
        """Return the fields that stand between two offsets; None if something else does."""
        data, fields = self.data, list[_Field]()
        while at < end:
            if len(fields) > _MOST_FIELDS:
                let_go(fields)
                raise ParseError(f"protobuf: more than {_MOST_FIELDS} fields")
            tag, value = _varint(data, at, end)
            number, kind = tag >> 3, tag & 7
            if value < 0 or not 0 < number <= _MAX_FIELD:
                return None
            if kind == _VARINT:
                _, stop = _varint(data, value, end)
            elif kind == _BYTES:
                size, value = _varint(data, value, end)
                stop = value + size if value >= 0 else -1
            elif kind in (_FIXED64, _FIXED32):
                stop = value + (8 if kind == _FIXED64 else 4)
            else:
                return None  # groups are deprecated, and 6 and 7 mean nothing
            if stop < 0 or stop > end:
                return None
            fields.append(_Field(number, kind, at, value, stop))
            at = stop
        return fields

    def _message(self, fields: list[_Field], path: str, parent: int, depth: int, *, writable: bool) -> None:
        for field in fields:
            inner = f"{path}/{field.number}"
            if field.kind == _BYTES:
                self._bytes(field, inner, parent, depth, writable=writable)
            else:
                self._number(field, inner, parent, writable=writable)

    def _number(self, field: _Field, path: str, parent: int, *, writable: bool) -> None:
        node = None
        if writable:
            node = len(self.nodes)
            self.nodes.append(_Node(-1, field.value, field.end, parent))
        raw = self.data[field.value : field.end]
        for suffix, says in _readings(field.kind, raw):
            if says is None:
                self._noise += len(raw)
            else:
                first = node if not suffix and field.kind == _VARINT else None
                self._add(Part(path + suffix, says, Kind.NUMBER, path.rpartition("/")[2]), first)

    def _bytes(self, field: _Field, path: str, parent: int, depth: int, *, writable: bool) -> None:
        start, end = field.value, field.end
        self._work -= end - start
        if self._work < 0:
            raise ParseError("protobuf: messages in messages that would take too long to read")
        node = None
        if writable:
            node = len(self.nodes)
            self.nodes.append(_Node(_length_at(self.data, field), start, end, parent))
        text = _text(self.data, start, end)
        if text is not None:
            self._add(text_part(path, text, str(field.number)), node)
        fields = self._fields(start, end) if start < end and depth < _MAX_DEPTH else None
        if fields is not None:
            at = path if text is None else f"{path}:message"
            before = self._noise
            self._message(fields, at, -1 if node is None else node, depth + 1, writable=writable and text is None)
            if text is not None:
                self._noise = before  # as a text it can be read
        elif text is None:
            why = "neither text nor a message"
            self._add(Part(path, "", Kind.OPAQUE, length=end - start, why=why), None)

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, edits: Edits) -> bytes:
        """Return the message with edits made, and every length around them put right."""
        new: dict[int, bytes] = {}
        for index, mine in edits.items():
            at = self.where[index]
            if at is None:
                raise ParseError("edit: this part of a protobuf message can be read but not rewritten")
            text = edited_text(self.parts[index], mine)
            if self.nodes[at].length >= 0:
                new[at] = text.encode()
            elif _INTEGER.fullmatch(text) and -(1 << 63) <= int(text) < (1 << 64):
                new[at] = _encode_varint(int(text) % (1 << 64))
            else:
                raise ParseError("edit: a number of a protobuf message can only become another number")
        growth = [0] * len(self.nodes)
        spans: list[tuple[int, int, bytes]] = []
        for number in range(len(self.nodes) - 1, -1, -1):  # what is inside comes after what it is in
            node = self.nodes[number]
            if number in new:
                growth[number] += len(new[number]) - (node.end - node.start)
                spans.append((node.start, node.end, new[number]))
            if growth[number] and node.length >= 0:
                length = _encode_varint(node.end - node.start + growth[number])
                spans.append((node.length, node.start, length))
                growth[number] += len(length) - (node.start - node.length)
            if node.parent >= 0:
                growth[node.parent] += growth[number]
        out, done = list[bytes](), 0
        for start, end, data in sorted(spans, key=lambda span: span[:2]):
            out += (self.data[done:start], data)
            done = end
        out.append(self.data[done:])
        return b"".join(out)


def read_protobuf(data: bytes, prefix: str = "") -> Document:
    """Return what one protobuf message says; texts and whole numbers in it can be rewritten.

    Raises:
        ParseError: it is no message, or it is too deep or large.

    """
    message = _Message(data)
    message.read(prefix)
    parts = tuple(message.parts)

    def write(edits: Edits) -> bytes:
        written = message.write(edits)
        again = _Message(written)
        again.read(prefix)
        expected = [
            (part.path, edited_text(part, edits[i]) if i in edits else part.text)
            for i, part in enumerate(parts)
            if message.where[i] is not None
        ]
        found = [
            (part.path, part.text) for part, node in zip(again.parts, again.where, strict=True) if node is not None
        ]
        if found != expected:
            raise ParseError("edit: with it the protobuf message would read as something else")
        return written

    return Document(parts, write)


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the number that begins at an offset and where it ends; (0, -1) if none does."""
    if at < end and data[at] < 0x80:  # noqa: PLR2004 - one byte, as most are
        return data[at], at + 1
    value = shift = 0
    for place in range(at, min(end, at + _MAX_VARINT)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last
            return value & 0xFFFFFFFFFFFFFFFF, place + 1
        shift += 7
    return 0, -1


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _length_at(data: bytes, field: _Field) -> int:
    """Return where a field's length is written: behind its tag."""
    return _varint(data, field.start, field.value)[1]


def _text(data: bytes, start: int, end: int) -> str | None:
    if _CONTROL.search(data, start, end):
        return None
    try:
        return data[start:end].decode()
    except UnicodeDecodeError:
        return None


def _readings(kind: int, raw: bytes) -> Iterator[tuple[str, str | None]]:
    """Give what a number may say, with what tells the readings apart; None for one that looks like noise."""
    if kind == _VARINT:
        value, _ = _varint(raw, 0, len(raw))
        yield "", str(value - (1 << 64) if value >> 63 else value)
        if value > 1:
            yield ":sint", str((value >> 1) ^ -(value & 1))
        return
    wide = kind == _FIXED64
    number = int.from_bytes(raw, "little")
    (floating,) = struct.unpack("<d" if wide else "<f", raw)
    if number and _sensible(floating):
        yield "", repr(floating).removesuffix(".0") if wide else _shortest(raw, floating)
    elif not wide or number >> 53 in (0, 0x7FF) or number >> 60 == 1:  # a small one, or a time in nanoseconds
        yield "", str(number - (1 << (64 if wide else 32)) if number >> (63 if wide else 31) else number)
    else:
        yield "", None
    if raw.isascii() and raw.isalnum():
        yield ":text", raw.decode()


def _sensible(value: float) -> bool:
    return 1e-9 < abs(value) < 1e15  # noqa: PLR2004 - what people count and measure


def _shortest(raw: bytes, value: float) -> str:
    """Return the shortest text that reads as this 32-bit number."""
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == raw:
            break
    return text
