"""Images: PNG, JPEG, GIF and WebP, block by block. What is written beside the picture is read; the picture is not.

Pixels are taken for what they seem to be: a picture. What stands where no picture is (behind its end, in blocks that
nobody knows) is opaque, and so are pixels that did not compress at all, which no picture's do.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence

from dlp.core.errors import ParseError
from dlp.core.message import Part
from dlp.wire.container import Contents
from dlp.wire.image_notes import decoded, read_exif, read_profile, read_strange

_MOST_BLOCKS = 20_000
_MOST_TEXT = 1_000_000
_NOISE = 0.97  # of the size of its pixels: a picture that is no noise takes less
_SMALL = 1024  # pixels' bytes: so small a picture may well not compress

_PNG_MOST = {  # chunks that say how the picture looks, and how long each may be
    "PLTE": 768,
    "IEND": 0,
    "tRNS": 256,
    "cHRM": 32,
    "gAMA": 4,
    "sBIT": 4,
    "sRGB": 1,
    "bKGD": 6,
    "hIST": 512,
    "pHYs": 9,
    "tIME": 7,
    "acTL": 8,
    "fcTL": 26,
    "cICP": 4,
    "mDCV": 24,
    "cLLI": 8,
    "oFFs": 9,
    "sCAL": 64,
}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WEBP_PLAIN = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM"])
_GIF_XMP = b"!\xff\x0bXMP DataXMP"
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"


def read_image(kind: str, data: bytes, path: str) -> Sequence[Part]:
    """Return the texts of an image, and opaque parts for what is neither text nor picture.

    Raises:
        ParseError: it is not what it begins as.

    """
    contents = Contents()
    _READERS[kind](data, path, contents)
    return contents.parts


def _behind(data: bytes, end: int, path: str, contents: Contents) -> None:
    """Note what stands behind an image's end. Cameras put a second, smaller picture there."""
    rest = data[end:].strip(b"\0")
    if rest.startswith(b"\xff\xd8\xff"):
        _jpeg(rest, f"{path}/@second", contents)
    elif rest:
        contents.opaque(path, len(data) - end, "image: bytes behind its end")


# --- PNG --------------------------------------------------------------------------------------------------------------


