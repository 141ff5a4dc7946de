import re

from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.stretches import stretches, within

TABLE = within(b"abcXY09+/")


@given(
    st.lists(st.sampled_from([b"ab", b"X", b" ", b"c09+/" * 5, b"-", b"\xc3\xa4", b"d"])).map(b"".join),
    st.integers(1, 20),
)
def test_the_stretches_are_those_that_an_expression_finds(data: bytes, least: int):
    assert stretches(data, TABLE, least) == re.findall(rb"[abcXY09+/]{%d,}" % least, data)


def test_a_text_that_is_one_stretch_and_a_long_one_with_none():
    assert stretches(b"a" * 5000, TABLE, 20) == [b"a" * 5000]
    assert stretches(b"dab" * 5000, TABLE, 3) == []
    assert stretches(b"", TABLE, 1) == []
