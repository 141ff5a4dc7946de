"""The common encodings a value can be written in: base64, hex, escapes of URLs and JSON, compression, nestings."""

import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import brotli
import zstandard

_MAX_DEPTH = 4
MAX_DECODED = 8 * 1024 * 1024
"""How many bytes one message's encoded runs may come to: all of a body of the usual limit, and no bomb."""
_GLANCE = 65_536  # bytes that are enough to see whether something compressed holds text
_OPAQUE_BYTES = 16
_SHORTEST_RUN = 6  # four bytes, the shortest value looked for, take six characters of base64
_COMPRESSED_FROM = 12  # no compression without a magic number makes the shortest values shorter than this

_RUN = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_HEX_INSIDE = re.compile(r"[0-9a-fA-F]{8,}")
_HEX_BYTES = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_JOINERS = str.maketrans("", "", "+/_-")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a run of a text decodes to; `text` is None where the bytes are not text: nobody could read them.

    `beyond` says that reading was given up, at the bounds of depth or size: then the whole part counts as unread.
    """

    start: int
    end: int
    form: str
    text: str | None = field(repr=False)
    beyond: bool = False


def decodings(text: str, budget: list[int] | None = None) -> list[Decoding]:
    """Return what the encoded runs of `text` decode to: base64 (both alphabets), hex, URL, compressed, and nestings.

    At most four levels deep and eight million decoded bytes in all (`budget` holds what is left of them, where several
    texts share them); what lies beyond comes back unread (`beyond`). So
    does what cannot be decoded to text, provided it has sixteen bytes or more and looks random rather than like words.
    """
    found: list[Decoding] = []
    _decode_into(found, text, 0, len(text), "", 0, [MAX_DECODED] if budget is None else budget)
    return found


def wordlike(run: str | bytes) -> bool:
    """Return whether a run is letters of one case, as words and names of fields are.

    What is encoded looks so by chance only: for eight characters of base64 that is less than one in a thousand.
    """
    letters = run.translate(_JOINERS) if isinstance(run, str) else run.translate(None, b"+/_-")
    return letters.isalpha() and (letters.islower() or letters.isupper() or letters.istitle())


def rough(text: str) -> Iterator[Decoding]:
    """Give what encoded runs read as from wherever an encoded value could begin in them; only good for known values.

    Characters glued in front of a run shift base64 by up to three places and hex by one, and make noise of what they
    belong to. Noise is written as U+FFFD, so that a classifier would see nonsense here.
    """
    for run in _RUN.finditer(text):
        if wordlike(run.group()):
            continue
        written = run.group().rstrip("=")
        if written.isdigit():  # base64 is digits throughout by chance only; hex is looked for below
            continue
        standard = written.replace("-", "+").replace("_", "/")
        for shift in range(4):
            body = standard[shift:]
            body = body[: len(body) - (len(body) % 4 == 1)]
            if len(body) >= _SHORTEST_RUN:
                data = binascii.a2b_base64(body + "=" * (-len(body) % 4))
                yield Decoding(run.start(), run.end(), "base64", data.decode("utf-8", "replace"))
    for run in _HEX_INSIDE.finditer(text):
        for shift in range(2):
            digits = run.group()[shift:]
            data = bytes.fromhex(digits[: len(digits) // 2 * 2])
            yield Decoding(run.start(), run.end(), "hex", data.decode("utf-8", "replace"))


def tells(run: bytes, *, opaque: bool) -> bool:
    """Return whether a run of a surface decodes to a text, or, if `opaque` matters, to what nobody could read.

    The same answer as `decodings` gives, without the decodings: this is asked of every clean message.
    """
    return _tells(run, opaque=opaque) or (
        b"/" in run and any(_tells(piece, opaque=False) for piece in run.split(b"/") if len(piece) >= _SHORTEST_RUN)
    )


def _tells(run: bytes, *, opaque: bool) -> bool:
    body = run.rstrip(b"=").translate(_URL_SAFE)
    if len(body) < _SHORTEST_RUN or wordlike(run):
        return False
    if len(body) >= _COMPRESSED_FROM * 4 // 3 or (len(run) % 2 == 0 and _HEX_BYTES.fullmatch(run)):
        text = run.decode("ascii")
        for _, data in _unwrap(text):
            left = [_GLANCE]
            plain, _ = _as_text(data, left)
            if plain is not None or left[0] < 0 or (opaque and len(data) >= _OPAQUE_BYTES and _looks_random(text)):
                return True
        return False
    if len(body) % 4 == 1:
        body = body[:-1]
    data = binascii.a2b_base64(body + b"=" * (-len(body) % 4))  # too short for anything but plain text to be in it
    return not 0x80 <= data[0] < 0xC2 and _as_text(data, [_GLANCE])[0] is not None  # noqa: PLR2004 - RFC 3629


def _decode_into(
    found: list[Decoding], text: str, start: int, end: int, form: str, depth: int, budget: list[int]
) -> None:
    """Add the decodings of `text`, which stood at `start:end` of the outermost text and was reached through `form`."""
    outermost = not form
    for name, said in _unquoted(text):
        budget[0] -= len(said)
        _take(found, said, start, end, _via(name, form), depth, budget)
    for run in _RUN.finditer(text):
        if wordlike(run.group()):
            continue
        for first, last in _pieces(run.group()):
            written = run.group()[first:last]
            at, to = (run.start() + first, run.start() + last) if outermost else (start, end)
            for name, data in _unwrap(written):
                budget[0] -= len(data)
                plain, inner = _as_text(data, budget) if budget[0] >= 0 and depth < _MAX_DEPTH else (None, "")
                if budget[0] < 0 or depth >= _MAX_DEPTH:
                    found.append(Decoding(at, to, _via(name, form), None, beyond=True))
                    return
                if plain is not None:
                    _take(found, plain, at, to, _via(inner + name, form), depth, budget)
                elif last - first == len(run.group()) and len(data) >= _OPAQUE_BYTES and _looks_random(written):
                    found.append(Decoding(at, to, _via(name, form), None))


def _pieces(run: str) -> Iterator[tuple[int, int]]:
    """Give a run, and what its slashes part: they belong to base64's alphabet and to paths."""
    yield 0, len(run)
    if "/" in run:
        start = 0
        for piece in run.split("/"):
            if len(piece) >= _SHORTEST_RUN:
                yield start, start + len(piece)
            start += len(piece) + 1


