"""The whole wall in one process, without sockets: a real engine, and messages given as they would be sent.

What the pipeline would wait for is answered at once: classifiers run here, and a hold moves the clock on.
"""

import functools
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import shake_128
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from dlp.adapters import http_head
from dlp.core.errors import DlpError
from dlp.core.message import Direction, Endpoint, Fact, Message
from dlp.core.outcome import Forward, Outcome, Refuse
from dlp.core.policy import Policy, decoded_path
from dlp.core.ports import AuditEntry, Store
from dlp.engine.approvals import Approvals
from dlp.engine.classify import Classifier
from dlp.engine.keys import MasterKey
from dlp.engine.pipeline import Apart, Classify, Engine, Read, Wait
from dlp.engine.sessions import SessionInfo, Sessions
from dlp.engine.work import Call
from dlp.hooks.host import Host, load_host
from dlp.policy.load import load_policy
from dlp.stores.memory import MemoryStore
from dlp.wire.body import Body, read_body
from dlp.wire.head import Head, read_request_head, read_response_head

BUNDLED: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("dlp_presidio", {"ner": "off"}),
    ("dlp_secrets", {}),
    ("dlp_tokens", {}),
)
"""The plugins a wall has unless told otherwise: the bundled ones, without the language model."""

type Headers = Sequence[tuple[bytes, bytes]]
_PORTS = {"http": 80, "https": 443}


