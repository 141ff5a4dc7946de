"""How much of one body is read before it is given up: sizes, depths, counts."""

from typing import Any

from dlp.core.errors import ParseError

MAX_DEPTH = 200
"""Nesting of JSON containers or XML elements."""

MAX_PARTS = 250_000
"""Parts of one body: 125,000 members and their keys. More would take 64 MB, and keep a processor busy for seconds."""

MAX_PATHS = 128_000_000
"""Code points of all paths of one body together; one long key above a million leaves would else fill the memory."""

MAX_CODINGS = 4
"""Content codings stacked on one body."""

MAX_MEMBERS = 1000
"""Members of one gzip, or frames of one zstd: an empty one costs far more to read than to send."""

MAX_NESTING = 5
"""Multipart inside multipart."""

AT_ONCE = 128 * 1024
"""Of a text: what looks through more in one call keeps everybody waiting."""

_BIT = 500  # objects that are freed at once


def check_count(text: str, signs: str, what: str) -> None:
    """Raise ParseError where a text has so many of these signs that it has more parts than are read.

    To count them takes a thousandth of the time that reading takes. They may stand in values as well: hence the room.
    """
    if sum(map(text.count, signs)) > MAX_PARTS * 5 // 4:
        raise ParseError(f"{what}: more than {MAX_PARTS} parts")


def holds(data: bytes, sign: bytes) -> bool:
    """Return whether some bytes stand in others."""
    if len(data) <= AT_ONCE:
        return sign in data
    return any(data.find(sign, at, at + AT_ONCE + len(sign)) >= 0 for at in range(0, len(data), AT_ONCE))


def let_go(items: list[Any]) -> None:
    """Free what was read in vain bit by bit: all of it at once would hold everybody up for 100 ms."""
    while items:
        del items[-_BIT:]


class TooLarge(ParseError):  # noqa: N818 - the name says what it is; every caller reads it as an outcome
    """A body is larger, once decoded, than what is read."""


class Invalid(ParseError):  # noqa: N818 - the same
    """A text is not of the format it was read as; it may well be of another."""
