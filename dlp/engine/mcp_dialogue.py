"""What one client and one MCP server say to each other: every message judged, and what is left unanswered.

Bytes of whole messages in, bytes of whole messages out, and to whom; the transport around it is somebody else's. It
keeps which requests are open on either side, so that an answer to a request never made goes nowhere, and an answer is
judged as coming from what was asked. Longer than most modules because what is open, what it is judged by and how it is
answered is one state.
"""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Direction, Endpoint, Facts, Message, Shape
from dlp.core.outcome import Outcome, Refuse
from dlp.core.policy import fields_of
from dlp.engine.pins import Pin, Pins
from dlp.engine.pipeline import Engine, Run, Wait
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.policy.when import NO_TOOL
from dlp.wire.jsonrpc import (
    INVALID_REQUEST,
    Id,
    Rpc,
    RpcError,
    Sort,
    error_bytes,
    is_batch,
    read_rpc,
    result_bytes,
    split_batch,
)
from dlp.wire.mcp import MOST_COUNTED, VERSION_KEY, McpBody, Target, target_of

OUTBOUND, INBOUND = Direction.OUTBOUND, Direction.INBOUND

REFUSED = -32010
"""The code of an error that says that the policy, or a limit, kept a message back."""

_MOST_OPEN = 4096
_BATCHES = "2025-03-26"  # the one revision that has them
_PROTOCOL = "protocol"


type Headers = Sequence[tuple[bytes, bytes]]


class Beside(Protocol):
    """What a transport carries beside a message of the client's: header fields that say the same, or more.

    `rpc` is the message, where the transport has read it.
    """

    blocks: Sequence[Block]
    rpc: Rpc | None

    def write(self, edits: Sequence[Edit], raw: bytes) -> Headers:
        """Return the header fields with these edits made, fit for the message as it is written now; or ParseError."""
        ...


@dataclass(slots=True)  # frozen, it would take three times as long to make; so with what else each message needs
class Send:
    """A whole message to deliver: inbound to the client, outbound to the server.

    `about` is the id of the request that it belongs to, where it does to one; `answers` says that it ends it. `headers`
    go with it, where a transport gave some beside it.
    """

    direction: Direction
    raw: bytes = field(repr=False)
    about: Id | None = None
    answers: bool = False
    headers: Headers = field(default=(), repr=False)


@dataclass(slots=True)
class Open:
    """A request that has not been answered."""

    rpc: Rpc
    call: Call
    target: Target
    cancelled: bool = False
    facts: Facts | None = field(default=None, repr=False)  # what was known of its tool when it was asked

    @property
    def modern(self) -> bool:
        """Whether it is of a revision in which every result says what kind it is."""
        return VERSION_KEY in self.rpc.meta


@dataclass(slots=True)
class _Written:
    raw: bytes = field(repr=False)
    headers: Headers = field(default=(), repr=False)


@dataclass(slots=True)
class Common:
    """What the streams of one conversation share: what the server asks, the revision, what was asked last.

    `count` is the id of the client's last request where that is a number.
    """

    asking: dict[Id, Open] = field(default_factory=dict)
    revision: str = ""
    last: Target | None = None
    count: int | None = None


type Steps = Generator[Wait, Any, Sequence[Send]]


