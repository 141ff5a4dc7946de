"""Where Presidio's recognizers may match, as patterns for the one scan. A superset each, and no import of Presidio.

The patterns are looser than the recognizers': they need not validate anything. A test generates texts from Presidio's
own expressions and checks that each is seen here. A pattern's name is the entity, then `.weak` where only a context
word lifts it above the least score, or `.context` for those words.
"""

import re
from functools import lru_cache

from dlp.core.finding import Confidence
from dlp.core.ports import Pattern

CONTEXT = {
    "US_BANK_NUMBER": ("check", "account", "acct", "bank", "save", "sav", "debit"),
    "US_DRIVER_LICENSE": ("driver", "license", "permit", "lic", "identification", "dls", "driving"),
    "US_ITIN": ("individual", "taxpayer", "itin", "tax", "payer", "tin"),
    "US_PASSPORT": ("us", "united", "states", "passport", "travel", "document"),
    "US_SSN": ("social", "security", "ssn", "ssid"),
    "DATE_TIME": ("date", "birthday"),
    "PHONE_NUMBER": ("phone", "number", "telephone", "cell", "mobile", "call"),
    "IP_ADDRESS": ("ip",),
}
"""Words that lift a weak match, each a part of every word in Presidio's list for the entity."""

LOW = frozenset({"PHONE_NUMBER"})
"""What without a context word is of low confidence, whatever its form."""

_MONTHS = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_BETWEEN = (
    r"[-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \xa0\xad\u200b\u2060\u3000()"
    r"\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]"
)
"""What may stand between the digits of a phone number: the punctuation that libphonenumber takes."""

_STRONG = {
    # Thirteen digits that begin with 1 are a time in milliseconds: Presidio takes no card there.
    "CREDIT_CARD": r"\b(?:[3456]\d{3}[- ]?\d{3,4}[- ]?\d{3,4}[- ]?\d{3}"
    r"|1\d{3}(?:\d{10}|[- ]\d{3,4}[- ]?\d{3,4}[- ]?\d{3}|\d{3,4}[- ]\d{3,4}[- ]?\d{3}|\d{6,8}[- ]\d{3}))",
    "US_ITIN": r"\b9\d{2}[- ]\d{2}[- ]\d{4}\b",
    "US_SSN": r"\b[0-9]{3}[- .][0-9]{2}[- .][0-9]{4}\b",
    "UK_NHS": r"\b[0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{4}\b",
    "CRYPTO": r"(?:bc1|[13])[a-z0-9]{25}",
    "DATE_TIME": rf"\d[-/.]\d{{1,2}}[-/.]\d|\d-{_MONTHS}|{_MONTHS}-\d",
    "EMAIL_ADDRESS": r"\S@\w[\w\-]*\.\w",
    "IP_ADDRESS": r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9a-f]::|::[0-9a-f]|:(?:[0-9a-f]{1,4}:){5}",
    "MEDICAL_LICENSE": r"[a-hj-mpr-ux][a-z9]\d{7}",
    "MAC_ADDRESS": r"\b[0-9a-f]{2}[:-](?:[0-9a-f]{2}[:-]){4}[0-9a-f]{2}\b|\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b",
    "UUID": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    "URL": r"[a-z0-9.\-]\.[a-z]{2}",
}

_COUNTRIES = (
    "A[LTZ]|B[GHRY]|C[HRYZ]|D[KO]|E[GS]|F[IOR]|G[BEILRT]|H[RU]|I[ELQST]|JO|K[WZ]|L[BCITUVY]|M[CDEKRTU]|N[LO]|P[KLST]"
    "|QA|R[OS]|S[ACEIKM]|T[LNR]|UA|V[AG]|XK"
)
_IBAN = (
    rf"(?:{_COUNTRIES})[0-9]{{2}}(?:[ -]?[A-Z0-9]{{4}}){{2}}[ -]?[A-Z0-9]{{3}}"
    r"|(?:A[DE]|B[AE]|DE|EE)[0-9]{2}(?:[ -]?[0-9]{4}){2}[ -]?[A-Z0-9]{3}"
)
"""The shortest that is valid anywhere has fifteen characters (Norway). Countries that could stand in hexadecimal digits
have at least eight decimal digits there, which keeps UUIDs out."""

