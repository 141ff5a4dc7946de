"""Percent-encoding (RFC 3986 section 2.1), in paths and in forms."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from dlp.wire.leaf import Codec

_RUN = re.compile(r"(?:%[0-9a-fA-F]{2})++")
_RUN_OR_PLUS = re.compile(r"(?:%[0-9a-fA-F]{2})++|\+")


def percent_decode(raw: str, *, plus: bool) -> str:
    """Return what a percent-encoded text says: runs of escapes as UTF-8, else as Latin-1; `plus` makes `+` a space."""
    if "%" not in raw and not (plus and "+" in raw):
        return raw
    return "".join(says for _, says in _pieces(raw, _RUN_OR_PLUS if plus else _RUN))


def _pieces(raw: str, special: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    at = 0
    for match in special.finditer(raw):
        if match.start() > at:
            yield raw[at : match.start()], raw[at : match.start()]
        at = match.end()
        run = match.group()
        if run == "+":
            yield "+", " "
            continue
        data = bytes.fromhex(run.replace("%", ""))
        try:
            says, encoding = data.decode(), "utf-8"
        except UnicodeDecodeError:
            says, encoding = data.decode("latin-1"), "latin-1"
        start = 0
        for char in says:
            width = 3 * len(char.encode(encoding))
            yield run[start : start + width], char
            start += width
    if at < len(raw):
        yield raw[at:], raw[at:]


def _encode(text: str) -> str:
    # A space as %20: read alike in paths, queries and forms, which `+` is not.
    return quote(text, safe="")


PERCENT = Codec(
    encode=_encode,
    decode=lambda raw: percent_decode(raw, plus=False),
    whole=lambda text, _number: _encode(text),
    pieces=lambda raw: _pieces(raw, _RUN),
)
"""A path segment."""

PERCENT_PLUS = Codec(
    encode=_encode,
    decode=lambda raw: percent_decode(raw, plus=True),
    whole=lambda text, _number: _encode(text),
    pieces=lambda raw: _pieces(raw, _RUN_OR_PLUS),
)
"""A name or value of a query or form, where `+` is a space."""
