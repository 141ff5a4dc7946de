"""The load: an upstream whose every answer is different, and a client that keeps its connections busy.

Both are bare asyncio protocols, so that what is measured is the proxy between them. The upstream runs in a process of
its own (`python -m dlp.bench.load CERTIFICATE`): it prints its two ports as JSON and lives until its input ends.
"""

import asyncio
import gc
import json
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from dlp.bench import bodies
from dlp.core.errors import ParseError

HOST = "localhost"
END = b"\r\n\r\n"
_PATIENCE = 180.0  # seconds for an answer to a large body, on a machine that has other things to do

ANSWERS: dict[bytes, Callable[[int], bytes]] = {
    b"/clean": bodies.clean,
    b"/uuid": bodies.with_uuid,
    b"/personal": bodies.personal,
    b"/large": bodies.large,
    b"/large-personal": bodies.large_personal,
    b"/records": lambda _: bodies.records(),
    b"/people": bodies.people,
    b"/log": lambda _: bodies.log(),
    b"/table": lambda _: bodies.table(),
}
"""What the upstream answers to the paths it knows, made from the number of the answer."""

_KINDS = {b"/log": b"text/plain; charset=utf-8", b"/table": b"text/csv; charset=utf-8"}
_JSON = b"application/json"


# --- the upstream -----------------------------------------------------------------------------------------------------


class _Upstream(asyncio.Protocol):
    """One connection of the upstream: reads requests with their bodies, answers each at once."""

    def __init__(self, numbers: Callable[[], int]) -> None:
        self._numbers = numbers
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (at := self._data.find(END)) >= 0:
            head = self._data[:at]
            end = at + len(END) + _length(head)
            if len(self._data) < end:
                return
            self._data = self._data[end:]
            self._transport.write(self._answer(head.split(b" ", 2)[1].partition(b"?")[0]))

    def _answer(self, path: bytes) -> bytes:
        if path == b"/bomb":
            return _response(bodies.bomb(), _JSON, b"Content-Encoding: gzip\r\n")
        return _response(ANSWERS[path](self._numbers()), _KINDS.get(path, _JSON))


