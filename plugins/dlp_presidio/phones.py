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

from phonenumbers import PhoneMetadata, phonenumbermatcher
from phonenumbers.phonenumberutil import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    national_significant_number,
    parse,
    region_code_for_country_code,
)

_library: Any = phonenumbermatcher
_FIRST = rf"[{_library._LEAD_CLASS_CHARS}\d]"  # noqa: SLF001  there is no other way to ask for one candidate
# A candidate begins with one of these. Said first, `re` skips to them by a table; the look behind then goes back to it.
_candidate = re.compile(f"{_FIRST}(?<=(?=({_library._PATTERN.pattern})){_FIRST})", re.IGNORECASE).search  # noqa: SLF001
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
_is_first_group_alone = _library._formatting_rule_has_first_group_only  # noqa: SLF001
_nothing = _library.PhoneNumberMatcher("", None)
REMEMBERED = 16384
"""How many texts of telephone numbers what is known of is kept."""

_FEWEST_DIGITS = 3
"""No number that is valid anywhere has fewer."""

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
        if digits is not None and _owned(str(self.preferred_region)).fullmatch(digits) is None:
            return None
        return super()._parse_and_verify(candidate, offset)


def phone_spans(text: str, regions: Iterable[str], leniency: int) -> list[tuple[int, int]]:
    """Return the spans in which the matcher of any region finds a number, those inside another left out."""
    spans: set[tuple[int, int]] = set()
    distinct = _distinct(tuple(regions))
    matchers: list[_Matcher] = []
    place = 0
    fewest = _fewest(distinct)
    while (match := _candidate(text, place)) is not None:
        start, place = match.span(1)
        if place - start < fewest:
            continue
        candidate = match.group(1)
        pieces = _pieces(candidate, distinct, leniency)
        if not pieces:
            continue
        matchers = matchers or [_Matcher(text, region, leniency=leniency, max_tries=sys.maxsize) for region in distinct]
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
        and (not _parted(candidate) or (_pair(candidate) and _fewest(regions) > _FEWEST_DIGITS))
    ):
        # By far the most: a number in one piece. A run of digits has none inside, however long.
        mask = _owners(digits, regions, leniency)
        return ((0, candidate, mask),) if mask and not _pages(candidate) and _brackets_match(candidate) else ()
    if _second(candidate) or sum(map(str.isdigit, candidate)) > _MOST_DIGITS:
        return _UNCLEAR
    if _slashed_date(candidate):
        return ()
    tried = []
    for offset, piece in _tries(candidate):
        digits = _digits(piece)
        mask = _ALL if digits is None else _owners(digits, regions, leniency)
        if mask and _brackets_match(piece) and not _pages(piece):
            tried.append((offset, piece, mask))
    return tuple(tried)


def _owners(digits: str, regions: tuple[str, ...], leniency: int) -> int:
    """Return by bits the regions that may accept these digits."""
    mask = 0
    for bit, region, owned in _owners_of(len(digits), regions):
        if owned(digits) and not (leniency >= _VALID and _lacks_prefix(digits, region)):
            mask |= bit
    return mask


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
    national = national_significant_number(number)
    if leniency >= _VALID and not _national(number.country_code).fullmatch(national):
        return False
    return bool(_library._verify(leniency, number, piece, _nothing))  # noqa: SLF001


def _lacks_prefix(digits: str, region: str) -> bool:
    """Say whether digits are written without a prefix where their region requires one; most counts and dates are.

    So libphonenumber's matcher decides as well, after it has parsed and validated the number, which takes long.
    """
    has_prefix, formats = _written(region)
    if has_prefix is None or has_prefix(digits):
        return False
    return next((requires for begins, fits, requires in formats if begins(digits) and fits(digits)), False)


type _Format = tuple[Callable[[str], object], Callable[[str], object], bool]
"""How a region's numbers that begin so, and have that form, are written: whether with the national prefix."""


