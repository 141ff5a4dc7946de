"""Stand-ins for values, in the shape that a place asks for: texts and numbers that are nobody else's.

An address is at the operator's own domain, a card has its check digit under a number that no bank issues, a telephone
is of a country or an area that there is not. What cannot be made so is not made.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dlp.core.errors import ParseError
from dlp.core.message import Form
from dlp.wire.ecma_pattern import Pattern

type Says = Mapping[str, Any]
"""What a schema (JSON Schema) says of one text or number, by keyword."""

MANY = 2**29
"""Of how many a stand-in has to be one: fewer, and honest texts would be taken for stand-ins by chance."""

DOMAIN = "stand-in.example.com"
"""Where stand-ins are addresses at, unless the operator names a domain of its own: reserved (RFC 2606), nobody's."""

_WIDTHS = (12, 10, 8, 6, 4, 16, 24, 3, 2, 1)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_LONGEST = 256
_EXACT = 2**53  # from here on some readers round whole numbers
_DIGITS = 15  # of a number that all readers keep as it is written


@dataclass(frozen=True, slots=True)
class Meant:
    """What a stand-in is for: the entities of its value's classes, and the domain at which it is an address."""

    entities: frozenset[str] = frozenset()
    domain: str = DOMAIN

    def forms(self, seed: int, *, number: bool) -> Iterator[Form]:
        """Give ways to write a card or a telephone number that is nobody's, where one of these is meant."""
        for entity in sorted(self.entities & KINDS.keys()):
            for text in KINDS[entity](seed):
                if not number or (text.isdigit() and text[0] != "0" and int(text) < _EXACT):
                    yield Form(text, number=number)

    def addresses(self, seed: int) -> Iterator[str]:
        """Give addresses at the domain."""
        for width in (16, 10, 6):
            word = _text(seed, width)
            yield from (f"{word}@{self.domain}", f"https://{self.domain}/{word}", f"{word}.{self.domain}")

    def is_foreign(self, text: str) -> bool:
        """Return whether a text may be an address elsewhere, or, where it stands for one, somebody's number."""
        hosts = [match[1].lower() for match in _HOSTS.finditer(text)]
        if any(host != self.domain and not host.endswith(f".{self.domain}") for host in hosts):
            return True
        return not self.entities.isdisjoint(KINDS) and sum(map(str.isdigit, text)) >= _FEWEST_DIGITS


def stand_ins(says: Says, patterns: Sequence[str], seed: int, meant: Meant, *, number: bool) -> Iterator[Form]:
    """Give texts, or numbers, that may be admitted, in the order in which they should be tried."""
    yield from meant.forms(seed, number=number)
    if number:
        yield from (form for form in _numbers(says, seed) if not meant.is_foreign(form.text))
        return
    if says.get("format") in _MADE:
        yield Form(_MADE[says["format"]](_text(seed, 16), seed, meant.domain))
    for text in _described(patterns[0], seed) if patterns else _plain(says, seed):
        if not meant.is_foreign(text):
            yield Form(text)
    if patterns:
        yield from map(Form, meant.addresses(seed))


def _text(seed: int, length: int) -> str:
    """Return letters and digits, a letter first."""
    out = [_LETTERS[seed % 26]]
    for _ in range(length - 1):
        seed, at = divmod(seed, len(_LETTERS))
        out.append(_LETTERS[at])
    return "".join(out)


def _described(pattern: str, seed: int) -> Iterator[str]:
    """Give texts that a pattern describes, the length that is liked best first."""
    for width in _WIDTHS:
        try:
            text, choices = Pattern(pattern).text(seed, width)
        except ParseError:
            continue
        if choices >= MANY:
            yield text


def _plain(says: Says, seed: int) -> Iterator[str]:
    if length := _length(says):
        yield _text(seed, length)


def _cards(seed: int) -> Iterator[str]:
    """Give numbers with the right check digit (ISO/IEC 7812) under which no bank issues cards."""
    for issuer in ("999999", "424242", "555555"):  # the first is nobody's at all, the others are for tests
        body = f"{issuer}{seed % 10**9:09}"
        doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in body[::2])
        number = f"{body}{-(doubled + sum(map(int, body[1::2]))) % 10}"
        groups = [number[at : at + 4] for at in range(0, 16, 4)]
        yield from (number, " ".join(groups), "-".join(groups))


def _phones(seed: int) -> Iterator[str]:
    """Give numbers that nobody is given: of a country or an area that there is not (ITU-T E.164, NANP)."""
    for written in _NOBODYS:
        digits = iter(f"{seed % 10 ** written.count('#'):0{written.count('#')}}")
        yield "".join(next(digits) if sign == "#" else sign for sign in written)


