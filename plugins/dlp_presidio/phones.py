"""Phone numbers as Presidio's recognizer finds them, candidate by candidate instead of region by region.

Presidio runs libphonenumber's matcher over the whole text once for each region, and that matcher gives up after 65,535
tries. Here each candidate is looked at once, regions that cannot own its digits are left out by one expression, and
nothing is given up.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from phonenumbers import PhoneMetadata, phonenumbermatcher
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

_library: Any = phonenumbermatcher
_candidate = _library._PATTERN.search  # noqa: SLF001  there is no other way to ask for one candidate
_second = _library._SECOND_NUMBER_START_PATTERN.search  # noqa: SLF001
_PLUS = "+\uff0b"
_EXTENSION = ";#~,\uff03\uff5e"
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
    matchers = [
        _Matcher(text, region, leniency=leniency, max_tries=sys.maxsize) for region in _distinct(tuple(regions))
    ]
    place = 0
    while (match := _candidate(text, place)) is not None:
        start, end = match.span()
        if _second(match.group()) or sum(map(str.isdigit, match.group())) > _MOST_DIGITS:
            # Regions may part ways here: let each walk on by itself up to where no candidate reaches across.
            end = _barrier(text, end)
            for matcher in matchers:
                spans.update(_walk(matcher, text, start, end))
        else:
            for matcher in matchers:
                found = list(_walk(matcher, text, start, end))
                spans.update(found)
                if found == [(start, end)]:
                    break  # what other regions find inside it is contained in it
        place = end
    return _outermost(spans)


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


@lru_cache(maxsize=4096)
def _digits(candidate: str) -> str | None:
    """Return the digits of `candidate`, or None where they are not all of the number: a plus sign, an extension."""
    if any(character in _PLUS or character in _EXTENSION or character.isalpha() for character in candidate):
        return None
    return "".join(str(unicodedata.digit(character)) for character in candidate if character.isdecimal())


def _data(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


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
