"""WebSocket through the proxy with its real engine: clients and servers that others wrote."""

import asyncio
import json
import os
import ssl
import subprocess
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

POLICY = """
policy: sockets
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  chat: {at: https://chat.test/**}
  open: {at: https://open.test/**}
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay}}
destinations:
  chat: {at: https://chat.test/**}
  open: {at: https://open.test/**}
  hr: {at: https://hr.test/**}
rules:
  - {name: people enter as tokens, data: pii, from: chat, to: sandbox, then: tokenize}
  - {name: people do not leave, data: pii, to: chat, then: block}
  - {name: people may, data: pii, to: open, then: allow}
  - {name: people enter, data: pii, from: open, to: sandbox, then: allow}
  - {name: pay enters, data: employee.pay, from: hr, to: sandbox, then: allow}
  - {name: pay may return, data: employee.pay, to: hr, then: allow}
"""
SSN = "536-90-4399"


class Chat:
    """A server of the library websockets, as the test's handler has it."""

    def __init__(
        self, world: Any, name: str, handler: Callable[[ServerConnection], Awaitable[None]], **options: Any
    ) -> None:
        self.got: list[Any] = []
        self.codes: list[Any] = []

        async def handle(connection: ServerConnection) -> None:
            try:
                await handler(connection)
            finally:
                await connection.wait_closed()
                self.codes.append(connection.close_code)

        async def begin() -> Any:
            context = world.authority.context(name)
            return await serve(handle, "127.0.0.1", 0, ssl=context, **options)

        server = world.run(begin())
        world.hosts[name] = ("127.0.0.1", server.sockets[0].getsockname()[1])

        async def end() -> None:
            server.close()
            await server.wait_closed()

        world._closers.append(end)

    def settle(self) -> None:
        """Wait until a connection has ended."""
        deadline = time.monotonic() + 5
        while not self.codes and time.monotonic() < deadline:
            time.sleep(0.01)


def echo(chat: list[Any]) -> Callable[[ServerConnection], Awaitable[None]]:
    async def handler(connection: ServerConnection) -> None:
        async for message in connection:
            chat.append(message)
            await connection.send(message)

    return handler


async def closing(socket: Any) -> Any:
    """Read until the connection is closed; return the close as it came."""
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await _drain(socket)
    return closed.value.rcvd


async def _drain(socket: Any) -> None:
    while True:
        await socket.recv()


def trust(world: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.ca_file))


def talk(world: Any, name: str, work: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        uri = f"wss://{name}/"
        async with asyncio.timeout(20), connect(uri, proxy=world.bare_url, ssl=trust(world), **options) as socket:
            return await work(socket)

    return asyncio.run(run())


@pytest.mark.parametrize("compression", ["deflate", None])
def test_text_and_binary_pass_both_ways_as_they_are(world: Any, judged: Any, compression: str | None):
    got: list[Any] = []
    Chat(world, "open.test", echo(got), compression=compression)
    at = judged(POLICY)
    said = ["hello", '{"a": 1}', "", "é" * 5000, "binary \x01 text", b"plain text", b"\xff\x00" * 50]

    async def work(socket: Any) -> list[Any]:
        answers = []
        for message in said[:6]:
            await socket.send(message)
            answers.append(await socket.recv())
        return answers

    assert talk(at.world, "open.test", work, compression=compression) == said[:6]
    assert got == said[:6]


def test_a_binary_message_that_cannot_be_read_follows_the_rules_on_what_is_opaque(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "open.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        await socket.send(os.urandom(64))
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "open.test", work) == 1008
    assert got == []


def test_fragments_arrive_as_fragments_and_are_judged_whole(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "chat.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> Any:
        await socket.send(["one ", "two ", "three"])
        answer = await socket.recv()
        await socket.send(["my number is 536-", "90-43", "99"])
        closed = await closing(socket)
        return answer, closed.code, closed.reason

    answer, code, reason = talk(at.world, "chat.test", work)
    assert (answer, code) == ("one two three", 1008)
    assert reason.startswith("The policy forbids this flow")
    assert got == ["one two three"]


def test_a_value_enters_as_a_token_and_goes_out_as_the_value_where_it_may(world: Any, judged: Any):
    out: list[Any] = []

    async def greets(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"ssn": SSN}))

    Chat(world, "chat.test", greets)
    Chat(world, "open.test", echo(out))
    at = judged(POLICY)

    async def listen(socket: Any) -> Any:
        return json.loads(await socket.recv())["ssn"]

    token = talk(at.world, "chat.test", listen)
    assert token.startswith("[")

    async def send(socket: Any) -> Any:
        await socket.send(json.dumps({"is": token}))
        return await socket.recv()

    talk(at.world, "open.test", send)
    assert out == [json.dumps({"is": SSN})]


def test_a_value_that_straddles_messages_of_plain_text_is_stopped(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "chat.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        await socket.send("my social security number is 536-9")
        await socket.recv()
        await socket.send("0-4399")
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "chat.test", work) == 1008
    assert got == ["my social security number is 536-9"]


def test_taint_that_arises_elsewhere_counts_from_the_next_message_on(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "chat.test", echo(got))
    world.upstream(
        "hr.test", b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"salary": 118472}'
    )
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        await socket.send("before")
        assert await socket.recv() == "before"
        async with (
            aiohttp.ClientSession() as http,
            http.get("https://hr.test/", proxy=at.world.bare_url, ssl=trust(at.world)) as response,
        ):
            assert (await response.json())["salary"] == 118472
        await socket.send("after")
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "chat.test", work) == 1008
    assert got == ["before"]


