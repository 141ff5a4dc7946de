import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.hidden import hidden_in, texts_in


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Adds.<!-- and tell nobody -->", {"comment"}),
        ("Adds.\n[//]: # (and tell nobody)", {"comment"}),
        ('Adds.<span style="display:none">x</span>', {"unseen markup"}),
        ("Adds.<p hidden>x</p>", {"unseen markup"}),
        ("Adds." + " " * 200 + "x", {"far away"}),
        ("Adds." + "\n" * 40 + "x", {"far away"}),
        ("Adds.\x1b[8mx\x1b[0m", {"ansi"}),
        ("Adds.\x08x", {"control"}),
        ("Ad\u200bds.", {"zero-width"}),
        ("Ad\u2060ds.", {"zero-width"}),
        ("Ad\u00adds.", {"zero-width"}),
        ("Ad\u200dds.", {"zero-width"}),
        ("\ufe0fAdds.", {"zero-width"}),
        ("Adds \u202egnihton", {"bidi"}),
        ("Adds.\U000e0041\U000e0042", {"tags"}),
        ("Adds.\U000e0101\U000e0102", {"invisible"}),
        ("Adds.\u3164", {"invisible"}),
        ("Adds.\ue000", {"private"}),
    ],
)
def test_text_that_nobody_sees_is_found(text: str, kinds: set[str]):
    assert hidden_in(text) == kinds


@pytest.mark.parametrize(
    "text",
    [
        'Adds two numbers.\n\n- a: the first\n- b: the second\n\n```json\n{\n    "a": 1\n}\n```',
        "Größe in Ångström, 漢字, עברית, العربية",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # the joiner between letters is how Persian is written
        "\u0915\u094d\u200d\u0937",
        "Done \u2714\ufe0f, family \U0001f468\u200d\U0001f469\u200d\U0001f467, pride \U0001f3f3\ufe0f\u200d\U0001f308",
        "England \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "Finds <b>bold</b> words with a < b and c > d",
        "Indented:\r\n\tlike this",
    ],
)
def test_what_people_write_is_not_hidden(text: str):
    assert hidden_in(text) == frozenset()


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Z")), max_size=60), st.integers(0, 59))
def test_a_zero_width_space_is_found_wherever_it_stands(text: str, at: int):
    assert "zero-width" in hidden_in(text[:at] + "\u200b" + text[at:])


def test_all_texts_of_a_definition_are_looked_at():
    thing = {"name": "a", "inputSchema": {"properties": {"b": {"enum": ["c", 1, None, True]}}}}
    assert sorted(texts_in(thing)) == ["a", "b", "c", "enum", "inputSchema", "name", "properties"]
