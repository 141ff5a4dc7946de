"""A proxy, upstreams and a certificate authority on loopback, in a loop of their own thread."""

import asyncio
import datetime as dt
import functools
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dlp.adapters import ca
from dlp.adapters.http import HttpProxy
from dlp.adapters.resolver import Resolver
from dlp.config import Limits
from dlp.core.message import Direction, Message
from dlp.core.outcome import Forward, Refuse
from dlp.engine.approvals import Answer
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.testing.wall import Wall

SESSION, OTHER, SECRET = "s1", "s2", "the-secret"


# --- a certificate authority for upstreams ----------------------------------------------------------------------------


class Authority:
    """Issues certificates for upstreams of the tests; the proxy is told to trust it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstreams of the tests")])
        self.file = folder / "upstream-authority.pem"
        certificate = self._build(self._name, self._key.public_key(), [], authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, *names: str, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
        """Return the settings of a server with these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key.public_key(), list(names)
        )
        path = self._folder / f"{names[0]}-{key.private_numbers().private_value % 10**9}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(list(alpn))
        return context

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, names: list[str], *, authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            alternatives: list[x509.GeneralName] = []
            for name in names:
                try:
                    alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
                except ValueError:
                    alternatives.append(x509.DNSName(name))
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


# --- an engine whose verdicts a test gives ----------------------------------------------------------------------------


