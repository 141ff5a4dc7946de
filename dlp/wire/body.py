"""Bodies: which format they are in, what they say, and how they are written back."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Part
from dlp.wire import coding
from dlp.wire.charset import Decoding, known_charset, read_text
from dlp.wire.container import IMAGES, Packs, may_hold, refuse_edits, sniff
from dlp.wire.csv_text import read_csv
from dlp.wire.document import Document, Reading, opaque_document, text_document
from dlp.wire.folded_text import read_folded
from dlp.wire.form_text import read_form
from dlp.wire.graphql_text import Aliases, add_query, read_graphql, renamed
from dlp.wire.html_text import may_cut, read_html
from dlp.wire.images import read_image
from dlp.wire.json_text import read_json
from dlp.wire.leaf import Leaves, Reader, by_part
from dlp.wire.limits import MAX_NESTING, Invalid, TooLarge, holds
from dlp.wire.media import MediaType, read_media_type
from dlp.wire.multipart import read_multipart
from dlp.wire.ndjson_text import read_ndjson
from dlp.wire.plain_text import read_plain
from dlp.wire.protobuf import read_protobuf
from dlp.wire.xml_text import declared_charset, read_xml
from dlp.wire.yaml_text import read_yaml

_JSON = frozenset(["application/json", "text/json", "application/x-json", "text/x-json"])
_NDJSON = frozenset(
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-lines",
    ]
)
_CSV = frozenset(["text/csv", "application/csv", "text/tab-separated-values"])
_XML = frozenset(["application/xml", "text/xml"])
_HTML = frozenset(["text/html", "application/xhtml+xml"])
_YAML = frozenset(
    ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml", "application/vnd.yaml"]
)
_FOLDING = frozenset(
    [
        "text/calendar",
        "text/vcard",
        "text/x-vcard",
        "text/directory",
        "text/x-vcalendar",
        "text/ldif",
        "application/ldif",
    ]
)
_FOLDING_START = "BEGIN:V"
_GRAPHQL = "application/graphql"
_ESCAPING = _JSON | _NDJSON | {_GRAPHQL}
_FORM = "application/x-www-form-urlencoded"
_ANY = frozenset(["", "application/octet-stream", "binary/octet-stream", "application/unknown"])
_PROTOBUF = frozenset(
    [
        "application/x-protobuf",
        "application/protobuf",
        "application/vnd.google.protobuf",
        "application/x-google-protobuf",
    ]
)
_SPACE = " \t\r\n"
_QUICK, _QUICK_PARSED = 64 * 1024, 4 * 1024  # bytes; a byte of gzip is a thousand at most, of others far more
_IS_PARSED = re.compile("proto|multipart|grpc", re.IGNORECASE)
"""Types that are read at once, not when somebody asks for their parts."""
_HTML_START = re.compile(r"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_HIDING = re.compile(r"\\(?:[ux][0-9a-fA-F]{2}|u\{)")
_XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,60}encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_FORM_SIGNS = re.compile("[&=%+;]")
_NOT_UTF8 = ("utf-16", "utf-32")


class Body:
    """A body without its content coding. Its parts are made when `block.parts` is asked for."""

    __slots__ = ("_codings", "_document", "_raw", "block", "length_decoded")

    def __init__(
        self, raw: bytes, codings: tuple[str, ...], length: int, document: "_Lazy", surface: bytes | None
    ) -> None:
        self._raw, self._codings, self._document = raw, codings, document
        self.length_decoded = length
        self.block = Block(
            document.parts, surface=surface, raw=raw, far=document.packs.unpacking, take=document.take, size=length
        )

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return the body as it came with `edits` made; `Edit.part` counts this body's parts from 0.

        Without edits these are the bytes that came. With edits it is coded again in the same content codings, and only
        what was edited differs once they are taken off.

        Raises:
            ParseError: the body is opaque, an edit does not fit it, or its format cannot say what an edit writes.

        """
        sorted_out = by_part(edits)
        if not sorted_out:
            return self._raw
        document = self._document.get()
        if not all(0 <= part < len(document.parts) for part in sorted_out):
            raise ParseError(f"edit: of a part that is not there; the body has {len(document.parts)}")
        return coding.encode(document.write(sorted_out), self._codings)

    def __repr__(self) -> str:
        """Say how much is here, never what."""
        return f"Body({len(self._raw)} bytes, {self.length_decoded} decoded)"


