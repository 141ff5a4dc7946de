"""The HTTP proxy: mitmproxy's layers on our own listener, with a dispatch that fails closed.

mitmproxy's `Master`, addon manager and addons are left out: the manager lets a message go on when an addon raises, and
the addons choose raw tunnels, DNS and eager connections. What is used is below them: HTTP/1, HTTP/2, TLS, connections.
Longer than most modules because a connection, and what it waits for, is one dispatch.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mitmproxy import options
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import ConnectionIO, LiveConnectionHandler

from dlp.adapters import bulk, own_host
from dlp.adapters.aside import Aside
from dlp.adapters.fail_closed import FailClosed, logger, place
from dlp.adapters.http_exchange import Await, AwaitCompleted, Side
from dlp.adapters.http_head import read_credentials
from dlp.adapters.http_layers import HttpSide
from dlp.adapters.http_tls import Tls
from dlp.adapters.mcp_through import Through
from dlp.adapters.pool import Pool
from dlp.adapters.readers import Readers
from dlp.adapters.resolver import Pinned, Resolution, Resolver
from dlp.config import Limits
from dlp.core.errors import DlpError, PluginError
from dlp.core.outcome import Outcome
from dlp.core.ports import Clock, Random
from dlp.engine.pipeline import Apart, Engine, Hold, Read, Run, Wait, breathe
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call


class HttpProxy:
    """Proxies HTTP and HTTPS for sandboxes; decides nothing, but passes nothing that the engine did not forward."""

    def __init__(
        self,
        engine: Engine,
        *,
        resolver: Resolver,
        clock: Clock,
        random: Random,
        ca_file: Path,
        upstream_ca: Path | None = None,
        pool: Pool | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.engine = engine
        self.limits = limits or Limits()
        self.mcp: Through | None = None
        self._resolver = resolver
        self._clock = clock
        self._random = random
        self._pool = pool
        self._readers = Readers()
        self._aside = Aside()
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._options = _options(self.limits)
        self._hooks = Tls(ca_file, upstream_ca, clock).hooks

    async def listen(self, host: str, port: int, bound: SessionInfo | None = None) -> tuple[str, int]:
        """Accept clients at an address, return the one it became; `bound` makes every client that session's."""
        _quieten()
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # mitmproxy's server relies on it
        loop.set_exception_handler(_on_loop_error)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)
            handler = ClientConnection(reader, writer, self._options, self, self._hooks, bound)
            await handler.handle_client()

        server = await bulk.listen(accept, host, port, 1024)
        self._servers.append(server)
        name = server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def renew(self, engine: Engine, pool: Pool | None) -> None:
        """Judge every message from now on with another engine and other workers; those being judged keep theirs."""
        self.engine = engine
        self._pool = pool

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        self._readers.close()
        self._aside.close()
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=2)
        for server in self._servers:  # what still waits to be sent keeps a connection open that is otherwise closed
            server.abort_clients()
        self._servers.clear()
        await asyncio.sleep(0)  # connections end in the loop's next turn

    # --- what an exchange needs (http_exchange.Shell) -----------------------------------------------------------------

    def identify(self, credentials: bytes | None) -> SessionInfo | None:
        """Return the open session that these proxy credentials are for."""
        pair = read_credentials(credentials) if credentials else None
        return None if pair is None else self.engine.sessions.authenticate(*pair)

    def trace(self) -> tuple[str, str]:
        """Return a new trace id and span id, in hex (W3C Trace Context)."""
        text = self._random(24).hex()
        return text[:32], text[32:]

    def known(self, host: str, port: int) -> Resolution | None:
        """Return where an address leads if that can be said at once."""
        return self._resolver.known(host, port)

    async def resolve(self, host: str, port: int) -> Resolution:
        """Return where an address leads."""
        return await self._resolver.resolve(host, port)

    def beside(self, task: Callable[[], object], session: str) -> Coroutine[Any, Any, object]:
        """Call `task`, which only reads, beside the loop for a session."""
        return self._aside.do(task, session)

    async def serve(self, call: Call, method: str, target: str) -> tuple[int, bytes]:
        """Answer a request to the proxy's own host."""
        return await own_host.serve(self.engine, self._clock, call, method, target)

    def finish(self, run: Run, wait: Wait, session: str) -> Coroutine[Any, Any, Outcome]:
        """Drive a judgement that has to wait to its end; what goes wrong while waiting is the engine's to refuse."""
        # Taken now: a policy that is taken up meanwhile has other classes, and its own workers to look for them.
        return self._finish(run, wait, session, self.engine, self._pool)

    async def _finish(self, run: Run, wait: Wait, session: str, engine: Engine, pool: Pool | None) -> Outcome:
        with self._aside.large(wait.message) if isinstance(wait, Apart) else nullcontext():
            return await self._drive(run, wait, session, engine, pool)

    async def _drive(self, run: Run, wait: Wait, session: str, engine: Engine, pool: Pool | None) -> Outcome:
        try:
            while True:
                try:
                    answer: object
                    if isinstance(wait, Hold):
                        await self._hold(wait)
                        answer = None
                    elif isinstance(wait, Read):
                        answer = await self._readers.read(wait.task, session)
                    elif isinstance(wait, Apart) and wait.task is breathe:
                        await _let_others_go_on()
                        answer = None
                    elif isinstance(wait, Apart):
                        answer = await self._done_aside(wait, session)
                    elif pool is None:
                        answer = engine.classifier.classify(wait.parts)
                    else:
                        answer = await pool.classify(wait.parts, self.limits.classify, session)
                except (DlpError, TimeoutError) as error:
                    wait = run.throw(error)
                else:
                    wait = run.send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        finally:
            run.close()

    async def _done_aside(self, wait: Apart, session: str) -> object:
        try:
            return await self._aside.do(wait.task, session)
        except (DlpError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - its text may hold a value
            logger.error("looking through a message ended with %s", place(error))
            raise PluginError(f"looking through a message failed: {type(error).__name__}") from None

    async def _hold(self, hold: Hold) -> None:
        await asyncio.sleep(0.01)  # so that an engine which asks again at once cannot hold the loop
        await own_host.until_answered(self.engine, self._clock, hold.approval, hold.until, own_host.POLL_SECONDS)


async def _let_others_go_on() -> None:
    """Go round the loop a few times: an exchange takes several rounds, and should not meet a piece of work in each."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


class ClientConnection(LiveConnectionHandler):
    """One client: mitmproxy's connection handler with a dispatch that fails closed and connects to pins only."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options_: options.Options,
        proxy: HttpProxy,
        hooks: dict[str, Callable[[Any], object]],
        bound: SessionInfo | None,
    ) -> None:
        super().__init__(reader, writer, options_, _REGULAR)
        self._proxy = proxy
        self._hooks = hooks
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pending: deque[events.Event] = deque()
        self._judged = asyncio.Event()  # no message of a stream is waited for
        self._judged.set()
        self._behind: list[Await] = []  # those that are waited for
        self._side = Side(proxy, bound, {}, self._expect)
        self.layer = HttpSide(self.layer.context, self._side, None)

    async def handle_client(self) -> None:
        """Serve the client until it leaves; what still waits for it then is given up."""
        try:
            await super().handle_client()
        finally:
            for task in list(self._tasks):
                task.cancel()

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Do nothing: a connection that begins or ends is nobody's business."""

    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:  # noqa: ARG002 - not ours
        """Log nothing of what mitmproxy says, which may hold addresses and values; of a crash, its type and place."""
        if exc_info and exc_info is not True:
            logger.error("connection ended after %s", place(exc_info[1]))

    # --- the adapter's dispatch: whatever raises ends the connection --------------------------------------------------

    async def server_event(self, event: events.Event) -> None:
        """Let the layers handle an event and do what they command."""
        async with self._server_event_lock:
            self.timeout_watchdog.register_activity()  # type: ignore[no-untyped-call]
            guard = FailClosed()
            with guard:
                self._dispatch(event)
            if guard.error is not None:
                self._pending.clear()
                for connection in list(self.transports):
                    self.close_connection(connection)

    def _dispatch(self, event: events.Event) -> None:
        """Handle an event and those that follow from it at once, in order; write once for each run of data."""
        pending = self._pending
        pending.append(event)
        while pending:
            to: Connection | None = None
            out: list[bytes] = []
            for command in self.layer.handle_event(pending.popleft()):
                if type(command) is commands.SendData:
                    if command.connection is not to:
                        self._write(to, out)
                        to, out = command.connection, []
                    out.append(command.data)
                elif type(command) is not commands.Log:
                    self._write(to, out)
                    to, out = None, []
                    self._do(command)
            self._write(to, out)

    def _write(self, connection: Connection | None, data: list[bytes]) -> None:
        io = self.transports.get(connection) if connection is not None else None
        writer = io.writer if io is not None else None
        if isinstance(writer, asyncio.StreamWriter) and not writer.is_closing():
            writer.write(data[0] if len(data) == 1 else b"".join(data))

    def _do(self, command: commands.Command) -> None:
        match command:
            case Await():
                self._start_waiting(command)
            case commands.StartHook():
                hook = self._hooks.get(command.name)
                if hook is not None:
                    hook(*command.args())
                if command.blocking:
                    self._pending.append(events.HookCompleted(command))
            case commands.OpenConnection():
                io = self.transports[command.connection] = ConnectionIO()
                io.handler = asyncio.create_task(self.open_connection(command))
            case commands.RequestWakeup():
                self._keep(asyncio.create_task(self.wakeup(command)))
            case commands.CloseConnection():
                if command.connection in self.transports:
                    self.close_connection(command.connection, getattr(command, "half_close", False))
            case _:
                msg = f"{type(command).__name__} is no command that this proxy knows"
                raise TypeError(msg)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _start_waiting(self, command: Await) -> None:
        work = asyncio.create_task(command.work)
        command.cancel = work.cancel
        self._keep(work)
        if command.streaming:
            self._behind.append(command)
            self._judged.clear()

        async def report() -> None:
            await asyncio.wait([work])
            if command.streaming:
                self._behind.remove(command)
            if not self._behind:
                self._judged.set()
            await self.server_event(AwaitCompleted(command, work.result))

        self._keep(asyncio.create_task(report()))

    async def drain_writers(self) -> None:
        """Read on from a connection only once what it sent is through: judged, and taken by whom it is for.

        While a piece of a stream is judged, a little more of what follows is taken up.
        """
        await super().drain_writers()  # type: ignore[no-untyped-call]
        task = asyncio.current_task()
        reading = next((one for one, io in self.transports.items() if io.handler is task), None)
        if self._behind and sum(command.behind for command in self._behind) < _MOST_AHEAD:
            return
        if not self._behind and self._side.pending(reading) <= _MOST_PENDING:  # as nearly always
            return
        try:
            async with asyncio.timeout(self._proxy.limits.idle):
                await self._judged.wait()
                while self._side.pending(reading) > _MOST_PENDING:
                    await asyncio.sleep(0.001)
                    await self._judged.wait()
        except TimeoutError:
            for connection in list(self.transports):
                self.close_connection(connection)

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Connect to where the name was pinned; no name is resolved here."""
        connection = command.connection
        address = connection.address
        pinned = self._side.pins.get((address[0], address[1])) if address else None
        if address is None or pinned is None:
            await self.server_event(events.OpenConnectionCompleted(command, "not permitted"))
            return
        async with self.max_conns[address]:
            try:
                reader, writer = await self._dial(pinned)
            except (OSError, TimeoutError):
                connection.error = "not reachable"
                self.transports.pop(connection, None)
                await self.server_event(events.OpenConnectionCompleted(command, connection.error))
                return
            except asyncio.CancelledError:
                self.transports.pop(connection, None)
                raise
            connection.state = ConnectionState.OPEN
            connection.peername = writer.get_extra_info("peername")
            connection.sockname = writer.get_extra_info("sockname")
            self.transports[connection].reader = reader
            self.transports[connection].writer = writer
            await self.server_event(events.OpenConnectionCompleted(command, None))
            await self.handle_connection(connection)

    def _expect(self, connection: Connection, size: int) -> None:
        io = self.transports.get(connection)
        if io is not None and isinstance(io.reader, bulk.Reader):
            io.reader.expected = size

    async def _dial(self, pinned: Pinned) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        error: OSError = OSError("no address")
        for host, port in pinned.addresses:
            try:
                async with asyncio.timeout(self._proxy.limits.connect):
                    return await bulk.connect(host, port)
            except OSError as failure:  # TimeoutError is one
                error = failure
        raise error


_ROUNDS = 3
_MOST_PENDING = 1_000_000  # bytes that a peer has not made room for
_MOST_AHEAD = 512 * 1024  # bytes that may wait: the next window of a large body
_REGULAR = ProxyMode.parse("regular")


def _options(limits: Limits) -> options.Options:
    """Return mitmproxy's options, as its layers read them; the two that its addons would add are added here."""
    opts = options.Options()
    opts.add_option("validate_inbound_headers", bool, True, "")  # noqa: FBT003 - mitmproxy's signature
    opts.add_option("normalize_outbound_headers", bool, True, "")  # noqa: FBT003
    opts.update(  # type: ignore[no-untyped-call]
        rawtcp=False, websocket=False, http3=False, tcp_timeout=int(limits.idle)
    )
    return opts


def _quieten() -> None:
    """Keep mitmproxy and its libraries from logging: their lines hold addresses, and tracebacks hold values."""
    for name in ("mitmproxy", "hpack", "asyncio", "h2"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _on_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is not None and not isinstance(error, OSError):
        logger.error("a task ended after %s", place(error))
