"""One message as the deciding function sees it, kept so that the same message can be decided under other rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dlp.core.label import SANDBOX
from dlp.core.message import Direction, Fact, Facts
from dlp.core.policy import Decision, Flow, Policy, Route, decide, sink_of, source_of
from dlp.policy.rehearse import RuleTest, facts_for, flows_for


@dataclass(frozen=True, slots=True)
class Case:
    """What `decide` takes, but for the policy; `now` in seconds since the epoch, without it no exception holds."""

    flows: tuple[Flow, ...]
    facts: Facts = field(default_factory=dict)
    reviewed: frozenset[str] = frozenset()
    now: float | None = None

    def having(
        self,
        flows: Iterable[Flow] | None = None,
        facts: Mapping[str, Fact] | None = None,
        reviewed: Iterable[str] | None = None,
    ) -> "Case":
        """Return the same message with something else about it."""
        return Case(
            self.flows if flows is None else tuple(flows),
            self.facts if facts is None else {**self.facts, **facts},
            self.reviewed if reviewed is None else frozenset(reviewed),
            self.now,
        )


def ruled(policy: Policy, case: Case) -> Decision:
    """Return the decision on a case."""
    return decide(policy, case.flows, case.facts, now=case.now, reviewed=case.reviewed)


def case_of(policy: Policy, test: RuleTest) -> Case:
    """Return the case that a rule test without a real body gives."""
    facts = facts_for(test, policy)
    if test.direction is Direction.INBOUND:
        route = Route(source_of(policy, test.endpoint), SANDBOX)
    else:
        route = sink_of(policy, test.endpoint, facts)
    return Case(flows_for(policy, test, route), facts, test.reviewed_by, test.at)
