"""Compressed streams: what they hold, within a bound."""

import bz2
import lzma
import zlib
from collections.abc import Callable

import brotli
import zstandard

_COMPRESSED_FROM = 7  # bytes; no compression without a magic number makes the shortest values shorter than this
_MEMORY = 1 << 24  # bytes that unpacking may take
_BLOCK_KIND = 0b110  # of a block's first bits in deflate (RFC 1951, 3.2.3)
_LOCAL_HEADER = 30  # bytes of an entry's header in a ZIP, before its name (APPNOTE 4.3.7)


def decompress(data: bytes, limit: int) -> tuple[bytes | None, str]:
    """Return what compressed bytes hold, at most `limit` of them, and the compression's name."""
    for magic, name, unpack in _COMPRESSIONS if data.startswith(MAGIC) else _UNMARKED:
        if data.startswith(magic) and (magic or len(data) >= _COMPRESSED_FROM):
            try:
                plain = unpack(data, limit)
            except (zlib.error, zstandard.ZstdError, brotli.error, lzma.LZMAError, OSError, ValueError):
                continue
            if plain and (magic or (_is_text(plain) and len(plain) * 2 >= len(data))):  # nothing packed is much longer
                return plain, name
    return None, ""


def _is_text(data: bytes) -> bool:
    """Return whether bytes are text; short ones happen to be streams that say something else."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _gzip(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data, limit)


def _zlib(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj().decompress(data, limit)


def _zstd(data: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data).read(limit)


def _raw_deflate(data: bytes, limit: int) -> bytes:
    if data[0] & _BLOCK_KIND == _BLOCK_KIND:  # reserved: most of what is no such stream is told by this or soon after
        return b""
    stream = zlib.decompressobj(wbits=-15)
    plain = stream.decompress(data, limit)
    return plain if stream.eof else b""  # without a magic number, only a stream that ends well is one


def _brotli(data: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    plain: bytes = stream.process(data, output_buffer_limit=limit)
    return plain if stream.is_finished() else b""


def _bz2(data: bytes, limit: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, limit)


def _xz(data: bytes, limit: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_MEMORY).decompress(data, limit)


def _zip(data: bytes, limit: int) -> bytes:
    """Return the first entry of an archive; one that holds several is for the wire to unpack."""
    start = _LOCAL_HEADER + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    method = int.from_bytes(data[8:10], "little")
    if method == 0:
        return data[start:][:limit]
    return zlib.decompressobj(wbits=-15).decompress(data[start:], limit)


_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[bytes, int], bytes]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
    (b"BZh", "bzip2", _bz2),
    (b"\xfd7zXZ", "xz", _xz),
    (b"PK\x03\x04", "zip", _zip),
    (b"\x78", "zlib", _zlib),
    (b"", "deflate", _raw_deflate),
    (b"", "br", _brotli),
)
_UNMARKED = tuple(each for each in _COMPRESSIONS if not each[0])
MAGIC = tuple(magic for magic, _, _ in _COMPRESSIONS if magic)
"""How bytes begin that say that they are compressed."""
