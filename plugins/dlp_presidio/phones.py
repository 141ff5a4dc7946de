"""Phone numbers as Presidio's recognizer finds them, candidate by candidate instead of region by region.

Presidio runs libphonenumber's matcher over the whole text once for each region, and that matcher gives up after 65,535
tries. Here each candidate is looked at once, regions that cannot own its digits are left out by one expression, and
nothing is given up.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from phonenumbers import PhoneMetadata, phonenumbermatcher
from phonenumbers.phonenumberutil import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    national_significant_number,
    parse,
)

_library: Any = phonenumbermatcher
_candidate = _library._PATTERN.search  # noqa: SLF001  there is no other way to ask for one candidate
_second = _library._SECOND_NUMBER_START_PATTERN.search  # noqa: SLF001
_slashed_date = _library._SLASH_SEPARATED_DATES.search  # noqa: SLF001
_stamp = _library._TIME_STAMPS.search  # noqa: SLF001
_stamp_suffix = _library._TIME_STAMPS_SUFFIX.match  # noqa: SLF001
_inner_matches = _library._INNER_MATCHES  # noqa: SLF001
_unwanted_end = _library._UNWANTED_END_CHAR_PATTERN.search  # noqa: SLF001
_brackets_match = _library._MATCHING_BRACKETS.fullmatch  # noqa: SLF001
_pages = _library._PUB_PAGES.search  # noqa: SLF001
_lead = _library._LEAD_PATTERN.match  # noqa: SLF001
_PLUS = "+\uff0b"
_EXTENSION = ";#~,\uff03\uff5e"
REMEMBERED = 16384
"""How many texts of telephone numbers what is known of is kept."""

_MOST_DIGITS = 17
"""Beyond this a limit of the candidate pattern may have cut a candidate, so that another may begin inside it."""


class _Matcher(phonenumbermatcher.PhoneNumberMatcher):
    """libphonenumber's matcher, which skips at once what its region cannot own."""

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        digits = _digits(candidate)
        if digits is not None and _owned(str(self.preferred_region)).fullmatch(digits) is None:
            return None
        return super()._parse_and_verify(candidate, offset)


def phone_spans(text: str, regions: Iterable[str], leniency: int) -> list[tuple[int, int]]:
    """Return the spans in which the matcher of any region finds a number, those inside another left out."""
    spans: set[tuple[int, int]] = set()
    distinct = _distinct(tuple(regions))
    matchers: list[_Matcher] = []
    place = 0
    while (match := _candidate(text, place)) is not None:
        start, place = match.span()
        candidate = match.group()
        pieces = _pieces(candidate, distinct)
        if not pieces:
            continue
        matchers = matchers or [_Matcher(text, region, leniency=leniency, max_tries=sys.maxsize) for region in distinct]
        if pieces is _UNCLEAR:
            # Regions may part ways here: let each walk on by itself up to where no candidate reaches across.
            place = _barrier(text, place)
            for matcher in matchers:
                spans.update(_walk(matcher, text, start, place))
        elif not (_stamp(candidate) and _stamp_goes_on(text, place)):
            spans.update(_in_candidate(matchers, text, start, place, pieces))
    return _outermost(spans)


type _Pieces = tuple[tuple[int, str, int], ...]
"""What a matcher tries of a candidate, in its order: the offset, the text, and by bits the regions that may own it."""

_UNCLEAR: _Pieces = ((0, "", 0),)
_ALL = -1


def _in_candidate(
    matchers: Sequence["_Matcher"], text: str, start: int, end: int, pieces: _Pieces
) -> Iterator[tuple[int, int]]:
    """Give what the matchers find in one candidate, as far as it is not contained in what was given."""
    standing = [(offset, piece, mask) for offset, piece, mask in pieces if _stands(text, start + offset, piece)]
    for bit, matcher in enumerate(matchers):
        for offset, piece, mask in standing:
            if not mask >> bit & 1 or not _is_number(piece, str(matcher.preferred_region), int(matcher.leniency)):
                continue
            found = start + offset, start + offset + len(piece)
            yield found
            if found == (start, end):
                return  # what other regions find inside it is contained in it
            yield from _walk(matcher, text, found[1], end)
            break


@lru_cache(maxsize=REMEMBERED)
def _pieces(candidate: str, regions: tuple[str, ...]) -> _Pieces:
    """Return what is worth trying of a candidate; nothing where no region can own any of it."""
    if _second(candidate) or sum(map(str.isdigit, candidate)) > _MOST_DIGITS:
        return _UNCLEAR
    if _slashed_date(candidate):
        return ()
    tried = []
    for offset, piece in _tries(candidate):
        if not _brackets_match(piece) or _pages(piece):
            continue
        digits = _digits(piece)
        mask = _ALL
        if digits is not None and _owned_by_any(regions).fullmatch(digits) is None:
            continue
        if digits is not None:
            mask = sum(
                1 << bit
                for bit, region in enumerate(regions)
                if _owned(region).fullmatch(digits) and _typed(region).fullmatch(digits)
            )
        if mask:
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
    own = _own_number(piece) if any(plus in piece for plus in _PLUS) else None
    try:
        number = own or parse(piece, region, keep_raw_input=True)
    except NumberParseException:
        return False
    national = national_significant_number(number)
    if leniency >= phonenumbermatcher.Leniency.VALID and not _national(number.country_code).fullmatch(national):
        return False
    return bool(_library._verify(leniency, number, piece, _library.PhoneNumberMatcher("", region)))  # noqa: SLF001


