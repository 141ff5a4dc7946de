"""The eight steps every message takes: parse, resolve, classify, trace, decide, transform, approve, record.

Written as a generator: it yields what has to be waited for (a classification in another process, an approval), its
adapter waits in its own way and sends the answer back in. Longer than most modules because the order of the steps is
one subject; the transform step is in `delivery`, what is told of a message in `telling`.
"""

import copy
import hashlib
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from dlp.core.edit import Edit
from dlp.core.errors import PluginError, PolicyError
from dlp.core.finding import Finding
from dlp.core.label import RAW, SANDBOX, TOKENISED, DataClass, Label
from dlp.core.message import Block, Direction, Endpoint, Fact, Message, Part
from dlp.core.outcome import Forward, Outcome, Refuse
from dlp.core.policy import (
    Decision,
    FactSpec,
    Flow,
    Policy,
    Route,
    Ruling,
    Verdict,
    decide,
    leading,
    names_host,
    read_facts,
    sink_of,
    standing_of,
)
from dlp.core.ports import AuditEntry, Clock, Random, Store
from dlp.core.token import lookalikes
from dlp.engine import combining, looking, telling, tracing
from dlp.engine.approvals import Answer, Approvals
from dlp.engine.budget import Budget, Over
from dlp.engine.classify import Classifier
from dlp.engine.delivery import Delivery
from dlp.engine.forms import PART
from dlp.engine.noting import watched
from dlp.engine.past import Past
from dlp.engine.remembered import Remembered
from dlp.engine.sessions import Sessions
from dlp.engine.tracing import BY_TOKEN, Sighting
from dlp.engine.vault import Known
from dlp.engine.work import LARGE_BYTES, Call, Numbered, Sorted, Within, Work
from dlp.hooks.host import Host

_MAX_PASTS = 1024
_MAX_PLAIN = 4096
_ANYONE = "reviewer"  # who may answer where a rule asks and names nobody
INLINE_BYTES = 8 * 1024
"""Up to here, in characters of all texts, the classifiers are asked in the loop itself."""
MANY = 256
"""Beyond so many findings, what is pure is done apart from the loop."""
_MANY_PARTS = 512
"""Beyond so many parts, what a session sends in pieces is gone through apart from the loop."""
_MAX_SURFACE = 1024 * 1024
"""Beyond this, looking through a surface at once takes more memory than reading it and looking through its parts."""


