"""What else a value is written as: names in another order, phones at home and abroad, numbers in words, parts.

Everything here is folded (`folding.skeleton`), so that case, width and separators are settled already. What belongs to
a value's encodings is in `encodings`; numbers and dates, which are compared by what they say, are in `facts`.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlp.engine import facts
from dlp.engine.folding import rot13, skeleton

SHORTEST, ANYWHERE = 4, 8
"""Folded characters from which a form is looked for as a word of its own, and inside other text."""

PART = "part"
"""The form of what is only a part of a value."""

OVERLAP = "overlap"
"""The form of a stretch of a long text."""

_MAIL = re.compile(r"([^@\s]+)@([^@\s]+\.[^@\s.]+)")
_NAME = re.compile(r"[^\W\d_]+(?:[ '.-]+[^\W\d_]+){1,3}")
_PHONE = re.compile(r"\+?[\d\s()./-]{7,24}")
_LONG = 48  # folded characters from which stretches of a text are looked for too
_STRETCH, _WINDOW = 24, 16  # winnowing (Schleimer et al. 2003): a stretch of 39 folded characters in common is found
_MOST_STRETCHES = 1024
_HALVED_FROM, _HALVED_TO = 12, 64
CUED = 4
"""Characters of a form that counts only beside something that says it is a part."""

_LAST_FROM = 9  # digits: identity and account numbers, cards, phones
_LEAST_NUMBER, _MOST_NUMBER = 4, 12  # digits of an amount
_SPELLED_TO = 19
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TO_ATBASH = str.maketrans(_LETTERS, _LETTERS[::-1])
_NEXT = str.maketrans(_LETTERS, _LETTERS[1:] + "a")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


class Kind(NamedTuple):
    """What a form is, and where it counts. `alone`: not as a piece of a longer word or number.

    `is_part`: several values may have it in common, and then it tells none of them. `joined`: only where several texts
    make it together. `cued`: only beside something that says it is a part, as in `ending in 4242`. `national`: digits
    of a country may stand in front.
    """

    name: str
    alone: bool = True
    is_part: bool = False
    joined: bool = False
    cued: bool = False
    national: bool = False


ITSELF = Kind("exact")
NAME, PHONE, SPELLED = Kind("name"), Kind("phone", national=True), Kind("spelled")
AMOUNT, DATE = Kind("amount"), Kind("date")
_IN_WORDS, _DIGITS_IN_WORDS = Kind("words"), Kind("words", alone=False)
_PART, _PIECE, _ENDING = Kind(PART, is_part=True), Kind(PART, alone=False, is_part=True), Kind(PART, cued=True)
_TOGETHER, _STRETCH_OF = Kind(PART, is_part=True, joined=True), Kind(OVERLAP, alone=False, is_part=True)
_BACKWARDS, _ROT13, _ATBASH, _CAESAR = Kind("reversed"), Kind("rot13"), Kind("atbash"), Kind("caesar")
_ROT5, _ROT47, _SWAPPED = Kind("rot5"), Kind("rot47"), Kind("pairs swapped")
TURNED = _BACKWARDS, _ROT13
"""Of which kind a form is that reads as another one backwards, and moved by half the alphabet."""

type Form = tuple[str, Kind]
"""A form, folded, and what it is: a plain tuple, since a dozen are made of each value."""


def forms(value: str) -> Iterator[Form]:
    """Give the further forms of a value; its own, folded, is not among them."""
    folded = skeleton(value)
    if len(folded) < SHORTEST:
        return
    if folded.isdigit():
        yield from _of_digits(value, folded)
    elif "@" in value and (mail := _MAIL.fullmatch(value)):
        yield from _of_mail(mail)
    elif _NAME.fullmatch(value):
        yield from _of_name(value)
    yield from _turned(value, folded)
    yield from _of_facts(value)
    yield from _ends(value, folded)
    if len(folded) >= _LONG:
        yield from ((stretch, _STRETCH_OF) for stretch in stretches(folded))
    elif _HALVED_FROM <= len(folded) <= _HALVED_TO:
        yield from _halves(value, folded)


def in_full(value: str) -> Iterator[Form]:
    """Give the forms that hold all of a value: itself, folded, and a phone number without its country."""
    folded = skeleton(value)
    yield folded, ITSELF
    if folded.isdigit() and len(folded) >= SHORTEST:
        yield from _of_phone(value, folded)


def _of_facts(value: str) -> Iterator[Form]:
    """Give an amount in words and in cents, and a date in seconds."""
    for number in facts.number_of(value):
        whole = number.partition(".")[0]
        if number == whole and _LEAST_NUMBER <= len(whole) <= _MOST_NUMBER:
            yield from ((words, _IN_WORDS) for words in facts.in_words(int(whole)))
            yield from ((text, AMOUNT) for text in (f"{whole}00", f"{int(whole):x}", f"0x{int(whole):x}"))
    for said in facts.date_of(value):
        if said[4:5] == "-":
            with suppress(ValueError):
                yield from _of_day(date.fromisoformat(said))


def _of_day(day: date) -> Iterator[Form]:
    """Give a date in seconds, by its day of the year, with a Roman month, and in three members."""
    moment = (day - _EPOCH).days * 86_400
    if moment > 0:
        yield str(moment), DATE
        yield str(moment * 1000), DATE
    yield f"{day.year}{day.timetuple().tm_yday:03}", DATE
    yield f"{day.day}{_ROMAN[day.month - 1]}{day.year}", DATE
    yield f"year{day.year}month{day.month}day{day.day}", DATE
    yield f"day{day.day}month{day.month}year{day.year}", DATE
    for text in (f"{day.year}{day.month}{day.day}", f"{day.day}{day.month}{day.year}"):
        yield text, _TOGETHER


_EPOCH = date(1970, 1, 1)


def _turned(value: str, folded: str) -> Iterator[Form]:
    """Give other alphabets; and what short forms are turned round, for only longer ones are found in a turned text."""
    size = len(folded)
    if SHORTEST < size < ANYWHERE:  # below, too many words and numbers are some other one turned round
        if folded != folded[::-1]:
            yield folded[::-1], _BACKWARDS
        if not folded.isdigit():
            yield rot13(folded), _ROT13
    if not ANYWHERE <= size < _LONG:
        return
    if folded.isdigit():
        if size < _TURNED_DIGITS:
            return
        yield skeleton(value.translate(_NEXT_SIGN)), _CAESAR
        yield folded.translate(_BY_FIVE), _ROT5
        if " " in value:
            yield skeleton(" ".join(word[::-1] for word in value.split(" "))), _BACKWARDS
    else:
        yield folded.translate(_TO_ATBASH), _ATBASH
        yield folded.translate(_NEXT), _CAESAR
    for text, kind in ((value.translate(_TO_ROT47), _ROT47), (_swapped(value), _SWAPPED)):
        turned = skeleton(text)
        if len(turned) >= ANYWHERE:
            yield turned, kind


def _swapped(value: str) -> str:
    signs = list(value)
    signs[:-1:2], signs[1::2] = signs[1::2], signs[: len(value) // 2 * 2 : 2]
    return "".join(signs)


_TURNED_DIGITS = 10  # fewer digits, turned round, are some other number
_TO_ROT47 = {code: 33 + (code + 14) % 94 for code in range(33, 127)}
_NEXT_SIGN = {code: code + 1 for code in range(48, 58)}
_BY_FIVE = str.maketrans("0123456789", "5678901234")


def _of_digits(value: str, digits: str) -> Iterator[Form]:
    if len(digits) <= _SPELLED_TO:
        yield facts.digit_by_digit(digits), _DIGITS_IN_WORDS
    if _LAST_FROM <= len(digits) < _HALVED_FROM:
        yield from ((digits[:size], _PART) for size in (7, 8))
    yield from _of_phone(value, digits)


def _of_phone(value: str, digits: str) -> Iterator[Form]:
    if _PHONE.fullmatch(value) and len(digits) <= 15:  # noqa: PLR2004 - E.164
        national = _national(value, digits)
        if len(national) >= ANYWHERE - 1:
            yield national, PHONE


def _national(value: str, digits: str) -> str:
    """Return a phone number's digits without country and trunk prefix; "" where it looks like no phone number."""
    if value.lstrip(" (").startswith(("+", "00")):
        digits = digits.removeprefix("00")
        return digits[_code(digits) :].removeprefix("0")
    return digits.removeprefix("0")


