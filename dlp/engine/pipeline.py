"""The eight steps every message takes: parse, resolve, classify, trace, decide, transform, approve, record.

Written as a generator: it yields what has to be waited for (a classification in another process, an approval), its
adapter waits in its own way and sends the answer back in. Longer than most modules because it is one subject: whoever
reads it top to bottom has read everything that can happen to a message.
"""

import copy
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import ParseError, PluginError, PolicyError, StoreError
from dlp.core.finding import Finding
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, TOKENISED, DataClass, Label, State
from dlp.core.message import Block, Direction, Endpoint, Fact, Kind, Message, Part
from dlp.core.outcome import Forward, Outcome, Refuse
from dlp.core.policy import (
    Decision,
    FactSpec,
    Flow,
    Policy,
    Route,
    Ruling,
    Verdict,
    carries_of,
    decide,
    facts_of,
    fields_of,
    leading,
    names_host,
    read_facts,
    sink_of,
    source_of,
)
from dlp.core.ports import AuditEntry, Clock, LabelNote, Random, Store
from dlp.core.token import TOKEN, escapes, lookalikes
from dlp.engine import combining, rewriting, tracing
from dlp.engine.approvals import Answer, Approvals
from dlp.engine.budget import Budget
from dlp.engine.classify import Classifier
from dlp.engine.matching import decodings, whole_only
from dlp.engine.noting import noted, watched
from dlp.engine.past import Past
from dlp.engine.sessions import SessionInfo, Sessions
from dlp.engine.vault import Known, Origin, Vault
from dlp.hooks.host import Host

_SEGMENT = re.compile(r"[^/\\\\?#%;\x00-\x1f]*[^/\\\\?#%;.\x00-\x1f][^/\\\\?#%;\x00-\x1f]*")  # and more than dots
_MAX_PASTS = 1024
_MAX_PLAIN = 4096
_ANYONE = "reviewer"  # who may answer where a rule asks and names nobody
_INLINE_BYTES = 16 * 1024
_MAX_VALUES = 1_000_000
_PREVIEW = 2000  # characters a part
_PREVIEW_LINES = 100


@dataclass(frozen=True, slots=True)
class Classify:
    """Wait for the classifiers' findings in these parts, numbered from zero; send them in as the answer."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until the approval is answered, or until the time is up; send None."""

    approval: str
    until: float


_NOWHERE = Route(SANDBOX, None)

type Wait = Classify | Hold
type Run = Generator[Wait, Sequence[Finding] | None, Outcome]


@dataclass(slots=True)
class Call:
    """One exchange through the wall: a request and its answer. `event` is the last decision made on it."""

    session: SessionInfo
    trace: str
    sandbox_trace: str = ""
    event: str = ""


@dataclass
class _Work:
    """What is known of one message so far; each step adds to it."""

    call: Call
    message: Message
    event: str
    started: float
    past: Past
    facts: dict[str, Fact] = field(default_factory=dict)
    source: str = SANDBOX
    fields: Sequence[tuple[DataClass, Callable[[str], bool]]] = ()
    carries: frozenset[DataClass] = frozenset()
    reading: combining.Reading = combining.NOTHING_NEW
    route: Route = _NOWHERE
    parts: tuple[Part, ...] = ()
    looked_at: list[tuple[int, Part]] = field(default_factory=list)
    traced: list[tuple[int, Part]] = field(default_factory=list)  # those that may hold what the session knows
    findings: list[Finding] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    inner: dict[int, str] = field(default_factory=dict)  # by number of the finding: what an encoded run held
    flows: list[Flow] = field(default_factory=list)
    opaque: bool = False
    runs: list[tracing.Encoded] = field(default_factory=list)
    rulings: dict[int, Ruling] = field(default_factory=dict)  # by number of the finding
    counts: Counter[str] = field(default_factory=Counter)
    approval: str = ""
    reviewed: tuple[str, ...] = ()

    @cached_property
    def disguised(self) -> frozenset[str]:
        """Keys in which something was found: no path that leads through one is recorded as it is."""
        labelled = {finding.part for finding in self.findings}
        return frozenset(part.text for number, part in self.looked_at if number in labelled and part.kind is Kind.KEY)

    def path(self, part: Part) -> str:
        """Return a part's path as it may be recorded."""
        return tracing.shown_path(part.path, self.disguised)

    @property
    def upstream(self) -> str:
        """The upstream as it may be recorded: a host that no destination names, or with a label in it, is masked."""
        upstream = self.message.endpoint.upstream
        in_host = any(self.parts[finding.part].path.startswith("host/") for finding in self.findings)
        named = self.route.sink is not None and not in_host
        return upstream if named else tracing.shown_upstream(upstream, self.past)

    @property
    def labelled(self) -> Mapping[str, Sequence[str]]:
        """The texts in which something was found, by the path of their part."""
        found: dict[str, list[str]] = {}
        for finding in self.findings:
            part = self.parts[finding.part]
            found.setdefault(part.path, []).append(part.text[finding.start : finding.end])
        return found

    @cached_property
    def outbound(self) -> bool:
        return self.message.direction is Direction.OUTBOUND


class Log(Protocol):
    """Where entries are written; the file in `engine.audit` is one."""

    def write(self, entry: AuditEntry) -> None:
        """Write an entry durably, or raise StoreError."""
        ...


