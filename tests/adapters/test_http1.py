import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.adapters.http1 import BadHeadError, make_request, make_response, read_request_head, read_response_head


def lines(text: str) -> list[bytes]:
    return text.encode("latin-1").split(b"\r\n")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("GET http://a.test/p?q HTTP/1.1", (b"http", b"a.test", b"/p?q")),
        ("GET HTTP://a.test HTTP/1.0", (b"http", b"a.test", b"/")),
        ("GET /p HTTP/1.1", (b"", b"", b"/p")),
        ("OPTIONS * HTTP/1.1", (b"", b"", b"*")),
        ("CONNECT a.test:443 HTTP/1.1", (b"", b"a.test:443", b"")),
    ],
)
def test_each_form_of_a_target_is_read(line: str, read: tuple[bytes, bytes, bytes]):
    data = read_request_head(lines(line))[0].data
    assert (data.scheme, data.authority, data.path) == read


@pytest.mark.parametrize(
    "head",
    [
        *(
            "",
            "GET",
            "GET /",
            "GET / HTTP/2",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 x",
            "G(T / HTTP/1.1",
            "GET a HTTP/1.1",
        ),
        *(
            "GET http:///p HTTP/1.1",
            "GET / HTTP/1.1\r\n folded: 1",
            "GET / HTTP/1.1\r\nA: 1\r\n\tfolded",
            "GET / HTTP/1.1\r\nA",
        ),
        *("GET / HTTP/1.1\r\n: 1", "POST / HTTP/1.1\r\nContent-Length: 1, 1", "POST / HTTP/1.1\r\nContent-Length: -1"),
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked",
    ],
)
def test_a_head_that_is_not_plainly_http_is_bad(head: str):
    with pytest.raises(BadHeadError):
        read_request_head(lines(head))


@pytest.mark.parametrize(
    ("fields", "size"), [("", 0), ("\r\nContent-Length: 5", 5), ("\r\ntransfer-encoding: Chunked", None)]
)
def test_a_requests_length_is_what_its_head_says(fields: str, size: int | None):
    assert read_request_head(lines(f"POST / HTTP/1.1{fields}"))[1] == size


@pytest.mark.parametrize(
    ("head", "method", "size"),
    [
        ("HTTP/1.1 200 OK", b"GET", -1),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5", b"GET", 5),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5", b"HEAD", 0),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5", b"GET", 0),
        ("HTTP/1.1 304 Not Modified", b"GET", 0),
        ("HTTP/1.1 103 Early Hints", b"GET", 0),
        ("HTTP/1.0 200", b"GET", -1),
    ],
)
def test_a_responses_length_depends_on_what_was_asked(head: str, method: bytes, size: int | None):
    assert read_response_head(lines(head), method)[1] == size


@pytest.mark.parametrize("head", ["HTTP/1.1 20 OK", "HTTP/2 200", "HTTP/1.1 abc", "200 OK", "HTTP/1.1 099 x"])
def test_a_status_line_that_is_not_plainly_http_is_bad(head: str):
    with pytest.raises(BadHeadError):
        read_response_head(lines(head), b"GET")


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_any_bytes_are_a_head_or_a_bad_one(given_lines: list[bytes]):
    try:
        request, size = read_request_head(given_lines)
    except BadHeadError:
        return
    assert size is None or size >= 0
    assert request.data.method


def test_what_is_made_here_is_what_mitmproxy_would_make():
    request = make_request(b"GET", b"http", b"a.test", b"/p", b"HTTP/1.1", ((b"Host", b"a.test"),))
    assert (request.method, request.authority, request.path, request.is_http11) == ("GET", "a.test", "/p", True)
    assert request.headers["host"] == "a.test"
    response = make_response(b"HTTP/1.1", 200, b"OK", ((b"X", b"1"),), b"body")
    assert (response.status_code, response.reason, response.raw_content, response.headers["x"]) == (
        200,
        "OK",
        b"body",
        "1",
    )
