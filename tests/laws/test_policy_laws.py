"""Laws of decide(): what may never loosen a decision, and what may never matter to it."""

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.core.combined import PRESENT
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, TOKENISED, DataClass, State
from dlp.core.message import Facts
from dlp.core.policy import (
    LONGEST_EXCEPTION,
    TRANSFORMS,
    Also,
    Condition,
    Decision,
    Exemption,
    Flow,
    Policy,
    Route,
    Rule,
    Ruling,
    Tier,
    Unless,
    Verdict,
    decide,
    leading,
    strictness,
)

sys.path.insert(0, str(Path(__file__).parent))
from plain_policy import below, ruled

CLASSES = [DataClass(name) for name in ("pii", "pii.email", "pay", OPAQUE)]
STATES = [RAW, DERIVED, TOKENISED, State("anonymised")]
SINKS = ["slack", "slack.hr", SANDBOX]
FACTS = ["amount", "purpose"]


def _condition(name: str, wanted: int) -> Condition:
    return lambda facts: facts[name] == wanted if name in facts else None


conditions = st.builds(_condition, st.sampled_from(FACTS), st.integers(0, 1))
NOW = 1_800_000_000.0


def _past(facts: Facts) -> bool | None:
    read = facts.get("past")
    return read if isinstance(read, bool) else None


def _together(classes: frozenset[DataClass]) -> Condition:
    def condition(facts: Facts) -> bool | None:
        labels = facts.get(PRESENT)
        if not isinstance(labels, tuple):
            return None
        if all(any(below(label.partition(" ")[2], [c]) for label in labels) for c in classes):
            return True
        return None if any(label.endswith(f" {OPAQUE}") for label in labels) else False

    return condition


unlesses = st.one_of(
    st.builds(lambda s: Unless("state", states=s), st.frozensets(st.sampled_from(STATES), min_size=1)),
    st.builds(lambda s: Unless("to", sinks=s), st.frozensets(st.sampled_from(SINKS), min_size=1)),
    st.builds(lambda c: Unless("when", condition=c), conditions),
    st.just(Unless("approved", approvers=("manager",))),
)


@st.composite
def rules(draw: st.DrawFn, verdicts: tuple[Verdict, ...] = tuple(Verdict)):
    verdict = draw(st.sampled_from(verdicts))
    classes = draw(st.frozensets(st.sampled_from(CLASSES), max_size=2))
    together = verdict is not Verdict.ALLOW and len(classes) > 1 and draw(st.booleans())
    also = [Also("together", "", _together(classes))] if together else []
    if draw(st.booleans()):
        adds = verdict is not Verdict.ALLOW and draw(st.booleans())
        condition = _past if adds else draw(conditions)
        also.append(Also("integrity" if adds else "agent", "", condition, adds=adds))
    rewrites = verdict is Verdict.TRANSFORM
    anywhere = draw(st.booleans())  # else few rules would be about the same flow
    recipe = "anonymised" if rewrites and draw(st.booleans()) else ""
    tiers = list(Tier) if verdict is not Verdict.ALLOW else [Tier.ORDINARY, Tier.DEFAULT]
    tier = draw(st.sampled_from(tiers))
    return Rule(
        name=f"r{draw(st.integers(0, 10**9))}",
        says="",
        place="p:1",
        verdict=verdict,
        transform=draw(st.sampled_from(TRANSFORMS)) if rewrites and not recipe else "",
        recipe=recipe,
        tier=tier,
        labelled=bool(classes) or rewrites or draw(st.booleans()),
        classes=classes,
        states=frozenset() if anywhere else draw(st.frozensets(st.sampled_from(STATES), max_size=2)),
        sources=frozenset() if anywhere else draw(st.frozensets(st.sampled_from(["hr", SANDBOX]), max_size=1)),
        sinks=frozenset() if anywhere else draw(st.frozensets(st.sampled_from(SINKS), max_size=2)),
        when=None if anywhere else draw(st.none() | conditions),
        unless=() if verdict is Verdict.ALLOW else tuple(draw(st.lists(unlesses, max_size=2))),
        approvers=("manager",) if verdict is Verdict.ASK else (),
        monitor=tier is not Tier.MANDATORY and draw(st.booleans()),
        also=tuple(also),
        together=classes if together else frozenset(),
    )