class Engine:
    """Judges messages: one policy, one store, one host of plugins."""

    def __init__(
        self,
        *,
        policy: Policy,
        store: Store,
        host: Host,
        classifier: Classifier,
        sessions: Sessions,
        approvals: Approvals,
        audit: Log,
        clock: Clock,
        random: Random,
        hold: float = 20.0,
        grant_life: float = 3600.0,
    ) -> None:
        self.policy = policy
        self.store = store
        self.host = host
        self.classifier = classifier
        self.sessions = sessions
        self.approvals = approvals
        self.audit = audit
        self._clock = clock
        self._random = random
        self._hold = hold
        self._grant_life = grant_life
        self._pasts: dict[str, Past] = {}
        self._plain_keys: set[object] = set()
        self._budget = Budget(store, clock)
        self._kinds = {spec.name: spec.token for spec in policy.classes.values()}

    def renewed(self, policy: Policy, host: Host, classifier: Classifier) -> "Engine":
        """Return an engine with another policy that shares all else; messages being judged stay with the old one.

        INVARIANT: both share `_pasts`. Two copies of a session's past on one connection would not see each other's
        taint, since a store's stamp says only what others wrote.
        """
        new = copy.copy(self)
        new.policy, new.host, new.classifier = policy, host, classifier
        self._kinds.update({spec.name: spec.token for spec in policy.classes.values()})
        return new

    # --- the adapter's doors ------------------------------------------------------------------------------------------

    def connect(self, call: Call, scheme: str, host: str, port: int) -> Refuse | None:
        """Refuse a connection to an address that no destination names, before a byte goes there."""
        if names_host(self.policy, scheme, host, port) or self.policy.otherwise is not Verdict.BLOCK:
            return None
        if self.policy.monitor:
            return None
        endpoint = Endpoint("http", f"{scheme}://{host}:{port}", "CONNECT")
        return self.refuse(
            call,
            Direction.OUTBOUND,
            "destination",
            "No destination of the policy names this address",
            "The policy lists where data may go; this host and port are not in the list.",
            following=_LISTED_ONLY,
            endpoint=endpoint,
        )

    def judge(self, call: Call, message: Message) -> Run:
        """Take a message through all steps; any error becomes a refusal of this message."""
        started = self._clock()
        try:
            stamp = self.store.stamp()
            self._check_open(call, stamp)
            over = self._budget.spend(call.session.id, self.policy.limits, call=message.direction is Direction.OUTBOUND)
            if over is not None and not self.policy.monitor:
                return self.refuse(
                    call,
                    message.direction,
                    "limit",
                    over.title,
                    over.detail,
                    following=over.following,
                    endpoint=message.endpoint,
                    retryable=over.retryable,
                )
            past = self.past(call.session.id)
            past.refresh(stamp)
            work = _Work(call, message, self._event(), started, past)
            if over is not None:
                work.counts["over the limit"] += 1
            return (yield from self._judge(work))
        except Exception as error:  # noqa: BLE001 - INVARIANT: any error refuses its message; nothing may pass by raising
            return self._fail(call, message, error)

    def refuse(
        self,
        call: Call,
        direction: Direction,
        kind: str,
        title: str,
        detail: str,
        *,
        following: str = "",
        endpoint: Endpoint | None = None,
        retryable: bool = False,
    ) -> Refuse:
        """Refuse for a reason found before or beside the policy, and record it. A failing audit still refuses."""
        event = self._event()
        at = endpoint or Endpoint("http", "", "")
        try:
            self.audit.write(
                AuditEntry(
                    event=event,
                    time=self._clock(),
                    trace=call.trace,
                    session=call.session.id,
                    agent=call.session.agent,
                    direction=direction.value,
                    protocol=at.protocol,
                    upstream=tracing.shown_upstream(at.upstream, self._pasts.get(call.session.id)),
                    operation=at.told,
                    source="",
                    sink="",
                    verdict="block",
                    rules=(),
                    labels=(),
                    policy=self.policy.digest,
                    reason=kind,
                    sandbox_trace=call.sandbox_trace,
                    version=self.policy.version,
                )
            )
        except Exception:  # noqa: BLE001 - the message is being refused already; what cannot be recorded is refused too
            detail = f"{detail} The audit could not be written."
        call.event = event
        return Refuse(kind, title, detail, event, call.trace, direction=direction, next=following, retryable=retryable)

    # --- the steps ----------------------------------------------------------------------------------------------------

    def _judge(self, work: _Work) -> Run:
        self._resolve(work)
        if work.outbound and work.route.sink is None and self._unlisted_ends_here():
            return self._conclude(work, self._decide(work, [Flow(None, RAW, work.route)]))
        yield from self._classify(work)
        work.flows = self._trace(work)
        decision = self._decide(work, work.flows)
        if decision.verdict is Verdict.ASK:
            decision = yield from self._approve(work, decision)
        return self._conclude(work, decision)

    def _check_open(self, call: Call, stamp: object = None) -> None:
        if not self.sessions.alive(call.session.id, stamp):
            raise _EndedError

    def _resolve(self, work: _Work) -> None:
        """Name the source or the sink, and gather the facts that rules can use."""
        message, info = work.message, work.call.session
        endpoint = message.endpoint
        facts: dict[str, Fact] = dict(info.facts)
        scheme, _, address = endpoint.upstream.partition("://")
        host, _, port = address.rpartition(":")
        for name, fact in self.host.describe(message, endpoint).items():
            if name not in self.policy.trusted and name not in _NOT_TOLD and " " not in name:
                facts.setdefault(name, fact)  # what only the orchestrator or the proxy states, nobody else does
        specs = facts_of(self.policy, endpoint, inbound=not work.outbound)
        if specs:
            for name, fact in _declared(specs, message, work.past).items():
                facts.setdefault(name, fact)  # what the orchestrator stated stands
        facts |= {
            "method": endpoint.operation,
            "operation": endpoint.operation,
            "upstream": endpoint.upstream,
            "scheme": scheme,
            "host": host,
            "port": int(port),
            "path": endpoint.path,
            "direction": message.direction.value,
            "agent": info.agent,
        }
        if info.purpose:
            facts["purpose"] = info.purpose
        work.facts = facts
        if work.outbound:
            work.route = sink_of(self.policy, endpoint, facts)
        else:
            work.source = source_of(self.policy, endpoint, facts)
            work.route = Route(work.source, SANDBOX)
            work.fields = fields_of(self.policy, endpoint)
            work.reading = combining.reading(self.policy, endpoint, work.past)
        work.carries = carries_of(self.policy, endpoint)

    def _unlisted_ends_here(self) -> bool:
        return self.policy.otherwise is Verdict.BLOCK and not self.policy.monitor

    def _classify(self, work: _Work) -> Generator[Wait, Sequence[Finding] | None]:
        """Find labels: what the classifiers see, what the source declares, what the session knows."""
        past, message = work.past, work.message
        guarded = tracing.is_guarding(self.policy, past.ledger) or not work.outbound
        exposed = [] if work.outbound else tracing.exposed(past, message.endpoint.upstream)
        unclear = [block for block in message.blocks if work.fields or not self.classifier.clean(block)]
        telling = [
            block
            for block in message.blocks
            if not self._plain(block, past, guarded=guarded) or tracing.shows(block, exposed)
        ]
        if not (unclear or telling):
            return
        to_classify = _look_at(work, unclear, telling)
        work.runs = tracing.encoded(work.traced)
        if work.outbound and past.ledger.any_marked("escaped"):
            work.runs += tracing.escaped(work.traced)
        found = yield from self._ask_classifiers(work, to_classify)
        own = work.source
        for finding, inner in found:
            if inner:
                work.inner[len(work.findings)] = inner
            self._add(work, replace(finding, source=own))
        self._remember_clean(work, unclear)
        for finding in tracing.field_findings(work.fields, work.looked_at):
            self._add(work, replace(finding, source=own))
        self._recognise(work, exposed)
        work.opaque = tracing.unreadable(work.traced, work.runs, past, message.endpoint.upstream)
        work.facts["opaque"] = any(part.kind is Kind.OPAQUE for _, part in work.traced)

    def _plain(self, block: Block, past: Past, *, guarded: bool) -> bool:
        """Ask `tracing.plain`; while the session knows no values, the answer on a block that comes again is kept."""
        if block.key is None or past.index:
            return tracing.plain(block, past, guarded=guarded)
        key = (block.key, guarded)
        if key not in self._plain_keys:
            if not tracing.plain(block, past, guarded=guarded):
                return False
            if len(self._plain_keys) >= _MAX_PLAIN:
                self._plain_keys.clear()
            self._plain_keys.add(key)
        return True

    def _remember_clean(self, work: _Work, blocks: Sequence[Block]) -> None:
        """Let the classifier know which blocks that may come again it has looked at in vain."""
        seen = {id(work.parts[finding.part]) for finding in work.findings}
        for block in blocks:
            if block.key is not None and not any(id(part) in seen for part in block.parts):
                self.classifier.remember_clean(block)

    def _recognise(self, work: _Work, exposed: Sequence[Known]) -> None:
        """Add what the session knows: its own tokens, and values it has hidden or let in before."""
        own = work.source
        for seen in tracing.sightings(work.traced, work.runs, work.past, exposed):
            finding = seen.finding
            if work.outbound:
                self._add(work, finding, seen.known)
                if seen.known is not None and finding.by != BY_TOKEN and seen.known.hidden:
                    work.counts["guessed"] += 1
            elif finding.state != TOKENISED:  # a token that comes back is dealt with as a token, not as its value
                self._add(work, replace(finding, source=own), seen.known)
                if finding.source != own and seen.known is not None:
                    self._add(work, finding, seen.known)

    def _ask_classifiers(
        self, work: _Work, parts: Sequence[tuple[int, Part]]
    ) -> Generator[Wait, Sequence[Finding] | None, Iterator[tuple[Finding, str]]]:
        """Have the classifiers look at these parts and at what encoded runs decode to.

        Spans fit the parts; with a finding in an encoded run comes the text that was seen inside.
        """
        numbers = [number for number, part in parts if part.kind is not Kind.OPAQUE]
        texts = [_without_tokens(work.parts[number], work.past.vault) for number in numbers]
        runs = [run for run in work.runs if run.decoding.text]
        texts += [
            Part(work.parts[run.part].path, run.decoding.text or "", name=work.parts[run.part].name) for run in runs
        ]
        if not texts:
            return iter(())
        size = sum(len(part.text) for part in texts)
        if self.classifier.needs_model or size > _INLINE_BYTES:
            answer = yield Classify(tuple(texts))
            if answer is None:
                raise PluginError("the classifiers gave no answer")
            self._check_open(work.call)
            work.past.refresh()  # the session may have read on meanwhile: what it carries now is what counts
        else:
            answer = self.classifier.classify(texts)

        def fitted() -> Iterator[tuple[Finding, str]]:
            for finding in answer:
                if finding.part < len(numbers):
                    yield replace(finding, part=numbers[finding.part]), ""
                else:
                    run = runs[finding.part - len(numbers)]
                    at = run.decoding
                    inner = (at.text or "")[finding.start : finding.end]
                    yield replace(finding, part=run.part, start=at.start, end=at.end, form=at.form), inner

        return fitted()

    @staticmethod
    def _add(work: _Work, finding: Finding, known: Known | None = None) -> None:
        if known is not None:
            work.known[len(work.findings)] = known
        work.findings.append(finding)

    def _trace(self, work: _Work) -> list[Flow]:
        """Return the flows of the message: itself, what is found in it, and what the session carries along."""
        flows = [Flow(None, RAW, work.route)]
        if work.findings:
            flows += tracing.flows_of(work.findings, work.parts, work.route)
        if work.outbound:
            flows += tracing.carried(self.policy, work.past.ledger, work.route, opaque=work.opaque)
        return flows

    def _grouped(self, flow: Flow) -> Flow:
        """Return what stands for all flows that no rule can tell from this one."""
        part = flow.part if "part" in self.policy.facts_used else ""
        return replace(flow, finding=None if flow.finding is None else 0, part=part)

    def _decide(self, work: _Work, flows: Sequence[Flow], reviewed: frozenset[str] = frozenset()) -> Decision:
        """Decide on the message; flows that no rule can tell apart are decided once."""
        self._work_out(work, flows)
        now = self._clock()
        if len(flows) == 1:
            return decide(self.policy, flows, work.facts, now=now, extra=self._extra(flows, work), reviewed=reviewed)
        groups: dict[Flow, Flow] = {}
        members: dict[Flow, list[int]] = {}
        for flow in flows:
            group = self._grouped(flow)
            groups.setdefault(group, flow)
            if flow.finding is not None:
                members.setdefault(group, []).append(flow.finding)
        # A plugin may look at the findings themselves; rules see no more than the groups, which come again.
        distinct = list(groups.values() if self.host.rules else groups)
        extra = self._extra(distinct, work)
        decision = decide(self.policy, distinct, work.facts, now=now, extra=extra, reviewed=reviewed)
        work.rulings = {
            number: ruling
            for group, ruling in zip(groups, decision.rulings, strict=True)
            for number in members.get(group, ())
        }
        return decision

    def _work_out(self, work: _Work, flows: Sequence[Flow]) -> None:
        """State the facts that rules which combine ask for; the session may have read on since they last were."""
        wanted = self.policy.combined_facts
        if wanted:
            values = combining.Values(work.parts, work.findings, work.known)
            told = {name: fact for name, fact in work.facts.items() if name not in wanted}
            found = combining.worked_out(self.policy, work.past, told, work.call.session.facts, flows, values)
            work.facts = told | found

    def _extra(self, flows: Sequence[Flow], work: _Work) -> Sequence[Ruling]:
        if not self.host.rules:
            return ()
        return [ruling for flow in flows for ruling in self.host.rule(flow, flows, work.facts)]

    def _approve(self, work: _Work, decision: Decision) -> Generator[Wait, Sequence[Finding] | None, Decision]:
        """Look for a grant for exactly this message; ask for one and wait a while where there is none.

        While it waits the session may read on, or be stopped: every turn judges what the session carries by then.
        """
        session = work.call.session.id
        until = self._clock() + self._hold
        while decision.verdict is Verdict.ASK:
            binding = self._binding(work, decision)
            granted = self.approvals.granted(session, binding)
            if granted:
                decision = self._decide(work, work.flows, frozenset(approval.by for approval in granted))
                if decision.verdict < Verdict.ASK:
                    if all(self.approvals.consume(approval.id) for approval in granted):
                        work.reviewed = tuple(sorted({approval.by for approval in granted}))
                        return decision
                    raise PolicyError("the approval was used by another request while this one was held")
                if decision.verdict > Verdict.ASK:
                    return decision
            approvers = {name for ruling in decision.rulings if ruling.enforced for name in ruling.approvers}
            asked = tuple(sorted(approvers)) or (_ANYONE,)
            approval = self.approvals.request(session, binding, self._summary(work, decision), asked, self._grant_life)
            work.approval = approval.id
            if approval.answer is not Answer.PENDING or self._clock() >= until:
                return decision
            yield Hold(approval.id, until)
            self._check_open(work.call)
            work.past.refresh()
            work.flows = self._trace(work)
            decision = self._decide(work, work.flows)
        return decision

    def _binding(self, work: _Work, decision: Decision) -> str:
        """Return what a grant is bound to: agent, session, sink, method, body, values, labels and policy digest."""
        info, endpoint = work.call.session, work.message.endpoint
        digest = hashlib.sha256()
        labels = sorted(f"{flow.data_class} {flow.state} {flow.route.source}" for flow in work.flows)
        values = [known.text for _, known in sorted(work.known.items())]
        texts = [piece for part in work.message.parts for piece in (part.path, part.text)]
        texts += [repr(block.key) if block.raw is None else block.raw.hex() for block in work.message.blocks]
        for piece in (
            *(info.agent, info.id, work.message.direction, work.route.sink or "", decision.digest),
            *(endpoint.upstream, endpoint.operation, endpoint.path),
            *labels,
            *values,
            *texts,
        ):
            data = piece.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8) + data)
        return digest.hexdigest()

    def _summary(self, work: _Work, decision: Decision) -> Mapping[str, object]:
        """Return what an approver is shown: names, paths, counts and the lineage; labelled spans are left out."""
        asked = [ruling for ruling in decision.rulings if ruling.verdict is Verdict.ASK]
        return {
            "agent": work.call.session.agent,
            "purpose": work.call.session.purpose,
            "direction": work.message.direction.value,
            "destination": work.route.sink,
            "upstream": work.upstream,
            "operation": work.message.endpoint.told,
            "rules": sorted({ruling.rule for ruling in asked}),
            "says": sorted({ruling.says for ruling in asked if ruling.says}),
            "labels": [
                {
                    "data": note.label.data_class,
                    "state": note.label.state,
                    "from": note.label.source,
                    "count": note.count,
                    "path": note.path,
                    "form": note.form,
                    "read_in": note.origin,
                    "read_at": note.origin_path,
                }
                for note in self._notes(work)
            ],
            "parts": [{"path": work.path(part), "length": len(part.text)} for part in work.message.parts],
            "preview": work.past.seal.seal(_preview(work).encode("utf-8", "replace"), b"preview").hex(),
            "event": work.event,
            "trace": work.call.trace,
        }

    def _conclude(self, work: _Work, decision: Decision) -> Outcome:
        """Transform, record, and only then say what the adapter must do."""
        if decision.verdict >= Verdict.ASK:
            return self._refusal(work, decision)
        if not (work.looked_at or work.carries or work.reading):
            self._record(work, decision)
            return Forward(work.event)
        try:
            with self.store.batch():
                edits = self._edit_outbound(work) if work.outbound else self._edit_inbound(work)
                self._record(work, decision)
        except Exception:
            work.past.forget()  # the batch is undone; memory must not know more than the store
            raise
        return Forward(work.event, tuple(edits))

    def _edit_outbound(self, work: _Work) -> list[Edit]:
        """Put values back where the rules allow them raw; rewrite what a rule wants rewritten; unescape look-alikes."""
        self._taint_carried(work)
        wanted: dict[int, str] = {}
        for number, finding in enumerate(work.findings):
            ruling = work.rulings[number]
            if ruling.verdict is Verdict.TRANSFORM and finding.by != BY_TOKEN:
                if finding.form != "exact" or finding.data_class == OPAQUE:
                    raise PolicyError("a rule wants a value rewritten that stands in an encoding; only block can help")
                wanted[number] = ruling.transform
        past, upstream = work.past, work.message.endpoint.upstream
        past.ledger.mark(  # what the session sent there itself, nobody can have issued to it
            "own",
            [
                mark
                for run in work.runs
                if run.decoding.text is None and not past.ledger.marked("issued", mark := _mark_of(work, run))
            ],
        )
        edits = self._put_back(work, upstream)
        spans = rewriting.spans_of(work.parts, work.findings, wanted)
        replaced = [(span.part, _text(work.parts, span)) for span in spans]
        for span, (_, text) in zip(spans, replaced, strict=True):
            if span.transform == "tokenize":
                labels = {Label(work.findings[n].data_class, RAW, work.findings[n].source) for n in span.findings}
                work.past.vault.note(text, labels, Origin(work.event, work.path(work.parts[span.part]), "tokenize"))
            edits.append(Edit(span.part, span.start, span.end, self._transform(work, span, text)))
        if rewriting.leftovers(work.parts, [edit for edit in edits if edit.end > edit.start], replaced):
            raise PolicyError("an edited part still holds the value that was to be replaced")
        if work.past.ledger.any_marked("escaped"):
            for number, part in work.looked_at:
                edits += [Edit(number, at, at + 1, "") for at in escapes(part.text)]
        return edits

    def _put_back(self, work: _Work, upstream: str) -> list[Edit]:
        """Return the edits that put values in the place of their tokens; note the tokens that go out as they are."""
        tokens: dict[tuple[int, int, int], list[int]] = {}
        for number, finding in enumerate(work.findings):
            if finding.by == BY_TOKEN and finding.form == "exact":
                tokens.setdefault((finding.part, finding.start, finding.end), []).append(number)
        edits: list[Edit] = []
        sent: list[bytes] = []
        exposed: list[bytes] = []
        for (part, start, end), numbers in tokens.items():
            known = work.known[numbers[0]]
            transforms = {r.transform for n in numbers if (r := work.rulings[n]).verdict is Verdict.TRANSFORM}
            transform = max(transforms, key=rewriting.strictness, default="")
            if transform == "tokenize":
                sent.append(_sent_mark(upstream, known.token))
                continue
            whole = start == 0 and end == len(work.parts[part].text)
            if transform:
                finding = work.findings[numbers[0]]
                view = _View(work.past.vault, number=known.number)
                edits.append(Edit(part, start, end, self.host.transform(transform, finding, known.text, view)))
            else:
                if rewriting.melts(known.text, work.parts[part].text, start, end):
                    raise PolicyError("a token stands inside a word; its value would not be known when it comes back")
                if whole_only(known.text):
                    exposed.append(_sent_mark(upstream, known.token))
                work.counts["resolved"] += 1
                edits.append(Edit(part, start, end, known.text, number=whole and known.number))
        work.past.ledger.mark("sent", sent)
        work.past.ledger.mark("exposed", exposed)
        self._hold_course(work, edits)
        return edits

    def _hold_course(self, work: _Work, edits: Sequence[Edit]) -> None:
        """Refuse where values that were put back would make the message another one than was judged.

        A token in the path stands for a segment, and one in a name for a field: what is written must have the same
        destination, the same source, and the same decision.
        """
        named = [edit for edit in edits if work.parts[edit.part].kind is Kind.KEY]
        if named and facts_of(self.policy, work.message.endpoint, inbound=False):
            raise PolicyError("a token stands in the name of a field, where names decide which destination this is")
        path = work.message.endpoint.path
        for edit in edits:
            part = work.parts[edit.part]
            if part.path.startswith("url/"):
                if not edit.text or not _SEGMENT.fullmatch(edit.text):
                    raise PolicyError("a token stands in the path, and its value is more than one plain segment")
                path = path.replace(part.text[edit.start : edit.end], edit.text)
        if path == work.message.endpoint.path:
            return
        judged, written = work.message.endpoint, replace(work.message.endpoint, path=path)
        facts = work.facts | {"path": path}
        same = (
            sink_of(self.policy, written, facts) == work.route
            and source_of(self.policy, written) == source_of(self.policy, judged)
            and fields_of(self.policy, written) == fields_of(self.policy, judged)
            and carries_of(self.policy, written) == carries_of(self.policy, judged)
        )
        if same and "path" in self.policy.facts_used:
            before = work.rulings
            again = _Work(work.call, work.message, work.event, work.started, work.past, facts=facts)
            decided = self._decide(again, work.flows)
            same = decided.verdict <= Verdict.TRANSFORM and all(
                (ruling.verdict, ruling.transform) == (before[n].verdict, before[n].transform)
                for n, ruling in again.rulings.items()
            )
        if not same:
            raise PolicyError("with the values put back, this path is another destination or source than was judged")

    def _edit_inbound(self, work: _Work) -> list[Edit]:
        """Rewrite what may not enter as it is, and record what does enter as taint."""
        past = work.past
        self._taint_carried(work)
        wanted: dict[int, str] = {}
        in_part: dict[int, list[int]] = {}
        for number, finding in enumerate(work.findings):
            in_part.setdefault(finding.part, []).append(number)
            ruling = work.rulings[number]
            if ruling.verdict is Verdict.TRANSFORM:
                if finding.data_class == OPAQUE:
                    raise PolicyError(
                        "a rule wants something rewritten that cannot be read; only allow or block can help"
                    )
                wanted[number] = ruling.transform
            else:
                self._enter(work, finding, RAW, _text_of(work.parts, finding))
                if number in work.inner:
                    self._enter(work, finding, RAW, work.inner[number])
        spans = rewriting.spans_of(work.parts, work.findings, wanted)
        hidden = [span for span in spans if span.transform == "tokenize"]
        spans += rewriting.repetitions(work.looked_at, hidden, [_text(work.parts, span) for span in hidden])
        edits = [self._rewrite(work, span, in_part) for span in spans]
        if rewriting.leftovers(work.parts, edits, [(span.part, _text(work.parts, span)) for span in spans]):
            raise PolicyError("an edited part still holds the value that was to be replaced")
        edits += self._escape(work, spans)
        if work.reading:
            parts = work.message.parts if work.reading.untrusted else ()
            combining.note(self.policy, work.reading, parts, spans, past)
        past.ledger.mark(
            "issued",
            [
                mark
                for run in work.runs
                if run.decoding.text is None and not past.ledger.marked("own", mark := _mark_of(work, run))
            ],
        )
        return edits

    def _rewrite(self, work: _Work, span: rewriting.Span, in_part: Mapping[int, Sequence[int]]) -> Edit:
        """Return the edit that keeps a span from entering as it is; record what it becomes."""
        part, text, vault = work.parts[span.part], _text(work.parts, span), work.past.vault
        if span.transform == "tokenize":
            classes = {work.findings[number].data_class for number in span.findings}
            labels = {Label(data_class, TOKENISED, work.source) for data_class in classes}
            origin = Origin(work.event, work.path(part), span.transform)
            vault.note(text, labels, origin, number=part.kind is Kind.NUMBER)
            for number in span.findings:
                if number in work.inner:  # what was hidden inside an encoding stays hidden when it comes decoded
                    vault.note(work.inner[number], labels, origin)
            new = self._transform(work, span, text)
        else:
            new = self._transform(work, span, text)
            state = rewriting.state_made(span, work.rulings, in_part[span.part])
            for number in span.findings:
                self._enter(work, work.findings[number], state, new if span.transform in _TELLING else "", span)
        work.counts[span.transform] += 1
        return Edit(span.part, span.start, span.end, new)

    def _enter(
        self, work: _Work, finding: Finding, state: State, text: str, span: rewriting.Span | None = None
    ) -> None:
        """Record that data enters the sandbox in a state: as taint, and as a value to look for unless `text` is ""."""
        past = work.past
        label = Label(finding.data_class, state, finding.source)
        path = work.path(work.parts[finding.part])
        origin = Origin(work.event, path, span.transform if span else "")
        past.ledger.taint(label, origin)
        if not text or finding.data_class == OPAQUE:
            return
        if len(past.vault) < _MAX_VALUES:
            past.vault.note(text, [label], origin, number=work.parts[finding.part].kind is Kind.NUMBER)
            for inner in decodings(text):  # a value that enters encoded may leave decoded
                if inner.text and (inner.start, inner.end) == (0, len(text)):
                    past.vault.note(inner.text, [label], origin)
        else:  # memory is bounded without forgetting: what is not tracked as a value is carried by the session
            past.ledger.mark("coarse", [finding.data_class.encode()])

    def _taint_carried(self, work: _Work) -> None:
        """Record what every response of this source reveals something about: when it is asked, and when it answers.

        Once it was asked, whatever comes back tells something, a refusal too.
        """
        source = work.source if not work.outbound else source_of(self.policy, work.message.endpoint)
        for data_class in sorted(work.carries):
            work.past.ledger.taint(Label(data_class, DERIVED, source), Origin(work.event))

    def _escape(self, work: _Work, spans: Sequence[rewriting.Span]) -> list[Edit]:
        """Return the edits that keep an upstream's token-shaped text from being taken for this session's tokens."""
        ledger, vault, upstream = work.past.ledger, work.past.vault, work.message.endpoint.upstream
        edits = []
        for number, part in work.looked_at:
            for at, token in lookalikes(part.text):
                own = token and vault.of_token(token) and ledger.marked("sent", _sent_mark(upstream, token))
                inside = any(span.part == number and span.start < at <= span.end for span in spans)
                if not own and not inside:
                    edits.append(Edit(number, at, at, "~"))
        if edits:
            ledger.mark("escaped", [b"yes"])
            work.counts["escaped"] += len(edits)
        return edits

    def _transform(self, work: _Work, span: rewriting.Span, text: str) -> str:
        view = _View(work.past.vault, number=work.parts[span.part].kind is Kind.NUMBER)
        return self.host.transform(span.transform, span.finding, text, view)

    # --- what is recorded, and what the sandbox is told ---------------------------------------------------------------

    def _refusal(self, work: _Work, decision: Decision) -> Refuse:
        """Record a refusal and say what would make the message pass; only the winning rule is named."""
        with self.store.batch():
            if not work.outbound:
                self._taint_carried(work)
            self._record(work, decision)
        asked = decision.verdict is Verdict.ASK
        winner = leading(decision)
        what = winner.flow.data_class or "This message"
        where = "the sandbox" if not work.outbound else winner.flow.route.sink or "an address that no destination names"
        if asked:
            title = "A person has to agree first"
            detail = f"{what} may go to {where} once {' or '.join(winner.approvers) or 'a reviewer'} has approved it."
            following = "Poll the approval's status URL; when it says approved, send the identical request again."
        else:
            title = "The policy forbids this flow"
            detail = winner.says or f"No rule lets {what} go to {where}."
            following = _advice(winner, outbound=work.outbound)
        return Refuse(
            kind="approval" if asked else "flow",
            title=title,
            detail=detail,
            event=work.event,
            trace=work.call.trace,
            direction=work.message.direction,
            next=following,
            rule=winner.rule,
            says=winner.says,
            missing=winner.missing,
            approval=work.approval if asked else "",
            retryable=asked,
        )

    def _fail(self, call: Call, message: Message, error: Exception) -> Refuse:
        """Refuse a message that could not be judged. A foreign error's text is not told: it may quote a value."""
        past = self._pasts.get(call.session.id)
        if past is not None:
            past.forget()
        kind = next((kind for types, kind in _KINDS if isinstance(error, types)), "error")
        title, detail, following = _FAILURES[kind]
        if isinstance(error, (StoreError, PolicyError, PluginError, ParseError)):
            detail = f"{detail} {error}"  # our own errors hold names, paths and lengths only
        self.on_error(error)
        return self.refuse(
            call, message.direction, kind, title, detail, following=following, endpoint=message.endpoint, retryable=True
        )

    def on_error(self, error: Exception) -> None:
        """Take note of an error that refused a message; the shell replaces this to log the type and the place."""

    def _record(self, work: _Work, decision: Decision) -> None:
        """Write the audit entry, before anything is delivered."""
        names: dict[str, None] = dict.fromkeys(ruling.rule for ruling in decision.matches if ruling.rule)
        would = max((r.verdict for r in decision.matches if not r.enforced), default=Verdict.ALLOW)
        info, endpoint, now = work.call.session, work.message.endpoint, self._clock()
        facts, withheld = noted(self.policy, endpoint, work.message.direction, work.facts, work.labelled)
        entry = AuditEntry(
            event=work.event,
            time=now,
            trace=work.call.trace,
            session=info.id,
            agent=info.agent,
            direction=work.message.direction.value,
            protocol=endpoint.protocol,
            upstream=work.upstream,
            operation=endpoint.told,
            source=work.source,
            sink=work.route.sink or "",
            verdict=decision.verdict.name.lower(),
            rules=tuple(names),
            labels=self._notes(work) if len(work.flows) > 1 else (),
            policy=decision.digest,
            reason=leading(decision).rule,
            counts=dict(work.counts),
            would=would.name.lower() if would > Verdict.ALLOW else "",
            sandbox_trace=work.call.sandbox_trace,
            approval=work.approval,
            ms=(now - work.started) * 1000,
            version=decision.version,
            facts=facts if work.route.sink is not None else {},
            withheld=withheld,
            possible=tuple(sorted(work.route.possible)),
            reviewed=work.reviewed,
            watched=watched(decision) if would else (),
        )
        self.audit.write(entry)
        self.host.record(entry)
        work.call.event = work.event

    def _notes(self, work: _Work) -> tuple[LabelNote, ...]:
        """Return the labels of a message with their counts and the lineage of the first of each."""
        notes: dict[tuple[Label, str, str], LabelNote] = {}
        for flow in work.flows:
            if flow.data_class is None:
                continue
            label = Label(flow.data_class, flow.state, flow.route.source)
            if flow.finding is None:
                origin, path, form, transform = work.past.ledger.origin(label), "", "taint", ""
            else:
                finding, known = work.findings[flow.finding], work.known.get(flow.finding)
                origin = known.origin if known else Origin()
                path, form = work.path(work.parts[finding.part]), finding.form
                ruling = work.rulings.get(flow.finding)
                transform = ruling.transform if ruling else ""
            key = (label, form, transform)
            note = notes.get(key)
            if note is not None:
                notes[key] = replace(note, count=note.count + 1)
            else:
                notes[key] = LabelNote(label, 1, path, form, transform, origin.event, origin.path)
        return tuple(notes.values())

    def _event(self) -> str:
        return self._random(8).hex()

    def past(self, session: str) -> Past:
        """Return what a session has behind it, as this worker remembers it."""
        past = self._pasts.pop(session, None)
        if past is None:
            past = Past(self.store, session, self.sessions.seal(session), self._token_kind)
            if len(self._pasts) >= _MAX_PASTS:  # the store has the truth; this only frees memory
                del self._pasts[next(iter(self._pasts))]
        self._pasts[session] = past  # the last used stands last
        return past

    def _token_kind(self, data_class: DataClass) -> str:
        return self._kinds.get(data_class) or data_class.rpartition(".")[2].upper()


