"""Bytes of a text to its code points, and back.

Errors are raised `from None`: the repr of a Unicode error holds the whole text.
"""

import codecs
import re
from dataclasses import dataclass, field

from dlp.core.errors import ParseError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# One byte a code point, ASCII where ASCII is: read as UTF-8 wherever that is possible, since a false label is likelier
# than a text in one of these that happens to be valid UTF-8, and receivers often ignore the label.
_SINGLE = frozenset(
    [
        *(f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)),
        *(f"cp125{n}" for n in range(9)),
        *("koi8-r", "koi8-u", "mac-roman", "cp866", "tis-620"),
    ]
)
_WIDE = frozenset(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
# UTF-7, punycode and the escapes of Python are left out: they make plain ASCII say something else.
_MULTI = frozenset(
    ["shift_jis", "cp932", "euc_jp", "iso2022_jp", "gbk", "gb2312", "gb18030", "big5", "euc_kr", "cp949"]
)
_ASCII = frozenset(["ascii", "utf-8"])
_LABEL = re.compile(r"[A-Za-z0-9._:+-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Decoding:
    """A text without its byte order mark, and how it was written."""

    text: str = field(repr=False)
    charset: str = "utf-8"
    bom: bytes = b""


def known_charset(label: str) -> str:
    """Return the codec of a charset label; "" for no label.

    Raises:
        ParseError: the label names nothing that is read.

    """
    label = label.strip().lower()
    if not label:
        return ""
    try:
        name = codecs.lookup(label).name if _LABEL.fullmatch(label) else ""
    except LookupError:
        name = ""
    if name in _ASCII:
        return "utf-8"
    if name in _SINGLE or name in _WIDE or name in _MULTI:
        return name
    raise ParseError("charset: unknown or not read; label the text as utf-8")


def read_text(data: bytes, label: str = "") -> Decoding:
    """Return the text that `data` holds: by its byte order mark, else by `label`, else as UTF-8.

    Raises:
        ParseError: it is no text, or reads as one text in its charset and as another in UTF-8.

    """
    charset = known_charset(label)
    if data.isascii() and charset not in _WIDE and charset not in _MULTI and b"\0" not in data:
        return Decoding(data.decode("ascii"), charset or "utf-8")
    for bom, marked in _BOMS:
        if data.startswith(bom) and not (marked == "utf-32-le" and len(data) % 4):
            return Decoding(_decode(data[len(bom) :], marked), marked, bom)
    if charset in _WIDE or (charset in ("", "utf-8") and b"\0" in data[:4]):
        charset = _wide(data, charset)
        return Decoding(_decode(data, charset), charset)
    try:
        plain = _decode(data, "utf-8")
    except ParseError:
        if charset in ("", "utf-8"):
            raise
        return Decoding(_decode(data, charset), charset)
    if charset in _MULTI:
        if _decode(data, charset) != plain:
            raise ParseError(f"text of {len(data)} bytes: reads as one text in {charset} and as another in utf-8")
        return Decoding(plain, charset)
    return Decoding(plain, charset if data.isascii() and charset in _SINGLE else "utf-8")


def write_text(text: str, decoding: Decoding) -> bytes:
    """Return `text` written as `decoding` was, byte order mark included.

    Raises:
        ParseError: the charset cannot say it, or it would be read as something else.

    """
    try:
        data = decoding.bom + text.encode(decoding.charset)
    except UnicodeEncodeError:
        raise ParseError(f"text: {decoding.charset} cannot hold what is to be written") from None
    if decoding.charset == "utf-8":
        if "\0" in text or (not decoding.bom and text.startswith("\ufeff")):
            raise ParseError("text: a NUL or a byte order mark would make it unreadable")
        return data
    label = "" if decoding.bom else decoding.charset
    if read_text(data, label).text != text:
        raise ParseError(f"text: written in {decoding.charset} it would be read as something else")
    return data


def _decode(data: bytes, charset: str) -> str:
    try:
        text = data.decode(charset)
    except UnicodeDecodeError as error:
        raise ParseError(f"text of {len(data)} bytes: not valid {charset} at byte {error.start}") from None
    if "\0" in text:
        raise ParseError(f"text of {len(data)} bytes: holds NUL, so it is no {charset} text")
    return text


def _wide(data: bytes, charset: str) -> str:
    """Return which of UTF-16 and UTF-32 `data` is in, by its first character; that must agree with its label."""
    found = _width(data)
    if charset not in ("", "utf-8", "utf-16", "utf-32", found):
        raise ParseError(f"text of {len(data)} bytes: its charset cannot be told apart from another")
    return found


def _width(data: bytes) -> str:
    """Return which of UTF-16 and UTF-32 `data` is in, judged by the NULs of its first ASCII character."""
    zeros = tuple(byte == 0 for byte in data[:4])
    if len(data) % 4 == 0 and zeros == (False, True, True, True):
        return "utf-32-le"
    if len(data) % 4 == 0 and zeros == (True, True, True, False):
        return "utf-32-be"
    if zeros[:2] == (False, True):
        return "utf-16-le"
    if zeros[:2] == (True, False):
        return "utf-16-be"
    raise ParseError(f"text of {len(data)} bytes: neither UTF-16 nor UTF-32 to be told by its first character")