def _response(body: bytes, kind: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n" % (kind, more, len(body))
    return head + body


def _length(head: bytes) -> int:
    """Return the body's length as a head states it."""
    at = head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(head[at + 17 :].partition(b"\r")[0])


async def serve(certificate: str) -> None:
    """Serve over HTTP and over TLS on loopback until standard input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    numbers = count(1).__next__
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(lambda: _Upstream(numbers), "127.0.0.1", 0, backlog=256)
    tls = await loop.create_server(lambda: _Upstream(numbers), "127.0.0.1", 0, backlog=256, ssl=context)
    for make in ANSWERS.values():
        make(0)
    bodies.bomb()
    ports = {"http": plain.sockets[0].getsockname()[1], "https": tls.sockets[0].getsockname()[1]}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    gc.freeze()
    await loop.run_in_executor(None, sys.stdin.read)


# --- the client -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """How requests reach the upstream: through the proxy at `proxy`, or directly where it is None.

    `authorities` is the file of the authorities that a client trusts for TLS; `credentials` go to the proxy.
    """

    name: str
    proxy: int | None
    authorities: str = ""
    credentials: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of the upstream at `port`: a path, and the body of each request, made from its number."""

    path: str
    port: int
    tls: bool = False
    body: Callable[[int], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """How many answers came in how many seconds, and each one's own time in milliseconds."""

    answers: int
    seconds: float
    times: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class _Connection(asyncio.Protocol):
    """One connection of the client: a request, its answer, the next request, until the round is over."""

    def __init__(self, request: Callable[[], bytes]) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._missing = 0
        self._until = 0.0
        self._most = 0
        self._sent = 0.0
        self.times: list[float] = []
        self.last = 0.0
        self.answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the proxy closed a connection in the middle of a round"))

    def begin(self, until: float, most: int) -> asyncio.Future[None]:
        """Ask until the time is up or `most` answers came; the future ends with the last answer."""
        self._until, self._most, self.times = until, most, []
        self.done = asyncio.get_running_loop().create_future()
        self._ask()
        return self.done

    def _ask(self) -> None:
        assert self._transport is not None  # noqa: S101 - a connection is made before it is begun
        self._sent = time.perf_counter()
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._missing:
            at = self._data.find(END)
            if at < 0:
                return
            self._missing = at + len(END) + _length(bytes(self._data[:at]))
        if len(self._data) >= self._missing:
            self._answered()

    def _answered(self) -> None:
        now = self.last = time.perf_counter()
        if not self._data.startswith(b"HTTP/1.1 200"):
            if not self.done.done():
                self.done.set_exception(ParseError(f"expected an answer with status 200, got {_told(self._data)}"))
            return
        self.times.append((now - self._sent) * 1000)
        if now < self._until and len(self.times) < self._most:
            self._data.clear()
            self._missing = 0
            self._ask()
            return
        self.answer = bytes(self._data[self._data.find(END) + len(END) :])
        self._data.clear()
        self._missing = 0
        self.done.set_result(None)

    def close(self) -> asyncio.Future[None]:
        """Close the connection; the future ends when it is closed."""
        self.done.cancel()
        if self._transport is not None:
            self._transport.abort()
        return self.lost

    async def secure(self, authorities: str) -> None:
        """Speak TLS from here on."""
        assert self._transport is not None  # noqa: S101 - a connection is made before it is secured
        context = ssl.create_default_context(cafile=authorities)
        context.set_alpn_protocols(["http/1.1"])
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self._transport, self, context, server_hostname=HOST)
        self._transport = secured

    async def tunnel(self, request: bytes) -> None:
        """Open a tunnel: send a CONNECT and wait for its answer."""
        usual, self._request = self._request, lambda: request
        await self.begin(0.0, 1)
        self._request = usual


def _told(data: bytearray) -> str:
    """Return the status of an answer, and the title where it is a problem document."""
    status = bytes(data[:32]).partition(b"\r")[0].decode("latin-1")
    try:
        document = json.loads(bytes(data).partition(END)[2])
        return f"{status} ({document['title']}: {document['detail']})"
    except (ValueError, KeyError, TypeError):
        return status


class Load:
    """Connections that are opened once and kept through all rounds of one way and job."""

    def __init__(self, way: Way, job: Job, connections: int = 32) -> None:
        self._way = way
        self._job = job
        self._count = connections
        self._numbers = count(1).__next__
        self._connections: list[_Connection] = []

    async def open(self) -> None:
        """Open every connection, tunnels and TLS included."""
        way, job = self._way, self._job
        host = f"{HOST}:{job.port}".encode()
        shown = b"Proxy-Authorization: Basic %b\r\n" % way.credentials if way.credentials else b""
        make = self._requests(b"" if job.tls or way.proxy is None else shown)
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, connection = await loop.create_connection(lambda: _Connection(make), "127.0.0.1", way.proxy or job.port)
            self._connections.append(connection)
            if job.tls and way.proxy is not None:
                await connection.tunnel(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (host, host, shown))
            if job.tls:
                await connection.secure(way.authorities)

    def _requests(self, shown: bytes) -> Callable[[], bytes]:
        """Return what makes the next request: its target, and its body where it has one, differ from all others."""
        job = self._job
        origin = b"" if job.tls or self._way.proxy is None else f"http://{HOST}:{job.port}".encode()
        path, body, numbers = job.path.encode(), job.body, self._numbers
        fields = (
            f"Host: {HOST}:{job.port}\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n"
            "Accept-Encoding: gzip, deflate\r\n"
        ).encode() + shown

        def get() -> bytes:
            return b"GET %b%b?page=%d HTTP/1.1\r\n%b\r\n" % (origin, path, numbers(), fields)

        def post() -> bytes:
            number = numbers()
            content = body(number) if body else b""
            return b"POST %b%b?page=%d HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
                *(origin, path, number, fields),
                *(len(content), content),
            )

        return get if body is None else post

    async def round(self, seconds: float, most: int = 1_000_000) -> Round:
        """Keep every connection busy for so long, or for at most so many answers each."""
        start = time.perf_counter()
        await asyncio.gather(*(connection.begin(start + seconds, most) for connection in self._connections))
        times = [one for connection in self._connections for one in connection.times]
        end = max(connection.last for connection in self._connections)
        return Round(len(times), end - start, times)

    @property
    def answer(self) -> bytes:
        """The body of the last answer on the first connection."""
        return self._connections[0].answer

    async def close(self) -> None:
        """Close every connection."""
        if self._connections:
            await asyncio.wait([connection.close() for connection in self._connections], timeout=2)


def send(
    proxy: int, port: int, credentials: bytes, body: bytes, *, path: str = "/clean", coding: str = ""
) -> tuple[int, bytes]:
    """Post a JSON body to the upstream at `port` through a proxy, or ask for `path` where there is none. For a thread.

    Returns the status of the answer, and its body as it came.
    """
    head = (
        f"{'POST' if body else 'GET'} http://{HOST}:{port}{path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
        + (f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else "")
        + (f"Content-Encoding: {coding}\r\n" if coding else "")
        + f"Proxy-Authorization: Basic {credentials.decode()}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", proxy), _PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.makefile("rb")
        status, length = int(answer.readline().split()[1]), 0
        while line := answer.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, answer.read(length)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
