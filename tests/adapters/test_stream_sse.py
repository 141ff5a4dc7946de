"""Server-sent events through the proxy with its real engine, to clients that others wrote."""

import asyncio
import gzip
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

POLICY = """
policy: streams
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  model: {at: https://model.test/**}
  plain: {at: http://plain.test/**}
  closed: {at: https://closed.test/**}
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay}}
destinations:
  model: {at: https://model.test/**}
  plain: {at: http://plain.test/**}
  closed: {at: https://closed.test/**}
  hr: {at: https://hr.test/**}
rules:
  - {name: people enter as tokens, data: pii, from: [model, plain, hr], to: sandbox, then: tokenize}
  - {name: people do not enter, data: pii, from: closed, to: sandbox, then: block}
  - {name: pay enters as tokens, data: employee.pay, from: hr, to: sandbox, then: tokenize}
"""
SSN = "536-90-4399"


class Feed:
    """A server of one event stream that goes on when the test says so."""

    def __init__(self, world: Any, name: str, head: str = "", *, tls: bool = True) -> None:
        self.loop = world.loop
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.requests: list[Any] = []
        self.over = threading.Event()
        lines = head or "Content-Type: text/event-stream\r\n"

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 200 OK\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode())
            gone = asyncio.create_task(reader.read(1))
            while not gone.done():
                getting = asyncio.create_task(self.queue.get())
                await asyncio.wait([getting, gone], return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    break
                data = getting.result()
                writer.write(b"0\r\n\r\n" if data is None else b"%x\r\n%s\r\n" % (len(data), data))
                await writer.drain()
                if data is None:
                    break
            gone.cancel()
            self.over.set()
            writer.close()

        upstream = type("Up", (), {"connections": 0, "port": 0})()
        world._listen(upstream, serve, world.authority.context(name) if tls else None)
        world.hosts[name] = ("127.0.0.1", upstream.port)

    def send(self, *pieces: str | bytes | None) -> None:
        """Send these pieces; None ends the stream."""
        for piece in pieces:
            data = piece.encode() if isinstance(piece, str) else piece
            asyncio.run_coroutine_threadsafe(self.queue.put(data), self.loop).result(5)


def event(data: object, kind: str = "") -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {kind}\n" if kind else "") + f"data: {text}\n\n"


def delta(text: str) -> str:
    return event({"choices": [{"delta": {"content": text}}]})


def text_of(raw: str) -> str:
    found = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    return "".join(one["choices"][0]["delta"]["content"] for one in found if "choices" in one)


def trust(world: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.ca_file))


@pytest.fixture
def client() -> Iterator[Callable[[str], Any]]:
    opened: list[Any] = []

    def open_(world: Any, url: str) -> Any:
        made = httpx.Client(proxy=world.bare_url, verify=trust(world), timeout=10)
        stream = made.stream("GET", url)
        response = stream.__enter__()
        opened.extend([stream, made])
        return response

    yield open_
    for one in opened:
        one.__exit__(None, None, None)


