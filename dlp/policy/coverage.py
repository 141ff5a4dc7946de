"""Which rules of a policy its tests hold, both ways: a message that a rule speaks of, and one that it just misses."""

from collections.abc import Iterable
from dataclasses import dataclass

from dlp.core.label import RAW, SANDBOX, TOKENISED, ancestors
from dlp.core.message import Direction
from dlp.core.policy import Flow, Policy, Route, Rule, decide, sink_of, source_of
from dlp.policy.rehearse import RuleTest, facts_for, flows_for


@dataclass(frozen=True, slots=True)
class Cover:
    """What the tests show of one rule: the first that expects it and sees it speak, and the first that just misses it.

    A test expects a rule by naming it. It just misses it where one thing alone (class, state, source, destination or
    condition) keeps the rule from speaking of one of its flows. Both are names of tests, "" where there is none.
    """

    rule: str
    place: str
    speaks: str = ""
    misses: str = ""

    @property
    def both_ways(self) -> bool:
        """Whether the rule could not be widened, narrowed or lost without a test noticing at all."""
        return bool(self.speaks and self.misses)


def coverage(policy: Policy, tests: Iterable[RuleTest]) -> tuple[Cover, ...]:
    """Return what tests show of each rule of their policy; those with real bodies take an engine, and do not count."""
    speaks: dict[str, str] = {}
    misses: dict[str, str] = {}
    for test in tests:
        if test.body:
            continue
        facts = facts_for(test)
        inbound = test.direction is Direction.INBOUND
        route = Route(source_of(policy, test.endpoint), SANDBOX) if inbound else sink_of(policy, test.endpoint, facts)
        flows = flows_for(policy, test, route)
        spoke = {match.rule for match in decide(policy, flows, facts, reviewed=test.reviewed_by).matches}
        for rule in policy.rules:
            if rule.name not in spoke:
                if any(_apart(rule, flow) <= 1 for flow in flows):
                    misses.setdefault(rule.name, test.name)
            elif rule.name in (test.expected.rule, *test.expected.matches):
                speaks.setdefault(rule.name, test.name)
    return tuple(
        Cover(rule.name, rule.place, speaks.get(rule.name, ""), misses.get(rule.name, "")) for rule in policy.rules
    )


def _apart(rule: Rule, flow: Flow) -> int:
    """Return in how many respects a rule is about something else; 0: only a condition can keep it from speaking."""
    if rule.labelled is not (flow.data_class is not None):
        return 2
    sinks = set(ancestors(flow.route.sink or "")) | flow.route.possible
    states = {flow.state} | ({RAW} if flow.state == TOKENISED else set())
    return sum(
        (
            bool(rule.classes) and rule.classes.isdisjoint(ancestors(flow.data_class or "")),
            bool(rule.states) and rule.states.isdisjoint(states),
            bool(rule.sources) and rule.sources.isdisjoint(ancestors(flow.route.source)),
            bool(rule.sinks) and rule.sinks.isdisjoint(sinks),
        )
    )
