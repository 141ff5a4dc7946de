"""Multipart bodies (RFC 7578, RFC 2046): every header, and every part's content by its own type."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.document import Document, Edits
from dlp.wire.json_text import pointer
from dlp.wire.leaf import VERBATIM, Codec, Place, edited_text, rewrite
from dlp.wire.limits import MAX_PARTS, MAX_PATHS
from dlp.wire.percent import PERCENT

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)(\r?\n|\Z)")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")
_ESCAPED = re.compile("%22|%0[dDaA]")
_PLAIN_ENCODINGS = frozenset(["", "7bit", "8bit", "binary"])
_MAX_SECTIONS = 20_000

type ReadContent = Callable[[bytes, str, str], Document]
"""Reads a section's content: bytes, content type, path."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the body with parts in it, counted from `first`."""

    start: int
    end: int
    first: int
    document: Document


def read_multipart(data: bytes, boundary: str, prefix: str, read_content: ReadContent) -> Document:
    """Return a multipart body's names, file names, other headers and contents.

    Paths are `/fieldname` (by number where there is no name), `/fieldname/@filename`, `/fieldname/@content-type`;
    what is inside a section goes on from `/fieldname`.

    Raises:
        ParseError: the boundary is missing or nothing is found by it, a section has no headers, or there are too many.

    """
    if not _BOUNDARY.fullmatch(boundary):
        raise ParseError("multipart: no usable boundary in the content type")
    pieces = _pieces(data, boundary.encode(), prefix, read_content)
    parts: list[Part] = []
    placed: list[_Piece] = []
    spent = 0
    for start, end, document in pieces:
        placed.append(_Piece(start, end, len(parts), document))
        parts += document.parts
        spent += sum(len(part.path) for part in document.parts)
        if len(parts) > MAX_PARTS or spent > MAX_PATHS:
            raise ParseError(f"multipart: more than {MAX_PARTS} parts, or paths too long to keep")

    def write(edits: Edits) -> bytes:
        out: list[bytes] = []
        done = 0
        for piece in placed:
            count = len(piece.document.parts)
            mine = {i - piece.first: edits[i] for i in edits if piece.first <= i < piece.first + count}
            if mine:
                out += (data[done : piece.start], piece.document.write(mine))
                done = piece.end
        out.append(data[done:])
        written = b"".join(out)
        again = [p.text for _, _, d in _pieces(written, boundary.encode(), prefix, read_content) for p in d.parts]
        if again != [edited_text(part, edits[i]) if i in edits else part.text for i, part in enumerate(parts)]:
            raise ParseError("edit: with it the multipart body would read as something else")
        return written

    return Document(tuple(parts), write)


def _pieces(
    data: bytes, boundary: bytes, prefix: str, read_content: ReadContent
) -> Iterator[tuple[int, int, Document]]:
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    begun: int | None = None
    at = number = 0
    # A delimiter's line end may be the one the next delimiter begins with, so each search starts a line end early.
    while match := delimiter.search(data, at):
        if begun is None:
            yield from _outside(data, 0, match.start(), prefix)
        else:
            if number >= _MAX_SECTIONS:
                raise ParseError(f"multipart: more than {_MAX_SECTIONS} sections")
            yield from _section(data, begun, max(begun, match.start()), f"{prefix}/", number, read_content)
            number += 1
        begun = match.end()
        if match.group(1):
            yield from _outside(data, begun, len(data), prefix)
            return
        at = begun - 1 if data[begun - 1 : begun] == b"\n" else begun
        if data[at - 1 : begun] == b"\r\n":
            at -= 1
        at = max(at, match.start() + 1)
    raise ParseError(f"multipart of {len(data)} bytes: the last boundary is missing")


def _outside(data: bytes, start: int, end: int, prefix: str) -> Iterator[tuple[int, int, Document]]:
    """Give what stands before the first or after the last boundary, which receivers skip."""
    if data[start:end].strip():
        text = _utf8(data[start:end])
        yield start, end, _text(text, [Part(prefix, text, unstructured=True)], [(0, len(text), VERBATIM)])