def _png_chunks(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Give each chunk's name and where it stands."""
    at = 8
    for _ in range(_MOST_BLOCKS):
        size = int.from_bytes(data[at : at + 4])
        name, end = data[at + 4 : at + 8], at + 12 + size
        if not name.isalpha() or end > len(data):
            raise ParseError("png: a chunk that is broken")
        yield name.decode("latin-1"), at + 8, end - 4
        at = end
        if name == b"IEND":
            return
    raise ParseError(f"png: more than {_MOST_BLOCKS} chunks")


def _png(data: bytes, path: str, contents: Contents) -> None:
    pixels = coded = end = 0
    frames = 1
    for number, (name, start, stop) in enumerate(_png_chunks(data)):
        if (number == 0) != (name == "IHDR"):
            raise ParseError("png: its header is not where it should be")
        if name == "IHDR":
            pixels = _png_pixels(data[start:stop])
        elif name in ("IDAT", "fdAT"):
            coded += stop - start
        elif name in _PNG_TEXTS:
            _PNG_TEXTS[name](data[start:stop], f"{path}/{name}", contents)
        elif name not in _PNG_MOST or stop - start > _PNG_MOST[name]:
            contents.opaque(f"{path}/{name}", stop - start, "png: a chunk that is not known, or longer than it can be")
        frames += name == "fcTL"
        end = stop + 4
    if coded > max(_SMALL, _NOISE * pixels * frames):
        contents.opaque(path, coded, "png: pixels that look like noise")
    _behind(data, end, path, contents)


def _png_pixels(header: bytes) -> int:
    """Return how many bytes the pixels of a PNG take."""
    if len(header) != 13 or header[9] not in _CHANNELS:  # noqa: PLR2004 - its fixed size
        raise ParseError("png: a header that is broken")
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    return height * (1 + (width * header[8] * _CHANNELS[header[9]] + 7) // 8)


def _png_text(data: bytes, path: str, contents: Contents) -> None:
    keyword, _, rest = data.partition(b"\0")
    _keyed(keyword, rest, "latin-1", path, contents)


def _png_packed_text(data: bytes, path: str, contents: Contents) -> None:
    keyword, _, rest = data.partition(b"\0")
    _keyed(keyword, _inflated(rest[1:], contents), "latin-1", path, contents)


def _png_wide_text(data: bytes, path: str, contents: Contents) -> None:
    keyword, _, rest = data.partition(b"\0")
    language, _, texts = rest[2:].partition(b"\0")
    translated, _, text = texts.partition(b"\0")
    contents.add(f"{path}/@language", decoded(language, "latin-1"))
    contents.add(f"{path}/@keyword", decoded(translated, "utf-8"))
    _keyed(keyword, _inflated(text, contents) if rest[:1] == b"\x01" else text, "utf-8", path, contents)


def _keyed(keyword: bytes, text: bytes, charset: str, path: str, contents: Contents) -> None:
    name = keyword.decode("latin-1")
    contents.add(f"{path}/@keyword", name)
    contents.add(path, decoded(text, charset), name)


def _png_profile(data: bytes, path: str, contents: Contents) -> None:
    name, _, rest = data.partition(b"\0")
    contents.add(f"{path}/@name", name.decode("latin-1"))
    read_profile(_inflated(rest[1:], contents), path, contents)


def _inflated(data: bytes, contents: Contents) -> bytes:
    stream = zlib.decompressobj()
    try:
        said = stream.decompress(data, _MOST_TEXT)
    except zlib.error:
        raise ParseError("image: a compressed text that is broken") from None
    if not stream.eof or stream.unused_data:
        raise ParseError("image: a compressed text that is cut short or too long")
    contents.spend(len(said))
    return said


# --- JPEG -------------------------------------------------------------------------------------------------------------

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP15 = 0xE0, 0xEF
_TABLES = frozenset([0xC4, 0xDB, 0xDD, 0xDC, 0xCC, *(0xC0 + n for n in range(16) if n not in (4, 8, 12))])


def _jpeg(data: bytes, path: str, contents: Contents) -> None:
    at = 2
    for _ in range(_MOST_BLOCKS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 2 or data[at] != 0xFF:  # noqa: PLR2004 - what every marker begins with
            raise ParseError("jpeg: a marker is missing")
        marker = data[at + 1]
        at += 2
        if marker == _EOI:
            _behind(data, at, path, contents)
            return
        size = int.from_bytes(data[at : at + 2])
        segment = data[at + 2 : at + size]
        if size < 2 or at + size > len(data):  # noqa: PLR2004 - it counts itself
            raise ParseError("jpeg: a segment that is cut short")
        at += size
        if marker == _SOS:
            at = _scan_end(data, at)
        elif marker == _COM:
            contents.add(f"{path}/comment", decoded(segment, "utf-8"), "comment")
        elif _APP0 <= marker <= _APP15:
            _app(marker - _APP0, segment, path, contents)
        elif marker not in _TABLES:
            contents.opaque(path, size, "jpeg: a segment that is not known")
    raise ParseError(f"jpeg: more than {_MOST_BLOCKS} segments")


def _scan_end(data: bytes, at: int) -> int:
    """Return where the coded pixels that begin at an offset end: at a marker that is neither stuffing nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise ParseError("jpeg: cut short")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:  # noqa: PLR2004 - RST0 to RST7
            return at
        at += 2


def _app(number: int, segment: bytes, path: str, contents: Contents) -> None:
    """Read what an application wrote beside the picture."""
    if segment.startswith(_EXIF):
        read_exif(segment[len(_EXIF) :], f"{path}/exif", contents)
    elif segment.startswith(_XMP):
        contents.add(f"{path}/xmp", decoded(segment[len(_XMP) :], "utf-8"), "xmp")
    elif segment.startswith(_XMP_MORE):
        contents.add(f"{path}/xmp", decoded(segment[len(_XMP_MORE) + 40 :], "utf-8"), "xmp")
    elif segment.startswith(b"ICC_PROFILE\0"):
        read_profile(segment[14:], f"{path}/icc", contents)
    elif segment.startswith(b"Photoshop 3.0\0"):
        _photoshop(segment[14:], f"{path}/photoshop", contents)
    elif not (
        (number == 0 and segment.startswith((b"JFIF\0", b"JFXX\0")) and len(segment) <= 14)  # noqa: PLR2004 - no thumbnail
        or (number == 14 and segment.startswith(b"Adobe") and len(segment) <= 12)  # noqa: PLR2004 - its fixed size
        or (number == 2 and segment.startswith(b"MPF\0"))  # noqa: PLR2004 - where a second picture stands
    ):
        read_strange(segment, f"{path}/app{number}", contents)


def _photoshop(data: bytes, path: str, contents: Contents) -> None:
    """Read Photoshop's resources: the IPTC fields are texts, of the others those that are."""
    at = 0
    while data[at : at + 4] == b"8BIM":
        at += 6
        at += (data[at] + 2) // 2 * 2 if at < len(data) else 0
        size = int.from_bytes(data[at : at + 4])
        kind, resource = int.from_bytes(data[at - 4 : at - 2]), data[at + 4 : at + 4 + size]
        where = f"{path}/{kind:04x}"
        if resource[:1] == b"\x1c":
            _iptc(resource, where, contents)
        elif size > 64:  # noqa: PLR2004 - numbers: resolutions, digests
            read_strange(resource, where, contents)
        at += 4 + (size + 1) // 2 * 2
    if data[at:].strip(b"\0"):
        contents.opaque(path, len(data) - at, "jpeg: bytes behind Photoshop's resources")


def _iptc(data: bytes, path: str, contents: Contents) -> None:
    at = 0
    while data[at : at + 1] == b"\x1c" and len(data) >= at + 5:
        size = int.from_bytes(data[at + 3 : at + 5])
        read_strange(data[at + 5 : at + 5 + size], f"{path}/{data[at + 1]}:{data[at + 2]}", contents)
        at += 5 + size
    if data[at:].strip(b"\0"):
        contents.opaque(path, len(data) - at, "jpeg: bytes behind IPTC's fields")


# --- GIF --------------------------------------------------------------------------------------------------------------


def _gif(data: bytes, path: str, contents: Contents) -> None:
    at = 13 + _colours(data[10:11])
    for _ in range(_MOST_BLOCKS):
        block = data[at : at + 1]
        if block == b";":
            _behind(data, at + 1, path, contents)
            return
        if block == b",":
            at = _sub_blocks(data, at + 11 + _colours(data[at + 9 : at + 10]))[1]
        elif data.startswith(_GIF_XMP, at):
            end = data.find(b"\x01\xff\xfe", at)  # a trailer that leads out of it, whatever its text is taken for
            contents.add(f"{path}/xmp", decoded(data[at + len(_GIF_XMP) : end], "utf-8"), "xmp")
            at = end + 258 if end >= 0 else len(data)
        elif block == b"!":
            label = data[at + 1 : at + 2]
            said, at = _sub_blocks(data, at + 2)
            _extension(label, said, path, contents)
        else:
            break
    raise ParseError("gif: broken, or with too many blocks")


def _colours(flags: bytes) -> int:
    """Return the size of the colour table that a byte of flags announces."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    out = bytearray()
    while at < len(data):
        size = data[at]
        out += data[at + 1 : at + 1 + size]
        at += 1 + size
        if not size:
            return bytes(out), at
    raise ParseError("gif: cut short")


def _extension(label: bytes, said: bytes, path: str, contents: Contents) -> None:
    if label == b"\xfe":
        contents.add(f"{path}/comment", decoded(said, "utf-8"), "comment")
    elif label == b"\xff" and said.startswith((b"NETSCAPE2.0", b"ANIMEXTS1.0")) and len(said) <= 16:  # noqa: PLR2004
        return
    elif label != b"\xf9" or len(said) > 4:  # noqa: PLR2004 - how an image is shown
        read_strange(said, f"{path}/extension", contents)


# --- WebP -------------------------------------------------------------------------------------------------------------


def _webp(data: bytes, path: str, contents: Contents) -> None:
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    _riff(data, 12, end, path, contents)
    _behind(data, end + (end & 1), path, contents)


def _riff(data: bytes, at: int, end: int, path: str, contents: Contents) -> None:
    for _ in range(_MOST_BLOCKS):
        if at >= end:
            return
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        start, stop = at + 8, at + 8 + size
        if stop > end:
            raise ParseError("webp: a chunk that is cut short")
        if name == b"EXIF":
            read_exif(data[start:stop].removeprefix(_EXIF), f"{path}/exif", contents)
        elif name == b"XMP ":
            contents.add(f"{path}/xmp", decoded(data[start:stop], "utf-8"), "xmp")
        elif name == b"ICCP":
            read_profile(data[start:stop], f"{path}/icc", contents)
        elif name == b"ANMF":
            _riff(data, start + 16, stop, path, contents)
        elif name not in _WEBP_PLAIN:
            contents.opaque(path, size, "webp: a chunk that is not known")
        at = stop + (size & 1)
    raise ParseError(f"webp: more than {_MOST_BLOCKS} chunks")


_PNG_TEXTS: dict[str, Callable[[bytes, str, Contents], None]] = {
    "tEXt": _png_text,
    "zTXt": _png_packed_text,
    "iTXt": _png_wide_text,
    "eXIf": read_exif,
    "iCCP": _png_profile,
}
_READERS: dict[str, Callable[[bytes, str, Contents], None]] = {
    "png": _png,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _webp,
}