@dataclass
class FakeEngine:
    """Forwards everything and remembers it, unless a test says otherwise."""

    on_judge: Callable[[Call, Message], Any] | None = None
    on_connect: Callable[[str, str, int], bool] = lambda _scheme, _host, _port: True
    messages: list[Message] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    connects: list[tuple[str, str, int]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    ends: list[tuple[str, object]] = field(default_factory=list)
    open: bool = True

    def __post_init__(self) -> None:
        """Add the session, and stand-ins for what the adapter asks beside the verdict."""
        self.info = SessionInfo(SESSION, "bot", "", 0.0)
        self.policy = SimpleNamespace(sources=(), sinks=(), standings={})
        others = {OTHER: SessionInfo(OTHER, "bot", "", 0.0)}

        def authenticate(name: str, secret: str) -> SessionInfo | None:
            return others.get(name, self.info) if self.open and name in (SESSION, OTHER) and secret == SECRET else None

        self.sessions = SimpleNamespace(
            authenticate=authenticate, alive=lambda name: self.open and name in (SESSION, OTHER)
        )
        self.approvals = SimpleNamespace(
            status=lambda name: SimpleNamespace(id=name, session=SESSION, answer=Answer.PENDING)
        )
        self.classifier = SimpleNamespace(classify=lambda _parts: [])

    def connect(self, call: Call, scheme: str, host: str, port: int) -> Refuse | None:
        """Do what `on_connect` says."""
        self.connects.append((scheme, host, port))
        if self.on_connect(scheme, host, port):
            return None
        return self.refuse(call, Direction.OUTBOUND, "destination", "Not listed", "No destination names it.")

    def judge(self, call: Call, message: Message) -> Any:
        """Do what `on_judge` says: an outcome, None to forward, or a generator."""
        self.calls.append(call)
        self.messages.append(message)
        _ = message.parts
        if self.on_judge is not None:
            outcome = self.on_judge(call, message)
            if hasattr(outcome, "send"):
                return (yield from outcome)
            if outcome is not None:
                return outcome
        return Forward("event")

    def end_stream(self, call: Call, endpoint: object, reason: str = "") -> None:
        """Remember how a stream ended."""
        del endpoint
        self.ends.append((reason, call.within))

    def refuse(
        self,
        call: Call,
        direction: Direction,
        kind: str,
        title: str,
        detail: str,
        *,
        following: str = "",
        endpoint: object = None,
        retryable: bool = False,
    ) -> Refuse:
        """Refuse as the engine does, and remember it."""
        del endpoint
        self.refusals.append((direction.value, kind))
        return Refuse(
            kind, title, detail, "event", call.trace, direction=direction, next=following, retryable=retryable
        )


# --- upstreams --------------------------------------------------------------------------------------------------------


@dataclass
class Received:
    """A request as an upstream got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    version: str

    def header(self, name: str) -> str | None:
        """Return the first header of this lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Upstream:
    """A server that counts what reaches it, down to the TCP connection."""

    def __init__(self) -> None:
        self.connections = 0
        self.raw = b""
        self.requests: list[Received] = []
        self.port = 0


def answer(body: bytes = b'{"ok": true}', *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or ("Content-Type: application/json",)), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_request(reader: asyncio.StreamReader) -> Received:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    method, target, version = lines[0].split(" ", 2)
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    found = {name.lower(): value for name, value in headers}
    body = b""
    if "content-length" in found:
        body = await reader.readexactly(int(found["content-length"]))
    elif found.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return Received(method, target, headers, body, version)


type Reply = bytes | Callable[[Received], bytes]


# --- all of it together -----------------------------------------------------------------------------------------------


class World:
    """Runs upstreams and a proxy beside the test, which is then free to use any blocking client."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.authority = authority
        self.authority_file = str(authority.file)
        self.engine = FakeEngine()
        self.hosts: dict[str, tuple[str, int | None]] = {}
        self.looked_up: list[str] = []
        self.lookup: Callable[[str], tuple[str, ...]] | None = None
        self.proxy: HttpProxy | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._closers: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.ca_file = folder / "not-started"

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the loop and wait for it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(30)

    def close(self) -> None:
        """End everything."""

        async def end() -> None:
            if self.proxy is not None:
                await self.proxy.close()
            for closer in self._closers:
                await closer()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # connections end in the loop's next turn

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def start(self, limits: Limits | None = None, *, bound: bool = False) -> str:
        """Start the proxy; return its URL with credentials."""
        files = ca.files(self.folder)
        if not files.key.exists():
            ca.create(self.folder, time.time)
        self.ca_file = files.certificate

        async def resolve(host: str) -> tuple[str, ...]:
            self.looked_up.append(host)
            if self.lookup is None:
                raise OSError
            return self.lookup(host)

        async def begin() -> tuple[str, int]:
            self.proxy = HttpProxy(
                self.engine,  # type: ignore[arg-type] # a stand-in with the same doors
                resolver=Resolver(self.hosts, time.time, resolve),
                clock=time.time,
                random=os.urandom,
                ca_file=files.key,
                upstream_ca=Path(self.authority_file),
                limits=limits or Limits(body=200_000, connect=2.0),
            )
            return await self.proxy.listen("127.0.0.1", 0, self.engine.info if bound else None)

        self.host, self.port = self.run(begin())
        return self.url

    @property
    def url(self) -> str:
        """The proxy with credentials."""
        return f"http://{SESSION}:{SECRET}@{self.host}:{self.port}"

    @property
    def bare_url(self) -> str:
        """The proxy without."""
        return f"http://{self.host}:{self.port}"

    def upstream(self, name: str, reply: Reply = b"", *, tls: bool = True, close: bool = False) -> Upstream:
        """Start an HTTP/1.1 server and name it in the proxy's `hosts:`."""
        upstream = Upstream()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    request = await read_request(reader)
                    upstream.requests.append(request)
                    writer.write(reply(request) if callable(reply) else reply or answer())
                    await writer.drain()
                    if close:
                        break
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                pass
            writer.close()

        self._listen(upstream, serve, self.authority.context(name) if tls else None)
        self.hosts[name] = ("127.0.0.1", upstream.port)
        return upstream

    def listener(self, name: str) -> Upstream:
        """Start a server that only counts connections and keeps the bytes, a TLS hello for instance."""
        upstream = Upstream()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                upstream.raw += data
            writer.close()

        self._listen(upstream, serve, None)
        self.hosts[name] = ("127.0.0.1", upstream.port)
        return upstream

    def upstream_h2(
        self, name: str, body: bytes = b'{"ok": true}', trailers: tuple[tuple[str, str], ...] = ()
    ) -> Upstream:
        """Start an HTTP/2 server."""
        upstream = Upstream()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = h2.connection.H2Connection(
                h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
            )
            connection.initiate_connection()
            writer.write(connection.data_to_send())
            open_requests: dict[int, Received] = {}
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        fields = [(str(k), str(v)) for k, v in event.headers or []]
                        found = dict(fields)
                        open_requests[event.stream_id or 0] = Received(
                            found[":method"], found[":path"], fields, b"", "HTTP/2"
                        )
                    elif isinstance(event, h2.events.DataReceived):
                        open_requests[event.stream_id or 0].body += event.data or b""
                        connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                    elif isinstance(event, h2.events.StreamEnded):
                        stream = event.stream_id or 0
                        upstream.requests.append(open_requests.pop(stream))
                        connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
                        connection.send_data(stream, body, end_stream=not trailers)
                        if trailers:
                            connection.send_headers(stream, list(trailers), end_stream=True)
                writer.write(connection.data_to_send())
            writer.close()

        self._listen(upstream, serve, self.authority.context(name, alpn=("h2", "http/1.1")))
        self.hosts[name] = ("127.0.0.1", upstream.port)
        return upstream

    def _listen(
        self,
        upstream: Upstream,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
        context: ssl.SSLContext | None,
    ) -> None:
        async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            upstream.connections += 1
            await serve(reader, writer)

        async def begin() -> None:
            server = await asyncio.start_server(counted, "127.0.0.1", 0, ssl=context)
            upstream.port = server.sockets[0].getsockname()[1]

            async def end() -> None:
                server.close()

            self._closers.append(end)

        self.run(begin())


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("upstreams"))


