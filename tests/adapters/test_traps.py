"""The traps of the library underneath, each against our proxy and against mitmproxy as it comes.

A test that takes `front` runs twice. Against ours it shows that the trap is closed; against a stock `mitmdump` with a
naive addon it shows that the trap is real and that the test would notice it: `front.naive` turns what must hold round.
"""

import codecs
import gzip
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import pytest

from dlp.adapters import http, http_exchange, resolver
from dlp.adapters.http import ClientConnection
from dlp.config import Limits
from dlp.core.edit import Edit
from dlp.core.message import Direction, Message
from dlp.core.outcome import Forward, Refuse
from dlp.engine.work import Call


def no(_call: Call, message: Message) -> Refuse:
    return Refuse("flow", "No", "No.", "e", "t", message.direction)


def curl(front: Any, url: str, *arguments: str, data: bytes | None = None) -> tuple[int, bytes]:
    if data is not None:
        arguments = (*arguments, "--data-binary", "@-")
    done = subprocess.run(  # noqa: S603 - a fixed command
        [
            *("/usr/bin/curl", "--silent", "--max-time", "8", "--cacert", str(front.ca_file)),
            *("--proxy", f"http://{front.host}:{front.port}"),
            *("--noproxy", "", "--write-out", "\n%{http_code}", *arguments, url),
        ],
        input=data,
        capture_output=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def connect(front: Any, target: str, *, host: str | None = None) -> socket.socket:
    """Open a tunnel by hand."""
    client = socket.create_connection((front.host, front.port), timeout=5)
    client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {host or target}\r\n\r\n".encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 200")
    return client


def read_all(client: socket.socket, seconds: float = 2.0) -> bytes:
    client.settimeout(seconds)
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except OSError:
        pass
    return received


