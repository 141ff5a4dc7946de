import random
import re
import uuid

import pytest

from dlp.engine import alphabets, encodings, facts, gently, grouped, lookup, sealed

KINDS = [
    (kind, cut)
    for kinds in (
        *(sealed._IN_ONE_PIECE, sealed._IN_GROUPS_OF, sealed._IN_LINES_OF),
        *(sealed._IN_BITS, sealed._IN_CAPITALS, sealed._AS_LIST),
    )
    for kind, _, cut in kinds
]
SIGNS = (
    '(a) ] \u00e9\n"',
    "! ?",
    "01",
    "01 ,",
    "0123456789abcdef :",
    "0x1f, ",
    "ABC 123$%",
    "aB3+/ \n",
    "ab. ",
    "3f2a-4b ",
)


def written(chance: random.Random) -> str:
    """Return a text of runs of all lengths, each of its own signs."""
    return "".join(
        "".join(chance.choices(chance.choice(SIGNS), k=chance.choice((1, 3, 9, 30, 100, 700, 2000)))) for _ in range(12)
    )


@pytest.mark.parametrize(("kind", "cut"), KINDS, ids=lambda each: str(each.pattern)[:20])
def test_what_is_found_in_pieces_is_what_is_found_at_once(
    kind: re.Pattern[str], cut: re.Pattern[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gently, "_AT_ONCE", 90)
    for number in range(100):
        text = written(random.Random(number))  # noqa: S311 - the same texts in every run
        expected = [match.span() for match in kind.finditer(text)]
        assert [match.span() for match in gently.matches(kind, text, cut)] == expected


CUT = [
    *((kind, gently.BEHIND_LETTER) for kind in (alphabets._CODES, alphabets._MORSE)),
    *((kind, gently.BEHIND_LETTER) for kind in (alphabets._DIGITS_APART, facts._POWER, facts._CLUSTER, facts._NUMERIC)),
    (alphabets._CALLED, alphabets._BESIDE_CALLS),
    (alphabets._LEET_WORD, alphabets._BESIDE_WORDS),
    (lookup._SINGLES, lookup._BEHIND_WORD),
    (grouped._TOKEN, grouped._BESIDE_TOKEN),
]
WORDS = (
    *("order ", "k t m", "zone, ", "1.5e-7", "12 ", "85k 3 m ", "3f 2a 4b 5c 6d ", "9 a b 4 5 6 7 8 9 1 "),
    *("2026-03-14", ".- -... -.-. -.. . ", "01010101 01010101 ", "\\x41\\x42,", "chr(65)+chr (66) ", "U+0041 "),
    *("begin 644 x\n", "\\41 ", "c4rl0s m0ller ", "a  b c  d e f ", " ab c d  e ", "1,234.56 ", "\n", '"', "=", "wxyz"),
)


@pytest.mark.parametrize(("kind", "cut"), CUT, ids=lambda each: str(each.pattern)[:20])
def test_what_is_cut_elsewhere_is_found_likewise(
    kind: re.Pattern[str], cut: re.Pattern[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gently, "_AT_ONCE", 40)
    found = 0
    for number in range(150):
        chance = random.Random(number)  # noqa: S311 - the same texts in every run
        text = "".join(word * chance.choice((1, 1, 4)) for word in chance.choices(WORDS, k=chance.randint(1, 80)))
        expected = [match.span() for match in kind.finditer(text)]
        assert [match.span() for match in gently.matches(kind, text, cut)] == expected
        assert gently.is_in(kind, text, cut) == bool(expected)
        found += len(expected)
    assert found > 50


def test_a_long_text_is_cut_and_one_that_cannot_be_is_one_piece(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gently, "_AT_ONCE", 10)
    pattern = re.compile("a+")
    assert [match.group() for match in gently.matches(pattern, "aaaaaaaaaa (aaaaaaaaaaa) aaaaa")] == [
        *("aaaaaaaaaa", "aaaaaaaaaaa", "aaaaa"),
    ]
    assert [match.span() for match in gently.matches(pattern, 'aaaaaaaaa"aaaaaaaaaaa"a')] == [
        (0, 9),
        (10, 21),
        (22, 23),
    ]
    assert [len(match.group()) for match in gently.matches(pattern, "a" * 95)] == [95]
    assert not list(gently.matches(pattern, ""))


def test_a_short_text_is_looked_through_at_once():
    assert [match.group() for match in gently.matches(re.compile("b+"), "abbab")] == ["bb", "b"]


def test_what_occurs_is_found_wherever_it_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gently, "_BYTES_AT_ONCE", 10)
    pattern = re.compile(b"&[a-z]{2,31};")
    for at in range(40):
        assert gently.occurs(pattern, b"-" * at + b"&" + b"a" * 31 + b";" + b"-" * (40 - at))
    assert not gently.occurs(pattern, b"&amp" * 20)
    assert gently.occurs(pattern, b"&amp;")


def test_runs_are_the_same_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    pattern, data = re.compile(b"[a-z]+"), b"ab cd" * 9
    assert gently.occurrences(pattern, data) == pattern.findall(data)
    monkeypatch.setattr(gently, "_BYTES_AT_ONCE", 10)
    assert list(gently.occurrences(pattern, data)) == pattern.findall(data)


SHORT = [(sealed._ID, sealed._OF_ID), (encodings._TAG, encodings._LONGEST_TAG)]
PIECES = (
    "<",
    ">",
    "<a>",
    "</a",
    "<!--",
    "-->",
    "0a1b2c3d",
    "-4e5f",
    "-1234",
    "-89ab",
    "-0c1d2e3f4a5b",
    "f",
    "-",
    "words ",
    f"{uuid.UUID(int=7)}",
)


@pytest.mark.parametrize(("kind", "longest"), SHORT)
def test_short_matches_are_found_where_pieces_overlap(
    kind: re.Pattern[str], longest: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gently, "_AT_ONCE", 50)
    monkeypatch.setattr(encodings, "_LONG_TEXT", 50)
    found = 0
    for number in range(300):
        chance = random.Random(number)  # noqa: S311 - the same texts in every run
        text = "".join(word * chance.choice((1, 1, 1, 60)) for word in chance.choices(PIECES, k=chance.randint(1, 60)))
        expected = [match.span() for match in kind.finditer(text)]
        assert [match.span() for match in gently.short_matches(kind, text, longest)] == expected
        assert encodings._without(kind, text, longest) == kind.sub("", text)
        found += len(expected)
    assert found > 50


def test_a_text_that_is_cut_up_is_whole():
    assert list(gently.cut_up("abcdefg", 3)) == ["abc", "def", "g"]
    assert list(gently.cut_up(b"abc", 3)) == [b"abc"]
