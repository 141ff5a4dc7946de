import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from dlp.adapters.mcp_upstream import Upstream, UpstreamError
from dlp.config import Limits, McpServer

IDLE = 0.3
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
EVENTS = HEAD.replace(b"length: 2", b"type: text/event-stream")


async def _asked(pieces: Sequence[bytes], fields: Sequence[tuple[bytes, bytes]] = ()) -> tuple[bytes, bytes | None]:
    """Ask a server that answers in these pieces, a tenth of a second apart; return what it was sent, and its answer."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.1)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    given = McpServer("one", url=f"http://127.0.0.1:{port}/mcp", headers={"X-Key": "k"})
    upstream = Upstream(given, {}, Limits(idle=IDLE), "")
    try:
        with contextlib.closing(await upstream.send("POST", fields, b"{}")) as answer:
            return bytes(heard), await answer.read(100)
    finally:
        upstream.close()
        server.close()
        await server.wait_closed()


def test_a_request_has_the_fields_of_the_settings_and_those_given_that_are_not_among_them():
    sent, content = asyncio.run(_asked([HEAD, b"ok"], [(b"accept", b"*/*"), (b"x-key", b"other"), (b"host", b"other")]))
    head, *lines = sent.decode().rstrip().split("\r\n")
    assert (head, content) == ("POST /mcp HTTP/1.1", b"ok")
    assert [line for line in lines if not line.startswith("host:")] == ["x-key: k", "accept: */*", "content-length: 2"]
    assert [line for line in lines if line.startswith("host: 127.0.0.1:")]


@pytest.mark.parametrize("value", [b"a\r\nx-more: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_field_that_would_end_its_line_is_not_sent(value: bytes):
    with pytest.raises(UpstreamError, match="cannot be written"):
        asyncio.run(_asked([HEAD, b"ok"], [(b"accept", value)]))


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([], "did not answer"),
        ([bytes([byte]) for byte in HEAD], "did not answer"),  # what trickles in is no answer in time
        ([HEAD, b"o"], "did not answer"),  # it is handed on whole
        ([EVENTS, b"data: a\n\n"], "fell silent"),
    ],
)
def test_a_server_that_takes_too_long_gives_no_answer(pieces: list[bytes], why: str):
    with pytest.raises(UpstreamError, match=why):
        asyncio.run(_asked(pieces))