@dataclass(frozen=True, slots=True)
class Classify:
    """Wait for the classifiers' findings in these parts, numbered from zero; send them in as the answer."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Call `task` where it may take long and can be killed; send in what it returns."""

    task: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until the approval is answered, or until the time is up; send None."""

    approval: str
    until: float


@dataclass(frozen=True, slots=True)
class Apart:
    """Call `task`, which only reads, where it holds up nobody; send in what it returns, throw in what it raises."""

    task: Callable[[], object]
    message: Message


def breathe() -> None:
    """Do nothing: the task of an `Apart` after which others, who had to wait for a piece of work, may go on."""


type Wait = Classify | Read | Apart | Hold
type Run = Generator[Wait, Any, Outcome]


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
        self._memory: Remembered | None = None
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
            asks = message.direction is Direction.OUTBOUND and call.within is None
            over = self._budget.spend(call.session.id, self.policy.limits, call=asks)
            if over is not None and not self.policy.monitor:
                return self._over(call, message, over)
            past = self.past(call.session.id)
            past.refresh(stamp)
            work = Work(call, message, self._event(), started, past)
            if over is not None:
                work.counts["over the limit"] += 1
            return (yield from self._judge_and_let_go(work))
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

    def end_stream(self, call: Call, endpoint: Endpoint, reason: str = "") -> None:
        """Record that a stream is over, and how many messages went each way.

        Raises:
            StoreError: it could not be recorded.

        """
        within = call.within
        if within is None:
            return
        self.audit.write(
            AuditEntry(
                event=self._event(),
                time=self._clock(),
                trace=call.trace,
                session=call.session.id,
                agent=call.session.agent,
                direction=Direction.INBOUND.value,
                protocol=endpoint.protocol,
                upstream=tracing.shown_upstream(endpoint.upstream, self._pasts.get(call.session.id)),
                operation=endpoint.told,
                source="",
                sink="",
                verdict="block" if reason else "allow",
                rules=(),
                labels=(),
                policy=self.policy.digest,
                reason=reason or "end of stream",
                counts=dict(within.messages),
                sandbox_trace=call.sandbox_trace,
                version=self.policy.version,
            )
        )

    def _over(self, call: Call, message: Message, over: Over) -> Refuse:
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

    # --- the steps ----------------------------------------------------------------------------------------------------

    def _judge_and_let_go(self, work: Work) -> Run:
        outcome = yield from self._judge(work)
        if len(work.findings) > MANY:
            yield Apart(work.let_go, work.message)
        return outcome

    def _judge(self, work: Work) -> Run:
        yield from self._read(work)
        if work.large:
            yield from self._see_declared(work)
        self._resolve(work)
        if work.outbound and work.route.sink is None and self._unlisted_ends_here():
            return (yield from self._conclude(work, self._decide(work, [Flow(None, RAW, work.route)])))
        yield from self._classify(work)
        over = self._budget.guess(work.call.session.id, self.policy.limits, work.counts["guessed"])
        if over is not None and not self.policy.monitor:
            return self._over(work.call, work.message, over)
        if len(work.findings) > MANY:
            work.sorted = yield from self._apart(work, partial(self._sort, work))
        work.flows = self._trace(work)
        decision = self._decide(work, work.flows)
        within = work.call.within
        if within is None and decision.verdict is Verdict.ASK:
            decision = yield from self._approve(work, decision)
        elif within is not None and within.joined > 1 and decision.verdict >= Verdict.ASK:
            return telling.one_by_one(work)
        return (yield from self._conclude(work, decision))

    def _read(self, work: Work) -> Generator[Wait, Any]:
        """Have read elsewhere what would hold everybody up here."""
        for block in work.message.blocks:
            if block.far is not None:
                answer = yield Read(block.far)
                block.settle(answer)
                self._check_open(work.call)
                work.past.refresh()  # the session may have read on meanwhile: what it carries now is what counts

    def _see_declared(self, work: Work) -> Generator[Wait, Any]:
        """Have the facts that the policy declares looked for in a large message where that holds up nobody."""
        standing = standing_of(self.policy, work.message.endpoint)
        if specs := standing.asked if work.outbound else standing.stated:
            work.declared = yield from self._apart(work, partial(_declared, specs, work.message, work.past.apart()))

    @property
    def joins(self) -> bool:
        """Whether messages that came together may be judged as one, as nothing is asked that is true of one alone."""
        return not (self.policy.weighs_messages or self.host.rules or self.host.describes)

    def _check_open(self, call: Call, stamp: object = None) -> None:
        if not self.sessions.alive(call.session.id, stamp):
            raise telling.EndedError

    def _resolve(self, work: Work) -> None:
        """Name the source or the sink, and gather the facts that rules can use."""
        message, info = work.message, work.call.session
        endpoint = message.endpoint
        facts: dict[str, Fact] = dict(info.facts)
        standing = standing_of(self.policy, endpoint)
        for name, fact in self.host.describe(message, endpoint).items():
            if name not in self.policy.trusted and name not in _NOT_TOLD and " " not in name:
                facts.setdefault(name, fact)  # what only the orchestrator or the proxy states, nobody else does
        if specs := standing.asked if work.outbound else standing.stated:
            declared = _declared(specs, message, work.past) if work.declared is None else work.declared
            for name, fact in declared.items():
                facts.setdefault(name, fact)  # what the orchestrator stated stands
        facts |= {
            "method": endpoint.operation,
            "operation": endpoint.operation,
            "upstream": endpoint.upstream,
            **standing.address,
            "path": endpoint.path,
            "direction": message.direction.value,
            "agent": info.agent,
        }
        if info.purpose:
            facts["purpose"] = info.purpose
        work.facts = {**facts, **message.facts} if message.facts else facts
        if work.outbound:
            work.route = standing.route or sink_of(self.policy, endpoint, facts)
        else:
            work.source = standing.source
            work.route = Route(work.source, SANDBOX)
            work.fields = standing.fields
            work.reading = combining.reading(self.policy, endpoint, work.past)
        work.carries = standing.carries
        if self.policy.remembered and not work.outbound:
            work.carries |= self._remembered().carried(endpoint.upstream, self.policy.remembered)

    def _unlisted_ends_here(self) -> bool:
        return self.policy.otherwise is Verdict.BLOCK and not self.policy.monitor

    def _classify(self, work: Work) -> Generator[Wait, Any]:
        """Find labels: what the classifiers see, what the source declares, what the session knows."""
        past, blocks = work.past, work.message.blocks
        guarded = not work.outbound or tracing.is_guarding(self.policy, past.ledger)
        exposed = [] if work.outbound else tracing.exposed(past, work.message.endpoint.upstream)
        large = any(block.size > LARGE_BYTES for block in blocks)
        unclear = {
            id(block)
            for block in blocks
            if work.fields or (block.size <= LARGE_BYTES and not self.classifier.clean(block))
        }
        # Values that the session comes to know only now cannot have been known to whoever wrote this message.
        there = past.apart() if large else past
        look = partial(self._look, work, there, exposed, unclear, guarded=guarded)
        asked = (yield from self._apart(work, look)) if large else look()
        if asked is None:
            return
        answer = yield from self._ask_classifiers(work, asked)
        take_in = partial(looking.take_in, work, asked, answer)
        if len(answer) > MANY:
            yield from self._apart(work, take_in)
        else:
            take_in()
        self._remember_clean(work, unclear)
        recall = partial(self._recall, work, past.apart() if large else past, exposed)
        if large:
            yield from self._apart(work, recall)
        else:
            recall()
        if self.policy.remembered and not work.outbound:
            remember = partial(looking.remember, work, self._remembered(), self.policy.remembered)
            for finding in (yield from self._apart(work, remember)) if large else remember():
                self._add(work, finding)

    def _recall(self, work: Work, past: Past, exposed: Sequence[Known]) -> None:
        """Note what the source declares of a message's parts, and what the session knows of them."""
        recalled = looking.recall(work, past, exposed)
        for finding in recalled.fields:
            if past.vault.of_token(work.parts[finding.part].text) is None:  # a token says what it is itself
                self._add(work, replace(finding, source=work.source))
        self._recognise(work, (*recalled.sightings, *work.cut))
        work.bracketed = recalled.bracketed
        work.opaque = recalled.unreadable
        work.facts["opaque"] = recalled.opaque

    def _apart(self, work: Work, task: Callable[[], Any]) -> Generator[Wait, Any, Any]:
        """Have something long and pure done where it holds up nobody."""
        answer = yield Apart(task, work.message)
        self._check_open(work.call)
        work.past.refresh()  # the session may have read on meanwhile: what it carries now is what counts
        return answer

    def _breathe(self, work: Work) -> Generator[Wait, Any]:
        """Let others go on, who had to wait for a piece of this message's work."""
        yield Apart(breathe, work.message)
        self._check_open(work.call)
        work.past.refresh()

    def _look(
        self, work: Work, past: Past, exposed: Sequence[Known], unclear: set[int], *, guarded: bool
    ) -> looking.Asked | None:
        """Note which parts are looked at and what is encoded in them; return what the classifiers are asked about.

        Of small blocks `unclear` says by identity which they have to see; of large ones that is found out here.
        """
        message = work.message
        unclear |= {id(b) for b in message.blocks if b.size > LARGE_BYTES and not self.classifier.clean_apart(b)}
        telling = [
            block
            for block in message.blocks
            # What is read anyway is traced at less cost than it is asked whether it has to be.
            if (guarded and past.index and id(block) in unclear)
            or block.size > _MAX_SURFACE
            or (self.policy.remembered and not work.outbound)
            or not self._plain(block, past, guarded=guarded)
            or tracing.shows(block, exposed)
        ]
        if work.outbound and past.index:  # most sessions know no value, and most messages are never taken apart
            parts = Numbered()
            parts.add(0, message.parts)
            work.cut = tracing.cut(parts, past)
        if not (unclear or telling or work.cut):
            return None
        to_classify = looking.look_at(work, unclear, telling)
        work.runs = tracing.encoded(work.traced)
        if work.outbound and past.ledger.any_marked("escaped"):
            work.runs += tracing.escaped(work.traced)
        return looking.asked(work, to_classify)

    def _plain(self, block: Block, past: Past, *, guarded: bool) -> bool:
        """Ask `tracing.plain`; while the session knows no values, the answer on a block that comes again is kept."""
        if block.key is None:
            return tracing.plain(block, past, guarded=guarded)
        if past.index:
            return tracing.still_plain(block, past, guarded=guarded)
        key = (block.key, guarded)
        if key not in self._plain_keys:
            if not tracing.plain(block, past, guarded=guarded):
                return False
            if len(self._plain_keys) >= _MAX_PLAIN:
                self._plain_keys.clear()
            self._plain_keys.add(key)
        return True

    def _remember_clean(self, work: Work, unclear: Collection[int]) -> None:
        """Let the classifier know which blocks that may come again it has looked at in vain; given by identity."""
        labelled = {finding.part for finding in work.findings}
        first = 0
        for block in work.message.blocks:
            last = first + len(block.parts)
            if block.key is not None and id(block) in unclear and labelled.isdisjoint(range(first, last)):
                self.classifier.remember_clean(block)
            first = last

    def _recognise(self, work: Work, sightings: Sequence[Sighting]) -> None:
        """Add what the session knows: its own tokens, and values it has hidden or let in before."""
        own = work.source
        for seen in sightings:
            finding = seen.finding
            if work.outbound:
                self._add(work, finding, seen.known)
                if seen.known is not None and finding.by != BY_TOKEN and seen.known.hidden:
                    work.guessed.add(id(seen.known))
                    work.counts["guessed"] = len(work.guessed)
            elif finding.state != TOKENISED and not finding.form.endswith(
                PART
            ):  # a token that comes back is dealt with as a token, not as its value
                self._add(work, replace(finding, source=own), seen.known)
                if finding.source != own and seen.known is not None:
                    self._add(work, finding, seen.known)

    def _ask_classifiers(self, work: Work, asked: looking.Asked) -> Generator[Wait, Any, list[Finding]]:
        """Have the classifiers look at these parts and at what encoded runs decode to."""
        if not asked.texts:
            return []
        if self.classifier.needs_model or asked.size > INLINE_BYTES:
            answer = yield Classify(asked.texts)
            if answer is None:
                raise PluginError("the classifiers gave no answer")
            self._check_open(work.call)
            work.past.refresh()  # the session may have read on meanwhile: what it carries now is what counts
        else:
            answer = self.classifier.classify(asked.texts)
        found: list[Finding] = answer
        return found

    @staticmethod
    def _add(work: Work, finding: Finding, known: Known | None = None) -> None:
        if known is not None:
            work.known[len(work.findings)] = known
        work.findings.append(finding)

    def _trace(self, work: Work) -> list[Flow]:
        """Return the flows of the message: itself, what is found in it, and what the session carries along."""
        flows = [Flow(None, RAW, work.route)]
        if work.sorted is not None:
            flows += work.sorted.flows
        elif work.findings:
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
        if work.sorted is not None and flows is work.flows:
            done = len(work.sorted.flows) + 1
            self._group(flows[:1], groups, members)
            groups.update(work.sorted.groups)
            members.update(work.sorted.members)
            self._group(flows[done:], groups, members)
        else:
            self._group(flows, groups, members)
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

    def _group(self, flows: Iterable[Flow], groups: dict[Flow, Flow], members: dict[Flow, list[int]]) -> None:
        """Add flows to groups, each with one that stands for it, and the numbers of their findings to its members."""
        for flow in flows:
            group = self._grouped(flow)
            groups.setdefault(group, flow)
            if flow.finding is not None:
                members.setdefault(group, []).append(flow.finding)

    def _sort(self, work: Work) -> Sorted:
        """Return the flows of a message's findings, in their groups; count the values that rules ask for."""
        work.values.count_all(self.policy)
        sorted_ = Sorted(tracing.flows_of(work.findings, work.parts, work.route))
        self._group(sorted_.flows, sorted_.groups, sorted_.members)
        return sorted_

    def _work_out(self, work: Work, flows: Sequence[Flow]) -> None:
        """State the facts that rules which combine ask for; the session may have read on since they last were."""
        wanted = self.policy.combined_facts
        if wanted:
            told = {name: fact for name, fact in work.facts.items() if name not in wanted}
            found = combining.worked_out(self.policy, work.past, told, work.call.session.facts, flows, work.values)
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
        if work.large:
            content = yield from self._apart(work, partial(_content, work.message))
            work.flows = self._trace(work)
            decision = self._decide(work, work.flows)
        else:
            content = _content(work.message)
        while decision.verdict is Verdict.ASK:
            binding = self._binding(work, decision, content)
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
            sum_up = partial(telling.summary, work, decision)
            summary = (yield from self._apart(work, sum_up)) if work.large else sum_up()
            approval = self.approvals.request(session, binding, summary, asked, self._grant_life)
            work.approval = approval.id
            if approval.answer is not Answer.PENDING or self._clock() >= until:
                return decision
            yield Hold(approval.id, until)
            self._check_open(work.call)
            work.past.refresh()
            work.flows = self._trace(work)
            decision = self._decide(work, work.flows)
        return decision

    def _binding(self, work: Work, decision: Decision, content: str) -> str:
        """Return what a grant is bound to: agent, session, sink, method, body, values, labels and policy digest."""
        info, endpoint = work.call.session, work.message.endpoint
        labels = sorted(f"{flow.data_class} {flow.state} {flow.route.source}" for flow in work.flows)
        values = [known.text for _, known in sorted(work.known.items())]
        return _digest(
            (
                *(info.agent, info.id, work.message.direction, work.route.sink or "", decision.digest),
                *(endpoint.upstream, endpoint.operation, endpoint.path),
                *labels,
                *values,
                content,
            )
        )

    def _conclude(self, work: Work, decision: Decision) -> Run:
        """Transform, record, and only then say what the adapter must do.

        Of a large message each piece is recorded by itself, and others go on in between. INVARIANT: what is recorded
        only adds, so that pieces of a message which is refused after all, or never goes on, allow nothing; and it goes
        on only once all of them and the entry stand in the store.
        """
        if len(work.findings) > MANY:
            work.told = yield from self._apart(work, partial(telling.told, self.policy, work))
        if decision.verdict >= Verdict.ASK:
            yield from self._note_sent(work)  # what goes on where a refused piece was is still a piece
            return self._refusal(work, decision)
        if not (work.looked_at or work.carries or work.reading or work.cut or len(work.flows) > 1):
            self._record(work, decision)
            yield from self._note_sent(work)
            return Forward(work.event)
        carried = frozenset(work.past.ledger.labels)
        steps = self._delivery.outbound(work) if work.outbound else self._delivery.inbound(work)
        answer: object = None
        whole = True
        while True:
            try:
                with self.store.batch():
                    try:
                        task = steps.send(answer)
                    except StopIteration as end:
                        edits: list[Edit] = end.value
                        if not whole and work.outbound:
                            self._see_unchanged(work, decision, carried)
                        self._record_all(work, decision)
                        break
                    _ = work.past.index  # takes up what was written bit by bit as well
            except Exception:
                work.past.forget()  # the batch is undone; memory must not know more than the store
                raise
            whole, answer = False, None
            if task is None:
                yield from self._breathe(work)
            else:
                answer = yield from self._apart(work, task)
        yield from self._note_sent(work)
        return Forward(work.event, tuple(edits))

    def _record_all(self, work: Work, decision: Decision) -> None:
        """Record what a message that goes on adds to its session's past, but for what it says, and its entry."""
        if work.outbound:
            self._delivery.taint_carried(work)
            if self.policy.remembered:
                stored = looking.stored(work, self.policy.remembered)
                self._remembered().note(stored, work.message.endpoint.upstream)
        self._record(work, decision)

    def _see_unchanged(self, work: Work, decision: Decision, carried: frozenset[Label]) -> None:
        """Refuse what would be decided otherwise by now: while pieces were recorded, the session may have read on."""
        if carried == frozenset(work.past.ledger.labels):
            return
        rulings = work.rulings
        work.flows = self._trace(work)
        again = self._decide(work, work.flows, frozenset(work.reviewed))
        if again.verdict != decision.verdict or work.rulings != rulings:
            raise PolicyError("the session read on while this message was on its way, which would be decided otherwise")

    def _note_sent(self, work: Work) -> Generator[Wait, Any]:
        """Remember what a session sends in pieces, once it knows values that could be cut so."""
        if work.outbound and work.past.index:
            parts, sent = work.message.parts, work.past.sent
            if len(parts) > _MANY_PARTS:
                sent.add((yield from self._apart(work, partial(sent.last, parts))))
            else:
                sent.take(parts)

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
        if work.call.within is not None and _repeats(work, decision, work.call.within):
            return
        would = decision.would
        info, endpoint, now = work.call.session, work.message.endpoint, self._clock()
        told = work.told or telling.told(self.policy, work)
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
            rules=decision.rules,
            labels=told.labels,
            policy=decision.digest,
            reason=leading(decision).rule,
            counts=dict(work.counts),
            would=would.name.lower() if would > Verdict.ALLOW else "",
            sandbox_trace=work.call.sandbox_trace,
            approval=work.approval,
            ms=(now - work.started) * 1000,
            version=decision.version,
            facts=told.facts if work.route.sink is not None else {},
            withheld=told.withheld,
            possible=tuple(sorted(work.route.possible)),
            reviewed=work.reviewed,
            watched=watched(decision) if would else (),
        )
        self.audit.write(entry)
        self.host.record(entry)
        work.call.event = work.event

    def _event(self) -> str:
        return self._random(8).hex()

    def is_carrying(self, session: str) -> bool:
        """Return whether whatever a session says carries something: that it says it, and how often, does too."""
        past = self.past(session)
        past.refresh()
        return tracing.is_carrying(self.policy, past.ledger)

    def past(self, session: str) -> Past:
        """Return what a session has behind it, as this worker remembers it."""
        past = self._pasts.pop(session, None)
        if past is None:
            past = Past(self.store, session, self.sessions.seal(session), self._token_kind)
            if len(self._pasts) >= _MAX_PASTS:  # the store has the truth; this only frees memory
                del self._pasts[next(iter(self._pasts))]
        self._pasts[session] = past  # the last used stands last
        return past

    def _remembered(self) -> Remembered:
        if self._memory is None:
            self._memory = Remembered(self.store, self.sessions.tenant_seal())
        return self._memory

    def _token_kind(self, data_class: DataClass) -> str:
        return self._kinds.get(data_class) or data_class.rpartition(".")[2].upper()