_WEAK = {
    "US_BANK_NUMBER": r"\b[0-9]{8,17}\b",
    "US_DRIVER_LICENSE": r"\b(?:[A-Z]{1,2}[0-9]|[0-9]{6}|[0-9]{2,3}[A-Z]{2}|A-Z\]\][0-9]{2})",
    "US_ITIN": r"\b9\d{2}[- ]?\d{2}[- ]?\d{4}\b",
    "US_PASSPORT": r"\b[A-Z]?[0-9]{8,9}\b",
    "US_SSN": r"\b[0-9]{5}-[0-9]{4}\b|\b[0-9]{3}-[0-9]{6}\b|\b[0-9]{9}\b",
    "DATE_TIME": r"\b\d{1,2}/\d{2}",
    "IP_ADDRESS": r"::",
}

NAME_KEY = (
    r"(?:names?|surname|employees?|managers?|customers?|contacts?|persons?|people|authors?|reviewers?|assignees?|owners?"
    r"|patients?|recipients?|senders?|candidates?|applicants?|holder|signer|guest|member|attendees?|user)"
)
"""Keys under which a leaf of capitalised words is taken for a person's name."""

MODELLED = ("PERSON", "LOCATION", "NRP", "ORGANIZATION")
"""What only the model finds in free text."""

_CAPITAL = r"[^\W\d_a-z]"  # \p{Lu}, which `re` does not know, and what has no case


@lru_cache(maxsize=8192)
def is_supported(entity: str, words: tuple[str, ...]) -> bool:
    """Say whether one of `words`, lower case, is or holds a context word of the entity."""
    return any(own in word for word in words for own in CONTEXT[entity])


def anchor(entity: str) -> re.Pattern[str]:
    """Return an expression of which every match of the entity holds one, for texts in ASCII."""
    weak = [_WEAK[entity]] if entity in _WEAK else []
    return re.compile("|".join([_STRONG[entity], *weak]), re.IGNORECASE)


def patterns(*, ner: bool) -> list[Pattern]:
    """Return what to look for; with `ner`, the language model has to see every text."""
    found = [Pattern(entity, expression, ignore_case=True, finds=entity) for entity, expression in _STRONG.items()]
    found.append(Pattern("IBAN_CODE", _IBAN, ignore_case=True, finds="IBAN_CODE"))
    found += [
        Pattern(
            f"{entity}.weak",
            expression,
            ignore_case=True,
            finds=entity,
            alone=None,
            lifted_by=(f"{entity}.context",),
        )
        for entity, expression in _WEAK.items()
    ]
    found += [
        Pattern(f"{entity}.context", "|".join(words), ignore_case=True, finds=entity, alone=None, somewhere=True)
        for entity, words in CONTEXT.items()
    ]
    found.append(
        # The shortest number that is valid anywhere has four digits (Germany).
        Pattern(
            "PHONE_NUMBER",
            rf"\d(?:{_BETWEEN}{{0,4}}\d){{3}}",
            finds="PHONE_NUMBER",
            alone=Confidence.LOW,
            lifted_by=("PHONE_NUMBER.context",),
            somewhere=True,
        )
    )
    found.append(
        Pattern(
            "PERSON.key",
            rf"(?i:{NAME_KEY})(?:[\"'>:=\s]{{1,6}}{_CAPITAL}|[\"']?[,;\t\r\n|])",
            finds="PERSON",
            somewhere=True,
        )
    )
    found.append(Pattern("PERSON.leaf", rf"{_CAPITAL}\w", finds="PERSON", alone=None, somewhere=True))
    if ner:
        found += [Pattern(f"{entity}.model", "", finds=entity, slow=True) for entity in MODELLED]
    return found
