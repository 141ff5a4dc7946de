"""What `dlp bench streams` sends to wear the proxy out: bodies that unpack to far more, nest too deep, or never end."""

import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import zstandard

_PIECE = 64 * 1024
_UNPACKED = 100_000_000
_ENDLESS = 100_000_000  # bytes of what never ends: by then it must be over


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def _nested(levels: int, width: int) -> bytes:
    """Return an archive of archives of archives; at the bottom, each holds a megabyte of zeros."""
    data = bytes(1_000_000)
    for level in range(levels):
        data = _zipped({f"{level}-{n}.zip": data for n in range(width)})
    return data


def _keys(count: int) -> bytes:
    return b"{" + b",".join(b'"%d":1' % n for n in range(count)) + b"}"


_JSON = "application/json"
_BODIES: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "gzip coding": (_JSON, "gzip", lambda: gzip.compress(bytes(_UNPACKED))),
    "gzip on gzip": (_JSON, "gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(_UNPACKED)))),
    "zstd coding": (_JSON, "zstd", lambda: zstandard.compress(bytes(_UNPACKED))),
    "zip": ("application/zip", "", lambda: _zipped({"a": bytes(_UNPACKED)})),
    "xz": ("application/x-xz", "", lambda: lzma.compress(bytes(_UNPACKED))),
    "archives in archives": ("application/zip", "", lambda: _nested(6, 4)),
    "60,000 keys of JSON": (_JSON, "", lambda: _keys(60_000)),
    "125,000 keys of JSON": (_JSON, "", lambda: _keys(125_000)),
    "250,000 keys of JSON": (_JSON, "", lambda: _keys(249_000)),
    "600,000 keys of JSON": (_JSON, "", lambda: _keys(600_000)),
    "a million keys of JSON": (_JSON, "", lambda: _keys(1_000_000)),
    "a million items of JSON": (_JSON, "", lambda: b"[" + b"1," * 1_000_000 + b"1]"),
    "JSON nested 100,000 deep": (_JSON, "", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "XML nested 100,000 deep": ("application/xml", "", lambda: b"<a>" * 100_000 + b"</a>" * 100_000),
    "a million elements of XML": ("application/xml", "", lambda: b"<a>" + b"<b/>" * 1_000_000 + b"</a>"),
    "a million cells": ("text/csv", "", lambda: b"a,b\n" + b"1,2\n" * 500_000),
    "a million fields of a form": ("application/x-www-form-urlencoded", "", lambda: b"a=1&" * 1_000_000),
    "a million fields of protobuf": ("application/x-protobuf", "", lambda: b"\x08\x01" * 1_000_000),
}
BODIES = tuple(_BODIES)
"""Names of what goes both ways."""

ENDLESS = ("an event without an end", "a line without an end", "an event that unpacks to gigabytes")
"""Names of answers that do not end by themselves."""

LYING = ("a body shorter than it says", "a coding that it is not")
"""Names of answers that are not what their head says."""


@cache
def body(name: str) -> tuple[str, str, bytes]:
    """Return media type, content coding and bytes of one of `BODIES`."""
    media, coding, make = _BODIES[name]
    return media, coding, make()


@cache
def _event() -> bytes:
    return gzip.compress(b"data: " + b"x" * _UNPACKED)


def answer(name: str) -> Iterator[bytes]:
    """Give one of all these as an HTTP/1.1 answer, piece by piece."""
    if name in BODIES:
        media, coding, data = body(name)
        yield _head(media, coding, len(data))
        for at in range(0, len(data), _PIECE):
            yield data[at : at + _PIECE]
    elif name in ENDLESS:
        packed = name == ENDLESS[2]
        media = "application/x-ndjson" if name == ENDLESS[1] else "text/event-stream"
        yield _head(media, "gzip" if packed else "", None)
        if packed:
            yield _event()
            return
        yield b'{"a": "' if name == ENDLESS[1] else b"data: "
        for _ in range(_ENDLESS // _PIECE):
            yield b"word " * (_PIECE // 5)
    elif name == LYING[0]:
        yield _head("text/plain", "", 1_000_000)
        yield b"a few words"
    else:
        yield _head("text/plain", "gzip", 11)
        yield b"a few words"


def _head(media: str, coding: str, length: int | None) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {media}", "Connection: close"]
    lines += [f"Content-Encoding: {coding}"] if coding else []
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join((*lines, "", "")).encode()
