"""Where a value can be in an HTTP message: one row each, made from any text.

A row says how a request (with a body, a response too) carries a text. `kept` rows cannot be rewritten: archives,
pictures, names of hosts. `reads` is how a receiver reads it, where the same can be written in several ways.
"""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, unquote

import brotli
import yaml
import zstandard
from PIL import Image, PngImagePlugin

MAIL, OTHER_MAIL = "maria.gonzalez@acme-corp.org", "[EMAIL_1]"
CARD = "4111111111111111"
PLAIN = "harmless"


@dataclass(frozen=True)
class Sent:
    """What goes over the wire."""

    target: str = "/in"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    kind: str = ""
    method: str = "POST"
    host: str = ""


def exactly(sent: Sent) -> object:
    """Read what came byte by byte."""
    return sent.target, sent.headers, sent.body


@dataclass(frozen=True)
class Carrier:
    """One row. `value` is what it carries where it is to be stopped: not every place takes every sign."""

    name: str
    make: Callable[[str], Sent]
    reads: Callable[[Sent], object] = exactly
    kept: bool = False
    value: str = MAIL
    harmless: str = PLAIN
    only: frozenset[str] = field(default_factory=lambda: frozenset({"stopped", "permitted", "harmless"}))

    @property
    def has_body(self) -> bool:
        """Whether a response can carry it as well."""
        return bool(self.make(PLAIN).body)


def _decoded(sent: Sent) -> bytes:
    coding = dict(sent.headers).get("content-encoding", "")
    readers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "br": brotli.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }
    data = sent.body
    for name in reversed(coding.split(", ") if coding else []):
        data = readers[name](data)
    return data


def as_unquoted(sent: Sent) -> object:
    """Read a target with its escapes undone."""
    return unquote(sent.target)


def as_query(sent: Sent) -> object:
    """Read a query."""
    return parse_qsl(sent.target.partition("?")[2], keep_blank_values=True)


def as_form(sent: Sent) -> object:
    """Read a form."""
    return parse_qsl(sent.body.decode(), keep_blank_values=True)


def as_json(sent: Sent) -> object:
    """Read JSON."""
    return json.loads(_decoded(sent))


def as_yaml(sent: Sent) -> object:
    """Read YAML."""
    return list(yaml.safe_load_all(sent.body.decode()))


def as_csv(sent: Sent) -> object:
    """Read CSV."""
    return list(csv.reader(io.StringIO(sent.body.decode())))


def as_xml(sent: Sent) -> object:
    """Read XML."""
    return ET.fromstring(sent.body).text  # noqa: S314 - written above


def as_unfolded(sent: Sent) -> object:
    """Read a calendar or a card, its folded lines joined."""
    return sent.body.replace(b"\r\n ", b"")


def as_basic(sent: Sent) -> object:
    """Read Basic credentials."""
    return [base64.b64decode(value.split()[1]) for name, value in sent.headers if name.lower() == "authorization"]


def as_decoded(sent: Sent) -> object:
    """Read a body without its coding."""
    return _decoded(sent)


# --- places in the head -----------------------------------------------------------------------------------------------


def _header(name: str, before: str = "", after: str = "") -> Callable[[str], Sent]:
    return lambda text: Sent(headers=((name, f"{before}{text}{after}"),))


def _basic(shape: str) -> Callable[[str], Sent]:
    return lambda text: Sent(
        headers=(("Authorization", "Basic " + base64.b64encode(shape.format(text).encode()).decode()),)
    )