def answer(body: bytes = b'{"ok": true}') -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def settle(condition: Any, seconds: float = 3.0) -> None:
    """Give bytes that should not be under way the time to arrive."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)


# --- 1: an exception --------------------------------------------------------------------------------------------------


def test_an_exception_while_judging_refuses_the_message(world: Any, front: Any):
    upstream = world.upstream("api.test", tls=False)

    def bug(_call: Call, _message: Message) -> Refuse:
        msg = "secret-in-an-error"
        raise RuntimeError(msg)

    world.engine.on_judge = bug
    at = front("raise")
    status, body = curl(at, "http://api.test/")
    assert (status == 200, bool(upstream.requests)) == (at.naive, at.naive)
    assert at.naive or (status == 403 and b"urn:dlp:refusal:error" in body)
    assert b"secret-in-an-error" not in body


def test_an_exception_is_logged_by_its_place_only(
    world: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    world.upstream("api.test", tls=False)

    def bug(_call: Call, _message: Message) -> Refuse:
        msg = "secret-in-an-error"
        raise RuntimeError(msg)

    world.engine.on_judge = bug
    world.start(bound=True)
    curl(world, "http://api.test/")
    out, err = capfd.readouterr()
    said = caplog.text + out + err
    assert "RuntimeError at" in said
    assert "secret-in-an-error" not in said


def test_an_exception_in_a_layer_ends_the_connection(world: Any, monkeypatch: pytest.MonkeyPatch):
    upstream = world.upstream("api.test", tls=False)

    def bug(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(http_exchange.Exchange, "_refuse", bug)
    monkeypatch.setattr(http_exchange.Exchange, "_session", bug)
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        assert client.recv(100) == b""
    assert upstream.requests == []


def test_without_the_dispatch_that_fails_closed_the_client_would_hang(world: Any, monkeypatch: pytest.MonkeyPatch):
    def bug(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(http_exchange.Exchange, "_session", bug)
    monkeypatch.setattr(ClientConnection, "server_event", http.LiveConnectionHandler.server_event)
    monkeypatch.setattr(http_exchange, "FailClosed", _Open)
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=1) as client:
        client.sendall(b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(100)


class _Open:
    """What stands where nothing fails closed."""

    error = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None


# --- 2: raw tunnels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [b"\x00\x01\x02 raw bytes\n", b"SSH-2.0-client\r\n", b"{'not': 'http'}\n"])
def test_bytes_in_a_tunnel_that_are_neither_tls_nor_http_go_nowhere(world: Any, front: Any, first: bytes):
    upstream = world.listener("api.test")
    world.engine.on_judge = no
    at = front("refuse")
    with connect(at, "api.test:443") as client:
        client.sendall(first)
        settle(lambda: upstream.raw, 3 if at.naive else 0.5)
        assert bool(upstream.raw) is at.naive
        assert at.naive or upstream.connections == 0


def test_an_upgrade_and_a_101_do_not_become_a_tunnel(world: Any, front: Any):
    world.upstream(
        "api.test",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\npast-all-hooks",
        tls=False,
    )
    at = front("forward")
    with socket.create_connection((at.host, at.port), timeout=5) as client:
        client.sendall(
            b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
        )
        reply = read_all(client, 1.0)
    assert (b"past-all-hooks" in reply) is at.naive
    assert at.naive or b"urn:dlp:refusal:unsupported" in reply


def test_a_101_that_nobody_asked_for_is_refused(world: Any, front: Any):
    world.upstream(
        "api.test",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\npast-all-hooks",
        tls=False,
    )
    at = front("forward")
    with socket.create_connection((at.host, at.port), timeout=5) as client:
        client.sendall(b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        reply = read_all(client, 1.0)
    assert (b"past-all-hooks" in reply) is at.naive
    assert at.naive or (reply.startswith(b"HTTP/1.1 403") and b'"inbound"' in reply)


@pytest.mark.parametrize(
    "header",
    ["Upgrade: other\r\nConnection: Upgrade", "Content-Type: application/grpc", "Trailer: X-Sum"],
)
def test_what_a_later_version_may_read_is_refused_with_that_word(world: Any, header: str):
    upstream = world.listener("api.test")
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(f"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n{header}\r\n\r\n".encode())
        reply = client.recv(65536)
    assert reply.startswith(b"HTTP/1.1 403")
    assert b"not supported yet" in reply
    assert upstream.connections == 0


def test_grpc_over_http1_is_refused_at_once(world: Any):
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\n\r\ndata: secret\n\n"
    world.upstream("api.test", reply, tls=False)
    world.start(bound=True)
    status, body = curl(world, "http://api.test/")
    assert status == 403
    assert b"not supported yet" in body
    assert b"secret" not in body


# --- 3: eager connections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_refused_request_makes_no_connection_and_resolves_no_name(world: Any, front: Any, scheme: str):
    upstream = world.listener("api.test")
    world.engine.on_judge = no
    at = front("refuse")
    curl(at, f"{scheme}://api.test/x", "--data", "secret")
    settle(lambda: upstream.connections, 1 if at.naive else 0.3)
    assert bool(upstream.connections) is (at.naive and scheme == "https")
    assert world.looked_up == []


def test_a_refused_request_asks_no_dns(world: Any):
    world.engine.on_judge = no
    world.start(bound=True)
    assert curl(world, "https://elsewhere.test/x")[0] == 403
    assert world.looked_up == []


# --- 5, 6: size -------------------------------------------------------------------------------------------------------


def resident(pid: int, field: str) -> int:
    """Return a figure of a process's memory in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def bomb(size: int) -> bytes:
    return gzip.compress(bytes(1 << 20) * (size >> 20), 9)


