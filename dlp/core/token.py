"""The written form of typed tokens: how one looks, and how look-alikes from elsewhere are kept apart."""

import re

TOKEN = re.compile(r"\[[A-Z][A-Z0-9_]{0,63}_[1-9][0-9]{0,17}\]")
"""A typed token such as `[EMAIL_1]`."""

_BODY = r"[A-Z][A-Z0-9_]{0,63}_[1-9][0-9]{0,17}"
_OPEN = r"(?:\[|%5[Bb])"  # links carry the bracket percent-encoded
_CLOSE = r"(?:\]|%5[Dd])"
_LOOKALIKE = re.compile(rf"{_OPEN}(?=(~*)({_BODY}){_CLOSE})")
_ESCAPED = re.compile(rf"{_OPEN}~(?=~*{_BODY}{_CLOSE})")


def write_token(kind: str, number: int) -> str:
    """Return the token of the `number`-th value of `kind`: `[EMAIL_1]`."""
    return f"[{kind}_{number}]"


def lookalikes(text: str) -> list[tuple[int, str]]:
    """Return where an upstream's text holds something token-shaped, escaped or not: offset after the bracket, token.

    Escaping inserts one `~` there, so `[EMAIL_1]` becomes `[~EMAIL_1]` and `[~EMAIL_1]` becomes `[~~EMAIL_1]`;
    unescaping takes one away. The token is "" where the text was an escaped look-alike already.
    """
    if "[" not in text and "%5" not in text:
        return []
    return [(match.end(), "" if match[1] else f"[{match[2]}]") for match in _LOOKALIKE.finditer(text)]


def escapes(text: str) -> list[int]:
    """Return the offsets of the `~` that unescaping removes."""
    if "~" not in text:
        return []
    return [match.end() - 1 for match in _ESCAPED.finditer(text)]


def unescaped(text: str) -> str:
    """Return a text as it stood at the upstream that it came from."""
    return _ESCAPED.sub(lambda match: match[0][:-1], text)
