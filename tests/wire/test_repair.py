import pytest

from dlp.core.errors import ParseError
from dlp.wire.repair import repair_headers

HEADERS = (
    (b"Content-Length", b"5"),
    (b"ETag", b'W/"x"'),
    (b"Content-MD5", b"x"),
    (b"Digest", b"x"),
    (b"Content-Digest", b"x"),
    (b"Repr-Digest", b"x"),
    (b"Accept-Ranges", b"bytes"),
    (b"X-Other", b"y"),
)


def test_headers_of_an_unedited_body_stay():
    assert repair_headers(HEADERS, edited=False, length=9) == HEADERS


def test_an_edited_body_gets_its_length_and_loses_what_no_longer_holds():
    assert repair_headers(HEADERS, edited=True, length=9) == ((b"Content-Length", b"9"), (b"X-Other", b"y"))


def test_a_chunked_message_stays_chunked_whatever_the_order():
    chunked = (b"Transfer-Encoding", b"chunked")
    assert repair_headers([chunked], edited=True, length=9) == (chunked,)
    assert repair_headers([(b"content-length", b"1"), chunked], edited=True, length=9) == (chunked,)


def test_a_length_is_added_where_nothing_frames_the_body():
    assert repair_headers([], edited=True, length=9) == ((b"content-length", b"9"),)


def test_two_lengths_become_one():
    two = [(b"content-length", b"1"), (b"content-length", b"1")]
    assert repair_headers(two, edited=True, length=9) == ((b"content-length", b"9"),)


def test_a_range_of_a_larger_body_cannot_be_edited():
    with pytest.raises(ParseError, match="content-range"):
        repair_headers([(b"Content-Range", b"bytes 0-1/9")], edited=True, length=9)
