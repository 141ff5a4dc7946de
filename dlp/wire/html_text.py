"""HTML as a text with the offsets of its leaves. Nothing is malformed: what is no markup is text."""

import html
import re
from collections.abc import Iterator

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.leaf import FIXED, VERBATIM, Codec, Leaves
from dlp.wire.limits import AT_ONCE, check_count

# No alternative can run past the next "<" outside quotes, so a "<" that opens nothing costs little.
_START = re.compile(r"""<([A-Za-z][^\s/><]*+)((?:[^<>"']|"[^"]*+"|'[^']*+')*+)>""")
_END = re.compile(r"</([A-Za-z][^\s/><]*+)([^<>]*+)>")
_BOGUS = re.compile(r"<[!?/]([^<>]*+)>")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")
_NOTHING = re.compile(r"[\s/]*")
_DOCTYPE = re.compile(r"doctype\s+html\s*", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
# Inside these nothing is markup but their own end tag.
_RAW = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes"])
# What is written in these, and beside them, is one word to whoever reads the page.
_FORMATTING = frozenset(
    """abbr b bdi bdo big cite code del dfn em font i ins kbd mark nobr
    q s samp small strong tt u var wbr""".split()  # noqa: SIM905 - a list of words reads best as words
)
_EMPTY = re.compile(r"<!--\s{0,64}-->")  # a comment that says nothing, as programs set them between texts
_BESIDE = rb"[\w@.%+\x80-\xff-]"  # what else is a letter or a space has a high byte in UTF-8
_MAY_CUT = re.compile(
    rb"<!--[\s\x1c-\x1f\x80-\xff]{0,192}-->|%b<(?:[!?]|/[^A-Za-z]|"
    rb"/?(?:%b)(?:>(?=[\"'<]|%b)|[\s\x1c-\x1f\x80-\xff/][^<>]{0,200}+(?:[^>]|>(?=[\"'<]|%b))))"
    % (_BESIDE, b"|".join(name.encode() for name in _FORMATTING), _BESIDE, _BESIDE),
    re.IGNORECASE,
)
_LONGEST = 256  # bytes that this may match
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}


def read_html(text: str, prefix: str, into: Leaves) -> None:
    """Read texts, attributes, comments and scripts into `into`, and each tag and attribute name once as a key.

    Paths count tags of one name over the whole text (`/a[2]/@href`): HTML in the wild has no reliable tree. An empty
    comment cuts no text in two. A word that formatting cuts (`maria<b>@acme.example</b>`) is there a second time, as a
    whole, which can be read and not rewritten.

    Raises:
        ParseError: more parts than are read.

    """
    check_count(text, "<", "html")
    _Html(text, prefix, into).read()


def may_cut(data: bytes) -> bool:
    """Return whether in a page, here as UTF-8, an empty comment or formatting may cut a word: then it says more."""
    return any(_MAY_CUT.search(data, at, at + AT_ONCE + _LONGEST) for at in range(0, len(data), AT_ONCE))