PLACES = [
    Carrier("path segment", lambda text: Sent(f"/in/{quote(text)}/x"), as_unquoted),
    Carrier(
        "path segment, all of it escaped",
        lambda text: Sent("/in/" + "".join(f"%{b:02X}" for b in text.encode())),
        as_unquoted,
    ),
    Carrier("last path segment with an ending", lambda text: Sent(f"/in/{quote(text)}/a.json"), as_unquoted),
    Carrier("query value", lambda text: Sent(f"/in?q={quote(text)}&z=1"), as_query),
    Carrier("query value with a plus", lambda text: Sent(f"/in?q=a+{quote(text)}"), as_query),
    Carrier("query name", lambda text: Sent(f"/in?{quote(text)}=1"), as_query),
    Carrier("query name alone", lambda text: Sent(f"/in?{quote(text)}"), as_query),
    Carrier("query name given twice", lambda text: Sent(f"/in?a=1&a={quote(text)}"), as_query),
    Carrier(
        "query value in lower-case escapes",
        lambda text: Sent("/in?q=" + "".join(f"%{b:02x}" for b in text.encode())),
        as_query,
    ),
    Carrier("bearer credentials", _header("Authorization", "Bearer ")),
    Carrier("basic user", _basic("{}:x"), as_basic),
    Carrier("basic password", _basic("x:{}"), as_basic),
    Carrier("basic password with a colon", _basic("x:y:{}"), as_basic),
    Carrier("header of one's own", _header("X-Note")),
    Carrier("api key header", _header("X-Api-Key")),
    Carrier("user agent", _header("User-Agent", "client/1 (", ")")),
    Carrier("referer", lambda text: Sent(headers=(("Referer", f"https://a.example/?{text}"),)), value=CARD),
    Carrier("origin", _header("Origin", "https://a.example/"), value=CARD),
    Carrier("accept", _header("Accept", "text/x; q=")),
    Carrier("accept language", _header("Accept-Language")),
    Carrier("cache control", _header("Cache-Control", "x=")),
    Carrier("if-none-match", _header("If-None-Match", '"', '"')),
    Carrier("if-modified-since", _header("If-Modified-Since")),
    Carrier("range", _header("X-Range", "bytes=")),
    Carrier("request id", _header("X-Request-Id")),
    Carrier("idempotency key", _header("Idempotency-Key")),
    Carrier("priority", _header("Priority", "u=1, ")),
    Carrier("from", _header("From")),
    Carrier("content disposition", _header("Content-Disposition", 'attachment; filename="', '"')),
    Carrier("content language", _header("Content-Language")),
    Carrier("a header given twice", lambda text: Sent(headers=(("X-A", "1"), ("X-A", text)))),
    Carrier("a header in utf-8", _header("X-Name", "ä ")),
    Carrier("cookie value", lambda text: Sent(headers=(("Cookie", f"a=1; b={text}; c=2"),))),
    Carrier("cookie without a name", _header("Cookie")),
    Carrier("cookie name", lambda text: Sent(headers=(("Cookie", f"{text}=1"),)), value=CARD, kept=True),
    Carrier("header name", lambda text: Sent(headers=((f"X-{text}", "1"),)), value=CARD, kept=True),
    Carrier("method", lambda text: Sent(method=text.upper()), lambda sent: sent.method, value=CARD, kept=True),
    Carrier("host label", lambda text: Sent(host=f"{text}."), lambda sent: sent.host, value=CARD, kept=True),
    Carrier("two host labels", lambda text: Sent(host=f"{text}.x."), lambda sent: sent.host, value=CARD, kept=True),
    Carrier("traceparent-like header", _header("X-Trace", "00-")),
    Carrier("te and trailer names", _header("X-Trailer-Name")),
    Carrier("content type parameter", lambda text: Sent(headers=(("Content-Type", f"text/plain; name={text}"),))),
]


# --- texts ------------------------------------------------------------------------------------------------------------


def _text(kind: str, shape: str, *, charset: str = "utf-8") -> Callable[[str], Sent]:
    return lambda text: Sent(body=shape.replace("@@", text).encode(charset), kind=kind)


def _json(shape: Callable[[str], object]) -> Callable[[str], Sent]:
    return lambda text: Sent(body=json.dumps(shape(text)).encode(), kind="application/json")


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def _coded(name: str, encode: Callable[[bytes], bytes]) -> Callable[[str], Sent]:
    return lambda text: Sent(
        headers=(("content-encoding", name),),
        body=encode(json.dumps({"a": text, "b": [1, 2, 3]}).encode()),
        kind="application/json",
    )


