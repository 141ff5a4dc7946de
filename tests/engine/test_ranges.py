from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.ranges import EDGE, Ranges, place_of

KEY = ("session", "https://a.test:443/x")
TEXT = bytes(range(33, 127)) * 20


def test_a_piece_is_where_its_head_says():
    assert place_of(b"bytes 5-9/20", 5) == 5
    assert place_of(b" bytes 0-0/* ", 1) == 0


@pytest.mark.parametrize(
    "said", [b"", b"bytes 5-9/20", b"bytes */20", b"lines 0-5/20", b"bytes 5-3/20", b"bytes a-b/c"]
)
def test_a_head_that_does_not_fit_its_piece_says_nothing(said: bytes):
    assert place_of(said, 6) is None


@pytest.mark.parametrize("order", list(permutations([(0, 6), (6, 7), (7, 12)])))
def test_the_last_piece_of_a_value_is_seen_with_the_others_in_whatever_order(order: tuple[tuple[int, int], ...]):
    ranges = Ranges()
    *_, last = [ranges.beside(KEY, start, TEXT[start:stop]) for start, stop in order]
    assert last == [TEXT[:12]]


def test_pieces_that_lap_over_are_put_together():
    ranges = Ranges()
    assert ranges.beside(KEY, 0, TEXT[:8]) == []
    assert ranges.beside(KEY, 5, TEXT[5:12]) == [TEXT[:12]]
    assert ranges.beside(KEY, 20, TEXT[20:30]) == []
    assert ranges.beside(KEY, 10, TEXT[10:22]) == [TEXT[:30]]


def test_of_long_pieces_the_ends_are_looked_at():
    ranges = Ranges()
    assert ranges.beside(KEY, 0, TEXT[:900]) == []
    assert ranges.beside(KEY, 900, TEXT[900:1800]) == [TEXT[900 - EDGE : 900 + EDGE]]


def test_sessions_and_addresses_know_nothing_of_each_other():
    ranges = Ranges()
    assert ranges.beside(KEY, 0, TEXT[:8]) == []
    assert ranges.beside(("another", KEY[1]), 8, TEXT[8:9]) == []
    assert ranges.beside((KEY[0], "https://b.test:443/x"), 8, TEXT[8:9]) == []


def test_too_many_pieces_of_one_answer_cannot_be_told_apart():
    ranges = Ranges()
    assert ranges.beside(KEY, 0, b"x") == []
    told = [ranges.beside(KEY, 2 * number, b"x") for number in range(1, 400)]
    assert told[0] == []
    assert told[-1] is None


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=30))
def test_what_a_piece_completes_is_shown_whole(cuts: list[tuple[int, int]]):
    ranges, known = Ranges(), set[int]()
    for start, length in cuts:
        stop = start + length
        shown = ranges.beside(KEY, start, TEXT[start:stop])
        known |= set(range(start, stop))
        first, last = start, stop
        while first - 1 in known:
            first -= 1
        while last in known:
            last += 1
        assert shown == ([TEXT[first:last]] if (first, last) != (start, stop) else [])


def test_of_a_session_that_read_too_many_answers_no_half_of_a_value_enters_as_if_it_were_all():
    ranges = Ranges()
    another = ("another", KEY[1])
    assert ranges.beside(KEY, 0, TEXT[:8]) == []
    assert ranges.beside(another, 0, TEXT[:8]) == []
    for number in range(64):
        assert ranges.beside((KEY[0], f"https://a.test:443/{number}"), 0, b"x") == []
    assert ranges.beside(KEY, 8, TEXT[8:16]) is None
    assert ranges.beside((KEY[0], "https://a.test:443/63"), 1, b"y") == [b"xy"]
    assert ranges.beside(another, 8, TEXT[8:16]) == [TEXT[:16]]  # what one session reads costs no other anything


def test_of_a_session_that_was_dropped_for_others_no_half_of_a_value_enters_as_if_it_were_all():
    ranges = Ranges()
    assert ranges.beside(KEY, 0, TEXT[:8]) == []
    for number in range(256):
        assert ranges.beside((f"session {number}", KEY[1]), 0, b"x") == []
    assert ranges.beside(KEY, 8, TEXT[8:16]) is None
    assert ranges.beside(("session 255", KEY[1]), 1, b"y") == [b"xy"]