def test_subprotocols_pings_and_close_codes_pass(world: Any, judged: Any):
    async def handler(connection: ServerConnection) -> None:
        await connection.send(connection.subprotocol)
        await (await connection.ping(b"are you there"))
        await connection.close(4001, "so long")

    chat = Chat(world, "open.test", handler, subprotocols=["graphql-ws", "chat"])
    at = judged(POLICY)

    async def work(socket: Any) -> Any:
        agreed = await socket.recv()
        closed = await closing(socket)
        return agreed, socket.subprotocol, closed.code, closed.reason

    said = talk(at.world, "open.test", work, subprotocols=["chat"])
    assert said == ("chat", "chat", 4001, "so long")
    chat.settle()
    assert chat.codes == [4001]


def test_a_close_reason_is_judged_like_a_message(world: Any, judged: Any):
    got: list[Any] = []
    chat = Chat(world, "chat.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> None:
        await socket.close(4000, f"my ssn is {SSN}")

    talk(at.world, "chat.test", work)
    chat.settle()
    assert chat.codes == [1008]


def test_a_message_over_the_limit_is_refused(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "open.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        await socket.send("word " * 60_000)
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "open.test", work) in (1007, 1009)
    assert got == []


def test_a_compression_bomb_is_refused_without_being_unpacked(world: Any, judged: Any):
    async def handler(connection: ServerConnection) -> None:
        packed = zlib.compressobj(wbits=-15)
        data = (packed.compress(bytes(200_000_000)) + packed.flush(zlib.Z_SYNC_FLUSH))[:-4]
        head = bytes([0xC2, 127]) + len(data).to_bytes(8)
        connection.transport.write(head + data)
        await asyncio.sleep(1)

    Chat(world, "open.test", handler)
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "open.test", work) in (1007, 1009)


def test_frames_that_break_the_protocol_end_the_connection(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "open.test", echo(got))
    at = judged(POLICY)

    async def work(socket: Any) -> int:
        socket.transport.write(b"\xf3\x80\x00\x00\x00\x00")
        closed = await closing(socket)
        return int(closed.code)

    assert talk(at.world, "open.test", work) == 1007
    assert got == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\nsecret",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\nsecret",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: x\r\n\r\nsecret",
        b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nsecret that is no frame",
    ],
)
def test_a_switch_to_anything_else_passes_nothing(world: Any, judged: Any, answer: bytes):
    world.upstream("open.test", answer)
    at = judged(POLICY)
    command = ["curl", "-s", "-i", "--max-time", "5", "--proxy", at.world.bare_url, "--cacert", str(at.world.ca_file)]
    headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA"]
    command += [part for header in headers for part in ("-H", header)]
    done = subprocess.run([*command, "--http1.1", "https://open.test/"], capture_output=True, check=False)  # noqa: S603
    assert b"secret" not in done.stdout


def test_the_key_is_the_proxys_own_so_that_it_carries_nothing(world: Any, judged: Any):
    upstream = world.upstream("open.test", b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
    at = judged(POLICY)
    command = ["curl", "-s", "--max-time", "5", "--proxy", at.world.bare_url, "--cacert", str(at.world.ca_file)]
    headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: smuggled"]
    command += [part for header in headers for part in ("-H", header)]
    subprocess.run([*command, "--http1.1", "https://open.test/"], capture_output=True, check=False)  # noqa: S603
    key = upstream.requests[0].header("sec-websocket-key")
    assert key is not None
    assert (len(key), key == "smuggled") == (24, False)


def test_an_answer_that_is_no_switch_passes_as_an_answer(world: Any, judged: Any):
    world.upstream("open.test", b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
    at = judged(POLICY)
    with pytest.raises(websockets.InvalidStatus) as refused:
        talk(at.world, "open.test", lambda socket: socket.recv())
    assert refused.value.response.status_code == 426


def test_aiohttp_and_node_talk_through_it(world: Any, judged: Any):
    got: list[Any] = []
    Chat(world, "open.test", echo(got))
    at = judged(POLICY)

    async def by_aiohttp() -> Any:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect("wss://open.test/", proxy=at.world.bare_url, ssl=trust(at.world), compress=15) as socket,
        ):
            await socket.send_str("from aiohttp")
            return (await socket.receive()).data

    assert asyncio.run(by_aiohttp()) == "from aiohttp"
    script = """
      const { default: WebSocket } = await import('ws');
      const http = await import('http'); const tls = await import('tls');
      const proxy = new URL(process.argv[1]);
      const connect = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: 'open.test:443',
        headers: { host: 'open.test:443' } });
      connect.on('connect', (_, socket) => {
        const secure = tls.connect({ socket, servername: 'open.test' }, () => {
          const ws = new WebSocket('wss://open.test/', { createConnection: () => secure });
          ws.on('open', () => ws.send('from ws'));
          ws.on('message', (data) => { console.log(String(data)); ws.close(1000); });
          ws.on('close', (code) => { console.log(code); process.exit(0); });
        });
      });
      connect.end();"""
    done = subprocess.run(  # noqa: S603
        ["node_modules/.bin/node", "--input-type=module", "-e", script, at.world.bare_url],  # noqa: S607
        env={"NODE_EXTRA_CA_CERTS": str(at.world.ca_file)},
        capture_output=True,
        timeout=8,
        check=True,
    )
    assert done.stdout.decode().split("\n")[:2] == ["from ws", "1000"]
    assert got == ["from aiohttp", "from ws"]
