"""YAML: every scalar in every style, and what stands between."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.body import Body, read_body

TEXT = r"""# staff of 2026
people: &all
  - name: Ada   # the first
    mail: "a\x40b.test"
    pay: 55000
    note: >
      she wrote
      a program
    raw: |
      line
      line
  - {name: 'O''Neill', pay: 1.5e3}
again: *all
---
second: yes
"""


def body(text: str) -> Body:
    return read_body(text.encode(), "application/yaml", "", limit=1_000_000)


def says(text: str) -> dict[str, str]:
    return {part.path: part.text for part in body(text).block.parts if part.kind is not Kind.KEY}


def test_scalars_of_every_style_are_read_as_what_they_say():
    read = says(TEXT)
    assert read["/0/people/0/mail"] == "a@b.test"
    assert read["/0/people/0/note"] == "she wrote a program\n"
    assert read["/0/people/0/raw"] == "line\nline\n"
    assert read["/0/people/1/name"] == "O'Neill"
    assert read["/1/second"] == "yes"


def test_plain_numbers_are_numbers():
    kinds = {part.path: part.kind for part in body(TEXT).block.parts if part.kind is not Kind.KEY}
    assert kinds["/0/people/0/pay"] is Kind.NUMBER
    assert kinds["/0/people/0/name"] is Kind.TEXT


def test_comments_tags_and_anchors_are_read():
    texts = " ".join(part.text for part in body(TEXT + "a: !secret-tag b\n").block.parts)
    assert all(word in texts for word in ("staff of 2026", "the first", "&all", "!secret-tag"))


def test_a_value_folded_over_lines_is_found_whole():
    assert says("ssn: 123-45-\n  6789\n")["/ssn"] == "123-45- 6789"
    assert says('ssn: "123-45-\\\n  6789"\n')["/ssn"] == "123-45-6789"


@pytest.mark.parametrize("path", ["/0/people/0/name", "/0/people/0/mail", "/0/people/0/note", "/0/people/0/raw"])
def test_a_scalar_of_any_style_can_be_rewritten(path: str):
    one = body(TEXT)
    number, part = next((i, p) for i, p in enumerate(one.block.parts) if p.path == path and p.kind is Kind.TEXT)
    written = one.write([Edit(number, 0, len(part.text), "[PERSON_1]: #")]).decode()
    assert says(written)[path] == "[PERSON_1]: #"
    assert {p: t for p, t in says(written).items() if p != path} == {p: t for p, t in says(TEXT).items() if p != path}


def test_a_number_becomes_a_text_and_a_number_again():
    one = body("pay: 55000\n")
    number = next(i for i, part in enumerate(one.block.parts) if part.kind is Kind.NUMBER)
    assert one.write([Edit(number, 0, 5, "[PAY_1]")]) == b'pay: "[PAY_1]"\n'
    assert one.write([Edit(number, 0, 5, "7", number=True)]) == b"pay: 7\n"


def test_what_readers_differ_on_is_opaque():
    (part,) = body("a: 1\na: 2\n").block.parts
    assert part.kind is Kind.OPAQUE


def test_what_is_no_yaml_is_a_text_unless_it_may_hide_something():
    assert says("a: [1\n")[""] == "a: [1\n"
    assert body('a: ["\\x41"\n').block.parts[0].kind is Kind.OPAQUE


def test_a_bomb_of_aliases_is_not_expanded():
    text = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert len(body(text).block.parts) < 50


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=9,
)


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), VALUES, min_size=1), st.booleans(), st.integers(10, 90))
def test_whatever_a_writer_writes_is_read(value: dict[str, object], flow: bool, width: int):  # noqa: FBT001
    text = yaml.safe_dump(value, default_flow_style=flow, width=width, allow_unicode=True)
    parts = body(text).block.parts
    if text[0] == "{" and "\\" in text and parts[0].kind is Kind.OPAQUE:
        return  # it begins as JSON, is none, and a lenient reader of JSON may find escapes in it: refused, not guessed
    read = [part.text for part in parts]
    assert all(any(one == part for part in read) for one in texts_of(value) if one)


@given(
    st.lists(st.sampled_from([*"abc:-#&*!|>'\"%@`{}[],? \n\t", "\n  ", ": ", "- ", "\\x41", "---\n", "1"])).map("".join)
)
def test_any_text_is_read_or_opaque_and_written_as_it_came(text: str):
    one = body(text)
    assert one.write([]) == text.encode()
    for number, part in enumerate(one.block.parts):
        try:
            written = one.write([Edit(number, 0, len(part.text), "[X_1]")])
        except ParseError:
            continue
        assert b"[X_1]" in written
