import pytest

from dlp.wire.percent import PERCENT, PERCENT_PLUS, percent_decode


@pytest.mark.parametrize(
    ("raw", "says"),
    [("a%20b", "a b"), ("%C3%A9%41", "éA"), ("%E9", "é"), ("%2541", "%41"), ("%", "%"), ("%4", "%4"), ("é%41", "éA")],
)
def test_escapes_are_decoded_once_as_utf_8_or_else_latin_1(raw: str, says: str):
    assert percent_decode(raw, plus=False) == says


def test_a_plus_is_a_space_in_forms_only():
    assert percent_decode("a+b", plus=True) == "a b"
    assert percent_decode("a+b", plus=False) == "a+b"


def test_each_code_point_of_a_run_can_be_edited_by_itself():
    assert PERCENT.pieces is not None
    assert list(PERCENT.pieces("x%C3%A9%41")) == [("x", "x"), ("%C3%A9", "é"), ("%41", "A")]


def test_what_is_written_needs_no_context_to_be_read():
    assert PERCENT_PLUS.encode("a b+&=/é~") == "a%20b%2B%26%3D%2F%C3%A9~"