def _section(head: str, content: str = "x") -> Callable[[str], Sent]:
    def make(text: str) -> Sent:
        section = f"--B\r\n{head}\r\n\r\n{content}\r\n--B--\r\n".replace("@@", text)
        return Sent(body=section.encode(), kind="multipart/form-data; boundary=B")

    return make


def _folded(kind: str) -> Callable[[str], Sent]:
    def make(text: str) -> Sent:
        half = len(text) // 2
        body = f"BEGIN:VCARD\r\nNOTE:x\r\n y\r\nEMAIL:{text[:half]}\r\n {text[half:]}\r\nEND:VCARD\r\n"
        return Sent(body=body.encode(), kind=kind)

    return make


_FORM = "application/x-www-form-urlencoded"
_DISPOSITION = 'Content-Disposition: form-data; name="'
_NESTED = "--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\nContent-Type: application/json\r\n\r\n"
_GRAPHQL = "application/graphql"

TEXTS = [
    Carrier("json value", _json(lambda text: {"a": {"b": [1, text]}})),
    Carrier("json value in a sentence", _json(lambda text: {"a": f"write to {text} today"})),
    Carrier("json text alone", _json(lambda text: text)),
    Carrier("json key", _json(lambda text: {"a": {text: 1}})),
    Carrier(
        "json value in escapes",
        lambda text: Sent(body=f'{{"a": "{_escaped(text)}"}}'.encode(), kind="application/json"),
        as_json,
    ),
    Carrier(
        "json key in escapes",
        lambda text: Sent(body=f'{{"{_escaped(text)}": 1}}'.encode(), kind="application/json"),
        as_json,
    ),
    Carrier("json deep down", _json(lambda text: json.loads("[" * 60 + json.dumps(text) + "]" * 60))),
    Carrier(
        "json with a byte order mark",
        lambda text: Sent(body=b"\xef\xbb\xbf" + json.dumps([text]).encode(), kind="application/json"),
    ),
    Carrier(
        "json in utf-16",
        lambda text: Sent(body=json.dumps([text]).encode("utf-16-le"), kind="application/json; charset=utf-16"),
    ),
    Carrier("json labelled as text", _text("text/plain", '{"a": "@@"}')),
    Carrier("json without a label", _text("", '{"a": "@@"}')),
    Carrier("json of a vendor", _text("application/vnd.x+json", '{"a": "@@"}')),
    Carrier("json in json", _json(lambda text: {"a": json.dumps({"b": text})})),
    Carrier("lines of json", _text("application/x-ndjson", '{"a": 1}\n{"a": "@@"}\n')),
    Carrier("lines of json, labelled json", _text("application/json", '{"a": 1}\n{"a": "@@"}\n')),
    Carrier("form value", lambda text: Sent(body=f"a=1&b={quote_plus(text)}".encode(), kind=_FORM), as_form),
    Carrier("form value, not escaped", _text(_FORM, "a=1&b=@@"), as_form),
    Carrier("form name", lambda text: Sent(body=f"{quote_plus(text)}=1".encode(), kind=_FORM), as_form),
    Carrier("form name given twice", lambda text: Sent(body=f"a=1&a={quote_plus(text)}".encode(), kind=_FORM), as_form),
    Carrier("multipart field", _section(_DISPOSITION + 'a"', "@@")),
    Carrier("multipart name", _section(_DISPOSITION + '@@"')),
    Carrier("multipart file name", _section(_DISPOSITION + 'a"; filename="@@ x"')),
    Carrier("multipart header", _section(_DISPOSITION + 'a"\r\nX-Note: @@')),
    Carrier("multipart header name", _section(_DISPOSITION + 'a"\r\nX-@@: 1'), value=CARD, kept=True),
    Carrier("multipart file of json", _section(_DISPOSITION + 'a"\r\nContent-Type: application/json', '{"b": "@@"}')),
    Carrier(
        "multipart before its first boundary", _text("multipart/mixed; boundary=B", "@@\r\n--B\r\n\r\nx\r\n--B--\r\n")
    ),
    Carrier("multipart behind its last boundary", _text("multipart/mixed; boundary=B", "--B\r\n\r\nx\r\n--B--\r\n@@")),
    Carrier(
        "multipart in multipart", _text("multipart/mixed; boundary=B", _NESTED + '{"a": "@@"}\r\n--C--\r\n--B--\r\n')
    ),
    Carrier("xml text", _text("application/xml", "<a><b>@@</b></a>")),
    Carrier("xml attribute", _text("application/xml", '<a b="@@"/>')),
    Carrier("xml attribute in single quotes", _text("text/xml", "<a b='@@'/>")),
    Carrier("xml cdata", _text("application/xml", "<a><![CDATA[@@]]></a>")),
    Carrier("xml comment", _text("application/xml", "<a><!-- @@ --></a>")),
    Carrier("xml processing instruction", _text("application/xml", "<a><?x @@?></a>")),
    Carrier(
        "xml references",
        lambda text: Sent(
            body=("<a>" + "".join(f"&#{ord(c)};" for c in text) + "</a>").encode(), kind="application/xml"
        ),
        as_xml,
    ),
    Carrier("svg", _text("image/svg+xml", "<svg><title>@@</title></svg>")),
    Carrier("html text", _text("text/html", "<!doctype html><p>@@</p>")),
    Carrier("html attribute", _text("text/html", '<a href="mailto:@@">x</a>')),
    Carrier("html attribute without quotes", _text("text/html", "<a title=@@>x</a>")),
    Carrier("html comment", _text("text/html", "<p><!-- @@ --></p>")),
    Carrier("html script", _text("text/html", "<script>let a = '@@'</script>")),
    Carrier("html without a label", _text("", "<!doctype html><p>@@</p>")),
    Carrier("csv cell", _text("text/csv", "name,mail\nx,@@\n"), as_csv),
    Carrier("csv cell in quotes", _text("text/csv", 'name,mail\nx,"a ""b"" @@"\n'), as_csv),
    Carrier("csv heading", _text("text/csv", "name,@@\nx,y\n"), as_csv),
    Carrier("csv with semicolons", _text("text/csv", "name;mail\nx;@@\n")),
    Carrier("tab-separated cell", _text("text/tab-separated-values", "name\tmail\nx\t@@\n")),
    Carrier(
        "yaml value",
        _text("application/yaml", "a:\n  - b: to @@ today # x\n"),
        as_yaml,
    ),
    Carrier("yaml value in quotes", _text("application/yaml", 'a: "@@"\n'), as_yaml),
    Carrier("yaml block", _text("application/yaml", "a: |\n  x\n  @@\nb: 1\n"), as_yaml),
    Carrier("yaml folded block", _text("text/yaml", "a: >\n  x\n  @@\nb: 1\n"), as_yaml),
    Carrier("yaml key", _text("application/yaml", '"@@": 1\n'), as_yaml),
    Carrier("yaml comment", _text("application/x-yaml", "a: 1 # @@\n")),
    Carrier("yaml second document", _text("application/yaml", 'a: 1\n---\nb: "@@"\n'), as_yaml),
    Carrier("graphql literal", _json(lambda text: {"query": f'{{ find(mail: "{text}") {{ id }} }}'})),
    Carrier(
        "graphql variable",
        _json(lambda text: {"query": "query($m: String) { find(mail: $m) { id } }", "variables": {"m": text}}),
    ),
    Carrier("graphql comment", _json(lambda text: {"query": f"{{ a }} # {text}"})),
    Carrier("graphql as a body", _text(_GRAPHQL, '{ find(mail: "@@") { id } }')),
    Carrier(
        "graphql literal in escapes",
        lambda text: Sent(body=('{ find(mail: "' + _escaped(text) + '") { id } }').encode(), kind=_GRAPHQL),
        kept=True,
    ),
    Carrier("plain text", _text("text/plain", "write to @@.\n")),
    Carrier("text without a label", _text("", "write to @@.\n")),
    Carrier("text labelled as bytes", _text("application/octet-stream", "write to @@.\n")),
    Carrier("text labelled as a picture", _text("image/png", "write to @@.\n")),
    Carrier("text in latin-1", _text("text/plain; charset=latin-1", "é @@", charset="latin-1")),
    Carrier("text in utf-16", lambda text: Sent(body=f"to {text}".encode("utf-16"), kind="text/plain; charset=utf-16")),
    Carrier("calendar", _text("text/calendar", "BEGIN:VCALENDAR\r\nATTENDEE:mailto:@@\r\nEND:VCALENDAR\r\n")),
    Carrier("calendar with folded lines", _folded("text/calendar"), as_unfolded),
    Carrier("card with folded lines, labelled as text", _folded("text/plain"), as_unfolded),
    Carrier("javascript", _text("text/javascript", "send('@@')")),
    Carrier("markdown", _text("text/markdown", "# Hi\n[x](https://a.example/?q=@@)"), value=CARD),
    Carrier("gzip", _coded("gzip", gzip.compress), as_decoded),
    Carrier("deflate", _coded("deflate", zlib.compress), as_decoded),
    Carrier("br", _coded("br", brotli.compress), as_decoded),
    Carrier("zstd", _coded("zstd", zstandard.ZstdCompressor().compress), as_decoded),
    Carrier("two codings", _coded("gzip, br", lambda data: brotli.compress(gzip.compress(data))), as_decoded),
]