_SHORT_CODES = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 "  # noqa: SIM905
    "90 91 92 93 94 95 98".split()
)


def _code(digits: str) -> int:
    """Return how many digits of an international number are its country's (ITU-T E.164, annex D)."""
    if digits.startswith(("1", "7")):
        return 1
    return 2 if digits[:2] in _SHORT_CODES else 3


def _ends(value: str, folded: str) -> Iterator[Form]:
    """Give the last characters of numbers and keys: of four, only where something says so."""
    if len(folded) < _LAST_FROM or "@" in value or not any(map(str.isdigit, folded[-CUED:])):
        return
    if " " in value and not folded[-CUED:].isdigit():
        return
    yield folded[-CUED:], _ENDING
    if value.isalnum() and value not in (value.lower(), value.upper()) and any(map(str.isdigit, folded[:6])):
        yield from ((folded[:size], _PART) for size in (6, 7))  # of keys; of numbers it is a bank's, or a town's
    for size in (6, 7, 8):
        end = folded[-size:]
        if any(map(str.isdigit, end)) and len(set(end)) > CUED:
            yield end, _PART


def _of_mail(mail: re.Match[str]) -> Iterator[Form]:
    local, domain = skeleton(mail[1]), skeleton(mail[2])
    yield f"{local}at{skeleton(mail[2].replace('.', 'dot'))}", SPELLED
    yield f"{skeleton(mail[1].replace('.', 'dot'))}at{skeleton(mail[2].replace('.', 'dot'))}", SPELLED
    yield f"{local}at{domain}", SPELLED
    if len(local) >= 6 and local not in _SHARED:  # noqa: PLR2004 - shorter ones are words and first names
        yield local, _PART
        longest = max(re.split(r"[\W\d_]+", mail[1]), key=len).lower()
        if ANYWHERE < len(longest) < len(local) and longest not in _SHARED:  # a surname, mostly
            yield longest, _PART


