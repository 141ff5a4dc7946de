"""Which regions may own some digits as a telephone number, told by one expression before any number is parsed.

The expressions are made from libphonenumber's tables. They may take more than its matcher would accept, never less.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from phonenumbers import PhoneMetadata, phonenumbermatcher
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE, region_code_for_country_code

_library: Any = phonenumbermatcher
_is_first_group_alone = _library._formatting_rule_has_first_group_only  # noqa: SLF001  there is no other way
_VALID = phonenumbermatcher.Leniency.VALID

FEWEST_DIGITS = 3
"""No number that is valid anywhere has fewer."""

_NOTHING, _ALL = "(?!)", r"\d*"
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

type _Matches = Callable[[str], object]


@lru_cache(maxsize=16)
def distinct(regions: tuple[str, ...]) -> tuple[str, ...]:
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


@lru_cache(maxsize=16)
def fewest(regions: tuple[str, ...]) -> int:
    """Return how many digits a number that one of the regions owns has at least."""
    shortest = [_width(expression)[0] for region in regions for expression in _abroad_and_own(region)]
    return max(FEWEST_DIGITS, min(shortest, default=FEWEST_DIGITS))


def owners(digits: str, regions: tuple[str, ...], leniency: int) -> int:
    """Return by bits the regions that may accept these digits, written without a plus sign or an extension."""
    count = len(digits)
    if not _anyone(count, regions, leniency)(digits):
        return 0
    return sum(1 << bit for bit, region in enumerate(regions) if owns(digits, region, leniency))


def owns(digits: str, region: str, leniency: int) -> bool:
    """Say whether a region may accept these digits."""
    return _owner(len(digits), region, leniency)(digits) is not None


@lru_cache(maxsize=256)
def valid(country_code: int) -> re.Pattern[str]:
    """Return an expression for just the national numbers that libphonenumber calls valid.

    The first region decides whose leading digits a number has, or, if it has none, of whose types it is.
    """
    regions = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ())
    expression = ""
    for region in reversed(regions):
        data: Any = _data(region) if region != "001" else PhoneMetadata.metadata_for_nongeo_region(country_code)
        typed = _of_known_type(data)
        if data.leading_digits is not None and len(regions) > 1:
            expression = f"(?={data.leading_digits}){typed}|(?!{data.leading_digits})(?:{expression or _NOTHING})"
        else:
            expression = f"{typed}|{expression}" if expression else typed
    return re.compile(expression or _NOTHING)


def _of_known_type(data: Any) -> str:
    """Return an expression for numbers of a known type in a region."""
    types = (getattr(data, name) for name in _TYPES)
    its = dict.fromkeys(_described(one) for one in types if one is not None and one.national_number_pattern)
    return rf"(?={_described(data.general_desc)}\Z)(?:{'|'.join(its) or _NOTHING})"


def _described(description: Any) -> str:
    """Return an expression for what has a description's form and one of its lengths."""
    form = description.national_number_pattern
    least, most = _width(form)
    if not description.possible_length or set(range(least, most + 1)) <= set(description.possible_length):
        return f"(?:{form})"
    return rf"(?={'|'.join(rf'\d{{{count}}}\Z' for count in description.possible_length)})(?:{form})"


@lru_cache(maxsize=1024)
def _anyone(count: int, regions: tuple[str, ...], leniency: int) -> _Matches:
    """Return what matches that many digits if a region may accept them; most digits are nobody's."""
    return _compiled("|".join(filter(None, (_accepted(count, region, leniency) for region in regions))))


@lru_cache(maxsize=1024)
def _owner(count: int, region: str, leniency: int) -> _Matches:
    return _compiled(_accepted(count, region, leniency))


def _compiled(expression: str) -> _Matches:
    return re.compile(expression or _NOTHING).fullmatch


def _accepted(count: int, region: str, leniency: int) -> str:
    """Return an expression for all of so many digits that a region may accept; "" if it accepts none.

    A number is valid only if what is left of it, after prefixes are taken off its front, is a number of a known type in
    a region with that country code.
    """
    if leniency < _VALID:
        return _ALL
    abroad, prefix = _prefixes(region)
    most = _width(prefix)[1]
    own = [one for one in _national(_data(region).country_code) if _has(one, count, most)]
    written = [abroad] if abroad and _width(abroad)[0] <= count else []
    if own and prefix != _NOTHING:
        written.append(f"{prefix}(?:{'|'.join(own)})")
    if not written:
        return ""
    lacking = _lacking_prefix(count, region)
    return (rf"(?!(?:{lacking})\Z)" if lacking else "") + f"(?:{'|'.join(written)})"


