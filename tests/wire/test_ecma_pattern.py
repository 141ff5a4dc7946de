import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.errors import ParseError
from dlp.wire.ecma_pattern import Pattern

READ = (
    r"^\d{3}-\d{2}-\d{4}$",
    r"^[A-Z]{2}\d{6}$",
    r"^(?:\+1|0)[0-9]{10}$",
    r"^[^@\s]+@[^@\s]+$",
    r"\S",
    r"^[a-z0-9_-]{3,16}?$",
    r"a|b$",
    r"^x{2,}[-a]?$",
    r"^\u0041[\]x]\x42(?<name>c)\.$",
    r"^[a\-c\d]*$",
    r"^\W\D$",
    "^$|^.a",
    "",
)


@pytest.mark.parametrize("pattern", READ)
@given(text=st.text("abxA12@-_.]B \n", max_size=12))
def test_a_text_matches_where_it_does_for_others(pattern: str, text: str):
    python = re.sub(r"\(\?<(?=\w)", "(?P<", pattern).replace("$", r"\Z")
    assert Pattern(pattern).matches(text) is (re.search(python, text, re.ASCII) is not None)


@pytest.mark.parametrize("pattern", [one for one in READ if one])
@given(number=st.integers(0, 2**512), width=st.sampled_from([1, 4, 12]))
def test_what_is_made_matches(pattern: str, number: int, width: int):
    text, choices = Pattern(pattern).text(number, width)
    assert choices >= 1
    assert text.isascii()
    if pattern not in (r"^x{2,}[-a]?$", r"^[a-z0-9_-]{3,16}?$") or width > 3:
        assert Pattern(pattern).matches(text)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(",
            ")",
            "[a",
            "a{2",
            "a{3,2}",
            "a{9999}",
            "*",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            r"\b",
            r"(a)\1",
            r"\p{L}",
            "[z-a]",
        ),
        *("[\\D]", r"\x4", "^*", "(" * 40, "a" * 600, "\\", "[a-\\d]", "(?a"),
    ],
)
def test_what_is_not_read_is_said_so(pattern: str):
    with pytest.raises(ParseError):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", [r"^(((a?){256}){256}){256}$", r"^(?:(?:a+)+)+$", r"((((((.*)*)*)*)*)*)*b$"])
def test_nobody_waits_for_a_pattern(pattern: str):
    began = time.process_time()
    try:
        assert not Pattern(pattern).matches("a" * 500 + "c")
    except ParseError as error:
        assert "too long" in str(error)  # noqa: PT017 - either will do
    assert time.process_time() - began < 2


def test_a_text_that_would_be_long_is_not_made():
    with pytest.raises(ParseError, match="no short text"):
        Pattern("(?:(?:a{200}){200}){200}").text(1, 12)
    with pytest.raises(ParseError, match="could be shown"):
        Pattern(r"[\n]").text(1, 12)