# --- messages and containers ------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Write a number as protobuf does."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field_of(number: int, data: bytes) -> bytes:
    """Write a field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def _protobuf(wrap: Callable[[bytes], bytes]) -> Callable[[str], Sent]:
    return lambda text: Sent(body=wrap(text.encode()), kind="application/x-protobuf")


def _file(pack: Callable[[bytes], bytes], kind: str = "application/octet-stream") -> Callable[[str], Sent]:
    return lambda text: Sent(body=pack(f"the address is {text}".encode()), kind=kind)


def zipped(*entries: tuple[str, bytes]) -> bytes:
    """Write a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    """Write a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _office(part: str, xml: str) -> Callable[[str], Sent]:
    def make(text: str) -> Sent:
        half = len(text) // 2
        said = xml.replace("@1", text[:half]).replace("@2", text[half:]).replace("@@", text).encode()
        return Sent(body=zipped(("[Content_Types].xml", b"<Types/>"), (part, said)), kind="application/vnd.openxml")

    return make


def pdf(text: str, title: str) -> bytes:
    """Write a PDF of one page, its text drawn in two pieces and compressed."""
    half = len(text) // 2
    drawn = zlib.compress(f"BT /F1 12 Tf 72 720 Td [({text[:half]}) 0 ({text[half:]})] TJ ET".encode())
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) >>".encode(),
    ]
    out, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", list[int]()
    for number, data in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, data)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n" + table
    return out + b"trailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def database(text: str) -> bytes:
    """Write a SQLite file."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE people (name TEXT, mail TEXT)")
    connection.execute("INSERT INTO people VALUES ('x', ?)", (text,))
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


