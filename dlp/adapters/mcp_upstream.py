"""Streamable-HTTP servers as the gateway reaches them: one request on a pooled connection, its answer as it comes."""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from urllib.parse import urlsplit

from dlp.config import Limits, McpServer
from dlp.core.errors import DlpError, ParseError
from dlp.wire.mcp_frames import END, Frame, Frames, Head

_IDLE_SECONDS = 4.0  # less than servers usually keep an idle connection: one that just closed loses a request
_MOST_IDLE = 32
_AT_ONCE = 65_536  # bytes that are handed on before an answer is whole
_MOST_HELD = 1_000_000
_FINAL = 200
_LINE_END = re.compile(rb"[\r\n\x00]")
_PORTS = {"http": 80, "https": 443}


class UpstreamError(DlpError):
    """The server cannot be reached, or speaks no HTTP."""


class _Connection(asyncio.Protocol):
    """A connection to a server; what comes is taken apart as it comes, and whoever waits wakes once there is enough."""

    def __init__(self, header: int) -> None:
        self.idle_since = 0.0
        self.busy = False  # an answer is waited for, or read
        self._frames = Frames(header, answers=True)
        self._ready: deque[Frame] = deque()
        self._held = 0  # bytes of bodies that nobody has taken yet
        self._whole = False  # whoever waits wants all of an answer
        self._error = ""
        self._over = False
        self._paused = self._interim = False
        self._stays = True
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on it."""
        return self._stays and not (self._over or self._error or self._ready) and self._frames.between

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - one for reading and writing
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._frames.feed(data)
        self._take()

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that no more will come."""
        self._over = True
        if error is not None:
            self._error = self._error or "it broke off"
        self._frames.feed(b"")
        self._take()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is None or self._over:
            raise UpstreamError("it broke off")
        self.busy, self._whole = True, False
        self._transport.write(data)

    def close(self) -> None:
        """Let go of it."""
        if self._transport is not None:
            self._transport.close()

    async def next(self, patience: float | None) -> Frame:
        """Return what comes next of an answer, within so many seconds where it is not to take as long as it takes.

        Raises:
            TimeoutError: nothing came.
            UpstreamError: nothing will come.

        """
        loop = asyncio.get_running_loop()
        # `asyncio.timeout` would be made anew for every request, at five times the cost.
        timer = None if patience is None else loop.call_later(patience, self._tire)
        try:
            while not self._ready:
                if self._error or self._over:
                    raise UpstreamError(self._error or "it closed the connection without an answer")
                self._waiter = loop.create_future()
                await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        frame = self.ready()
        assert frame is not None  # noqa: S101 - the loop has ended
        return frame

    def _tire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def ready(self) -> Frame | None:
        """Return what comes next of an answer, None where that is still to come."""
        if not self._ready:
            return None
        frame = self._ready.popleft()
        if isinstance(frame, bytes):
            self._held -= len(frame)
            if self._paused and self._held < _MOST_HELD and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
        elif frame is END:
            self.busy = False
        return frame

    def _take(self) -> None:
        try:
            while not self._error and (frame := self._frames.next()) is not None:
                self._note(frame)
        except ParseError:
            self._error = "it speaks no HTTP, or broke off"
        if self._error:
            self.close()
        if self._held > _MOST_HELD and not self._paused and self._transport is not None and not self._over:
            self._paused = True
            self._transport.pause_reading()
        wakes = self._over or self._error or not self._whole or self._held > _AT_ONCE
        if wakes and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _note(self, frame: Frame) -> None:
        if not self.busy or (self._ready and self._ready[-1] is END):
            self._error = "it answers what nobody asked"
            return
        if isinstance(frame, Head) and frame.status < _FINAL:  # an answer is still to come
            self._interim = True
            return
        if frame is END and self._interim:
            self._interim = False
            return
        if isinstance(frame, Head):
            self._stays = frame.stays
            # Whoever waits for an answer in one piece is woken once, not for each piece of it.
            self._whole = not frame.one(b"content-type").lower().startswith(b"text/event-stream")
        elif isinstance(frame, bytes):
            self._held += len(frame)
        else:
            self._whole = False
        self._ready.append(frame)


