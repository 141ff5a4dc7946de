import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlp.engine.grouped import may_be_grouped
from dlp.engine.stretches import LARGE, PIECE, Among, Unusual, between_words, rows, stretches, within, words

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


KINDS = (b"abcXY09+/", b" 0123456789", b"XY")
TABLE_OF_KINDS = bytes(sum((byte in kind) << n for n, kind in enumerate(KINDS)) for byte in range(256))


@given(
    st.lists(st.sampled_from([b"ab ", b"X", b" ", b"c09+/" * 5, b"-", b"XY" * 20, b"7 7 7", b"d"])).map(b"".join),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.sampled_from([0, LARGE, PIECE - 10]),
)
def test_what_stands_in_a_row_is_told_of_each_kind(data: bytes, least: tuple[int, int, int], before: int):
    data = b"." * before + data
    expected = sum(
        (re.search(rb"[%s]{%d}" % (re.escape(kind), enough), data) is not None) << n
        for n, (kind, enough) in enumerate(zip(KINDS, least, strict=True))
    )
    assert rows(data, TABLE_OF_KINDS, least) == (expected if len(data) >= LARGE else 7)


@given(
    st.lists(
        st.sampled_from(
            ["word ", "Word", "WORD ", "aB", "ABc ", "12:30T ", "00T00 ", "x1", "2026 ", "Zx9Q8", "é", " - "]
        )
    ).map("".join),
    st.sampled_from([LARGE, PIECE // 2 - 3]),
)
@example("WordWordWordaB", PIECE // 2 - 3)
def test_groups_are_told_of_a_large_text_as_of_a_short_one(said: str, before: int):
    told, expected = may_be_grouped((". " * before + said).encode()), may_be_grouped(said.encode())
    assert told == expected or (told and before > LARGE)  # what is cut in two may be told of once too often


@given(
    st.lists(st.sampled_from([b"ab", b"X", b" ", b"c0" * 5, b"abc" * 9, b"-", b"\xc3\xa4", b"d"])).map(b"".join),
    st.integers(1, 12),
    st.sampled_from([0, 8]),
    st.sampled_from([(b".", 0), (b".", LARGE), (b".", PIECE - 10), (b"a", PIECE + 10)]),
)
def test_unusual_stretches_are_those_with_another_sign_or_that_are_long(
    data: bytes, least: int, long: int, before: tuple[bytes, int]
):
    looked = Unusual(b"abcXY09+/", b"abc", least, long)
    data = before[0] * before[1] + data
    every = re.findall(rb"[abcXY09+/]{%d,}" % least, data)
    assert looked.within(data) == {each for each in every if each.strip(b"abc") or (long and len(each) >= long)}


@pytest.mark.parametrize("least", range(1, 40))
@pytest.mark.parametrize("behind", [b"", b"-", b"- d"])
def test_an_unusual_stretch_at_the_very_end_is_told(least: int, behind: bytes):
    words = b"abc " * (PIECE // 4)
    looked = Unusual(b"abcX", b"abc", least)
    assert looked.within(words + b"X" * least + behind) == {b"X" * least}
    assert looked.within(words + b"X" * (least - 1) + behind) == set()


@pytest.mark.parametrize(
    "text", ["", "word", "a word " * PIECE, "x" * 3 * PIECE, "x" * 2 * PIECE + " y" * PIECE, " " * PIECE]
)
def test_a_text_is_cut_between_words_only(text: str):
    for whole in (text, text.encode()):
        pieces = list(between_words(whole))
        assert whole[:0].join(pieces) == whole
        assert all(piece[:1].isspace() for piece in pieces[1:])
    assert len(list(between_words("a word " * PIECE))) == 7


@given(
    st.lists(st.sampled_from([b"abc", b"X", b" ", b"c09+/" * 5, b"-", b"\xc3\xa4", b"d"])).map(b"".join),
    st.sampled_from([b"", b"-" * (PIECE - 10), b"abc-" * (PIECE // 4) + b"a" * 100]),
)
def test_words_stand_where_an_expression_finds_them_each_with_its_first_bytes(data: bytes, before: bytes):
    data = before + data
    given = [(match.start(), match.group()) for match in re.finditer(rb"[abcXY09+/]+", data)]
    told = [
        (start, data[start : start + size], key.to_bytes(8, "little").rstrip(b"\0"))
        for some in words(data, TABLE)
        for start, size, key in zip(some.starts.tolist(), some.sizes.tolist(), some.keys.tolist(), strict=True)
    ]
    assert told == [(start, word, word[:8]) for start, word in given]
    assert set().union(*(some.of(data) for some in words(data, TABLE))) == {word for _, word in given}


def test_of_the_words_of_a_text_those_are_told_that_are_among_some():
    among = Among([b"abc", b"c09+/c09+/"])
    every = [b"%d+%d" % (a, b) for a in range(100) for b in range(100)]
    told = among.within(b" ".join([b"abc", *every, b"c09+/c09+/", b"abcX"]), TABLE)
    assert {b"abc", b"c09+/c09+/"} <= told
    assert len(told) < len(every) / 10