class Log(list[AuditEntry]):
    """An audit log in memory."""

    def write(self, entry: AuditEntry) -> None:
        """Append an entry."""
        self.append(entry)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What came of one message: the outcome, and the bytes that went on if it passed."""

    outcome: Outcome
    body: bytes = field(default=b"", repr=False)
    target: str = field(default="", repr=False)
    headers: Headers = field(default=(), repr=False)

    @property
    def passed(self) -> bool:
        """Whether the message went on."""
        return isinstance(self.outcome, Forward)

    @property
    def refusal(self) -> Refuse:
        """The refusal; a message that passed has none.

        Raises:
            AssertionError: it passed.

        """
        if not isinstance(self.outcome, Refuse):
            raise AssertionError("expected a refusal, but the message passed")  # noqa: TRY004 - it is an assertion
        return self.outcome

    @property
    def json(self) -> object:
        """The body that went on, as JSON."""
        return orjson.loads(self.body)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.now


class Wall:
    """A wall with its policy, its plugins and its store. `policy` is a file, YAML text, or a policy made elsewhere."""

    def __init__(
        self,
        policy: Policy | Path | str,
        *,
        packs: Path | None = None,
        plugins: Sequence[tuple[str, Mapping[str, object]]] = BUNDLED,
        host: Host | None = None,
        store: Store | None = None,
        cache: Path | None = None,
        salt: int = 0,
    ) -> None:
        """Build it all. Walls that share a store need another `salt` each: what is random comes from it."""
        self.policy = policy if isinstance(policy, Policy) else _loaded(policy, packs)
        self.clock = Clock()
        self.store: Store = MemoryStore() if store is None else store
        self.host = host or load_host(plugins)
        self.log = Log()
        numbers = count(1)

        def random(length: int) -> bytes:  # no secret to anybody, and different every time: a test can be repeated
            return shake_128(next(numbers).to_bytes(8) + bytes(salt)).digest(length)

        self._random = random
        self._cache = cache or Path(_cache().name)
        self.classifier = Classifier(self.host, self.policy.classes.values(), self._cache)
        self.start()
        self.while_held: Callable[[str], None] = lambda _approval: None
        self.while_classified: Callable[[], None] = lambda: None
        self.limit = 10_000_000

    def start(self) -> None:
        """Start as a new process would: all that only memory held is gone, and what the store holds is there."""
        self.sessions = Sessions(self.store, MasterKey(b"\x07" * 32), self.clock, self._random)
        self.approvals = Approvals(self.store, self.clock, self._random)
        self.engine = Engine(
            policy=self.policy,
            store=self.store,
            host=self.host,
            classifier=self.classifier,
            sessions=self.sessions,
            approvals=self.approvals,
            audit=self.log,
            clock=self.clock,
            random=self._random,
        )

    def reload(self, policy: Policy | Path | str, *, packs: Path | None = None) -> None:
        """Go on with another policy, as the running proxy does when its file changes."""
        self.policy = policy if isinstance(policy, Policy) else _loaded(policy, packs)
        self.classifier = Classifier(self.host, self.policy.classes.values(), self._cache)
        self.engine = self.engine.renewed(self.policy, self.host, self.classifier)

    def open(self, agent: str = "bot", purpose: str = "", **facts: Fact) -> SessionInfo:
        """Open a session."""
        return self.sessions.open(agent, purpose, facts)[0]

    def send(
        self,
        session: SessionInfo,
        request: str,
        *,
        json: object = None,
        body: bytes | str = b"",
        content_type: str = "",
        headers: Headers = (),
    ) -> Crossing:
        """Send a request out, given as `POST https://host/path?query`."""
        method, _, url = request.partition(" ")
        endpoint, authority, target = _endpoint(method, url)
        raw, content = _content(json, body, content_type)
        headers = [*headers, *content]
        if http_head.read_request(tuple(headers), b"HTTP/1.1").objection is http_head.OVERRIDE:
            told = http_head.OVERRIDE
            call = Call(session, "0" * 32)
            return Crossing(
                self.engine.refuse(call, Direction.OUTBOUND, told.kind, told.title, told.detail, endpoint=endpoint)
            )
        head = read_request_head(method, authority, target, headers)
        return self._cross(session, Direction.OUTBOUND, endpoint, head, raw, headers)

    def receive(
        self,
        session: SessionInfo,
        request: str,
        *,
        json: object = None,
        body: bytes | str = b"",
        content_type: str = "",
        headers: Headers = (),
        status: int = 200,
    ) -> Crossing:
        """Let the answer to a request in, given by that request: `GET https://host/path`."""
        method, _, url = request.partition(" ")
        endpoint, _, _ = _endpoint(method, url)
        raw, content = _content(json, body, content_type)
        headers = [*headers, *content]
        head = read_response_head(status, "OK", headers)
        return self._cross(session, Direction.INBOUND, endpoint, head, raw, headers)

    def taint(self, session: SessionInfo) -> set[str]:
        """Return what the session carries, as `class/state/source`."""
        past = self.engine.past(session.id)
        return {f"{label.data_class}/{label.state}/{label.source}" for label in past.ledger.labels}

    def _cross(
        self, session: SessionInfo, direction: Direction, endpoint: Endpoint, head: Head, raw: bytes, headers: Headers
    ) -> Crossing:
        told = {name.lower(): value.decode("latin-1") for name, value in headers}
        content_type, coding = told.get(b"content-type", ""), told.get(b"content-encoding", "")
        call = Call(session, "0" * 32)
        try:
            body = read_body(raw, content_type, coding, limit=self.limit)
        except DlpError as error:
            return Crossing(self.engine.refuse(call, direction, "limit", "Too large", str(error), endpoint=endpoint))
        message = Message(direction, endpoint, (*head.blocks, body.block))
        outcome = self.drive(self.engine.judge(call, message))
        if isinstance(outcome, Refuse):
            return Crossing(outcome)
        return _written(outcome, head, body)

    def drive[Result](self, run: Generator[Wait, Any, Result]) -> Result:
        """Take a run to its end, answering at once what it would have to wait for."""
        answer: object = None
        error: DlpError | None = None
        try:
            while True:
                wait = run.send(answer) if error is None else run.throw(error)
                answer = error = None
                if isinstance(wait, Classify):
                    self.while_classified()
                    answer = self.engine.classifier.classify(wait.parts)
                elif isinstance(wait, Read | Apart):
                    try:
                        answer = wait.task()
                    except DlpError as failure:
                        error = failure
                else:
                    self.while_held(wait.approval)
                    self.clock.now += 5.0
        except StopIteration as end:
            result: Result = end.value
            return result


@functools.cache
def _cache() -> tempfile.TemporaryDirectory[str]:
    """Return where this process keeps its compiled scan, so that its second wall is quick to build."""
    return tempfile.TemporaryDirectory(prefix="dlp-wall-")


def _loaded(policy: Path | str, packs: Path | None) -> Policy:
    folder = packs or Path(__file__).parents[2] / "rules"
    if isinstance(policy, Path):
        return load_policy(policy, packs=folder)
    given = Path("policy.yaml")
    return load_policy(
        given, packs=folder, read=lambda path: policy.encode() if path.name == given.name else path.read_bytes()
    )


def _endpoint(method: str, url: str) -> tuple[Endpoint, str, str]:
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (
        Endpoint("http", f"{parts.scheme}://{parts.hostname}:{port}", method, decoded_path(parts.path or "/")),
        parts.netloc,
        target,
    )


def _content(json: object, body: bytes | str, content_type: str) -> tuple[bytes, Headers]:
    if json is not None:
        raw, content_type = orjson.dumps(json), content_type or "application/json"
    else:
        raw = body.encode() if isinstance(body, str) else body
        content_type = content_type or ("text/plain; charset=utf-8" if raw else "")
    return raw, [(b"content-type", content_type.encode())] if content_type else []


def _written(outcome: Forward, head: Head, body: Body) -> Crossing:
    in_head = sum(len(block.parts) for block in head.blocks) if outcome.edits else 0
    target, headers = head.write([edit for edit in outcome.edits if edit.part < in_head])
    edits = [replace(edit, part=edit.part - in_head) for edit in outcome.edits if edit.part >= in_head]
    return Crossing(outcome, body.write(edits), target, headers)
