import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlp.engine.ranges import EDGE, WHOLE, Cut, Piece, characters, counts_rows, cut, fits, piece_of, told

TEXT = bytes(range(33, 127)) * 20


def served(asked: bytes, whole: bytes = TEXT, most: int = 10_000) -> tuple[bytes, bytes]:
    """Answer as a server does, with at most so many bytes: a Content-Range and what it is of."""
    piece = piece_of(asked)
    assert piece is not None
    first = piece.first if piece.count is None else max(0, len(whole) - piece.count)
    stop = min(len(whole), first + most, len(whole) if piece.last is None else piece.last + 1)
    return b"bytes %d-%d/%d" % (first, stop - 1, len(whole)), whole[first:stop]


@pytest.mark.parametrize(
    ("said", "piece", "asked"),
    [
        (b"bytes=1000-1999", Piece(1000, 1999), b"bytes=744-2255"),
        (b" bytes=0-0", Piece(0, 0), b"bytes=0-256"),
        (b"bytes=300-", Piece(300), b"bytes=44-"),
        (b"bytes=-50", Piece(count=50), b"bytes=-306"),
    ],
)
def test_what_stands_beside_a_piece_is_asked_for_as_well(said: bytes, piece: Piece, asked: bytes):
    assert piece_of(said) == piece
    assert piece.asked() == asked


@pytest.mark.parametrize("said", [b"", b"bytes=", b"bytes=-", b"bytes=-0", b"bytes=9-3", b"bytes=0-1,3-4", b"rows=0-9"])
def test_what_is_no_piece_in_bytes_is_none(said: bytes):
    assert piece_of(said) is None


@given(st.integers(0, 2100), st.integers(0, 2100) | st.none(), st.integers(300, 3000))
def test_what_is_cut_out_is_what_was_asked_for_with_its_surroundings_judged(first: int, last: int | None, most: int):
    if last is not None and last < first:
        return
    piece = Piece(first, last)
    if max(0, first - EDGE) >= len(TEXT):
        return
    said, came = served(piece.asked(), most=most)
    found = cut(said, len(came), piece)
    if found is None:
        assert most < len(TEXT)  # too little came
        return
    got, rest = found.of(came)
    assert TEXT[first:].startswith(got)
    assert rest.length == 0
    start = first - found.skip
    if found.length:
        assert start == max(0, first - EDGE)
        assert found.content_range == b"bytes %d-%d/%d" % (first, first + len(got) - 1, len(TEXT))
        assert len(came) - found.skip - found.length >= EDGE or start + len(came) == len(TEXT)
    if most > len(TEXT):
        assert got == TEXT[first : None if last is None else last + 1]


def test_the_last_bytes_and_what_is_beyond_the_end():
    said, came = served(b"bytes=-306")
    assert cut(said, len(came), Piece(count=50)) == Cut(256, 50, b"bytes 1830-1879/1880")
    said, came = served(b"bytes=1644-")
    assert cut(said, len(came), Piece(1900)) == Cut(0, 0, b"bytes */1880")
    assert cut(b"bytes 0-99/*", 100, Piece(count=50)) is None
    assert cut(b"bytes 0-99/*", 100, Piece(0)) is None
    assert cut(b"bytes 0-399/*", 400, Piece(0, 99)) == Cut(0, 100, b"bytes 0-99/*")


@pytest.mark.parametrize(
    "said", [b"", b"bytes 5-9/20", b"bytes */20", b"lines 0-5/20", b"bytes 5-3/20", b"bytes a-b/c", b"bytes 15-20/20"]
)
def test_a_head_that_does_not_fit_its_piece_says_nothing(said: bytes):
    assert cut(said, 6, WHOLE) is None
    assert not fits(said, 6)


def test_rows_are_counted_without_a_unit():
    assert all(map(counts_rows, (b"0-24/*", b" 0-24/100", b"*/0")))
    assert not any(map(counts_rows, (b"bytes 0-24/*", b"0-", b"")))


def test_what_is_cut_out_comes_in_any_pieces():
    found, got = Cut(3, 5, b""), b""
    for at in range(0, 12, 2):
        some, found = found.of(TEXT[at : at + 2])
        got += some
    assert got == TEXT[3:8]


@given(st.text(min_size=1, max_size=40), st.integers(0, 60), st.integers(0, 60))
def test_what_is_left_of_a_character_beside_a_piece_is_left_out(text: str, first: int, last: int):
    data = text.encode("utf-8", "replace")
    came = data[first : len(data) - last]
    middle = len(came) // 2
    whole = next((at for at in range(middle, len(came)) if came[at] & 0xC0 != 0x80), None)
    assume(whole is not None)  # a piece that begins with a character
    characters(came, Cut(whole or 0, 0, b"")).decode()


def test_what_was_asked_for_is_never_left_out():
    assert characters(b"\x80\x80a\xe2\x82", Cut(0, 5, b"")) == b"\x80\x80a\xe2\x82"
    assert characters(b"\x80\x80a\xe2\x82", Cut(1, 3, b"")) == b"\x80a\xe2\x82"


def test_a_head_says_what_was_cut_out():
    fields = ((b"Content-Range", b"x"), (b"Content-Length", b"9"), (b"Content-MD5", b"x"), (b"ETag", b"x"))
    assert told(fields, Cut(1, 2, b"bytes 1-2/9")) == (
        (b"Content-Range", b"bytes 1-2/9"),
        (b"Content-Length", b"2"),
        (b"ETag", b"x"),
    )
