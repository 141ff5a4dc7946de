"""What holds up nobody for long: a long text is looked through in pieces, and many things are freed bit by bit.

One call of C over megabytes, and one that frees a hundred thousand things, keep all other threads waiting.
"""

import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

_AT_ONCE = 16 * 1024  # of a text: an expression that looks everywhere takes half a millisecond for it
_BYTES_AT_ONCE, _OVER = 128 * 1024, 64
_BIT = 500
_CUT = re.compile(r"(?<=\")|(?<=[^\w\s+/=,;:.$%*-])(?=\s)|(?<=\s)(?=[^\w\s+/=,;:.$%*-])")
"""A place behind a quotation mark, or between a space and a sign: one that no number, no word and nothing encoded in
groups or lines is written with."""


BEHIND_LETTER = re.compile("(?<=[g-wyzG-WYZ])")
"""A place behind a letter that no number is written with, in whatever base up to sixteen."""


def matches(pattern: re.Pattern[str], text: str, cut: re.Pattern[str] = _CUT) -> Iterator[re.Match[str]]:
    """Give what `pattern.finditer(text)` gives, of a text cut where no match can lie across.

    INVARIANT: no match of the pattern, nor what it looks at behind one, goes on at a place that `cut` matches; for the
    usual cut: the pattern matches no text with a quotation mark in it, nor with a space and such a sign beside that,
    and looks no further around a match than one code point. A text without such places is one piece.
    """
    return pattern.finditer(text) if len(text) <= _AT_ONCE else _in_pieces(pattern, text, cut)


def _in_pieces(pattern: re.Pattern[str], text: str, cut: re.Pattern[str]) -> Iterator[re.Match[str]]:
    start, size = 0, len(text)
    while start < size:
        stop = start + _AT_ONCE
        place = None
        while place is None and stop < size:
            place = cut.search(text, stop, stop + _AT_ONCE)
            stop = stop + _AT_ONCE if place is None else place.start()
        yield from pattern.finditer(text, start, min(stop, size))
        start = stop


def is_in(pattern: re.Pattern[str], text: str, cut: re.Pattern[str] = _CUT) -> bool:
    """Return whether a pattern matches somewhere in a text, cut likewise."""
    return next(matches(pattern, text, cut), None) is not None


def short_matches(pattern: re.Pattern[str], text: str, longest: int) -> Iterator[re.Match[str]]:
    """Give what `pattern.finditer(text)` gives, for a pattern that looks ahead no further than it matches.

    INVARIANT: its matches take one code point at least; with what it looks at behind them, `longest` at most.
    """
    return pattern.finditer(text) if len(text) <= _AT_ONCE else _overlapping(pattern, text, longest)


def _overlapping(pattern: re.Pattern[str], text: str, longest: int) -> Iterator[re.Match[str]]:
    start, size = 0, len(text)
    while start < size:
        stop = start + _AT_ONCE
        for match in pattern.finditer(text, start, min(stop + longest, size)):
            if match.start() >= stop:  # of which the end may not be there
                break
            yield match
            start = match.end()
        start = max(start, stop)


def occurs[T: (str, bytes)](pattern: re.Pattern[T], data: T, longest: int = _OVER) -> bool:
    """Return whether a pattern is found, whose matches take at most `longest` signs and look at nothing around."""
    if len(data) <= _BYTES_AT_ONCE:
        return pattern.search(data) is not None
    return any(pattern.search(data, at, at + _BYTES_AT_ONCE + longest) for at in range(0, len(data), _BYTES_AT_ONCE))


def cut_up[T: (str, bytes)](data: T, size: int = _BYTES_AT_ONCE) -> Iterator[T]:
    """Give a text in pieces of one size, the last of which may be shorter."""
    return iter((data,)) if len(data) <= size else (data[at : at + size] for at in range(0, len(data), size))


def occurrences(pattern: re.Pattern[bytes], data: bytes) -> Iterable[bytes]:
    """Return what `pattern.findall(data)` returns, for a pattern without groups."""
    return pattern.findall(data) if len(data) <= _BYTES_AT_ONCE else map(itemgetter(0), pattern.finditer(data))


def let_go(*given: list[Any] | dict[Any, Any]) -> None:
    """Empty lists and dictionaries, a few things at a time."""
    for many in given:
        while many:
            if isinstance(many, list):
                del many[-_BIT:]
            else:
                many.popitem()
