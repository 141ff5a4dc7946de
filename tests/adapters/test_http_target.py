import pytest
from mitmproxy.connection import Client

from dlp.adapters import http_head
from dlp.adapters import http_objections as objections
from dlp.adapters.http1 import make_request
from dlp.adapters.http_target import Target, bracketed, settle

CLIENT = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)


def settled(target: bytes, host: bytes | None, tunnel: Target | None = None, method: bytes = b"GET") -> object:
    scheme, found, rest = target.partition(b"://")
    authority, _, path = rest.partition(b"/") if found else (b"", b"", target[1:])
    fields = ((b"Host", host),) if host is not None else ()
    request = make_request(method, scheme if found else b"", authority, b"/" + path, b"HTTP/1.1", fields)
    return settle(request, http_head.read_request(fields, b"HTTP/1.1"), tunnel, CLIENT)


@pytest.mark.parametrize(
    ("target", "host", "tunnel", "expected"),
    [
        (b"http://api.test/x", b"api.test", None, ("api.test", 80)),
        (b"http://api.test:81/x", b"api.test:81", None, ("api.test", 81)),
        (b"http://[::1]/x", b"[::1]", None, ("::1", 80)),
        (b"/x", b"api.test", ("api.test", 80), ("api.test", 80)),
        (b"http://api.test/x", b"other.test", None, objections.MISMATCH),
        (b"http://api.test/x", b"api.test:81", None, objections.MISMATCH),
        (b"/x", b"api.test", ("other.test", 80), objections.MISMATCH),
        (b"/x", b"api.test", None, objections.NOT_A_PROXY_REQUEST),
        (b"ftp://api.test/x", b"api.test", None, objections.NOT_A_PROXY_REQUEST),
        (b"http://api.test/a/../b", b"api.test", None, objections.BAD_TARGET),
        (b"http://api.test/%2e%2e/b", b"api.test", None, objections.BAD_TARGET),
    ],
)
def test_all_that_says_where_a_request_goes_says_one_thing(
    target: bytes, host: bytes, tunnel: Target | None, expected: object
):
    assert settled(target, host, tunnel) == expected


def test_a_method_that_is_no_token_is_refused():
    assert settled(b"http://api.test/", b"api.test", method=b"ge t") is objections.BAD_METHOD
    assert settled(b"http://api.test/", b"api.test", method=b"get") is objections.BAD_METHOD


def test_an_address_of_ip_6_stands_in_brackets():
    assert (bracketed("::1"), bracketed("api.test")) == ("[::1]", "api.test")
