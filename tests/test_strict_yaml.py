"""What the strict reader takes, and the place of what it does not."""

import pytest

from dlp.core.errors import DlpError
from dlp.strict_yaml import (
    Map,
    Mark,
    Scalar,
    YamlError,
    expect_choice,
    expect_integer,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    kind,
    load,
    nearest,
    plain,
)


def value(text: str) -> object:
    return plain(load(text, "f.yaml"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("22:30", "22:30"),
        ("2026-11-20", "2026-11-20"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("TRUE", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("'true'", "true"),
        ('"12"', "12"),
        ("9" * 200, float("9" * 200)),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, meant: object):
    assert value(f"key: {text}") == {"key": meant}


def test_nodes_know_their_line_and_column():
    root = load("a: 1\nb:\n  - x\n  - 'y'\n", "f.yaml")
    assert isinstance(root, Map)
    items = expect_list(root.entries[1].node, "b")
    assert [str(item.mark) for item in items] == ["f.yaml:3:5", "f.yaml:4:5"]
    assert [item.inside(2).column for item in items if isinstance(item, Scalar)] == [7, 8]
    assert root.get("a") is root.entries[0].node
    assert root.get("c") is None


def test_inside_a_text_over_several_lines_only_its_beginning_is_known():
    node = load("a: >-\n  x\n  y\n", "f.yaml")
    assert isinstance(node, Map)
    folded = node.entries[0].node
    assert isinstance(folded, Scalar)
    assert (folded.value, folded.inside(1)) == ("x y", Mark("f.yaml", 1, 4))


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("a: 1\na: 2\n", "2:1", "the key a is given twice; first in line 1"),
        ("a: &x 1\n", "1:4", "got an anchor"),
        ("a: 1\nb: *a\n", "2:4", "got an alias"),
        ("a: !!str 1\n", "1:4", "got a tag"),
        ("a: !own {}\n", "1:4", "got a tag"),
        ("<<: {a: 1}\n", "1:1", "got a merge key"),
        ("%YAML 1.1\n---\na: 1\n", "1:1", "got a directive"),
        ("a: 1\n---\nb: 1\n", "2:1", "expected a single document"),
        ("a: 1\n\tb: 2\n", "2:1", "indent with spaces"),
        ("a: [1\n", "1:4", "the bracket is not closed"),
        ("a:\n  b: 'x\n", "2:6", "the quote is not closed"),
        ("1: a\n", "1:1", "expected a text as key, got a number; put it in quotes"),
        ("[a]: b\n", "1:1", "expected a text as key, got a list"),
        ("", "1:1", "got an empty file"),
        ("a: 1\nb: \x07\n", "2:4", "got a control character"),
        ("a: " + "[" * 70 + "]" * 70, "1:67", "more than 64 levels"),
    ],
)
def test_what_could_surprise_is_an_error_with_its_place(text: str, place: str, told: str):
    with pytest.raises(YamlError) as raised:
        load(text, "f.yaml")
    assert str(raised.value).startswith(f"f.yaml:{place}: ")
    assert told in str(raised.value)
    assert isinstance(raised.value, DlpError)


def test_a_file_that_is_not_utf_8_is_an_error():
    with pytest.raises(YamlError, match="offset 3"):
        load(b"a: \xff", "f.yaml")
    assert plain(load("a: ü".encode(), "f.yaml")) == {"a": "ü"}


def test_a_quoted_merge_sign_is_an_ordinary_key():
    assert value("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{}", "a mapping"),
        ("[]", "a list"),
        ("~", "nothing"),
        ("true", "a boolean"),
        ("1.5", "a number"),
        ("x", "a text"),
    ],
)
def test_a_node_is_named_in_words(text: str, word: str):
    assert kind(load(text, "f")) == word


def test_an_unknown_key_names_the_nearest_and_all_that_are_known():
    with pytest.raises(YamlError) as raised:
        expect_map(load("a: 1\nrulez: 2\n", "f"), "policy file", ("rules", "a"))
    assert str(raised.value) == "f:2:1: policy file: unknown key rulez; did you mean rules?; known: a, rules"


def test_a_missing_key_is_named():
    with pytest.raises(YamlError, match="rule: expected the key then, got only name"):
        expect_map(load("name: x", "f"), "rule", need=("then",))
    with pytest.raises(YamlError, match="got only none"):
        expect_map(load("{}", "f"), "rule", need=("then",))


def test_without_anything_like_it_only_the_known_are_listed():
    assert nearest("zzz", ["mask", "hash"]) == "; known: hash, mask"
    assert nearest("zzz", []) == "; known: none"


def test_each_helper_takes_its_own_and_says_what_came_instead():
    assert expect_text(load("x", "f"), "w") == "x"
    assert expect_integer(load("3", "f"), "w") == 3
    assert expect_texts(load("x", "f"), "w") == ("x",)
    assert expect_texts(load("[x, y]", "f"), "w") == ("x", "y")
    assert expect_choice(load("on", "f"), "w", ("on", "off")) == "on"
    for call, told in [
        (lambda: expect_text(load("3", "f"), "w"), "expected a text, got a number; put it in quotes"),
        (lambda: expect_text(load("~", "f"), "w"), "expected a text, got nothing$"),
        (lambda: expect_text(load("' '", "f"), "w"), "got an empty one"),
        (lambda: expect_integer(load("true", "f"), "w"), "expected a whole number, got a boolean"),
        (lambda: expect_integer(load("1.0", "f"), "w"), "expected a whole number, got a number"),
        (lambda: expect_list(load("[]", "f"), "w"), "leave the key out instead"),
        (lambda: expect_list(load("x", "f"), "w"), "expected a list, got a text"),
        (lambda: expect_map(load("x", "f"), "w"), "expected a mapping, got a text"),
        (lambda: expect_choice(load("of", "f"), "w", ("on", "off")), "unknown value of; did you mean off"),
    ]:
        with pytest.raises(YamlError, match=told):
            call()


def test_an_error_and_a_repr_never_hold_a_value():
    node = load("password: hunter2", "f")
    assert "hunter2" not in repr(node)
    with pytest.raises(YamlError) as raised:
        expect_map(node, "w", ("user",))
    assert "hunter2" not in str(raised.value)
