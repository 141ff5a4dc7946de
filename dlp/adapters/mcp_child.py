"""Stdio servers behind the gateway: a child process for each MCP session, or one for all requests that name none."""

import asyncio
import os
import secrets
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import orjson

from dlp.adapters.mcp_drive import Driver, Finish, steps_done
from dlp.adapters.mcp_http import SESSION, Request
from dlp.adapters.mcp_lines import Lines
from dlp.adapters.mcp_remote import Begin
from dlp.config import Limits, McpServer
from dlp.core.message import Direction
from dlp.engine.mcp_dialogue import Common, Dialogue, Send
from dlp.engine.sessions import SessionInfo
from dlp.wire.jsonrpc import Id, RpcError, Sort, is_batch, read_rpc, split_batch
from dlp.wire.mcp import LATEST, renamed, with_id
from dlp.wire.mcp_headers import McpHeaders

_MOST_HELD = 256
_MOST_STARTS = 5  # a minute; a server that ends at once is not started for ever
_MOST_CHILDREN = 32  # of one session
_PATIENCE = 2.0
_ACCEPTED, _BAD, _MISSING, _OK, _BUSY = 202, 400, 404, 200, 503


@dataclass(slots=True)
class Waiter:
    """A request of the client's whose answer is waited for: under which id it came, and what has come for it."""

    id: Id
    token: object
    queue: asyncio.Queue[Send] = field(default_factory=asyncio.Queue)