class Dialogue:
    """One conversation, of one session with one server.

    `tell` makes of a refusal what the sandbox may read; `trace` gives new trace and span ids; `pins` knows the server's
    tools as they were first seen. Over HTTP each stream has a dialogue, and those of one conversation share `common`.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        session: SessionInfo,
        server: str,
        *,
        tell: Callable[[Refuse], Mapping[str, object]],
        trace: Callable[[], tuple[str, str]],
        pins: Pins,
        limit: int,
        common: Common | None = None,
    ) -> None:
        self.session = session
        self.server = server
        self.upstream = f"mcp://{server}:0"  # as an endpoint names it
        self.common = common or Common()
        self._engine = engine  # asked for each message: a policy may be taken up meanwhile
        self._tell = tell
        self._trace = trace
        self._pins = pins
        self._limit = limit
        self._asked: dict[Id, Open] = {}  # by the client
        self._asking = self.common.asking  # by the server
        self._tokens: dict[Id, Id] = {}  # progress token → request

    @property
    def open(self) -> Sequence[Id]:
        """The client's requests that wait for an answer."""
        return [number for number, request in self._asked.items() if not request.cancelled]

    @property
    def has_batches(self) -> bool:
        """Whether the revision that was agreed on has batches."""
        return self.common.revision == _BATCHES

    # --- messages ----------------------------------------------------------------------------------------------------

    def from_client(self, raw: bytes, beside: Beside | None = None, *, ours: bool = False) -> Steps:
        """Judge what the client says; give what to deliver. `beside` is what its transport carries beside it.

        With `ours` it is the proxy that asks, in words of its own: nothing of what the session carries is in them, so
        it is enough that the server is one to which something may go. What it answers is judged like any answer.
        """
        if ours:
            return self._from_us(read_rpc(raw), beside)
        if is_batch(raw):
            return (yield from self._batch(raw, self._from_client, OUTBOUND))
        return (yield from self._from_client(raw, beside))

    def from_server(self, raw: bytes, about: Id | None = None) -> Steps:
        """Judge what the server says; give what to deliver.

        `about` is the request on whose stream it came, where the transport tells.
        """
        if is_batch(raw):
            return (yield from self._batch(raw, lambda one: self._from_server(one, about), INBOUND))
        return (yield from self._from_server(raw, about))

    def _from_client(self, raw: bytes, beside: Beside | None = None) -> Steps:
        try:
            known = None if beside is None else beside.rpc
            rpc = known if known is not None and known.raw is raw else read_rpc(raw)
        except RpcError as error:
            refuse = self.record(OUTBOUND, _PROTOCOL, "Not a message of MCP", str(error))
            return (self._error(INBOUND, error.id, error.code, refuse),)
        match rpc.sort:
            case Sort.REQUEST:
                return (yield from self._request(rpc, beside))
            case Sort.NOTIFICATION:
                return (yield from self._notification(rpc, OUTBOUND, beside))
            case _:
                return (yield from self._answer(rpc, OUTBOUND, self._asking, beside))

    def _from_server(self, raw: bytes, about: Id | None) -> Steps:
        try:
            rpc = read_rpc(raw)
        except RpcError as error:
            return self._unreadable_answer(error, about)
        match rpc.sort:
            case Sort.REQUEST:
                return (yield from self._server_request(rpc, about))
            case Sort.NOTIFICATION:
                return (yield from self._notification(rpc, INBOUND, None, about))
            case _:
                return (yield from self._answer(rpc, INBOUND, self._asked, None))

    def _batch(self, raw: bytes, one: Callable[[bytes], Steps], direction: Direction) -> Steps:
        wrong = f"Revision {self.common.revision} of MCP has no batches."
        code, messages = INVALID_REQUEST, list[bytes]()
        if self.common.revision in ("", _BATCHES):
            try:
                messages = list(split_batch(raw))
            except RpcError as error:
                code, wrong = error.code, str(error)
        if not messages:
            refuse = self.record(direction, _PROTOCOL, "Not a message of MCP", wrong)
            return () if direction is INBOUND else (self._error(INBOUND, None, code, refuse),)
        sends: list[Send] = []
        for message in messages:
            sends += yield from one(message)
        through = [send.raw for send in sends if send.direction is direction]
        back = [send for send in sends if send.direction is not direction]
        return (*back, *([Send(direction, b"[" + b",".join(through) + b"]")] if through else ()))

    def knock(self) -> Generator[Wait, Any, Refuse | None]:
        """Judge what a transport does without a message, such as to open or end a stream: that says something too."""
        engine = self._engine()
        endpoint = Endpoint("mcp", self.upstream, "", "/")
        outcome = yield from engine.judge(self._call(), Message(OUTBOUND, endpoint, (), NO_TOOL))
        return outcome if isinstance(outcome, Refuse) else None

    # --- requests ----------------------------------------------------------------------------------------------------

    def _request(self, rpc: Rpc, beside: Beside | None) -> Steps:
        """Judge a request of the client's."""
        assert rpc.id is not None  # noqa: S101 - or it would be a notification
        if rpc.id in self._asked or len(self._asked) >= _MOST_OPEN:
            used = rpc.id in self._asked
            says = "The id is that of a request that is not answered yet." if used else "Too many are not answered yet."
            refuse = self.record(OUTBOUND, _PROTOCOL, "The request cannot be told from others", says)
            # Without its id: an error that bears it would be taken for the answer to the other request.
            return (self._error(INBOUND, None, INVALID_REQUEST, refuse),)
        request = Open(rpc, self._call(), target_of(rpc))
        self._asked[rpc.id] = request  # before it is judged, which may take a while
        known = self._counted(rpc.id)
        request.facts = self._facts(request.target)
        written = yield from self._judge(
            request.call, OUTBOUND, request.target, rpc, beside, known=known, facts=request.facts
        )
        if isinstance(written, Refuse):
            self._forget(rpc.id)
            return (self.refusal(request, written),)
        self.common.last = request.target
        token = rpc.meta.get("progressToken")
        if isinstance(token, str | int):
            self._tokens[token] = rpc.id
        return (Send(OUTBOUND, written.raw, rpc.id, headers=written.headers),)

    def _counted(self, number: Id) -> set[str]:
        """Return the id of a request if it counts on from the last: then everybody knew what it would be.

        One too long to count messages may have been begun next to a value, and is none.
        """
        before = self.common.count
        self.common.count = number if isinstance(number, int) and number < MOST_COUNTED else None
        return {str(number)} if before is not None and number == before + 1 else set()

    def _from_us(self, rpc: Rpc, beside: Beside | None) -> Sequence[Send]:
        """Let a message of the proxy's own pass to a server that the policy names."""
        request = Open(rpc, self._call(), target_of(rpc))
        refuse = self._engine().connect(request.call, "mcp", self.server, 0)
        headers = () if beside is None else beside.write((), rpc.raw)
        if rpc.id is None:
            return () if refuse else (Send(OUTBOUND, rpc.raw, headers=headers),)
        if refuse is not None:
            return (self.refusal(request, refuse),)
        self._asked[rpc.id] = request
        self._counted(rpc.id)
        return (Send(OUTBOUND, rpc.raw, rpc.id, headers=headers),)

    def _server_request(self, rpc: Rpc, about: Id | None) -> Steps:
        """Judge a request of the server's: a question to the user, to the model, for the roots."""
        assert rpc.id is not None  # noqa: S101 - or it would be a notification
        target = target_of(rpc)
        if rpc.id in self._asking or len(self._asking) >= _MOST_OPEN:
            refuse = self.record(INBOUND, _PROTOCOL, "The request cannot be told from others", "Its id is in use.")
            return (self._error(OUTBOUND, None, INVALID_REQUEST, refuse),)
        request = Open(rpc, self._call(), target)
        self._asking[rpc.id] = request
        written = yield from self._judge(request.call, INBOUND, self._origin(rpc, target, about), rpc)
        if isinstance(written, Refuse):
            del self._asking[rpc.id]
            return (self._error(OUTBOUND, rpc.id, REFUSED, None),)
        return (Send(INBOUND, written.raw, about),)

    def _answer(self, rpc: Rpc, direction: Direction, asked: dict[Id, Open], beside: Beside | None) -> Steps:
        """Judge the answer to a request; what answers none is dropped."""
        request = asked.get(rpc.id) if rpc.id is not None else None
        if request is None or rpc.id is None:
            self.record(direction, _PROTOCOL, "An answer to no request", "Nobody asked for this, or not any more.")
            return ()
        if direction is INBOUND and rpc.sort is Sort.RESULT and request.rpc.method == "tools/list":
            written = yield from self._listing(request, rpc)
        else:
            shape = self._shape(request, rpc) if direction is INBOUND else None
            written = yield from self._judge(
                request.call,
                direction,
                request.target,
                rpc,
                beside,
                known={str(rpc.id)},
                facts=request.facts,
                shape=shape,
            )
        if asked.get(rpc.id) is not request:  # answered once already
            return ()
        if direction is INBOUND:
            self._forget(rpc.id)
            self._note_revision(request, rpc)
            return (self.refusal(request, written) if isinstance(written, Refuse) else _answered(written.raw, rpc.id),)
        del asked[rpc.id]
        if isinstance(written, Refuse):
            return (self._error(OUTBOUND, rpc.id, REFUSED, None),)
        return (Send(OUTBOUND, written.raw, headers=written.headers),)

    def _listing(self, request: Open, rpc: Rpc) -> Generator[Wait, Any, _Written | Refuse]:
        """Judge a list of tools; where one of them waits for a person and the policy minds, it goes on without."""
        listed = rpc.body.get("tools")
        tools = [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
        try:
            pins = self._pins.see(self.server, tools)
        except ValueError as error:
            return self.record(INBOUND, _PROTOCOL, "Not a list of tools", f"It holds what is no tool: {error}.")
        known, suspect = {str(rpc.id)}, [pin for pin in pins if pin.suspect]
        facts = {
            **NO_TOOL,
            "tool_changed": any(pin.changed for pin in suspect),
            "hidden_text": any(pin.hidden for pin in suspect),
        }
        written = yield from self._judge(
            request.call, INBOUND, request.target, rpc, known=known, facts=facts, again=True
        )
        if not suspect or not isinstance(written, Refuse):
            return written
        return (yield from self._judge(request.call, INBOUND, request.target, _without(rpc, pins), known=known))

    def _notification(self, rpc: Rpc, direction: Direction, beside: Beside | None, about: Id | None = None) -> Steps:
        """Judge a notification; one that is refused is dropped, since nobody waits for an answer."""
        inbound = direction is INBOUND
        target, known = target_of(rpc), set[str]()
        named = rpc.body.get("requestId")
        if isinstance(named, str | int) and named in (self._asking if inbound else self._asked):
            known.add(str(named))
        token = rpc.body.get("progressToken")
        if inbound:
            if isinstance(token, str | int) and token in self._tokens:
                known.add(str(token))
                about = self._tokens[token]
            target = self._origin(rpc, target, about)
        written = yield from self._judge(self._call(), direction, target, rpc, beside, known=known)
        if isinstance(written, Refuse):
            return ()
        if not inbound and rpc.method == "notifications/cancelled" and isinstance(named, str | int):
            self._cancel(named)
        return (Send(direction, written.raw, about, headers=written.headers),)

    def _origin(self, rpc: Rpc, target: Target, about: Id | None) -> Target:
        """Return what a message that the server sends of itself is taken to come from.

        That is what it belongs to; where that is not told, it may be any of the requests that are open, or the last, so
        it is the one of whose source most is known.
        """
        if about is not None and about in self._asked:
            return Target(rpc.method if target.operation != "*" else "*", self._asked[about].target.path)
        last = self.common.last
        open_ones = [request.target for request in self._asked.values()] or ([last] if last else [])
        if target.path.startswith("/resources/") or not open_ones:
            return target
        policy = self._engine().policy
        best = max(open_ones, key=lambda one: len(fields_of(policy, Endpoint("mcp", self.upstream, "", one.path))))
        return Target(target.operation, best.path)

    # --- judging -----------------------------------------------------------------------------------------------------

    def _judge(
        self,
        call: Call,
        direction: Direction,
        target: Target,
        rpc: Rpc,
        beside: Beside | None = None,
        known: Collection[str] = (),
        facts: Facts | None = None,
        *,
        again: bool = False,
        shape: Callable[[str], Shape | None] | None = None,
    ) -> Generator[Wait, Any, _Written | Refuse]:
        """Return the message as it may be delivered, or why it may not; `again` says that it may well come again."""
        body = McpBody(rpc, limit=self._limit, known=known, again=again)
        endpoint = Endpoint("mcp", self.upstream, target.operation, target.path)
        engine = self._engine()
        blocks = body.blocks if beside is None else (*body.blocks, *beside.blocks)
        stated = facts or self._facts(target)
        run = engine.judge(call, Message(direction, endpoint, blocks, stated, shape))
        try:
            wait = next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            alive = True  # as of just now
        else:
            outcome = yield from _rest(run, wait)
            alive = engine.sessions.alive(self.session.id)
        if isinstance(outcome, Refuse):
            return outcome
        if not alive:
            return self.record(direction, "identity", "The session is over", "It was closed or frozen meanwhile.")
        if not outcome.edits and beside is None:
            return _Written(rpc.raw)
        count = sum(len(block.parts) for block in body.blocks) if outcome.edits else 0
        try:
            raw = body.write([edit for edit in outcome.edits if edit.part < count])
            if beside is None:
                return _Written(raw)
            rest = [replace(edit, part=edit.part - count) for edit in outcome.edits if edit.part >= count]
            return _Written(raw, beside.write(rest, raw))
        except ParseError:
            return engine.refuse(
                call,
                direction,
                "unreadable",
                "The proxy could not rewrite this message",
                "What must be rewritten in it stands where it cannot be: in an id, in a name, or in what was not read.",
                endpoint=endpoint,
            )

    def _facts(self, target: Target) -> Facts:
        """Return what the proxy itself states of a message about this target: what is known of the tool."""
        tool = target.path.removeprefix("/tools/")
        return NO_TOOL if tool == target.path else self._pins.facts(self.server, tool)

    def _shape(self, request: Open, rpc: Rpc) -> Callable[[str], Shape | None] | None:
        """Return what the result of a tool may hold, where the tool has said so; an error is checked by nobody."""
        if request.rpc.method != "tools/call" or rpc.sort is not Sort.RESULT or rpc.body.get("isError") is True:
            return None
        return self._pins.admitted(self.server, request.target.path.removeprefix("/tools/"))

    def _call(self) -> Call:
        return Call(self.session, self._trace()[0])

    def record(self, direction: Direction, kind: str, title: str, detail: str) -> Refuse:
        """Refuse for what was found here or by the transport, beside the policy; recorded."""
        endpoint = Endpoint("mcp", self.upstream, "")
        return self._engine().refuse(self._call(), direction, kind, title, detail, endpoint=endpoint)

    # --- what is told ------------------------------------------------------------------------------------------------

    def refusal(self, request: Open, refuse: Refuse) -> Send:
        """Return the answer to a request of the client's that is refused: of a tool a result, else an error."""
        rpc = request.rpc
        assert rpc.id is not None  # noqa: S101 - a request has one
        if rpc.method != "tools/call":
            return self._error(INBOUND, rpc.id, REFUSED, refuse)
        problem = dict(self._tell(refuse))
        result: dict[str, object] = {
            "content": [{"type": "text", "text": readable(problem)}],
            "structuredContent": problem,
            "isError": True,
        }
        if request.modern:
            result["resultType"] = "complete"
        return _answered(result_bytes(rpc.id, result), rpc.id)

    def _error(self, direction: Direction, number: Id | None, code: int, refuse: Refuse | None) -> Send:
        """Return an error; to a server it says nothing but that there is no answer."""
        if refuse is None:
            return Send(direction, error_bytes(number, code, "The client gives no answer to this."))
        problem = dict(self._tell(refuse))
        message = f"{refuse.title}: {refuse.detail}"
        return Send(direction, error_bytes(number, code, message, problem), number, answers=number is not None)

    def fail(self, number: Id, kind: str, title: str, detail: str, *, retryable: bool = False) -> Send | None:
        """Answer an open request of the client's that the server will not answer; None if it is not open (any more)."""
        request = self._asked.get(number)
        if request is None:
            return None
        self._forget(number)
        endpoint = Endpoint("mcp", self.upstream, request.target.operation, request.target.path)
        refuse = self._engine().refuse(
            request.call, INBOUND, kind, title, detail, endpoint=endpoint, retryable=retryable
        )
        return self.refusal(request, refuse)

    def too_large(self, number: Id | None, direction: Direction) -> Sequence[Send]:
        """Answer for a message over the limit, of which only the id may be known."""
        detail = f"It is over the limit of {self._limit} bytes of what the proxy reads."
        if direction is INBOUND:
            answer = None if number is None else self.fail(number, "limit", "The answer is too large", detail)
            if answer is None:
                self.record(INBOUND, "limit", "A message of the server is too large", detail)
            return () if answer is None else (answer,)
        refuse = self.record(OUTBOUND, "limit", "The message is too large", detail)
        return (self._error(INBOUND, number, INVALID_REQUEST, refuse),)

    def broken(self, raw: bytes, direction: Direction) -> Sequence[Send]:
        """Answer for a message on which something failed inside the proxy: nothing of it goes on."""
        title, detail = "The proxy could not judge this message", "Something failed inside the proxy."
        refuse = self.record(direction, "error", title, detail)
        try:
            rpc = read_rpc(raw)
        except RpcError:
            return ()
        if rpc.id is None:
            return ()
        if direction is INBOUND and rpc.sort is Sort.REQUEST:
            self._asking.pop(rpc.id, None)
            return (self._error(OUTBOUND, rpc.id, REFUSED, None),)
        if direction is OUTBOUND and rpc.sort is not Sort.REQUEST:
            return ()
        request = self._asked.get(rpc.id)
        if request is None and direction is OUTBOUND:
            request = Open(rpc, self._call(), target_of(rpc))
        self._forget(rpc.id)
        return () if request is None else (self.refusal(request, refuse),)

    def _unreadable_answer(self, error: RpcError, about: Id | None) -> Sequence[Send]:
        """Answer the request that a server answered in something that is no JSON-RPC."""
        number = error.id if error.id in self._asked else about
        detail = f"What it sent is no message of MCP: {error}."
        answer = None if number is None else self.fail(number, _PROTOCOL, "The server gave no readable answer", detail)
        if answer is None:
            self.record(INBOUND, _PROTOCOL, "Not a message of MCP", detail)
        return () if answer is None else (answer,)

    # --- what is kept ------------------------------------------------------------------------------------------------

    def _note_revision(self, request: Open, rpc: Rpc) -> None:
        if request.rpc.method == "initialize" and rpc.sort is Sort.RESULT:
            agreed = rpc.body.get("protocolVersion")
            self.common.revision = agreed if isinstance(agreed, str) else ""

    def _cancel(self, number: Id) -> None:
        """Note that the client waits no longer; a late answer is still let through, as it would be without a proxy."""
        request = self._asked.get(number)
        if request is not None:
            request.cancelled = True
        gone = [key for key, one in self._asked.items() if one.cancelled]
        for key in gone[: max(0, len(gone) - _MOST_OPEN // 4)]:
            self._forget(key)

    def _forget(self, number: Id) -> None:
        request = self._asked.pop(number, None)
        token = request.rpc.meta.get("progressToken") if request is not None else None
        if isinstance(token, str | int):
            self._tokens.pop(token, None)


def _rest(run: Run, wait: Wait) -> Generator[Wait, Any, Outcome]:
    """Go on with a judgement that waits for something."""
    try:
        while True:
            try:
                answer = yield wait
            except Exception as error:  # noqa: BLE001 - handed in, as every answer is
                wait = run.throw(error)
            else:
                wait = run.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        run.close()


def _answered(raw: bytes, number: Id) -> Send:
    return Send(INBOUND, raw, number, answers=True)


def readable(problem: Mapping[str, object]) -> str:
    """Return a refusal as a model reads it: what, why, what next."""
    lines = [f"{problem.get('title')}. {problem.get('detail')}"]
    if says := problem.get("says"):
        lines.append(f"The rule: {says}")
    missing = problem.get("missing")
    if isinstance(missing, list):
        lines.append(f"Missing: {', '.join(map(str, missing))}")
    if following := problem.get("next"):
        lines.append(f"Next: {following}")
    return "\n".join(lines)


def _without(rpc: Rpc, pins: Sequence[Pin]) -> Rpc:
    """Return a list of tools without those about which something waits for a person."""
    held = {pin.last.name for pin in pins if pin.suspect}
    listed = rpc.body.get("tools")
    kept = [tool for tool in listed if tool.get("name") not in held] if isinstance(listed, list) else []
    return read_rpc(result_bytes(rpc.id if rpc.id is not None else 0, {**rpc.body, "tools": kept}))
