import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber
from phonenumbers.phonenumberutil import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    is_valid_number,
    national_significant_number,
    parse,
)
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from dlp_presidio.numbering import distinct, fewest, owners, owns, valid

REGIONS = tuple(PhoneRecognizer().supported_regions)
VALID = 1


def near(country_code: int, chance: random.Random) -> Iterator[str]:
    """Give digits that are, or nearly are, a number in the country."""
    known = [
        national_significant_number(number)
        for region in COUNTRY_CODE_TO_REGION_CODE[country_code]
        for number in (
            [phonenumbers.example_number_for_type(region, kind) for kind in range(11)]
            if region != "001"
            else [phonenumbers.example_number_for_non_geo_entity(country_code)]
        )
        if number is not None
    ]
    for _ in range(12):
        made = list(chance.choice(known) if known else str(chance.randrange(10**9)))
        for _ in range(chance.randrange(3)):
            made[chance.randrange(len(made))] = chance.choice("0123456789")
        yield "".join(made)[: chance.choice((20, 20, 20, 7))] + chance.choice(("", "", "", "5"))


def test_a_number_is_valid_where_the_library_says_so():
    chance = random.Random(4)  # noqa: S311  not for secrets
    both = [0, 0]
    for country_code in COUNTRY_CODE_TO_REGION_CODE:
        for digits in near(country_code, chance):
            zeros = len(digits) - len(digits.lstrip("0"))
            number = PhoneNumber(
                country_code=country_code,
                national_number=int(digits),
                italian_leading_zero=zeros > 0 or None,
                number_of_leading_zeros=zeros or None,
            )
            told = valid(country_code).fullmatch(national_significant_number(number)) is not None
            assert told is is_valid_number(number), (country_code, digits)
            both[told] += 1
    assert min(both) > 500


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_owns_whatever_the_matcher_finds_there(region: str):
    chance = random.Random(5)  # noqa: S311  not for secrets
    code = phonenumbers.country_code_for_region(region)
    found = 0
    for _ in range(12):
        for national in near(code, chance):
            digits = chance.choice(("", "", "0", "1", str(code), f"00{code}", f"011{code}")) + national
            try:
                parse(digits, region)
            except NumberParseException:
                continue
            seen = any(
                match.raw_string == digits for match in phonenumbers.PhoneNumberMatcher(digits, region, leniency=VALID)
            )
            assert owns(digits, region, VALID) or not seen, digits
            assert owners(digits, (region,), VALID) == int(owns(digits, region, VALID))
            found += seen
    assert found > 20


def test_regions_with_the_same_rules_are_read_once():
    assert distinct(("US", "GB", "CA")) == ("US", "GB")


def test_no_region_owns_digits_that_are_too_few():
    least = fewest(distinct(REGIONS))
    assert least == 4
    assert not any(owners(str(number), distinct(REGIONS), VALID) for number in range(1000))


def test_where_numbers_need_not_be_valid_any_digits_may_be_one():
    assert owners("12", ("US", "GB"), 0) == 3