def test_a_decompression_bomb_is_refused_without_being_unpacked(world: Any, front: Any):
    packed = bomb(300 << 20)
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
    reply += b"Content-Length: %d\r\n\r\n" % len(packed) + packed
    world.upstream("api.test", lambda request: answer() if request.target == "/other" else reply, tls=False)
    at = front("read", "body_size_limit=10m", limits=Limits())
    curl(at, "http://api.test/other")  # whatever is loaded on first use is loaded now
    Path(f"/proc/{at.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    before = resident(at.pid, "VmRSS")
    status, body = curl(at, "http://api.test/")
    grown = resident(at.pid, "VmHWM") - before
    assert (grown > 64 << 20) is at.naive
    assert at.naive or (status == 403 and b"urn:dlp:refusal:limit" in body)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_padded_request_is_judged_before_it_is_sent(world: Any, front: Any, framing: str):
    upstream = world.upstream("api.test", tls=False)
    world.engine.on_judge = no
    at = front("refuse", "stream_large_bodies=100k")
    arguments = ["--header", "Expect:"]
    if framing == "chunked":
        arguments += ["--header", "Transfer-Encoding: chunked"]
    status, body = curl(at, "http://api.test/", *arguments, data=b"secret" + b"x" * 300_000)
    settle(lambda: upstream.requests, 1 if at.naive else 0.2)
    assert bool(upstream.requests) is at.naive
    assert at.naive or (status == 403 and b"urn:dlp:refusal:flow" in body)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_padded_response_is_judged_piece_by_piece(world: Any, framing: str):
    body = b"secret" + b"x" * 300_000
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
    reply = {
        "length": head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunked": head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        "close": head + b"\r\n" + body,
    }[framing]
    world.upstream("api.test", reply, tls=False, close=True)
    world.engine.on_judge = lambda call, message: (
        no(call, message) if any("secret" in part.text for part in message.parts) else None
    )
    world.start(bound=True)
    _, said = curl(world, "http://api.test/")
    assert b"secret" not in said
    assert b"x" not in said


def test_a_body_over_the_limit_in_http2_is_judged_before_it_is_sent(world: Any):
    upstream = world.upstream_h2("api.test")
    world.engine.on_judge = no
    world.start(bound=True)
    status, body = curl(world, "https://api.test/", "--http2", data=b"x" * 300_000)
    assert (status, b"urn:dlp:refusal:flow" in body) == (403, True)
    assert upstream.requests == []


# --- 7: 407 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fix", ["there", "removed"])
def test_after_a_407_nothing_is_judged_or_sent(world: Any, monkeypatch: pytest.MonkeyPatch, fix: str):
    upstream = world.upstream("api.test", tls=False)
    if fix == "removed":
        monkeypatch.setattr(http_exchange.Exchange, "_session", lambda self, _head: self._shell.engine.info)
    world.start()
    status, _ = curl(world, "http://api.test/")
    assert (status == 407) is (fix == "there")
    assert (len(world.engine.messages), len(upstream.requests)) == ((0, 0) if fix == "there" else (2, 1))


# --- 8: trailers ------------------------------------------------------------------------------------------------------

CHUNKED_WITH_TRAILER = b"3\r\nabc\r\n0\r\nX-Secret: hush\r\n\r\n"


def test_trailers_of_a_request_are_refused_cleanly(world: Any, front: Any):
    upstream = world.upstream("api.test", tls=False)
    at = front("forward")
    with socket.create_connection((at.host, at.port), timeout=5) as client:
        client.sendall(
            b"POST http://api.test/ HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + CHUNKED_WITH_TRAILER
        )
        reply = read_all(client, 1.0)
    assert (reply == b"") is at.naive  # mitmproxy leaves the client hanging
    assert at.naive or (reply.startswith(b"HTTP/1.1 403") and b"Trailers are not supported yet" in reply)
    assert upstream.requests == []


def test_trailers_of_a_response_are_refused_cleanly(world: Any, front: Any):
    world.upstream(
        "api.test", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED_WITH_TRAILER, tls=False
    )
    at = front("forward")
    with socket.create_connection((at.host, at.port), timeout=5) as client:
        client.sendall(b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        reply = read_all(client, 1.0)
    assert (reply == b"") is at.naive
    assert at.naive or (reply.startswith(b"HTTP/1.1 403") and b"Trailers are not supported yet" in reply)
    assert b"hush" not in reply


def test_trailers_in_http2_are_refused_in_both_directions(world: Any):
    upstream = world.upstream_h2("api.test", trailers=(("x-secret", "42"),))
    world.start(bound=True)
    status, body = curl(world, "https://api.test/", "--http2")
    assert (status, b"Trailers are not supported yet" in body) == (403, True)
    assert len(upstream.requests) == 1
    reply = _h2_post_with_trailers(world, "api.test")
    assert b"Trailers are not supported yet" in reply
    assert len(upstream.requests) == 1


def _h2_post_with_trailers(world: Any, name: str) -> bytes:
    context = ssl.create_default_context(cafile=str(world.ca_file))
    context.set_alpn_protocols(["h2"])
    with connect(world, f"{name}:443") as raw, context.wrap_socket(raw, server_hostname=name) as client:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        connection.send_headers(1, [(":method", "POST"), (":scheme", "https"), (":authority", name), (":path", "/")])
        connection.send_data(1, b"abc")
        connection.send_headers(1, [("x-secret", "42")], end_stream=True)
        client.sendall(connection.data_to_send())
        body = b""
        while data := client.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                elif isinstance(event, h2.events.StreamEnded):
                    return body
        return body


# --- 9: bytes, not text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", codecs.BOM_UTF8 + '{"name": "alice", "note": "é"}'.encode()),
        ("utf-16", codecs.BOM_UTF16_LE + '{"name": "alice", "note": "é"}'.encode("utf-16-le")),
    ],
)
def test_an_edit_leaves_the_byte_order_mark_and_the_charset_alone(world: Any, front: Any, charset: str, body: bytes):
    upstream = world.upstream("api.test", tls=False)

    def judge(_call: Call, message: Message) -> Forward | None:
        if message.direction is Direction.INBOUND:
            return None
        number = next(number for number, part in enumerate(message.parts) if part.text == "alice")
        return Forward("e", (Edit(number, 0, 5, "[PERSON_1]"),))

    world.engine.on_judge = judge
    at = front("edit")
    curl(
        at,
        "http://api.test/",
        *("--header", f"Content-Type: application/json; charset={charset}"),
        data=body,
    )
    encoding = "utf-16-le" if charset == "utf-16" else "utf-8"
    expected = body.replace("alice".encode(encoding), "[PERSON_1]".encode(encoding))
    assert (upstream.requests[0].body == expected) is not at.naive


