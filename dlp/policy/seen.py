"""What a policy's tests show of its rules: which spoke, which won, which just missed, and which conditions were met."""

from collections.abc import Iterable
from dataclasses import dataclass

from dlp.core.policy import Policy, Rule, Ruling
from dlp.policy.asked import with_labels
from dlp.policy.case import Case, ruled
from dlp.policy.explain import why_not


@dataclass(frozen=True, slots=True)
class Branch:
    """One `unless` of a rule, in words, and in how many tests it was seen met and unmet."""

    needs: str
    met: int = 0
    unmet: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One rule: in how many tests it matched, won, and just missed (one respect alone kept it from speaking)."""

    rule: str
    place: str
    matched: int
    won: int
    missed: int
    branches: tuple[Branch, ...]

    @property
    def both_ways(self) -> bool:
        """Whether tests hold the rule from both sides: one that it speaks in, one that it just misses."""
        return bool(self.matched and self.missed)

    @property
    def whole(self) -> bool:
        """Whether every branch was seen as well."""
        return self.both_ways and all(branch.met and branch.unmet for branch in self.branches)


def seen(policy: Policy, cases: Iterable[Case]) -> tuple[Seen, ...]:
    """Return what these cases show of each rule, in the rules' order."""
    matched = dict.fromkeys((rule.name for rule in policy.rules), 0)
    won, missed = dict(matched), dict(matched)
    met: dict[tuple[str, str], int] = {}
    unmet: dict[tuple[str, str], int] = {}
    for case in cases:
        decision = ruled(policy, case)
        said: dict[str, list[Ruling]] = {}
        for match in decision.matches:
            said.setdefault(match.rule, []).append(match)
        facts = with_labels(case.flows, case.facts)
        winners = {ruling.rule for ruling in decision.rulings}
        for rule in policy.rules:
            if rule.name in said:
                matched[rule.name] += 1
                won[rule.name] += rule.name in winners
                for needs, holds in _branches(rule, said[rule.name]):
                    counts = met if holds else unmet
                    counts[rule.name, needs] = counts.get((rule.name, needs), 0) + 1
            elif any(len(why_not(rule, flow, facts)) == 1 for flow in case.flows):
                missed[rule.name] += 1
    return tuple(
        Seen(
            rule.name,
            rule.place,
            matched[rule.name],
            won[rule.name],
            missed[rule.name],
            tuple(
                Branch(one.needs, met.get((rule.name, one.needs), 0), unmet.get((rule.name, one.needs), 0))
                for one in rule.unless
            ),
        )
        for rule in policy.rules
    )


def _branches(rule: Rule, said: Iterable[Ruling]) -> set[tuple[str, bool]]:
    """Return which conditions of a rule were met and which were not, over the flows that it spoke of in one case."""
    found: set[tuple[str, bool]] = set()
    for ruling in said:
        if ruling.exception and ruling.lifted != "expired exception":
            continue  # what an exception lifts, no `unless` was asked about
        if ruling.lifted == "unless":
            unmet: set[str] = set()
        else:
            # What nobody could have read cannot be reviewed either; then the refusal says only that.
            unmet = {one.needs for one in rule.unless if one.needs in ruling.missing}
            unmet = unmet or {one.needs for one in rule.unless if one.approvers}
        found |= {(one.needs, one.needs not in unmet) for one in rule.unless}
    return found
