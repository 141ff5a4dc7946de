import codecs

import pytest

from dlp.core.errors import ParseError
from dlp.wire.charset import Decoding, known_charset, read_text, write_text


@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_wins_over_the_label_and_is_kept(charset: str):
    bom = "\ufeff".encode(charset)
    decoding = read_text(bom + "Köln 日本".encode(charset), "latin-1")
    assert decoding == Decoding("Köln 日本", charset, bom)
    assert write_text("X", decoding) == bom + "X".encode(charset)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_32_without_mark_are_told_by_their_first_character(charset: str):
    assert read_text("{1}€".encode(charset), "").text == "{1}€"
    assert read_text("{1}€".encode(charset), charset).charset == charset


def test_plain_ascii_is_not_read_as_utf_16_because_a_label_says_so():
    with pytest.raises(ParseError):
        read_text(b'{"ssn": "123-45-6789"}', "utf-16")


def test_plain_ascii_is_not_read_as_japanese_because_a_label_says_so():
    with pytest.raises(ParseError, match="as another"):
        read_text(b"\x1b$B1234567890\x1b(B", "iso-2022-jp")


def test_utf_8_labelled_as_latin_1_is_read_as_utf_8():
    assert read_text("Zoë".encode(), "iso-8859-1") == Decoding("Zoë", "utf-8")
    assert read_text("Zoë".encode("latin-1"), "iso-8859-1") == Decoding("Zoë", "iso8859-1")


@pytest.mark.parametrize("label", ["utf-7", "unicode_escape", "punycode", "hex", "rot13", "no-such", "a\0b", "x" * 99])
def test_charsets_that_make_ascii_say_something_else_are_not_read(label: str):
    with pytest.raises(ParseError, match="charset"):
        known_charset(label)


@pytest.mark.parametrize("data", [b"\x80\x81", b"a\xff", b"a\0\0\0bcdef\0", b"abcdef\0", b"\xed\xa0\x80"])
def test_what_is_no_text_is_refused(data: bytes):
    with pytest.raises(ParseError):
        read_text(data)


def test_nothing_is_written_that_would_be_read_otherwise():
    with pytest.raises(ParseError):
        write_text("\u0141", Decoding("a", "iso8859-1"))
    with pytest.raises(ParseError):
        write_text("Ã«", Decoding("a", "iso8859-1"))  # its bytes are UTF-8 for another letter
    with pytest.raises(ParseError):
        write_text("a\0", Decoding("a"))
    with pytest.raises(ParseError):
        write_text("\ufeffa", Decoding("a"))


def test_an_error_holds_nothing_of_the_text():
    with pytest.raises(ParseError) as caught:
        read_text(b"secret \xff")
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)
    assert codecs.BOM_UTF8 not in str(caught.value).encode()
