import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.window import SIZE, Reader, Window


def windows(raw: bytes, step: int, *, text: bool = True) -> list[Window]:
    reader = Reader(text=text)
    got = [window for at in range(0, len(raw), step) for window in reader.feed(raw[at : at + step])]
    return got + reader.finish()


@given(st.binary(max_size=50), st.sampled_from(["a", "é", "\0"]), st.sampled_from([1000, 65_535]))
def test_no_byte_is_lost_and_text_is_read_whole(start: bytes, filler: str, step: int):
    raw = start + filler.encode() * SIZE
    got = windows(raw, step)
    assert b"".join(window.write(()) for window in got) == raw
    try:
        expected = raw.decode()
    except UnicodeDecodeError:
        expected = "\0"
    if "\0" not in expected:
        assert "".join(window.blocks[0].parts[0].text for window in got) == expected
    else:
        assert got[0].blocks[0].parts[0].kind is Kind.OPAQUE


def test_what_a_format_writes_otherwise_is_shown_as_it_reads():
    (window,) = windows(b"a \\u0041\\n &#66; \\\\", 100)
    texts = [block.parts[0].text for block in window.blocks]
    assert texts == ["a \\u0041\\n &#66; \\\\", "a A\n &#66; \\", "a \\u0041\\n B \\\\"]


def test_what_is_no_text_once_is_none_from_then_on():
    raw = b"text " + b"\xff" * SIZE + b"text again" + b"x" * SIZE
    assert {window.blocks[0].parts[0].kind for window in windows(raw, 10_000)} == {Kind.OPAQUE}


def test_what_is_compressed_is_no_text():
    (window,) = windows(b"looks like text", 100, text=False)
    assert window.blocks[0].parts[0].kind is Kind.OPAQUE


def test_a_window_is_never_rewritten():
    (window,) = windows(b"text", 100)
    with pytest.raises(ParseError):
        window.write([Edit(0, 0, 1, "x")])


def test_a_character_cut_in_two_at_the_end_makes_the_rest_unreadable():
    (window,) = windows("é".encode()[:1], 100)
    assert window.blocks[0].parts[0].kind is Kind.OPAQUE
