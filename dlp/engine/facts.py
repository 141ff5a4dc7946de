"""Numbers and dates in whatever way they are written: what a text says, brought to one form that can be compared."""

# ruff: noqa: RUF001 - numbers are grouped by such signs too
import functools
import re
from collections.abc import Iterator

from dlp.engine.gently import BEHIND_LETTER, matches

# Each begins with one digit rather than with several: only then does the engine skip to the next digit by itself.
_CLUSTER = re.compile(r"\d(?<!\d\d)\d*+(?:(?:[.,'’_\u00a0\u202f ]\d+)+|(?= ?[kmtKMT]))")
_NUMBER = re.compile(
    r"(?P<grouped>\d{1,3}(?:(?P<group>[,.'’_\u00a0\u202f ])\d{3})(?:(?P=group)\d{3}){0,4})"
    r"(?:(?P<point>[.,])(?P<cents>\d{1,4}))?|(?P<whole>\d{1,15})(?:[.,](?P<rest>\d{1,4}))?"
)
_POWER = re.compile(r"\d(?<!\d\d)(?:\.\d{1,15})?[eE][+-]?\d{1,2}(?!\w)")
_UNIT = re.compile(r" ?(k|m|thousand|million|tsd|mio)(?!\w)", re.IGNORECASE)
_LONGEST = 24  # characters of a cluster that can be one number
_UNITS = {"k": 3, "thousand": 3, "tsd": 3, "m": 6, "million": 6, "mio": 6}
_FEW_DIGITS = 2  # significant ones: 90k and 1M are in every text

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january", "januar", "janvier", "enero", "gennaio"),
            ("feb", "february", "februar", "février", "fevrier", "febrero", "febbraio"),
            ("mar", "march", "märz", "maerz", "mars", "marzo"),
            ("apr", "april", "avril", "abril", "aprile"),
            ("may", "mai", "mayo", "maggio"),
            ("jun", "june", "juni", "juin", "junio", "giugno"),
            ("jul", "july", "juli", "juillet", "julio", "luglio"),
            ("aug", "august", "août", "aout", "agosto"),
            ("sep", "sept", "september", "septembre", "septiembre", "settembre"),
            ("oct", "okt", "october", "oktober", "octobre", "octubre", "ottobre"),
            ("nov", "november", "novembre", "noviembre"),
            ("dec", "dez", "december", "dezember", "décembre", "decembre", "diciembre", "dicembre"),
        ),
        1,
    )
    for name in names
}
_NAMED = "|".join(sorted(_MONTHS, key=len, reverse=True))
_BEGINNINGS = tuple(sorted({name[:3] for name in _MONTHS}))
_NUMERIC = re.compile(
    r"\d(?<!\d\d)(?:(?<=(?P<y>\d))(?P<yyy>\d{3})(?P<s>[-/. _])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)"
    r"|(?<=(?P<a>\d))(?P<aa>\d?)(?P<t>[-/. _])(?P<b>\d{1,2})(?P=t)(?P<c>\d{4}|\d{2})(?!\d)|\d{7}(?!\d))"
)
_AROUND = re.compile(
    rf"(?<!\d)(?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/. ,]{{0,2}}(?:of |de )?(?P<m1>{_NAMED})\.?[-/. ,]{{0,2}}(?:de )?"
    r"(?P<y1>\d{4}|\d{2})(?!\d)"
    rf"|(?<!\d)(?P<y2>\d{{4}})[-/. ,]{{0,2}}(?P<m2>{_NAMED})\.?[-/. ,]{{0,2}}(?P<d2>\d{{1,2}})(?!\d)"
    rf"|(?<![^\W\d_])(?P<m3>{_NAMED})\.?[-/. ]{{0,2}}(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?[-/. ,]{{1,2}}"
    r"(?P<y3>\d{4}|\d{2})(?!\d)",
    re.IGNORECASE,
)
_BEFORE, _AFTER = 12, 26  # characters around where a month's name begins: a date with one is not longer
_LAST_YEAR, _FIRST_YEAR = 2100, 1850

type Fact = tuple[int, int, str]
"""Where it stands, half-open, and what it says."""


def numbers_in(text: str) -> Iterator[Fact]:
    """Give the numbers of a text that are more than digits: with groups, decimals or a unit; `85k` is `85000`."""
    for power in matches(_POWER, text, BEHIND_LETTER):
        yield *power.span(), f"{float(power.group()):f}".rstrip("0").rstrip(".")
    for cluster in matches(_CLUSTER, text, BEHIND_LETTER):
        start, end = cluster.span()
        before = text[start - 1 : start]
        if end - start > _LONGEST or before.isalnum() or before == "_":
            continue
        unit = _UNIT.match(text, end)
        if unit is None and text[end : end + 1].isalnum():
            continue
        whole = _NUMBER.fullmatch(text, start, end)
        if whole is not None:
            yield from ((start, end, number) for number in _meanings(whole, unit[1] if unit else ""))
        elif " " in cluster.group():  # several numbers beside each other
            for piece in re.finditer(r"[^ ]+", cluster.group()):
                match = _NUMBER.fullmatch(piece.group())
                at = start + piece.start()
                if match is not None:
                    yield from ((at, start + piece.end(), number) for number in _meanings(match, ""))


