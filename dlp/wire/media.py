"""Media types (RFC 9110 section 8.3) and the parameters of a header value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dlp.core.errors import ParseError

_TYPE = re.compile(r"\s*([^\s;,/]+/[^\s;,]+)\s*(?=;|\Z)")
_PARAMETER = re.compile(r""";\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*(?=;|\Z)""")
_EMPTY = re.compile(r"\s*;?\s*\Z")
_MAX_CACHED = 256  # code points: a thousand of these may be kept
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case, "" where there is none to be read, and its parameters by lower-case name."""

    name: str
    parameters: Mapping[str, str] = field(repr=False)


def read_media_type(header: str) -> MediaType:
    """Return what a `Content-Type` value says.

    Raises:
        ParseError: a parameter stands there twice with different values, so that readers differ.

    """
    return _cached(header) if len(header) <= _MAX_CACHED else _read(header)


def _read(header: str) -> MediaType:
    match = _TYPE.match(header)
    if match is None:
        return MediaType("", {})
    parameters: dict[str, str] = {}
    at = match.end()
    while parameter := _PARAMETER.match(header, at):
        name, quoted, plain = parameter.groups()
        name = name.lower()
        says = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        if parameters.setdefault(name, says) != says:
            raise ParseError("content-type: a parameter stands there twice")
        at = parameter.end()
    if not _EMPTY.match(header, at) and re.search("charset|boundary", header[at:], re.IGNORECASE):
        raise ParseError("content-type: parameters that cannot be read")
    return MediaType(match.group(1).lower(), parameters)


_cached = lru_cache(maxsize=1024)(_read)
