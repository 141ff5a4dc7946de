"""What a text is by itself, whatever a session knows. Keys, states and units come again and again: looked at once.

A trait says that a closer look may find something; without it, that look finds nothing.
"""

import functools

from dlp.engine.alphabets import odd
from dlp.engine.encodings import telling, tells
from dlp.engine.sealed import sealed

ENCODED = 1
"""Something in it may be escaped, or decode to a text."""

UNREAD = 2
"""Something in it may be encoded so that nobody could read it."""

SEALED = 4
"""Something in it may be ciphertext or a hash, in an alphabet that is not base64 or hex."""

ODD = 8
"""Some run of it looks like anything but words, numbers and times."""

_REMEMBERED_TO = 64
_SEALED_FROM = 20


def traits(text: str) -> int:
    """Return the traits of a text, added up."""
    return _before(text) if len(text) <= _REMEMBERED_TO else _of(text)


def _of(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    found = 0
    told = telling(data)
    if told is None:
        found |= ENCODED | UNREAD
    elif told:
        found |= UNREAD
        if any(tells(run.encode(), opaque=False) for run in told):
            found |= ENCODED
    if len(text) >= _SEALED_FROM and any(sealed(text)):
        found |= SEALED
    return found | (ODD if odd(text) else 0)


_before = functools.lru_cache(maxsize=16_384)(_of)