def _meanings(match: re.Match[str], unit: str) -> Iterator[str]:
    if not match["grouped"]:
        yield _plain(match["whole"], match["rest"] or "", unit)
        return
    if match["point"] is None or match["point"] != match["group"]:
        yield _plain(re.sub(r"\D", "", match["grouped"]), match["cents"] or "", unit)
    if match["cents"] is None and match["group"] in ".,":  # 1.234 may be one and a bit
        first, _, last = match["grouped"].rpartition(match["group"])
        if first.isdigit():
            yield _plain(first, last, unit)


def _plain(whole: str, rest: str, unit: str) -> str:
    if unit:
        zeros = _UNITS[unit.lower()]
        digits = (whole + rest).strip("0")
        if len(digits) < _FEW_DIGITS:
            return ""
        whole, rest = whole + rest[:zeros].ljust(zeros, "0"), rest[zeros:]
    whole, rest = whole.lstrip("0") or "0", rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


_MONEY = re.compile(
    r"\s*(?:[$€£¥]|[A-Z]{3}(?=[\s\d]))?\s*-?(?P<number>[\d.,'’_\u00a0\u202f ]*\d)\s*(?:[$€£¥]|[A-Z]{3})?\s*"
)


@functools.lru_cache(maxsize=64)
def number_of(value: str) -> tuple[str, ...]:
    """Return the number that a value is, currency aside, in each way it can be read; () where it is none."""
    match = _MONEY.fullmatch(value)
    if match is None:
        return ()
    written = match["number"]
    if written.isdigit():
        return (written.lstrip("0") or "0",)
    said = {number for start, end, number in numbers_in(written) if end - start == len(written)}
    return tuple(sorted(said - {""}))


def dates_in(text: str) -> Iterator[Fact]:
    """Give the dates of a text as `1985-03-12`, or `85-03-12`; one that can be read in two ways is given twice."""
    for match in matches(_NUMERIC, text, BEHIND_LETTER):
        for year, month, day in _readings(match):
            date = _date(year, month, day)
            if date:
                yield match.start(), match.end(), date
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
    for beginning in _BEGINNINGS:
        at = lower.find(beginning)
        while at >= 0:
            start = max(0, at - _BEFORE)
            around = text[start : at + _AFTER]
            for match in () if text[max(at - 1, 0) : at].isalpha() else _AROUND.finditer(around):
                way = next(way for way in "123" if match[f"y{way}"])
                month = str(_MONTHS[match[f"m{way}"].lower()])
                date = _date(match[f"y{way}"], month, match[f"d{way}"])
                if date:
                    yield start + match.start(), start + match.end(), date
            at = lower.find(beginning, at + 1)


def _readings(match: re.Match[str]) -> Iterator[tuple[str, str, str]]:
    if match["y"]:
        yield match["y"] + match["yyy"], match["m"], match["d"]
    elif match["a"]:
        first = match["a"] + match["aa"]
        yield match["c"], match["b"], first
        yield match["c"], first, match["b"]
        if len(match["c"]) == 2:  # noqa: PLR2004 - as in 85-03-12
            yield first, match["b"], match["c"]
    else:
        eight = match[0]
        yield eight[:4], eight[4:6], eight[6:]
        yield eight[4:], eight[2:4], eight[:2]
        yield eight[4:], eight[:2], eight[2:4]


def _date(year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):  # noqa: PLR2004 - a calendar's
        return ""
    if len(year) <= 2:  # noqa: PLR2004 - a year without its century
        return f"{year:0>2}-{month:0>2}-{day:0>2}"
    return f"{year}-{month:0>2}-{day:0>2}" if _FIRST_YEAR <= int(year) <= _LAST_YEAR else ""


_LONGEST_DATE = 64
_MAY_BE_DATE = re.compile(r"[^\d@]*\d[^@]*")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?")


@functools.lru_cache(maxsize=64)
def date_of(value: str) -> tuple[str, ...]:
    """Return the date that a value is, in each way it can be read, also without its century; () where it is none."""
    if len(value) > _LONGEST_DATE or not _MAY_BE_DATE.fullmatch(value):
        return ()
    day = _TIME.sub("", value.strip(), count=1)
    said = {date for start, end, date in dates_in(day) if start == 0 and end == len(day)}
    full = {date for date in said if date[4:5] == "-"}
    return tuple(sorted(full | {date[2:] for date in full} if full else said))


_ONES = (  # noqa: SIM905 - a list of words reads best as words
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_SCALES = ("", "thousand", "million", "billion")


def in_words(number: int) -> tuple[str, ...]:
    """Return a number in English words without spaces, with `and` and without."""
    if number == 0:
        return ("zero",)
    said = {_said(number, ""), _said(number, "and")}
    return tuple(sorted(said))


def _said(number: int, joint: str) -> str:
    groups: list[str] = []
    scale = 0
    while number and scale < len(_SCALES):
        number, group = divmod(number, 1000)
        if group:
            groups.append(_hundreds(group, joint) + _SCALES[scale])
        scale += 1
    return "".join(reversed(groups))


def _hundreds(number: int, joint: str) -> str:
    hundreds, rest = divmod(number, 100)
    said = _ONES[hundreds] + "hundred" if hundreds else ""
    if rest:
        tens, ones = divmod(rest, 10)
        said += joint if hundreds else ""
        said += _ONES[rest] if rest < len(_ONES) else _TENS[tens - 2] + (_ONES[ones] if ones else "")
    return said


def digit_by_digit(digits: str) -> str:
    """Return digits spelled one by one in English, without spaces."""
    return "".join(_ONES[int(digit)] for digit in digits)