@pytest.fixture
def world(tmp_path: Path, authority: Authority) -> Iterator[World]:
    made = World(tmp_path, authority)
    yield made
    made.close()


# --- mitmproxy as it comes, for comparison ----------------------------------------------------------------------------


class Stock:
    """A stock `mitmdump` with a naive addon, in a process of its own."""

    def __init__(self, world: World, mode: str, *options: str) -> None:
        folder = world.folder / "stock"
        folder.mkdir()
        self.seen = folder / "seen"
        self.ca_file = folder / "mitmproxy-ca-cert.pem"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host, self.port = free.getsockname()
        settings = {"mode": mode, "hosts": world.hosts, "seen": str(self.seen)}
        command = [
            *(str(Path(sys.executable).with_name("mitmdump")), "--quiet", "--listen-host", self.host),
            *("--listen-port", str(self.port), "--scripts", str(Path(__file__).with_name("naive_addon.py"))),
            *("--set", f"confdir={folder}", "--set", f"ssl_verify_upstream_trusted_ca={world.authority.file}"),
            *(part for option in options for part in ("--set", option)),
        ]
        self.process = subprocess.Popen(  # noqa: S603 - a fixed command
            command,
            env={**os.environ, "NAIVE": json.dumps(settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        self.url = self.bare_url = f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(10)


@dataclass
class Front:
    """Where a trap's test sends its client: to our proxy, or to mitmproxy as it comes (`naive`)."""

    naive: bool
    url: str
    host: str
    port: int
    ca_file: Path
    pid: int


@pytest.fixture(params=["ours", "mitmproxy as it comes"])
def front(request: pytest.FixtureRequest, world: World) -> Iterator[Callable[..., Front]]:
    """Start the proxy that this run of the test is about; the test says how each of the two would refuse."""
    stocks: list[Stock] = []

    def start(mode: str, *options: str, limits: Limits | None = None) -> Front:
        if request.param == "ours":
            world.start(limits, bound=True)
            return Front(
                naive=False,
                url=world.bare_url,
                host=world.host,
                port=world.port,
                ca_file=world.ca_file,
                pid=os.getpid(),
            )
        stock = Stock(world, mode, *options)
        stocks.append(stock)
        return Front(
            naive=True, url=stock.url, host=stock.host, port=stock.port, ca_file=stock.ca_file, pid=stock.process.pid
        )

    yield start
    for stock in stocks:
        stock.close()


# --- the real engine behind the proxy ---------------------------------------------------------------------------------


@dataclass
class Judged:
    """A world whose proxy has a real engine with this policy, and a session that its listener belongs to."""

    world: World
    wall: Wall
    session: SessionInfo

    @property
    def told(self) -> list[str]:
        """What the audit says of each entry: direction, verdict and reason."""
        return [f"{entry.direction} {entry.verdict} {entry.reason}".strip() for entry in self.wall.log]


@functools.cache
def _wall(policy: str) -> Wall:
    """Return a wall with its classifiers loaded, which takes a while; each test has a session of its own in it."""
    wall = Wall(policy)
    wall.engine.classifier.warm()
    return wall


@pytest.fixture
def judged(world: World) -> Callable[..., Judged]:
    """Start a proxy that judges by a policy, given as YAML."""

    def start(policy: str, limits: Limits | None = None) -> Judged:
        wall = _wall(policy)
        wall.log.clear()
        session = wall.open()
        engine: Any = wall.engine
        engine.info = session
        world.engine = engine
        world.start(limits, bound=True)
        return Judged(world, wall, session)

    return start
