"""PDF files through pypdf: what their pages say, and every string and stream of their objects.

What a page shows can be spelled by fonts that map letters as they please; so what pypdf takes for the text is read as
well as the strings that draw it. Streams that are neither text, nor a font, nor a picture, are opaque.
"""

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.container import MAX_ENTRIES, Contents, sniff
from dlp.wire.limits import MAX_DEPTH, TooLarge

if TYPE_CHECKING:
    from pypdf import PdfReader

type Inner = Callable[[bytes, str, str, int], None]

_OBJECT = re.compile(rb"(?:\A|[\r\n ])([0-9]{1,8}) ([0-9]{1,5}) obj\b")
_WHOLE_OBJECT = re.compile(rb"[0-9]{1,8} [0-9]{1,5} obj\b.*?endobj", re.DOTALL)
_BETWEEN = re.compile(  # the marks of a file: its first lines, and where its objects stand
    rb"%PDF-[12]\.[0-9]|%[\x80-\xff]{2,8}\s|%%EOF|startxref\s+[0-9]+|xref\s|trailer|"
    rb"(?:^|[\r\n])[0-9]{10} [0-9]{5} [nf]|"
    rb"(?<=[\r\n])[0-9]+ [0-9]+(?=\s*[\r\n])"
)
_MOST_TRIES = 100  # objects that are tried where a file does not say where it begins: each costs pypdf 40 µs
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def warm() -> None:
    """Load pypdf."""
    import pypdf  # noqa: F401, PLC0415 - half a second that most processes need not spend


def read_pdf(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a PDF: text by page, strings, attachments, what describes it; objects that its table lacks are opaque."""
    import logging  # noqa: PLC0415 - only to silence pypdf

    import pypdf  # noqa: PLC0415 - as above
    from pypdf.errors import DeprecationError, PyPdfError  # noqa: PLC0415

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    contents.spend(len(data))
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False, root_object_recovery_limit=_MOST_TRIES)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ParseError(f"pdf of {len(data)} bytes: encrypted")  # noqa: TRY301 - one way to opaque
        _unnamed(reader, data, path, contents)
        for number, page in enumerate(reader.pages):
            contents.enter()
            contents.add(f"{path}/page/{number}", page.extract_text(), "page")
        _Objects(reader, path, contents, inner, depth).read()
    except (ParseError, MemoryError):
        raise
    except (
        PyPdfError,
        DeprecationError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        OSError,
        AssertionError,
        NotImplementedError,
    ):  # fmt: skip - what pypdf lets through
        raise ParseError(f"pdf of {len(data)} bytes: broken, or with something that is not read") from None


def _unnamed(reader: "PdfReader", data: bytes, path: str, contents: Contents) -> None:
    """Note what stands behind the end, and objects that no table names: earlier versions, and what was never linked."""
    behind = data[data.rfind(b"%%EOF") + 5 :]
    if behind.strip():
        contents.opaque(path, len(behind), "pdf: bytes behind its end")
    named = {offset for table in reader.xref.values() for offset in table.values()}
    rest = _BETWEEN.sub(b"\n", _WHOLE_OBJECT.sub(b"\n", data)).strip().decode("latin-1")
    if _CONTROL.search(rest):
        contents.opaque(path, len(rest), "pdf: bytes between its objects")
    contents.add(f"{path}/@rest", rest)
    loose = sum(match.start(1) not in named for match in _OBJECT.finditer(data))
    if loose:
        contents.opaque(path, loose, "pdf: objects that are not in its table")


class _Objects:
    """A walk over all objects of a PDF."""

    def __init__(self, reader: "PdfReader", path: str, contents: Contents, inner: Inner, depth: int) -> None:
        self._reader, self._path, self._contents, self._inner, self._depth = reader, path, contents, inner, depth

    def read(self) -> None:
        """Read every object that a table names."""
        from pypdf.generic import IndirectObject  # noqa: PLC0415 - as above

        numbers = {(n, g) for g, table in self._reader.xref.items() for n in table}
        numbers |= {(n, 0) for n in self._reader.xref_objStm}
        if len(numbers) > MAX_ENTRIES:
            raise TooLarge(f"pdf: more than {MAX_ENTRIES} objects")
        for number, generation in sorted(numbers):
            found = IndirectObject(number, generation, self._reader).get_object()
            self._object(found, f"{self._path}/object/{number}", 0)
        self._object(self._reader.trailer, f"{self._path}/trailer", 0)

    def _object(self, found: Any, where: str, level: int) -> None:
        from pypdf import generic  # noqa: PLC0415 - as above

        if level > MAX_DEPTH:
            raise TooLarge("pdf: objects nested too deep")
        if isinstance(found, generic.StreamObject):
            self._stream(found, where)
        if isinstance(found, generic.DictionaryObject):
            for key, value in found.items():
                self._object(value, f"{where}{key}", level + 1)
        elif isinstance(found, generic.ArrayObject):
            for number, value in enumerate(found):
                self._object(value, f"{where}/{number}", level + 1)
        elif isinstance(found, generic.TextStringObject):
            self._contents.add(where, str(found), where.rpartition("/")[2])
        elif isinstance(found, generic.ByteStringObject):
            self._bytes(bytes(found), where)
        elif isinstance(found, generic.NameObject):
            self._contents.add(where, str(found), kind=Kind.KEY)

    def _bytes(self, data: bytes, where: str) -> None:
        text = data.decode("latin-1")
        if where.rpartition("/")[2] in ("0", "1") and "/ID/" in where:
            return  # the two digests that name a file
        if _CONTROL.search(text):
            self._contents.opaque(where, len(data), "pdf: a string that is no text")
        else:
            self._contents.add(where, text)

    def _stream(self, found: Any, where: str) -> None:
        kind, subtype = found.get("/Type"), found.get("/Subtype")
        raw = bytes(found._data)  # noqa: SLF001 - the stream as it stands, before its filters
        if subtype == "/Image":
            if sniff(raw):  # a picture in a format of its own, which may have more in it than a picture
                self._inner(raw, where, "", self._depth + 1)
            return
        if kind in ("/XRef", "/ObjStm"):
            return  # its objects are read as such
        said = found.get_data()
        self._contents.spend(len(said))
        if sniff(said):
            self._inner(said, where, "", self._depth + 1)
            return
        text = _text(said)
        if text is not None:
            self._contents.add(where, text)
        elif not (subtype in ("/Type1C", "/CIDFontType0C", "/OpenType") or "/Length1" in found or "/N" in found):
            self._contents.opaque(where, len(said), "pdf: a stream that is neither text, nor a font, nor a picture")


def _text(data: bytes) -> str | None:
    """Return a stream as text; None if it is something else."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        if sum(byte < 0x80 for byte in data) < 0.9 * len(data):  # noqa: PLR2004 - some letters may be others
            return None
    return None if _CONTROL.search(text) else text
