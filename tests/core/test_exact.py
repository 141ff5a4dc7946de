import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core import exact
from dlp.core.exact import Known, build, hashed, load, plain

KEY = b"k" * 32
VALUES = ["Anna Lee", "123-45-6789", "bob.ray@corp.test", "E-1042", "Zo\u00eb M\u00fcller", "Initech"]


def known(*values: str) -> Known:
    return Known([load(build(values, KEY, "employee")[0], KEY)], KEY)


def found(text: str, *values: str) -> list[str]:
    return [text[start:end] for start, end, _, _ in known(*(values or VALUES)).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask Anna Lee today", ["Anna Lee"]),
        ("ANNA  LEE", ["ANNA  LEE"]),
        ("Lee, Anna", ["Lee, Anna"]),
        ("anna_lee", ["anna_lee"]),
        ("id 123 45 6789.", ["123 45 6789"]),
        ("123456789", ["123456789"]),
        ("<Bob.Ray@Corp.test>", ["Bob.Ray@Corp.test"]),
        ("e1042 and E-1042", ["e1042", "E-1042"]),
        ("ZOE\u0308 M\u00dcLLER", ["ZOE\u0308 M\u00dcLLER"]),
        ("at initech", ["initech"]),
        ("Annabel xAnna Anna Lee", ["Anna Lee"]),
        ("Anna and Lee", []),
        ("Anna\n\n\n\n\nLee", []),
        ("Leeannas 1234567890", []),
    ],
)
def test_a_value_is_known_however_it_is_written(text: str, expected: list[str]):
    assert found(text) == expected


def test_one_plain_word_is_less_sure():
    sure = {start: sure for start, _, _, sure in known(*VALUES).find("Initech, Anna Lee, E-1042")}
    assert sure == {0: False, 9: True, 19: True}


def test_a_table_holds_no_value_and_says_what_kinds_it_has():
    raw, short = build([*VALUES, "ab", ""], KEY, "employee", rows=7)
    assert short == 1
    assert not any(plain(value).encode() in raw.lower() or value.encode() in raw for value in VALUES)
    table = load(raw, KEY)
    assert (table.data_class, table.rows, table.values) == ("employee", 7, 8)  # two names are also written last first


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (slice(1, None), "no table"),
        (slice(None, -8), "cut short"),
        (slice(0, 0), "no table"),
    ],
)
def test_what_is_no_table_is_refused(damage: slice, why: str):
    with pytest.raises(ValueError, match=why):
        load(build(VALUES, KEY, "employee")[0][damage], KEY)


def test_another_key_is_refused():
    with pytest.raises(ValueError, match="another key"):
        load(build(VALUES, KEY, "employee")[0], b"x" * 32)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=20), min_size=1, max_size=30))
def test_every_value_of_a_table_is_found_and_nothing_else_is_in_it(values: list[str]):
    table = load(build(values, KEY, "c")[0], KEY)
    assert all(hashed(KEY, plain(value)) in table for value in values if len(plain(value)) >= 4)
    assert hashed(KEY, "surely not one of them") not in table


@pytest.mark.parametrize("remembered", [2, 100])
def test_words_that_come_again_are_looked_up_once_and_forgotten_in_time(
    monkeypatch: pytest.MonkeyPatch, remembered: int
):
    monkeypatch.setattr("dlp.core.exact._REMEMBERED", remembered)
    its = known("Anna Lee")
    classes = [name for _ in range(2) for _, _, name, _ in its.find("Anna Lee and Anna Lee and others")]
    assert classes == ["employee"] * 4


@given(
    values=st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
    pieces=st.lists(st.sampled_from([*VALUES, "anna", "Lee", "E", "1042", "e\u0301", "bob", "x"]), max_size=12),
    between=st.sampled_from([" ", ", ", "", "_", "\u0301"]),
)
def test_going_by_the_words_that_begin_a_value_or_through_all_finds_the_same(
    values: list[str], pieces: list[str], between: str
):
    text = between.join(pieces)
    by_word = found(text, *values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_FEW", -1)
        assert found(text, *values) == by_word


def test_words_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exact, "_REMEMBERED", 2)
    it = known("Anna Lee")
    assert [len(list(it.find(text))) for text in ("one two three", "Anna Lee", "four five", "Anna Lee")] == [0, 1, 0, 1]


def test_a_long_e_mail_address_is_known_in_pieces_and_never_joined_to_one_word():
    mail = "annabel.lee77@corp.example.org"
    assert found(f"<{mail.upper()}>", mail) == [mail.upper()]
    assert found("annabellee77corpexampleorg", mail) == []