def _take(found: list[Decoding], plain: str, start: int, end: int, form: str, depth: int, budget: list[int]) -> None:
    found.append(Decoding(start, end, form, plain))
    if depth >= _MAX_DEPTH or budget[0] < 0:
        found.append(Decoding(start, end, form, None, beyond=True))
    else:
        _decode_into(found, plain, start, end, form, depth + 1, budget)


def _unquoted(text: str) -> Iterator[tuple[str, str]]:
    """Give what a whole text says once its escapes are taken for what they stand for."""
    if _ESCAPE.search(text):
        yield "escape", _ESCAPE.sub(_unescape, text)
    if _PERCENT.search(text):
        with suppress(UnicodeDecodeError):
            yield "url", unquote(text, errors="strict")


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _via(inner: str, outer: str) -> str:
    return f"{inner}+{outer}" if outer else inner


def _unwrap(run: str) -> Iterator[tuple[str, bytes]]:
    """Give what a run may stand for: hex if it can be, and base64 unless its length forbids it."""
    if len(run) % 2 == 0 and _HEX.fullmatch(run):
        yield "hex", bytes.fromhex(run)
    body = run.rstrip("=")
    if len(body) % 4 == 1:  # no number of bytes is written so: a letter in front or behind is not part of it
        body = body[:-1]
    if len(body) >= _SHORTEST_RUN:
        standard = body.replace("-", "+").replace("_", "/")
        try:
            yield "base64", binascii.a2b_base64(standard + "=" * (-len(standard) % 4))
        except binascii.Error:
            return


def _as_text(data: bytes, budget: list[int]) -> tuple[str | None, str]:
    """Return bytes as text, decompressed where they are compressed, with the name of the compression and a plus."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        plain, name = _decompress(data, max(budget[0], 0) + 1)  # one more than fits: too much is noticed, not cut off
        if plain is None:
            return None, ""
        budget[0] -= len(plain)
        try:
            return plain.decode(), name + "+"
        except UnicodeDecodeError:
            return None, ""
    return (text, "") if text.isprintable() or _mostly_printable(text) else (None, "")


def _mostly_printable(text: str) -> bool:
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _decompress(data: bytes, limit: int) -> tuple[bytes | None, str]:
    """Return what compressed bytes hold, at most `limit` of them, and the compression's name."""
    for magic, name, unpack in _COMPRESSIONS:
        if data.startswith(magic) and (magic or len(data) >= _COMPRESSED_FROM):
            try:
                plain = unpack(data, limit)
            except (zlib.error, zstandard.ZstdError, brotli.error):
                continue
            if plain:
                return plain, name
    return None, ""


def _gzip(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data, limit)


def _zlib(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj().decompress(data, limit)


def _zstd(data: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data).read(limit)


def _raw_deflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits=-15)
    plain = stream.decompress(data, limit)
    return plain if stream.eof else b""  # without a magic number, only a stream that ends well is one


def _brotli(data: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    plain: bytes = stream.process(data, output_buffer_limit=limit)
    return plain if stream.is_finished() else b""


_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[bytes, int], bytes]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
    (b"\x78", "zlib", _zlib),
    (b"", "deflate", _raw_deflate),
    (b"", "br", _brotli),
)


def _looks_random(run: str) -> bool:
    """Return whether a run is rather encoded bytes than words: hex of 32 digits, or all three kinds of characters."""
    if _HEX.fullmatch(run):
        return any(character.isdigit() for character in run)
    return (
        any(character.isdigit() for character in run)
        and any(character.islower() for character in run)
        and any(character.isupper() for character in run)
    )
