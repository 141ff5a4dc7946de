"""What machines write that looks like somebody's: lines of logs and of code, enumerated values, pieces of identifiers.

A name is only made less sure, of low confidence: whoever asks for low still hears of it. A form that is there by chance
is none.
"""

import re

_LOG = re.compile(
    r"[\s\[(\"']*(?:(?:ts|time|timestamp)=\S*[ \"]*)?(?:"
    r"\d{4}[-/]\d{2}[-/]\d{2}[T _]\d{2}:\d{2}|\d{2}[:/]\d{2}[:/]\d{2}\b|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}"
    r"|[IWEFD]\d{4} \d{2}:\d{2}|(?:level=|lvl=|<\d{1,3}>)"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b"
    r"|(?:npm|pip|error|warning|fatal|note|hint)(?: [A-Z]{3,5})?[: ] ?|Caused by:|Traceback|at [\w.$]+\()"
)
_CODE = re.compile(
    r"[{};]\s*$|=>|->|\b[A-Za-z_]{2,}::[A-Za-z_]|\(\)|[=!<>]=|&&|\|\||\w\(|\w\[|\]\s*[,)]?$|^\s*['\"][^'\"]*['\"],?\s*$|\b\w+\.\w+\(|^\s*@\w|[*&]\w+;?\s*$"
    r"|^\s*(?:#\s*(?:include|define|ifn?def|endif|if)\b|import\b|from\s+\S+\s+import\b|def\s|class\s|return\b|const\s|let\s"
    r"|var\s|func(?:tion)?\s|public\s|private\s|static\s|struct\s|typedef\s|enum\s|use\s|package\s|export\s|SELECT\s|File\s\")"
)
_CUED = re.compile(
    r"(?i)(?:\b(?:by|from|to|for|with|and|of|is|was|mr|mrs|ms|dr|prof|dear|hello|hi|called|named|\(c\)|[\u00a9]|(?:19|20)\d\d)[.,:]?"
    r"|\w*(?:user|name|customer|client|patient|author|owner|contact|sender|recipient|assignee|reviewer|employee|manager"
    r"|member|guest|person|holder|maintainer|attn)s?\w*[\"']?\s{0,2}[=:]?)[\s\"'(<\[]{0,4}\Z"
)
_DOES = re.compile(  # what persons do in logs; of two words at least, as a thing may do it too
    r" (?:has|is|was|logged|signed|changed|created|updated|deleted|removed|added|requested|approved|denied|asked|wrote"
    r"|sent|called|joined|left|uploaded|downloaded|paid|bought|ordered|booked|opened|closed|invited|replied|registered|viewed|shared)\b"
    r"|,? [<(\[]?[\w.+-]+@\w"
)
_REACH = 40
_LINE = 2000

_THINGS = frozenset(
    """
    product products app application apps service services language languages category categories brand plan
    tier environment env region zone cluster namespace node image kind type status state phase reason version
    label labels tag tags package module license licence framework library os platform device browser engine
    driver queue topic stream job task step stage action event events method operation function feature flag
    theme color colour font icon currency unit size format encoding protocol severity priority level mode
    strategy policy sku model edition release channel milestone project repo repository branch workflow pipeline
    runner table column index bucket collection schema
    """.split()  # noqa: SIM905  lists of words read best as words
)
"""Keys whose values are chosen from a list or are called after things; what they hold is nobody."""


_product = re.compile(r"(?:^|[\s(;,\"])[A-Za-z][\w.+-]*/\Z")
_products = re.compile(r"[A-Za-z][\w.+-]*/\d")
_assigned = re.compile(r"[\w.-]+[=?&/]")  # what is left of it is found as an address inside of a URL
_country = re.compile(r"\+\d{1,3}[ .-]?\Z")
_SHORTEST_LICENCE = 4
_NEAR = 64
_licence = re.compile(r"(?i)\blic").search


def is_chance(entity: str, text: str, start: int, end: int, context: str = "", words: tuple[str, ...] = ()) -> bool:
    """Say whether a number has a form by chance: it is a version, a piece of a longer identifier or of a phone number.

    One in ten nine-character pieces of hexadecimal passes for a medical licence, one in eleven telephone numbers for a
    number of the National Health Service. Presidio looks for context, which it finds in pieces of words: `v3` is a
    licence after `application`. `context` is the word that it took for support, `words` are those of the key.
    """
    match entity:
        case "IP_ADDRESS":
            return _is_version(text, start, end)
        case "MEDICAL_LICENSE":
            return text[max(0, start - 1) : start].isalnum() or text[end : end + 1].isalnum()
        case "UK_NHS":
            return _country.search(text, max(0, start - 6), start) is not None
        case "US_DRIVER_LICENSE":
            near = f"{text[max(0, start - _NEAR) : end]} {' '.join(words)}"
            return end - start < _SHORTEST_LICENCE or (context == "lic" and not _licence(near))
        case "EMAIL_ADDRESS":
            return _assigned.match(text, start, end) is not None
        case _:
            return False


def _is_version(text: str, start: int, end: int) -> bool:
    """Say whether four numbers are a version (RFC 9110, 10.1.5): of a product in a list, or one that ends in zeros."""
    before = text[max(0, start - _NEAR) : start]
    return _product.search(before) is not None and (_products.match(text) is not None or text[:end].endswith(".0.0"))


def is_thing(words: tuple[str, ...], name: str) -> bool:
    """Say whether a text under this key names a thing, by the last word of the key; `words` are all its words."""
    own = [word for word in words if word in name.lower()]
    return bool(own) and own[-1] in _THINGS


def is_odd_there(text: str, start: int, end: int, *, is_place: bool = False) -> bool:
    """Say whether a name is unlikely at this place: in code or a log where nothing promises one, or in capitals alone.

    Towns are written in capitals; a person of one word seldom is.
    """
    first = max(text.rfind("\n", 0, start) + 1, start - _LINE)
    last = text.find("\n", end)
    line = text[first : last if 0 <= last <= end + _LINE else end + _LINE]
    shown = text[start:end]
    if _CUED.search(text, max(first, start - _REACH), start):
        return False
    words = shown.split()
    if not is_place and len(words) == 1 and shown.isupper() and shown.isascii() and not line.isupper():
        return True
    if _LOG.match(line):
        return len(words) == 1 or not _DOES.match(text, end)
    is_quoted = len(words) > 1 and text[max(0, start - 1) : start] in ("'", '"') and text[end : end + 1] in ("'", '"')
    return not is_quoted and len(line) > len(shown) and _CODE.search(line) is not None