_PICTURE = Image.linear_gradient("L").resize((60, 40)).convert("RGB")


def _picture(kind: str, options: Callable[[str], dict[str, object]]) -> Callable[[str], Sent]:
    def make(text: str) -> Sent:
        out = io.BytesIO()
        _PICTURE.save(out, kind, **options(text))
        return Sent(body=out.getvalue(), kind=f"image/{kind.lower()}")

    return make


def _info(text: str, *, packed: bool) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", text, zip=packed)
    return info


def _exif(text: str) -> Image.Exif:
    found = Image.Exif()
    found[0x010E] = text
    return found


def _upload(content: Callable[[str], bytes]) -> Callable[[str], Sent]:
    def make(text: str) -> Sent:
        head = b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        return Sent(body=head + content(text) + b"\r\n--B--\r\n", kind="multipart/form-data; boundary=B")

    return make


_PARTS = "multipart/form-data; boundary=B"
_UPLOADED = (
    b'--B\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: application/x-protobuf\r\n\r\n%b\r\n--B--\r\n'
)
_DOCUMENT = '<w:document xmlns:w="w"><w:p><w:r><w:t>@1</w:t></w:r><w:r><w:t>@2</w:t></w:r></w:p></w:document>'
_SLIDE = '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>@1</a:t></a:r><a:r><a:t>@2</a:t></a:r></a:p></p:sld>'
_STRINGS = "<sst><si><r><t>@1</t></r><r><t>@2</t></r></si></sst>"

