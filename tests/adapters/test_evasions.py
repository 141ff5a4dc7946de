"""What a sandbox may try so that what is judged is not what an upstream does; each failed before it was closed."""

import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import requests

from dlp.core.message import Direction, Message, Part
from dlp.core.outcome import Forward
from dlp.engine.pipeline import Classify, Hold
from dlp.engine.work import Call
from dlp.testing.wall import Wall


def ask(world: Any, lines: str, *, body: bytes = b"") -> bytes:
    """Send one request as it stands to the proxy, which closes after the answer, and return that."""
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        client.sendall(lines.replace("\n", "\r\n").encode("latin-1") + b"Connection: close\r\n\r\n" + body)
        return read(client)


def answer(body: bytes, header: str = "X: y", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read(client: socket.socket) -> bytes:
    got = b""
    while data := client.recv(65536):
        got += data
    return got


def ask_h2(world: Any, name: str, *fields: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Send an HTTP/2 request with these first fields, unchecked; return status and body."""
    context = ssl.create_default_context(cafile=str(world.ca_file))
    context.set_alpn_protocols(["h2"])
    raw = socket.create_connection((world.host, world.port), timeout=10)
    raw.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    assert b" 200 " in raw.recv(65536)
    with raw, context.wrap_socket(raw, server_hostname=name) as client:
        settings = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        connection = h2.connection.H2Connection(settings)
        connection.initiate_connection()
        rest = [(b":scheme", b"https"), (b":authority", name.encode()), (b":path", b"/x")]
        connection.send_headers(1, [*fields, *rest], end_stream=True)
        client.sendall(connection.data_to_send())
        status = body = b""
        while data := client.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers or [])[b":status"]
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                elif isinstance(event, h2.events.StreamEnded):
                    return status, body
        return status, body


# --- the method -------------------------------------------------------------------------------------------------------

METHODS = ["GET /pay", "GET\t/pay", "GET /pay HTTP/1.1", "", "get", "Post", "A" * 33, "GÈT"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_over_http2_writes_no_request_line_of_its_own(world: Any, method: str):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    status, body = ask_h2(world, "api.test", (b":method", method.encode()))
    assert status in (b"400", b"")
    assert b"Ambiguous method" in body or not status
    assert upstream.connections == 0


@pytest.mark.parametrize("method", ["get", "Post", "A" * 33, "connect"])
def test_a_method_that_servers_may_read_otherwise_goes_nowhere(world: Any, method: str):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    assert b"Ambiguous method" in ask(world, f"{method} http://api.test/ HTTP/1.1\nHost: api.test\n")
    assert upstream.connections == 0


def test_the_method_that_is_judged_is_the_one_that_is_sent(world: Any):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    assert ask_h2(world, "api.test", (b":method", b"M-SEARCH"))[0] == b"200"
    assert world.engine.messages[0].endpoint.operation == upstream.requests[0].method == "M-SEARCH"


NO_DELETING = """
policy: methods
version: "1"
ner: off
destinations: {app: {at: "http://app.test/**"}, posts: {at: "POST http://posts.test/**"}}
rules: [{name: nobody deletes, to: app, when: 'method == "DELETE"', then: block}]
"""
FORM = "Content-Type: application/x-www-form-urlencoded\n"


@pytest.mark.parametrize(
    ("host", "target", "body", "passes"),
    [
        ("app", "/users/5", "a=1&_method=patch", True),
        ("app", "/users/5", "a=1&_method=delete", False),
        ("app", "/users/5", "_METHOD=DELETE", False),
        ("app", "/users/5", "%5fmethod=%44ELETE", False),
        ("app", "/users/5", "a=_method&b=delete", True),
        ("app", "/users/5", "_method=post", True),
        ("app", "/users/5?_method=DELETE", "a=1", False),
        ("app", "/users/5?X-HTTP-Method-Override=DELETE", "a=1", False),
        ("posts", "/users/5", "a=1", True),
        ("posts", "/users/5", "a=1&_method=put", False),
    ],
)
def test_a_parameter_that_names_another_method_is_judged_as_that_too(
    world: Any,
    judged: Any,
    host: str,
    target: str,
    body: str,
    passes: bool,  # noqa: FBT001
):
    upstream = world.upstream(f"{host}.test", tls=False)
    judged(NO_DELETING)
    head = f"POST http://{host}.test{target} HTTP/1.1\nHost: {host}.test\n{FORM}Content-Length: {len(body)}\n"
    said = ask(world, head, body=body.encode())
    assert [request.body.decode() for request in upstream.requests] == ([body] if passes else [])
    assert (b"403" in said[:20]) is not passes


# --- the path ---------------------------------------------------------------------------------------------------------


def test_a_path_is_judged_with_what_could_be_read_in_two_ways_still_in_it(world: Any):
    world.upstream("api.test", tls=False)
    world.start(bound=True)
    ask(world, "GET http://api.test/hr/a%2Fb%5c%25/%70ay?x=%2F HTTP/1.1\nHost: api.test\n")
    assert world.engine.messages[0].endpoint.path == "/hr/a%2Fb%5c%25/pay"


PAY = """
policy: paths
version: "1"
classes: {employee.pay: {level: restricted, token: PAY}}
sources: {pay: {at: "https://api.test/hr/*/pay", fields: {"$..salary": employee.pay}}}
destinations: {api: {at: "https://api.test/**"}}
rules: [{name: back, data: employee.pay, to: api, then: allow}]
"""


@pytest.mark.parametrize("path", ["/hr/1/pay/", "/HR/1/Pay", "/hr/a%2Fb/pay", "/hr/%61/p%41y", "/hr/1/../1/pay"])
def test_another_spelling_of_a_sources_path_does_not_hide_it(path: str):
    wall = Wall(PAY)
    session = wall.open()
    assert wall.send(session, "GET https://api.test/hr/1").passed
    assert not wall.send(session, f"GET https://api.test{path}").passed
    wall.receive(session, f"GET https://api.test{path}", json={"salary": 91500})
    assert any(label.startswith("employee.pay/") for label in wall.taint(session))


# --- pieces of an answer ----------------------------------------------------------------------------------------------

WHOLE = b'{"salary": 91500}'
ASKED = "Range: bytes=8-15\nIf-Range: x\nA-IM: vcdiff\n"


def test_an_answer_with_declared_fields_is_asked_for_whole(world: Any):
    upstream = world.upstream("api.test", answer(WHOLE), tls=False)
    world.engine.policy = Wall(PAY.replace("https:", "http:")).policy
    world.start(bound=True)
    assert WHOLE in ask(world, f"GET http://api.test/hr/1/Pay HTTP/1.1\nHost: api.test\n{ASKED}")
    assert [upstream.requests[0].header(name) for name in ("range", "if-range", "a-im")] == [None] * 3
    ask(world, f"GET http://api.test/other HTTP/1.1\nHost: api.test\n{ASKED}")
    assert upstream.requests[1].header("range") == "bytes=0-271"


@pytest.mark.parametrize(
    ("status", "header"),
    [("206 Partial Content", "X: y"), ("200 OK", "Content-Range: bytes 8-15/17"), ("226 IM Used", "IM: vcdiff")],
)
def test_a_piece_of_an_answer_with_declared_fields_does_not_enter(world: Any, status: str, header: str):
    world.upstream("api.test", answer(b": 91500}", header, status=status), tls=False)
    world.engine.policy = Wall(PAY.replace("https:", "http:")).policy
    world.start(bound=True)
    said = ask(world, "GET http://api.test/hr/1/pay HTTP/1.1\nHost: api.test\n")
    assert b"urn:dlp:refusal:unreadable" in said
    assert b"91500" not in said
    asked = "GET http://api.test/hr/1 HTTP/1.1\nHost: api.test\n"
    if "bytes" not in header:
        assert b"91500" in ask(world, asked)


# --- sessions ---------------------------------------------------------------------------------------------------------


def get_as(client: socket.socket, session: str, target: str = "http://api.test/") -> bytes:
    credentials = base64.b64encode(f"{session}:the-secret".encode()).decode()
    client.sendall(
        f"GET {target} HTTP/1.1\r\nHost: api.test\r\nProxy-Authorization: Basic {credentials}\r\n\r\n".encode()
    )
    return client.recv(65536)


def test_sessions_on_one_connection_share_none_upstream(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        for session in ("s1", "s2", "s1", "s2"):
            assert b" 200 " in get_as(client, session)
    assert len(upstream.requests) == 4
    assert upstream.connections == 2


def test_a_session_closed_while_the_upstream_is_connected_to_sends_nothing(world: Any):
    context = world.authority.context("api.test")
    got: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as raw:
            assert raw.recv(1, socket.MSG_PEEK)  # the TLS hello is there: the request was let go on
            world.engine.open = False
            with context.wrap_socket(raw, server_side=True) as client:
                got.append(read(client))

    world.hosts["api.test"] = server.getsockname()
    world.start()
    thread = threading.Thread(target=serve)
    thread.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": world.url}
        session.verify = str(world.ca_file)
        assert session.post("https://api.test/x", b"hello", timeout=10).status_code == 407
    thread.join(10)
    assert got == [b""]


def test_a_session_closed_while_an_answer_is_judged_does_not_get_it(world: Any):
    world.upstream("api.test", answer(b'"late"'), tls=False)

    def judge(_call: Call, message: Message) -> Iterator[Any]:
        if message.direction is Direction.INBOUND:
            yield Hold("a1", time.time() + 0.1)
            world.engine.open = False
        return Forward("event")

    world.engine.on_judge = judge
    world.start(bound=True)
    said = ask(world, "GET http://api.test/ HTTP/1.1\nHost: api.test\n")
    assert b"urn:dlp:refusal:identity" in said
    assert b"late" not in said


def test_messages_wait_for_the_classifiers_each_in_the_queue_of_its_session(world: Any):
    world.upstream("api.test", answer(b"{}"), tls=False)
    world.start()
    queues: list[str] = []

    async def classify(_parts: object, _limit: float, session: str) -> list[Any]:
        queues.append(session)
        return []

    def judge(_call: Call, _message: Message) -> Iterator[Any]:
        yield Classify((Part("/text", "x"),))
        return Forward("event")

    world.engine.on_judge = judge
    world.proxy.renew(world.engine, SimpleNamespace(classify=classify))
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        for session in ("s1", "s2"):
            assert b" 200 " in get_as(client, session)
    assert queues == ["s1", "s1", "s2", "s2"]


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"x_original_url"])
def test_a_wall_without_sockets_refuses_what_overrides_the_request_line_as_well(name: bytes):
    wall = Wall(PAY)
    sent = wall.send(wall.open(), "GET https://api.test/hr/1", headers=[(name, b"/hr/1/pay")])
    assert sent.refusal.kind == "protocol"
