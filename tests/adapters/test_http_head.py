import base64
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.adapters.http_head import (
    GRPC,
    TRAILERS,
    UPGRADE,
    Head,
    read_authority,
    read_credentials,
    read_request,
    read_response,
    without,
)

TE, CL = (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3")


def request(*fields: tuple[bytes, bytes], version: bytes = b"HTTP/1.1") -> Head:
    return read_request(fields, version)


def test_what_is_not_special_is_kept_in_order_and_spelling():
    fields = ((b"B", b"1"), (b"a", b"2"), (b"B", b"3"), (b"Accept", b"*/*"))
    assert request(*fields).fields == fields


@pytest.mark.parametrize("name", [b"Proxy-Authorization", b"Proxy-Connection", b"TE", b"baggage", b"Keep-Alive"])
def test_what_is_for_the_proxy_only_is_taken_out(name: bytes):
    assert request((name, b"x"), (b"Kept", b"y")).fields == ((b"Kept", b"y"),)


def test_a_header_named_by_connection_goes_but_never_one_that_frames_the_message():
    head = request((b"Connection", b"X-Hop, Host, Content-Length"), (b"X-Hop", b"1"), (b"Host", b"a"), CL)
    assert head.fields == ((b"Host", b"a"), CL)


def test_two_credentials_are_none():
    assert request((b"Proxy-Authorization", b"Basic YTpi"), (b"Proxy-Authorization", b"Basic YTpi")).credentials == b""


@pytest.mark.parametrize(
    "fields",
    [
        (TE, CL),
        (CL, (b"Content-Length", b"4")),
        ((b"Content-Length", b"+3"),),
        ((b"Content-Length", b"0x3"),),
        ((b"Transfer-Encoding", b"gzip, chunked"),),
        (TE, TE),
        ((b"Host", b"a"), (b"Host", b"a")),
        ((b"Content-Type", b"text/plain"), (b"Content-Type", b"application/json")),
        ((b"X", b"a\r\nY: b"),),
        ((b"X ", b"a"),),
        ((b"", b"a"),),
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_objected_to(fields: Any):
    head = request(*fields)
    assert head.objection is not None
    assert head.objection.kind == "protocol"


def test_chunks_are_of_http_1_1_only():
    assert request(TE).objection is None
    assert request(TE, version=b"HTTP/1.0").objection is not None
    assert request(TE, version=b"HTTP/2.0").objection is not None


@pytest.mark.parametrize(
    ("field", "objection"),
    [
        ((b"Upgrade", b"anything"), UPGRADE),
        ((b"Upgrade", b"h2c"), None),
        ((b"Trailer", b"X"), TRAILERS),
        ((b"Content-Type", b"application/grpc-web+proto"), GRPC),
        ((b"Content-Type", b"text/event-stream"), None),
    ],
)
def test_what_a_later_version_may_support_is_objected_to_in_a_request(field: Any, objection: Any):
    assert request(field).objection == objection


@pytest.mark.parametrize(
    ("field", "objection"),
    [
        ((b"Trailer", b"X"), TRAILERS),
        ((b"Content-Type", b"application/grpc"), GRPC),
    ],
)
def test_and_in_a_response(field: Any, objection: Any):
    assert read_response((field,), b"HTTP/1.1").objection == objection


def test_a_response_loses_what_would_show_another_way_to_the_upstream():
    fields = ((b"Alt-Svc", b'h3=":443"'), (b"Upgrade", b"h2"), (b"Connection", b"Upgrade"), (b"X", b"1"))
    assert read_response(fields, b"HTTP/1.1").fields == ((b"X", b"1"),)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (b"gzip, deflate, br", b"gzip, deflate, br"),
        (b"gzip;q=0.5, compress", b"gzip;q=0.5"),
        (b"compress", b"identity"),
        (b"*", b"identity"),
        (b"", b"identity"),
    ],
)
def test_codings_that_nobody_here_reads_are_not_asked_for(given: bytes, asked: bytes):
    assert dict(request((b"Accept-Encoding", given)).fields)[b"Accept-Encoding"] == asked


def test_only_a_well_formed_trace_is_taken_up():
    good = b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"
    assert request((b"traceparent", good)).sandbox_trace == sha256(b"ab" * 16).hexdigest()[:32]
    for bad in (b"secret-value", good.replace(b"ab", b"00"), good.replace(b"00-", b"ff-", 1)):
        assert request((b"traceparent", bad)).sandbox_trace == ""


@pytest.mark.parametrize(
    "name",
    [
        b"X-HTTP-Method-Override",
        b"x_http_method_override",
        b"X-Method-Override",
        b"X-HTTP-Method",
        b"X-Original-URL",
        b"X-Rewrite-URL",
        b"X-Original-Host",
    ],
)
def test_a_header_that_overrides_the_request_line_is_refused(name: bytes):
    objection = request((name, b"/pay")).objection
    assert objection is not None
    assert objection.kind == "protocol"


@pytest.mark.parametrize(
    "name", [b"X-Forwarded-Host", b"X-Forwarded-Proto", b"x_forwarded_port", b"X-Forwarded-For", b"Forwarded"]
)
def test_what_only_a_proxy_may_say_is_not_passed_on(name: bytes):
    head = request((name, b"x"), (b"X-Custom", b"y"), (b"From", b"z"))
    assert head.objection is None
    assert head.fields == ((b"X-Custom", b"y"), (b"From", b"z"))


@given(st.text(st.characters(exclude_characters=":"), max_size=20), st.text(max_size=20))
def test_basic_credentials_come_out_as_they_went_in(user: str, password: str):
    value = b"Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "replace"))
    expected = f"{user}:{password}".encode("utf-8", "replace").decode().partition(":")
    assert read_credentials(value) == (expected[0], expected[2])


@pytest.mark.parametrize(
    "value", [b"", b"Bearer YTpi", b"Basic !!!", b"Basic " + base64.b64encode(b"nocolon"), b"Basic /w=="]
)
def test_what_is_not_basic_is_no_identity(value: bytes):
    assert read_credentials(value) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("api.test", ("api.test", 443)),
        ("API.Test.:8443", ("api.test", 8443)),
        ("[::1]:80", ("::1", 80)),
        ("127.0.0.1", ("127.0.0.1", 443)),
    ],
)
def test_an_authority_is_host_and_port(text: str, read: Any):
    assert read_authority(text, 443) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a:b",
        "user@a",
        "a/b",
        "a b",
        "a?b",
        "a#b",
        "a:0",
        "a:65536",
        "::1",
        "[::1",
        "a%2eb",
        "á.test",
        "a\\b",
        ".",
    ],
)
def test_what_could_be_read_otherwise_is_no_authority(text: str):
    assert read_authority(text, 443) is None


@given(st.text(max_size=60))
def test_an_authority_never_holds_what_separates(text: str):
    read = read_authority(text, 443)
    assert read is None or not set(read[0]) & set("@/?#\\% \t\r\n")


def test_fields_are_dropped_by_name():
    assert without(((b"A", b"1"), (b"B", b"2")), b"a") == ((b"B", b"2"),)