_SHARED = frozenset(
    """abuse accounting accounts admin administrator billing careers contact customers everyone feedback finance
    helpdesk hello hostmaster info invoices marketing newsletter noreply notifications office operations orders
    payments payroll postmaster press privacy recruiting reception sales security service services support team
    webmaster welcome""".split()  # noqa: SIM905 - a list of words reads best as words
)
"""Local parts that are no person's."""


def _of_name(value: str) -> Iterator[Form]:
    names = [skeleton(name) for name in re.split(r"[ '.-]+", value)]
    first, last = names[0], names[-1]
    if not first or not last:
        return
    for text in (last + "".join(names[:-1]), last + first, first + last):
        yield text, NAME
    for text in (first[0] + last, last + first[0], first + last[0]):
        if len(text) >= 6:  # noqa: PLR2004 - shorter ones are words
            yield text, NAME
    if len(names) == 1:
        return
    if len(last) > ANYWHERE:  # shorter ones are many people's, and words
        yield last, _PART
    for size in (4, 5, 6):
        if len(first) + size >= ANYWHERE and size < len(last):
            yield first + last[:size], _PART


def _halves(value: str, folded: str) -> Iterator[Form]:
    """Give beginning and end: so much of a value that little else has it, and less where several texts make it."""
    if not value.replace(" ", "").isalpha():
        size = max(ANYWHERE + 1, len(folded) * 2 // 5)
        if folded.isdigit():
            size = max(size, len(folded) - CUED + 1)  # the beginning of a phone number is a whole town's
        yield folded[:size], _PIECE
        if "@" not in value and any(map(str.isdigit, folded[-size:])):  # the end of an address is many people's
            yield folded[-size:], _PIECE
    least = len(folded) * 2 // 5
    for size in {max(ANYWHERE - 2, least), max(ANYWHERE, least)}:
        yield folded[:size], _TOGETHER
        yield folded[-size:], _TOGETHER


def stretches(folded: str) -> Iterator[str]:
    """Give stretches of a long text such that a common stretch of 39 characters has one of them, whatever is around.

    Of a text of more than eight thousand characters it takes a longer one, a hundredth of it at most.
    """
    hashes = _hashes(folded)
    window = _WINDOW
    while len(hashes) * 2 > window * _MOST_STRETCHES:
        window *= 2
    least, span = hashes, 1
    while span < min(window, len(hashes)):
        least, span = np.minimum(least[: len(least) - span], least[span:]) if len(least) > span else least, span * 2
    yield from (folded[at : at + _STRETCH] for at in np.flatnonzero(np.isin(hashes, least)).tolist())


def _hashes(text: str) -> NDArray[np.uint64]:
    """Return a hash of each stretch of a text: of equal stretches an equal one."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    of_one, eight, span = codes, codes, 1
    while span < _STRETCH - 8:  # the hash of 2n characters from those of n: hash(a)·factor^n + hash(b)
        of_one = of_one[: len(of_one) - span] * _power(span) + of_one[span:]
        span *= 2
        eight = of_one if span == 8 else eight  # noqa: PLR2004 - sixteen and eight make a stretch
    size = len(of_one) - 8
    found: NDArray[np.uint64] = of_one[:size] * _power(8) + eight[16 : 16 + size]
    return (found ^ (found >> np.uint64(29))) * _power(1)  # else the least would mostly be of the same letters


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(0x9E3779B97F4A7C15, exponent, 1 << 64))