# --- CONNECT, SNI, Host -----------------------------------------------------------------------------------------------


def in_tunnel(front: Any, target: str, sni: str | None, request: bytes) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connect(front, target) as raw, context.wrap_socket(raw, server_hostname=sni) as client:
        client.sendall(request)
        return read_all(client, 1.0)


def get(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("sni", "host"), [("api.test", "evil.test"), ("api.test", "api.test:444"), ("api.test", "api.test@evil.test")]
)
def test_a_host_header_that_is_not_the_tunnels_is_refused(world: Any, front: Any, sni: str, host: str):
    upstream = world.upstream("api.test")
    at = front("forward")
    reply = in_tunnel(at, "api.test:443", sni, get(host))
    assert bool(upstream.requests) is at.naive
    assert at.naive or b"urn:dlp:refusal:mismatch" in reply


def test_a_name_in_the_tls_hello_that_is_not_the_tunnels_is_refused(world: Any, front: Any):
    upstream = world.listener("api.test")
    at = front("forward")
    reply = in_tunnel_or_nothing(at, "api.test:443", "evil.test", get("api.test"))
    assert (b"evil.test" in upstream.raw) is at.naive  # what mitmproxy greets the upstream with
    assert at.naive or b"urn:dlp:refusal:mismatch" in reply


def in_tunnel_or_nothing(front: Any, target: str, sni: str, request: bytes) -> bytes:
    try:
        return in_tunnel(front, target, sni, request)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://api.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nHost: evil.test\r\n\r\n",
        b"GET http://user@api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET http://api.test/a/../b HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET http://api.test/a/%2e%2E/b HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET ftp://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
    ],
)
def test_a_request_that_says_two_things_about_where_it_goes_is_refused(world: Any, head: bytes):
    upstream = world.upstream("api.test", tls=False)
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(head)
        reply = client.recv(65536)
    assert reply.split()[1] in {b"400", b"403"}
    assert b"urn:dlp:refusal:" in reply
    assert (upstream.requests, world.engine.messages) == ([], [])


