"""What is spelled out in words: letters by the spelling alphabet, figures one by one, years and days.

Amounts in words (`eighty thousand`) are forms of the value; see `forms`.
"""

import re
from collections.abc import Iterator

from dlp.engine.stretches import LARGE, Among, within

_LETTERS = """alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec
romeo sierra tango uniform victor whiskey xray yankee zulu"""
_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_DAYS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth"""

_SIGNS = (
    "alpha:a juliet:j whisky:w x-ray:x oh:0 nought:0 niner:9 twentieth:20 thirtieth:30 "
    "at:@ dot:. point:. dash:- hyphen:- underscore:_ plus:+"
)
_SAID: dict[str, str] = {
    **{word: word[0] for word in _LETTERS.split()},
    **{word: str(number) for number, word in enumerate(_ONES.split())},
    **{word: str(number) for number, word in enumerate(_DAYS.split(), 1)},
    **dict(pair.split(":") for pair in _SIGNS.split()),
}
_TENS_OF = {word: number for number, word in enumerate(_TENS.split(), 2)}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_WORDS = (*_SAID, *_TENS_OF, *_TIMES)
_MANY = 3

_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![^\W_])"
_BETWEEN = r"[\s,-]{1,3}"
_RUN = re.compile(
    rf"(?<![^\W_])(?:{_WORD}(?:{_BETWEEN}{_WORD}){{{_MANY - 1},}}|(?:eighteen|nineteen|twenty){_BETWEEN}{_WORD})",
    re.IGNORECASE,
)
_ONE = re.compile(_WORD, re.IGNORECASE)
_DAY = re.compile(
    rf"(?<![^\W_])(?:(?:twenty|thirty)[\s-])?(?:{'|'.join((*_DAYS.split(), 'twentieth', 'thirtieth'))})\b",
    re.IGNORECASE,
)
_PLAIN = frozenset({"at", "first", "second", "point", "plus", "november", "one"})  # in any text
_TELLING = frozenset(
    written.encode() for word in _WORDS if word not in _PLAIN for written in (word, word.title(), word.upper())
)
_AMONG_TELLING = Among(_TELLING)
_NO_SPACES = within(bytes(code for code in range(256) if code not in b" \t\n\r\v\f"))


def may_be_spoken(data: bytes) -> bool:
    """Return whether among the words of a text are such as spell something out; True costs a closer look."""
    words = data.split() if len(data) < LARGE else _AMONG_TELLING.within(data, _NO_SPACES)
    return len(_TELLING.intersection(words)) > 1


def is_spoken(text: str) -> bool:
    """Return whether at least three words beside each other spell something out, or two a year."""
    return any(_runs(text))


def _runs(text: str) -> Iterator[re.Match[str]]:
    """Give the runs that more than such words make as are in any text."""
    for run in _RUN.finditer(text):
        if sum(word not in _PLAIN for word in _ONE.findall(run.group().lower())) > 1:
            yield run


def spoken(text: str) -> Iterator[tuple[int, int, str]]:
    """Give where something is spelled out, half-open, and what is said there, in letters and figures.

    What is spelled out close to each other is one: a day, the name of its month, and a year.
    """
    runs = sorted(match.span() for match in (*_runs(text), *_DAY.finditer(text)))
    start = end = -1
    for first, last in (*runs, (len(text) + _NEAR + 1, 0)):
        if start >= 0 and first > end + _NEAR:
            if is_spoken(text[start:end]):
                yield start, end, _DAY.sub(_written, _RUN.sub(_written, text[start:end]))
            start = -1
        start, end = (first, last) if start < 0 else (start, max(end, last))


_NEAR = 16  # characters: an `of`, and a month


def _written(match: re.Match[str]) -> str:
    found: list[str] = []
    times, tens = 1, 0
    for word in _ONE.findall(match.group().lower()):
        if word in _TIMES:
            times = _TIMES[word]
            continue
        if word in _TENS_OF:
            found.append("0")
            tens, said = _TENS_OF[word], str(_TENS_OF[word] * 10)
        else:
            said = _SAID[word]
            if tens and said.isdigit() and 0 < int(said) < 10:  # noqa: PLR2004 - eighty-seven
                said, tens = str(tens * 10 + int(said)), 0
            else:
                found.append("")
                tens = 0
        found[-1] = said * times
        times = 1
    return "".join(found)