CONTAINERS = [
    Carrier("protobuf text", _protobuf(lambda data: field_of(1, b"x") + field_of(2, data))),
    Carrier(
        "protobuf text, deep down",
        _protobuf(lambda data: field_of(9, field_of(8, field_of(7, data + b" \xc3\xa9")))),
    ),
    Carrier("protobuf map", _protobuf(lambda data: field_of(3, field_of(1, data) + field_of(2, b"y")))),
    Carrier("protobuf in an upload", lambda text: Sent(body=_UPLOADED % field_of(1, text.encode()), kind=_PARTS)),
    Carrier("zip", _file(lambda data: zipped(("a/b.txt", data)), "application/zip"), kept=True),
    Carrier("zip, labelled as json", _file(lambda data: zipped(("a.txt", data)), "application/json"), kept=True),
    Carrier("zip of json", lambda text: Sent(body=zipped(("a.json", json.dumps({"a": text}).encode()))), kept=True),
    Carrier("zip, name of an entry", lambda text: Sent(body=zipped((f"{text} x", b"x"))), kept=True),
    Carrier("zip in zip", _file(lambda data: zipped(("in.zip", zipped(("a.txt", data))))), kept=True),
    Carrier("zip in an upload", _upload(lambda text: zipped(("a.txt", text.encode()))), kept=True),
    Carrier("tar", _file(lambda data: tarred("a.txt", data), "application/x-tar"), kept=True),
    Carrier("tar, name of an entry", lambda text: Sent(body=tarred(text, b"x")), kept=True),
    Carrier("tar.gz", _file(lambda data: gzip.compress(tarred("a.txt", data), mtime=0)), kept=True),
    Carrier("gzip file", _file(lambda data: gzip.compress(data, mtime=0)), kept=True),
    Carrier("gzip file, its name", lambda text: Sent(body=_named(text)), kept=True),
    Carrier("bzip2 file", _file(bz2.compress), kept=True),
    Carrier("xz file", _file(lzma.compress), kept=True),
    Carrier("zstd file", _file(zstandard.ZstdCompressor().compress), kept=True),
    Carrier("docx", _office("word/document.xml", _DOCUMENT), kept=True),
    Carrier("docx, its author", _office("docProps/core.xml", "<c><creator>@@</creator></c>"), kept=True),
    Carrier("pptx", _office("ppt/slides/slide1.xml", _SLIDE), kept=True),
    Carrier("xlsx", _office("xl/sharedStrings.xml", _STRINGS), kept=True),
    Carrier("xlsx, a cell", _office("xl/worksheets/sheet1.xml", "<w><c><is><t>@@</t></is></c></w>"), kept=True),
    Carrier("pdf", lambda text: Sent(body=pdf(text, "x"), kind="application/pdf"), kept=True),
    Carrier("pdf, its title", lambda text: Sent(body=pdf("x", text), kind="application/pdf"), kept=True),
    Carrier("pdf in an upload", _upload(lambda text: pdf(text, "x")), kept=True),
    Carrier("sqlite", lambda text: Sent(body=database(text), kind="application/vnd.sqlite3"), kept=True),
    Carrier("png text", _picture("PNG", lambda text: {"pnginfo": _info(text, packed=False)}), kept=True),
    Carrier("png packed text", _picture("PNG", lambda text: {"pnginfo": _info(text, packed=True)}), kept=True),
    Carrier("png exif", _picture("PNG", lambda text: {"exif": _exif(text)}), kept=True),
    Carrier("jpeg exif", _picture("JPEG", lambda text: {"exif": _exif(text)}), kept=True),
    Carrier("jpeg comment", _picture("JPEG", lambda text: {"comment": text}), kept=True),
    Carrier("jpeg xmp", _picture("JPEG", lambda text: {"xmp": f"<x>{text}</x>".encode()}), kept=True),
    Carrier("webp exif", _picture("WEBP", lambda text: {"exif": _exif(text)}), kept=True),
    Carrier("gif comment", _picture("GIF", lambda text: {"comment": text}), kept=True),
    Carrier(
        "png in an upload",
        _upload(lambda text: _picture("PNG", lambda t: {"pnginfo": _info(t, packed=False)})(text).body),
        kept=True,
    ),
]