class Child:
    """One running server and all who wait for it.

    A `shared` one serves requests of many clients, whose ids may be the same: they get others on the way there.
    """

    def __init__(self, dialogue: Dialogue, finish: Finish, limits: Limits, *, shared: bool) -> None:
        self.dialogue = dialogue
        self.shared = shared
        self.over = False
        self.general: asyncio.Queue[Send] | None = None
        self._finish = finish
        self._limits = limits
        self._driver = Driver(dialogue, finish, self._deliver)
        self._waiters: dict[Id, Waiter] = {}
        self._held: deque[Send] = deque(maxlen=_MOST_HELD)
        self._next = 0
        self._lines: Lines | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, server: McpServer) -> None:
        """Start the process; raises OSError where it cannot be."""
        child_in, to_child = os.pipe()
        from_child, child_out = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *server.command,
                stdin=child_in,
                stdout=child_out,
                stderr=subprocess.DEVNULL,  # it is nobody's to read: what stands there was not judged
                cwd=server.cwd,
                env={**os.environ, **server.env},
                start_new_session=True,
            )
        except BaseException:
            os.close(to_child)
            os.close(from_child)
            raise
        finally:
            os.close(child_in)
            os.close(child_out)
        self._lines = Lines(
            from_child,
            to_child,
            limit=self._limits.body,
            on_line=lambda line: self._driver.run(self.dialogue.from_server(line), line, Direction.INBOUND),
            on_large=lambda number: self._driver.hand_on(self.dialogue.too_large(number, Direction.INBOUND)),
            on_end=self._ended,
        )

    async def send(self, content: bytes, request: Request) -> tuple[Sequence[Send], Waiter | None]:
        """Judge a message of the client's and give it to the server; return what goes back at once, and who waits."""
        raw, waiter = self._taken(content)
        beside = McpHeaders(request.fields, content)
        run = self.dialogue.from_client(raw, beside, ours=request.ours)
        sends = await steps_done(self.dialogue, run, raw, Direction.OUTBOUND, self._finish)
        back = [self._theirs(send, waiter) for send in sends if send.direction is Direction.INBOUND]
        for send in sends:
            if send.direction is Direction.OUTBOUND and self._lines is not None:
                if send.about is not None and waiter is not None:
                    self._waiters[send.about] = waiter
                self._lines.write(send.raw)
        waits = waiter is not None and any(one is waiter for one in self._waiters.values())
        return back, waiter if waits else None

    async def wait(self, waiter: Waiter) -> Send | None:
        """Return the next message for a waiter; None once it waits for nothing any more."""
        try:
            async with asyncio.timeout(self._limits.idle):
                send = await waiter.queue.get()
        except TimeoutError:
            number = next((number for number, one in self._waiters.items() if one is waiter), None)
            detail = f"It was silent for {self._limits.idle:g} seconds."
            failed = (
                None
                if number is None
                else self.dialogue.fail(number, "upstream", "The server did not answer", detail, retryable=True)
            )
            if failed is None:
                return None
            send = self._theirs(failed, waiter)
        if send.answers:
            self._waiters = {number: one for number, one in self._waiters.items() if one is not waiter}
        return send

    def give_up(self, waiter: Waiter) -> None:
        """Note that a client waits no longer.

        To a server that keeps no sessions the end of a request's stream says that it is cancelled; a child is told so.
        """
        gone = [number for number, one in self._waiters.items() if one is waiter]
        self._waiters = {number: one for number, one in self._waiters.items() if one is not waiter}
        for number in gone if self.shared else ():
            told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
            raw = orjson.dumps(told)
            self._driver.run(self.dialogue.from_client(raw), raw, Direction.OUTBOUND)

    def listen(self) -> asyncio.Queue[Send]:
        """Return the queue of what belongs to no request."""
        queue: asyncio.Queue[Send] = asyncio.Queue()
        while self._held:
            queue.put_nowait(self._held.popleft())
        self.general = queue
        return queue

    async def close(self) -> None:
        """End the process as the protocol says: its input is closed, then it is asked, then killed."""
        self._driver.cancel()
        if self._lines is not None:
            self._lines.close()
        process = self._process
        if process is None or process.returncode is not None:
            return
        for ask in (None, process.terminate, process.kill):
            if ask is not None:
                ask()
            try:
                await asyncio.wait_for(process.wait(), _PATIENCE)
            except TimeoutError:
                continue
            return

    def _taken(self, content: bytes) -> tuple[bytes, Waiter | None]:
        """Return a request under an id that is free here, and who waits for it."""
        try:
            rpc = read_rpc(content)
        except RpcError:
            return content, None
        if rpc.sort is not Sort.REQUEST or rpc.id is None:
            return content, None
        waiter = Waiter(rpc.id, rpc.meta.get("progressToken"))
        if not self.shared:
            return content, waiter
        self._next += 1
        return with_id(rpc, self._next, None if waiter.token is None else self._next), waiter

    def _theirs(self, send: Send, waiter: Waiter | None) -> Send:
        """Return a message under the id and token that its client knows."""
        if not self.shared or waiter is None or send.about is None:
            return send
        rpc = read_rpc(send.raw)
        raw = with_id(rpc, waiter.id) if send.answers else renamed(rpc, {"/progressToken": waiter.token})
        return Send(send.direction, raw, waiter.id, send.answers)

    def _deliver(self, send: Send) -> None:
        if send.direction is Direction.OUTBOUND:
            if self._lines is not None:
                self._lines.write(send.raw)
            return
        waiter = self._waiters.get(send.about) if send.about is not None else None
        if waiter is not None:
            waiter.queue.put_nowait(self._theirs(send, waiter))
        elif send.answers:
            return  # nobody waits any more
        elif len(self._waiters) == 1 and not self.shared:
            next(iter(self._waiters.values())).queue.put_nowait(send)
        elif self.general is not None:
            self.general.put_nowait(send)
        elif self._waiters and not self.shared:
            list(self._waiters.values())[-1].queue.put_nowait(send)
        elif not self.shared:
            self._held.append(send)

    def _ended(self) -> None:
        """Answer what the server will not answer any more."""
        self.over = True
        for number in self.dialogue.open:
            answer = self.dialogue.fail(
                number, "upstream", "The server ended", "It ended before it answered.", retryable=True
            )
            if answer is not None:
                self._deliver(answer)
        if self.general is not None:
            self.general.put_nowait(Send(Direction.INBOUND, b"", answers=True))


