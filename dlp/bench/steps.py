"""What each step of the pipeline costs: the real engine with its files, in this process, timed step by step.

No socket and no mitmproxy takes part: the sum is the product's own share of an exchange, without the proxy around it.
"""

import os
import statistics
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dlp
from dlp.bench import bodies
from dlp.core.edit import Edit
from dlp.core.errors import DlpError
from dlp.core.message import Direction, Endpoint, Message
from dlp.core.outcome import Refuse
from dlp.core.policy import Decision, Flow, Policy
from dlp.engine.approvals import Approvals
from dlp.engine.audit import Audit
from dlp.engine.classify import ClassifierConfig, build_classifier
from dlp.engine.delivery import Delivery, Steps
from dlp.engine.keys import create_key, load_key
from dlp.engine.pipeline import Apart, Classify, Engine, Run
from dlp.engine.sessions import Sessions
from dlp.engine.work import Call, Work
from dlp.hooks.host import Host, load_host
from dlp.policy.load import load_policy
from dlp.stores.sqlite import SqliteStore
from dlp.wire.body import Body, read_body
from dlp.wire.head import Head, read_request_head, read_response_head

STEPS = ("parse", "resolve", "classify", "trace", "decide", "transform", "record", "write", "rest")
"""The steps in their order; `rest` is what the pipeline spends between them."""

_LIMIT = 10_000_000
_PLUGINS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("dlp_presidio", {"ner": "off"}),
    ("dlp_secrets", {}),
    ("dlp_tokens", {}),
)
_REQUEST = (
    (b"Host", b"localhost"),
    (b"User-Agent", b"bench/1"),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"gzip, deflate"),
)


class _TimedDelivery(Delivery):
    """The transform step, noting what it takes."""

    def __init__(self, policy: Policy, host: Host, decide: Any, timed: Any) -> None:
        super().__init__(policy, host, decide)
        self._timed = timed

    def outbound(self, work: Work) -> Steps[list[Edit]]:
        return self._each(super().outbound(work))

    def inbound(self, work: Work) -> Steps[list[Edit]]:
        return self._each(super().inbound(work))

    def _each(self, steps: Steps[list[Edit]]) -> Steps[list[Edit]]:
        answer: object = None
        try:
            while True:
                answer = yield self._timed("transform", steps.send, answer)
        except StopIteration as end:
            edits: list[Edit] = end.value
            return edits


