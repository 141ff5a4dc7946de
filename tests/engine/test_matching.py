import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.matching import Index, fold
from dlp.engine.vault import Known, Origin


def index_of(*values: str) -> Index:
    index = Index()
    for value in values:
        index.add(Known(value, number=False, origin=Origin()))
    return index


def found(index: Index, text: str) -> list[str]:
    return [text[match.start : match.end] for match in index.find(text)]


PADDING = "nothing to see here, and a good deal more of it " * 8


@pytest.mark.parametrize("around", ["", PADDING])
def test_a_value_is_found_wherever_it_stands(around: str):
    index = index_of("maria.gonzalez@acme.org")
    assert found(index, f"{around}<maria.gonzalez@acme.org>{around}") == ["maria.gonzalez@acme.org"]


def test_a_value_glued_to_other_text_is_found():
    assert found(index_of("sk_live_51Hxyz"), "aaask_live_51Hxyzbbb") == ["sk_live_51Hxyz"]


def test_a_short_number_is_not_seen_inside_a_longer_one():
    index = index_of("12345")
    assert found(index, "order 912345678") == []
    assert found(index, "order 12345.") == ["12345"]


@pytest.mark.parametrize("value", ["May", "100", "status", "x"])
def test_short_values_and_common_words_count_as_whole_parts_only(value: str):
    index = index_of(value)
    assert index.wholes
    assert found(index, f"in {value} we {value}") == []
    known = index.whole(value)
    assert known is not None
    assert known.text == value


def test_overlapping_values_are_all_found():
    assert set(found(index_of("Maria Gonzalez", "Gonzalez Ruiz"), "Maria Gonzalez Ruiz")) == {
        "Maria Gonzalez",
        "Gonzalez Ruiz",
    }


def test_many_values_with_the_same_beginning_do_not_share_one_anchor():
    index = index_of(*(f"employee-number-{number:06}" for number in range(3000)))
    assert max(len(entries) for entries in index._anchors[8].table.values()) < 100
    assert found(index, "it is employee-number-002999 again") == ["employee-number-002999"]


@given(st.lists(st.text(min_size=4, max_size=40), min_size=1, max_size=20), st.text(max_size=200), st.data())
def test_whatever_stands_in_a_text_as_a_long_value_is_found(values: list[str], text: str, data: st.DataObject):
    value = data.draw(st.sampled_from(values))
    index = index_of(*values)
    whole = f"{text} {value}! {text}"
    if index.whole(value) is None:
        assert value in found(index, whole)


def test_nothing_is_found_that_is_not_there():
    index = index_of("maria.gonzalez@acme.org", "DE89370400440532013000")
    assert found(index, PADDING + "maria.gonzales@acme.org DE89370400440532013001") == []


@pytest.mark.parametrize("place", [0, 131_060, 131_066, 131_072, 131_073, 262_140, 299_990])
def test_a_value_is_found_wherever_it_stands_in_a_long_text(place: int):
    index = Index()
    for text in ("maria@x.org", "4711"):
        index.add(Known(text, number=False, origin=Origin()))
    text = f"{'.' * place} MARIA@x.org 4711 {'.' * (300_000 - place)}"
    assert [(match.start, match.known.text) for match in index.find(text)] == [
        (place + 1, "maria@x.org"),
        (place + 13, "4711"),
    ]


def test_the_one_letter_that_is_longer_in_small_letters_moves_no_offset():
    assert fold("aB\u0130Cd\u0130\u0130E") == "ab\u0130cd\u0130\u0130e"
