"""A server that runs elsewhere, over streamable HTTP: what the sandbox posts goes there judged, and so do the answers.

Each POST and each stream has a dialogue of its own; those of one MCP session share what the server asks of the client.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dlp.adapters import refusal
from dlp.adapters.fail_closed import FailClosed
from dlp.adapters.mcp_drive import Finish, steps_done
from dlp.adapters.mcp_http import EVENTS, JSON, SESSION, VERSION, Known, Request
from dlp.adapters.mcp_upstream import Answer, Upstream, UpstreamError
from dlp.core.errors import ParseError
from dlp.core.message import Direction
from dlp.core.outcome import Refuse
from dlp.engine.mcp_dialogue import Common, Dialogue, Send
from dlp.engine.sessions import SessionInfo
from dlp.wire.jsonrpc import Id, is_batch
from dlp.wire.mcp import VERSIONS
from dlp.wire.mcp_headers import McpHeaders
from dlp.wire.sse import Event, Line, Reader

type Begin = Callable[[SessionInfo, str, Common | None], Dialogue]

_MOST_THREADS = 1024
_ACCEPTED, _MISSING, _OK = 202, 404, 200
_BAD_GATEWAY = 502


@dataclass(slots=True)
class Thread:
    """One MCP session: `theirs` is what the server calls it, b"" where it keeps none."""

    theirs: bytes = field(default=b"", repr=False)
    common: Common = field(default_factory=Common)
    events: Known = field(default_factory=Known)


class Remote:
    """One server of the settings, for all sessions."""

    def __init__(self, name: str, upstream: Upstream, begin: Begin, finish: Finish, limit: int) -> None:
        self._name = name
        self._upstream = upstream
        self._begin = begin
        self._finish = finish
        self._limit = limit
        self._threads: dict[tuple[str, bytes], Thread] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message of the client's."""
        key, thread = self._thread(session, request)
        if thread is None:
            await request.answer(
                _MISSING, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'
            )
            return
        dialogue = self._begin(session, self._name, thread.common)
        if not dialogue.common.revision:
            dialogue.common.revision = request.one(VERSION).decode("latin-1")
        beside = McpHeaders(request.fields, content)
        sends = await steps_done(
            dialogue,
            dialogue.from_client(content, beside, ours=request.ours),
            content,
            Direction.OUTBOUND,
            self._finish,
        )
        back = [send for send in sends if send.direction is Direction.INBOUND]
        out = next((send for send in sends if send.direction is Direction.OUTBOUND), None)
        if out is None:
            await self._answer_back(request, back)
            return
        fields = [*self._fields(request, thread), (b"content-type", JSON), *out.headers]
        try:
            answer = await self._upstream.send("POST", fields, out.raw)
        except UpstreamError as error:
            await self._failed(request, dialogue, back, str(error))
            return
        try:
            await self._give(session, request, dialogue, thread, key, answer, back, out.about)
        finally:
            answer.close()

    async def get(self, session: SessionInfo, request: Request) -> None:
        """Serve the stream of what the server says of itself, or the rest of one that broke off."""
        _, thread = self._thread(session, request)
        if thread is None:
            await request.answer(_MISSING)
            return
        fields = self._fields(request, thread)
        dialogue = self._begin(session, self._name, thread.common)
        if not await self._may(request, dialogue):
            return
        if last := request.one(b"last-event-id"):
            known = thread.events.take(last)
            if known is None:
                await request.answer(
                    400, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Unknown event"}}'
                )
                return
            fields.append((b"last-event-id", known[0]))
            if isinstance(known[1], Dialogue):
                dialogue = known[1]
        try:
            answer = await self._upstream.send("GET", fields)
        except UpstreamError as error:
            await self._failed(request, dialogue, [], str(error))
            return
        try:
            if answer.status == _OK and answer.kind == EVENTS.decode():
                await self._stream(request, dialogue, thread, answer, [], None, ())
            else:
                await request.answer(answer.status, b"", _allow(answer))
        finally:
            answer.close()

    async def delete(self, session: SessionInfo, request: Request) -> None:
        """End an MCP session."""
        key, thread = self._thread(session, request)
        if thread is None:
            await request.answer(_MISSING)
            return
        self._threads.pop(key, None)
        if not await self._may(request, self._begin(session, self._name, thread.common)):
            return
        try:
            answer = await self._upstream.send("DELETE", self._fields(request, thread))
        except UpstreamError:
            await request.answer(_BAD_GATEWAY)
            return
        answer.close()
        await request.answer(answer.status)

    async def close(self) -> None:
        """Let go of all connections."""
        for task in list(self._tasks):
            task.cancel()
        self._upstream.close()

    def knows(self, session: SessionInfo, ours: bytes) -> bool:
        """Return whether this MCP session was begun here, as far as is known of the server."""
        return (session.id, ours) in self._threads

    def sweep(self, alive: Callable[[str], bool]) -> None:
        """Forget what belongs to sessions that are over."""
        for key in [key for key in self._threads if not alive(key[0])]:
            del self._threads[key]

    # --- the parts of it ----------------------------------------------------------------------------------------------

    def _thread(self, session: SessionInfo, request: Request) -> tuple[tuple[str, bytes], Thread | None]:
        ours = request.one(SESSION)
        key = (session.id, ours)
        if ours:
            return key, self._threads.get(key)
        if key not in self._threads:
            self._keep(key, Thread())
        return key, self._threads[key]

    def _keep(self, key: tuple[str, bytes], thread: Thread) -> None:
        mine = [one for one in self._threads if one[0] == key[0]]
        if len(mine) >= _MOST_THREADS:
            del self._threads[mine[0]]
        self._threads[key] = thread

    @staticmethod
    def _fields(request: Request, thread: Thread) -> list[tuple[bytes, bytes]]:
        """Return the fields that go on; all others stay here, as each is a way out."""
        fields = [(b"accept", request.accept())]
        if thread.theirs:
            fields.append((SESSION, thread.theirs))
        if request.method != "POST" and (version := request.one(VERSION)):
            fields.append((VERSION, version if version.decode("latin-1") in VERSIONS else b"?"))
        return fields

    async def _may(self, request: Request, dialogue: Dialogue) -> bool:
        """Return whether the session may turn to the server at all just now; answer where it may not."""
        steps = dialogue.knock()
        try:
            wait = next(steps)
        except StopIteration as end:
            refuse: Refuse | None = end.value
        else:
            refuse = await self._finish(steps, wait, dialogue.session.id)
        if refuse is not None:
            await request.answer(refusal.status(refuse), refusal.problem_bytes(refuse))
        return refuse is None

    async def _answer_back(self, request: Request, back: Sequence[Send]) -> None:
        """Answer without the server."""
        if not back:
            await request.answer(_ACCEPTED)
        else:
            await request.answer(_OK if back[0].about is not None else 400, _joined(back, batch=len(back) > 1))

    async def _failed(self, request: Request, dialogue: Dialogue, back: Sequence[Send], why: str) -> None:
        detail = f"The server did not answer: {why}."
        failed = [
            send
            for number in dialogue.open
            if (send := dialogue.fail(number, "upstream", "The server did not answer", detail, retryable=True))
        ]
        if failed:
            await request.answer(_OK, _joined([*back, *failed], batch=len(failed) + len(back) > 1))
        else:
            await request.answer(_BAD_GATEWAY)

    async def _give(
        self,
        session: SessionInfo,
        request: Request,
        dialogue: Dialogue,
        thread: Thread,
        key: tuple[str, bytes],
        answer: Answer,
        back: Sequence[Send],
        about: Id | None,
    ) -> None:
        """Give the server's answer on, whatever kind it is."""
        fields: list[tuple[bytes, bytes]] = []
        theirs = answer.fields.get(SESSION, b"")
        if theirs and theirs != thread.theirs:
            thread = Thread(theirs, dialogue.common)
            ours = secrets.token_hex(16).encode()
            self._keep((session.id, ours), thread)
            self._threads[key[0], b""] = Thread()  # what was agreed on belongs to the session that has begun
            fields.append((SESSION, ours))
        if answer.kind == EVENTS.decode():
            await self._stream(request, dialogue, thread, answer, back, about, fields)
            return
        try:
            content = await answer.read(self._limit)
        except UpstreamError:
            content = b""
        if content is None:
            sends: Sequence[Send] = dialogue.too_large(about, Direction.INBOUND)
        elif content.strip() and answer.kind == JSON.decode():
            run = dialogue.from_server(content, about)
            sends = await steps_done(dialogue, run, content, Direction.INBOUND, self._finish)
        else:
            sends = []
        given = [*back, *(send for send in sends if send.direction is Direction.INBOUND)]
        for number in dialogue.open:  # what the answer did not answer stays unanswered
            detail = f"It answered with status {answer.status} and no message for this request."
            failed = dialogue.fail(number, "upstream", "The server gave no answer", detail)
            given += [failed] if failed else []
        batch = len(given) > 1 or (content is not None and is_batch(content))
        await request.answer(answer.status, _joined(given, batch=batch) if given else b"", [*fields, *_allow(answer)])

    async def _stream(
        self,
        request: Request,
        dialogue: Dialogue,
        thread: Thread,
        answer: Answer,
        back: Sequence[Send],
        about: Id | None,
        fields: Sequence[tuple[bytes, bytes]],
    ) -> None:
        """Give a stream of events on, each of them judged."""
        await request.begin_events(fields)
        for send in back:
            await request.event(send.raw)
        reader, resumable = Reader(limit=self._limit), False
        guard = FailClosed()
        with guard:
            try:
                async for chunk in answer.chunks(patient=about is None):
                    for event in reader.feed(chunk):
                        await self._event(request, dialogue, thread, event, about)
                        resumable = resumable or bool(event.id)
            except (UpstreamError, ParseError):
                resumable = False
        if not resumable or guard.error is not None:
            for number in dialogue.open:
                detail = "The stream of its answer ended without one."
                failed = dialogue.fail(number, "upstream", "The server gave no answer", detail, retryable=True)
                if failed is not None:
                    await request.event(failed.raw)
        await request.end()

    async def _event(
        self, request: Request, dialogue: Dialogue, thread: Thread, event: Event, about: Id | None
    ) -> None:
        """Give one event on."""
        if not event.lines or event.event not in ("", "message"):
            return
        number = thread.events.give(event.id, dialogue) if event.id else ""
        if not event.data:
            await self._priming(request, number, event.lines)
            return
        raw = event.data.encode()
        run = dialogue.from_server(raw, about)
        for send in await steps_done(dialogue, run, raw, Direction.INBOUND, self._finish):
            if send.direction is Direction.INBOUND:
                await request.event(send.raw, number)
                number = ""
            else:
                self._post_back(thread, request, send)

    async def _priming(self, request: Request, number: str, lines: Sequence[Line]) -> None:
        """Give an event without data on: its id, when to come again, or that the stream is alive."""
        retry = next((int(line.value) for line in lines if line.name == "retry" and line.value.isdigit()), None)
        if not number and retry is None:
            await request.raw(b": alive\n\n")
            return
        told = [f"id: {number}"] if number else []
        told += [f"retry: {min(retry, 3_600_000)}"] if retry is not None else []
        await request.raw("\n".join([*told, "data:", "", ""]).encode())

    def _post_back(self, thread: Thread, request: Request, send: Send) -> None:
        """Tell the server, beside the stream, that its request was refused."""

        async def post() -> None:
            with FailClosed():
                fields = [
                    (b"content-type", JSON),
                    (b"accept", JSON + b", " + EVENTS),
                    *self._fields(request, thread)[1:],
                ]
                try:
                    (await self._upstream.send("POST", fields, send.raw)).close()
                except UpstreamError:
                    return

        task = asyncio.ensure_future(post())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _joined(sends: Sequence[Send], *, batch: bool) -> bytes:
    """Return the messages as one body; a batch may be among them already."""
    if not batch:
        return sends[0].raw
    return b"[" + b",".join(send.raw.strip()[1:-1] if is_batch(send.raw) else send.raw for send in sends) + b"]"


def _allow(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(b"allow", b"POST")] if answer.status == 405 else []  # noqa: PLR2004 - RFC 9110: it goes with one
