"""Content codings (RFC 9110 section 8.4): bytes to the bytes they stand for, and back."""

import io
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import brotli
import zstandard

from dlp.core.errors import ParseError
from dlp.wire.limits import MAX_CODINGS, MAX_MEMBERS, TooLarge

_SLICE = 65536
# A zstd block of 4 bytes can stand for 128 KiB and the library has no output bound: 256 bytes give at most 8 MiB.
_ZSTD_SLICE = 256
_ZSTD_WINDOW = 8 * 1024 * 1024  # RFC 9659
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_FIELDS = 0x1C  # FEXTRA, FNAME, FCOMMENT (RFC 1952)
_RAW_DEFLATE = "raw-deflate"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes without their codings. `codings` are those taken off, in the order in which they were put on."""

    data: bytes = field(repr=False)
    codings: tuple[str, ...] = ()


def codings(header: str) -> tuple[str, ...]:
    """Return the codings that a `Content-Encoding` value names, in the order in which they were put on.

    Raises:
        ParseError: a coding is not known, or there are too many.

    """
    if not header:
        return ()
    named = [name.strip().lower() for name in header.split(",")]
    named = ["gzip" if name == "x-gzip" else name for name in named if name not in ("", "identity")]
    if len(named) > MAX_CODINGS:
        raise ParseError(f"content-encoding: {len(named)} codings stacked; at most {MAX_CODINGS} are read")
    if any(name not in _DECODERS or name == _RAW_DEFLATE for name in named):
        raise ParseError("content-encoding: unknown coding; known: br, deflate, gzip, identity, x-gzip, zstd")
    return tuple(named)


def decode(raw: bytes, header: str, *, limit: int) -> Decoded:
    """Return `raw` without the codings that a `Content-Encoding` value names; memory stays near `limit`.

    Raises:
        TooLarge: a stage gives more than `limit` bytes.
        ParseError: a coding is unknown, or the stream is broken, cut short or followed by something else.

    """
    named = codings(header)
    if len(raw) > limit:
        raise TooLarge(f"body: {len(raw)} bytes as sent; at most {limit} are read")
    data = raw
    used: list[str] = []
    for name in reversed(named):
        if not data:  # An empty body is often labelled with the coding of a fuller one (HEAD, 304).
            break
        coding = _RAW_DEFLATE if name == "deflate" and not _zlib_wrapped(data) else name
        data = _gather(coding, data, limit)
        used.insert(0, coding)
    return Decoded(data, tuple(used))


def encode(data: bytes, used: Sequence[str]) -> bytes:
    """Return `data` with the codings of a `Decoded` put on again. Equal arguments give equal bytes."""
    for name in used:
        data = _ENCODERS[name](data)
    return data


def _gather(coding: str, data: bytes, limit: int) -> bytes:
    out = io.BytesIO()  # Its getvalue() hands over the buffer; joining a list would need the size twice.
    size = 0
    try:
        for piece in _DECODERS[coding](data):
            size += len(piece)
            if size > limit:
                raise TooLarge(f"body: {coding} gives more than the {limit} bytes that are read")
            out.write(piece)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise ParseError(f"body: broken {coding} stream of {len(data)} bytes") from error
    return out.getvalue()


def _zlib_wrapped(data: bytes) -> bool:
    """Say whether a deflate stream has the zlib header that RFC 9110 asks for; many senders leave it out."""
    return len(data) > 1 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0  # noqa: PLR2004 - RFC 1950


def _inflate(data: bytes, wbits: int, start: int = 0) -> Generator[bytes, None, int]:
    """Yield what one deflate stream gives; return where it ended (as the generator's value)."""
    stream = zlib.decompressobj(wbits)
    at = start
    while at < len(data):
        piece = data[at : at + _SLICE]
        at += len(piece)
        while piece:
            given = stream.decompress(piece, _SLICE)
            if given:
                yield given
            if stream.eof:
                return at - len(stream.unused_data)
            if not given and len(stream.unconsumed_tail) == len(piece):
                break
            piece = stream.unconsumed_tail
    while not stream.eof:  # All is fed; what is still inside comes out in bounded pieces.
        given = stream.decompress(b"", _SLICE)
        if not given:
            raise ParseError(f"body: deflate stream of {len(data)} bytes is cut short")
        yield given
    return at


def _gzip(data: bytes) -> Iterator[bytes]:
    at = members = 0
    while at < len(data):
        members += 1
        if members > MAX_MEMBERS:
            raise ParseError(f"body: gzip of more than {MAX_MEMBERS} members")
        if data[at : at + 3] != _GZIP_MAGIC:
            raise ParseError(f"body: {len(data) - at} bytes that are not gzip at byte {at}")
        if len(data) > at + 3 and data[at + 3] & _GZIP_FIELDS:
            raise ParseError("body: gzip header with a name, comment or extra field, which would pass unread")
        at = yield from _inflate(data, 31, at)


def _deflate(data: bytes, wbits: int) -> Iterator[bytes]:
    end = yield from _inflate(data, wbits)
    if end != len(data):
        raise ParseError(f"body: {len(data) - end} bytes after the end of the deflate stream")


def _brotli(data: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    for start in range(0, len(data), _SLICE):
        if stream.is_finished():
            raise ParseError(f"body: {len(data) - start} bytes after the end of the brotli stream")
        given = stream.process(data[start : start + _SLICE], output_buffer_limit=_SLICE)
        while (
            given
        ):  # `can_accept_more_data` is true with output still inside: only an empty answer says that all is out.
            yield given
            given = stream.process(b"", output_buffer_limit=_SLICE)
    if not stream.is_finished():
        raise ParseError(f"body: brotli stream of {len(data)} bytes is cut short")


def _zstd(data: bytes) -> Iterator[bytes]:
    at = frames = 0
    while at < len(data):
        frames += 1
        if frames > MAX_MEMBERS:
            raise ParseError(f"body: zstd of more than {MAX_MEMBERS} frames")
        if data[at : at + 4] != _ZSTD_MAGIC:
            raise ParseError(f"body: {len(data) - at} bytes that are not a zstd frame at byte {at}")
        stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        while at < len(data) and not stream.eof:
            piece = data[at : at + _ZSTD_SLICE]
            at += len(piece)
            yield stream.decompress(piece)
        if not stream.eof:
            raise ParseError(f"body: zstd stream of {len(data)} bytes is cut short")
        at -= len(stream.unused_data)


def _deflated(data: bytes, wbits: int) -> bytes:
    stream = zlib.compressobj(wbits=wbits)  # A gzip header made here has no time in it.
    return stream.compress(data) + stream.flush()


_DECODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gzip,
    "deflate": lambda data: _deflate(data, 15),
    _RAW_DEFLATE: lambda data: _deflate(data, -15),
    "br": _brotli,
    "zstd": _zstd,
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: _deflated(data, 31),
    "deflate": lambda data: _deflated(data, 15),
    _RAW_DEFLATE: lambda data: _deflated(data, -15),
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": lambda data: zstandard.ZstdCompressor(level=3).compress(data),
}
