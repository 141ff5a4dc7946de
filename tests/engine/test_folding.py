import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine import folding
from dlp.engine.folding import places, rot13, skeleton, spaced, visible

SAME = {
    "Mar\u00eda Gonz\u0430lez": "mariagonzalez",
    "\uff21\uff22\uff23": "abc",
    "\U0001d4dc\U0001d4ea": "ma",
    "\u24dc\u24d0": "ma",
    "\U0001f1f2\U0001f1e6": "ma",
    "\U000e006d\U000e0061": "ma",
    "123\u200b45\u20116789": "123456789",
    "\u0664\u0665\u0666": "456",
    "\ufb01ne": "fine",
}


@pytest.mark.parametrize("text", SAME)
def test_what_a_reader_takes_for_the_same_folds_to_the_same(text: str):
    assert skeleton(text) == SAME[text]


@given(st.text(max_size=60))
def test_every_folded_character_comes_from_a_place_in_the_text(text: str):
    folded, at = skeleton(text), places(text)
    assert len(folded) == len(at)
    assert all(letter in skeleton(text[place]) for letter, place in zip(folded, at, strict=True))


def test_of_a_long_text_it_is_told_likewise_where_each_character_comes_from(monkeypatch: pytest.MonkeyPatch):
    text = "order 12: Ada L., +1 415-220-0000\n" * 9
    at_once = list(places(text))
    monkeypatch.setattr(folding, "_AT_ONCE", 7)
    assert list(places(text)) == at_once


@given(st.text(max_size=60))
def test_a_line_of_words_says_where_its_words_stand(text: str):
    line, at = spaced(text)
    assert len(line) == (len(text) if at is None else len(at))
    assert skeleton(line.replace(" ", "")) == skeleton(skeleton(text))


def test_moving_letters_by_half_the_alphabet_twice_gives_them_back():
    assert rot13(rot13("quandt\u4e2d123")) == "quandt\u4e2d123"


def test_what_nobody_sees_is_left_out():
    assert visible("a\u200bb\ufeffc") == "abc"


@given(st.text("aB3 -_.z9\0~Z", max_size=8))
def test_a_text_that_is_folded_already_folds_to_itself(text: str):
    expected = "".join(char for char in text.lower() if char.isalnum())
    assert skeleton(text) == expected
    assert skeleton(expected) is expected
