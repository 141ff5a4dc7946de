import base64
import json
import socket
import ssl
import subprocess
import time
from hashlib import sha256
from typing import Any

import httpx
import pytest
import requests

from dlp.core.edit import Edit
from dlp.core.message import Direction, Message
from dlp.core.outcome import Forward, Refuse
from dlp.engine.pipeline import Hold
from dlp.engine.work import Call

SESSION, SECRET = "s1", "the-secret"


def curl(world: Any, url: str, *arguments: str, proxy: str | None = None) -> tuple[int, str, str]:
    """Return status, body and everything curl said."""
    done = subprocess.run(  # noqa: S603 - a fixed command
        [
            *("/usr/bin/curl", "--silent", "--show-error", "--max-time", "15", "--cacert", str(world.ca_file)),
            *("--proxy", proxy or world.url, "--write-out", "\n%{http_code}", *arguments, url),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body, done.stderr


def get(world: Any, url: str, **more: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": world.url, "https": world.url}
        session.verify = str(world.ca_file)
        return session.request(more.pop("method", "GET"), url, timeout=15, **more)


def refuse(direction: Direction, kind: str = "flow") -> Refuse:
    return Refuse(kind, "No", "It may not go there.", "ev1", "t" * 32, direction, rule="r", says="It may not.")


# --- what passes ------------------------------------------------------------------------------------------------------


def test_a_plain_request_and_its_answer_pass_unchanged(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    response = get(world, "http://api.test/a/b?x=1", headers={"X-Custom": "kept"})
    assert response.json() == {"ok": True}
    assert upstream.requests[0].target == "/a/b?x=1"
    assert upstream.requests[0].header("x-custom") == "kept"
    assert upstream.requests[0].header("host") == "api.test"
    assert [message.direction for message in world.engine.messages] == [Direction.OUTBOUND, Direction.INBOUND]


def test_curl_reaches_an_https_service_and_the_message_names_the_endpoint(world: Any):
    world.upstream("api.test")
    world.start()
    status, body, _ = curl(world, "https://api.test/v1/it%20em?q=2", "--data", "{}")
    assert (status, json.loads(body)) == (200, {"ok": True})
    endpoint = world.engine.messages[0].endpoint
    assert (endpoint.upstream, endpoint.operation, endpoint.path) == ("https://api.test:443", "POST", "/v1/it em")
    assert world.engine.connects == [("https", "api.test", 443)]


def test_httpx_speaks_http2_with_the_proxy_and_the_proxy_with_the_upstream(world: Any):
    upstream = world.upstream_h2("h2.test")
    world.start()
    context = ssl.create_default_context(cafile=str(world.ca_file))
    with httpx.Client(http2=True, proxy=world.url, verify=context, trust_env=False) as client:
        responses = [client.post("https://h2.test/x", content=b'{"a": 1}') for _ in range(3)]
    assert [response.http_version for response in responses] == ["HTTP/2"] * 3
    assert [response.json() for response in responses] == [{"ok": True}] * 3
    assert [request.version for request in upstream.requests] == ["HTTP/2"] * 3
    assert upstream.connections == 1


def test_an_http2_client_reaches_an_http1_upstream(world: Any):
    upstream = world.upstream("api.test")
    world.start()
    context = ssl.create_default_context(cafile=str(world.ca_file))
    with httpx.Client(http2=True, proxy=world.url, verify=context, trust_env=False) as client:
        response = client.post("https://api.test/x", content=b'{"a": 1}')
    assert (response.http_version, response.json()) == ("HTTP/2", {"ok": True})
    assert upstream.requests[0].body == b'{"a": 1}'
    assert upstream.requests[0].header("host") == "api.test"


def test_a_kept_connection_serves_many_requests(world: Any):
    upstream = world.upstream("api.test")
    world.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": world.url}
        session.verify = str(world.ca_file)
        assert [session.get("https://api.test/", timeout=10).status_code for _ in range(5)] == [200] * 5
    assert upstream.connections == 1


def test_edits_reach_the_upstream_and_the_client_with_the_right_length(world: Any):
    upstream = world.upstream(
        "api.test", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    )

    def judge(_call: Call, message: Message) -> Forward:
        number, part = next(
            (number, part) for number, part in enumerate(message.parts) if part.text in {"short", "hello"}
        )
        return Forward("e", (Edit(number, 0, len(part.text), "something longer"),))

    world.engine.on_judge = judge
    world.start()
    response = get(world, "https://api.test/", method="POST", data="short", headers={"Content-Type": "text/plain"})
    assert upstream.requests[0].body == b"something longer"
    assert response.text == "something longer"
    assert response.headers["Content-Length"] == "16"


def test_a_head_request_gets_its_headers_and_no_body(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n", tls=False)
    world.start()
    response = get(world, "http://api.test/", method="HEAD")
    assert (response.status_code, response.headers["Content-Length"], response.content) == (200, "5", b"")


def test_a_body_that_ends_with_the_connection_passes_whole(world: Any):
    body = b"x" * 5000
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body, tls=False, close=True)
    world.start()
    assert get(world, "http://api.test/").content == body


def test_informational_responses_are_swallowed(world: Any):
    reply = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    world.upstream("api.test", reply, tls=False)
    world.start()
    assert get(world, "http://api.test/").text == "ok"


def test_a_chunked_request_passes(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    get(world, "http://api.test/", method="POST", data=iter([b"one", b"two"]))
    assert upstream.requests[0].body == b"onetwo"


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(world: Any):
    upstream = world.upstream("api.test")
    world.start()
    status, _, _ = curl(world, "https://api.test/", "--data", "x" * 2000, "--header", "Expect: 100-continue")
    assert status == 200
    assert len(upstream.requests[0].body) == 2000


def test_a_listener_bound_to_a_session_needs_no_credentials(world: Any):
    world.upstream("api.test", tls=False)
    world.start(bound=True)
    assert curl(world, "http://api.test/", proxy=world.bare_url)[0] == 200
    assert world.engine.calls[0].session.id == SESSION


# --- what is stripped, and what is added ------------------------------------------------------------------------------


def test_proxy_credentials_and_hop_by_hop_headers_never_reach_the_upstream(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    get(
        world,
        "http://api.test/",
        headers={"Proxy-Connection": "keep-alive", "Connection": "close, X-Hop", "X-Hop": "1", "TE": "trailers"},
    )
    names = {name.lower() for name, _ in upstream.requests[0].headers}
    assert not names & {"proxy-authorization", "proxy-connection", "x-hop", "te"}


def test_the_sandbox_trace_becomes_a_link_and_the_upstream_gets_the_proxys(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    theirs = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    get(world, "http://api.test/", headers={"traceparent": theirs, "baggage": "a=b", "tracestate": "x=y"})
    call = world.engine.calls[0]
    received = upstream.requests[0]
    assert call.sandbox_trace == sha256(b"ab" * 16).hexdigest()[:32]
    assert (received.header("traceparent") or "").split("-")[1] == call.trace
    assert received.header("baggage") is None
    assert received.header("tracestate") is None


def test_only_readable_codings_are_asked_for(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    get(world, "http://api.test/", headers={"Accept-Encoding": "compress, gzip;q=0.5, dcb, br"})
    assert upstream.requests[0].header("accept-encoding") == "gzip;q=0.5, br"


# --- identity ---------------------------------------------------------------------------------------------------------


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("credentials", [None, (SESSION, "wrong"), ("other", SECRET), ("", "")])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_without_the_identity_of_an_open_session_nothing_is_forwarded(world: Any, credentials: Any, scheme: str):
    upstream = world.listener("api.test")
    world.start()
    proxy = (
        world.bare_url if credentials is None else f"http://{credentials[0]}:{credentials[1]}@{world.host}:{world.port}"
    )
    _, _, said = curl(world, f"{scheme}://api.test/", "--verbose", proxy=proxy)
    assert "407" in said
    assert "proxy-authenticate: basic" in said.lower()
    assert (upstream.connections, world.engine.messages, world.engine.connects) == (0, [], [])


def test_a_session_that_is_frozen_can_send_nothing_through_a_tunnel_it_has(world: Any):
    upstream = world.upstream("api.test")
    world.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": world.url}
        session.verify = str(world.ca_file)
        assert session.get("https://api.test/", timeout=10).status_code == 200
        world.engine.open = False
        assert session.get("https://api.test/", timeout=10).status_code == 407
    assert len(upstream.requests) == 1


def test_a_407_leaves_the_connection_open_for_another_try(world: Any):
    world.upstream("api.test", tls=False)
    world.start()
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        for header, expected in (("", b"407"), (f"Proxy-Authorization: {basic(SESSION, SECRET)}\r\n", b"200")):
            client.sendall(f"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n{header}\r\n".encode())
            assert expected in client.recv(65536).split(b"\r\n")[0]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refused_request_is_a_problem_document_and_reaches_nobody(world: Any):
    upstream = world.listener("api.test")
    world.engine.on_judge = lambda _call, _message: refuse(Direction.OUTBOUND)
    world.start()
    response = get(world, "https://api.test/x", method="POST", data="secret")
    problem = response.json()
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert (problem["type"], problem["direction"], problem["decision"]) == ("urn:dlp:refusal:flow", "outbound", "ev1")
    assert problem["says"] == "It may not."
    assert (upstream.connections, upstream.raw) == (0, b"")


def test_a_refused_response_says_so_and_shows_nothing_of_it(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nX-Secret: 42\r\nContent-Length: 6\r\n\r\nsecret")

    def judge(_call: Call, message: Message) -> Refuse | None:
        return refuse(Direction.INBOUND) if message.direction is Direction.INBOUND else None

    world.engine.on_judge = judge
    world.start()
    response = get(world, "https://api.test/")
    assert (response.status_code, response.json()["direction"]) == (403, "inbound")
    assert "X-Secret" not in response.headers
    assert "secret" not in response.text


def test_a_refused_connect_is_a_403_and_sends_no_byte(world: Any):
    upstream = world.listener("api.test")
    world.engine.on_connect = lambda _scheme, _host, _port: False
    world.start()
    _, _, said = curl(world, "https://api.test/", "--verbose")
    assert "CONNECT tunnel failed, response 403" in said
    assert "application/problem+json" in said
    assert upstream.connections == 0


def test_an_exchange_after_a_refused_one_goes_through_on_the_same_connection(world: Any):
    upstream = world.upstream("api.test")
    world.engine.on_judge = lambda _call, message: (
        refuse(Direction.OUTBOUND) if message.endpoint.path == "/no" else None
    )
    world.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": world.url}
        session.verify = str(world.ca_file)
        statuses = [
            session.post(f"https://api.test{path}", data="x", timeout=10).status_code for path in ("/no", "/yes")
        ]
    assert statuses == [403, 200]
    assert len(upstream.requests) == 1


def test_an_unreachable_upstream_is_a_problem_document_too(world: Any):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        world.hosts["api.test"] = ("127.0.0.1", unused.getsockname()[1])
        world.start()
        response = get(world, "https://api.test/")
    assert (response.status_code, response.json()["type"]) == (502, "urn:dlp:refusal:upstream")
    assert response.json()["retryable"] is True


def test_an_upstream_with_an_unknown_authority_is_not_trusted(world: Any):
    upstream = world.upstream("api.test")
    world.authority_file = "/etc/ssl/certs/ca-certificates.crt"
    world.start()
    response = get(world, "https://api.test/")
    assert (response.status_code, response.json()["type"]) == (502, "urn:dlp:refusal:upstream")
    assert "certificate" in response.json()["detail"].lower()
    assert upstream.requests == []


def test_an_upstream_that_breaks_off_is_a_problem_document(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", close=True)
    world.start()
    response = get(world, "https://api.test/")
    assert (response.status_code, response.json()["type"]) == (502, "urn:dlp:refusal:upstream")
    assert "half" not in response.text


@pytest.mark.parametrize(
    "head",
    [
        b"GET\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n",
    ],
)
def test_what_is_not_a_proper_request_to_a_proxy_gets_a_problem_document(world: Any, head: bytes):
    upstream = world.listener("api.test")
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        client.sendall(head)
        client.settimeout(10)
        reply = client.recv(65536)
    assert reply.startswith(b"HTTP/1.1 400")
    assert b"urn:dlp:refusal:protocol" in reply
    assert upstream.connections == 0


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_a_judgement_that_holds_is_waited_for(world: Any):
    world.upstream("api.test")
    held: list[str] = []

    def judge(_call: Call, message: Message) -> Any:
        if message.direction is Direction.OUTBOUND:
            yield Hold("a1", time.time() + 0.3)
            held.append("done")
        return Forward("e")

    world.engine.on_judge = judge
    world.start()
    assert get(world, "https://api.test/").status_code == 200
    assert held == ["done"]


def test_a_client_that_leaves_during_a_hold_ends_the_judgement_and_nothing_is_sent(world: Any):
    upstream = world.listener("api.test")
    ended: list[str] = []

    def judge(_call: Call, _message: Message) -> Any:
        try:
            while True:
                yield Hold("a1", time.time() + 20)
        finally:
            ended.append("closed")

    world.engine.on_judge = judge
    world.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": world.url}
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get("http://api.test/", timeout=0.5)
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended == ["closed"]
    assert upstream.connections == 0


# --- the proxy's own host ---------------------------------------------------------------------------------------------


def test_the_own_host_tells_a_session_about_itself(world: Any):
    world.start()
    assert get(world, "http://proxy.dlp/session").json() == {"session": SESSION, "agent": "bot"}
    assert get(world, "http://proxy.dlp/elsewhere").status_code == 404
    assert world.engine.messages == []


def test_the_own_host_asks_for_identity_as_well(world: Any):
    world.start()
    assert curl(world, "http://proxy.dlp/session", proxy=world.bare_url)[0] == 407


# --- framing --------------------------------------------------------------------------------------------------------


def test_plain_http_inside_a_tunnel_is_judged_as_what_it_is(world: Any):
    upstream = world.upstream("api.test", tls=False)
    world.start()
    assert curl(world, "http://api.test/x", "--proxytunnel")[0] == 200
    assert world.engine.messages[0].endpoint.upstream == "http://api.test:80"
    assert world.engine.connects == [("http", "api.test", 80)]
    assert len(upstream.requests) == 1


def test_an_empty_body_that_ends_with_the_connection_does_not_leave_the_client_waiting(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\n\r\n", tls=False, close=True)
    world.start()
    response = get(world, "http://api.test/")
    assert (response.status_code, response.content) == (200, b"")


def test_an_http_1_0_client_gets_no_chunks(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", tls=False)
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        client.sendall(b"GET http://api.test/ HTTP/1.0\r\n\r\n")
        reply = b""
        while data := client.recv(65536):
            reply += data
    assert reply.endswith(b"\r\n\r\nok")
    assert b"chunked" not in reply


def test_chunks_from_the_upstream_come_as_chunks(world: Any):
    world.upstream("api.test", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", tls=False)
    world.start()
    response = get(world, "http://api.test/")
    assert (response.text, response.headers["Transfer-Encoding"]) == ("ok", "chunked")


def test_requests_sent_together_are_answered_in_order(world: Any):
    upstream = world.upstream("api.test", lambda request: answer_with(request.target.encode()), tls=False)
    world.start(bound=True)
    with socket.create_connection((world.host, world.port), timeout=10) as client:
        client.sendall(b"".join(b"GET http://api.test/%d HTTP/1.1\r\nHost: api.test\r\n\r\n" % n for n in range(3)))
        reply = b""
        while reply.count(b"HTTP/1.1 200") < 3 or not reply.endswith(b"/2"):
            reply += client.recv(65536)
    assert [request.target for request in upstream.requests] == ["/0", "/1", "/2"]


def answer_with(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_an_upstream_that_closes_after_each_answer_is_connected_to_anew(world: Any):
    upstream = world.upstream("api.test", answer_with(b"ok"), tls=False, close=True)
    world.start()
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": world.url}
        replies = []
        for _ in range(3):
            replies.append(session.get("http://api.test/", timeout=10).text)
            time.sleep(0.05)
    assert replies == ["ok"] * 3
    assert upstream.connections == 3