class _Lazy:
    """A document that is made when it is asked for. `packs` are the containers in it, which are unpacked elsewhere."""

    __slots__ = ("_data", "_decoding", "_document", "_media", "_prefix", "packs")

    def __init__(self, data: bytes, media: MediaType, decoding: Decoding | None, prefix: str) -> None:
        self._data, self._media, self._decoding, self._prefix = data, media, decoding, prefix
        self._document: Document | None = None
        self.packs = Packs()
        if decoding is None and (sniff(data) or may_hold(data)):
            self.get()  # whether there is something to unpack has to be known before anybody asks for parts

    def get(self) -> Document:
        if self._document is None:
            self._document = _document(self._data, self._media, self._decoding, self._prefix, 0, self.packs)
        return self._document

    def parts(self) -> tuple[Part, ...]:
        return self.get().parts

    def take(self, unpacked: Sequence[Sequence[Part]]) -> None:
        self.packs.take(unpacked)
        self._document = None


class _Known(_Lazy):
    """A document that is there already."""

    __slots__ = ()

    def __init__(self, document: Document) -> None:
        super().__init__(b"", MediaType("", {}), None, "")
        self._document = document


def read_body(
    raw: bytes,
    content_type: str,
    content_encoding: str,
    *,
    limit: int,
    prefix: str = "",
    aliases: Aliases | None = None,
) -> Body:
    """Return the body that `raw` is, its content codings taken off; `prefix` begins every part's path.

    `aliases` are those of the GraphQL request that a JSON body answers: its parts stand under the fields' real names.

    What cannot be decoded or parsed is one opaque part that says why. A text's surface is given without parsing, so
    that a text in which nothing is found is never parsed; it then holds all there is, even where the format is broken.

    Raises:
        TooLarge: it is more than `limit` bytes, as it came or at any stage of decoding.

    """
    try:
        decoded = coding.decode(raw, content_encoding, limit=limit)
    except TooLarge:
        raise
    except ParseError as error:
        return Body(raw, (), len(raw), _Known(opaque_document(prefix, len(raw), str(error))), None)
    data = decoded.data
    if not data:
        return Body(raw, decoded.codings, 0, _Known(Document((), _no_parts)), b"")
    try:
        media = read_media_type(content_type)
        decoding = None if _is_binary(data, media) else _decode(data, media)
    except ParseError as error:
        document = opaque_document(prefix, len(data), str(error))
        return Body(raw, decoded.codings, len(data), _Known(document), None)
    surface = data if decoding is not None and _verbatim(data, media, decoding) else None
    if aliases and decoding is not None:
        document = _document(data, media, decoding, prefix, 0, None, aliases)
        return Body(raw, decoded.codings, len(data), _Known(document), surface)
    return Body(raw, decoded.codings, len(data), _Lazy(data, media, decoding, prefix), surface)


def is_quick(length: int, content_type: str, content_encoding: str) -> bool:
    """Return whether `read_body` takes a moment for so many bytes: they are few, and cannot become many."""
    coding = content_encoding.strip().lower()
    if coding in ("", "identity") and not _IS_PARSED.search(content_type):
        return length <= _QUICK
    return length <= _QUICK_PARSED and coding in ("", "identity", "gzip", "x-gzip", "deflate")


def _no_parts(_edits: object) -> bytes:
    raise ParseError("edit: of a part that is not there; the body is empty")


def _is_binary(data: bytes, media: MediaType) -> bool:
    """Say whether a body is read as bytes: what is in sections, in fields of a message, or packed."""
    return media.name.startswith("multipart/") or media.name in _PROTOBUF or bool(sniff(data))


def _decode(data: bytes, media: MediaType) -> Decoding:
    label = media.parameters.get("charset", "").strip("'\"")
    if not label and data[:1] == b"<" and (match := _XML_ENCODING.match(data)):
        label = match.group(1).decode()
        if known_charset(label).startswith(_NOT_UTF8):
            label = ""  # It is readable as ASCII, so that is not what it is in.
    return read_text(data, label)