class _Timed(Engine):
    """The engine, noting what its steps take."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.spent = dict.fromkeys(STEPS, 0)
        self._delivery = _TimedDelivery(self.policy, self.host, self._decide, self.timed)

    def timed[**P, T](self, step: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do one piece of work and add what it took to a step."""
        start = time.perf_counter_ns()
        try:
            return work(*args, **kwargs)
        finally:
            self.spent[step] += time.perf_counter_ns() - start

    def _resolve(self, work: Any) -> None:
        self.timed("resolve", super()._resolve, work)

    def _classify(self, work: Any) -> Generator[Any, Any]:
        start = time.perf_counter_ns()
        yield from super()._classify(work)
        self.spent["classify"] += time.perf_counter_ns() - start

    def _trace(self, work: Any) -> list[Flow]:
        return self.timed("trace", super()._trace, work)

    def _decide(self, work: Any, flows: Sequence[Flow], reviewed: frozenset[str] = frozenset()) -> Decision:
        return self.timed("decide", super()._decide, work, flows, reviewed)

    def _conclude(self, work: Any, decision: Decision) -> Run:
        before = self.spent["transform"]
        start = time.perf_counter_ns()
        outcome = yield from super()._conclude(work, decision)
        # What is not rewriting is recording: the audit, and the store's batch.
        self.spent["record"] += time.perf_counter_ns() - start - (self.spent["transform"] - before)
        return outcome


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of exchange: what is asked for, and the bodies of the request and of the answer."""

    name: str
    path: str
    answer: Callable[[int], bytes]
    body: Callable[[int], bytes] | None = None


CASES = (
    Case("clean GET", "/clean", bodies.clean),
    Case("POST both ways", "/clean", bodies.clean, bodies.clean),
    Case("five new values", "/personal", bodies.personal),
)


class Rig:
    """The engine over a policy file, with a store and an audit log below `folder`; `cache` keeps the compiled scan."""

    def __init__(self, policy_file: Path, folder: Path, port: int, cache: Path) -> None:
        folder.mkdir()
        here = Path(dlp.__file__).parent
        packs = next(folder for folder in (here.parent / "dlp_rules", here.parent / "rules") if folder.is_dir())
        policy = load_policy(policy_file, packs=packs)
        config = ClassifierConfig(_PLUGINS, tuple(policy.classes.values()), cache)
        create_key(folder / "key")
        self._store = SqliteStore(folder / "state.db")
        self._audit = Audit(folder / "audit.jsonl")
        sessions = Sessions(self._store, load_key(folder / "key"), time.time, os.urandom)
        self._classifier = build_classifier(config)
        self._classifier.narrow()
        self._engine = _Timed(
            policy=policy,
            store=self._store,
            host=load_host(config.plugins),
            classifier=self._classifier,
            sessions=sessions,
            approvals=Approvals(self._store, time.time, os.urandom),
            audit=self._audit,
            clock=time.time,
            random=os.urandom,
        )
        self._session = sessions.open("bench")[0]
        self._port = port

    def close(self) -> None:
        """Release the files."""
        self._audit.close()
        self._store.close()

    def clean(self, make: Callable[[int], bytes], count: int = 500) -> float:
        """Return which share of the bodies the one scan over their surface sees nothing in, from 0 to 1."""
        blocks = [read_body(make(number), "application/json", "", limit=_LIMIT).block for number in range(count)]
        return sum(self._classifier.clean(block) for block in blocks) / count

    def measure(self, case: Case, count: int = 1000, warm: int = 100) -> dict[str, float]:
        """Return the median time of each step in µs, request and answer together.

        Raises:
            DlpError: a message of the load was refused.

        """
        taken: list[dict[str, int]] = []
        for number in range(warm + count):
            spent = self._engine.spent = dict.fromkeys(STEPS, 0)
            start = time.perf_counter_ns()
            self._exchange(case, number)
            spent["rest"] = time.perf_counter_ns() - start - sum(spent.values())
            taken.append(spent)
        return {step: statistics.median(spent[step] for spent in taken[warm:]) / 1000 for step in STEPS}

    def _exchange(self, case: Case, number: int) -> None:
        timed = self._engine.timed
        raw = case.body(number) if case.body else b""
        answer = case.answer(number)
        call = Call(self._session, os.urandom(16).hex())
        method = "POST" if case.body else "GET"
        endpoint = Endpoint("http", f"http://localhost:{self._port}", method, case.path)
        fields = (*_REQUEST, *_described(raw)) if raw else _REQUEST
        head = timed("parse", read_request_head, method, "localhost", f"{case.path}?page={number}", fields)
        self._cross(call, Direction.OUTBOUND, endpoint, head, raw)
        head = timed("parse", read_response_head, 200, "OK", _described(answer))
        self._cross(call, Direction.INBOUND, endpoint, head, answer)

    def _cross(self, call: Call, direction: Direction, endpoint: Endpoint, head: Head, raw: bytes) -> None:
        timed = self._engine.timed
        body = timed("parse", read_body, raw, "application/json" if raw else "", "", limit=_LIMIT)
        run = self._engine.judge(call, Message(direction, endpoint, (*head.blocks, body.block)))
        answer: Any = None
        try:
            while True:
                wait = run.send(answer)
                if isinstance(wait, Classify):
                    answer = self._classifier.classify(wait.parts)
                else:
                    answer = wait.task() if isinstance(wait, Apart) else None
        except StopIteration as end:
            outcome = end.value
        if isinstance(outcome, Refuse):
            raise DlpError(f"bench: expected every message to pass, got a refusal: {outcome.title}: {outcome.detail}")
        if outcome.edits:
            timed("write", _write, head, body, outcome.edits)


def _described(raw: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(raw)))


def _write(head: Head, body: Body, edits: Sequence[Edit]) -> bytes:
    count = sum(len(block.parts) for block in head.blocks)
    head.write([edit for edit in edits if edit.part < count])
    return body.write([replace(edit, part=edit.part - count) for edit in edits if edit.part >= count])
