"""What stands beside the picture in images of several kinds: Exif, colour profiles, and bytes of no known format."""

import re
from typing import Literal

from dlp.core.errors import ParseError
from dlp.wire.container import Contents

_IFDS = frozenset([0x8769, 0x8825, 0xA005])  # the Exif, GPS and interoperability directories
_XP = frozenset([0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F])  # title, comment, author, keywords, subject of Windows
_MAKER_NOTE = 0x927C
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TEXTS, _PAIRS = frozenset([1, 2, 7]), frozenset([5, 10])
_PRINTABLE = re.compile(rb"[\x20-\x7e]{4,}")
_MOST_PROFILE = 16_384


def read_exif(data: bytes, path: str, contents: Contents) -> None:
    """Read Exif, a TIFF without a picture: every text in it, and every number that is written in one piece."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ParseError("exif: broken")
    left, seen = len(data), set[int]()
    directories = [int.from_bytes(data[4:8], order)]
    while directories:
        at = directories.pop()
        if at in seen or not 0 < at < len(data) - 2:
            continue
        seen.add(at)
        count = int.from_bytes(data[at : at + 2], order)
        for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 12), 12):
            tag, kind = (
                int.from_bytes(data[entry : entry + 2], order),
                int.from_bytes(data[entry + 2 : entry + 4], order),
            )
            size = _SIZES.get(kind, 1) * int.from_bytes(data[entry + 4 : entry + 8], order)
            start = entry + 8 if size <= 4 else int.from_bytes(data[entry + 8 : entry + 12], order)  # noqa: PLR2004
            value = data[start : start + size]
            left -= len(value)
            if left < 0 or len(value) < size:  # entries that share bytes, or reach beyond the end
                raise ParseError("exif: broken")
            if tag in _IFDS:
                directories.append(int.from_bytes(value, order))
            else:
                _exif_value(tag, kind, value, order, f"{path}/{tag:04x}", contents)
        directories.append(int.from_bytes(data[at + 2 + 12 * count : at + 6 + 12 * count], order))


def _exif_value(
    tag: int, kind: int, value: bytes, order: Literal["little", "big"], path: str, contents: Contents
) -> None:
    if tag == _MAKER_NOTE:
        _strings(value, path, contents)
    elif kind in _TEXTS:
        text = _comment(value)
        if tag in _XP or value.startswith(b"UNICODE\0"):
            says = decoded(text, "utf-16-le" if tag in _XP or order == "little" else "utf-16-be")
            contents.add(path, says.strip("\0"))
        else:
            read_strange(text, path, contents)
    elif kind in _PAIRS:
        numbers = [int.from_bytes(value[at : at + 4], order) for at in range(0, len(value) - 3, 4)]
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        contents.add(path, " ".join(f"{one / other:g}" if other else "" for one, other in pairs))
    elif len(value) <= 8:  # noqa: PLR2004 - a number or two
        contents.add(path, str(int.from_bytes(value, order)))
    else:
        read_strange(value, path, contents)


def _comment(value: bytes) -> bytes:
    """Return a user's comment without the name of its charset."""
    for charset in (b"ASCII\0\0\0", b"UNICODE\0", b"\0" * 8):
        if value.startswith(charset):
            return value[8:]
    return value


def read_profile(profile: bytes, path: str, contents: Contents) -> None:
    """Read a colour profile as what it is: numbers. One that is longer than they are is opaque."""
    if len(profile) > _MOST_PROFILE or profile[36:40] != b"acsp":
        contents.opaque(path, len(profile), "icc: longer than a profile, or none")
    _strings(profile, path, contents)


def _strings(data: bytes, path: str, contents: Contents) -> None:
    """Read what is text in something that is not: notes of cameras, names in a profile."""
    contents.add(path, b"\n".join(_PRINTABLE.findall(data)).decode("ascii"))


def read_strange(data: bytes, path: str, contents: Contents) -> None:
    """Read bytes of no known format: as text if they are, else as what cannot be read, if there is room for a value."""
    text = data.strip(b"\0 ")
    try:
        says = text.decode()
    except UnicodeDecodeError:
        says = "\0"
    if "\0" not in says:
        contents.add(path, says)
    elif len(text) > 8:  # noqa: PLR2004 - a number or two
        contents.opaque(path, len(data), "image: something that is not known")


def decoded(data: bytes, charset: str) -> str:
    """Return bytes as text in a charset, else in Latin-1, in which all are."""
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return data.decode("latin-1")
