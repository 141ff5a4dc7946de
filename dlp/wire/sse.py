"""Server-sent events (WHATWG HTML, 9.2): bytes in any chunking to events, and events written back.

Every byte of the stream is in the `raw` of one event, so that events that are passed on as they came are the stream as
it came. What readers skip (comments, unknown fields) is part of an event too, since it crosses the wall with it.
"""

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Kind, Part
from dlp.wire.body import read_body
from dlp.wire.leaf import by_part, edited_text
from dlp.wire.limits import TooLarge

MEDIA_TYPE = "text/event-stream"

_CR, _LF = 0x0D, 0x0A
_SPACE = " "
_KNOWN = frozenset({"data", "event", "id", "retry"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an event: the field's name ("" for a comment), its value, and the line end that closed it."""

    name: str = field(repr=False)
    value: str = field(repr=False)
    end: str = "\n"
    written: str = field(default="", repr=False)  # all of it before its end, as it came


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it came. Blank lines alone are one without lines; a comment between events is one of its own.

    `raw` are all its bytes, what closes it included; `lead` is what stood before its first line (a byte order mark, the
    second half of a line end), `tail` what closed it ("" where the stream ended within it: readers then drop it).
    """

    raw: bytes = field(repr=False)
    lines: tuple[Line, ...] = field(default=(), repr=False)
    lead: str = ""
    tail: str = ""

    @property
    def data(self) -> str:
        """What its `data` lines say together."""
        return "\n".join(line.value for line in self.lines if line.name == "data")

    @property
    def has_data(self) -> bool:
        """Whether it has any `data` line: an event without is not dispatched by its readers."""
        return any(line.name == "data" for line in self.lines)

    @property
    def event(self) -> str:
        """Its type, "" where it has none."""
        return next((line.value for line in reversed(self.lines) if line.name == "event"), "")

    @property
    def id(self) -> str | None:
        """Its id, None where it has none."""
        return next((line.value for line in reversed(self.lines) if line.name == "id"), None)

    def with_data(self, data: str) -> bytes:
        """Return it written with other data; all other lines stay as they came.

        Raises:
            ParseError: there is no `data` line to write it into, or it is no text.

        """
        end = next((line.end for line in self.lines if line.name == "data"), None)
        if end is None:
            raise ParseError("sse: an event without data cannot be given any")
        written: list[str] = [self.lead]
        done = False
        for line in self.lines:
            if line.name != "data":
                written += (line.written, line.end)
            elif not done:
                written += (text for each in split_lines(data) for text in (f"data: {each}", end or "\n"))
                done = True
        try:
            return "".join((*written, self.tail)).encode()
        except UnicodeEncodeError:
            raise ParseError("sse: half a surrogate pair cannot be written") from None


class Reader:
    """The events of one stream; give it the bytes as they come."""

    def __init__(self, *, limit: int) -> None:
        """Take the most bytes that one event may have."""
        self._limit = limit
        self._raw = bytearray()  # of the event that is being read
        self._at = 0  # up to where its lines have been read
        self._searched = 0  # up to where no line end was found
        self._lines: list[Line] = []
        self._lead = ""
        self._first = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are complete with these bytes.

        Raises:
            TooLarge: an event is larger than what is read.
            ParseError: it is not UTF-8.

        """
        self._raw += data
        events: list[Event] = []
        while True:
            if self._after_cr and self._at < len(self._raw):
                self._after_cr = False
                if self._raw[self._at] == _LF:  # a CR ended one chunk and its LF begins the next
                    self._join_lf()
            found = self._line_end()
            if found < 0:
                break
            event = self._take_line(found)
            if event is not None:
                events.append(event)
        if len(self._raw) > self._limit:
            raise TooLarge(f"sse: an event of more than {self._limit} bytes")
        return events

    def finish(self) -> list[Event]:
        """Return what is left where the stream ended: nothing, or one event that nothing closed."""
        if not self._raw:
            return []
        if self._at < len(self._raw):
            self._add_line(self._decoded(self._at, len(self._raw)), "")
        return [self._close(len(self._raw), "")]

    def _join_lf(self) -> None:
        """Take the second half of a line end up: into the line before, or what leads the next event."""
        self._at += 1
        self._searched = max(self._searched, self._at)
        if self._lines:
            last = self._lines[-1]
            self._lines[-1] = Line(last.name, last.value, "\r\n", last.written)
        else:
            self._lead += "\n"

    def _line_end(self) -> int:
        """Return where the line that is being read ends; -1 where it does not yet."""
        start = max(self._at, self._searched)
        lf = self._raw.find(b"\n", start)
        cr = self._raw.find(b"\r", start, lf if lf >= 0 else len(self._raw))
        self._searched = len(self._raw)
        return cr if cr >= 0 else lf

    def _take_line(self, found: int) -> Event | None:
        text = self._decoded(self._at, found)
        stop, end = found + 1, "\n"
        if self._raw[found] == _CR:
            end = "\r"
            if stop == len(self._raw):
                self._after_cr = True
            elif self._raw[stop] == _LF:
                stop, end = stop + 1, "\r\n"
        self._at = self._searched = stop
        if not text:
            return self._close(stop, end)
        self._add_line(text, end)
        if len(self._lines) == 1 and self._lines[0].name == "":  # a comment between events waits for nothing
            return self._close(stop, "")
        return None

    def _add_line(self, text: str, end: str) -> None:
        if self._first:
            self._first = False
            if text.startswith("\ufeff"):
                self._lead, text = self._lead + "\ufeff", text[1:]
        name, colon, value = text.partition(":")
        self._lines.append(Line(name, value.removeprefix(_SPACE) if colon else "", end, text))

    def _close(self, stop: int, tail: str) -> Event:
        event = Event(bytes(self._raw[:stop]), tuple(self._lines), self._lead, tail)
        del self._raw[:stop]
        self._at = self._searched = 0
        self._lines, self._lead, self._first = [], "", False
        return event

    def _decoded(self, start: int, stop: int) -> str:
        try:
            return codecs.decode(self._raw[start:stop], "utf-8")
        except UnicodeDecodeError:
            raise ParseError(f"sse: a line of {stop - start} bytes that is not UTF-8") from None


def split_lines(data: str) -> list[str]:
    """Return a text's lines as a stream's reader would see them."""
    return data.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def write_event(data: str, *, event: str = "", id: str | None = None) -> bytes:  # noqa: A002 - the field's name
    """Return a new event."""
    lines = [f"event: {event}"] if event else []
    lines += [] if id is None else [f"id: {id}"]
    lines += [f"data: {line}" for line in split_lines(data)]
    return "\n".join((*lines, "", "")).encode()


class EventBody:
    """What an event says: its data read like a body, with JSON as leaves, and its other lines as parts of their own."""

    __slots__ = ("_data", "_event", "_named", "blocks", "raw")

    def __init__(self, event: Event, *, limit: int) -> None:
        self._event, self.raw = event, event.raw
        self._data = read_body(event.data.encode(), "text/plain; charset=utf-8", "", limit=limit)
        self._named = _other_parts(event.lines)
        blocks = []
        if self._named:
            named, surface = self._named, "\n".join(part.text for part in self._named).encode()
            stable = not any(line.name == "id" for line in event.lines)  # each id is another
            key = ("sse", surface, tuple(part.path for part in named)) if stable and len(surface) <= _KEYED else None
            blocks.append(Block(lambda: named, surface=surface, key=key, raw=None if key else surface))
        if event.has_data:
            blocks.append(self._data.block)
        self.blocks: tuple[Block, ...] = tuple(blocks)

    @property
    def data(self) -> str:
        """What its `data` lines say together."""
        return self._event.data

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return the event with `edits` made; `Edit.part` counts the parts of its blocks from 0.

        Raises:
            ParseError: an edit does not fit, or an event cannot say its text.

        """
        sorted_out = by_part(edits)
        if not sorted_out:
            return self._event.raw
        event, count = self._event, len(self._named)
        lines = list(event.lines)
        for part in [number for number in sorted_out if number < count]:
            lines = _with_line(lines, self._named[part], edited_text(self._named[part], sorted_out[part]))
        event = Event(b"", tuple(lines), event.lead, event.tail)
        inner = [
            Edit(edit.part - count, edit.start, edit.end, edit.text, edit.number)
            for part, each in sorted_out.items()
            if part >= count
            for edit in each
        ]
        if inner:
            return event.with_data(self._data.write(inner).decode())
        written = (event.lead, *(text for line in lines for text in (line.written, line.end)), event.tail)
        return "".join(written).encode()

    def __repr__(self) -> str:
        """Say how much is here, never what."""
        return f"EventBody({len(self._event.raw)} bytes)"


_KEYED = 256  # bytes: lines of up to this length come again and are kept in mind


def _other_parts(lines: Sequence[Line]) -> tuple[Part, ...]:
    """Return the parts of the lines that are not data: values by their name, names of unknown fields as keys."""
    parts: list[Part] = []
    for number, line in enumerate(lines):
        if line.name == "data":
            continue
        if line.name and line.name not in _KNOWN:
            parts.append(Part(f"sse-name/{number}", line.name, Kind.KEY))
        name = line.name if line.name in _KNOWN else "comment" if not line.name else "other"
        if line.value:
            parts.append(Part(f"sse/{name}/{number}", line.value, name=line.name))
    return tuple(parts)


def _with_line(lines: list[Line], part: Part, text: str) -> list[Line]:
    """Return the lines with what one part says replaced."""
    if any(sign in text for sign in "\r\n\0"):
        raise ParseError("sse: a line cannot say this text")
    kind, _, number = part.path.rpartition("/")
    at = int(number)
    line = lines[at]
    if kind == "sse-name":
        if ":" in text or text in _KNOWN or not text:
            raise ParseError("sse: with it the line would be another field")
        line = Line(text, line.value, line.end, line.written.replace(line.name, text, 1))
    else:
        line = Line(line.name, text, line.end, f"{line.name}: {text}")
    return [*lines[:at], line, *lines[at + 1 :]]