@lru_cache(maxsize=REMEMBERED)
def _own_number(piece: str) -> Any:
    """Return the number of a piece that tells its country; no region reads it otherwise."""
    try:
        return parse(piece, None, keep_raw_input=True)
    except NumberParseException:
        return None


def _stamp_goes_on(text: str, place: int) -> bool:
    return _stamp_suffix(text, place) is not None


def _walk(matcher: _Matcher, text: str, place: int, end: int) -> Iterator[tuple[int, int]]:
    while (match := _candidate(text, place)) is not None and match.start() < end:
        candidate = match.group()
        if cut := _second(candidate):
            candidate = candidate[: cut.start()]
        found = matcher._extract_match(candidate, match.start())  # noqa: SLF001
        if found is None:
            place = match.start() + len(candidate)
        else:
            yield found.start, found.end
            place = found.end


def _barrier(text: str, place: int) -> int:
    """Return the first place from `place` on that no candidate spans."""
    while (match := _candidate(text, place)) is not None and match.start() - place <= _REACH:
        place = match.end()
    return place


_REACH = 16
"""How far apart two candidates must be at least for none to span the gap; punctuation runs of up to four are taken."""


@lru_cache(maxsize=16)
def _distinct(regions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the regions without those that read numbers as one before them does: same country code and prefixes."""
    seen: dict[object, str] = {}
    for region in regions:
        data = _data(region)
        rules = (
            data.country_code,
            data.international_prefix,
            data.national_prefix_for_parsing,
            data.national_prefix_transform_rule,
        )
        seen.setdefault(rules, region)
    return tuple(seen.values())


_more_than_digits = re.compile(rf"[{_PLUS}{_EXTENSION}a-zA-Z]").search
_no_digit = re.compile(r"[^0-9]+").sub


def _digits(candidate: str) -> str | None:
    """Return the digits of `candidate`, or None where they are not all of the number: a plus sign, an extension."""
    if candidate.isascii():
        return None if _more_than_digits(candidate) else _no_digit("", candidate)
    if any(character in _PLUS or character in _EXTENSION or character.isalpha() for character in candidate):
        return None
    return "".join(str(unicodedata.digit(character)) for character in candidate if character.isdecimal())


def _data(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


@lru_cache(maxsize=16)
def _owned_by_any(regions: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_owned(region).pattern})" for region in regions))


@lru_cache(maxsize=64)
def _owned(region: str) -> re.Pattern[str]:
    """Return an expression for all digits that a number valid in `region` can be written with, prefixes included.

    A number is valid only if what is left of it, after prefixes are taken off its front, matches the general
    description of a region with that country code.
    """
    data = _data(region)
    regions = COUNTRY_CODE_TO_REGION_CODE[data.country_code]
    own = {_data(one).general_desc.national_number_pattern for one in regions}
    abroad = f"(?:{data.international_prefix})\\d+|" if data.international_prefix else ""
    return re.compile(rf"{abroad}\d{{0,{_longest_prefix(data)}}}?(?:{'|'.join(sorted(own))})")


_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


@lru_cache(maxsize=64)
def _typed(region: str) -> re.Pattern[str]:
    """Return a closer and slower expression than `_owned` for the same: a valid number is of one of the known types."""
    data = _data(region)
    abroad = f"(?:{data.international_prefix})\\d+|" if data.international_prefix else ""
    national = data.national_prefix_for_parsing
    if data.national_prefix_transform_rule:
        prefix = rf"\d{{0,{_longest_prefix(data)}}}?"
    else:
        prefix = rf"(?:{data.country_code})?" + (rf"(?:{national}){{0,2}}" if national else "")
    return re.compile(rf"{abroad}{prefix}(?:{_national(data.country_code).pattern})")


@lru_cache(maxsize=256)
def _national(country_code: int) -> re.Pattern[str]:
    """Return an expression for all national numbers of a known type, or for all where the code is no country's."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ("001",))
    if "001" in regions:
        return re.compile(r"\d*")
    own = {
        described.national_number_pattern
        for one in regions
        for described in (getattr(_data(one), name) for name in _TYPES)
        if described is not None and described.national_number_pattern
    }
    return re.compile("|".join(sorted(own)))


def _longest_prefix(data: Any) -> int:
    """Return how many digits may be taken off: the national prefix, the country code, and a national prefix again."""
    national = data.national_prefix_for_parsing
    width = re._parser.parse(national).getwidth()[1] if national else 0  # type: ignore[attr-defined]  # noqa: SLF001
    return int(2 * width + len(str(data.country_code)))


def _outermost(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
