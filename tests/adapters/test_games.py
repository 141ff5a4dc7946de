"""What plays with the protocol: two readings of one message, another protocol than said, another place than judged."""

import socket
import ssl
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from dlp.core.message import Message
from dlp.core.outcome import Refuse

HIDDEN = b"GET http://api.test/hidden HTTP/1.1\r\nHost: api.test\r\n\r\n"


def exchange(world: Any, sent: bytes, *, wait: float = 1.0) -> bytes:
    """Send these bytes at once; return all that comes back within a moment."""
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(sent)
        return drain(client, wait)


def drain(client: socket.socket, wait: float = 1.0) -> bytes:
    client.settimeout(wait)
    got = b""
    try:
        while data := client.recv(65536):
            got += data
    except TimeoutError:
        pass
    return got


def tunnel(world: Any, target: str) -> socket.socket:
    client = socket.create_connection((world.host, world.port), timeout=5)
    client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 200")
    return client


def in_tls(world: Any, client: socket.socket, name: str, *alpn: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(world.ca_file))
    context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(client, server_hostname=name)


# --- smuggling: where one message ends and the next begins ------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 4",
        "Content-Length: +4",
        "Content-Length: 4\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nTransfer_Encoding: chunked\x00",
    ],
)
def test_a_length_that_two_readers_may_read_differently_is_refused(world: Any, head: str):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    reply = exchange(
        world, f"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\n{head}\r\n\r\n0\r\n\r\n".encode("latin-1") + HIDDEN
    )
    assert reply.startswith(b"HTTP/1.1 4")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "chunks",
    [b"5;x=\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"05\r\nhello\r\n0\r\n\r\n"],
)
def test_chunks_are_written_anew_without_what_their_sizes_carried(world: Any, chunks: bytes):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    head = b"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange(world, head + chunks)
    assert [request.body for request in upstream.requests] in ([b"hello"], [])


@pytest.mark.parametrize(
    "chunks", [b"-1\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n", b"5 5\r\nhello\r\n"]
)
def test_chunks_that_others_may_read_otherwise_reach_nobody(world: Any, chunks: bytes):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    head = b"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange(world, head + chunks + HIDDEN)
    assert not any(b"hidden" in request.target.encode() for request in upstream.requests)


def test_a_body_of_a_get_is_a_body_and_no_second_request(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    head = b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN)
    exchange(world, head + HIDDEN)
    assert [(request.target, request.body) for request in upstream.requests] == [("/", HIDDEN)]


def test_what_follows_an_answer_is_no_answer_to_the_next_request(world: Any):
    spoken = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted"
    world.upstream("api.test", spoken, tls=False)
    world.start(bound=True)
    ask = b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n"
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(ask)
        first = client.recv(65536)
        client.sendall(ask)
        second = drain(client)
    assert first.endswith(b"ok")
    assert b"planted" not in second


def test_what_is_sent_behind_an_upgrade_that_fails_is_a_request_of_its_own_and_judged(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.engine.on_judge = lambda _call, message: _not_hidden(message)
    world.start(bound=True)
    ask = b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    exchange(world, ask + HIDDEN)
    assert [request.target for request in upstream.requests] == ["/"]


def _not_hidden(message: Message) -> Refuse | None:
    if message.direction == "outbound" and message.endpoint.path == "/hidden":
        return Refuse("flow", "No", "No.", "e", "t")
    return None


# --- another protocol than said ---------------------------------------------------------------------------------------


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def test_http2_without_being_agreed_on_goes_nowhere(world: Any):
    upstream = world.listener("api.test")
    world.start(bound=True)
    assert b"HTTP/1.1 400" in exchange(world, PREFACE)
    with tunnel(world, "api.test:80") as client:
        client.sendall(PREFACE + bytes(9))
        assert b"HTTP/1.1 400" in drain(client)
    with in_tls(world, tunnel(world, "api.test:443"), "api.test", "http/1.1") as client:
        client.sendall(PREFACE + bytes(9))
        assert b"HTTP/1.1 400" in drain(client)
    assert upstream.connections == 0


def test_an_offer_of_http2_in_clear_text_is_not_taken_up(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    ask = b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    reply = exchange(world, ask + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200")
    assert upstream.requests[0].header("upgrade") is None
    assert upstream.requests[0].header("http2-settings") is None


@pytest.mark.parametrize("port", [22, 25, 53, 6379])
def test_a_port_that_means_another_protocol_gets_http_or_nothing(world: Any, port: int):
    upstream = world.listener("api.test")
    world.start(bound=True)
    exchange(world, f"CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test\r\n\r\n".encode() + b"EHLO me\r\n", wait=0.5)
    assert upstream.raw == b""


@pytest.mark.parametrize("path", ["", "*", "/a b", "/\r\nx", "http://other.test/"])
def test_pseudo_headers_of_http2_are_held_to_what_a_request_line_may_say(world: Any, path: str):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    with in_tls(world, tunnel(world, "api.test:443"), "api.test", "h2") as client:
        h2_ = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding=False, validate_outbound_headers=False)
        )
        h2_.initiate_connection()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "api.test"), (":path", path)]
        h2_.send_headers(1, fields, end_stream=True)
        client.sendall(h2_.data_to_send())
        drain(client, 0.7)
    assert all(request.target == "*" for request in upstream.requests)


