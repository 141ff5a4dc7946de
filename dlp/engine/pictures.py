"""Whether bytes are a picture that a program can show, through and through: then they are no ciphertext as such.

What is hidden in the values of its pixels is not seen; see what `rules/README.md` says of covert shapes.
"""

import zlib
from itertools import batched

_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"gAMA", b"sRGB", b"pHYs", b"tRNS", b"cHRM", b"bKGD", b"sBIT"})
_LONGEST = {b"PLTE": 768, b"tRNS": 256}
_SHORT = 32  # bytes of any other chunk but the pixels
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type (ISO 15948, table 11.1)
_FILTERS = 5
_MOST = 1 << 24  # bytes of pixels


def pixels(data: bytes) -> bytes | None:
    """Return the pixels of a PNG file; None where it is none, is broken, or holds anything but a picture."""
    if not data.startswith(_MAGIC):
        return None
    at, header, packed, kind = len(_MAGIC), b"", b"", b""
    while at + 12 <= len(data) and kind != b"IEND":
        length = int.from_bytes(data[at : at + 4])
        kind, chunk = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        if kind not in _CHUNKS or zlib.crc32(kind + chunk) != int.from_bytes(check):
            return None
        if kind == b"IDAT":
            packed += chunk
        elif length > _LONGEST.get(kind, _SHORT):
            return None
        header = chunk if kind == b"IHDR" else header
        at += 12 + length
    return _unpacked(header, packed) if kind == b"IEND" and at == len(data) and len(header) == 13 else None  # noqa: PLR2004


def _unpacked(header: bytes, packed: bytes) -> bytes | None:
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, colour, interlaced = header[8], header[9], header[12]
    row = 1 + (width * _CHANNELS.get(colour, 0) * depth + 7) // 8
    if interlaced or colour not in _CHANNELS or not 0 < row * height <= _MOST:
        return None
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(packed, row * height + 1)
    except zlib.error:
        return None
    if (
        len(raw) != row * height
        or stream.unused_data
        or any(line[0] >= _FILTERS for line in batched(raw, row, strict=True))
    ):
        return None
    return raw
