"""Why a message was decided as it was: which rules spoke, why the others did not, and what would make it pass."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dlp.core.label import RAW, SANDBOX, STATES, TOKENISED, State, ancestors
from dlp.core.message import Facts
from dlp.core.policy import Condition, Decision, Flow, Place, Policy, Route, Rule, Ruling, Verdict, leading
from dlp.policy.asked import Asked, unknown, with_labels
from dlp.policy.case import Case, ruled

_MOST_SINKS = 50


@dataclass(frozen=True, slots=True)
class Spoke:
    """What one rule said of a flow; `rule` is "" where the policy itself refuses what no rule mentions."""

    rule: str
    place: str
    tier: str
    verdict: str
    says: str
    won: bool
    enforced: bool
    lifted: str
    exception: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silent:
    """Why one rule did not speak of a flow."""

    rule: str
    place: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """One flow: what it is, what was decided on it, which rules spoke, and which nearly did."""

    data_class: str
    state: str
    source: str
    sink: str
    part: str
    found: bool
    verdict: str
    rule: str
    spoke: tuple[Spoke, ...]
    silent: tuple[Silent, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, explained. `passes` are the ways in which this very message would pass; `unknown` are facts."""

    policy: str
    version: str
    digest: str
    verdict: str
    rule: str
    says: str
    missing: tuple[str, ...]
    flows: tuple[Story, ...]
    passes: tuple[str, ...]
    unknown: tuple[str, ...]


def explain(policy: Policy, case: Case) -> Explanation:
    """Return the story of a decision."""
    decision = ruled(policy, case)
    winner = leading(decision)
    return Explanation(
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        verdict=told(winner),
        rule=winner.rule,
        says=winner.says,
        missing=winner.missing,
        flows=tuple(_stories(policy, case, decision)),
        passes=tuple(would_pass(policy, case, decision)),
        unknown=tuple(sorted(unknown(policy, case.flows, case.facts))),
    )


def told(ruling: Ruling) -> str:
    """Return a verdict in a word: that of a transform is the transform's."""
    return ruling.transform or ruling.verdict.name.lower()


def _stories(policy: Policy, case: Case, decision: Decision) -> Iterator[Story]:
    places = {rule.name: rule.place for rule in policy.rules}
    facts = with_labels(case.flows, case.facts)
    for flow, ruling in zip(case.flows, decision.rulings, strict=True):
        also = replace(flow, state=RAW)
        matches = [match for match in decision.matches if match.flow in (flow, also)]
        spoke = tuple(dict.fromkeys(_spoke(match, ruling, places) for match in matches))
        names = {match.rule for match in matches}
        silent = tuple(
            Silent(rule.name, rule.place, why)
            for rule in policy.rules
            if rule.name not in names and len(why := why_not(rule, flow, facts)) == 1
        )
        yield Story(
            data_class=flow.data_class or "",
            state=flow.state,
            source=flow.route.source,
            sink=flow.route.sink or "",
            part=flow.part,
            found=flow.finding is not None,
            verdict=told(ruling),
            rule=ruling.rule,
            spoke=spoke,
            silent=silent,
        )


def _spoke(match: Ruling, ruling: Ruling, places: Mapping[str, str]) -> Spoke:
    return Spoke(
        rule=match.rule,
        place=places.get(match.rule, ""),
        tier=match.tier.value,
        verdict=told(match),
        says=match.says,
        won=match.rule == ruling.rule and told(match) == told(ruling) and match.enforced,
        enforced=match.enforced,
        lifted=match.lifted,
        exception=match.exception,
        missing=match.missing,
    )


