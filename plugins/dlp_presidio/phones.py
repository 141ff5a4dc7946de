"""Phone numbers as Presidio's recognizer finds them, candidate by candidate instead of region by region.

Presidio runs libphonenumber's matcher over the whole text once for each region, and that matcher gives up after 65,535
tries. Here each candidate is looked at once, regions that cannot own its digits are left out by one expression, and
nothing is given up.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from phonenumbers import phonenumbermatcher
from phonenumbers.phonenumberutil import NumberParseException, national_significant_number, parse

from dlp_presidio.numbering import FEWEST_DIGITS, distinct, fewest, owners, owns, valid

_library: Any = phonenumbermatcher
_FIRST = rf"[{_library._LEAD_CLASS_CHARS}\d]"  # noqa: SLF001  there is no other way to ask for one candidate
# A candidate begins with one of these. Said first, `re` skips to them by a table; the look behind then goes back to it.
_CANDIDATE = rf"(?<=(?=({_library._PATTERN.pattern})){_FIRST})"  # noqa: SLF001
_candidate = re.compile(_FIRST + _CANDIDATE, re.IGNORECASE).search
_second = _library._SECOND_NUMBER_START_PATTERN.search  # noqa: SLF001
_slashed_date = _library._SLASH_SEPARATED_DATES.search  # noqa: SLF001
_stamp = _library._TIME_STAMPS.search  # noqa: SLF001
_stamp_suffix = _library._TIME_STAMPS_SUFFIX.match  # noqa: SLF001
_inner_matches = _library._INNER_MATCHES  # noqa: SLF001
_unwanted_end = _library._UNWANTED_END_CHAR_PATTERN.search  # noqa: SLF001
_brackets_match = _library._MATCHING_BRACKETS.fullmatch  # noqa: SLF001
_pages = _library._PUB_PAGES.search  # noqa: SLF001
_lead = _library._LEAD_PATTERN.match  # noqa: SLF001
_VALID = phonenumbermatcher.Leniency.VALID
_PLUS = "+\uff0b"
_EXTENSION = ";#~,\uff03\uff5e"
_nothing = _library.PhoneNumberMatcher("", None)
REMEMBERED = 16384
"""How many texts of telephone numbers what is known of is kept."""

_pair = re.compile(r"[0-9]{1,3}[^0-9x~][0-9]{1,3}").fullmatch
"""Two groups, neither of which is a number where no number is shorter than four digits: a price, a share."""

_parted = re.compile(r"[^0-9x\-~]").search
"""What a candidate holds if the matcher may see several numbers in it, a date or a time, or if it is not ASCII."""

_MOST_DIGITS = 17
"""Beyond this a limit of the candidate pattern may have cut a candidate, so that another may begin inside it."""


_LONGEST_RUN = 400
"""Digits that the candidate pattern takes in one run, and does not cut."""


class _Matcher(phonenumbermatcher.PhoneNumberMatcher):
    """libphonenumber's matcher, which skips at once what its region cannot own."""

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        digits = _digits(candidate)
        if digits is not None and not owns(digits, str(self.preferred_region), int(self.leniency)):
            return None
        return super()._parse_and_verify(candidate, offset)


def phone_spans(text: str, regions: Iterable[str], leniency: int) -> list[tuple[int, int]]:
    """Return the spans in which the matcher of any region finds a number, those inside another left out."""
    spans: set[tuple[int, int]] = set()
    readers = distinct(tuple(regions))
    matchers: list[_Matcher] = []
    place = 0
    least = fewest(readers)
    candidate_of = _candidate_of(least)
    while (match := candidate_of(text, place)) is not None:
        start, place = match.span(1)
        if place - start < least:
            continue
        candidate = match.group(1)
        if candidate[0] in _PLUS and _is_clear(candidate, leniency) and _stands(text, start, candidate):
            spans.add((start, place))  # every region reads it so, whole
            continue
        pieces = _pieces(candidate, readers, leniency)
        if not pieces:
            continue
        matchers = matchers or [_Matcher(text, region, leniency=leniency, max_tries=sys.maxsize) for region in readers]
        if pieces is _UNCLEAR:
            found = None
        elif _stamp(candidate) and _stamp_suffix(text, place):
            continue
        else:
            found = _in_candidate(matchers, text, start, place, pieces)
        if found is None:
            # Regions part ways here: let each walk on by itself up to where no candidate reaches across.
            place = _barrier(text, place)
            for matcher in matchers:
                spans.update(_walk(matcher, text, start, place))
        else:
            spans.update(found)
    return _outermost(spans)


