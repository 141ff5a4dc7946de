"""The eight steps every message takes: parse, resolve, classify, trace, decide, transform, approve, record.

Written as a generator: it yields what has to be waited for (a classification in another process, an approval), its
adapter waits in its own way and sends the answer back in. Longer than most modules because the order of the steps is
one subject; the transform step is in `delivery`, what is told of a message in `telling`.
"""

import copy
import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dlp.core.errors import PluginError, PolicyError
from dlp.core.finding import Finding
from dlp.core.label import RAW, SANDBOX, TOKENISED, DataClass
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
from dlp.core.ports import AuditEntry, Clock, Random, Store
from dlp.core.token import TOKEN, lookalikes
from dlp.engine import combining, telling, tracing
from dlp.engine.approvals import Answer, Approvals
from dlp.engine.budget import Budget
from dlp.engine.classify import Classifier
from dlp.engine.delivery import Delivery
from dlp.engine.noting import noted, watched
from dlp.engine.past import Past
from dlp.engine.sessions import Sessions
from dlp.engine.tracing import BY_TOKEN
from dlp.engine.vault import Known, Vault
from dlp.engine.work import Call, Work
from dlp.hooks.host import Host

_MAX_PASTS = 1024
_MAX_PLAIN = 4096
_ANYONE = "reviewer"  # who may answer where a rule asks and names nobody
_INLINE_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class Classify:
    """Wait for the classifiers' findings in these parts, numbered from zero; send them in as the answer."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until the approval is answered, or until the time is up; send None."""

    approval: str
    until: float


type Wait = Classify | Hold
type Run = Generator[Wait, Sequence[Finding] | None, Outcome]


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
        self._delivery = Delivery(policy, host, self._decide)
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
        new._delivery = Delivery(policy, host, new._decide)  # noqa: SLF001 - one of its own
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
            following=telling.LISTED_ONLY,
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
            work = Work(call, message, self._event(), started, past)
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

    def _judge(self, work: Work) -> Run:
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
            raise telling.EndedError

    def _resolve(self, work: Work) -> None:
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

    def _classify(self, work: Work) -> Generator[Wait, Sequence[Finding] | None]:
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

    def _remember_clean(self, work: Work, blocks: Sequence[Block]) -> None:
        """Let the classifier know which blocks that may come again it has looked at in vain."""
        seen = {id(work.parts[finding.part]) for finding in work.findings}
        for block in blocks:
            if block.key is not None and not any(id(part) in seen for part in block.parts):
                self.classifier.remember_clean(block)

    def _recognise(self, work: Work, exposed: Sequence[Known]) -> None:
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
        self, work: Work, parts: Sequence[tuple[int, Part]]
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
    def _add(work: Work, finding: Finding, known: Known | None = None) -> None:
        if known is not None:
            work.known[len(work.findings)] = known
        work.findings.append(finding)

    def _trace(self, work: Work) -> list[Flow]:
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
        # Built anew rather than replaced: this runs for every flow of every message.
        return Flow(flow.data_class, flow.state, flow.route, None if flow.finding is None else 0, part)

    def _decide(self, work: Work, flows: Sequence[Flow], reviewed: frozenset[str] = frozenset()) -> Decision:
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

    def _work_out(self, work: Work, flows: Sequence[Flow]) -> None:
        """State the facts that rules which combine ask for; the session may have read on since they last were."""
        wanted = self.policy.combined_facts
        if wanted:
            values = combining.Values(work.parts, work.findings, work.known)
            told = {name: fact for name, fact in work.facts.items() if name not in wanted}
            found = combining.worked_out(self.policy, work.past, told, work.call.session.facts, flows, values)
            work.facts = told | found

    def _extra(self, flows: Sequence[Flow], work: Work) -> Sequence[Ruling]:
        if not self.host.rules:
            return ()
        return [ruling for flow in flows for ruling in self.host.rule(flow, flows, work.facts)]

    def _approve(self, work: Work, decision: Decision) -> Generator[Wait, Sequence[Finding] | None, Decision]:
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
            approval = self.approvals.request(
                session, binding, telling.summary(work, decision), asked, self._grant_life
            )
            work.approval = approval.id
            if approval.answer is not Answer.PENDING or self._clock() >= until:
                return decision
            yield Hold(approval.id, until)
            self._check_open(work.call)
            work.past.refresh()
            work.flows = self._trace(work)
            decision = self._decide(work, work.flows)
        return decision

    def _binding(self, work: Work, decision: Decision) -> str:
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

    def _conclude(self, work: Work, decision: Decision) -> Outcome:
        """Transform, record, and only then say what the adapter must do."""
        if decision.verdict >= Verdict.ASK:
            return self._refusal(work, decision)
        if not (work.looked_at or work.carries or work.reading):
            self._record(work, decision)
            return Forward(work.event)
        try:
            with self.store.batch():
                edits = self._delivery.outbound(work) if work.outbound else self._delivery.inbound(work)
                self._record(work, decision)
        except Exception:
            work.past.forget()  # the batch is undone; memory must not know more than the store
            raise
        return Forward(work.event, tuple(edits))

    # --- what is recorded, and what the sandbox is told ---------------------------------------------------------------

    def _refusal(self, work: Work, decision: Decision) -> Refuse:
        """Record a refusal and say what would make the message pass; only the winning rule is named."""
        with self.store.batch():
            if not work.outbound:
                self._delivery.taint_carried(work)
            self._record(work, decision)
        return telling.refusal(work, decision)

    def _fail(self, call: Call, message: Message, error: Exception) -> Refuse:
        """Refuse a message that could not be judged. A foreign error's text is not told: it may quote a value."""
        past = self._pasts.get(call.session.id)
        if past is not None:
            past.forget()
        kind, title, detail, following = telling.failure(error)
        self.on_error(error)
        return self.refuse(
            call, message.direction, kind, title, detail, following=following, endpoint=message.endpoint, retryable=True
        )

    def on_error(self, error: Exception) -> None:
        """Take note of an error that refused a message; the shell replaces this to log the type and the place."""

    def _record(self, work: Work, decision: Decision) -> None:
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
            labels=telling.notes(work) if len(work.flows) > 1 else (),
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


def _look_at(work: Work, unclear: Sequence[Block], telling: Sequence[Block]) -> list[tuple[int, Part]]:
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


_NOT_TOLD = frozenset({"purpose", "opaque", "part"})
"""Facts that the proxy or the orchestrator states, or nobody."""


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