def why_not(rule: Rule, flow: Flow, facts: Facts) -> tuple[str, ...]:
    """Return the respects in which a rule is not about a flow, one phrase each; a rule with one has just missed it.

    `facts` are those of the message with its labels among them (`asked.with_labels`).
    """
    whole = flow.data_class is None
    if rule.labelled is whole:
        what = "the message as such" if not rule.labelled else "labelled data"
        return (f"it is about {what}", "")
    why = []
    if rule.classes and rule.classes.isdisjoint(ancestors(flow.data_class or "")):
        why.append(f"it is about {_or(rule.classes)}, not {flow.data_class}")
    states = {flow.state} | ({RAW} if flow.state == TOKENISED else set())
    if rule.states and rule.states.isdisjoint(states):
        why.append(f"it is about data that are {_or(rule.states)}, not {flow.state}")
    if rule.sources and rule.sources.isdisjoint(ancestors(flow.route.source)):
        why.append(f"it is about data from {_or(rule.sources)}, not from {flow.route.source}")
    if rule.sinks and rule.sinks.isdisjoint(set(ancestors(flow.route.sink or "")) | flow.route.possible):
        why.append(f"it is about {_or(rule.sinks)}, not {flow.route.sink or 'an unlisted address'}")
    asked = Asked({**facts, "part": flow.part} if flow.part else facts)
    if rule.when is not None:
        why += _unmet("its condition", f": {rule.wording}", rule.when, asked)
    for also in rule.also:
        why += _unmet(f"its `{also.key}`", f": {also.says}", also.condition, asked)
    return tuple(why or ["it does not hold for certain, as an allow must"])


def _unmet(what: str, words: str, condition: Condition, facts: Asked) -> list[str]:
    """Return that a condition does not hold, or cannot be known to; nothing where it does."""
    facts.unknown.clear()
    truth = condition(facts)
    if truth is True:
        return []
    names = f" ({', '.join(sorted(facts.unknown))} unknown)" if facts.unknown else ""
    return [f"{what} {'does not hold' if truth is False else f'cannot be known to hold{names}'}{words}"]


def _or(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))


def would_pass(policy: Policy, case: Case, decision: Decision | None = None) -> Iterator[str]:
    """Yield ways in which the message would pass, each tried with the deciding function and none of them guessed."""
    decision = ruled(policy, case) if decision is None else decision
    if decision.verdict < Verdict.ASK:
        return
    stopped = [ruling for ruling in decision.rulings if ruling.verdict >= Verdict.ASK]
    reviewers = _reviewers(policy, stopped)
    agreed = f"once {_or(reviewers)} has agreed" if reviewers else "once somebody has agreed"
    anyone = frozenset(reviewers) or frozenset({"reviewer"})
    for words, other in _others(policy, case, stopped):
        if ruled(policy, other).verdict < Verdict.ASK:
            yield words
        elif ruled(policy, other.having(reviewed=case.reviewed | anyone)).verdict < Verdict.ASK:
            yield f"{words}, {agreed}" if words else agreed


def _others(policy: Policy, case: Case, stopped: Iterable[Ruling]) -> Iterator[tuple[str, Case]]:
    """Yield the same message a little different, and what is different in words; first as it is."""
    yield "", case
    flows = {ruling.flow for ruling in stopped}
    data = {flow for flow in flows if flow.data_class is not None}
    names = ", ".join(sorted({str(flow.data_class) for flow in data}))
    for state in _states(policy):
        others = [replace(one, state=state) if one in data and one.finding is not None else one for one in case.flows]
        if others != list(case.flows):
            yield f"with {names} {state}", case.having(flows=others)
    if data and data == flows:
        how = "in a session that has not read" if all(flow.finding is None for flow in data) else "without"
        yield f"{how} {names}", case.having(flows=[flow for flow in case.flows if flow not in data])
    sink = case.flows[0].route.sink
    if sink != SANDBOX:
        for name in list(_names(policy.sinks))[:_MOST_SINKS]:
            if name != sink:
                moved = [replace(flow, route=Route(flow.route.source, name)) for flow in case.flows]
                yield f"to {name} instead", case.having(flows=moved)


def _reviewers(policy: Policy, stopped: Iterable[Ruling]) -> list[str]:
    rules = {ruling.rule for ruling in stopped}
    named = {
        name
        for rule in policy.rules
        if rule.name in rules
        for group in (rule.approvers, *(unless.approvers for unless in rule.unless))
        for name in group
    }
    return sorted(named)


def _states(policy: Policy) -> list[State]:
    return [*(state for state in STATES if state != RAW), *(State(name) for name in policy.recipes)]


def _names(places: Iterable[Place]) -> Iterator[str]:
    for place in places:
        yield place.name
        yield from _names(place.narrower)
