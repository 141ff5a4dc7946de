"""Reading containers: what is in an archive, a document, a database or an image, in text.

Whatever of it is not read is an opaque part: entries that are encrypted, gaps between them, bytes behind the end.
"""

import mimetypes
from collections.abc import Callable, Sequence

from dlp.core.errors import ParseError
from dlp.core.message import Part
from dlp.wire import archives, body, images, pdf, sqlite_file
from dlp.wire.container import IMAGES, Contents, Packed, check_depth, sniff
from dlp.wire.limits import TooLarge

type Inner = Callable[[bytes, str, str, int], None]
"""Reads what is inside: bytes, path, file name, depth."""

_READERS: dict[str, Callable[[bytes, str, Contents, Inner, int], None]] = {
    "zip": archives.read_zip,
    "tar": archives.read_tar,
    "gzip": archives.read_gzip,
    "bzip2": archives.read_stream,
    "xz": archives.read_stream,
    "zstd": archives.read_stream,
    "pdf": pdf.read_pdf,
    "sqlite": sqlite_file.read_sqlite,
}


def warm() -> None:
    """Load the libraries that readers load when they are first used."""
    pdf.warm()


def unpack(packed: Sequence[Packed]) -> list[list[Part]]:
    """Return the parts of each container; the limits are for all of them together.

    Raises:
        TooLarge: they unpack to more than is read.

    """
    contents = Contents()

    def inner(data: bytes, path: str, name: str, depth: int) -> None:
        kind = sniff(data)
        if kind:
            _read(kind, data, path, contents, inner, depth)
        else:
            media = mimetypes.guess_type(name)[0] or ""
            contents.extend(body.read_section(data, media, path).parts)

    parts: list[list[Part]] = []
    for one in packed:
        first = len(contents.parts)
        _read(one.kind, one.data, one.prefix, contents, inner, 0)
        parts.append(contents.parts[first:])
    return parts


def _read(kind: str, data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    check_depth(depth)
    try:
        if kind in IMAGES:
            contents.extend(images.read_image(kind, data, path))
        else:
            _READERS[kind](data, path, contents, inner, depth)
    except TooLarge:
        raise
    except ParseError as error:
        contents.opaque(path, len(data), str(error))