def _named(text: str) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(text, "wb", fileobj=out, mtime=0) as file:
        file.write(b"x")
    return out.getvalue()


CARRIERS = [*PLACES, *TEXTS, *CONTAINERS]

# What nobody can read, or readers differ on: it neither enters nor leaves, whatever is in it.
UNREADABLE: dict[str, tuple[str, bytes]] = {
    "json with one key twice": ("application/json", b'{"a": "\\u0041", "a": 2}'),
    "json with half a surrogate": ("application/json", b'{"a": "\\ud800"}'),
    "json with a comment and escapes": ("application/json", b'{"a": "\\u0041" /* x */}'),
    "json nested too deep": ("application/json", b"[" * 100_000 + b"]" * 100_000),
    "xml with a document type": ("application/xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "xml whose text is cut by a comment": ("application/xml", b"<a>41111111<!-- -->11111111</a>"),
    "a multipart body without its last boundary": ("multipart/form-data; boundary=B", b"--B\r\n\r\nx"),
    "an unknown charset": ("text/plain; charset=utf-7", b"hidden +AEE-"),
    "random bytes": ("application/octet-stream", bytes(range(256)) * 4),
    "an encrypted archive": (
        "application/zip",
        zipped(("a", b"x"))
        .replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1")
        .replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"),
    ),
    "bytes behind a picture": ("image/png", _picture("PNG", lambda _: {})("").body + b"\x00hidden\xff"),
    "bytes behind an archive's end": ("application/gzip", gzip.compress(b"x") + b"hidden"),
    "a protobuf field of random bytes": ("application/x-protobuf", field_of(1, bytes(range(200, 256)) * 4)),
    "yaml with one key twice": ("application/yaml", b"a: 1\na: 2\n"),
    "a broken gzip coding": ("gzip", b"\x1f\x8b\x08broken"),
    "an unknown coding": ("compress", b"hidden"),
    "a gzip coding with a name in it": ("gzip", _named("name")),
}


def _nested() -> bytes:
    data = b"x"
    for _ in range(6):
        data = zipped(("a.zip", data))
    return data


def _png_bomb() -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    header, text = b"\0\0\0\1\0\0\0\1\x08\0\0\0\0", b"a\0\0" + zlib.compress(bytes(9_000_000))
    for name, data in ((b"IHDR", header), (b"zTXt", text), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return out


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip coding": ("gzip", lambda: gzip.compress(bytes(30_000_000))),
    "br coding": ("br", lambda: brotli.compress(bytes(30_000_000), quality=1)),
    "zstd coding": ("zstd", lambda: zstandard.compress(bytes(30_000_000))),
    "codings on codings": ("gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(30_000_000)))),
    "zip": ("application/zip", lambda: zipped(("a", bytes(40_000_000)))),
    "zip of many entries": ("application/zip", lambda: zipped(*((f"{n}", b"") for n in range(10_001)))),
    "archives in archives": ("application/zip", _nested),
    "xz": ("application/x-xz", lambda: lzma.compress(bytes(40_000_000))),
    "a million keys of json": (
        "application/json",
        lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
    ),
    "a million items of json": ("application/json", lambda: b"[" + b"1," * 1_000_000 + b"1]"),
    "json nested 100,000 deep": ("application/json", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a million cells": ("text/csv", lambda: b"a,b\n" + b"1,2\n" * 500_000),
    "a million fields of a form": (_FORM, lambda: b"a=1&" * 1_000_000),
    "a million elements": ("application/xml", lambda: b"<a>4111111111111111" + b"<b/>" * 1_000_000 + b"</a>"),
    "a million fields of a message": ("application/x-protobuf", lambda: b"\x08\x01" * 1_000_000),
    "a png text": ("image/png", _png_bomb),
}
