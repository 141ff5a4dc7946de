"""What decide() means, written as plainly as can be: no index, no memory, every rule asked of every flow."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dlp.core.combined import PRESENT
from dlp.core.label import OPAQUE, RAW, SANDBOX, TOKENISED, ancestors
from dlp.core.message import Facts
from dlp.core.policy import (
    LONGEST_EXCEPTION,
    TRANSFORMS,
    Exemption,
    Flow,
    Policy,
    Rule,
    Tier,
    Unless,
    Verdict,
)

type Said = tuple[Verdict, str, str, str, tuple[str, ...], bool, str]
"""Verdict, transform, recipe, rule, what is missing, whether it is enforced, and why it was lifted."""


def below(name: str | None, wanted: Iterable[str]) -> bool:
    """Tell whether a dotted name is one of those wanted, or inside one."""
    return name is not None and bool(set(ancestors(name)) & set(wanted))


def ruled(
    policy: Policy, flows: Sequence[Flow], facts: Facts, now: float | None, reviewed: frozenset[str]
) -> list[tuple[tuple[Verdict, int], list[Said]]]:
    """Return for each flow how strict the decision on it is, and all that is said of it."""
    sent = tuple(sorted({f"{f.state} {f.data_class}" for f in flows if f.data_class}))
    value = tuple(sorted({*sent, *(f"{RAW} {f.data_class}" for f in flows if f.state == TOKENISED)}))
    answers = []
    for flow in flows:
        known = {**facts, **({"part": flow.part} if flow.part else {})}
        said = _all(policy, flow, {**known, PRESENT: sent}, now, reviewed)
        strict = _strictest(said)
        if flow.state == TOKENISED and flow.route.sink != SANDBOX:
            as_value = _all(policy, replace(flow, state=RAW), {**known, PRESENT: value}, now, reviewed)
            watched = any(not one[5] and one[0] != Verdict.ALLOW for one in as_value)
            raw = _strictest(as_value)
            if raw[0] == Verdict.ALLOW and not watched:
                strict = raw
            elif strict[0] == Verdict.ALLOW:
                strict = (Verdict.TRANSFORM, 0)
            elif not watched:
                strict = min(strict, raw)
            said = said + as_value
        answers.append((strict, said))
    return answers


def _strictest(said: Iterable[Said]) -> tuple[Verdict, int]:
    ranks = [(one[0], TRANSFORMS.index(one[1]) if one[0] == Verdict.TRANSFORM else 0) for one in said if one[5]]
    return max(ranks, default=(Verdict.ALLOW, 0))


def _all(policy: Policy, flow: Flow, facts: Facts, now: float | None, reviewed: frozenset[str]) -> list[Said]:
    matching = []
    for rule in policy.rules:
        sure, truth = _about(rule, flow), _true(rule, facts)
        if sure is False or truth is False:
            continue
        certain = sure is True and truth is True
        if rule.verdict == Verdict.ALLOW and not certain:
            continue
        settles = certain and not rule.monitor and not any(also.adds for also in rule.also)
        matching.append((rule, settles, _one(policy, rule, flow, facts, now, reviewed)))
    given_way = {
        rule.name
        for rule, settles, said in matching
        if rule.tier == Tier.ORDINARY and settles and said[0] <= Verdict.TRANSFORM and not _lifted(said)
    }
    found = [
        (Verdict.ALLOW, "", "", said[3], (), said[5], "replaced") if rule.tier == Tier.DEFAULT and given_way else said
        for rule, _, said in matching
    ]
    enforced = not policy.monitor
    if flow.route.sink is None:
        found.append(_possible(flow, (policy.otherwise, "", "", "", (), enforced, ""), (), reviewed))
    elif flow.data_class is not None and not any(settles for _, settles, _ in matching):
        found.append((Verdict.BLOCK, "", "", "", (), enforced, ""))
    return found


def _lifted(said: Said) -> bool:
    return said[0] == Verdict.ALLOW and said[6] != ""


def _about(rule: Rule, flow: Flow) -> bool | None:
    if rule.labelled != (flow.data_class is not None):
        return False
    if rule.classes and not below(flow.data_class, rule.classes):
        return False
    if (rule.states and flow.state not in rule.states) or (rule.sources and not below(flow.route.source, rule.sources)):
        return False
    if not rule.sinks or below(flow.route.sink, rule.sinks):
        return True
    return None if any(below(name, rule.sinks) for name in flow.route.possible) else False


def _true(rule: Rule, facts: Facts) -> bool | None:
    said = [rule.when(facts)] if rule.when else []
    said += [also.condition(facts) for also in rule.also]
    return False if False in said else None if None in said else True


def _one(policy: Policy, rule: Rule, flow: Flow, facts: Facts, now: float | None, reviewed: frozenset[str]) -> Said:
    enforced = rule.tier == Tier.MANDATORY or not (rule.monitor or policy.monitor)
    unmet = [unless for unless in rule.unless if not _met(unless, flow, facts, reviewed)]
    if rule.unless and not unmet:
        return (Verdict.ALLOW, "", "", rule.name, (), enforced, "unless")
    standing = ""
    if now is not None and rule.verdict != Verdict.ALLOW and rule.tier != Tier.MANDATORY:
        ends = [one.until - now for one in policy.exceptions if one.rule == rule.name and _covers(one, flow, facts)]
        if any(0 < left <= LONGEST_EXCEPTION for left in ends):
            standing = "exception"
        elif any(left > 0 for left in ends):
            standing = "over-long exception"
        elif ends:
            standing = "expired exception"
    if standing in ("exception", "over-long exception"):
        return (Verdict.ALLOW, "", "", rule.name, (), enforced, standing)
    missing = tuple(unless.needs for unless in unmet)
    if unmet and rule.verdict == Verdict.BLOCK and all(unless.approvers for unless in unmet):
        said = (Verdict.ASK, "", "", rule.name, missing, enforced, standing)
        return _possible(flow, said, None, reviewed)
    if rule.recipe:
        recipe = policy.recipes[rule.recipe]
        steps = [recipe[c] for c in ancestors(flow.data_class or "") if c in recipe]  # type: ignore[index]
        if not steps:
            return (Verdict.BLOCK, "", "", rule.name, missing, enforced, standing)
        said = (Verdict.TRANSFORM, steps[0], rule.recipe, rule.name, missing, enforced, standing)
        return _possible(flow, said, rule.approvers, reviewed)
    said = (rule.verdict, rule.transform, "", rule.name, missing, enforced, standing)
    return _possible(flow, said, rule.approvers, reviewed)


def _possible(flow: Flow, said: Said, approvers: tuple[str, ...] | None, reviewed: frozenset[str]) -> Said:
    """Return what is said as it can be done; `approvers` of None: they have not agreed."""
    verdict, _, _, rule, missing, enforced, _ = said
    if verdict == Verdict.ASK and approvers is not None and reviewed and (not approvers or reviewed & set(approvers)):
        return (Verdict.ALLOW, "", "", rule, (), enforced, "review")
    if verdict == Verdict.TRANSFORM and (flow.finding is None or flow.data_class == OPAQUE):
        return (Verdict.BLOCK, "", "", rule, (*missing, "a span that can be rewritten"), enforced, said[6])
    taint = flow.data_class is not None and flow.finding is None and flow.state == RAW
    if verdict == Verdict.ASK and (taint or flow.data_class == OPAQUE):
        return (Verdict.BLOCK, said[1], said[2], rule, ("something that a person can read",), enforced, said[6])
    return said


def _met(unless: Unless, flow: Flow, facts: Facts, reviewed: frozenset[str]) -> bool:
    if unless.states:
        return flow.state in unless.states
    if unless.sinks:
        return below(flow.route.sink, unless.sinks)
    if unless.condition:
        return unless.condition(facts) is True
    return bool(reviewed & set(unless.approvers))


def _covers(one: Exemption, flow: Flow, facts: Facts) -> bool:
    if one.classes and not below(flow.data_class, one.classes):
        return False
    if one.sources and not below(flow.route.source, one.sources):
        return False
    if one.sinks and not all(below(name, one.sinks) for name in (flow.route.sink, *flow.route.possible)):
        return False
    return one.condition is None or one.condition(facts) is True