class _Html:
    """The state of one pass over an HTML text."""

    def __init__(self, text: str, prefix: str, into: Leaves) -> None:
        self._text, self._prefix, self._into = text, prefix, into
        self._counts: dict[str, int] = {}
        self._named: set[str] = set()
        self._path, self._name = prefix, ""
        self._word: list[str] = []  # pieces of the word that the last text ended in, if nothing has ended it since
        self._goes_on = False

    def read(self) -> None:
        text = self._text
        begun = at = 0  # `begun`: where the run of text that we are in began
        while (opening := text.find("<", at)) >= 0:
            end = self._markup(opening, begun)
            if end is None:
                at = opening + 1
            else:
                begun = at = end
        self._said(begun, len(text))
        self._end_word()

    def _markup(self, at: int, begun: int) -> int | None:
        """Read the markup at `at` and the text before it, from `begun`; return where it ends, None if it is none."""
        text = self._text
        if text.startswith("<!--", at):
            if _EMPTY.match(text, at):
                return None
            self._said(begun, at)
            end = text.find("-->", at + 4)
            end = len(text) if end < 0 else end
            self._run(at + 4, end, VERBATIM, f"{self._path}/comment()")
            return end + 3
        match = _START.match(text, at)
        if match is not None:
            self._said(begun, at)
            self._goes_on &= match.group(1).lower() in _FORMATTING
            return self._open(match)
        match = _END.match(text, at) or _BOGUS.match(text, at)
        if match is None:
            return None
        self._said(begun, at)
        group = match.re.groups
        self._goes_on &= group == 1 or match.group(1).lower() in _FORMATTING
        if group == 1:
            if not _DOCTYPE.fullmatch(match.group(1)):
                self._run(*match.span(1), VERBATIM, f"{self._path}/comment()")
        else:
            self._key(f"{self._prefix}/{match.group(1)}", match.group(1), match.start(1))
            if not _NOTHING.fullmatch(match.group(2)):
                self._run(*match.span(2), VERBATIM, self._path)
        return match.end()

    def _said(self, start: int, end: int) -> None:
        """Read the text between two marks, and put together the word that goes on from the one before."""
        text = _text_decode(self._text[start:end])
        if not text:
            return
        self._run(start, end, HTML_TEXT, self._path)
        words = text.split()
        if not (self._goes_on and self._word and _in_word(self._word[-1][-1]) and _in_word(text[0])):
            self._end_word()
        else:
            self._word.append(words[0])
            if len(words) > 1 or text[-1].isspace():
                self._end_word()
                words = words[1:]
            else:
                words = []
        if words and not text[-1].isspace():
            self._word = [words[-1]]
        self._goes_on = bool(self._word)

    def _end_word(self) -> None:
        pieces, self._word = self._word, []
        while pieces and not any(map(str.isalnum, pieces[-1])):
            del pieces[-1]
        while pieces and not any(map(str.isalnum, pieces[0])):
            del pieces[0]
        if len(pieces) > 1:
            part = Part(self._path, "".join(pieces), Kind.TEXT, self._name, unstructured=True)
            self._into.add(part, 0, 0, FIXED)

    def _run(self, start: int, end: int, codec: Codec, path: str, *, name: str | None = None) -> None:
        raw = self._text[start:end]
        if raw and not raw.isspace():
            name = self._name if name is None else name
            part = Part(path, codec.decode(raw), Kind.TEXT, name, unstructured=True)
            self._into.add(part, start, end, codec)

    def _key(self, path: str, tag: str, start: int) -> None:
        if tag not in self._named:
            self._named.add(tag)
            self._into.add(Part(path, tag, Kind.KEY), start, start + len(tag), FIXED)

    def _open(self, match: re.Match[str]) -> int:
        tag = match.group(1)
        self._name = tag.lower()
        count = self._counts[self._name] = self._counts.get(self._name, 0) + 1
        self._path = f"{self._prefix}/{self._name[:200]}[{count}]"
        self._key(self._path, tag, match.start(1))
        self._attributes(*match.span(2))
        if self._name not in _RAW:
            return match.end()
        closing = _RAW_END[self._name].search(self._text, match.end())
        end = closing.start() if closing else len(self._text)
        self._run(match.end(), end, VERBATIM, self._path)
        return end

    def _attributes(self, start: int, end: int) -> None:
        text, at = self._text, start
        while at < end:
            if text[at].isspace() or text[at] == "/":
                at += 1
                continue
            match = _ATTRIBUTE.match(text, at, end)
            if match is None:  # Not what an attribute looks like: read what is left as it stands.
                self._run(at, end, VERBATIM, self._path)
                return
            name = match.group(1)
            path = f"{self._path}/@{name.lower()[:200]}"
            self._key(path, name, match.start(1))
            group = match.lastindex or 1
            if group > 1:
                codec = (_DOUBLE, _SINGLE, _UNQUOTED)[group - 2]
                self._run(*match.span(group), codec, path, name=name.lower())
            at = match.end()


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "@._%+-"


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _REFERENCE.finditer(raw):
        if match.start() > at:
            yield raw[at : match.start()], raw[at : match.start()]
        yield match.group(), html.unescape(match.group())
        at = match.end()
    if at < len(raw):
        yield raw[at:], raw[at:]


def _text_pieces(raw: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _EMPTY.finditer(raw):
        yield from _pieces(raw[at : match.start()])
        yield match.group(), ""
        at = match.end()
    yield from _pieces(raw[at:])


def _attribute_pieces(raw: str) -> Iterator[tuple[str, str]]:
    """Cut up an attribute: there `&copy=1` is no reference, as URLs are written so (HTML, character references)."""
    for written, says in _pieces(raw):
        if written[0] == "&" and written[-1] != ";" and written[1:2] != "#":
            yield written, written
        else:
            yield written, says


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _escape_unencodable(char: str) -> str:
    return f"&#x{ord(char):x};"


def _text_decode(raw: str) -> str:
    if "<!--" in raw:
        return "".join(says for _, says in _text_pieces(raw))
    return html.unescape(raw) if "&" in raw else raw


def _attribute_decode(raw: str) -> str:
    return "".join(says for _, says in _attribute_pieces(raw)) if "&" in raw else raw


def _attribute_codec(forbidden: str) -> Codec:
    def encode(text: str) -> str:
        if any(char in text for char in forbidden):
            raise ParseError("edit: an attribute without quotes cannot hold a space")
        return _escape(text).replace("`", "&#96;").replace("=", "&#61;") if forbidden else _escape(text)

    return Codec(
        encode=encode,
        decode=_attribute_decode,
        whole=lambda text, _number: encode(text),
        pieces=_attribute_pieces,
        escape=_escape_unencodable,
    )


HTML_TEXT = Codec(
    encode=_escape,
    decode=_text_decode,
    whole=lambda text, _number: _escape(text),
    pieces=_text_pieces,
    escape=_escape_unencodable,
)
_DOUBLE = _SINGLE = _attribute_codec("")
_UNQUOTED = _attribute_codec(" \t\n\f\r")