@st.composite
def exemptions(draw: st.DrawFn, rule: str):
    return Exemption(
        rule=rule,
        place="p:1",
        until=NOW + draw(st.sampled_from([-1.0, 0.0, 1.0, LONGEST_EXCEPTION, LONGEST_EXCEPTION + 1])),
        owner="o",
        reason="r",
        ticket=draw(st.sampled_from(["", "T-1", "T-2"])),
        classes=draw(st.frozensets(st.sampled_from(CLASSES), max_size=1)),
        sources=draw(st.frozensets(st.sampled_from(["hr", SANDBOX]), max_size=1)),
        sinks=draw(st.frozensets(st.sampled_from(SINKS), max_size=1)),
        condition=draw(st.none() | conditions),
    )


@st.composite
def policies(draw: st.DrawFn):
    given_rules = {rule.name: rule for rule in draw(st.lists(rules(), max_size=6))}
    lifted = draw(st.lists(st.sampled_from(sorted(given_rules)), max_size=3)) if given_rules else []
    return Policy(
        "p",
        "1",
        "d",
        classes={},
        sources=(),
        sinks=(),
        rules=tuple(given_rules.values()),
        recipes={"anonymised": {DataClass("pii"): "tokenize"}},
        otherwise=draw(st.sampled_from([Verdict.BLOCK, Verdict.ASK])),
        monitor=draw(st.booleans()),
        exceptions=tuple(draw(exemptions(name)) for name in lifted),
    )


sinks = st.builds(
    lambda sink, possible: (sink, possible - {sink}),
    st.sampled_from([*SINKS, None]),
    st.frozensets(st.sampled_from(["slack.hr"])),
)


@st.composite
def messages(draw: st.DrawFn):
    """Return the flows of one message: all go to one sink, and the first is the message as such."""
    sink, possible = draw(sinks)
    flows = [Flow(None, RAW, Route(SANDBOX, sink, possible))]
    for _ in range(draw(st.integers(0, 3))):
        route = Route(draw(st.sampled_from(["hr", SANDBOX])), sink, possible)
        finding = draw(st.none() | st.integers(0, 3))
        flows.append(Flow(draw(st.sampled_from(CLASSES)), draw(st.sampled_from(STATES)), route, finding))
    return flows


facts = st.builds(
    lambda stated, past: stated | ({} if past is None else {"past": past}),
    st.dictionaries(st.sampled_from(FACTS), st.integers(0, 1)),
    st.sampled_from([None, False, True]),
)
reviews = st.sampled_from([frozenset(), frozenset({"manager"})])


def strict(decision: Decision) -> tuple[int, int]:
    return max(strictness(ruling) for ruling in decision.rulings)


@given(policies(), messages(), messages(), facts, reviews)
def test_more_label_is_never_laxer(
    policy: Policy, flows: list[Flow], more: list[Flow], known: Facts, reviewed: frozenset[str]
):
    wider = [*flows, *(replace(flow, route=replace(flow.route, sink=flows[0].route.sink)) for flow in more)]
    less = decide(policy, flows, known, now=NOW, reviewed=reviewed)
    assert strict(decide(policy, wider, known, now=NOW, reviewed=reviewed)) >= strict(less)