def test_the_first_event_does_not_wait_for_the_end_and_passes_byte_for_byte(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(": hello\n", "id: 1\r\nevent: add\r\ndata:{}\r\n\r\n")
    response = client(at.world, "https://model.test/")
    chunks = response.iter_raw()
    got = next(chunks)
    while b"data" not in got:
        got += next(chunks)
    assert got == b": hello\nid: 1\r\nevent: add\r\ndata:{}\r\n\r\n"
    feed.send("data: last\n\n", None)
    assert b"".join(chunks) == b"data: last\n\n"
    assert "inbound allow end of stream" in at.told


def test_a_value_in_an_event_enters_as_a_token(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(event({"ssn": SSN, "note": "x"}), None)
    raw = client(at.world, "https://model.test/").read().decode()
    assert SSN not in raw
    assert '"ssn": "[' in raw


def test_a_value_that_straddles_events_of_a_model_enters_as_a_token(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(*(delta(piece) for piece in ("My social security number is 536", "-90-", "4399", " and that", " is")))
    feed.send(event("[DONE]"), None)
    raw = client(at.world, "https://model.test/").read().decode()
    assert "4399" not in raw
    said = text_of(raw)
    assert said.startswith("My social security number is [")
    assert said.endswith("] and that is")
    assert "data: [DONE]" in raw


def test_a_field_of_the_source_is_found_in_every_event(world: Any, judged: Any, client: Any):
    feed = Feed(world, "hr.test")
    at = judged(POLICY)
    feed.send(event({"salary": 118472}), event({"salary": 97311}), None)
    raw = client(at.world, "https://hr.test/").read().decode()
    assert "118472" not in raw
    assert "97311" not in raw


def test_a_refusal_within_the_stream_ends_it_with_an_event_that_says_why(world: Any, judged: Any, client: Any):
    feed = Feed(world, "closed.test")
    at = judged(POLICY)
    feed.send(event({"n": 1}), event({"ssn": f"number {SSN}"}), event({"n": 3}))
    raw = client(at.world, "https://closed.test/").read().decode()
    assert '{"n": 1}' in raw
    assert SSN not in raw
    assert '"n": 3' not in raw
    assert "event: error\n" in raw
    assert "urn:dlp:refusal:flow" in raw
    assert feed.over.wait(5)  # the upstream was let go


def test_of_events_that_come_together_those_before_the_refused_one_arrive(world: Any, judged: Any, client: Any):
    feed = Feed(world, "closed.test")
    at = judged(POLICY)
    feed.send("".join(event(data) for data in ({"n": 1}, {"m": 2}, {"ssn": f"number {SSN}"}, {"n": 3})))
    raw = client(at.world, "https://closed.test/").read().decode()
    assert raw.startswith(event({"n": 1}) + event({"m": 2}) + "event: error\n")
    assert SSN not in raw
    assert '"n": 3' not in raw
    assert [told for told in at.told if "block" in told][:-1] == ["inbound block people do not enter"]


def test_events_that_come_together_are_judged_as_one_and_each_value_enters_as_its_token(
    world: Any, judged: Any, client: Any
):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    values = [{"n": 1, "ssn": SSN}, {"text of it": "nothing"}, {"ssn": "536-90-4398", "again": SSN}]
    feed.send("".join(map(event, values)), None)
    raw = client(at.world, "https://model.test/").read().decode()
    assert [json.loads(line[6:]) for line in raw.splitlines() if line] == [
        {"n": 1, "ssn": "[SSN_1]"},
        {"text of it": "nothing"},
        {"ssn": "[SSN_2]", "again": "[SSN_1]"},
    ]
    entries = [entry for entry in at.wall.log if entry.labels]
    assert [{note.label.data_class for note in entry.labels} for entry in entries] == [{"pii.ssn"}]
    assert at.wall.log[-1].counts == {"inbound": 3}


def test_what_the_session_is_no_longer_allowed_stops_the_next_event(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(event({"n": 1}))
    response = client(at.world, "https://model.test/")
    lines = response.iter_lines()
    assert next(lines) == 'data: {"n": 1}'
    at.wall.sessions.freeze(at.session.id)
    feed.send(event({"n": 2}))
    rest = "\n".join(lines)
    assert '"n": 2' not in rest
    assert "urn:dlp:refusal:session" in rest


@pytest.mark.parametrize("fault", [b"data: \xff\xfe\n\n", b"data: " + b"x" * 300_000])
def test_what_cannot_be_read_ends_the_stream_and_does_not_pass(world: Any, judged: Any, client: Any, fault: bytes):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(event({"n": 1}), fault)
    raw = client(at.world, "https://model.test/").read()
    assert b'{"n": 1}' in raw
    assert fault[:8] not in raw.partition(b"event: error")[0].replace(b'data: {"n": 1}', b"")
    assert b"urn:dlp:refusal:unreadable" in raw


def test_a_compressed_stream_is_read_and_passed_on_plain(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test", "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n")
    at = judged(POLICY)
    feed.send(gzip.compress(event({"ssn": SSN}).encode()), None)
    response = client(at.world, "https://model.test/")
    raw = b"".join(response.iter_raw())
    assert "content-encoding" not in response.headers
    assert raw.startswith(b'data: {"ssn": "[')


def test_lines_of_json_go_on_line_by_line(world: Any, judged: Any, client: Any):
    feed = Feed(world, "model.test", "Content-Type: application/x-ndjson\r\n")
    at = judged(POLICY)
    feed.send('{"n": 1}\n')
    response = client(at.world, "https://model.test/")
    lines = response.iter_lines()
    assert next(lines) == '{"n": 1}'
    feed.send(json.dumps({"ssn": SSN}) + "\n", None)
    (last,) = list(lines)
    assert SSN not in last


def test_the_client_that_leaves_takes_the_upstream_along(world: Any, judged: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(event({"n": 1}))
    with (
        httpx.Client(proxy=at.world.bare_url, verify=trust(at.world)) as http,
        http.stream("GET", "https://model.test/") as response,
    ):
        next(response.iter_raw())
    assert feed.over.wait(5)
    deadline = time.monotonic() + 5
    while not any("left" in line for line in at.told) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert any("left" in line for line in at.told)


# --- clients that others wrote ----------------------------------------------------------------------------------------


def by_requests(world: Any, url: str) -> list[str]:
    proxies = {"http": world.bare_url, "https": world.bare_url}
    with requests.get(url, proxies=proxies, verify=str(world.ca_file), stream=True, timeout=10) as response:
        return [line.decode() for line in response.iter_lines() if line]


def by_aiohttp(world: Any, url: str) -> list[str]:
    async def get() -> list[str]:
        context = trust(world)
        async with aiohttp.ClientSession() as session, session.get(url, proxy=world.bare_url, ssl=context) as response:
            return [line.decode().strip() async for line in response.content if line.strip()]

    return asyncio.run(get())


def by_httpx2(world: Any, url: str) -> list[str]:
    with (
        httpx.Client(proxy=world.bare_url, verify=trust(world), http2=True) as http,
        http.stream("GET", url) as response,
    ):
        assert response.http_version == "HTTP/2"
        return [line for line in response.iter_lines() if line]


def by_curl(world: Any, url: str, *arguments: str) -> list[str]:
    command = ["curl", "-sN", "--proxy", world.bare_url, "--cacert", str(world.ca_file), *arguments, url]
    done = subprocess.run(command, capture_output=True, timeout=20, check=True)  # noqa: S603
    return [line for line in done.stdout.decode().splitlines() if line]


def by_curl_http2(world: Any, url: str) -> list[str]:
    return by_curl(world, url, "--http2")


def by_node(world: Any, url: str) -> list[str]:
    script = """
      const response = await fetch(process.argv[1]);
      let text = ''; const decoder = new TextDecoder();
      for await (const chunk of response.body) text += decoder.decode(chunk, {stream: true});
      console.log(text);"""
    done = subprocess.run(  # noqa: S603
        ["node_modules/.bin/node", "--use-env-proxy", "--input-type=module", "-e", script, url],  # noqa: S607
        env={"HTTPS_PROXY": world.bare_url, "NODE_EXTRA_CA_CERTS": str(world.ca_file), "NODE_USE_ENV_PROXY": "1"},
        capture_output=True,
        timeout=30,
        check=True,
    )
    return [line for line in done.stdout.decode().splitlines() if line]


@pytest.mark.parametrize("get", [by_requests, by_aiohttp, by_httpx2, by_curl, by_curl_http2, by_node])
def test_every_client_reads_the_stream(world: Any, judged: Any, get: Any):
    feed = Feed(world, "model.test")
    at = judged(POLICY)
    feed.send(*(event({"n": n}) for n in range(20)), event({"ssn": SSN}), None)
    lines = get(at.world, "https://model.test/")
    assert lines[:20] == [f'data: {{"n": {n}}}' for n in range(20)]
    assert lines[20].startswith('data: {"ssn": "[')
    assert len(lines) == 21
