"""The written form of typed tokens: how one looks, and how look-alikes from elsewhere are kept apart."""

import re

TOKEN = re.compile(r"\[[A-Z][A-Z0-9_]{0,63}_[1-9][0-9]{0,17}\]")
"""A typed token such as `[EMAIL_1]`."""

_LOOKALIKE = re.compile(r"\[(?=~*[A-Z][A-Z0-9_]{0,63}_[1-9][0-9]{0,17}\])")
_ESCAPED = re.compile(r"\[~(?=~*[A-Z][A-Z0-9_]{0,63}_[1-9][0-9]{0,17}\])")


def write_token(kind: str, number: int) -> str:
    """Return the token of the `number`-th value of `kind`: `[EMAIL_1]`."""
    return f"[{kind}_{number}]"


def lookalikes(text: str) -> list[tuple[int, str]]:
    """Return where an upstream's text holds something token-shaped, escaped or not: offset of the bracket, the token.

    Escaping inserts one `~` after that bracket, so `[EMAIL_1]` becomes `[~EMAIL_1]` and `[~EMAIL_1]` becomes
    `[~~EMAIL_1]`; unescaping takes one away. The token is "" where the text was an escaped look-alike already.
    """
    if "[" not in text:
        return []
    found = []
    for match in _LOOKALIKE.finditer(text):
        token = TOKEN.match(text, match.start())
        found.append((match.start(), token.group() if token else ""))
    return found


def escapes(text: str) -> list[int]:
    """Return the offsets of the `~` that unescaping removes."""
    if "[~" not in text:
        return []
    return [match.start() + 1 for match in _ESCAPED.finditer(text)]
