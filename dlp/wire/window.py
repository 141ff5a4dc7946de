"""A body too large to be read whole, read window by window: as text where it is text, else as what cannot be read.

Text is shown twice where its format may write a value otherwise than it reads (escapes of JSON, references of XML).
A window is never rewritten. What straddles two of them is seen by whoever joins the ends of texts (`engine.streams`).
"""

import codecs
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Kind, Part
from dlp.wire.leaf import by_part

SIZE = 512 * 1024
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_IS_TEXT = re.compile(r"text/|json|xml|csv|yaml|charset", re.IGNORECASE)
_MOST_CUT = 4  # bytes of one character in UTF-8
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(slots=True)
class Window:
    """A stretch of a body."""

    raw: bytes = field(repr=False)
    blocks: tuple[Block, ...] = field(repr=False)

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return it as it came.

        Raises:
            ParseError: there are edits.

        """
        if by_part(edits):
            raise ParseError("body: too large to be rewritten; only one that is read whole can be")
        return self.raw


class Reader:
    """The windows of one body."""

    def __init__(self, *, text: bool = True) -> None:
        """Take whether it may be text at all: what is compressed is not."""
        self._text = text
        self._pieces: list[bytes] = []
        self._size = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data: bytes) -> list[Window]:
        """Return the windows that are full with these bytes."""
        self._pieces.append(data)
        self._size += len(data)
        return self._cut() if self._size >= SIZE else []

    def finish(self) -> list[Window]:
        """Return what is left."""
        return self._cut(end=True)

    def _cut(self, *, end: bool = False) -> list[Window]:
        raw = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        if not raw:
            return []
        blocks = None
        if self._text:
            try:
                simple = raw.isascii() and not self._decoder.getstate()[0]
                blocks = _text_blocks(raw.decode() if simple else self._decoder.decode(raw, final=end), raw)
            except UnicodeDecodeError:
                self._decoder.reset()
                self._text = False  # for good: what is text from here on may be part of what is not
        if blocks is None:
            part = Part("", "", Kind.OPAQUE, length=len(raw), why="a body too large to be read whole, and no text")
            blocks = (Block(lambda: (part,), raw=raw[:64]),)
        return [Window(raw, blocks)]


def edge_blocks(data: bytes, content_type: str) -> tuple[Block, ...]:
    """Return what stands at the end of a piece of a body and beside it, where that is text: none where it is not.

    A piece may begin and end within a character.
    """
    for cut in range(_MOST_CUT):
        for short in range(_MOST_CUT):
            try:
                said = data[cut : len(data) - short].decode()
            except UnicodeDecodeError:
                continue
            return _text_blocks(said, said.encode()) or ()
    return (_text_blocks(data.decode("latin-1"), b"") or ()) if _IS_TEXT.search(content_type) else ()


def _text_blocks(text: str, raw: bytes) -> tuple[Block, ...] | None:
    """Return what a window says, None where it is no text; `raw` is it as it came."""
    if "\0" in text:
        return None
    said = [text]
    if "\\" in text:
        said.append(_ESCAPE.sub(_unescaped, text))
    if "&" in text:
        said.append(html.unescape(text))
    surfaces = (
        raw if text.isascii() and len(text) == len(raw) else text.encode(),
        *(_encoded(each) for each in said[1:]),
    )
    return tuple(_block(number, each, surfaces[number]) for number, each in enumerate(said))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _block(number: int, text: str, surface: bytes) -> Block:
    path = f"/{number}" if number else ""
    return Block(lambda: (Part(path, text, unstructured=True, ambiguous=True),), surface=surface, raw=surface[:64])


def _unescaped(match: re.Match[str]) -> str:
    code, short = match.groups()
    return chr(int(code, 16)) if code else _SHORT.get(short, short)
