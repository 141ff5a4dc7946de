from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.bloom import Bloom, hashes_of


def bloom_of(grams: list[str]) -> Bloom:
    bloom = Bloom()
    for gram in dict.fromkeys(grams):
        bloom.add(gram)
    return bloom


@given(st.text(min_size=8, max_size=8))
def test_one_gram_has_the_same_hash_alone_and_in_a_text(gram: str):
    assert hashes_of(gram)[0] == hashes_of(f"xy{gram}z")[2]


@given(st.lists(st.text(min_size=8, max_size=8), min_size=1, max_size=20), st.text(max_size=200))
def test_no_gram_of_the_table_is_passed_over(grams: list[str], text: str):
    whole = text + grams[0] + text
    for around in (whole, whole + "." * 200):
        assert len(text) in set(bloom_of(grams).candidates(around, grams))


def test_little_else_is_looked_at_even_after_it_has_grown():
    grams = [f"{number:08}" for number in range(3000)]
    assert len(list(bloom_of(grams).candidates("an ordinary sentence " * 50, grams))) < 20


def test_what_is_taken_up_between_looks_is_found_however_often_the_filter_grows():
    bloom, grams, text = Bloom(), dict[str, None](), "." * 200
    for number in range(0, 60_000, 2_500):
        for one in range(number, number + 2_500):
            grams[f"{one:08}"] = None
            bloom.add(f"{one:08}")
        for known in (0, number, number + 2_499):
            assert 200 in set(bloom.candidates(f"{text}{known:08}{text}", grams))