@lru_cache(maxsize=16)
def _candidate_of(fewest: int) -> Callable[[str, int], re.Match[str] | None]:
    """Return what searches for a candidate, and skips at once most that have less than `fewest` digits."""
    short = rf"(?!\d{{0,{fewest - 2}}}{_ENDS})"
    return re.compile(_FIRST + short + _CANDIDATE, re.IGNORECASE).search


_ENDS = r"(?:[\"'<>{}|=_&@!?\n\r:TZ%$]|,[\"{])"
"""What right after digits ends a candidate: it stands neither between digits nor before an extension."""


@lru_cache(maxsize=REMEMBERED)
def _is_clear(candidate: str, leniency: int) -> bool:
    """Say whether a candidate with a country code is as a whole a number, so that no region looks into it."""
    return (
        not (_second(candidate) or _slashed_date(candidate) or _stamp(candidate) or _pages(candidate))
        and _brackets_match(candidate) is not None
        and _own_number(candidate) is not None
        and _is_valid(candidate, leniency)
    )


type _Pieces = tuple[tuple[int, str, int], ...]
"""What a matcher tries of a candidate, in its order: the offset, the text, and by bits the regions that may own it."""

_UNCLEAR: _Pieces = ((0, "", 0),)
_ALL = -1


def _in_candidate(
    matchers: Sequence["_Matcher"], text: str, start: int, end: int, pieces: _Pieces
) -> set[tuple[int, int]] | None:
    """Return what the matchers find in one candidate, without what is contained in it.

    None where one of them finds a number inside it and goes on from there, so that it may see other candidates next
    than the others do.
    """
    standing = [(offset, piece, mask) for offset, piece, mask in pieces if _stands(text, start + offset, piece)]
    found: set[tuple[int, int]] = set()
    alone = len(standing) < 2 or _is_alone(text, end)  # noqa: PLR2004  one piece or several
    for bit, matcher in enumerate(matchers):
        for offset, piece, mask in standing:
            if not mask >> bit & 1 or not _is_number(piece, str(matcher.preferred_region), int(matcher.leniency)):
                continue
            span = start + offset, start + offset + len(piece)
            found.add(span)
            if span != (start, end):
                if not alone:
                    return None
                found.update(_walk(matcher, text, span[1], end))
            elif alone:
                return found  # what other regions find inside it is contained in it
            break
    return found


@lru_cache(maxsize=REMEMBERED)
def _pieces(candidate: str, regions: tuple[str, ...], leniency: int) -> _Pieces:
    """Return what is worth trying of a candidate; nothing where no region can accept any of it."""
    digits = _digits(candidate)
    if (candidate is digits and len(digits) <= _LONGEST_RUN) or (
        digits is not None
        and len(digits) <= _MOST_DIGITS
        and (not _parted(candidate) or (_pair(candidate) and fewest(regions) > FEWEST_DIGITS))
    ):
        # By far the most: a number in one piece. A run of digits has none inside, however long.
        mask = owners(digits, regions, leniency)
        return ((0, candidate, mask),) if mask and not _pages(candidate) and _brackets_match(candidate) else ()
    if _second(candidate) or sum(map(str.isdigit, candidate)) > _MOST_DIGITS:
        return _UNCLEAR
    if _slashed_date(candidate):
        return ()
    tried = []
    for offset, piece in _tries(candidate):
        digits = _digits(piece)
        mask = _ALL if digits is None else owners(digits, regions, leniency)
        if mask and _brackets_match(piece) and not _pages(piece):
            tried.append((offset, piece, mask))
    return tuple(tried)


def _tries(candidate: str) -> Iterator[tuple[int, str]]:
    """Give the candidate and the groups in it, as libphonenumber's matcher goes through them."""
    yield 0, candidate
    for inner in _inner_matches:
        first = True
        group = inner.search(candidate)
        while group:
            if first:
                yield 0, _trimmed(candidate[: group.start()])
                first = False
            yield group.start(1), _trimmed(group.group(1))
            group = inner.search(candidate, group.start() + 1)