class _View:
    """The part of a session's vault that transforms may use; it knows whether the text at hand was a number."""

    __slots__ = ("_number", "_vault")

    def __init__(self, vault: Vault, *, number: bool) -> None:
        self._vault = vault
        self._number = number

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:
        """Return the session's token for a value."""
        return self._vault.tokenise(data_class, text, number=number or self._number)

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex."""
        return self._vault.digest(text)


def _look_at(work: _Work, unclear: Sequence[Block], telling: Sequence[Block]) -> list[tuple[int, Part]]:
    """Note which parts, with their numbers, are looked at and which are traced; return those to classify."""
    work.parts = work.message.parts
    to_classify: list[tuple[int, Part]] = []
    number = 0
    for block in work.message.blocks:
        numbered = list(enumerate(block.parts, number))
        number += len(numbered)
        if block in unclear:
            to_classify += numbered
        if block in telling:
            work.traced += numbered
        else:  # a surface hides nothing, but what it says may turn out to be ambiguous
            work.traced += [(at, part) for at, part in numbered if part.kind is Kind.OPAQUE]
        if block in unclear or block in telling:
            work.looked_at += numbered
    return to_classify


BY_TOKEN = tracing.BY_TOKEN
_TELLING = frozenset({"generalise", "mask", "hash"})
"""Transforms whose result says enough about the value to be followed like one."""

_NOT_TOLD = frozenset({"purpose", "opaque", "part"})
"""Facts that the proxy or the orchestrator states, or nobody."""

_LISTED_ONLY = "Use a listed destination, or ask the operator to add this one to the policy's destinations."


class _EndedError(Exception):
    """The session is not open any more."""


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (_EndedError, "session"),
    (StoreError, "store"),
    (PluginError, "plugin"),
    (PolicyError, "policy"),
    (ParseError, "unreadable"),
    (TimeoutError, "timeout"),
)
_FAILURES = {
    "session": (
        "This session is not open",
        "The orchestrator has frozen or closed it; nothing goes in or out.",
        "Ask the orchestrator for a new session.",
    ),
    "store": ("The proxy cannot keep its state", "Nothing passes that cannot be recorded.", "Tell the operator."),
    "plugin": (
        "A classifier or another plugin failed",
        "Nothing passes that could not be judged.",
        "Tell the operator.",
    ),
    "policy": (
        "The policy asks for what cannot be done",
        "Nothing passes that could not be rewritten.",
        "Tell the operator.",
    ),
    "unreadable": (
        "The message cannot be read",
        "Nothing passes that could not be read.",
        "Send it in a form that can.",
    ),
    "timeout": ("Judging the message took too long", "Nothing passes unjudged.", "Send less at once, or try again."),
    "error": ("The proxy failed on this message", "Nothing passes that could not be judged.", "Tell the operator."),
}


def _advice(winner: Ruling, *, outbound: bool) -> str:
    """Return what the sandbox can do about a refusal."""
    if winner.missing:
        return "It would pass with: " + "; ".join(winner.missing) + "."
    if outbound and winner.flow.route.sink is None:
        return _LISTED_ONLY
    if winner.flow.finding is None and winner.flow.data_class is not None:
        return (
            "This session has already read such data in the clear; use a session that has not, or another destination."
        )
    if outbound:
        return "Leave this data out, or send it to a destination whose rules allow it."
    return "Ask the operator whether this data may enter the sandbox, and in which form."


def _declared(specs: Sequence[FactSpec], message: Message, past: Past) -> dict[str, Fact]:
    """Return the declared facts that the message states; what it states by a token is unknown."""
    hidden = {
        part.path
        for part in message.parts
        if any(past.vault.of_token(token) for _, token in lookalikes(part.text) if token)
    }
    return read_facts([spec for spec in specs if spec.path not in hidden], message.parts)


def _without_tokens(part: Part, vault: Vault) -> Part:
    """Return a part with the session's own tokens blanked out, so that no classifier takes one for a name."""
    if "[" not in part.text or not vault.tokens:
        return part
    text = TOKEN.sub(lambda m: "\0" * len(m.group()) if vault.of_token(m.group()) else m.group(), part.text)
    return part if text == part.text else replace(part, text=text)