class Answer:
    """What a server answers: status, header fields (names in small letters), and a body to be read or closed."""

    def __init__(self, upstream: "Upstream", connection: _Connection, head: Head) -> None:
        self.status = head.status
        self.fields: Mapping[bytes, bytes] = dict(head.fields)
        self._upstream = upstream
        self._connection: _Connection | None = connection

    @property
    def kind(self) -> str:
        """The media type of its body."""
        return self.fields.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()

    async def chunks(self, *, patient: bool = False) -> AsyncIterator[bytes]:
        """Give the body as it comes; the connection is free again after the last of it.

        A `patient` reader waits for as long as it takes, as for a stream that may have nothing to say.

        Raises:
            UpstreamError: it broke off, or fell silent.

        """
        while self._connection is not None:
            frame = self._connection.ready()
            if frame is None:
                try:
                    frame = await self._connection.next(None if patient else self._upstream.idle)
                except TimeoutError:
                    raise UpstreamError("it fell silent") from None
            if isinstance(frame, bytes):
                yield frame
            else:
                connection, self._connection = self._connection, None
                self._upstream.free(connection)

    async def read(self, limit: int) -> bytes | None:
        """Return the whole body; None where it is over `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                self.close()
                return None
            pieces.append(chunk)
        return b"".join(pieces)

    def close(self) -> None:
        """Give up on the rest."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Upstream:
    """One server of the settings."""

    def __init__(self, server: McpServer, hosts: Mapping[str, tuple[str, int]], limits: Limits, trust: str) -> None:
        """`hosts` are names that the proxy resolves itself; `trust` is the file of authorities for TLS."""
        url = urlsplit(server.url)
        self._host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        self._address = hosts.get(self._host, (self._host, port))
        self._target = (url.path or "/").encode()
        self._tls = ssl.create_default_context(cafile=trust) if url.scheme == "https" else None
        self._limits = limits
        self.idle = limits.idle
        written = f"[{self._host}]" if ":" in self._host else self._host
        default = url.port is None or url.port == _PORTS[url.scheme]
        own = [("host", written if default else f"{written}:{url.port}"), *server.headers.items()]
        self._own = [b"%b: %b" % (name.lower().encode(), value.encode()) for name, value in own]
        self._names = frozenset(name.lower().encode() for name, _ in own)
        self._idle: deque[_Connection] = deque()

    async def send(self, method: str, fields: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> Answer:
        """Send a request and return what answers it, once its head is there.

        Raises:
            UpstreamError: there is no connection, or no answer. It is not sent again: it may have had its effect.

        """
        connection = self._from_idle() or await self._connect()
        lines = [b"%b %b HTTP/1.1" % (method.encode(), self._target), *self._own]
        lines += [b"%b: %b" % one for one in fields if one[0] not in self._names]
        if body or method == "POST":
            lines.append(b"content-length: %d" % len(body))
        if any(map(_LINE_END.search, lines)):
            self._keep(connection)
            raise UpstreamError("the request cannot be written as HTTP")
        try:
            connection.write(b"\r\n".join([*lines, b"", body]))
            head = await connection.next(self._limits.idle)
            if isinstance(head, Head):
                return Answer(self, connection, head)
            raise UpstreamError("it closed the connection without an answer")  # noqa: TRY301 - closed below
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError | OSError):
                raise UpstreamError("it did not answer") from None
            raise

    def free(self, connection: _Connection) -> None:
        """Keep a connection for the next request if it can be used again."""
        if connection.usable:
            self._keep(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _keep(self, connection: _Connection) -> None:
        connection.idle_since = monotonic()
        self._idle.append(connection)
        if len(self._idle) > _MOST_IDLE:
            self._idle.popleft().close()

    def _from_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if monotonic() - connection.idle_since < _IDLE_SECONDS and connection.usable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        host, port = self._address
        try:
            async with asyncio.timeout(self._limits.connect):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._limits.header),
                    host,
                    port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except (OSError, TimeoutError):
            raise UpstreamError("it cannot be reached, or cannot be trusted") from None
        return connection