@lru_cache(maxsize=64)
def _written(region: str) -> tuple[Callable[[str], object] | None, tuple[_Format, ...]]:
    """Return what sees any prefix of a number of the region, and its formats; None where another region decides."""
    data = _data(region)
    if region_code_for_country_code(data.country_code) != region:
        return None, ()
    prefixes = ["0", str(data.country_code), data.international_prefix, data.national_prefix_for_parsing]
    formats = []
    for one in data.number_format:
        rule = one.national_prefix_formatting_rule
        optional = one.national_prefix_optional_when_formatting or (rule and _is_first_group_alone(rule))
        begins = re.compile(one.leading_digits_pattern[-1] if one.leading_digits_pattern else "").match
        formats.append((begins, re.compile(one.pattern).fullmatch, bool(rule) and not optional))
    return re.compile("|".join(f"(?:{prefix})" for prefix in prefixes if prefix)).match, tuple(formats)


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
        if candidate.isdigit():
            return candidate
        return None if _more_than_digits(candidate) else _no_digit("", candidate)
    if any(character in _PLUS or character in _EXTENSION or character.isalpha() for character in candidate):
        return None
    return "".join(str(unicodedata.digit(character)) for character in candidate if character.isdecimal())


def _data(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)


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


@lru_cache(maxsize=1024)
def _owners_of(count: int, regions: tuple[str, ...]) -> tuple[tuple[int, str, Callable[[str], object]], ...]:
    """Return the regions that may own that many digits: the bit of each, its name, and what matches its numbers."""
    return tuple(
        (1 << bit, region, _owned(region).fullmatch) for bit, region in enumerate(regions) if _fits(region, count)
    )


def _fits(region: str, count: int) -> bool:
    least, most = _widths(region)
    return least <= count <= most


@lru_cache(maxsize=16)
def _fewest(regions: tuple[str, ...]) -> int:
    """Return how many digits a number that one of the regions owns has at least."""
    return max(_FEWEST_DIGITS, min((_widths(region)[0] for region in regions), default=_FEWEST_DIGITS))


@lru_cache(maxsize=64)
def _widths(region: str) -> tuple[int, int]:
    least, most = re._parser.parse(_owned(region).pattern).getwidth()  # type: ignore[attr-defined]  # noqa: SLF001
    return int(least), int(most)


@lru_cache(maxsize=64)
def _owned(region: str) -> re.Pattern[str]:
    """Return an expression for all digits that a number valid in `region` can be written with, prefixes included.

    A number is valid only if what is left of it, after prefixes are taken off its front, is a number of a known type in
    a region with that country code.
    """
    data = _data(region)
    # A country code, and a national number of no fewer digits than any has.
    abroad = f"(?:{data.international_prefix})\\d{{{1 + _FEWEST_DIGITS},}}|" if data.international_prefix else ""
    national, rule = data.national_prefix_for_parsing, data.national_prefix_transform_rule
    if rule and not re.fullmatch(r"\\\d", rule):
        return re.compile(r"\d*")  # it writes digits of its own
    if rule:
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
    if not national:
        return len(str(data.country_code))
    tree = re._parser.parse(national)  # type: ignore[attr-defined]  # noqa: SLF001
    # What the rule keeps of a prefix's match is its last group; with the rest, a first group may be kept too.
    kept = min(_group_widths(tree), default=0) if data.national_prefix_transform_rule else 0
    return int(2 * (tree.getwidth()[1] - kept) + len(str(data.country_code)))


def _group_widths(tree: Any) -> Iterator[int]:
    """Give the least width of the group with the highest number, which a transform rule keeps."""
    last, width = 0, 0
    pending = list(tree)
    while pending:
        node = pending.pop()
        if isinstance(node, tuple) and len(node) == 2 and str(node[0]) == "SUBPATTERN":  # noqa: PLR2004
            number, _, _, inside = node[1]
            if number is not None and number > last:
                last, width = number, inside.getwidth()[0]
        if hasattr(node, "data"):
            pending.extend(node.data)
        elif isinstance(node, list | tuple):
            pending.extend(node)
    yield width


def _outermost(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
