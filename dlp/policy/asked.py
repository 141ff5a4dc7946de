"""Which facts a condition asks for: found by asking it, so that whatever the language learns is seen here as well."""

from collections.abc import Iterable, Iterator, Sequence

from dlp.core.combined import PRESENT
from dlp.core.message import Fact, Facts
from dlp.core.policy import Condition, Flow, Policy, Rule, conditions_of


class Asked(dict[str, Fact]):
    """Facts that remember which of them were asked for in vain."""

    def __init__(self, facts: Facts | None = None) -> None:
        super().__init__(facts or {})
        self.unknown: set[str] = set()

    def __missing__(self, name: str) -> Fact:
        """Note the name, and say that nothing is there."""
        self.unknown.add(name)
        raise KeyError(name)

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]  # a fact, or the default
        """Return a fact; note the name where there is none."""
        if name not in self:
            self.unknown.add(name)
            return default
        return self[name]


def conditions(rule: Rule) -> Iterator[Condition]:
    """Yield the conditions of a rule: its own, whatever key says them, and those of its `unless`."""
    if rule.when is not None:
        yield rule.when
    yield from (also.condition for also in rule.also)
    yield from (unless.condition for unless in rule.unless if unless.condition is not None)


def asked(*of: Condition) -> frozenset[str]:
    """Return every fact that these conditions ask for: with nothing known, no branch is spared."""
    facts = Asked()
    for condition in of:
        condition(facts)
    return frozenset(facts.unknown)


def with_labels(flows: Iterable[Flow], facts: Facts) -> dict[str, Fact]:
    """Return facts with the labels of the whole message among them, as the deciding function states them."""
    present = {f"{flow.state} {flow.data_class}" for flow in flows if flow.data_class is not None}
    return {**facts, PRESENT: tuple(sorted(present))}


def unknown(policy: Policy, flows: Sequence[Flow], facts: Facts) -> frozenset[str]:
    """Return the facts that rules on these flows ask for and that are not known."""
    missed: set[str] = set()
    facts = with_labels(flows, facts)
    for flow in flows:
        route = flow.route
        told = Asked({**facts, "part": flow.part} if flow.part else facts)
        for rule, _ in policy.index.candidates(flow.data_class, flow.state, route.source, route.sink, route.possible):
            for condition in conditions_of(policy, rule):
                condition(told)
        missed |= told.unknown
    return frozenset(missed)
