import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit, apply_edits
from dlp.wire.record import fitted


def nested(value: object, depth: int) -> str:
    """Write a value as JSON, that as a text in JSON, and so on."""
    text = json.dumps({"a": value, "b": [1]})
    return text if depth == 0 else nested(text, depth - 1)


def read(text: str, depth: int) -> object:
    inner = json.loads(text)["a"]
    return inner if depth == 0 else read(inner, depth - 1)


def edited(text: str, old: str, new: str) -> str:
    at = text.index(old)
    return apply_edits(text, fitted(text, [Edit(0, at, at + len(old), new)]))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(0, 3))
def test_what_is_put_into_a_text_of_json_is_what_the_json_says(value: str, depth: int):
    assert read(edited(nested("to [NOTE_1].", depth), "[NOTE_1]", value), depth) == f"to {value}."


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_stands_for_a_number_becomes_a_text(depth: int):
    assert read(edited(nested(4111111111111111, depth), "4111111111111111", "[CARD_1]"), depth) == "[CARD_1]"
    assert read(edited(nested(4111.5, depth), "4111", "[CARD_1]"), depth) == "[CARD_1].5"


def test_many_edits_of_one_text_each_find_their_place():
    text = nested({"one": 4111, "two": "[A_1]", "[A_2]": 1}, 2)
    edits = [Edit(0, text.index(old), text.index(old) + len(old), '"') for old in ("4111", "[A_1]", "[A_2]")]
    assert read(apply_edits(text, fitted(text, edits)), 2) == {"one": '"', "two": '"', '"': 1}


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ('say "[A_1]"', "[A_1]"),
        ("[A_1]", "[A_1]"),
        ('{"a": [A_1]}', "[A_1]"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": 1, "b": "x"}', '1, "b": "x"'),
        ('{"a": "x\\\\y"}', "\\y"),
        ('{"a": true}', "true"),
    ],
)
def test_what_is_no_one_text_of_json_is_edited_as_it_stands(text: str, old: str):
    assert edited(text, old, '"') == text.replace(old, '"')
