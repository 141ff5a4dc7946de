"""Protobuf without a schema, against a writer of its own."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.protobuf import read_protobuf


def varint(value: int) -> bytes:
    out = bytearray()
    value %= 1 << 64
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: float | str | bytes) -> bytes:
    """Write one field: integers as varints, floats as doubles, the rest with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def says(data: bytes) -> dict[str, str]:
    return {part.path: part.text for part in read_protobuf(data).parts}


PERSON = field(1, "Ada Lovelace") + field(2, field(1, "ada@example.test") + field(2, 7)) + field(3, 55000)


def test_texts_and_numbers_are_read_by_the_numbers_of_their_fields():
    read = says(PERSON)
    assert read["/1"] == "Ada Lovelace"
    assert read["/2/1"] == "ada@example.test"
    assert read["/3"] == "55000"


def test_a_number_is_read_as_a_signed_one_too():
    assert says(field(3, 110000))["/3:sint"] == "55000"
    assert says(field(3, -5))["/3"] == "-5"


def test_floating_numbers_and_those_of_fixed_size_are_read_as_what_makes_sense():
    assert says(field(1, 55000.5))["/1"] == "55000.5"
    assert says(field(1, 55000.0))["/1"] == "55000"
    assert says(varint(1 << 3 | 5) + struct.pack("<f", 0.1))["/1"] == "0.1"
    assert says(varint(1 << 3 | 1) + (123456789).to_bytes(8, "little"))["/1"] == "123456789"
    assert says(varint(1 << 3 | 5) + (123456789).to_bytes(4, "little"))["/1"]


def test_a_text_cut_into_numbers_of_eight_bytes_is_read_as_text():
    data = varint(1 << 3 | 1) + b"AKIA1234" + varint(2 << 3 | 1) + b"zzzzzzzz"
    assert says(data)["/1:text"] == "AKIA1234"


def test_bytes_that_are_neither_text_nor_a_message_are_opaque():
    (part,) = read_protobuf(field(1, b"\xff\x00\xfe\x01" * 8)).parts
    assert (part.kind, part.length) == (Kind.OPAQUE, 32)


def test_numbers_that_look_like_noise_are_opaque_where_there_are_many():
    noise = b"".join(varint(n << 3 | 1) + b"\xc9\x07\xf1\x13\x9b\x88\x21\xa7" for n in (1, 2, 3))
    assert Kind.OPAQUE in {part.kind for part in read_protobuf(noise).parts}


def test_what_reads_as_text_and_as_a_message_is_given_in_both_readings():
    inner = field(12, "x" * 0x20)  # its tag and its length are printable
    read = says(field(1, inner))
    assert read["/1"] == inner.decode()
    assert read["/1:message/12"] == "x" * 0x20


def test_an_edit_of_the_reading_that_may_not_hold_is_refused():
    document = read_protobuf(field(1, field(12, "x" * 0x20)))
    other = next(i for i, part in enumerate(document.parts) if ":message" in part.path)
    with pytest.raises(ParseError, match="not rewritten"):
        document.write({other: [Edit(other, 0, 1, "y")]})


def test_an_edit_puts_every_length_around_it_right():
    deep = field(9, field(8, field(7, PERSON) + field(6, "kept")))
    document = read_protobuf(deep)
    index = next(i for i, part in enumerate(document.parts) if part.text == "ada@example.test")
    long = "[EMAIL_1]" * 40
    written = document.write({index: [Edit(index, 0, 16, long)]})
    person = field(1, "Ada Lovelace") + field(2, field(1, long) + field(2, 7)) + field(3, 55000)
    assert written == field(9, field(8, field(7, person) + field(6, "kept")))


def test_a_number_can_become_another_number_and_nothing_else():
    document = read_protobuf(PERSON)
    index = next(i for i, part in enumerate(document.parts) if part.path == "/3")
    written = document.write({index: [Edit(index, 0, 5, "7", number=True)]})
    assert says(written)["/3"] == "7"
    with pytest.raises(ParseError, match="another number"):
        document.write({index: [Edit(index, 0, 5, "[PAY_1]")]})


def test_what_is_no_message_is_refused():
    for data in (b"\x00", b"hello world, this is text", b"\x0a\xff\x01", b"\x0b\x0c", b"\x08" + b"\xff" * 11):
        with pytest.raises(ParseError):
            read_protobuf(data)


def test_messages_nested_without_end_are_read_to_a_depth_and_opaque_below():
    data = field(1, "\x01")
    for _ in range(3000):
        data = field(1, data)
    parts = read_protobuf(data).parts
    assert parts[-1].kind is Kind.OPAQUE


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
    | st.floats(allow_nan=False),
    lambda inner: st.lists(st.tuples(st.integers(1, 2**29 - 1), inner), min_size=1, max_size=4).map(tuple),
    max_leaves=12,
)


def encode(value: object) -> bytes | int | float | str:
    if isinstance(value, tuple):
        return b"".join(field(number, encode(inner)) for number, inner in value)
    assert isinstance(value, int | float | str)
    return value


def texts_of(value: object) -> list[str]:
    if isinstance(value, tuple):
        return [text for _, inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), VALUES), max_size=6).map(tuple))
def test_every_text_of_a_message_is_in_some_part(message: object):
    data = encode(message)
    assert isinstance(data, bytes)
    read = [part.text for part in read_protobuf(data).parts]
    missing = [text for text in texts_of(message) if not any(text in part for part in read)]
    assert not missing


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_written_back_as_they_came(data: bytes):
    try:
        document = read_protobuf(data)
    except ParseError:
        return
    assert document.write({}) == data


@given(
    st.lists(st.tuples(st.integers(1, 99), st.text(st.characters(codec="utf-8"), max_size=9)), min_size=1), st.data()
)
def test_a_rewritten_text_reads_back_as_what_was_written(message: list[tuple[int, str]], data: st.DataObject):
    raw = b"".join(field(number, text) for number, text in message)
    document = read_protobuf(raw)
    if not document.parts:  # one text of nine bytes may read as a number of eight that says nothing
        return
    number = data.draw(st.integers(0, len(document.parts) - 1))
    part = document.parts[number]
    try:
        written = document.write({number: [Edit(number, 0, len(part.text), "[PERSON_1]")]})
    except ParseError:
        return
    assert [p.text for p in read_protobuf(written).parts if p.path == part.path].count("[PERSON_1]") >= 1
