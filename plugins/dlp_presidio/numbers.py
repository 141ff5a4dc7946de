"""Numbers that a check digit, their groups or a word nearby tell: accounts, cards, telephones, licences."""
# ruff: noqa: E501, ARG001  expressions read best in one piece; all recognizers are asked alike

import re
from collections.abc import Iterator
from functools import lru_cache

from dlp.core.finding import Confidence
from dlp_presidio.cues import Context, Look, Seen, near

_iban = re.compile(
    r"(?i)(?<![a-z0-9])[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?![a-z0-9])", re.ASCII
)
_IBAN_LENGTHS = {  # of the ISO 13616 registry
    "ad": 24,
    "ae": 23,
    "al": 28,
    "at": 20,
    "az": 28,
    "ba": 20,
    "be": 16,
    "bg": 22,
    "bh": 22,
    "bi": 27,
    "br": 29,
    "by": 28,
    "ch": 21,
    "cr": 22,
    "cy": 28,
    "cz": 24,
    "de": 22,
    "dj": 27,
    "dk": 18,
    "do": 28,
    "ee": 20,
    "eg": 29,
    "es": 24,
    "fi": 18,
    "fk": 18,
    "fo": 18,
    "fr": 27,
    "gb": 22,
    "ge": 22,
    "gi": 23,
    "gl": 18,
    "gr": 27,
    "gt": 28,
    "hn": 28,
    "hr": 21,
    "hu": 28,
    "ie": 22,
    "il": 23,
    "iq": 23,
    "is": 26,
    "it": 27,
    "jo": 30,
    "kw": 30,
    "kz": 20,
    "lb": 28,
    "lc": 32,
    "li": 21,
    "lt": 20,
    "lu": 20,
    "lv": 21,
    "ly": 25,
    "mc": 27,
    "md": 24,
    "me": 22,
    "mk": 19,
    "mn": 20,
    "mr": 27,
    "mt": 31,
    "mu": 30,
    "ni": 28,
    "nl": 18,
    "no": 15,
    "om": 23,
    "pk": 24,
    "pl": 28,
    "ps": 29,
    "pt": 25,
    "qa": 29,
    "ro": 24,
    "rs": 22,
    "ru": 33,
    "sa": 24,
    "sc": 31,
    "sd": 18,
    "se": 24,
    "si": 19,
    "sk": 24,
    "sm": 27,
    "so": 23,
    "st": 25,
    "sv": 28,
    "tl": 23,
    "tn": 24,
    "tr": 26,
    "ua": 29,
    "va": 22,
    "vg": 24,
    "xk": 20,
    "ye": 30,
}
_card = re.compile(r"(?<![\w.+-])(?:\d[ -]?){11,18}\d(?![\w-]|\.\d)")
_grouped_card = re.compile(r"2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)([ -])\d{4}\1\d{4}\1\d{4}").fullmatch
_CARD_WORDS = r"card|credit|debit|\bcc\b|visa|master|amex|maestro|\bpan\b|payment"
_card_words = re.compile(f"(?i){_CARD_WORDS}")
_phone = re.compile(
    r"(?<![\w.+/=-])(?<!\d:)(?:\+|00)?(?:\(\d{1,5}\)|\d{1,5})(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,6}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?(?![\w/=-]|\.\d)"
)
_phone_run = re.compile(r"[+(\d][\d ./()+-]{5,}\d")  # a phone number lies in one, but for its extension
_phone_start = re.compile(r"(?<![\w.+/=-])[+(\d]")
_PHONE_WORDS = (
    r"phone|mobile|\bcell|\btel|\bfax|\bdesk|\bcall|\bdial|whatsapp|\bsms\b|\btext(?:ed|ing)?\b|messages?[ ]to|answer\w*[ ]at"
    r"|reach|registered|contact|\bring\b"
)
_says_something = re.compile(r"[^\W\d_]{2}").search
_SHAPED = 0.4
_FEWEST = 7
_phone_words = re.compile(f"(?i){_PHONE_WORDS}")
_phone_keys = re.compile(r"phone|mobile|^cell|^tel$|^fax$|whatsapp|msisdn")
_phone_shape = re.compile(
    r"\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?:x\d+)?|(?:\+|00)[1-9][\d ().-]{7,}|0\d{1,4}[ ]\d{2,4}(?:[ ]\d{2,4}){1,3}|(?:\d{2}[.-]){3,4}\d{2}"
)
_year_like = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d|(?:19|20)\d\d[-/ ](?:19|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}"
)
_licence = re.compile(
    r"(?i)\b(?:driv\w+(?:['\u2019]s)?[ ]licen[cs]e|licen[cs]e|permit|\bdl)(?:[ ](?:number|no\.?|id|#))?(?:[ ]is|:|=|#|)[ ]{1,2}([A-Z]?\d[A-Z\d]*(?:[- ][A-Z\d]*\d[A-Z\d]*){0,5})\b"
)

