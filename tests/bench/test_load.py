import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from dlp.bench import bodies, peers
from dlp.bench.load import Job, Load, Way
from dlp.core.errors import ParseError


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory):
    with peers.upstream(tmp_path_factory.mktemp("upstream")) as running:
        yield running


def drive(way: Way, job: Job, connections: int = 2, most: int = 5):
    async def work() -> Any:
        load = Load(way, job, connections)
        try:
            await load.open()
            return await load.round(10.0, most), load.answer
        finally:
            await load.close()

    return asyncio.run(work())


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("body", [None, bodies.clean])
def test_each_connection_gets_as_many_answers_as_were_asked_for(
    up: peers.Upstream, *, tls: bool, body: Callable[[int], bytes] | None
):
    way = Way("direct", None, str(up.authority))
    made, answer = drive(way, Job("/clean", up.https if tls else up.http, tls, body))
    assert made.answers == len(made.times) == 10
    assert made.rate > 0
    assert json.loads(answer)["tickets"]


def test_an_answer_that_is_no_success_ends_the_round_with_its_title():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"title": "Not listed", "detail": "No destination."}'
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async def work() -> Any:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        load = Load(Way("direct", None), Job("/clean", server.sockets[0].getsockname()[1]), 1)
        await load.open()
        try:
            await load.round(1.0)
        finally:
            await load.close()
            server.close()

    with pytest.raises(ParseError, match=r"403 Forbidden .*Not listed"):
        asyncio.run(work())


def test_a_connection_that_breaks_off_ends_the_round():
    async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def work() -> Any:
        server = await asyncio.start_server(leave, "127.0.0.1", 0)
        load = Load(Way("direct", None), Job("/clean", server.sockets[0].getsockname()[1]), 1)
        await load.open()
        try:
            await load.round(5.0)
        finally:
            await load.close()
            server.close()

    with pytest.raises(ConnectionError):
        asyncio.run(work())
