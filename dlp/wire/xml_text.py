"""XML 1.0 without a document type, as a text with the offsets of its leaves. No entity is ever expanded."""

import re
from collections.abc import Callable, Iterator

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.leaf import FIXED, VERBATIM, Codec, Leaves
from dlp.wire.limits import AT_ONCE, MAX_DEPTH, Invalid, check_count

_NAME = r"[A-Za-z_:\u0080-\U0010ffff][-A-Za-z0-9_.:\u0080-\U0010ffff]*+"
_WS = r"[ \t\r\n]"
_START = re.compile(rf"""<({_NAME})((?:{_WS}++{_NAME}{_WS}*+={_WS}*+(?:"[^"<]*+"|'[^'<]*+'))*+){_WS}*+(/?)>""")
_ATTRIBUTE = re.compile(rf"""({_NAME}){_WS}*+={_WS}*+["']""")
_END = re.compile(rf"</({_NAME}){_WS}*+>")
_DECLARATION = re.compile(
    rf"""<\?xml{_WS}+version=["']1\.[0-9]["'](?:{_WS}+encoding=["']([A-Za-z0-9._-]+)["'])?"""
    rf"""(?:{_WS}+standalone=["'](?:yes|no)["'])?{_WS}*\?>"""
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_TO_ESCAPE = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_TO_ESCAPE_IN_ATTRIBUTE = _TO_ESCAPE | {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\t": "&#9;"}
_SPACE = " \t\r\n"


def declared_charset(text: str) -> str:
    """Return the charset that an XML declaration at the start names, or ""."""
    match = _DECLARATION.match(text)
    return match.group(1) or "" if match else ""


def read_xml(text: str, prefix: str, into: Leaves) -> None:
    """Read texts, attributes, comments and CDATA of an XML text into `into`, and each name once as a key.

    Raises:
        Invalid: it is not well-formed.
        ParseError: it has a document type, or is too deep or large, or a text is cut in two by a comment or CDATA, so
            that a value could stand across the cut.

    """
    check_count(text, "<", "xml")  # first: to look through what is too large takes ten times as long
    for at in range(0, len(text), AT_ONCE):
        if match := _FORBIDDEN.search(text, at, at + AT_ONCE):
            raise Invalid(f"xml: a forbidden code point at {match.start()}")
    _Xml(text, prefix, into).read()


class _Xml:
    """The state of one pass over an XML text."""

    def __init__(self, text: str, prefix: str, into: Leaves) -> None:
        self._text, self._into = text, into
        # (tag, path, name of the element without its namespace, how many children of each tag so far)
        self._stack: list[tuple[str, str, str, dict[str, int]]] = [("", prefix, "", {})]
        self._named: set[str] = set()
        self._joins = False  # whether a text ended, not in a space, with no tag since

    def read(self) -> None:
        text, at = self._text, 0
        if match := _DECLARATION.match(text):
            at = match.end()
        while at < len(text):
            opening = text.find("<", at)
            if opening != at:
                end = len(text) if opening < 0 else opening
                self._run(at, end, XML_TEXT)
                at = end
            elif text.startswith("</", at):
                at = self._close(at)
            elif text.startswith("<!--", at):
                at = self._enclosed(at, "<!--", "-->", "/comment()")
            elif text.startswith("<![CDATA[", at):
                at = self._enclosed(at, "<![CDATA[", "]]>", "")
            elif text.startswith("<?", at):
                at = self._enclosed(at, "<?", "?>", "/processing-instruction()")
            elif text.startswith("<!", at):
                raise ParseError(f"xml: a document type at {at}; those are not read")
            else:
                at = self._open(at)
        if len(self._stack) > 1 or not self._stack[0][3]:
            raise Invalid("xml: an element is not closed, or there is none")

    def _add(self, path: str, says: str, start: int, end: int, codec: Codec, *, name: str) -> None:
        # The fields of a source are paths of JSON, which say nothing of where they would be in XML, but for its names.
        unstructured = "/@xmlns" not in path
        self._into.add(Part(path, says, Kind.TEXT, name, unstructured=unstructured), start, end, codec)

    def _key(self, path: str, tag: str, start: int) -> None:
        if tag not in self._named:
            self._named.add(tag)
            self._into.add(Part(path, tag, Kind.KEY), start, start + len(tag), FIXED)

    def _run(self, start: int, end: int, codec: Codec) -> None:
        raw = self._text[start:end]
        blank = not raw.strip(_SPACE)
        _, path, name, _ = self._stack[-1]
        if len(self._stack) == 1:
            if codec is not XML_TEXT or not blank:
                raise Invalid(f"xml: text outside the root element at {start}")
            return
        if codec is XML_TEXT and "]]>" in raw:
            raise Invalid(f"xml: ]]> in the text at {start}")
        if raw:
            if self._joins and raw[0] not in _SPACE:
                raise ParseError(f"xml: a text is cut in two at {start}")
            self._joins = raw[-1] not in _SPACE
        if not blank:
            self._add(path, codec.decode(raw), start, end, codec, name=name)

    def _enclosed(self, at: int, opening: str, closing: str, step: str) -> int:
        text, start = self._text, at + len(opening)
        end = text.find(closing, start)
        if end < 0 or (opening == "<!--" and ("--" in text[start:end] or text[end - 1 : end] == "-")):
            raise Invalid(f"xml: {opening} at {at} does not end as it should")
        if opening == "<![CDATA[":
            self._run(start, end, _CDATA)
        elif text[start:end].strip(_SPACE):
            if opening == "<?" and text[start : start + 3].lower() == "xml" and text[start + 3 : start + 4] != "-":
                raise Invalid(f"xml: a declaration at {at} that is none")
            self._add(self._stack[-1][1] + step, text[start:end], start, end, VERBATIM, name="")
        return end + len(closing)

    def _open(self, at: int) -> int:
        match = _START.match(self._text, at)
        if match is None:
            raise Invalid(f"xml: not well-formed at {at}")
        tag, attributes, alone = match.groups()
        _, base, _, counts = self._stack[-1]
        counts[tag] = counts.get(tag, 0) + 1
        if len(self._stack) == 1:
            if len(counts) > 1 or counts[tag] > 1:
                raise Invalid(f"xml: a second root element at {at}")
            path = f"{base}/{tag}"
        else:
            path = f"{base}/{tag}[{counts[tag]}]"
        self._joins = False
        self._key(path, tag, at + 1)
        if attributes:
            self._attributes(path, *match.span(2))
        if not alone:
            if len(self._stack) > MAX_DEPTH:
                raise ParseError(f"xml: nested more than {MAX_DEPTH} deep")
            self._stack.append((tag, path, tag.rpartition(":")[2], {}))
        return match.end()

    def _attributes(self, path: str, at: int, end: int) -> None:
        seen: set[str] = set()
        while match := _ATTRIBUTE.search(self._text, at, end):
            name = match.group(1)
            if name in seen:
                raise Invalid(f"xml: one attribute twice at {match.start()}")
            seen.add(name)
            start = match.end()
            stop = self._text.index(self._text[start - 1], start)
            self._key(f"{path}/@{name}", name, match.start(1))
            says = XML_ATTRIBUTE.decode(self._text[start:stop])
            self._add(f"{path}/@{name}", says, start, stop, XML_ATTRIBUTE, name=name.rpartition(":")[2])
            at = stop + 1

    def _close(self, at: int) -> int:
        match = _END.match(self._text, at)
        if match is None or match.group(1) != self._stack[-1][0]:
            raise Invalid(f"xml: an end tag at {at} that closes nothing")
        self._stack.pop()
        self._joins = False
        return match.end()


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (found := raw.find("&", at)) >= 0:
        if found > at:
            yield raw[at:found], raw[at:found]
        match = _REFERENCE.match(raw, found)
        if match is None:
            raise Invalid("xml: an entity that is not declared")
        hexadecimal, decimal, named = match.groups()
        if named:
            says = _NAMED[named]
        else:
            number = int(hexadecimal, 16) if hexadecimal else int(decimal)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF or _FORBIDDEN.search(chr(number)):  # noqa: PLR2004
                raise Invalid("xml: a reference to a forbidden code point")
            says = chr(number)
        yield match.group(), says
        at = match.end()
    if at < len(raw):
        yield raw[at:], raw[at:]


def _decode(raw: str) -> str:
    return "".join(says for _, says in _pieces(raw)) if "&" in raw else raw


def _codec(escapes: dict[str, str]) -> Codec:
    table = str.maketrans(escapes)

    def encode(text: str) -> str:
        if _FORBIDDEN.search(text):
            raise ParseError("edit: a code point that XML cannot say")
        return text.translate(table)

    whole: Callable[[str, bool], str] = lambda text, _number: encode(text)  # noqa: E731 - three lines would say no more
    return Codec(encode=encode, decode=_decode, whole=whole, pieces=_pieces, escape=lambda char: f"&#x{ord(char):x};")


XML_TEXT = _codec(_TO_ESCAPE)
XML_ATTRIBUTE = _codec(_TO_ESCAPE_IN_ATTRIBUTE)
# Its own object, to be told apart. What stands in it is verbatim; a text that would end it is found on reading back.
_CDATA = Codec(encode=VERBATIM.encode, decode=VERBATIM.decode, whole=VERBATIM.whole, pieces=VERBATIM.pieces)