def _content(message: Message) -> str:
    """Return a digest of all that a message says, and of how it is written."""
    texts: list[str] = []
    for block in message.blocks:
        if block.bound is not None:
            texts.append(block.bound().hex())
            continue
        texts += [piece for part in block.parts for piece in (part.path, part.text)]
        texts.append(repr(block.key) if block.raw is None else block.raw.hex())
    return _digest(texts)


def _digest(texts: Iterable[str]) -> str:
    """Return a digest of texts that no others have."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()


def _repeats(work: Work, decision: Decision, within: Within) -> bool:
    """Return whether a message of a stream needs no entry: nothing is found in it, and all else is as in the last."""
    direction = work.message.direction
    within.messages[direction.value] += within.joined
    told = (
        decision.verdict,
        frozenset((flow.data_class, flow.state, flow.route) for flow in work.flows),
        frozenset(match.rule for match in decision.matches),
    )
    same = not work.findings and within.recorded.get(direction) == told
    within.recorded[direction] = told
    return same


_NOT_TOLD = frozenset({"purpose", "opaque", "part"})
"""Facts that the proxy or the orchestrator states, or nobody."""


def _declared(specs: Sequence[FactSpec], message: Message, past: Past) -> dict[str, Fact]:
    """Return the declared facts that the message states; what it states by a token is unknown."""
    hidden = {
        part.path
        for part in message.parts
        if next(past.vault.tokens_in(part.text), None) is not None
        or any(past.vault.of_token(token) for _, token in lookalikes(part.text) if token)
    }
    return read_facts([spec for spec in specs if spec.path not in hidden], message.parts)
