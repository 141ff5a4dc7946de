"""Calendars, cards and LDIF (RFC 5545, 6350, 2849): a text whose long lines are folded, and read unfolded."""

import re
from collections.abc import Iterator

from dlp.core.message import Part
from dlp.wire.leaf import Codec, Leaves
from dlp.wire.limits import Invalid

_FOLD = re.compile(r"\r?\n[ \t]")


def read_folded(text: str, prefix: str, into: Leaves) -> None:
    """Read the whole text, unfolded, into `into` as one part.

    Raises:
        Invalid: no line in it is folded.

    """
    if not _FOLD.search(text):
        raise Invalid("folded: no line is")
    into.add(Part(prefix, _unfolded(text), unstructured=True), 0, len(text), _FOLDED)


def _unfolded(raw: str) -> str:
    return _FOLD.sub("", raw)


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    done = 0
    for match in _FOLD.finditer(raw):
        yield raw[done : match.start()], raw[done : match.start()]
        yield match.group(), ""
        done = match.end()
    yield raw[done:], raw[done:]


_FOLDED = Codec(encode=str, decode=_unfolded, whole=lambda text, _number: text, pieces=_pieces)
