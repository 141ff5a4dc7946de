"""Archives and compressed files: zip (and the office documents that are zips), tar, gzip, bzip2, xz, zstd."""

import bz2
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

from dlp.core.errors import ParseError
from dlp.core.message import Part
from dlp.wire import coding
from dlp.wire.container import Contents
from dlp.wire.json_text import pointer
from dlp.wire.limits import TooLarge

type Inner = Callable[[bytes, str, str, int], None]

_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MAGIC, _DESCRIPTOR_MAGIC = b"PK\x03\x04", b"PK\x07\x08"
_ENCRYPTED, _HAS_DESCRIPTOR = 0x1, 0x8
# Extra fields that say when and whose: zip64, NTFS and Unix times, Unix ids, and what Java and Android put first.
_KNOWN_EXTRA = frozenset([0x0001, 0x000A, 0x000D, 0x5455, 0x5855, 0x7855, 0x7875, 0xCAFE, 0xD935])
_MOST_EXTRA = 64
_SLICE = 65536
_XZ_MEMORY = 48_000_000
_BLOCK = 512
# In office documents a text is cut into runs wherever its look changes: a paragraph, or a cell's text, is read whole.
_PARAGRAPH = re.compile(r".*/(?:w:p|a:p|si|is|text:p|text:h)(?:\[[0-9]+\])?(?=/|\Z)")
_RUN = re.compile(r"(?:w:t|a:t|t|text:span|text:p|text:h|w:delText|w:instrText)(?:\[[0-9]+\])?")


# --- zip --------------------------------------------------------------------------------------------------------------