class Children:
    """The children of one server of the settings, by session and MCP session."""

    def __init__(self, server: McpServer, begin: Begin, finish: Finish, limits: Limits) -> None:
        self._server = server
        self._begin = begin
        self._finish = finish
        self._limits = limits
        self._children: dict[tuple[str, bytes], Child] = {}
        self._starts: dict[str, deque[float]] = {}
        self._starting: dict[tuple[str, bytes], asyncio.Lock] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message of the client's."""
        ours = request.one(SESSION)
        fields: list[tuple[bytes, bytes]] = []
        if not ours and _is_initialize(content):
            ours = secrets.token_hex(16).encode()
            fields.append((SESSION, ours))
        elif ours and not self.knows(session, ours):
            await request.answer(_MISSING, _error("Session not found"))
            return
        child = await self._child(session, ours)
        if child is None:
            told = "The server cannot be started, or ends again and again"
            dialogue = self._begin(session, self._server.name, None)
            dialogue.record(Direction.INBOUND, "upstream", "The server did not answer", told)
            await request.answer(_BUSY, _error(told))
            return
        if is_batch(content) and child.dialogue.has_batches:
            await self._batch(request, child, content)
            return
        back, waiter = await child.send(content, request)
        if waiter is None:
            status = _ACCEPTED if not back else _OK if back[0].about is not None else _BAD
            await request.answer(status, back[0].raw if back else b"", fields)
            return
        try:
            await self._give(request, child, waiter, fields)
        except asyncio.CancelledError:
            child.give_up(waiter)
            raise

    async def _give(
        self, request: Request, child: Child, waiter: Waiter, fields: Sequence[tuple[bytes, bytes]]
    ) -> None:
        send = await child.wait(waiter)
        if send is None or send.answers:
            await request.answer(_OK, send.raw if send else _error("No answer"), fields)
            return
        await request.begin_events(fields)
        while send is not None:
            await request.event(send.raw)
            send = None if send.answers else await child.wait(waiter)
        await request.end()

    async def _batch(self, request: Request, child: Child, content: bytes) -> None:
        """Give each message of a batch to the server; what comes for them is given as it comes."""
        try:
            messages = split_batch(content)
        except RpcError as error:
            await request.answer(_BAD, _error(str(error)))
            return
        sent = [await child.send(one, request) for one in messages]
        back, waiters = [send for sends, _ in sent for send in sends], [one for _, one in sent if one is not None]
        if not (back or waiters):
            await request.answer(_ACCEPTED)
            return

        async def rest(waiter: Waiter) -> None:
            while (send := await child.wait(waiter)) is not None:
                await request.event(send.raw)
                if send.answers:
                    return

        await request.begin_events()
        for send in back:
            await request.event(send.raw)
        try:
            await asyncio.gather(*map(rest, waiters))
        except asyncio.CancelledError:
            for waiter in waiters:
                child.give_up(waiter)
            raise
        await request.end()

    async def get(self, session: SessionInfo, request: Request) -> None:
        """Serve the stream of what the server says of itself."""
        child = self._children.get((session.id, request.one(SESSION)))
        if child is None or child.shared:
            missing = bool(request.one(SESSION))
            await request.answer(_MISSING if missing else 405, b"", [] if missing else [(b"allow", b"POST")])
            return
        if child.general is not None:
            await request.answer(409, _error("There is such a stream already"))
            return
        queue = child.listen()
        try:
            await request.begin_events()
            await request.raw(b": here\n\n")
            while not (send := await queue.get()).answers:
                await request.event(send.raw)
            await request.end()
        finally:
            child.general = None

    async def delete(self, session: SessionInfo, request: Request) -> None:
        """End an MCP session, and its process."""
        child = self._children.pop((session.id, request.one(SESSION)), None)
        if child is not None:
            self._end(child)
        await request.answer(_OK if child is not None else _MISSING)

    def knows(self, session: SessionInfo, ours: bytes) -> bool:
        """Return whether this MCP session is one that goes on: with its process it is over, and begins anew."""
        child = self._children.get((session.id, ours))
        return child is not None and not child.over

    def sweep(self, alive: Callable[[str], bool]) -> None:
        """End the processes of sessions that are over, and forget those that ended by themselves."""
        for key, child in list(self._children.items()):
            if child.over or not alive(key[0]):
                del self._children[key]
                self._end(child)

    async def close(self) -> None:
        """End all processes."""
        children, self._children = list(self._children.values()), {}
        await asyncio.gather(*(child.close() for child in children), *self._ending, return_exceptions=True)

    def _end(self, child: Child) -> None:
        task = asyncio.ensure_future(child.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _child(self, session: SessionInfo, ours: bytes) -> Child | None:
        """Return the child for a request, started anew where it is not there; None where it cannot be."""
        key = (session.id, ours)
        async with self._starting.setdefault(key, asyncio.Lock()):
            child = self._children.get(key)
            if child is not None and not child.over:
                return child
            if not self._may_start(session.id):
                return None
            # Without a session a client is of the latest revision, or of none that is known: it has no batches.
            dialogue = self._begin(session, self._server.name, None if ours else Common(revision=LATEST))
            child = Child(dialogue, self._finish, self._limits, shared=not ours)
            try:
                await child.start(self._server)
            except OSError:
                return None
            finally:
                self._starting.pop(key, None)
            self._children[key] = child
            return child

    def _may_start(self, session: str) -> bool:
        mine = [key for key in self._children if key[0] == session]
        if len(mine) >= _MOST_CHILDREN:
            self._end(self._children.pop(mine[0]))
        starts = self._starts.setdefault(session, deque())
        now = monotonic()
        while starts and starts[0] < now - 60:
            starts.popleft()
        if len(starts) >= max(_MOST_STARTS, len(mine) * _MOST_STARTS):
            return False
        starts.append(now)
        return True


def _is_initialize(content: bytes) -> bool:
    try:
        return read_rpc(content).method == "initialize"
    except RpcError:
        return False


def _error(text: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"%s"}}' % text.encode()
