import threading
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from dlp.engine import fingerprints
from dlp.engine.fingerprints import (
    WIDTH,
    Fingerprints,
    packed,
    print_of,
    print_of_word,
    prints_in,
    prints_of_words,
)

GRAM = st.text(min_size=WIDTH, max_size=WIDTH)


def prints_with(grams: list[str]) -> Fingerprints:
    made = Fingerprints()
    for owner, gram in enumerate(dict.fromkeys(grams)):
        made.add(print_of(gram), owner)
    return made


@given(GRAM)
def test_one_gram_has_the_same_fingerprint_alone_and_in_a_text(gram: str):
    assert prints_in(packed(f"xy{gram}z"))[2] == print_of(gram)


@given(st.lists(st.text(max_size=WIDTH), min_size=1))
def test_one_word_has_the_same_fingerprint_alone_and_among_others(words: list[str]):
    assert prints_of_words(words).tolist() == [print_of_word(word) for word in words]


@given(st.lists(GRAM, min_size=1, max_size=20), st.text(max_size=200))
def test_no_gram_that_was_taken_up_is_passed_over(grams: list[str], text: str):
    made = prints_with(grams)
    assert 0 in dict(made.found_in(text + grams[0] + text))[len(text)]


def test_a_text_of_any_length_is_looked_through_without_a_gap():
    made = prints_with(["needle00"])
    for at in (0, 16_376, 16_377, 16_383, 16_384, 40_000):
        assert made.found_in("." * at + "needle00" + "." * 9) == [(at, [0])]


def test_little_else_is_looked_at_even_after_it_has_grown():
    made = prints_with([f"{number:08}" for number in range(3000)])
    assert len(made.candidates(prints_in(b"an ordinary sentence " * 50))) < 20
    assert made.found_in("an ordinary sentence " * 50) == []


def test_what_is_added_between_looks_is_found_however_often_there_is_growth():
    made, around = Fingerprints(), "." * 200
    for number in range(0, 60_000, 2_500):
        for one in range(number, number + 2_500):
            made.add(print_of(f"{one:08}"), one)
        for known in (0, number, number + 2_499):
            assert made.found_in(f"{around}{known:08}{around}") == [(200, [known])]
    assert len(made) == 60_000


def test_all_who_share_a_fingerprint_are_told_even_where_a_run_is_full_of_them():
    made = Fingerprints()
    for owner in range(5000):
        made.add(print_of("sharedby"), owner)
        made.add(print_of(f"{owner:08}"), owner)
    assert sorted(made.owners(print_of("sharedby"))) == list(range(5000))


def test_a_value_costs_a_dozen_bytes_a_fingerprint():
    made = prints_with([f"{number:08}" for number in range(50_000)])
    runs = made._runs[1]
    size = sum(run.buffer_info()[1] * run.itemsize for run in runs) + len(made._filter.words) * 8
    assert size <= 50_000 * 16
    assert len(runs) <= 50_000 // 256
    assert len(made._new) < 1024


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=400), st.integers(1, 40))
def test_order_is_kept_whatever_comes_when(added: list[tuple[int, int]], newest: int):
    with patch.object(fingerprints, "_MOST_NEW", newest), patch.object(fingerprints, "_MOST_IN_RUN", 8):
        made, plain = Fingerprints(), dict[int, set[int]]()
        for number, owner in added:
            print_ = print_of(f"{number:08}")
            if owner not in plain.setdefault(print_, set()):
                made.add(print_, owner)
                plain[print_].add(owner)
        for number in range(61):
            print_ = print_of(f"{number:08}")
            assert sorted(made.owners(print_)) == sorted(plain.get(print_, ()))


def test_whoever_reads_while_another_thread_adds_misses_nothing_that_was_there():
    made, missed, done = Fingerprints(), list[int](), threading.Event()

    def read() -> None:
        while not done.is_set():
            for number in range(0, len(made) - 1, max(len(made) // 50, 1)):
                if number not in made.owners(print_of(f"{number:08}")):
                    missed.append(number)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(40_000):
        made.add(print_of(f"{number:08}"), number)
    done.set()
    thread.join()
    assert not missed