def test_a_tunnel_inside_a_tunnel_is_refused(world: Any):
    upstream = world.upstream("api.test")
    world.start(bound=True)
    reply = in_tunnel(
        world, "api.test:443", "api.test", b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n"
    )
    assert b"urn:dlp:refusal:protocol" in reply
    assert upstream.requests == []


# --- destinations -----------------------------------------------------------------------------------------------------

PRIVATE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "[::1]", "[::ffff:127.0.0.1]", "[fd00:ec2::254]"]
ODD = ["0x7f000001", "2130706433", "0177.0.0.1", "127.1", "0"]


@pytest.mark.parametrize("fix", ["there", "removed"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "inside.test"])
def test_a_private_destination_is_refused_before_a_connection_is_made(
    world: Any, monkeypatch: pytest.MonkeyPatch, host: str, fix: str
):
    upstream = world.upstream("named.test", tls=False)
    world.lookup = lambda _host: ("127.0.0.1",)
    if fix == "removed":
        monkeypatch.setattr(resolver, "public", lambda _address: True)
    world.start(bound=True)
    status, body = curl(world, f"http://{host}:{upstream.port}/")
    assert (status, b"urn:dlp:refusal:destination" in body) == ((403, True) if fix == "there" else (200, False))
    assert bool(upstream.requests) is (fix == "removed")


@pytest.mark.parametrize("host", [*PRIVATE, *ODD])
def test_no_notation_of_a_private_address_is_let_through(world: Any, host: str):
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        reply = client.recv(65536)
    assert reply.startswith(b"HTTP/1.1 403")
    assert b"urn:dlp:refusal:destination" in reply
    assert world.looked_up == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001"])
def test_a_tunnel_to_a_private_address_is_refused(world: Any, host: str):
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=5) as client:
        client.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 403")


def test_a_private_address_that_the_operator_named_is_reached(world: Any):
    upstream = world.upstream("inside.test", tls=False)
    world.start(bound=True)
    assert curl(world, "http://inside.test/")[0] == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("fix", ["there", "removed"])
def test_a_name_that_is_rebound_leads_nowhere_else(world: Any, monkeypatch: pytest.MonkeyPatch, fix: str):
    """`127.0.0.2` stands for a public address here, `127.0.0.1` for what an attacker rebinds the name to."""
    inside = world.upstream("named.test", tls=False)
    answers = iter([("127.0.0.2",), ("127.0.0.1",), ("127.0.0.1",)])
    world.lookup = lambda _host: next(answers)
    monkeypatch.setattr(resolver, "public", lambda address: str(address) == "127.0.0.2")
    if fix == "removed":
        dial = ClientConnection._dial

        async def dial_by_name(self: ClientConnection, pinned: resolver.Pinned) -> Any:
            looked_up = next(answers)
            return await dial(self, resolver.Pinned(((looked_up[0], pinned.addresses[0][1]),), pinned.expires))

        monkeypatch.setattr(ClientConnection, "_dial", dial_by_name)
    world.start(bound=True)
    status, _ = curl(world, f"http://rebound.test:{inside.port}/")
    assert (status, bool(inside.requests)) == ((502, False) if fix == "there" else (200, True))
    assert world.looked_up == ["rebound.test"]


def test_a_name_is_resolved_once_while_its_pin_stands(world: Any, monkeypatch: pytest.MonkeyPatch):
    world.lookup = lambda _host: ("127.0.0.3",)
    monkeypatch.setattr(resolver, "public", lambda _address: True)
    world.start(bound=True)
    for _ in range(3):
        curl(world, "http://pinned.test:1/")
    assert world.looked_up == ["pinned.test"]


def test_the_port_of_the_dns_is_no_destination(world: Any):
    world.lookup = lambda _host: ("93.184.216.34",)
    world.start(bound=True)
    status, body = curl(world, "http://dns.test:53/")
    assert (status, b"urn:dlp:refusal:destination" in body) == (403, True)