_FEWEST_DIGITS = 7
"""Of a phone number: the shortest local ones."""


def ibans(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give IBANs in small letters too, by their check digits (ISO 13616)."""
    for match in _iban.finditer(text):
        code = re.sub(r"[ -]", "", match.group()).upper()
        if len(code) != _IBAN_LENGTHS.get(code[:2].lower()):
            continue
        if int("".join(str(int(one, 36)) for one in code[4:] + code[:4])) % 97 == 1:  # ISO 7064
            yield "IBAN_CODE", *match.span(), 1.0, "iban"


def cards(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give numbers with a valid check digit that issuers of any kind give, where a word nearby speaks of a card.

    Or where they are grouped as on a card and of a range that Presidio does not know (Mastercard's of 2017).
    """
    for match in _card.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if not _luhn(digits) or digits[0] not in "123456":
            continue
        if any(map(_card_words.search, words)) or near(_card_words, text, *match.span(), 60):
            yield "CREDIT_CARD", *match.span(), 0.9, "card:cue"
        elif _grouped_card(match.group()):
            yield "CREDIT_CARD", *match.span(), 0.8, "card:groups"


def phones(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give digits in groups that are called a phone number, or are written as only phone numbers are."""
    if len(text) < _FEWEST:
        return
    called_so = _is_called_phone(words)
    if least > _SHAPED and not called_so and not _says_something(text):
        return
    for match in _phones(text):
        start, end = match.span()
        shown = match.group().strip()
        digits = sum(map(str.isdigit, shown))
        if not _FEWEST <= digits <= 15 or _year_like.fullmatch(shown):  # noqa: PLR2004  E.164, and the shortest local ones
            continue
        called = called_so or near(_phone_words, text, start, end, 40)
        shaped = (called or least <= _SHAPED) and _phone_shape.fullmatch(shown) is not None
        if called or shaped:
            yield "PHONE_NUMBER", start, end, 0.75 if called and shaped else 0.6 if called else _SHAPED, "phone:cue"


@lru_cache(maxsize=4096)
def _is_called_phone(words: Context) -> bool:
    return any(map(_phone_keys.search, words))


def _phones(text: str) -> Iterator[re.Match[str]]:
    done = 0
    for run in _phone_run.finditer(text):
        start = _phone_start.search(text, max(run.start(), done), run.end())
        while start is not None:
            place = start.start()
            if match := _phone.match(text, place):
                yield match
                done = match.end()
            start = _phone_start.search(text, match.end() if match else place + 1, run.end())


def licences(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give the number that follows the words driver's licence."""
    for match in _licence.finditer(text):
        if sum(map(str.isdigit, match.group(1))) >= 5:  # noqa: PLR2004  shorter ones are dates and counts
            yield "US_DRIVER_LICENSE", *match.span(1), 0.85, "licence:cue"


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number  # noqa: PLR2004  the sum of its two digits
    return total % 10 == 0


LOOKS: tuple[Look, ...] = (
    ("US_DRIVER_LICENSE.own", r"(?:licen[cs]e|permit|\bdl)\b[^\n]{0,16}\d", Confidence.HIGH),
    ("CREDIT_CARD.own", r"(?:\d[ -]?){12}", None),
    ("CREDIT_CARD.own-sure", r"\b2[2-7]\d\d[ -]\d{4}[ -]\d{4}[ -]\d{4}\b", Confidence.HIGH),
    ("CREDIT_CARD.own-context", _CARD_WORDS, None),
    ("IBAN_CODE.own", rf"\b(?:{'|'.join(_IBAN_LENGTHS)})\d{{2}}[ -]?[a-z0-9]{{4}}[ -]?[a-z0-9]{{4}}", Confidence.HIGH),
)