@given(policies(), rules(verdicts=(Verdict.BLOCK,)), messages(), facts, reviews)
def test_one_more_rule_that_blocks_never_loosens(
    policy: Policy, rule: Rule, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    stricter = replace(policy, rules=(*policy.rules, replace(rule, name="one more", unless=())))
    before, after = (decide(p, flows, known, now=NOW, reviewed=reviewed) for p in (policy, stricter))
    assert all(strictness(b) >= strictness(a) for a, b in zip(before.rulings, after.rulings, strict=True))


@given(policies(), rules(verdicts=(Verdict.BLOCK, Verdict.ASK)), messages(), facts, reviews)
def test_one_more_rule_that_restricts_never_loosens_what_is_mentioned(
    policy: Policy, rule: Rule, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    everything = Rule("all", "", "p:1", Verdict.ALLOW, tier=Tier.DEFAULT)  # mentions every class, replaces nothing
    base = replace(policy, rules=(*policy.rules, everything))
    stricter = replace(base, rules=(*base.rules, replace(rule, name="one more")))
    before, after = (decide(p, flows, known, now=NOW, reviewed=reviewed) for p in (base, stricter))
    assert all(strictness(b) >= strictness(a) for a, b in zip(before.rulings, after.rulings, strict=True))


@given(policies(), messages(), facts, reviews, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_flows_never_matters(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str], random: Random
):
    shuffled_rules = list(policy.rules)
    random.shuffle(shuffled_rules)
    order = list(range(len(flows)))
    random.shuffle(order)
    one = decide(policy, flows, known, now=NOW, reviewed=reviewed)
    other = decide(
        replace(policy, rules=tuple(shuffled_rules)), [flows[i] for i in order], known, now=NOW, reviewed=reviewed
    )
    assert [one.rulings[i] for i in order] == list(other.rulings)
    assert replace(leading(one), flow=flows[0]) == replace(leading(other), flow=flows[0])
    assert {*one.matches} == {*other.matches}


@given(policies(), messages(), facts, reviews, st.sampled_from([*FACTS, "past"]))
def test_an_unknown_fact_never_allows_what_a_known_one_refuses(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str], forgotten: str
):
    less = {name: value for name, value in known.items() if name != forgotten}
    with_it, without = (decide(policy, flows, f, now=NOW, reviewed=reviewed) for f in (known, less))
    assert all(strictness(b) >= strictness(a) for a, b in zip(with_it.rulings, without.rulings, strict=True))


@given(policies(), messages(), facts, reviews)
def test_a_possible_destination_never_loosens(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    sure = [replace(flow, route=replace(flow.route, possible=frozenset())) for flow in flows]
    unsure = [replace(flow, route=replace(flow.route, possible=frozenset({"slack.hr"}))) for flow in flows]
    a, b = (decide(policy, f, known, now=NOW, reviewed=reviewed) for f in (sure, unsure))
    assert strict(b) >= strict(a)


@given(policies(), messages(), facts, reviews)
def test_mandatory_rules_hold_in_monitor_mode(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    flows = [flow for flow in flows if flow.state != TOKENISED]  # a rule that is only watched still keeps a token one
    watched = replace(policy, monitor=True)
    mandatory = replace(policy, rules=tuple(rule for rule in policy.rules if rule.tier is Tier.MANDATORY), monitor=True)
    one = decide(watched, flows, known, now=NOW, reviewed=reviewed)
    other = decide(mandatory, flows, known, now=NOW, reviewed=reviewed)
    assert [strictness(r) for r in one.rulings] == [strictness(r) for r in other.rulings]
    assert all(not m.enforced for m in one.matches if m.tier is not Tier.MANDATORY)


extras = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(list(Verdict)), st.sampled_from((*TRANSFORMS, "own"))), max_size=3
)


@given(policies(), messages(), facts, reviews, extras)
def test_a_plugin_never_loosens(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str], told: list[tuple[int, Verdict, str]]
):
    extra = [Ruling(flows[i % len(flows)], v, "x", transform=t if v is Verdict.TRANSFORM else "") for i, v, t in told]
    alone = decide(policy, flows, known, now=NOW, reviewed=reviewed)
    joined = decide(policy, flows, known, now=NOW, reviewed=reviewed, extra=extra)
    assert all(strictness(b) >= strictness(a) for a, b in zip(alone.rulings, joined.rulings, strict=True))


