import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dlp.adapters.mcp_gateway import Gateway
from dlp.adapters.mcp_through import Relay, Through
from dlp.config import McpServer

from .mcp_shell import POLICY, Http, Shell, call, request

TEXT = {"content": [{"type": "text", "text": "jo.doe@example.org"}]}


class Upstream:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:-2])}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                self.asked.append((head[0], fields, body))
                writer.write(self.answers.pop(0))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):
            pass
        finally:
            writer.close()


def answer(body: object, kind: str = "application/json", status: str = "200 OK", **fields: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}content-length: {len(raw)}\r\n\r\n".encode() + raw


def result(number: object, value: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "result": value}


def events(*texts: str, **fields: str) -> bytes:
    return answer("".join(texts).encode(), "text/event-stream", **fields)


def event(message: object, number: str = "") -> str:
    return (f"id: {number}\n" if number else "") + f"event: message\ndata: {json.dumps(message)}\n\n"


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


def run(shell: Shell, upstream: Upstream, story: Callable[[Http], Awaitable[None]]) -> None:
    async def told() -> None:
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        servers = {"far": McpServer("far", url=f"http://far.test:{port}/mcp", headers={"X-Key": "ours"})}
        hosts = {"far.test": ("127.0.0.1", port)}
        gateway = Gateway(shell, servers, shell.begin, shell.finish, clock=shell.wall.clock, hosts=hosts, trust="")
        try:
            await story(Http(gateway, f"{shell.session.id}.{shell.secret}"))
        finally:
            await gateway.close()
            server.close()

    asyncio.run(told())


def test_a_call_goes_on_with_what_is_meant_for_the_server_and_nothing_else(shell: Shell):
    upstream = Upstream(answer(result(1, TEXT)))

    async def story(http: Http) -> None:
        _, fields, told = await http.ask(
            "/far/mcp", call(1, "echo"), x_secret="way out", mcp_name="echo", cookie="a=b", user_agent="x"
        )
        assert told[0]["result"]["content"][0]["text"] == "[EMAIL_1]"
        assert set(fields) <= {"content-type", "content-length", "cache-control"}

    run(shell, upstream, story)
    line, fields, _ = upstream.asked[0]
    assert line == "POST /mcp HTTP/1.1"
    assert set(fields) == {"host", "x-key", "accept", "content-type", "mcp-name", "content-length"}


def test_tokens_are_put_back_in_the_body_and_in_the_fields_that_mirror_it(shell: Shell):
    upstream = Upstream(answer(result(1, TEXT)), answer(result(2, {})))

    async def story(http: Http) -> None:
        await http.ask("/far/mcp", call(1, "echo"))
        await http.ask("/far/mcp", call(2, "echo", to="[EMAIL_1]"), mcp_param_to="[EMAIL_1]")

    run(shell, upstream, story)
    _, fields, body = upstream.asked[1]
    assert json.loads(body)["params"]["arguments"]["to"] == fields["mcp-param-to"] == "jo.doe@example.org"


def test_each_event_of_a_stream_is_judged_and_its_id_is_ours(shell: Shell):
    log = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "jo.doe@example.org"}}
    stream = events("id: secret-1\nretry: 50\ndata:\n\n", event(log, "secret-2"), ": x\n\n", event(result(1, TEXT)))
    rest = events(event(result(1, TEXT), "secret-3"))
    upstream = Upstream(stream, events("id: secret-9\ndata:\n\n"), rest)

    async def story(http: Http) -> None:
        raw = await http.ask("/far/mcp", call(1, "echo"))
        assert raw[2][0]["params"]["data"] == "[EMAIL_1]"
        assert raw[2][1]["result"]["content"][0]["text"] == "[EMAIL_1]"
        assert "secret" not in str(raw)
        assert (await http.ask("/far/mcp", call(1, "echo")))[2] == []  # it may be taken up again
        told = await http.ask("/far/mcp", None, "GET", last_event_id="e3")
        assert told[2][0]["result"]["content"][0]["text"] == "[EMAIL_1]"
        assert (await http.ask("/far/mcp", None, "GET", last_event_id="made-up"))[0] == 400

    run(shell, upstream, story)
    assert upstream.asked[2][1]["last-event-id"] == "secret-9"


