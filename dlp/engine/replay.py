"""Recorded decisions, made again under another policy: from labels and facts, since an audit log holds no bodies.

What an entry does not tell is unknown to the rules, so that a replay is never laxer than what really would happen:
facts that were withheld, facts that no rule used at the time, and taint that the policy of the time did not follow.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dlp.core.label import RAW, SANDBOX, UNLISTED, DataClass, State, ancestors
from dlp.core.message import Direction, Endpoint, Fact, Facts
from dlp.core.policy import Decision, Flow, Place, Policy, Route, Verdict, leading, sink_of, source_of
from dlp.engine.audit import Event
from dlp.policy.asked import unknown
from dlp.policy.case import Case, ruled

type Trusted = Callable[[str], Facts]
"""What the orchestrator stated of a session, by the session's id; empty where it is no longer known."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an event tells of a decision: all that the deciding function takes, but for the policy."""

    event: str
    time: float
    direction: Direction
    endpoint: Endpoint
    source: str
    sink: str
    possible: frozenset[str]
    flows: tuple[Flow, ...]
    facts: Facts
    withheld: frozenset[str]
    reviewed: frozenset[str]
    verdict: str
    rule: str
    transforms: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """An event that would be decided otherwise; `unsure` names the facts that the rules asked and nobody recorded."""

    event: str
    time: float
    call: str
    sink: str
    was: str
    now: str
    was_rule: str
    rule: str
    says: str
    missing: tuple[str, ...]
    unsure: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: how many decisions were made again, how many could not be, and what differs."""

    judged: int
    skipped: int
    differences: tuple[Difference, ...]


def nothing(_session: str) -> Facts:
    """Return no facts: nothing is known of any session."""
    return {}


def recorded(event: Event, trusted: Trusted = nothing) -> Recorded | None:
    """Return what an event tells of a decision, None where no policy decided (a limit, a session, a failure)."""
    source, direction = event.get("source"), event.get("direction")
    if not isinstance(source, str) or not source or direction not in set(Direction):
        return None
    upstream, operation = str(event.get("upstream", "")), str(event.get("operation", ""))
    told = {name: _fact(value) for name, value in _map(event, "facts").items()}
    path = told.get("path")
    shown = path if isinstance(path, str) else ""
    endpoint = Endpoint(str(event.get("protocol", "http")), upstream, operation, shown)
    facts = dict(trusted(str(event.get("session", "")))) | told | _built_in(event, endpoint)
    if "*" in shown or not shown:
        facts.pop("path", None)
    sink = str(event.get("sink", ""))
    possible = frozenset(map(str, _list(event, "possible")))
    route = Route(source if direction == Direction.INBOUND else SANDBOX, sink or None, possible)
    flows = [Flow(None, RAW, route)]
    transforms = set()
    for number, note in enumerate(note for note in _list(event, "labels") if isinstance(note, dict)):
        found = note.get("form") != "taint"
        at = Route(str(note.get("source", SANDBOX)), route.sink, possible)
        name, state = DataClass(str(note.get("class", ""))), State(str(note.get("state", RAW)))
        flows.append(Flow(name, state, at, number if found else None, str(note.get("path", "")) if found else ""))
        if note.get("transform"):
            transforms.add((str(name), str(note["transform"])))
    time = event.get("time")
    return Recorded(
        event=str(event.get("event", "")),
        time=float(time) if isinstance(time, int | float) else 0.0,
        direction=Direction(str(direction)),
        endpoint=endpoint,
        source=source,
        sink=sink,
        possible=possible,
        flows=tuple(flows),
        facts=facts,
        withheld=frozenset(map(str, _list(event, "withheld"))),
        reviewed=frozenset(map(str, _list(event, "reviewed"))),
        verdict=str(event.get("verdict", "")),
        rule=str(event.get("reason", "")),
        transforms=frozenset(transforms),
    )


def _built_in(event: Event, endpoint: Endpoint) -> dict[str, Fact]:
    """Return the facts that an entry tells by its own fields; what is masked is not known."""
    scheme, _, address = endpoint.upstream.partition("://")
    host, _, port = address.rpartition(":")
    facts: dict[str, Fact] = {
        "direction": str(event.get("direction", "")),
        "agent": str(event.get("agent", "")),
        "scheme": scheme,
    }
    if endpoint.operation != "*":
        facts |= {"method": endpoint.operation, "operation": endpoint.operation}
    if "*" not in host:
        facts |= {"upstream": endpoint.upstream, "host": host}
    if port.isdigit():
        facts["port"] = int(port)
    return facts


def _fact(value: object) -> Fact:
    if isinstance(value, list):
        return tuple(map(str, value))
    return value if isinstance(value, bool | int | float) else str(value)


def _map(event: Event, name: str) -> Mapping[str, object]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _list(event: Event, name: str) -> list[object]:
    found = event.get(name)
    return found if isinstance(found, list) else []


def flows_under(policy: Policy, one: Recorded) -> tuple[Flow, ...]:
    """Return the recorded flows with the names that a policy gives to their source and sink.

    Where the path was recorded, the places are looked for anew; else they keep their names as far as those exist.
    """
    if one.direction is Direction.INBOUND:
        source = source_of(policy, one.endpoint) if one.endpoint.path else _known(policy.sources, one.source, UNLISTED)
        renamed = source or UNLISTED
        routes = {one.source: renamed}
        return tuple(
            _moved(flow, Route(routes.get(flow.route.source, flow.route.source), SANDBOX)) for flow in one.flows
        )
    if one.endpoint.path and one.sink:
        route = sink_of(policy, one.endpoint, one.facts)
    else:
        sink = _known(policy.sinks, one.sink, "") if one.sink else ""
        named = {_known(policy.sinks, name, "") for name in one.possible}
        route = Route(SANDBOX, sink or None, frozenset(named - {sink, ""}))
    return tuple(_moved(flow, Route(flow.route.source, route.sink, route.possible)) for flow in one.flows)


def _moved(flow: Flow, route: Route) -> Flow:
    return Flow(flow.data_class, flow.state, route, flow.finding, flow.part)


def _known(places: Iterable[Place], name: str, otherwise: str) -> str:
    names = set(_names(places))
    return next((wider for wider in ancestors(name) if wider in names), otherwise)


def _names(places: Iterable[Place]) -> Iterator[str]:
    for place in places:
        yield place.name
        yield from _names(place.narrower)


def case_of(policy: Policy, one: Recorded) -> Case:
    """Return what was recorded, as a policy sees it."""
    return Case(flows_under(policy, one), one.facts, one.reviewed, one.time)


def redecide(policy: Policy, one: Recorded) -> tuple[Decision, tuple[str, ...]]:
    """Return the decision of a policy on what was recorded, and the facts it asks for that are not known."""
    case = case_of(policy, one)
    return ruled(policy, case), tuple(sorted(unknown(policy, case.flows, case.facts)))


def replay(policy: Policy, events: Iterable[Event], *, since: float = 0.0, trusted: Trusted = nothing) -> Replayed:
    """Return what a policy would have decided otherwise on everything that was recorded since a time."""
    judged = skipped = 0
    differences: list[Difference] = []
    for event in events:
        time = event.get("time")
        if isinstance(time, int | float) and time < since:
            continue
        one = recorded(event, trusted)
        if one is None:
            skipped += 1
            continue
        judged += 1
        difference = compare(policy, one)
        if difference is not None:
            differences.append(difference)
    return Replayed(judged, skipped, tuple(differences))


def compare(policy: Policy, one: Recorded) -> Difference | None:
    """Return how a policy's decision differs from the recorded one, None where the same would happen."""
    decision, unsure = redecide(policy, one)
    transforms = {
        (ruling.flow.data_class or "", ruling.transform)
        for ruling in decision.rulings
        if ruling.verdict is Verdict.TRANSFORM
    }
    now = decision.verdict.name.lower()
    if now == one.verdict and (decision.verdict is not Verdict.TRANSFORM or transforms == one.transforms):
        return None
    winner = leading(decision)
    return Difference(
        event=one.event,
        time=one.time,
        call=f"{one.endpoint.operation} {one.endpoint.upstream}",
        sink=one.sink,
        was=_told(one.verdict, one.transforms),
        now=_told(now, transforms),
        was_rule=one.rule,
        rule=winner.rule,
        says=winner.says,
        missing=winner.missing,
        unsure=unsure,
    )