def _has(expression: str, count: int, more: int = 0) -> bool:
    """Say whether what an expression matches may have `count` digits with up to `more` before it."""
    least, most = _width(expression)
    return least <= count <= most + more


def _lacking_prefix(count: int, region: str) -> str:
    """Return an expression for digits that a region writes with a prefix, and that have none; "" if there are none.

    So libphonenumber's matcher decides as well, after it has parsed and validated the number, which takes long. Most
    counts and dates go this way.
    """
    data = _data(region)
    if region_code_for_country_code(data.country_code) != region:
        return ""  # another region's formats count
    lacking = ""
    for one in reversed(data.number_format):
        if not _has(one.pattern, count):
            continue
        begins = one.leading_digits_pattern[-1] if one.leading_digits_pattern else ""
        fits = rf"(?={begins})(?:{one.pattern})\Z"
        rule = one.national_prefix_formatting_rule
        optional = one.national_prefix_optional_when_formatting or (rule and _is_first_group_alone(rule))
        if rule and not optional:
            lacking = f"{fits}|{lacking}" if lacking else fits
        elif lacking:  # the first format that fits is the one that counts
            lacking = f"(?!{fits})(?:{lacking})"
    prefixes = ("0", str(data.country_code), data.international_prefix, data.national_prefix_for_parsing)
    return f"(?!{'|'.join(f'(?:{prefix})' for prefix in prefixes if prefix)})(?:{lacking})" if lacking else ""


def _abroad_and_own(region: str) -> Iterator[str]:
    abroad, prefix = _prefixes(region)
    if abroad:
        yield abroad
    if prefix != _NOTHING:
        yield from _national(_data(region).country_code)


def _prefixes(region: str) -> tuple[str, str]:
    """Return expressions for numbers of other countries as dialled in a region, and for what may precede its own.

    Where a rule writes digits of its own, the first is for all digits and the second for none.
    """
    data = _data(region)
    parsed, rule = data.national_prefix_for_parsing, data.national_prefix_transform_rule
    if rule and not re.fullmatch(r"\\\d", rule):
        return _ALL, _NOTHING
    # A country code, and a national number of no fewer digits than any has.
    abroad = rf"(?:{data.international_prefix})\d{{{1 + FEWEST_DIGITS},}}" if data.international_prefix else ""
    if rule:
        return abroad, rf"\d{{0,{_longest_prefix(data)}}}?"
    return abroad, rf"(?:{data.country_code})?" + (rf"(?:{parsed}){{0,2}}" if parsed else "")


def _longest_prefix(data: Any) -> int:
    """Return how many digits may be taken off: the national prefix, the country code, and a national prefix again."""
    parsed = data.national_prefix_for_parsing
    if not parsed:
        return len(str(data.country_code))
    # What the rule keeps of a prefix's match is its last group; with the rest, a first group may be kept too.
    kept = min(_group_widths(_tree(parsed)), default=0) if data.national_prefix_transform_rule else 0
    return int(2 * (_width(parsed)[1] - kept) + len(str(data.country_code)))


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


@lru_cache(maxsize=256)
def _national(country_code: int) -> tuple[str, ...]:
    """Return expressions for the national numbers of each type; for all where the code is no country's."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ("001",))
    if "001" in regions:
        return (_ALL,)
    own = {
        described.national_number_pattern
        for one in regions
        for described in (getattr(_data(one), name) for name in _TYPES)
        if described is not None and described.national_number_pattern
    }
    return tuple(sorted(own))


@lru_cache(maxsize=4096)
def _width(expression: str) -> tuple[int, int]:
    """Return how many digits an expression matches at least and at most."""
    least, most = _tree(expression).getwidth()
    return int(least), int(most)


def _tree(expression: str) -> Any:
    return re._parser.parse(expression)  # type: ignore[attr-defined]  # noqa: SLF001


def _data(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region)
