import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dlp.adapters import mcp_front
from dlp.adapters.mcp_front import Connection

type Ask = Callable[..., Awaitable[bytes]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: "


class App:
    """Answers with what it was sent; by the path it does so otherwise."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = b""
        if scope["path"] != "/unread":
            while True:
                part = await receive()
                body += part["body"]
                if not part["more_body"]:
                    break
        fields = [(b"content-length", b"%d" % len(body))]
        match scope["path"]:
            case "/never":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
            case "/stream":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await asyncio.sleep(0.05)
                for piece in (body, b"", b"more"):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            case "/fails":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                with pytest.raises(RuntimeError):
                    await send({"type": "http.response.start", "status": 500, "headers": []})
            case _:
                await send({"type": "http.response.start", "status": 200, "headers": fields})
                await send({"type": "http.response.body", "body": body})


def told(story: Callable[[Ask, App], Awaitable[None]], *, eager: bool = False) -> None:
    """Run a story; what it asks is sent on a connection of its own, of which all is read to its end, or so much."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        if eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        app, all_ = App(), set[Connection]()
        server = await loop.create_server(lambda: Connection(app, 1000, all_), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def ask(*pieces: bytes, most: int = -1) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            try:
                return await asyncio.wait_for(reader.read(-1) if most < 0 else reader.readexactly(most), 5)
            finally:
                writer.close()

        try:
            await story(ask, app)
            await asyncio.sleep(0.05)
            assert not all_
        finally:
            server.close()
            for one in list(all_):
                one.close()
            await server.wait_closed()

    asyncio.run(run())


def post(path: bytes, body: bytes, *more: bytes) -> bytes:
    return b"\r\n".join([b"POST %b HTTP/1.1" % path, b"Content-Length: %d" % len(body), *more, b"", body])


@pytest.mark.parametrize("eager", [True, False])
def test_requests_on_one_connection_are_answered_in_their_order(*, eager: bool):
    async def story(ask: Ask, _app: App) -> None:
        first, second = post(b"/", b"one"), post(b"/", b"two", b"Connection: close")
        both = OK + b"3\r\n\r\none" + OK + b"3\r\nconnection: close\r\n\r\ntwo"
        assert await ask(first + second) == both
        assert await ask(first[:20], first[20:-1], first[-1:] + second[:5], second[5:]) == both

    told(story, eager=eager)


def test_a_stream_is_sent_as_it_comes_its_head_at_once():
    async def story(ask: Ask, _app: App) -> None:
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
        assert await ask(post(b"/stream", b"abc"), most=len(head)) == head
        body = b"\r\n3\r\nabc\r\n4\r\nmore\r\n0\r\n\r\n"
        assert await ask(post(b"/stream", b"abc"), most=len(head + body)) == head + body

    told(story)


def test_what_is_no_http_is_told_so_and_what_was_begun_is_given_up():
    async def story(ask: Ask, app: App) -> None:
        bad = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        assert await ask(b"NO\r\n\r\n") == bad
        assert await ask(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n") == bad
        assert await ask(b"GET / HTTP/1.1\r\nA: " + b"b" * 2000) == bad
        await ask(post(b"/never", b"a"), most=0)
        await asyncio.sleep(0.05)
        assert app.cancelled == 1

    told(story)


def test_an_answer_that_breaks_off_ends_the_connection():
    async def story(ask: Ask, _app: App) -> None:
        said = await ask(post(b"/fails", b"a"))
        assert said.endswith(b"4\r\nhalf\r\n")  # and no last chunk

    told(story)


def test_a_request_that_is_answered_before_it_is_whole_is_read_and_then_ends():
    async def story(ask: Ask, _app: App) -> None:
        raw = post(b"/unread", b"x" * 3000)
        said = await ask(raw[:-1000], raw[-1000:])
        assert said == OK + b"0\r\nconnection: close\r\n\r\n"

    told(story)


def test_who_waits_to_be_told_to_go_on_is_and_a_head_has_no_body():
    async def story(ask: Ask, _app: App) -> None:
        raw = post(b"/", b"abc", b"Expect: 100-continue", b"Connection: close")
        said = await ask(raw[:-3], raw[-3:])
        assert said == b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"3\r\nconnection: close\r\n\r\nabc"
        raw = b"HEAD / HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n\r\na"
        assert await ask(raw) == OK + b"1\r\nconnection: close\r\n\r\n"

    told(story)


def test_a_large_request_and_a_slow_reader_hold_up_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mcp_front, "_MOST_HELD", 10_000)

    async def story(ask: Ask, _app: App) -> None:
        body = b"y" * 3_000_000
        said = await ask(post(b"/", body, b"Connection: close"))
        assert said == OK + b"3000000\r\nconnection: close\r\n\r\n" + body

    told(story)


def test_a_client_that_says_nothing_for_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mcp_front, "_WAIT", 0.1)

    async def story(ask: Ask, _app: App) -> None:
        assert await ask(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na") == b""
        assert await ask(b"") == b""

    told(story)