def _told(verdict: str, transforms: Iterable[tuple[str, str]]) -> str:
    if verdict != "transform":
        return verdict
    return ", ".join(f"{transform} {name}" for name, transform in sorted(transforms)) or verdict


@dataclass(frozen=True, slots=True)
class Would:
    """How often monitor mode let pass what a rule would have stopped or rewritten; `rule` is "" where none spoke."""

    rule: str
    sink: str
    data_class: str
    verdict: str
    count: int
    sessions: int
    first: float
    last: float


def monitored(events: Iterable[Event], *, since: float = 0.0) -> tuple[Would, ...]:
    """Return what monitor mode let pass since a time, most frequent first."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    sessions: dict[tuple[str, str, str, str], set[str]] = {}
    times: dict[tuple[str, str, str, str], list[float]] = {}
    for event in events:
        time = event.get("time")
        at = float(time) if isinstance(time, int | float) else 0.0
        if at < since or not event.get("would"):
            continue
        sink = str(event.get("sink") or "unlisted")
        for one in _list(event, "watched") or [{"verdict": event["would"]}]:
            if isinstance(one, dict):
                key = (str(one.get("rule", "")), sink, str(one.get("class", "")), str(one.get("verdict", "")))
                counts[key] += 1
                sessions.setdefault(key, set()).add(str(event.get("session", "")))
                times.setdefault(key, []).append(at)
    return tuple(
        Would(*key, count, len(sessions[key]), min(times[key]), max(times[key])) for key, count in counts.most_common()
    )
