"""Stdio servers: the pump between a client's descriptors and a server's, and the socket at which `wrap` hands them in.

`dlp mcp wrap` starts the server and passes four descriptors on; every message then takes one process more than without
the proxy, and no key or policy leaves this one.
"""

import array
import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import orjson

from dlp.adapters import refusal
from dlp.adapters.fail_closed import FailClosed
from dlp.adapters.mcp_drive import Driver, Finish
from dlp.adapters.mcp_lines import Lines
from dlp.config import Limits
from dlp.core.message import Direction
from dlp.engine.mcp_dialogue import Common, Dialogue, Send
from dlp.engine.pins import Pins
from dlp.engine.pipeline import Engine
from dlp.engine.sessions import SessionInfo
from dlp.wire.jsonrpc import Id

_HELLO = 65_536
_DESCRIPTORS = 4
_PATIENCE = 10.0
_LOOKS = 4  # in the time that nobody may be silent for


class Shell(Protocol):
    """What a dialogue needs of the proxy around it."""

    engine: Engine
    limits: Limits

    def trace(self) -> tuple[str, str]:
        """Return a new trace id and span id, in hex."""
        ...


def dialogue(shell: Shell, pins: Pins, session: SessionInfo, server: str, common: Common | None = None) -> Dialogue:
    """Begin a dialogue of a session with a server, judged by whichever engine the shell has at each message."""
    return Dialogue(
        lambda: shell.engine,
        session,
        server,
        tell=refusal.problem,
        trace=shell.trace,
        pins=pins,
        limit=shell.limits.body,
        common=common,
    )


type Begin = Callable[[SessionInfo, str], Dialogue]
"""Begins a dialogue of a session with a server."""


class Pump:
    """One client and one server, each in lines; every message between them is judged.

    A server that owes an answer and says nothing for `idle` seconds gives none any more: its calls are answered. Once
    the client is known to be `left`, all ends when nothing was said for as long.
    """

    def __init__(
        self, dialogue: Dialogue, finish: Finish, limit: int, idle: float, descriptors: tuple[int, int, int, int]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.over = self._loop.create_future()
        self.left = False
        self._idle = idle
        self._asked = self._said = self._loop.time()  # since when it owes an answer, and when anybody spoke last
        self._looking = self._loop.call_later(idle / _LOOKS, self._look)
        self._dialogue = dialogue
        self._driver = Driver(dialogue, finish, self._deliver)
        from_client, to_client, from_server, to_server = descriptors
        self._client = Lines(
            from_client,
            to_client,
            limit=limit,
            on_line=self._from_client,
            on_large=lambda number: self._large(number, Direction.OUTBOUND),
            on_end=self._client_left,
        )
        self._server = Lines(
            from_server,
            to_server,
            limit=limit,
            on_line=self._from_server,
            on_large=lambda number: self._large(number, Direction.INBOUND),
            on_end=self._server_left,
        )
        self._client.on_drained = self._server.resume
        self._server.on_drained = self._client.resume

    def close(self) -> None:
        """End both sides."""
        self._looking.cancel()
        self._driver.cancel()
        self._client.close()
        self._server.close()

    def _look(self) -> None:
        """Look now and then whether anybody still speaks."""
        self._looking = self._loop.call_later(self._idle / _LOOKS, self._look)
        now = self._loop.time()
        if self.left and now - self._said >= self._idle:
            self._server.close()
        elif now - self._asked >= self._idle:
            self._give_up("The server did not answer", f"It was silent for {self._idle:g} seconds.")

    def _from_client(self, line: bytes) -> None:
        self._said = self._loop.time()
        if not self._dialogue.open:
            self._asked = self._said
        self._driver.run(self._dialogue.from_client(line), line, Direction.OUTBOUND)

    def _from_server(self, line: bytes) -> None:
        self._asked = self._said = self._loop.time()
        self._driver.run(self._dialogue.from_server(line), line, Direction.INBOUND)

    def _large(self, number: Id | None, direction: Direction) -> None:
        self._driver.hand_on(self._dialogue.too_large(number, direction))

    def _deliver(self, send: Send) -> None:
        to, other = (
            (self._client, self._server) if send.direction is Direction.INBOUND else (self._server, self._client)
        )
        to.write(send.raw)
        if to.full:
            other.pause()

    def _client_left(self) -> None:
        self._driver.cancel()
        self._server.close()

    def _server_left(self) -> None:
        """Answer what the server will not answer any more, and end."""
        if not self._client.over:
            self._give_up("The server ended", "It ended before it answered.")
        self._looking.cancel()
        self._driver.cancel()
        self._client.close()
        if not self.over.done():
            self.over.set_result(None)

    def _give_up(self, title: str, detail: str) -> None:
        """Answer what is open."""
        for number in self._dialogue.open:
            answer = self._dialogue.fail(number, "upstream", title, detail, retryable=True)
            if answer is not None:
                self._deliver(answer)


class WrapSocket:
    """Where `dlp mcp wrap` hands in what it wraps: a Unix socket that only the proxy's own user can open."""

    def __init__(
        self,
        path: Path,
        *,
        authenticate: Callable[[str, str], SessionInfo | None],
        begin: Begin,
        finish: Finish,
        limit: int,
        idle: float,
    ) -> None:
        self._path = path
        self._authenticate = authenticate
        self._begin = begin
        self._finish = finish
        self._limit, self._idle = limit, idle
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Listen; raises OSError where that is not possible."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(64)
        self._listener.settimeout(0)
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    async def close(self) -> None:
        """Stop listening and end every conversation."""
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()
        self._path.unlink(missing_ok=True)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=2)

    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            task = asyncio.ensure_future(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Serve one wrapped server until either side ends, or whoever wrapped it does."""
        connection.settimeout(0)
        descriptors: list[int] = []
        with connection, FailClosed():
            try:
                async with asyncio.timeout(_PATIENCE):
                    hello, descriptors = await _receive(connection)
                said = orjson.loads(hello)
                session = self._authenticate(str(said["session"]), str(said["secret"]))
                if session is None or len(descriptors) != _DESCRIPTORS:
                    await _send(connection, {"error": "no open session has this id and secret"})
                    return
                dialogue = self._begin(session, str(said["server"]))
                first, second, third, fourth = descriptors
                pump = Pump(dialogue, self._finish, self._limit, self._idle, (first, second, third, fourth))
                descriptors = []
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            try:
                await _send(connection, {"ok": True})
                # Whoever wrapped it says one thing more, if anything: that the client has left.
                told = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(connection, 1))
                await asyncio.wait([told, pump.over], return_when=asyncio.FIRST_COMPLETED)
                if told.done() and told.result():
                    pump.left = True
                    told = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(connection, 1))
                    await asyncio.wait([told, pump.over], return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
            finally:
                pump.close()


async def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one message with descriptors."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(connection.fileno(), lambda: None if readable.done() else readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(connection.fileno())
    data, passed, _, _ = socket.recv_fds(connection, _HELLO, _DESCRIPTORS)
    return data, list(array.array("i", passed))


async def _send(connection: socket.socket, what: object) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, orjson.dumps(what) + b"\n")