def _section(
    data: bytes, start: int, end: int, prefix: str, number: int, read_content: ReadContent
) -> Iterator[tuple[int, int, Document]]:
    blank = _BLANK_LINE.search(data, max(0, start - 2), end)
    if data[start:end].startswith((b"\r\n", b"\n")):  # no headers at all
        head_end = start
        body = start + (2 if data[start : start + 1] == b"\r" else 1)
    elif blank is None:
        raise ParseError(f"multipart: a section at byte {start} without an empty line after its headers")
    else:
        head_end, body = blank.start(), blank.end()
    head = _utf8(data[start:head_end])
    headers = list(_headers(head))
    values = {name: head[first:last] for name, (_, first, last) in headers}
    parameters = list(_parameters(head, headers))
    names = [name for name, _, _ in parameters]
    if len(values) != len(headers) or len(set(names)) != len(names):
        raise ParseError(f"multipart: a section at byte {start} with one header or parameter twice")
    if not _KNOWN_PARAMETERS.issuperset(names):
        raise ParseError(f"multipart: a section at byte {start} with a parameter that is not known")
    named = [says for name, says, _ in parameters if name == "name"]
    path = prefix + (pointer(named[0]) if named else str(number))
    parts, places = _head_parts(head, headers, parameters, path)
    yield start, head_end, _text(head, parts, places)
    encoding = values.get("content-transfer-encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise ParseError(f"multipart: a section at byte {body} with a content-transfer-encoding, which is not read")
    content = read_content(data[body:end], values.get("content-type", ""), path)
    if named:
        content = replace(content, parts=tuple(_under(part, named[0]) for part in content.parts))
    if "content-length" in values:
        content = replace(content, write=_refuse)
    yield body, end, content


def _refuse(_edits: Edits) -> bytes:
    raise ParseError("edit: the section states its own length, which would be wrong")


def _head_parts(
    head: str,
    headers: list[tuple[str, tuple[int, int, int]]],
    parameters: list[tuple[str, str, Place]],
    path: str,
) -> tuple[list[Part], list[Place]]:
    """Return the parts of a section's headers: all of their text that could say anything."""
    parts: list[Part] = []
    places: list[Place] = []
    for name, says, place in parameters:
        parts.append(Part(path, says, Kind.KEY) if name == "name" else Part(f"{path}/@{name}", says, Kind.TEXT, name))
        places.append(place)
    for name, (line, first, last) in headers:
        # Of a Content-Disposition only its kind is left: its parameters are known ones, read above.
        says = head[first:last].partition(";")[0] if name == "content-disposition" else head[first:last]
        parts.append(Part(f"{path}/@{name}", says, Kind.TEXT, name))
        places.append((first, first + len(says), _HEADER_VALUE))
        if name not in _KNOWN_HEADERS:
            parts.append(Part(f"{path}/@{name}", head[line : line + len(name)], Kind.KEY))
            places.append((line, line + len(name), _HEADER_VALUE))
    return parts, places


def _under(part: Part, name: str) -> Part:
    return part if part.name or part.kind is Kind.KEY else replace(part, name=name)


_KNOWN_PARAMETERS = frozenset(
    ["name", "name*", "filename", "filename*", "size", "creation-date", "modification-date", "read-date"]
)
_KNOWN_HEADERS = frozenset(["content-disposition", "content-type", "content-length", "content-transfer-encoding"])


def _headers(head: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Give each header's lower-case name, where its line begins and where its value stands."""
    at = 0
    while at < len(head):
        match = _HEADER.match(head, at)
        if match is None:
            raise ParseError("multipart: a section's header that cannot be read")
        yield match.group(1).lower(), (match.start(), *match.span(2))
        at = match.end()


def _parameters(head: str, headers: list[tuple[str, tuple[int, int, int]]]) -> Iterator[tuple[str, str, Place]]:
    """Give the parameters of the Content-Disposition: name, what it says, where it stands."""
    for header, (_, first, last) in headers:
        if header != "content-disposition":
            continue
        at = head.find(";", first, last)
        while 0 <= at < last:
            match = _PARAMETER.match(head, at, last)
            if match is None:
                raise ParseError("multipart: a content-disposition that cannot be read")
            name = match.group(1).lower()
            group = 2 if match.group(2) is not None else 3
            codec = PERCENT if name.endswith("*") else (_QUOTED if group == 2 else _HEADER_VALUE)  # noqa: PLR2004
            start, end = match.span(group)
            yield name, codec.decode(head[start:end]), (start, end, codec)
            at = match.end()
            while at < last and head[at] in " \t":
                at += 1
            if at < last and head[at] != ";":
                raise ParseError("multipart: a content-disposition that cannot be read")


def _text(text: str, parts: list[Part], places: list[Place]) -> Document:
    return Document(tuple(parts), lambda edits: rewrite(text, parts, places, edits).encode())


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ParseError(f"multipart: headers of {len(data)} bytes that are not UTF-8") from None


def _quoted_pieces(raw: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _ESCAPED.finditer(raw):
        if match.start() > at:
            yield raw[at : match.start()], raw[at : match.start()]
        yield match.group(), chr(int(match.group()[1:], 16))
        at = match.end()
    if at < len(raw):
        yield raw[at:], raw[at:]


def _quote(text: str) -> str:
    # As browsers do (WHATWG HTML, multipart/form-data encoding algorithm); a backslash could be read two ways.
    if "\\" in text or "\0" in text:
        raise ParseError("edit: a name in a multipart header cannot hold a backslash or NUL")
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    if any(char in text for char in '\r\n\0;"'):
        raise ParseError("edit: a line end or quote in a multipart header")
    return text


_QUOTED = Codec(
    encode=_quote,
    decode=lambda raw: "".join(says for _, says in _quoted_pieces(raw)),
    whole=lambda text, _number: _quote(text),
    pieces=_quoted_pieces,
)
_HEADER_VALUE = Codec(
    encode=_one_line, decode=str, whole=lambda text, _number: _one_line(text), pieces=lambda raw: ((raw, raw),)
)
