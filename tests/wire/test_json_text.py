import json

import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.json_text import pointer, read_json
from dlp.wire.leaf import Leaves, rewrite
from dlp.wire.limits import Invalid


def read(text: str, prefix: str = "") -> Leaves:
    leaves = Leaves()
    read_json(text, prefix, leaves)
    return leaves


def write(text: str, *edits: Edit, charset: str = "utf-8") -> str:
    leaves = read(text)
    by_part: dict[int, list[Edit]] = {}
    for edit in edits:
        by_part.setdefault(edit.part, []).append(edit)
    return rewrite(text, leaves.parts, leaves.places, by_part, charset=charset)


def test_every_string_number_and_key_is_a_part_at_its_pointer():
    parts = read('{"employees": [{"salary": 1.50, "x": null, "ok": true}], "a/b~": "c"}').parts
    assert [(p.path, p.text, p.kind, p.name) for p in parts] == [
        ("/employees", "employees", Kind.KEY, ""),
        ("/employees/0/salary", "salary", Kind.KEY, "employees"),
        ("/employees/0/salary", "1.50", Kind.NUMBER, "salary"),
        ("/employees/0/x", "x", Kind.KEY, "employees"),
        ("/employees/0/ok", "ok", Kind.KEY, "employees"),
        ("/a~1b~0", "a/b~", Kind.KEY, ""),
        ("/a~1b~0", "c", Kind.TEXT, "a/b~"),
    ]


def test_items_of_a_list_go_by_the_name_of_the_list():
    parts = read('{"pay": [1, ["x", {"y": 2}]]}', "/0").parts
    assert [(p.path, p.name) for p in parts if p.kind is not Kind.KEY] == [
        ("/0/pay/0", "pay"),
        ("/0/pay/1/0", "pay"),
        ("/0/pay/1/1/y", "y"),
    ]


@pytest.mark.parametrize("text", ["1", '"x"', "true", " [ ] ", "{}", '[[],{},[{}],"",0]', "-0.1e-5", '{"":""}'])
def test_any_json_value_can_stand_at_the_top(text: str):
    json.loads(text)
    read(text)
    assert write(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "[,1]",
        '{"a":1,}',
        "{a:1}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "+1",
        "NaN",
        "Infinity",
        "[-]",
        "truex",
        '"a',
        '"\\x"',
        '"\\u12"',
        '"a\tb"',
        "1 2",
        "1,",
        "[1}",
        '{"a" 1}',
        '{"a":}',
        "]",
        "nul",
        '{"a":1]',
        "'a'",
    ],
)
def test_what_is_no_json_is_invalid(text: str):
    with pytest.raises(Invalid):
        read(text)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\ud800"', '"\\udc00\\ud800"', "[" * 201 + "]" * 201]
)
def test_what_readers_differ_on_or_is_too_deep_is_refused(text: str):
    with pytest.raises(ParseError) as caught:
        read(text)
    assert not isinstance(caught.value, Invalid)


def test_escapes_say_what_they_say_to_everyone():
    text = r'"\u0041\n\/\\\"\ud83d\ude00\t\b\f\r\u00e9"'
    assert read(text).parts[0].text == json.loads(text)


def test_only_the_edited_span_changes_and_escapes_beside_it_stay():
    assert write(r'[ "\u0041bc\/d" , 1.0 ]', Edit(0, 1, 3, 'X"')) == r'[ "\u0041X\"\/d" , 1.0 ]'


def test_an_edit_may_begin_after_and_end_before_an_escape():
    assert write(r'"\ud83d\ude00x\n"', Edit(0, 0, 1, "a"), Edit(0, 2, 3, "\\")) == r'"ax\\"'


def test_an_edited_number_becomes_a_string_and_a_number_again_on_request():
    assert write('{"pay": 100}', Edit(1, 0, 3, "[PAY_1]")) == '{"pay": "[PAY_1]"}'
    assert write('{"pay": "[PAY_1]"}', Edit(1, 0, 7, "1e2", number=True)) == '{"pay": 1e2}'
    assert write('{"pay": "[PAY_1]"}', Edit(1, 0, 7, "no", number=True)) == '{"pay": "no"}'


def test_what_the_charset_lacks_is_escaped():
    assert write('"é x"', Edit(0, 2, 3, "€\U0001f600"), charset="iso8859-1") == '"é \\u20ac\\ud83d\\ude00"'


def test_a_pointer_escapes_its_two_characters():
    assert pointer("a/b~c") == "a~1b~0c"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r'"é \" \n \u0001 😀 bob"', r'"é \" \n \u0001 😀 \"X\""'),
        (r'"\u00e9 \" \n \u0001 \ud83d\ude00 bob"', r'"\u00e9 \" \n \u0001 \ud83d\ude00 \"X\""'),
        (r'"\u00e9 é \/ bob"', r'"\u00e9 é \/ \"X\""'),
    ],
)
def test_a_string_is_written_again_in_the_way_it_was_written(before: str, after: str):
    (part,) = read(before).parts
    at = part.text.index("bob")
    assert write(before, Edit(0, at, at + 3, '"X"')) == after
