"""Pieces of an answer (RFC 9110, 14): what stands beside one is asked for with it, and cut off once it was judged.

A piece by itself may hold half a value, which nobody would know for one. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

EDGE = 256
"""How many bytes on either side of a piece are looked at together with it."""

_RANGE = re.compile(rb"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")
_CONTENT_RANGE = re.compile(rb"bytes[ \t]+([0-9]{1,15})-([0-9]{1,15})/(?:\*|([0-9]{1,15}))")
_ROWS = re.compile(rb"(?:[0-9]+-[0-9]+|\*)/(?:[0-9]+|\*)")
_BEGUN, _BROKEN = re.compile(rb"[\x80-\xbf]{0,3}"), re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,3}\Z")
_OF_BYTES = frozenset([b"content-md5", b"content-digest", b"digest"])  # RFC 9530: of what is sent, not of the whole


@dataclass(frozen=True, slots=True)
class Cut:
    """What of the bytes that came was asked for, `length` of them after `skip`, and how a head says so."""

    skip: int
    length: int
    content_range: bytes

    def of(self, data: bytes) -> tuple[bytes, "Cut"]:
        """Return what was asked for of the next bytes that come, and what of those that are to follow."""
        kept = data[self.skip :][: self.length]
        return kept, Cut(max(0, self.skip - len(data)), self.length - len(kept), self.content_range)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a client asks for: from `first` to `last`, where there is one; or the last `count` bytes."""

    first: int = 0
    last: int | None = None
    count: int | None = None

    def asked(self) -> bytes:
        """Return the `Range` that asks for it with what stands beside it."""
        if self.count is not None:
            return b"bytes=-%d" % (self.count + EDGE)
        end = b"" if self.last is None else b"%d" % (self.last + EDGE)
        return b"bytes=%d-%b" % (max(0, self.first - EDGE), end)


WHOLE = Piece()


def piece_of(range_: bytes) -> Piece | None:
    """Return what a `Range` asks for; None where that is not one piece in bytes."""
    match = _RANGE.fullmatch(range_.strip())
    if match is None:
        return None
    first, last, count = match.groups()
    if count is not None:
        return Piece(count=int(count)) if int(count) else None
    if last and int(last) < int(first):
        return None
    return Piece(int(first), int(last) if last else None)


def counts_rows(content_range: bytes) -> bool:
    """Return whether a `Content-Range` has no unit, as of lists whose rows are counted so: nothing is cut in two."""
    return _ROWS.fullmatch(content_range.strip()) is not None


def fits(content_range: bytes, length: int) -> bool:
    """Return whether a `Content-Range` says of so many bytes where they belong."""
    return _place(content_range, length) is not None


def cut(content_range: bytes, length: int | None, piece: Piece) -> Cut | None:
    """Return what of an answer of `length` bytes, where that is known, was asked for.

    None where its `Content-Range` does not fit it, or not all came that has to stand beside the piece.
    """
    place = _place(content_range, length)
    if place is None:
        return None
    start, end, total = place
    first, last = piece.first, end if piece.last is None else min(piece.last, end)
    if piece.count is not None:
        first = max(start, end + 1 - piece.count)
    if total is None or end < total - 1:
        if end - last < EDGE and (total is None or piece.count is not None):
            return None  # nobody knows whether this is the end
        last = min(last, end - EDGE)
    elif first > end:  # what was asked for is beyond the end, and only what stands before it came
        return Cut(0, 0, b"bytes */%d" % total)
    if first > last or start > max(0, first - EDGE):
        return None
    said = b"bytes %d-%d/%b" % (first, last, b"*" if total is None else b"%d" % total)
    return Cut(first - start, last - first + 1, said)


def _place(content_range: bytes, length: int | None) -> tuple[int, int, int | None] | None:
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None:
        return None
    start, end, total = int(match[1]), int(match[2]), int(match[3]) if match[3] else None
    if end < start or length not in (None, end - start + 1) or (total is not None and end >= total):
        return None
    return start, end, total


def characters(data: bytes, cut: Cut) -> bytes:
    """Return what came without what is left of a character of UTF-8 at either end of what was asked for beside."""
    begun, broken = _BEGUN.match(data), _BROKEN.search(data, cut.skip + cut.length)
    first = min(cut.skip, begun.end() if begun else 0)
    return data[first : broken.start() if broken else len(data)]


def told(fields: Sequence[tuple[bytes, bytes]], cut: Cut) -> tuple[tuple[bytes, bytes], ...]:
    """Return the fields of a head as they are for the piece that is cut out; digests of all that came are left out."""
    said = {b"content-range": cut.content_range, b"content-length": b"%d" % cut.length}
    return tuple((name, said.get(name.lower(), value)) for name, value in fields if name.lower() not in _OF_BYTES)
