"""Which bytes are a container of others (archives, documents, databases), and how much of one is read.

Reading one takes libraries, time and memory: `Packed` is what to do where that can be limited; the readers are in
`dlp.wire.unpack`. Nothing in a container is ever rewritten.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.document import Document, opaque_document
from dlp.wire.limits import MAX_PARTS, MAX_PATHS, TooLarge

MAX_UNPACKED = 32_000_000
"""Bytes that one body may unpack to, all that is in it together."""

MAX_ENTRIES = 10_000
"""Entries of all archives in one body; objects of a document, tables of a database."""

MAX_DEEP = 4
"""Archives inside archives."""

_STARTS = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),  # without entries
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"%PDF-", "pdf"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
)
_TEXTUAL = re.compile(
    rb"(?:(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<gif>GIF8[79]a)|(?P<webp>RIFF....WEBPVP8))", re.DOTALL
)
"""Beginnings that a text could have as well: nothing but the whole of them counts, and a NUL somewhere in an image."""
_LETTERS = (b"BZh", b"GIF8", b"RIFF")
_TAR_MAGIC = slice(257, 262)
IMAGES = frozenset(["png", "jpeg", "gif", "webp"])
"""Containers that are walked block by block, at once."""


def sniff(data: bytes) -> str:
    """Return which container `data` begins as; "" for none that is read."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[_TAR_MAGIC] == b"ustar":
        return "tar"
    match = _TEXTUAL.match(data)
    kind = "" if match is None else match.lastgroup or ""
    return kind if kind == "bzip2" or b"\0" in data else ""


def may_hold(data: bytes) -> bool:
    """Return whether a container may begin somewhere inside `data`."""
    return any(start in data for start, _ in _STARTS) or b"ustar" in data or any(map(_holds, repeat(data), _LETTERS))


def _holds(data: bytes, letters: bytes) -> bool:
    """Return whether a textual beginning with these letters is in `data`; one search for all holds everybody up."""
    at = data.find(letters)
    while at >= 0 and not _TEXTUAL.match(data, at):
        at = data.find(letters, at + 1)
    return at >= 0


@dataclass(frozen=True, slots=True)
class Packed:
    """A container that is yet to be read; the paths of what is in it begin with `prefix`."""

    kind: str
    data: bytes = field(repr=False)
    prefix: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unpacking:
    """All containers of one body: what to do with them where it may take long."""

    packed: tuple[Packed, ...]

    def __call__(self) -> list[list[Part]]:
        """Return the parts of each container: opaque ones for what cannot be read.

        Raises:
            TooLarge: they unpack to more than is read.

        """
        from dlp.wire import unpack  # noqa: PLC0415 - it reads bodies, and bodies hold containers

        return unpack.unpack(self.packed)


class Packs:
    """The containers of one body: found by the first reading of it, and known to the next once they are unpacked."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bytes], Packed] = {}
        self._parts: dict[tuple[str, bytes], tuple[Part, ...]] = {}

    def document(self, kind: str, data: bytes, prefix: str) -> Document:
        """Return the document that a container is; opaque as long as it is not unpacked."""
        parts = self._parts.get((prefix, data))
        if parts is None:
            self._found[prefix, data] = Packed(kind, data, prefix)
            return opaque_document(prefix, len(data), f"{kind}: not unpacked")
        return Document(parts, refuse_edits)

    @property
    def unpacking(self) -> Unpacking | None:
        """What is to be done; None where there is nothing to unpack."""
        return Unpacking(tuple(self._found.values())) if self._found else None

    def take(self, unpacked: Sequence[Sequence[Part]]) -> None:
        """Take what `unpacking` returned."""
        self._parts = {key: tuple(parts) for key, parts in zip(self._found, unpacked, strict=True)}


class Contents:
    """What was found in a container so far, and what may still be."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._bytes = self._entries = self._paths = 0

    def add(self, path: str, text: str, name: str = "", kind: Kind = Kind.TEXT) -> None:
        """Take a text; one that is empty says nothing."""
        if text:
            self.extend([Part(path, text, kind, name, unstructured=kind is Kind.TEXT)])

    def opaque(self, path: str, length: int, why: str) -> None:
        """Take what cannot be read."""
        self.extend([Part(path, "", Kind.OPAQUE, length=length, why=why)])

    def extend(self, parts: Sequence[Part]) -> None:
        """Take parts."""
        self.parts += parts
        self._paths += sum(len(part.path) for part in parts)
        if len(self.parts) > MAX_PARTS or self._paths > MAX_PATHS:
            raise TooLarge(f"container: more than {MAX_PARTS} parts, or paths too long to keep")

    def spend(self, size: int) -> None:
        """Count bytes that were unpacked."""
        self._bytes += size
        if self._bytes > MAX_UNPACKED:
            raise TooLarge(f"container: unpacks to more than the {MAX_UNPACKED} bytes that are read")

    @property
    def left(self) -> int:
        """How many bytes may still be unpacked."""
        return MAX_UNPACKED - self._bytes

    def enter(self) -> None:
        """Count one more entry."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise TooLarge(f"container: more than {MAX_ENTRIES} entries")


def check_depth(depth: int) -> None:
    """Raise TooLarge where containers are nested deeper than is read."""
    if depth > MAX_DEEP:
        raise TooLarge(f"container: nested more than {MAX_DEEP} deep")


def refuse_edits(_edits: object) -> bytes:
    """Refuse to write what is in a container."""
    raise ParseError("edit: what is packed in an archive, document or image can be read but not rewritten")


def warm() -> None:
    """Load the libraries that read containers."""
    from dlp.wire import unpack  # noqa: PLC0415 - as above

    unpack.warm()
