"""Text that a model reads and a person does not see: which kinds of it a text holds, never what it says."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TAGS = re.compile("[\U000e0000-\U000e007f]")
# Format characters are found by their category; these are invisible and are of others.
_INVISIBLE = re.compile("[\u115f\u1160\u2800\u3164\uffa0\u17b4\u17b5\u034f\ufe00-\ufe0d\U000e0100-\U000e01ef]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
_ANSI = re.compile("\x1b[\\[\\]PX^_]|\x9b")
_COMMENT = re.compile(r"<!--|<!\[CDATA\[|<\?|^\s{0,3}\[(?://|comment|_)\]:", re.IGNORECASE | re.MULTILINE)
_UNSEEN = re.compile(
    r"<[a-z][^>]{0,500}?(?:\shidden(?=[\s>=/])|display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d]*[1-9])"
    r"|font-size\s*:\s*0(?![.\d]*[1-9])|color\s*:\s*(?:white|#fff\b|#ffffff\b|transparent))",
    re.IGNORECASE,
)
# Nobody scrolls this far, or this far to the right.
_FAR = re.compile(r"(?:[^\S\n]{120})|(?:\n[^\S\n]*){25}")
# A script in which the joiners change how letters look: Arabic and its like, and those of India.
_JOINED_SCRIPTS = tuple(
    "ARABIC SYRIAC MONGOLIAN NKO DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA "  # noqa: SIM905
    "KHMER MYANMAR".split()
)


def hidden_in(text: str) -> frozenset[str]:
    """Return the kinds of hidden text in `text`, such as `zero-width` or `comment`; empty where all is seen."""
    found: set[str] = set()
    if _COMMENT.search(text):
        found.add("comment")
    if _UNSEEN.search(text):
        found.add("unseen markup")
    if _FAR.search(text):
        found.add("far away")
    if _CONTROL.search(text):
        found.add("ansi" if _ANSI.search(text) else "control")
    if not text.isascii():
        found.update(_beyond_ascii(text))
    return frozenset(found)


def texts_in(thing: object) -> Iterator[str]:
    """Yield every text in a JSON value: strings and the names of members, at any depth."""
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, Iterable):
            waiting += one


def _beyond_ascii(text: str) -> Iterator[str]:
    if _BIDI.search(text):
        yield "bidi"
    if _TAGS.search(text) and not _is_flags(text):
        yield "tags"
    if _INVISIBLE.search(text):
        yield "invisible"
    for at, sign in enumerate(text):
        if sign < "\x80":
            continue
        if sign in _JOINERS or sign in _SELECTORS:
            if not _joins(text, at):
                yield "zero-width"
        elif unicodedata.category(sign) in ("Cf", "Co", "Cn", "Cs") and not (_BIDI.match(sign) or _TAGS.match(sign)):
            yield "zero-width" if unicodedata.category(sign) == "Cf" else "private"


def _joins(text: str, at: int) -> bool:
    """Tell whether a joiner or a selector stands where it changes what is seen: in an emoji, or between letters."""
    before = text[at - 1] if at else ""
    if before in _SELECTORS and before and text[at] not in _SELECTORS:
        before = text[at - 2] if at > 1 else ""
    if not before:
        return False
    if text[at] in _SELECTORS:
        return unicodedata.category(before) in ("So", "Sm", "Sk", "Po", "Nd", "Pd")
    after = text[at + 1] if at + 1 < len(text) else ""
    if unicodedata.category(before) in ("So", "Sk"):
        return bool(after) and unicodedata.category(after) == "So"
    return bool(after) and all(unicodedata.name(sign, "").startswith(_JOINED_SCRIPTS) for sign in (before, after))


_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")


def _is_flags(text: str) -> bool:
    """Tell whether all tag characters belong to flags of regions, which are written with them."""
    return not _TAGS.search(_FLAG.sub("", text))
