import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.folding import skeleton
from dlp.engine.forms import OVERLAP, forms, stretches


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("maria.gonzalez@acme.org", "mariagonzalez"),
        ("Maria Gonzalez", "mgonzalez"),
        ("+49 30 1234567", "301234567"),
        ("030 1234567", "301234567"),
        ("123-45-6789", "6789"),
        ("85000", "eightyfivethousand"),
        ("Quandt", "tdnauq"),
    ],
)
def test_a_value_has_the_forms_that_people_write_it_in(value: str, form: str):
    assert form in {text for text, _ in forms(value)}


def test_a_local_part_that_many_share_tells_nobody():
    assert "support" not in {text for text, _ in forms("support@acme.org")}


def test_short_values_have_no_forms():
    assert not list(forms("May"))


@given(st.text(alphabet="abcdefgh ", min_size=80, max_size=200), st.data())
def test_a_stretch_of_forty_characters_is_told_whatever_is_around_it(text: str, data: st.DataObject):
    folded = skeleton(text)
    if len(folded) >= 48:
        start = data.draw(st.integers(0, len(folded) - 40))
        assert any(stretch in folded[start : start + 39] for stretch in stretches(folded))


def test_long_texts_are_known_by_their_stretches():
    assert {
        kind.name for _, kind in forms("one sentence after another, and none of them says anything at all " * 3)
    } == {OVERLAP}