@given(policies(), messages(), facts, reviews)
@settings(max_examples=300)
def test_what_cannot_be_rewritten_or_read_is_never_transformed_or_asked_about(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    for ruling in decide(policy, flows, known, now=NOW, reviewed=reviewed).rulings:
        flow = ruling.flow
        if ruling.verdict is Verdict.TRANSFORM:
            assert ruling.transform
            assert (flow.finding is not None and flow.data_class != OPAQUE) or flow.state == TOKENISED
        if ruling.verdict is Verdict.ASK:
            assert flow.data_class != OPAQUE
            assert flow.data_class is None or flow.state != RAW or flow.finding is not None


@given(policies(), st.lists(messages(), min_size=2, max_size=4), facts, reviews)
def test_what_was_decided_before_never_matters(
    policy: Policy, seen: list[list[Flow]], known: Facts, reviewed: frozenset[str]
):
    for flows in seen:
        for f, r in ((known, reviewed), ({}, frozenset[str]())):
            assert decide(policy, flows, f, now=NOW, reviewed=r) == decide(
                replace(policy), flows, f, now=NOW, reviewed=r
            )


@given(policies(), messages(), facts, reviews)
def test_what_a_session_has_read_never_loosens(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    before, after = (decide(policy, flows, {**known, "past": p}, now=NOW, reviewed=reviewed) for p in (False, True))
    assert all(strictness(b) >= strictness(a) for a, b in zip(before.rulings, after.rulings, strict=True))


times = st.sampled_from([None, NOW - 1, NOW, NOW + 1, NOW + LONGEST_EXCEPTION])
parts = st.sampled_from(["", "/a"])


@given(policies(), messages(), facts, reviews, times, st.lists(parts, min_size=4, max_size=4))
@settings(max_examples=400)
def test_it_decides_what_the_plain_meaning_says(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str], now: float | None, at: list[str]
):
    flows = [replace(flow, part=part) for flow, part in zip(flows, at, strict=False)]
    decision = decide(policy, flows, known, now=now, reviewed=reviewed)
    for _ in range(2):  # and once more from memory
        assert decision == decide(policy, flows, known, now=now, reviewed=reviewed)
    matches = iter(decision.matches)
    for ruling, (strictest, said) in zip(decision.rulings, ruled(policy, flows, known, now, reviewed), strict=True):
        assert strictness(ruling) == strictest
        told = [next(matches) for _ in said]
        assert sorted(
            (m.verdict, m.transform, m.recipe, m.rule, m.missing, m.enforced, m.lifted) for m in told
        ) == sorted(said)
    assert next(matches, None) is None


@given(policies(), messages(), facts, reviews, times)
def test_an_exception_only_ever_lifts_its_own_rule_in_its_scope_while_it_lasts(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str], now: float | None
):
    for match in decide(policy, flows, known, now=now, reviewed=reviewed).matches:
        if "exception" in match.lifted:
            assert match.tier is not Tier.MANDATORY
            assert now is not None
            scopes = [
                one
                for one in policy.exceptions
                if (one.rule, one.name) == (match.rule, match.exception)
                and (not one.classes or below(match.flow.data_class, one.classes))
                and (not one.sinks or below(match.flow.route.sink, one.sinks))
                and (not one.sources or below(match.flow.route.source, one.sources))
                and (one.condition is None or one.condition(known) is True)
            ]
            assert scopes
            ended = all(one.until <= now for one in scopes)
            assert (match.lifted == "expired exception") is ended
            assert (match.verdict is Verdict.ALLOW) is not ended


@given(policies(), messages(), facts, reviews)
def test_exceptions_that_have_ended_change_nothing(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    ended = replace(policy, exceptions=tuple(replace(one, until=NOW) for one in policy.exceptions))
    with_them = decide(ended, flows, known, now=NOW, reviewed=reviewed)
    without = decide(replace(policy, exceptions=()), flows, known, now=NOW, reviewed=reviewed)
    told = [
        replace(r, lifted="" if r.lifted == "expired exception" else r.lifted, exception="") for r in with_them.rulings
    ]
    assert told == list(without.rulings)
    assert with_them.verdict is without.verdict


@given(policies(), messages(), facts, reviews)
def test_a_mandatory_rule_has_no_exception_and_without_a_clock_no_rule_has(
    policy: Policy, flows: list[Flow], known: Facts, reviewed: frozenset[str]
):
    mandatory = replace(policy, rules=tuple(replace(rule, tier=Tier.MANDATORY) for rule in policy.rules))
    bare = replace(mandatory, exceptions=())
    assert decide(mandatory, flows, known, now=NOW, reviewed=reviewed) == decide(bare, flows, known, reviewed=reviewed)
    timeless = decide(policy, flows, known, reviewed=reviewed)
    assert timeless == decide(replace(policy, exceptions=()), flows, known, now=NOW, reviewed=reviewed)
