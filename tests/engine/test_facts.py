import pytest

from dlp.engine.facts import date_of, dates_in, digit_by_digit, in_words, number_of, numbers_in

NUMBERS = {
    "85,000.00": "85000",
    "85.000,00": "85000",
    "85 000": "85000",
    "85k": "85000",
    "84.5k": "84500",
    "1.2k": "1200",
    "0.085M": "85000",
    "1.234,50": "1234.5",
    "a 12 345 and": "12345",
}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_in_whatever_way_it_is_written(text: str):
    assert NUMBERS[text] in {number for *_, number in numbers_in(text)}


def test_a_round_number_with_a_unit_is_no_particular_one():
    assert [number for *_, number in numbers_in("100k")] == [""]


@pytest.mark.parametrize("value", ["$1,234.50", "EUR 1.234,50", "1234.5"])
def test_a_value_that_is_a_number_is_known_as_one_with_its_currency(value: str):
    assert number_of(value) == ("1234.5",)


def test_what_is_no_number_is_none():
    assert number_of("12a") == number_of("Quandt") == ()


DATES = [
    *("1985-03-12", "12.03.1985", "03/12/1985", "March 12, 1985", "12 Mar 1985", "12th of March 1985", "19850312"),
    *("12MAR1985", "Mar-12-1985", "12. M\u00e4rz 1985", "1985 March 12", "12 de marzo de 1985", "1985/03/12"),
]


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_in_all_usual_orders_and_languages(text: str):
    assert "1985-03-12" in {date for *_, date in dates_in(f"born {text}.")}
    assert "1985-03-12" in date_of(text)


def test_a_date_without_its_century_is_one_too():
    assert "85-03-12" in {date for *_, date in dates_in("12.03.85")}
    assert "85-03-12" in date_of("1985-03-12T00:00:00Z")


def test_numbers_that_no_calendar_has_are_no_dates():
    assert not list(dates_in("1985-13-12, 99.99.1985, 10.0.0.1, 192.168.10.20"))


def test_numbers_are_said_in_words_with_and_without_and():
    assert in_words(85000) == ("eightyfivethousand",)
    assert in_words(0) == ("zero",)
    assert len(in_words(123456)) == 2
    assert digit_by_digit("120") == "onetwozero"