_NOBODYS = (
    *("+999##########", "+999 ### ### ####", "+10#########", "+1 0## ### ####", "+1-0##-###-####", "+1 (0##) ###-####"),
    *("999##########", "0##-###-####", "(0##) ###-####", "0##.###.####", "0#########", "00999##########"),
)
KINDS: Mapping[str, Callable[[int], Iterator[str]]] = {"CREDIT_CARD": _cards, "PHONE_NUMBER": _phones}
"""Entities whose numbers are other people's if they are made at random, and how they are made so that they are not."""

_FEWEST_DIGITS = 7
_HOSTS = re.compile(r"(?:@|//|^)((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63})(?![A-Za-z0-9.-])")


def _length(says: Says) -> int:
    least, most = says.get("minLength", 0), says.get("maxLength", 12)
    wanted = max(least, min(most, 12)) if isinstance(least, int) and isinstance(most, int) else 12
    return wanted if len(_LETTERS) ** wanted >= MANY and wanted <= _LONGEST else 0


def _date(seed: int) -> str:
    """Return a day in a year that nobody writes about."""
    seed, year = divmod(seed, 4999)
    month, day = divmod(seed % 336, 28)
    return f"{5000 + year}-{month + 1:02}-{day + 1:02}"


def _clock(seed: int) -> str:
    seed, nanos = divmod(seed, 10**9)
    return f"{seed % 24:02}:{seed // 24 % 60:02}:{seed // 1440 % 60:02}.{nanos:09}Z"


def _groups(seed: int, count: int, size: int) -> list[str]:
    return [f"{seed >> (size * 4 * at) & (16**size - 1):0{size}x}" for at in range(count)]


def _uuid(_word: str, seed: int, _domain: str) -> str:
    """Return a UUID of version 8, which is anybody's own (RFC 9562)."""
    one, two, three, four, five, six = _groups(seed, 6, 4)
    return f"{one}{two}-{three}-8{four[1:]}-a{five[1:]}-{six}{''.join(_groups(seed >> 96, 2, 4))}"


_MADE: Mapping[str, Callable[[str, int, str], str]] = {
    "email": lambda word, _, domain: f"{word}@{domain}",
    "idn-email": lambda word, _, domain: f"{word}@{domain}",
    "hostname": lambda word, _, domain: f"{word}.{domain}",
    "idn-hostname": lambda word, _, domain: f"{word}.{domain}",
    "uri": lambda word, _, domain: f"https://{domain}/{word}",
    "iri": lambda word, _, domain: f"https://{domain}/{word}",
    "uuid": _uuid,
    "date": lambda _word, seed, _domain: _date(seed),
    "time": lambda _word, seed, _domain: _clock(seed),
    "date-time": lambda _word, seed, _domain: f"{_date(seed)}T{_clock(seed // 10**9)}",
    # A network that is nobody's (RFC 1112), and one for documentation (RFC 3849).
    "ipv4": lambda _word, seed, _domain: f"{240 + seed % 15}.{seed >> 8 & 255}.{seed >> 16 & 255}.{seed >> 24 & 255}",
    "ipv6": lambda _word, seed, _domain: ":".join(["2001", "db8", *_groups(seed, 6, 4)]),
}


def _numbers(says: Says, seed: int) -> Iterator[Form]:
    """Give a whole number of 16 digits where there is room for it, else one of 15 digits between the bounds."""
    low, high = _bounds(says)
    types = says.get("type")
    step = says.get("multipleOf", 1)
    whole = types == "integer" or (isinstance(types, list) and "integer" in types and "number" not in types)
    least, most = max(low, Decimal(2**52)), min(high, Decimal(_EXACT - 1))
    if most - least < MANY:
        least = max(low, Decimal(-_EXACT + 1))
    if isinstance(step, int) and step > 0 and (most - least) // step >= MANY:
        start = -(-int(least) // step) + 1
        yield Form(str(step * (start + seed % int((most - least) // step - 1))), number=True)
    if not whole and "multipleOf" not in says:
        share = Decimal(seed % 10**_DIGITS) / 10**_DIGITS
        value = low + (high - low) * share
        digits = _DIGITS - 1 - value.adjusted()
        text = f"{value:.{max(digits, 0)}f}" if 0 <= digits < 2 * _DIGITS else ""
        if text and not text.endswith("0"):
            yield Form(text, number=True)


def _bounds(says: Says) -> tuple[Decimal, Decimal]:
    lows = [says[key] for key in ("minimum", "exclusiveMinimum") if _is_number(says.get(key))]
    highs = [says[key] for key in ("maximum", "exclusiveMaximum") if _is_number(says.get(key))]
    low = max((Decimal(str(one)) for one in lows), default=Decimal(-_EXACT))
    return low, min((Decimal(str(one)) for one in highs), default=Decimal(_EXACT))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
