"""One real proxy and one real server for all carriers; what the server received is what counts."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from dlp.adapters import ca
from dlp.adapters.http import HttpProxy
from dlp.adapters.resolver import Resolver
from dlp.config import Limits
from dlp.engine.sessions import SessionInfo
from dlp.testing.wall import Wall

from .table import CARD, MAIL, PLAIN, Sent

POLICY = """
policy: Carriers
version: "1"
use: [base]
ner: off
sources:
  hr: {at: "http://source.test/**"}
  clear: {at: "http://clear.test/**"}
destinations:
  hr: {at: "http://source.test/**"}
  clear: {at: "http://clear.test/**"}
  open: {at: "http://**.open.test/**"}
  shut: {at: "http://**.shut.test/**"}
rules:
  - {name: mail may go here, says: The open sink may have it., data: pii, to: open, then: allow}
  - {name: and come in here, says: It may come in as it is., data: pii, from: clear, to: sandbox, then: allow}
"""


class Rig:
    """The proxy, the server behind it, and a client. Requests go in; what the server got comes out."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        self.wall = Wall(policy)
        self.received: list[Sent] = []
        self.frames: list[str | bytes] = []
        self.answer = Sent()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._listeners: dict[str, tuple[str, int]] = {}
        self._run(self._begin(folder))

    def _run(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(60)

    async def _begin(self, folder: Path) -> None:
        ca.create(folder, time.time)
        self._server = server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def resolve(_host: str) -> tuple[str, ...]:
            raise OSError

        ends = ("source.test", "clear.test", "a.open.test", "a.shut.test")
        labels = ("", *(f"{text}{more}." for text in (CARD, PLAIN) for more in ("", ".x")))
        sockets = self._sockets = await serve(self._keep, "127.0.0.1", 0)
        names = {f"{label}{end}": ("127.0.0.1", port) for end in ends for label in labels}
        names |= {name: ("127.0.0.1", next(iter(sockets.sockets)).getsockname()[1]) for name in SOCKETS}
        files = ca.files(folder)
        self.proxy = HttpProxy(
            self.wall.engine,
            resolver=Resolver(names, time.time, resolve),
            clock=time.time,
            random=os.urandom,
            ca_file=files.key,
            limits=Limits(body=20_000_000),
        )

    def session(self) -> SessionInfo:
        """Open a session that has read the address, and so has a token for it."""
        session = self.wall.open()
        self.answer = Sent(body=f'["{MAIL}"]'.encode(), kind="application/json")
        _, _, body = self.ask(session, "source.test", Sent(method="GET"))
        assert body == b'["[EMAIL_1]"]'
        return session

    def ask(self, session: SessionInfo, host: str, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        """Send a request through the proxy; return the answer that came: status, headers, body."""
        self.received.clear()
        answer: tuple[int, dict[str, str], bytes] = self._run(self._ask(session, host, sent))
        return answer

    async def _ask(self, session: SessionInfo, host: str, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        where = await self._address(session)
        reader, writer = await asyncio.open_connection(*where)
        fields = [("Host", sent.host + host), *sent.headers]
        if sent.kind:
            fields.append(("Content-Type", sent.kind))
        if sent.body or sent.method not in ("GET", "HEAD"):
            fields.append(("Content-Length", str(len(sent.body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        writer.write(f"{sent.method} http://{sent.host}{host}{sent.target} HTTP/1.1\r\n{head}\r\n".encode() + sent.body)
        try:
            first, headers, body = await _read(reader)
        finally:
            writer.close()
        return int(first.split()[1]), headers, body

    def write(self, session: SessionInfo, data: bytes) -> int:
        """Send bytes as they are; return the status of the answer."""
        self.received.clear()
        return int(self._run(self._write(session, data)).split()[1])

    async def _write(self, session: SessionInfo, data: bytes) -> str:
        reader, writer = await asyncio.open_connection(*await self._address(session))
        writer.write(data)
        try:
            return (await _read(reader))[0]
        finally:
            writer.close()

    async def _address(self, session: SessionInfo) -> tuple[str, int]:
        known = self._listeners.get(session.id)
        if known is None:
            known = self._listeners[session.id] = await self.proxy.listen("127.0.0.1", 0, session)
        return known

    async def _keep(self, connection: ServerConnection) -> None:
        async for message in connection:
            self.frames.append(message)
            await connection.send("ok")

    def say(self, session: SessionInfo, host: str, frame: Any) -> str:
        """Send a WebSocket message (a list: in pieces); return what the server said, or the code of the close."""
        self.frames.clear()
        told: str = self._run(self._say(session, host, frame))
        return told

    async def _say(self, session: SessionInfo, host: str, frame: Any) -> str:
        at = await self._address(session)
        async with connect(f"ws://{host}/", proxy=f"http://{at[0]}:{at[1]}", open_timeout=20) as socket:
            try:
                await socket.send(frame)
                return str(await asyncio.wait_for(socket.recv(), 20))
            except ConnectionClosed as closed:
                return str(closed.rcvd.code if closed.rcvd else "")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, headers, body = await _read(reader, request=True)
                method, target, _ = first.split(" ")
                host = headers.pop("host")
                kept = tuple((name, value) for name, value in headers.items() if name not in _FRAMING)
                self.received.append(
                    Sent(target, kept, body, headers.get("content-type", ""), method, host.partition("a.open.test")[0])
                )
                told = self.answer
                lines = [*told.headers, ("Content-Length", str(len(told.body)))]
                lines += [("Content-Type", told.kind)] if told.kind else []
                head = "".join(f"{name}: {value}\r\n" for name, value in lines)
                writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + told.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """End the proxy."""

        async def end() -> None:
            await self.proxy.close()
            self._server.close()
            self._sockets.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._server.abort_clients()
            await asyncio.sleep(0)  # connections end in the loop's next turn

        self._run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


SOCKETS = ("ws.open.test", "ws.shut.test")
_FRAMING = frozenset({"content-length", "content-type", "traceparent", "connection"})


async def _read(reader: asyncio.StreamReader, *, request: bool = False) -> tuple[str, dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape").split("\r\n")[:-2]
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        key = name if request and name.lower() not in {"host", *_FRAMING} else name.lower()
        headers[key] = f"{headers[key]}|{value.strip()}" if key in headers else value.strip()
    body, framing = b"", {name.lower(): value for name, value in headers.items()}
    if framing.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(framing.get("content-length", "0")))
    return lines[0], headers, body


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("carriers"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def session(rig: Rig) -> SessionInfo:
    return rig.session()
