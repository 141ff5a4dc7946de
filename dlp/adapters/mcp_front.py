"""HTTP/1.1 towards the gateway's clients: what they send as ASGI, each answer in as few writes as it can leave in.

What the gateway waits for is cancelled once its client is gone. Messages of 1 KB are what it is made for: the general
servers take longer to take such a request apart than it takes to judge it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from dlp.core.errors import ParseError
from dlp.wire.mcp_frames import END, Frames, Head

type Part = MutableMapping[str, Any]
type App = Callable[[Part, Callable[[], Awaitable[Part]], Callable[[Part], Awaitable[None]]], Awaitable[None]]

_WAIT = 75.0  # seconds that a client may take for its next request, or for the next piece of one
_MOST_HELD = 262_144  # bytes of a request that nobody has taken yet
_MOST_DRAINED = 4_000_000
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_BODY = frozenset([204, 304])


class Connection(asyncio.Protocol):
    """One client's connection: its requests, one after the other."""

    def __init__(self, app: App, header: int, all_: "set[Connection]") -> None:
        """`header` is the most bytes of a head; `all_` holds the connections that are open."""
        self._app = app
        self._all = all_
        self._loop = asyncio.get_running_loop()
        self._frames = Frames(header, answers=False)
        self._transport: asyncio.Transport | None = None
        self._exchange: _Exchange | None = None
        self._timer = self._loop.call_later(_WAIT, self._look)
        self._heard = self._loop.time()
        self._paused = False
        self._drained = 0  # bytes of a request that was answered before it was whole
        self._free = asyncio.Event()
        self._free.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - one for reading and writing
        self._transport = transport
        self._all.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go of it, and of what is being done for it."""
        self._all.discard(self)
        self._timer.cancel()
        self._free.set()
        if self._exchange is not None:
            self._exchange.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._heard = self._loop.time()
        if self._drained:
            self._drained += len(data)
            if self._drained > _MOST_DRAINED:
                self._end()
                return
        self._frames.feed(data)
        self._take()

    def pause_writing(self) -> None:
        """Have whoever answers wait for the client."""
        self._free.clear()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._free.set()

    def close(self) -> None:
        """End it, and what is being done for it."""
        if self._transport is not None:
            self._transport.abort()

    async def write(self, data: bytes) -> None:
        """Send bytes, at the client's pace."""
        self.write_now(data)
        if not self._free.is_set():
            await self._free.wait()

    def write_now(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self, size: int) -> None:
        """Read no more while so many bytes wait to be taken."""
        transport = self._transport
        wanted = size > _MOST_HELD
        if transport is not None and not transport.is_closing() and wanted is not self._paused:
            self._paused = wanted
            (transport.pause_reading if wanted else transport.resume_reading)()

    def over(self, *, whole: bool, stays: bool) -> None:
        """Go on with the next request once one is answered, or close: not before its client could have seen that."""
        self._exchange = None
        self._heard = self._loop.time()
        self.hold(0)
        if not whole:
            self._drained = 1
        elif not stays:
            self._end()
        elif self._frames.waiting:
            self._loop.call_soon(self._take)

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self) -> None:
        """Take out of what came what can be dealt with now."""
        exchange = self._exchange
        if exchange is not None and exchange.whole:  # the next request waits until this one is answered
            self.hold(self._frames.waiting)
            return
        try:
            while (frame := self._frames.next()) is not None:
                if isinstance(frame, Head):
                    self._exchange = exchange = _Exchange(self, frame)
                    continue
                if exchange is not None:
                    exchange.take(b"" if frame is END else frame, last=frame is END)
                if frame is END:
                    break
        except ParseError:
            self._refuse()
            return
        if exchange is not None:
            exchange.start(self._app)
        elif frame is END:  # of a request that was answered before it was whole
            self._end()

    def _refuse(self) -> None:
        """Answer what is no HTTP, unless an answer has begun, and close."""
        transport, exchange = self._transport, self._exchange
        if transport is None or transport.is_closing():
            return
        if exchange is None or not exchange.begun:
            transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        if exchange is not None:
            exchange.cancel()
        transport.close()

    def _look(self) -> None:
        """Close the connection where its client takes too long."""
        ours = self._exchange is not None and self._exchange.whole
        left = self._heard + _WAIT - self._loop.time()
        if left <= 0 and not ours:
            self.close()
        else:
            self._timer = self._loop.call_later(max(left, 1.0), self._look)


class _Exchange:
    """One request and its answer."""

    def __init__(self, connection: Connection, head: Head) -> None:
        self.whole = self.begun = self._ended = False
        self._connection = connection
        self._head = head
        self._pieces: deque[Part] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Future[None] | None = None
        self._start = b""  # of the answer, until its first bytes are there
        self._length: int | None = 0
        self._stays = head.stays
        self._continue = head.one(b"expect").lower() == b"100-continue"

    def take(self, data: bytes, *, last: bool) -> None:
        """Take a piece of the request."""
        self.whole = last
        self._held += len(data)
        self._pieces.append({"type": "http.request", "body": data, "more_body": not last})
        self._connection.hold(self._held)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def start(self, app: App) -> None:
        """Begin to serve it, if that has not begun."""
        if self._task is None:
            path = self._head.target.partition(b"?")[0].decode("latin-1")
            method = self._head.method.decode("latin-1")
            scope = {"type": "http", "method": method, "path": path, "headers": self._head.fields}
            self._task = asyncio.ensure_future(app(scope, self.receive, self.send))
            if self._task.done():
                self._done(self._task)
            else:
                self._task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Give it up."""
        if self._task is not None:
            self._task.cancel()

    async def receive(self) -> Part:
        """Return the next piece of the request."""
        if not self._pieces:
            if self._continue and not self.begun:
                self._continue = False
                await self._connection.write(_CONTINUE)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self._held -= len(piece["body"])
        self._connection.hold(self._held)
        return piece

    async def send(self, part: Part) -> None:
        """Send a piece of the answer; its head leaves with the first bytes of its body."""
        if part["type"] == "http.response.start":
            if self.begun:
                msg = "an answer has begun already"
                raise RuntimeError(msg)
            self._begin(part["status"], part["headers"])
            return
        body, more = b"" if self._head.method == b"HEAD" else part.get("body", b""), part.get("more_body", False)
        self._ended = not more
        start, self._start = self._start, b""
        if self._length is None:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        await self._connection.write(start + body if start else body)

    def _begin(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self.begun = True
        told = [value for name, value in fields if name == b"content-length"]
        self._length = int(told[0]) if told else 0 if status in _NO_BODY else None
        self._stays = self._stays and self.whole
        lines = [b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%b: %b\r\n" % one for one in fields]
        if self._length is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self._stays:
            lines.append(b"connection: close\r\n")
        self._start = b"".join([*lines, b"\r\n"])
        if self._length is None:  # a stream that may have nothing to say for a while
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        start, self._start = self._start, b""
        if start:
            self._connection.write_now(start)

    def _done(self, task: asyncio.Future[None]) -> None:
        failed = task.cancelled() or task.exception() is not None
        self._connection.over(whole=self.whole or failed, stays=self._stays and self._ended and not failed)
