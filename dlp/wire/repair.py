"""What headers say of a body, made right after the body changed."""

from collections.abc import Sequence

from dlp.core.errors import ParseError

_LENGTH = b"content-length"
# They hold for the bytes as they were. A weak ETag goes too: what was edited is not equivalent to anything cached.
_STALE = frozenset([b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges"])
_SIGNED = frozenset([b"signature", b"signature-input"])  # RFC 9421: they may cover the digests that are dropped


def repair_headers(
    headers: Sequence[tuple[bytes, bytes]], *, edited: bool, length: int
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that fit a body of `length` bytes; as they were, if it was not `edited`.

    Digests, validators and signatures over them are dropped. `Content-Length` is set where it or nothing frames the
    body; a chunked message stays chunked.

    Raises:
        ParseError: the body is one range of a larger one, which cannot be edited without the rest.

    """
    if not edited:
        return tuple(headers)
    kept: list[tuple[bytes, bytes]] = []
    framed = any(name.lower() == b"transfer-encoding" for name, _ in headers)
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-range":
            raise ParseError("content-range: a part of a larger body cannot be edited")
        if lower in _STALE or lower in _SIGNED:
            continue
        if lower == _LENGTH:
            if framed:
                continue  # Set already, or chunked.
            framed = True
            kept.append((name, b"%d" % length))
            continue
        kept.append((name, value))
    if not framed:
        kept.append((b"content-length", b"%d" % length))
    return tuple(kept)
