from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_tokens.generalise import band, generalise


@pytest.mark.parametrize(
    ("text", "wider"),
    [
        ("84500", "80k-90k"),
        ("80000", "80k-90k"),
        ("$84,500.00", "80k-90k"),
        ("EUR 12000", "10k-20k"),
        ("99", "90-100"),
        ("0.37", "0.3-0.4"),
        ("0", "under 1"),
        ("-120", "minus 100-200"),
        ("1.2e6", "1M-2M"),
        ("7000000000", "7bn-8bn"),
        ("2024-03-01", "2024"),
        ("1984-12-31T10:00:00Z", "1984"),
        ("31.12.1984", "1984"),
        ("12 March 1990", "1990"),
        ("March 12, 1990", "1990"),
        ("Bob Smith", "<PAY>"),
        ("", "<PAY>"),
    ],
)
def test_a_value_becomes_a_wider_term(text: str, wider: str):
    assert generalise("employee.pay", text) == wider


@given(st.integers(min_value=1000, max_value=10**15))
def test_no_number_of_four_digits_or_more_can_be_read_in_its_band(number: int):
    assert str(number) not in generalise("employee.pay", str(number))


@given(st.integers(min_value=1, max_value=10**12), st.integers(min_value=1, max_value=10**12))
def test_numbers_with_one_first_digit_and_length_share_a_band_and_others_do_not(one: int, two: int):
    alike = (str(one)[0], len(str(one))) == (str(two)[0], len(str(two)))
    assert (band(Decimal(one)) == band(Decimal(two))) == alike