def _verbatim(data: bytes, media: MediaType, decoding: Decoding) -> bool:
    """Say whether every part's text is sure to stand in `data` as it is, whatever format it turns out to be in."""
    # UTF-16 of ASCII is ASCII too, byte by byte: so lengths are compared as well.
    if decoding.charset != "utf-8" and not (data.isascii() and len(data) == len(decoding.text)):
        return False
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    name = media.name
    hiding = {b"\\"} if name in _ESCAPING or name.endswith("+json") or head in (b"{", b"[", b'"', b"") else set[bytes]()
    if name == _FORM:
        hiding |= {b"%", b"+"}
    elif name in _CSV:
        hiding.add(b'""')
    elif name in _XML or name in _HTML or name.endswith("+xml") or head in (b"<", b""):
        hiding.add(b"&")
    if name in _XML or name.endswith("+xml"):
        hiding.add(b"<!")  # a text may be cut in two there, which its readers join
    if name in _FOLDING or data.startswith(_FOLDING_START.encode()):
        hiding |= {b"\n ", b"\n\t"}  # likewise
    if name in _YAML or any(holds(data, sign) for sign in hiding):  # YAML folds lines and doubles quotes
        return False
    return not ((name in _HTML or (name in _ANY and head in (b"<", b""))) and may_cut(data))


def _document(
    data: bytes,
    media: MediaType,
    decoding: Decoding | None,
    prefix: str,
    depth: int,
    packs: Packs | None,
    aliases: Aliases | None = None,
) -> Document:
    try:
        if decoding is not None:

            def read(text: str) -> Reading:
                reading = _read(text, media, prefix, decoding)
                if aliases and reading.json:
                    renamed(reading.leaves, aliases)
                return reading

            return text_document(data, decoding, read, lambda again: _decode(again, media))
        if not media.name.startswith("multipart/"):
            return _binary(data, media, prefix, packs)
        if depth >= MAX_NESTING:
            raise ParseError(f"multipart: nested more than {MAX_NESTING} deep")  # noqa: TRY301 - one way to opaque

        def section(content: bytes, content_type: str, path: str) -> Document:
            return read_section(content, content_type, path, depth + 1, packs)

        return read_multipart(data, media.parameters.get("boundary", ""), prefix, section)
    except ParseError as error:
        return opaque_document(prefix, len(data), str(error))


def _binary(data: bytes, media: MediaType, prefix: str, packs: Packs | None) -> Document:
    """Return what a body says that is no text. A message without its schema could be anything: its label counts."""
    kind = sniff(data)
    if media.name in _PROTOBUF and not kind:
        return read_protobuf(data, prefix)
    if kind in IMAGES:
        return Document(tuple(read_image(kind, data, prefix)), refuse_edits)
    if packs is None:
        return opaque_document(prefix, len(data), f"{kind}: packed in something else that is not unpacked")
    return packs.document(kind, data, prefix)


def read_section(data: bytes, content_type: str, prefix: str, depth: int = 0, packs: Packs | None = None) -> Document:
    """Return what one section of a multipart body, or one entry of an archive, holds."""
    if not data:  # A field left empty is a text to be filled in, whatever its type.
        content_type = "text/plain"
    try:
        media = read_media_type(content_type)
        decoding = None if _is_binary(data, media) else _decode(data, media)
    except ParseError as error:
        return opaque_document(prefix, len(data), str(error))
    return _document(data, media, decoding, prefix, depth, packs)


def _read(text: str, media: MediaType, prefix: str, decoding: Decoding) -> Reading:
    """Read a text in the format that its type names, or that it turns out to be in."""
    name = media.name
    if name in _NDJSON or name in _JSON or name.endswith("+json"):
        readers: tuple[Reader, ...] = (read_ndjson,) if name in _NDJSON else (read_json, read_ndjson)
        if leaves := _first(readers, text, prefix):
            return _meaning(leaves, text, prefix)
        if "\\" in text:
            raise Invalid(f"json: {len(text)} code points that are not JSON and hold escapes")
        return Reading(_leaves(read_plain, text, prefix))
    # A false label must not hide keys or escapes.
    start = text.lstrip(_SPACE)[:1]
    generic = name != _FORM and name not in _CSV
    if name != _GRAPHQL and (start in ("{", "[") or (start == '"' and generic)):
        if leaves := _first((read_json, read_ndjson), text, prefix):
            return _mislabelled(leaves, name, text, media, prefix, decoding)
        if _HIDING.search(text):
            raise Invalid(f"text: {len(text)} code points that begin as JSON, are not, and hold escapes")
    return _read_as(name, text, media, prefix, decoding)


