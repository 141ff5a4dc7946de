import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.errors import ParseError
from dlp.wire.mcp_frames import END, Frame, Frames, Head

CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nx-more: y\r\n\r\nHTTP/1.1 204 \r\n\r\n"
)


def read(raw: bytes, *, answers: bool, cuts: list[int] | None = None, limit: int = 200) -> list[Frame]:
    """Return the frames of what comes in these pieces; pieces of one body as one."""
    frames, found = Frames(limit, answers=answers), list[Frame]()
    starts = [0, *sorted(cuts or ()), len(raw)]
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        frames.feed(raw[start:end]) if end > start else None
        while (frame := frames.next()) is not None:
            last = found[-1] if found else None
            if isinstance(frame, bytes) and isinstance(last, bytes):
                found[-1] = last + frame
            else:
                found.append(frame)
    frames.feed(b"")
    while (frame := frames.next()) is not None:
        found.append(frame)
    return found


def test_a_request_is_a_head_and_a_body():
    fields = b"Host: x\r\nEmpty:\r\nX-A:  b c \r\nContent-Length: 3\r\n"
    raw = b"\r\nPOST /a?b HTTP/1.1\r\n" + fields + b"\r\nabcGET / HTTP/1.0\r\n\r\n"
    head, body, end, second, last = read(raw, answers=False)
    assert isinstance(head, Head)
    assert (head.method, head.target, head.length, head.stays) == (b"POST", b"/a?b", 3, True)
    assert list(head.fields) == [(b"host", b"x"), (b"empty", b""), (b"x-a", b"b c"), (b"content-length", b"3")]
    assert (head.one(b"x-a"), head.one(b"none")) == (b"b c", b"")
    assert (body, end, last) == (b"abc", END, END)
    assert isinstance(second, Head)
    assert (second.length, second.stays) == (0, False)


@given(st.lists(st.integers(0, len(CHUNKED)), max_size=12))
def test_any_pieces_give_the_same_frames(cuts: list[int]):
    head, body, end, empty, last = read(CHUNKED, answers=True, cuts=cuts)
    assert isinstance(head, Head)
    assert isinstance(empty, Head)
    assert (head.status, head.length, body, end) == (200, None, b"abc0123456789", END)
    assert (empty.status, empty.length, last) == (204, 0, END)


def test_an_answer_without_a_length_ends_with_the_connection():
    head, body, end = read(b"HTTP/1.1 200 OK\r\n\r\nab", answers=True)
    assert isinstance(head, Head)
    assert (head.length, head.stays, body, end) == (None, False, b"ab", END)


@pytest.mark.parametrize("status", [b"100 Continue", b"204 No", b"304 Not"])
def test_an_answer_that_has_no_body_has_none_whatever_it_says(status: bytes):
    head, end = read(b"HTTP/1.1 %b\r\ncontent-length: 5\r\n\r\n" % status, answers=True)
    assert (isinstance(head, Head) and head.length, end) == (0, END)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/2\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nc: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 50,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 200,
        b"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\na",
        b"GET / HTT",
    ],
)
def test_what_may_be_read_in_two_ways_or_is_cut_off_is_refused(raw: bytes):
    with pytest.raises(ParseError, match="http: "):
        read(raw, answers=False)


def test_what_has_come_is_known():
    frames = Frames(100, answers=False)
    assert frames.between
    frames.feed(b"GET")
    assert (frames.between, frames.waiting) == (False, 3)
