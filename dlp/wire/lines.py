"""A stream of JSON lines (NDJSON, JSON Lines): each line a message of its own, in any chunking."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dlp.core.edit import Edit
from dlp.core.message import Block
from dlp.wire.body import Body, read_body
from dlp.wire.limits import TooLarge

MEDIA_TYPES = frozenset(
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-lines",
        "application/stream+json",
    ]
)


@dataclass(slots=True)
class Line:
    """One line with what ends it."""

    raw: bytes = field(repr=False)
    end: bytes
    body: Body = field(repr=False)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What it says."""
        return (self.body.block,)

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return it with `edits` made; raises ParseError where they do not fit."""
        return self.body.write(edits) + self.end


class Reader:
    """The lines of one stream."""

    def __init__(self, *, limit: int) -> None:
        """Take the most bytes of one line."""
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that are complete with these bytes; raises TooLarge for one that is too long."""
        self._buffer += data
        lines: list[Line] = []
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            lines.append(self._line(end + 1))
        self._searched = len(self._buffer)
        if self._searched > self._limit:
            raise TooLarge(f"line: more than {self._limit} bytes")
        return lines

    def finish(self) -> list[Line]:
        """Return what is left: a line that nothing ended."""
        return [self._line(len(self._buffer))] if self._buffer else []

    def _line(self, stop: int) -> Line:
        raw = bytes(self._buffer[:stop])
        del self._buffer[:stop]
        self._searched = 0
        text = raw.rstrip(b"\r\n")
        return Line(raw, raw[len(text) :], read_body(text, "application/json", "", limit=self._limit))