def _meaning(leaves: Leaves, text: str, prefix: str) -> Reading:
    """Return what a JSON text says, and what the GraphQL queries mean that it may hold."""
    asks = '"query"' in text and read_graphql(leaves, prefix)
    return Reading(leaves, json=not asks)


def _mislabelled(leaves: Leaves, name: str, text: str, media: MediaType, prefix: str, decoding: Decoding) -> Reading:
    """Return what a text says that is JSON, but may be labelled as something else.

    One reader goes by the label, another by what is there: labels are looked for in both readings, and neither states
    a fact.
    """
    if name != _FORM and name not in _CSV and name not in _XML and not name.endswith("+xml"):
        return _meaning(leaves, text, prefix)
    leaves.doubt()
    if (name == _FORM and not _FORM_SIGNS.search(text)) or not (name == _FORM or name in _CSV):
        return Reading(leaves)  # read by its label it is one name, or nothing at all
    labelled = _read_as(name, text, media, prefix, decoding).leaves
    for part, (start, end, codec) in zip(labelled.parts, labelled.places, strict=True):
        leaves.add(replace(part, ambiguous=True), start, end, codec)
    return Reading(leaves, fixed=True)


def _read_as(name: str, text: str, media: MediaType, prefix: str, decoding: Decoding) -> Reading:
    if name == _FORM:
        return Reading(_form(text, prefix))
    if name in _HTML or (name in _ANY and _HTML_START.match(text.lstrip(_SPACE))):
        return Reading(_leaves(read_html, text, prefix), markup=True)
    reading = None
    if name in _CSV or name in _YAML:
        reader = _csv_reader(media) if name in _CSV else read_yaml
        if cells := _first((reader,), text, prefix):
            return Reading(cells)
        if name in _YAML and "\\" in text:
            raise Invalid(f"yaml: {len(text)} code points that are not well-formed and hold escapes")
    elif name in _XML or name.endswith("+xml") or text.startswith("<?xml"):
        reading = _read_xml(text, prefix, decoding)
    elif (name in _FOLDING or text.startswith(_FOLDING_START)) and (folded := _first((read_folded,), text, prefix)):
        reading = Reading(folded)
    if reading is None:
        reading = Reading(_leaves(read_plain, text, prefix))
        if name == _GRAPHQL:
            add_query(reading.leaves, prefix, text, lambda _name: None)
    return reading


def _form(text: str, prefix: str) -> Leaves:
    leaves = _leaves(read_form, text, prefix)
    if "query" in text:
        read_graphql(leaves, prefix)
    return leaves


def _read_xml(text: str, prefix: str, decoding: Decoding) -> Reading | None:
    _agree(declared_charset(text), decoding)
    if leaves := _first((read_xml,), text, prefix):
        return Reading(leaves, markup=True)
    if "&" in text or "<!" in text:
        raise Invalid(f"xml: {len(text)} code points that are not well-formed and hold references")
    return None


def _agree(declared: str, decoding: Decoding) -> None:
    """Raise ParseError if an XML declaration names a charset in which the text would read differently."""
    charset = known_charset(declared)
    if charset in ("", "utf-8") or decoding.charset.startswith(charset):
        return
    if charset.startswith(_NOT_UTF8) or not decoding.text.isascii():
        raise ParseError("xml: it declares one charset and is written in another")


def _csv_reader(media: MediaType) -> Reader:
    delimiter = "\t" if media.name == "text/tab-separated-values" else ""
    header = media.parameters.get("header", "").lower() != "absent"

    def read(text: str, prefix: str, into: Leaves) -> None:
        read_csv(text, prefix, into, delimiter=delimiter, header=header)

    return read


def _first(readers: Iterable[Reader], text: str, prefix: str) -> Leaves | None:
    """Return what the first reader gives that finds its own format in the text; None if none does."""
    for reader in readers:
        try:
            return _leaves(reader, text, prefix)
        except Invalid:
            continue
    return None


def _leaves(reader: Reader, text: str, prefix: str) -> Leaves:
    leaves = Leaves()
    reader(text, prefix, leaves)
    return leaves
