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
_ATBASH = str.maketrans(_LETTERS, _LETTERS[::-1])
_NEXT = str.maketrans(_LETTERS, _LETTERS[1:] + "a")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


class Form(NamedTuple):
    """One more way in which a value is written, folded. `alone`: not as a piece of a longer word or number.

    `joined`: only where several texts make it together.
    `cued`: only beside something that says it is a part, as in `ending in 4242`. `national`: digits of a country may
    stand in front. A tuple, since a dozen are made of each value.
    """

    text: str
    name: str
    alone: bool = True
    cued: bool = False
    national: bool = False
    joined: bool = False

    def __repr__(self) -> str:
        """Return the form's name; its text is protected."""
        return f"Form({self.name!r})"


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
        yield from (Form(stretch, OVERLAP, alone=False) for stretch in stretches(folded))
    elif _HALVED_FROM <= len(folded) <= _HALVED_TO:
        yield from _halves(value, folded)


def _of_facts(value: str) -> Iterator[Form]:
    """Give an amount in words and in cents, and a date in seconds."""
    for number in facts.number_of(value):
        whole = number.partition(".")[0]
        if number == whole and _LEAST_NUMBER <= len(whole) <= _MOST_NUMBER:
            yield from (Form(words, "words") for words in facts.in_words(int(whole)))
            yield from (Form(text, "amount") for text in (f"{whole}00", f"{int(whole):x}", f"0x{int(whole):x}"))
    for said in facts.date_of(value):
        if said[4:5] == "-":
            with suppress(ValueError):
                yield from _of_day(date.fromisoformat(said))


def _of_day(day: date) -> Iterator[Form]:
    """Give a date in seconds, by its day of the year, with a Roman month, and in three members."""
    moment = (day - _EPOCH).days * 86_400
    if moment > 0:
        yield Form(str(moment), "date")
        yield Form(str(moment * 1000), "date")
    yield Form(f"{day.year}{day.timetuple().tm_yday:03}", "date")
    yield Form(f"{day.day}{_ROMAN[day.month - 1]}{day.year}", "date")
    yield Form(f"year{day.year}month{day.month}day{day.day}", "date")
    yield Form(f"day{day.day}month{day.month}year{day.year}", "date")
    for text in (f"{day.year}{day.month}{day.day}", f"{day.day}{day.month}{day.year}"):
        yield Form(text, PART, joined=True)


_EPOCH = date(1970, 1, 1)


def _turned(value: str, folded: str) -> Iterator[Form]:
    """Give other alphabets; and what short forms are turned round, for only longer ones are found in a turned text."""
    size = len(folded)
    if SHORTEST < size < ANYWHERE:  # below, too many words and numbers are some other one turned round
        if folded != folded[::-1]:
            yield Form(folded[::-1], "reversed")
        if not folded.isdigit():
            yield Form(rot13(folded), "rot13")
    if not ANYWHERE <= size < _LONG:
        return
    if folded.isdigit():
        if size < _TURNED_DIGITS:
            return
        yield Form(skeleton(value.translate(_NEXT_SIGN)), "caesar")
        yield Form(folded.translate(_BY_FIVE), "rot5")
        if " " in value:
            yield Form(skeleton(" ".join(word[::-1] for word in value.split(" "))), "reversed")
    else:
        yield Form(folded.translate(_ATBASH), "atbash")
        yield Form(folded.translate(_NEXT), "caesar")
    for text, name in ((value.translate(_ROT47), "rot47"), (_swapped(value), "pairs swapped")):
        turned = skeleton(text)
        if len(turned) >= ANYWHERE:
            yield Form(turned, name)


def _swapped(value: str) -> str:
    signs = list(value)
    signs[:-1:2], signs[1::2] = signs[1::2], signs[: len(value) // 2 * 2 : 2]
    return "".join(signs)


_TURNED_DIGITS = 10  # fewer digits, turned round, are some other number
_ROT47 = {code: 33 + (code + 14) % 94 for code in range(33, 127)}
_NEXT_SIGN = {code: code + 1 for code in range(48, 58)}
_BY_FIVE = str.maketrans("0123456789", "5678901234")


def _of_digits(value: str, digits: str) -> Iterator[Form]:
    if len(digits) <= _SPELLED_TO:
        yield Form(facts.digit_by_digit(digits), "words", alone=False)
    if _LAST_FROM <= len(digits) < _HALVED_FROM:
        yield from (Form(digits[:size], PART) for size in (7, 8))
    if _PHONE.fullmatch(value) and len(digits) <= 15:  # noqa: PLR2004 - E.164
        national = _national(value, digits)
        if len(national) >= ANYWHERE - 1:
            yield Form(national, "phone", national=True)


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
    yield Form(folded[-CUED:], PART, cued=True)
    if value.isalnum() and value not in (value.lower(), value.upper()) and any(map(str.isdigit, folded[:6])):
        yield from (Form(folded[:size], PART) for size in (6, 7))  # of keys; of numbers it is a bank's, or a town's
    for size in (6, 7, 8):
        end = folded[-size:]
        if any(map(str.isdigit, end)) and len(set(end)) > CUED:
            yield Form(end, PART)


def _of_mail(mail: re.Match[str]) -> Iterator[Form]:
    local, domain = skeleton(mail[1]), skeleton(mail[2])
    yield Form(f"{local}at{skeleton(mail[2].replace('.', 'dot'))}", "spelled")
    yield Form(f"{skeleton(mail[1].replace('.', 'dot'))}at{skeleton(mail[2].replace('.', 'dot'))}", "spelled")
    yield Form(f"{local}at{domain}", "spelled")
    if len(local) >= 6 and local not in _SHARED:  # noqa: PLR2004 - shorter ones are words and first names
        yield Form(local, PART)
        longest = max(re.split(r"[\W\d_]+", mail[1]), key=len).lower()
        if ANYWHERE < len(longest) < len(local) and longest not in _SHARED:  # a surname, mostly
            yield Form(longest, PART)


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
        yield Form(text, "name")
    for text in (first[0] + last, last + first[0], first + last[0]):
        if len(text) >= 6:  # noqa: PLR2004 - shorter ones are words
            yield Form(text, "name")
    if len(names) == 1:
        return
    if len(last) > ANYWHERE:  # shorter ones are many people's, and words
        yield Form(last, PART)
    for size in (4, 5, 6):
        if len(first) + size >= ANYWHERE and size < len(last):
            yield Form(first + last[:size], PART)


def _halves(value: str, folded: str) -> Iterator[Form]:
    """Give beginning and end: so much of a value that little else has it, and less where several texts make it."""
    if not value.replace(" ", "").isalpha():
        size = max(ANYWHERE + 1, len(folded) * 2 // 5)
        if folded.isdigit():
            size = max(size, len(folded) - CUED + 1)  # the beginning of a phone number is a whole town's
        yield Form(folded[:size], PART, alone=False)
        if "@" not in value and any(map(str.isdigit, folded[-size:])):  # the end of an address is many people's
            yield Form(folded[-size:], PART, alone=False)
    least = len(folded) * 2 // 5
    for size in {max(ANYWHERE - 2, least), max(ANYWHERE, least)}:
        yield Form(folded[:size], PART, joined=True)
        yield Form(folded[-size:], PART, joined=True)


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
