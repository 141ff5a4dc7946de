"""A body as parts and a way to write them back: over one text, or opaque."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.charset import Decoding, write_text
from dlp.wire.leaf import MIRROR, Leaves, edited_text, rewrite

_BIT = 500

type Edits = Mapping[int, Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Document:
    """Parts, and what writes the whole with edits (by index of the part) made: ParseError where that cannot be."""

    parts: tuple[Part, ...] = field(repr=False)
    write: Callable[[Edits], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read as some format. `markup` reads blank texts as nothing; `json` says it needs no second look.

    `fixed` says that its parts stand in one another, so that it cannot be rewritten.
    """

    leaves: Leaves = field(repr=False)
    json: bool = False
    markup: bool = False
    fixed: bool = False


def opaque_document(path: str, length: int, why: str) -> Document:
    """Return a document that nobody could read."""

    def write(_edits: Edits) -> bytes:
        raise ParseError(f"body of {length} bytes: cannot be rewritten, as it could not be read")

    return Document((Part(path, "", Kind.OPAQUE, length=length, why=why),), write)


def text_document(
    data: bytes, decoding: Decoding, read: Callable[[str], Reading], decode: Callable[[bytes], Decoding]
) -> Document:
    """Return the document that `data`, decoded already, holds; `read` chooses the format and reads it.

    `decode` is what made `decoding` of `data`: what is written must be decoded likewise.
    """
    reading = read(decoding.text)
    parts, places = tuple(reading.leaves.parts), reading.leaves.places

    def write(edits: Edits) -> bytes:
        if reading.fixed:
            raise ParseError("edit: the body is of one format and labelled as another; label it as what it is")
        if decoding.charset != "utf-8" and write_text(decoding.text, decoding) != data:
            raise ParseError(f"body of {len(data)} bytes: {decoding.charset} has two ways to write it")
        here = {index: mine for index, mine in edits.items() if places[index][2] is not MIRROR}
        text = rewrite(decoding.text, parts, places, here, charset=decoding.charset)
        # A value of JSON cannot change what is around it; a key can (by being there already), and so can any text of
        # the other formats (by looking like another format).
        if not reading.json or any(parts[index].kind is Kind.KEY for index in edits):
            _check(parts, edits, read(text), markup=reading.markup)
        written = write_text(text, decoding)
        if not reading.json and decode(written).text != text:
            raise ParseError("edit: with it the body would be read in another charset")
        return written

    return Document(parts, write)


def _check(parts: Sequence[Part], edits: Edits, again: Reading, *, markup: bool) -> None:
    """Raise ParseError unless the text written reads as the edited parts."""
    expected = [edited_text(part, edits[i]) if i in edits else part.text for i, part in enumerate(parts)]
    found = [part.text for part in again.leaves.parts]
    while again.leaves.parts:  # bit by bit: a hundred thousand that are freed at once hold everybody up
        del again.leaves.parts[-_BIT:]
    if markup:
        expected = [text for text in expected if text and not text.isspace()]
        found = [text for text in found if text and not text.isspace()]
    if found != expected:
        raise ParseError("edit: with it the body would read as something else")