def test_two_authorities_in_http2_are_refused(world: Any):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    with in_tls(world, tunnel(world, "api.test:443"), "api.test", "h2") as client:
        h2_ = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding=False, validate_outbound_headers=False)
        )
        h2_.initiate_connection()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "other.test"), (":path", "/")]
        h2_.send_headers(1, [*fields, ("host", "api.test")], end_stream=True)
        client.sendall(h2_.data_to_send())
        got = drain(client, 0.7)
    assert got
    assert upstream.requests == []


def test_a_websocket_over_http2_is_not_offered_and_goes_nowhere(world: Any):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    with in_tls(world, tunnel(world, "api.test:443"), "api.test", "h2") as client:
        h2_ = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding=False, validate_outbound_headers=False)
        )
        h2_.initiate_connection()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat")]
        h2_.send_headers(1, [*fields, (":authority", "api.test"), ("sec-websocket-version", "13")])
        h2_.send_data(1, b"\x81\x05hello")
        client.sendall(h2_.data_to_send())
        seen = h2_.receive_data(drain(client, 0.7))
    assert h2_.remote_settings.enable_connect_protocol == 0
    statuses = [dict(event.headers).get(b":status") for event in seen if isinstance(event, h2.events.ResponseReceived)]
    ended = any(isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated) for event in seen)
    assert ended or (statuses and all(status >= b"400" for status in statuses))
    assert upstream.requests == []


@pytest.mark.parametrize("kind", ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"])
def test_grpc_in_the_form_of_browsers_is_refused_before_it_is_sent(world: Any, kind: str):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    head = f"POST http://api.test/s/M HTTP/1.1\r\nHost: api.test\r\nContent-Type: {kind}\r\nContent-Length: 5\r\n\r\n"
    reply = exchange(world, head.encode() + bytes(5))
    assert b"gRPC-Web is not supported" in reply
    assert upstream.requests == []


# --- another place than judged ----------------------------------------------------------------------------------------


def test_another_service_that_an_answer_names_is_not_passed_on(world: Any):
    world.upstream("api.test", b'HTTP/1.1 200 OK\r\nAlt-Svc: h3="other.test:443"\r\nContent-Length: 2\r\n\r\nok')
    world.start(bound=True)
    context = ssl.create_default_context(cafile=str(world.ca_file))
    answer = httpx.get("https://api.test/", proxy=world.bare_url, verify=context)
    assert (answer.text, "alt-svc" in answer.headers) == ("ok", False)


def test_a_redirect_is_the_clients_to_follow_and_is_judged_like_any_request(world: Any):
    world.upstream("api.test", b"HTTP/1.1 302 Found\r\nLocation: https://other.test/x\r\nContent-Length: 0\r\n\r\n")
    other = world.upstream("other.test")
    world.engine.on_connect = lambda _scheme, host, _port: host == "api.test"
    world.start(bound=True)
    context = ssl.create_default_context(cafile=str(world.ca_file))
    client = httpx.Client(proxy=world.bare_url, verify=context, follow_redirects=True)
    with client, pytest.raises(httpx.ProxyError):
        client.get("https://api.test/")
    assert other.connections == 0


@pytest.mark.parametrize(
    "host", ["api.test.", "API.test", "api.test:443", "api。test", "xn--api-test", "api.test@other.test", "api%2etest"]
)
def test_another_spelling_of_a_name_is_the_same_place_or_none(world: Any, host: str):
    upstream = world.upstream("api.test", tls=False)
    other = world.listener("other.test")
    world.start(bound=True)
    exchange(world, f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), wait=0.5)
    assert other.connections == 0
    assert {message.endpoint.upstream for message in world.engine.messages} <= {
        "http://api.test:80",
        "http://api.test:443",
        "http://xn--api-test:80",
    }
    assert len(upstream.requests) <= 1
