"""YAML as a text with the offsets of its leaves. Nothing is resolved or expanded: an alias says nothing by itself."""

import re
from collections.abc import Iterator

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.strict_yaml import Piece, YamlError, pieces
from dlp.wire.json_text import JSON_STRING, pointer, unescape
from dlp.wire.leaf import VERBATIM, Codec, Leaves, text_part
from dlp.wire.limits import MAX_DEPTH, Invalid, check_count

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)*")
_STRUCTURE = re.compile(r"[\s\-:,\[\]{}?]*(?:\.\.\.[\s]*)?(?:---\s*)?[\s\-:,\[\]{}?]*")


def read_yaml(text: str, prefix: str, into: Leaves) -> None:
    """Read every scalar and key into `into`, and whatever stands between them that says something: comments, tags.

    Raises:
        Invalid: it is not YAML, or nothing but a scalar, as any text is.
        ParseError: a mapping has one key twice, or it is too deep or large.

    """
    check_count(text, ":,\n", "yaml")
    reader = _Yaml(text, prefix, into)
    try:
        found = list(pieces(text))
    except YamlError:
        raise Invalid(f"yaml: {len(text)} code points that are not well-formed") from None
    documents = sum(piece.kind == "document" for piece in found)
    if not any(piece.kind in ("map", "list") for piece in found):
        raise Invalid("yaml: no mapping and no list")
    reader.read(iter(found), several=documents > 1)


class _Yaml:
    """The state of one pass over a YAML text."""

    def __init__(self, text: str, prefix: str, into: Leaves) -> None:
        self._text, self._prefix, self._into = text, prefix, into
        self._at = 0  # up to where the text is accounted for

    def read(self, found: Iterator[Piece], *, several: bool) -> None:
        number = 0
        for piece in found:
            if piece.kind == "document":
                base = f"{self._prefix}/{number}" if several else self._prefix
                number += 1
                self._node(next(found), found, base, "", 0)
        self._between(len(self._text))

    def _node(self, piece: Piece, found: Iterator[Piece], path: str, name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ParseError(f"yaml: nested more than {MAX_DEPTH} deep")
        if piece.kind == "scalar":
            self._scalar(piece, path, name)
        elif piece.kind == "list":
            for number, item in enumerate(iter(lambda: next(found), None)):
                if item.kind == "end":
                    return
                self._node(item, found, f"{path}/{number}", name, depth + 1)
        elif piece.kind == "map":
            self._map(found, path, depth)

    def _map(self, found: Iterator[Piece], path: str, depth: int) -> None:
        seen: set[str] = set()
        while (key := next(found)).kind != "end":
            inner, name = f"{path}/?", ""
            if key.kind == "scalar":
                name = key.text
                inner = f"{path}/{pointer(name)}"
                if name in seen:
                    raise ParseError("yaml: a mapping has one key twice")
                seen.add(name)
                self._scalar(key, inner, "", key=True)
            else:
                self._node(key, found, inner, "", depth + 1)
            self._node(next(found), found, inner, name, depth + 1)

    def _scalar(self, piece: Piece, path: str, name: str, *, key: bool = False) -> None:
        written = self._text[piece.start : piece.end]
        start = piece.start + _PROPERTIES.match(written).end()  # type: ignore[union-attr] # it matches nothing, too
        self._between(start)
        self._at = piece.end
        if start == piece.end:
            return  # nothing is written: null
        block = self._text[start] in "|>"
        codec = _CODECS[block]
        if key:
            part = Part(path, piece.text, Kind.KEY, name)
        elif piece.plain and _NUMBER.fullmatch(piece.text):
            part = Part(path, piece.text, Kind.NUMBER, name)
        else:
            part = text_part(path, piece.text, name)
        self._into.add(part, start, piece.end, codec)

    def _between(self, end: int) -> None:
        """Read what stands before `end` and is not structure: comments, tags, anchors, directives."""
        gap = self._text[self._at : end]
        if gap and not _STRUCTURE.fullmatch(gap):
            self._into.add(Part(f"{self._prefix}/#", gap, unstructured=True), self._at, end, VERBATIM)


def _written(text: str) -> str:
    return JSON_STRING.whole(text, False)  # noqa: FBT003 - the shape of a codec's function


def _codec(end: str) -> Codec:
    def decode(raw: str) -> str:
        raw = raw.removesuffix(end)
        return unescape(raw[1:-1]) if raw.startswith('"') else raw

    def whole(text: str, number: bool) -> str:  # noqa: FBT001 - the shape of a codec's function
        return (text if number and _PLAIN_NUMBER.fullmatch(text) else _written(text)) + end

    return Codec(encode=_written, decode=decode, whole=whole, pieces=None)


_CODECS = {False: _codec(""), True: _codec("\n")}
"""How a scalar is written anew: in double quotes, which any place takes; after a block a line has to end."""