def _trimmed(group: str) -> str:
    unwanted = _unwanted_end(group)
    return group[: unwanted.start()] if unwanted else group


def _stands(text: str, start: int, piece: str) -> bool:
    """Say whether a piece is not a part of something longer: no Latin letter and no unit right before or after it."""
    end = start + len(piece)
    if start > 0 and not _lead(piece) and _joins(text[start - 1]):
        return False
    return end >= len(text) or not _joins(text[end])


@lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    matcher = _library.PhoneNumberMatcher
    return bool(matcher._is_invalid_punctuation_symbol(character) or matcher._is_latin_letter(character))  # noqa: SLF001


@lru_cache(maxsize=REMEMBERED)
def _is_number(piece: str, region: str, leniency: int) -> bool:
    """Say whether a piece is a number of a region, or of another if it says so itself."""
    if any(plus in piece for plus in _PLUS) and _own_number(piece) is not None:
        return _is_valid(piece, leniency)
    try:
        number = parse(piece, region, keep_raw_input=True)
    except NumberParseException:
        return False
    return _is_verified(number, piece, leniency)


@lru_cache(maxsize=REMEMBERED)
def _is_valid(piece: str, leniency: int) -> bool:
    return _is_verified(_own_number(piece), piece, leniency)


def _is_verified(number: Any, piece: str, leniency: int) -> bool:
    """Say what libphonenumber's `_verify` says, the first of whose looks takes long and mostly decides."""
    if leniency != _VALID:
        return bool(_library._verify(leniency, number, piece, _nothing))  # noqa: SLF001
    return (
        valid(number.country_code).fullmatch(national_significant_number(number)) is not None
        and ("x" not in piece.lower() or _library._contains_only_valid_x_chars(number, piece))  # noqa: SLF001
        and bool(_library._is_national_prefix_present_if_required(number))  # noqa: SLF001
    )


@lru_cache(maxsize=REMEMBERED)
def _own_number(piece: str) -> Any:
    """Return the number of a piece that tells its country; no region reads it otherwise."""
    try:
        return parse(piece, None, keep_raw_input=True)
    except NumberParseException:
        return None


def _walk(matcher: _Matcher, text: str, place: int, end: int) -> Iterator[tuple[int, int]]:
    while (match := _candidate(text, place)) is not None and match.start() < end:
        candidate = match.group(1)
        if cut := _second(candidate):
            candidate = candidate[: cut.start()]
        found = matcher._extract_match(candidate, match.start())  # noqa: SLF001
        if found is None:
            place = match.start() + len(candidate)
        else:
            yield found.start, found.end
            place = found.end


def _is_alone(text: str, end: int) -> bool:
    """Say whether no candidate that begins before `end` could reach beyond it."""
    match = _candidate(text, end)
    return match is None or match.start() - end > _REACH or _never_inside(text, end, match.start()) is not None


_never_inside = re.compile("[\"'<>{}|=_&@!?\\n\\r]").search
"""What stands in no candidate: neither between its digits nor before an extension."""


def _barrier(text: str, place: int) -> int:
    """Return the first place from `place` on that no candidate spans."""
    while (match := _candidate(text, place)) is not None and match.start() - place <= _REACH:
        place = match.end(1)
    return place


_REACH = 16
"""How far apart two candidates must be at least for none to span the gap; punctuation runs of up to four are taken."""


_PUNCTUATION = str.maketrans("", "", " -()[]./\t\n\r")
"""What stands between digits and is no part of a number; an ASCII candidate that holds more is not all digits."""


def _digits(candidate: str) -> str | None:
    """Return the digits of `candidate`, or None where they are not all of the number: a plus sign, an extension."""
    if candidate.isascii():
        if candidate.isdigit():
            return candidate
        digits = candidate.translate(_PUNCTUATION)
        return digits if digits.isdigit() else None
    if any(character in _PLUS or character in _EXTENSION or character.isalpha() for character in candidate):
        return None
    return "".join(str(unicodedata.digit(character)) for character in candidate if character.isdecimal())


def _outermost(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