def _text(parts: Sequence[Part], span: rewriting.Span) -> str:
    return parts[span.part].text[span.start : span.end]


def _text_of(parts: Sequence[Part], finding: Finding) -> str:
    return parts[finding.part].text[finding.start : finding.end]


def _mark_of(work: _Work, run: tracing.Encoded) -> bytes:
    text = work.parts[run.part].text[run.decoding.start : run.decoding.end]
    return tracing.issued_mark(work.past, work.message.endpoint.upstream, text)


def _sent_mark(upstream: str, token: str) -> bytes:
    return f"{upstream} {token}".encode()


_CREDENTIALS = re.compile(
    r"header/(?:authorization|proxy-authorization|x-api-key)(?:/.*)?|(?:header/(?:set-)?cookie|cookie/.*|url/password)",
    re.DOTALL,
)
_NOT_PREVIEWED = re.compile(
    r"header/(?:host|user-agent|accept|accept-(?:charset|encoding|language)|connection|content-(?:length|type))|host/.*"
)


def _preview(work: _Work) -> str:
    """Return the message's texts with every labelled span replaced by its class: what an approver may look at.

    One line a part, and no text can write a line of its own. What is left out for length is counted. The headers have
    lines of their own, so that neither they nor the body can be pushed out by the other.
    """
    findings: dict[int, list[int]] = {}
    for index, finding in enumerate(work.findings):
        findings.setdefault(finding.part, []).append(index)
    sections: dict[bool, list[tuple[int, Part]]] = {False: [], True: []}
    for number, part in enumerate(work.message.parts):
        head = part.path.startswith(("header/", "cookie/", "host/"))
        if not _NOT_PREVIEWED.fullmatch(part.path) and not (head and part.kind is Kind.KEY):
            sections[head].append((number, part))
    lines: list[str] = []
    for head, parts in sections.items():
        lines += [_previewed(work, number, part, findings.get(number, ())) for number, part in parts[:_PREVIEW_LINES]]
        if len(parts) > _PREVIEW_LINES:
            lines.append(f"({len(parts) - _PREVIEW_LINES} more {'headers' if head else 'parts'} left out)")
    return "\n".join(lines)


def _previewed(work: _Work, number: int, part: Part, findings: Sequence[int]) -> str:
    path = work.path(part) + (" (key)" if part.kind is Kind.KEY else "")
    if _CREDENTIALS.fullmatch(part.path):
        return f"{path}: <credentials>"
    if part.kind is Kind.OPAQUE:
        return f"{path}: ({part.length} bytes that cannot be read)"
    spans = rewriting.spans_of(work.parts, work.findings, dict.fromkeys(findings, "redact")) if findings else []
    edits = [Edit(number, span.start, span.end, f"<{span.finding.data_class}>") for span in spans]
    text = apply_edits(part.text, edits)
    more = f" ({len(text) - _PREVIEW} more characters left out)" if len(text) > _PREVIEW else ""
    return f"{path}: {''.join(map(_visible, text[:_PREVIEW]))}{more}"


def _visible(char: str) -> str:
    """Return a character as it can stand in a line: what ends lines, moves the cursor or is not seen is escaped."""
    return char if char.isprintable() and char != "\\" else char.encode("unicode_escape", "surrogatepass").decode()
