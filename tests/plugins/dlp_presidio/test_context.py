import pytest
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from spacy.lang.en.stop_words import STOP_WORDS
from spacy.lang.lex_attrs import is_punct

from dlp_presidio.context import Keywords, Plain, Result, lifted, needs_words, supporting

TOKENS = st.lists(st.sampled_from(["my", "SSN", ":", "note:the", "the", "is", "be", "Phones", "-", ",", "\n", "x", ""]))


def is_stop(word: str) -> bool:
    return word.lower() in STOP_WORDS


def presidios(tokens: list[str], start: int) -> set[str]:
    """Return the words near a place, as Presidio's enhancer finds them over all tokens."""
    places, at = [], 0
    for token in tokens:
        places.append(at)
        at += len(token) + 1
    # As NlpArtifacts.set_keywords does.
    kept = [one for one in tokens if not is_stop(one) and not is_punct(one) and one not in ("-PRON-", "be")]
    keywords = [part for one in kept for part in one.lower().split(":")]
    enhancer = LemmaContextAwareEnhancer()
    place = enhancer._find_index_of_match_token("", start, tokens, places)
    near = enhancer._add_n_words_backward(place, 5, tokens, keywords)
    return set(near + enhancer._add_n_words_forward(place, 0, tokens, keywords))


@given(tokens=TOKENS, data=st.data())
def test_the_words_near_a_place_are_those_that_presidio_finds_over_all_tokens(tokens: list[str], data: st.DataObject):
    tokens = [token for token in tokens if token] or ["x"]
    ends = [sum(map(len, tokens[: count + 1])) + count for count in range(len(tokens))]
    start = data.draw(st.integers(0, ends[-1] - 1))
    near = Keywords(ends, tokens, is_stop).near(start)
    # A new line is a token to spaCy; words are told one a line, so compare what is left of both.
    assert set(near.split("\n")) - {""} == presidios(tokens, start) - {"", "\n"}


def test_nothing_is_near_a_place_after_the_last_token():
    assert Keywords([3], ["ssn"], is_stop).near(4) == ""
    assert Keywords([], [], is_stop).near(0) == ""


def test_without_a_model_the_last_words_before_a_place_count():
    text = "one two three four five six SEVEN 123"
    assert Plain(text).near(text.index("123")) == "two\nthree\nfour\nfive\nsix\nseven"
    assert Plain(text).near(0) == ""


def test_a_context_word_supports_as_a_part_of_a_word():
    assert supporting(("card", "phone"), "my\ntelephones") == "phone"
    assert supporting(("card",), "car\nd") == ""


@pytest.mark.parametrize(("score", "then"), [(0.01, 0.4), (0.4, 0.75), (0.9, 1.0)])
def test_support_adds_to_a_score_and_keeps_it_in_bounds(score: float, then: float):
    assert lifted(score) == pytest.approx(then)


def test_words_are_needed_only_where_they_could_change_a_score():
    one = (Result("US_SSN", 3, 14, 0.5, "x"), ("ssn",))
    assert needs_words([one], (), "is 123-45-6789")
    assert not needs_words([one], ("ssn",), "is 123-45-6789")
    assert not needs_words([(Result("US_SSN", 0, 11, 0.5, "x"), ("ssn",))], (), "123-45-6789")
    assert not needs_words([(Result("EMAIL", 3, 14, 1.0, "x"), ())], (), "is 123-45-6789")
