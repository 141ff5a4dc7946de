"""Streamable-HTTP servers as the gateway reaches them: one request on a pooled connection, its answer as it comes."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from urllib.parse import urlsplit

import h11

from dlp.config import Limits, McpServer
from dlp.core.errors import DlpError

_IDLE_SECONDS = 4.0  # less than servers usually keep an idle connection: one that just closed loses a request
_MOST_IDLE = 32
_AT_ONCE = 65_536
_PORTS = {"http": 80, "https": 443}


class UpstreamError(DlpError):
    """The server cannot be reached, or speaks no HTTP."""


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: int) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=header)
        self.idle_since = 0.0

    async def next(self) -> object:
        """Return the next event of the answer; raises UpstreamError."""
        while True:
            try:
                event = self.http.next_event()
            except h11.RemoteProtocolError:
                raise UpstreamError("it speaks no HTTP, or broke off") from None
            if event is not h11.NEED_DATA:
                return event
            try:
                data = await self.reader.read(_AT_ONCE)
            except OSError:
                raise UpstreamError("it broke off") from None
            self.http.receive_data(data)


class Answer:
    """What a server answers: status, header fields (names in small letters), and a body to be read or closed."""

    def __init__(self, upstream: "Upstream", connection: _Connection, response: h11.Response) -> None:
        self.status: int = response.status_code
        self.fields: Mapping[bytes, bytes] = dict(response.headers)
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
            try:
                async with asyncio.timeout(None if patient else self._upstream.idle):
                    event = await self._connection.next()
            except TimeoutError:
                raise UpstreamError("it fell silent") from None
            if isinstance(event, h11.Data):
                yield bytes(event.data)
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
            self._connection.writer.close()
            self._connection = None


class Upstream:
    """One server of the settings."""

    def __init__(self, server: McpServer, hosts: Mapping[str, tuple[str, int]], limits: Limits, trust: str) -> None:
        """`hosts` are names that the proxy resolves itself; `trust` is the file of authorities for TLS."""
        url = urlsplit(server.url)
        self._host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        self._address = hosts.get(self._host, (self._host, port))
        self._target = url.path or "/"
        self._tls = ssl.create_default_context(cafile=trust) if url.scheme == "https" else None
        self._limits = limits
        self.idle = limits.idle
        written = f"[{self._host}]" if ":" in self._host else self._host
        default = url.port is None or url.port == _PORTS[url.scheme]
        self._own = [("host", written if default else f"{written}:{url.port}"), *server.headers.items()]
        self._idle: deque[_Connection] = deque()

    async def send(self, method: str, fields: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> Answer:
        """Send a request and return what answers it, once its head is there.

        Raises:
            UpstreamError: there is no connection, or no answer. It is not sent again: it may have had its effect.

        """
        connection = self._from_idle() or await self._connect()
        own = {name.lower() for name, _ in self._own}
        headers = [
            *((name.encode(), value.encode()) for name, value in self._own),
            *((name, value) for name, value in fields if name.decode("latin-1") not in own),
        ]
        if body or method == "POST":
            headers.append((b"content-length", b"%d" % len(body)))
        try:
            data = connection.http.send(h11.Request(method=method, target=self._target, headers=headers)) or b""
            data += (connection.http.send(h11.Data(data=body)) or b"") if body else b""
            data += connection.http.send(h11.EndOfMessage()) or b""
            connection.writer.write(data)
            while True:
                async with asyncio.timeout(self._limits.idle):
                    event = await connection.next()
                if isinstance(event, h11.Response):
                    return Answer(self, connection, event)
                if not isinstance(event, h11.InformationalResponse):
                    break
            raise UpstreamError("it closed the connection without an answer")  # noqa: TRY301 - closed below
        except BaseException as error:
            connection.writer.close()
            if isinstance(error, h11.LocalProtocolError):
                raise UpstreamError("the request cannot be written as HTTP") from None
            if isinstance(error, TimeoutError | OSError):
                raise UpstreamError("it did not answer") from None
            raise

    def free(self, connection: _Connection) -> None:
        """Keep a connection for the next request if it can be used again."""
        if connection.http.our_state is h11.DONE and connection.http.their_state is h11.DONE:
            connection.http.start_next_cycle()
            connection.idle_since = monotonic()
            self._idle.append(connection)
            if len(self._idle) <= _MOST_IDLE:
                return
            connection = self._idle.popleft()
        connection.writer.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().writer.close()

    def _from_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            fresh = monotonic() - connection.idle_since < _IDLE_SECONDS
            if fresh and not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        return None

    async def _connect(self) -> _Connection:
        host, port = self._address
        try:
            async with asyncio.timeout(self._limits.connect):
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=self._tls, server_hostname=self._host if self._tls else None
                )
        except (OSError, TimeoutError):
            raise UpstreamError("it cannot be reached, or cannot be trusted") from None
        return _Connection(reader, writer, self._limits.header)
