"""Secrets that look like nothing in particular, known by the name they stand under: `password`, `api_key`."""

import re

from dlp.core.finding import Confidence
from dlp_secrets.formats import API_KEY, PASSWORD, PRIVATE_KEY, TOKEN, entropy

NAME = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|api[_.\- ]?key|apikey|access[_.\- ]?key|private[_.\- ]?key"
    r"|(?:master|signing|encryption|service|account|auth|client|app)[_.\- ]?(?:key|secret)|credentials?"
    r"|(?:access|auth|refresh|id|bearer|session|csrf|api)[_.\- ]?token|token|authorization)"
)
"""Names that promise a secret, as they are written in keys, columns, headers and settings."""

ASSIGNED = rf"{NAME}[A-Za-z0-9_]{{0,20}}[\"']?\s{{0,3}}(?:=>|:=|[:=])\s{{0,3}}[\"']?[^\s\"',;&]{{6,}}"
"""A name and its value in one text, as in a log line or a settings file; where to look, not what to report."""

_assigned = re.compile(
    rf"({NAME}[A-Za-z0-9_]{{0,20}})[\"']?\s{{0,3}}(?:=>|:=|[:=])\s{{0,3}}(?:[\"']([^\"'\n]{{6,512}})|([^\s\"',;&]{{6,512}}))",
    re.IGNORECASE,
)
_name = re.compile(rf"(?:^|[^a-z]){NAME}s?(?:$|[^a-z])", re.IGNORECASE)
_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_about = re.compile(
    r"(?:next|prev|previous|page|continuation|cursor|count|counter|total|usage|max|min|limit|per|type|expir\w*|length|policy"
    r"|hint|url|uri|endpoint|id|name|kind|reset|strength|required|enabled|changed|updated|created|at|in|status|state|used"
    r"|prompt|completion|input|output)",
    re.IGNORECASE,
)
_placeholder = re.compile(
    r"(?i)(?:x{3,}|\*{3,}|\.{3,}|<.*>|\$\{.*\}|\{\{.*\}\}|%\w+%|\$\w+|\[.*\]|your[_\- ].*|change.?me|example|redacted|"
    r"null|none|true|false|undefined|placeholder|(?:https?|ftp)://\S+)"
)
_code = re.compile(  # what stands unquoted after a name in code: a call, an index, a member, a constant, a template
    r"[{(\[<].*|[A-Za-z_][\w.]*[(\[{].*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+[)}\]]*|[A-Z][A-Z_]*[)}\]]*|[a-z]+(?:_[a-z]+)+[)}\]:]*"
).fullmatch
_before = re.compile(r"[A-Za-z0-9_-]+\Z")  # what the name begins with: `next_page_token` tells what no `token` does
_LONGEST_NAME = 40
_LEAST, _MOST = 6, 4096
_RANDOM = 3.0


def named_secret(name: str, value: str) -> tuple[str, Confidence] | None:
    """Return the entity of `value`, and how sure that is, where `name` promises a secret and the value may be one."""
    words = _camel.sub("_", name)
    if not _name.search(words) or _is_about_one(words):
        return None
    if not _LEAST <= len(value) <= _MOST or _placeholder.fullmatch(value.strip()):
        return None
    entity = _entity(words.lower())
    if entity == PASSWORD:
        return (entity, Confidence.HIGH) if len(value.split()) <= 1 or "phrase" in words.lower() else None
    if len(value.split()) > 1 or entropy(value) < _RANDOM or value.isalpha():
        return None
    return entity, Confidence.MEDIUM


def assigned_secrets(text: str) -> list[tuple[int, int, str, Confidence]]:
    """Return where `text` gives a value to a name that promises a secret: start, end, entity, confidence."""
    found = []
    for match in _assigned.finditer(text):
        group = 2 if match.group(2) is not None else 3
        if group == 3 and _code(match.group(3)):  # noqa: PLR2004  the group of what is not quoted
            continue
        before = _before.search(text, max(0, match.start() - _LONGEST_NAME), match.start())
        if judged := named_secret((before.group() if before else "") + match.group(1), match.group(group)):
            found.append((match.start(group), match.end(group), *judged))
    return found


def _is_about_one(words: str) -> bool:
    """Say whether the name speaks about a secret instead of holding one, as `token_type` and `next_page_token` do."""
    rest = re.sub(NAME, " ", words, flags=re.IGNORECASE)
    return any(_about.fullmatch(word) for word in re.findall(r"[a-z]+", rest, re.IGNORECASE))


def _entity(name: str) -> str:
    if "pass" in name or "pwd" in name:
        return PASSWORD
    if "private" in name:
        return PRIVATE_KEY
    if "token" in name or "authorization" in name:
        return TOKEN
    return API_KEY