def test_the_servers_session_is_its_own_and_the_clients_is_ours(shell: Shell):
    begun = answer(result(1, {"protocolVersion": "2025-11-25"}), mcp_session_id="theirs")
    upstream = Upstream(begun, answer(result(2, {})), answer(b"", status="200 OK"))

    async def story(http: Http) -> None:
        _, fields, _ = await http.ask("/far/mcp", request(1, "initialize", protocolVersion="2025-11-25"))
        ours = fields["mcp-session-id"]
        assert ours != "theirs"
        assert (await http.ask("/far/mcp", call(2, "x"), mcp_session_id=ours))[0] == 200
        assert (await http.ask("/far/mcp", call(3, "x"), mcp_session_id="theirs"))[0] == 404
        assert (await http.ask("/far/mcp", None, "DELETE", mcp_session_id=ours))[0] == 200
        assert (await http.ask("/far/mcp", call(3, "x"), mcp_session_id=ours))[0] == 404

    run(shell, upstream, story)
    assert upstream.asked[1][1]["mcp-session-id"] == "theirs"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", 200),
        (b"SSH-2.0-nothing\r\n", 200),
        (answer(b"<html>Bad gateway</html>", "text/html", "502 Bad Gateway"), 502),
        (answer(b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}'), 200),
        (answer(b"{"), 200),
        (answer(result("other", {})), 200),
        (answer(b"x" * 300_000), 200),
        (events(event(result("other", {}))), 200),
        (events("data: garbage\n\n"), 200),
    ],
)
def test_an_answer_that_is_none_ends_the_call_with_an_error(shell: Shell, given: bytes, status: int):
    async def story(http: Http) -> None:
        got, _, told = await http.ask("/far/mcp", call(1, "echo"))
        assert (got, told[-1]["id"], told[-1]["result"]["isError"]) == (status, 1, True)

    run(shell, Upstream(given), story)


def test_a_server_that_is_not_there_is_an_error_on_the_call(shell: Shell):
    async def story(http: Http) -> None:
        _, _, told = await http.ask("/far/mcp", call(1, "echo"))
        assert told[0]["result"]["structuredContent"]["retryable"] is True

    run(shell, Upstream(), story)


def test_a_url_is_the_servers_in_whichever_way_its_path_is_written():
    server: Any = object()
    through = Through({"far": McpServer("far", url="https://far.test/v1/mcp")}, {"far": server}, server)
    assert through.names("far.test", 443)
    assert not through.names("far.test", 80)
    for path in ("/v1/mcp", "/v1/mcp?x=1", "/v1/MCP/", "/v1/%6dcp", "/v1/x/../mcp"):
        assert through.find("https", "far.test", 443, path) is server
    assert through.find("https", "far.test", 443, "/v1/other") is None
    assert through.find("http", "far.test", 443, "/v1/mcp") is None


def test_what_goes_through_the_proxy_is_served_piece_by_piece(shell: Shell):
    async def story(http: Http) -> None:
        relay = Relay(http.app.remotes["far"], shell.session, 200_000)
        relay.start("POST", "/mcp", [(b"Content-Type", b"application/json")], json.dumps(call(1, "echo")).encode())
        first = await relay.next()
        assert first is not None
        assert first["status"] == 200
        second = await relay.next()
        assert second is not None
        assert b"[EMAIL_1]" in second["body"]
        assert await relay.next() is None
        relay.close()

    run(shell, Upstream(answer(result(1, TEXT))), story)


def test_to_open_a_stream_says_something_too():
    upstream = Upstream()
    strict = Shell(POLICY + "  - {name: nothing, to: all, then: block, says: Nothing goes there.}\n")

    async def story(http: Http) -> None:
        assert (await http.ask("/far/mcp", None, "GET"))[0] == 403
        assert (await http.ask("/far/mcp", None, "DELETE"))[0] == 403

    run(strict, upstream, story)
    assert upstream.asked == []