def read_zip(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a zip archive: names, comments and what is in it; whatever no entry accounts for is opaque."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _zip(archive, data, path, contents, inner, depth)
    except (zipfile.BadZipFile, struct.error, ValueError, EOFError, NotImplementedError, OverflowError):
        raise ParseError(f"zip of {len(data)} bytes: broken") from None


def _zip(archive: zipfile.ZipFile, data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    contents.add(f"{path}/@comment", _says(archive.comment), "comment")
    at, seen = 0, set[str]()
    office = any(info.filename in ("[Content_Types].xml", "mimetype") for info in archive.infolist())
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        contents.enter()
        where = f"{path}/{pointer(info.filename)}"
        if info.filename in seen:
            raise ParseError("zip: two entries of one name")
        seen.add(info.filename)
        at = _accounted(data, info, at, where, contents)
        contents.add(f"{where}/@name", info.orig_filename, "filename")
        contents.add(f"{where}/@comment", _says(info.comment), "comment")
        if info.flag_bits & _ENCRYPTED:
            contents.opaque(where, info.compress_size, "zip: an encrypted entry")
            continue
        said = _inflated(archive, info, contents)
        if not info.is_dir() or said:
            first = len(contents.parts)
            inner(said, where, info.filename, depth + 1)
            if office and info.filename.endswith(".xml"):
                contents.extend(list(_paragraphs(contents.parts[first:])))
    if data[at : archive.start_dir].strip(b"\0"):
        contents.opaque(path, archive.start_dir - at, "zip: bytes between its entries and their list")


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo, contents: Contents) -> bytes:
    """Return what an entry holds; what its list says of its size is believed where that is too much."""
    if info.file_size > contents.left:
        contents.spend(info.file_size)
    out = io.BytesIO()
    try:
        with archive.open(info) as entry:
            while piece := entry.read(_SLICE):
                contents.spend(len(piece))
                out.write(piece)
    except (zlib.error, lzma.LZMAError, OSError, RuntimeError):
        raise ParseError("zip: an entry that cannot be unpacked") from None
    return out.getvalue()


def _accounted(data: bytes, info: zipfile.ZipInfo, at: int, where: str, contents: Contents) -> int:
    """Return where an entry ends; note what stands before it, and what its own header says that its list does not."""
    if at > info.header_offset:
        raise ParseError("zip: two entries share bytes")
    if at < info.header_offset and not _is_descriptor(data[at : info.header_offset]):
        contents.opaque(where, info.header_offset - at, "zip: bytes between entries")
    fields = _LOCAL.unpack(data[info.header_offset : info.header_offset + _LOCAL.size])
    magic, flags, name_length, extra_length = fields[0], fields[2], fields[9], fields[10]
    begin = info.header_offset + _LOCAL.size
    name = data[begin : begin + name_length]
    if magic != _LOCAL_MAGIC or name.decode("utf-8" if flags & 0x800 else "cp437", "replace") != info.orig_filename:
        raise ParseError("zip: an entry's header and its list say different things")
    for extra in (data[begin + name_length : begin + name_length + extra_length], info.extra):
        if not _known_extra(extra):
            contents.opaque(f"{where}/@extra", len(extra), "zip: an extra field that is not known")
    return int(begin + name_length + extra_length + info.compress_size)


def _is_descriptor(gap: bytes) -> bool:
    """Say whether bytes behind an entry are its checksum and sizes (or the zeros some tools align with)."""
    sizes = (16, 24) if gap.startswith(_DESCRIPTOR_MAGIC) else (12, 20)
    return len(gap) in sizes or not gap.strip(b"\0")


def _known_extra(extra: bytes) -> bool:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind not in _KNOWN_EXTRA or size > _MOST_EXTRA:
            return not extra.strip(b"\0")
        at += 4 + size
    return not extra[at:].strip(b"\0")


def _paragraphs(parts: Sequence[Part]) -> Iterator[Part]:
    """Give the texts of paragraphs and cells that are written in several runs, each as a whole."""
    runs: dict[str, list[str]] = {}
    for part in parts:
        match = _PARAGRAPH.match(part.path)
        if match and _RUN.fullmatch(part.path.rpartition("/")[2]):
            runs.setdefault(match.group(), []).append(part.text)
    for where, texts in runs.items():
        if len(texts) > 1:
            yield Part(where, "".join(texts), unstructured=True)


# --- tar --------------------------------------------------------------------------------------------------------------


def read_tar(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a tar archive: names, owners, links and files; what stands behind or between them is opaque."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            end = 0
            for info in archive:
                contents.enter()
                end = _tar_entry(archive, info, data, path, contents, inner, depth)
    except (tarfile.TarError, ValueError, EOFError, OverflowError):
        raise ParseError(f"tar of {len(data)} bytes: broken") from None
    if data[end:].strip(b"\0"):
        contents.opaque(path, len(data) - end, "tar: bytes behind its end")


def _tar_entry(
    archive: tarfile.TarFile,
    info: tarfile.TarInfo,
    data: bytes,
    path: str,
    contents: Contents,
    inner: Inner,
    depth: int,
) -> int:
    """Read one entry; return where it ends."""
    where = f"{path}/{pointer(info.name)}"
    for name, says in (
        ("name", info.name),
        ("linkname", info.linkname),
        ("uname", info.uname),
        ("gname", info.gname),
        *info.pax_headers.items(),
    ):
        contents.add(f"{where}/@{pointer(name)}", _printable(says), name)
        if name not in ("name", "linkname", "uname", "gname", "mtime", "atime", "ctime", "path", "linkpath", "size"):
            contents.add(f"{where}/@{pointer(name)}", _printable(name), name)
    if info.sparse is not None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
        contents.opaque(where, info.size, "tar: a kind of entry that is not read")
        return info.offset_data
    if not info.isreg():
        return info.offset_data
    if info.size > len(data):
        raise ParseError("tar: an entry longer than the archive")
    end = info.offset_data + info.size
    contents.spend(info.size)
    padded = -(-end // _BLOCK) * _BLOCK
    if data[end:padded].strip(b"\0"):
        contents.opaque(where, padded - end, "tar: bytes behind an entry")
    file = archive.extractfile(info)
    inner(file.read() if file is not None else b"", where, info.name, depth + 1)
    return padded


# --- compressed files -------------------------------------------------------------------------------------------------


def read_gzip(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a gzip file: the name and comment in its header, and what it holds."""
    at, out = 0, io.BytesIO()
    while at < len(data):
        contents.enter()
        start = _gzip_head(data, at, path, contents)
        at = start + _inflate(data[start:], out, contents) + 8  # the checksum and the size
        if at > len(data):
            raise ParseError("gzip: cut short")
    inner(out.getvalue(), path, "", depth + 1)


def _gzip_head(data: bytes, at: int, path: str, contents: Contents) -> int:
    """Read one member's header (RFC 1952); return where its stream begins."""
    flags = data[at + 3] if len(data) > at + 10 and data[at : at + 3] == b"\x1f\x8b\x08" else 0xFF
    if flags & 0xE0:
        raise ParseError(f"gzip: {len(data) - at} bytes that are no member")
    start = at + 10
    if flags & 0x04:
        size = int.from_bytes(data[start : start + 2], "little")
        contents.opaque(f"{path}/@extra", size, "gzip: an extra field")
        start += 2 + size
    for flag, name in ((0x08, "filename"), (0x10, "comment")):
        if flags & flag:
            end = data.find(b"\0", start)
            if end < 0:
                raise ParseError("gzip: a header without an end")
            contents.add(f"{path}/@{name}", _says(data[start:end]), name)
            start = end + 1
    return start + (2 if flags & 0x02 else 0)


def _inflate(data: bytes, out: io.BytesIO, contents: Contents) -> int:
    """Inflate a raw deflate stream into `out`; return how long it is."""
    stream = zlib.decompressobj(-15)
    piece = data
    try:
        while not stream.eof:
            given = stream.decompress(piece, _SLICE)
            contents.spend(len(given))
            out.write(given)
            piece = stream.unconsumed_tail
            if not given and not piece and not stream.eof:
                raise ParseError("gzip: cut short")
    except zlib.error:
        raise ParseError("gzip: broken") from None
    return len(data) - len(stream.unused_data)


def read_stream(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a bzip2, xz or zstd file."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        said = coding.decode(data, "zstd", limit=max(contents.left, len(data))).data
        contents.spend(len(said))
        inner(said, path, "", depth + 1)
        return
    out = io.BytesIO()
    left = data
    try:
        while left:
            contents.enter()
            stream = bz2.BZ2Decompressor() if left.startswith(b"BZh") else lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            piece = left
            while not stream.eof:
                given = stream.decompress(piece, _SLICE)
                piece = b""
                if not given and stream.needs_input:
                    raise ParseError("body: a compressed file that is cut short")
                contents.spend(len(given))
                out.write(given)
            left = stream.unused_data
    except MemoryError:
        raise TooLarge("xz: its dictionary is larger than what is read") from None
    except (OSError, lzma.LZMAError, EOFError):
        raise ParseError("body: a compressed file that is broken") from None
    inner(out.getvalue(), path, "", depth + 1)


def _says(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
