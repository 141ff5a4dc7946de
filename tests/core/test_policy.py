"""What decide() says, case by case, and how places are named."""

from dataclasses import replace

import pytest

from dlp.core.combined import PRESENT
from dlp.core.errors import PluginError
from dlp.core.label import DERIVED, OPAQUE, RAW, SANDBOX, TOKENISED, DataClass, Level, State, Tracking
from dlp.core.message import Endpoint, Fact, Facts, Kind, Part
from dlp.core.policy import (
    LONGEST_EXCEPTION,
    Also,
    ClassSpec,
    Decision,
    Exemption,
    FactSpec,
    Flow,
    Place,
    Policy,
    Route,
    Rule,
    Ruling,
    Tier,
    Unless,
    Verdict,
    address,
    canonical_host,
    carries_of,
    decide,
    decoded_path,
    facts_of,
    fields_of,
    host_matches,
    leading,
    names_host,
    read_at,
    read_facts,
    sink_of,
    source_of,
    standing_of,
    strictness,
)

PAY = DataClass("employee.pay")
EMAIL = DataClass("pii.email")
ANONYMISED = State("anonymised")
SLACK = Route(SANDBOX, "slack")
MANAGER = frozenset({"manager"})


def rule(verdict: Verdict, name: str = "the rule", **given: object) -> Rule:
    """Return a rule about pay in Slack, unless told otherwise."""
    defaults: dict[str, object] = {"classes": frozenset({PAY}), "sinks": frozenset({"slack"})}
    return Rule(name=name, says=f"{name} says.", place="p.yaml:1", verdict=verdict, **{**defaults, **given})  # type: ignore[arg-type]


def transform(name: str, rule_name: str = "rewrite", **given: object) -> Rule:
    return rule(Verdict.TRANSFORM, rule_name, transform=name, **given)


def policy(*rules: Rule, **given: object) -> Policy:
    return Policy("p", "1", "d", classes={}, sources=(), sinks=(), rules=rules, **given)  # type: ignore[arg-type]


def flow(data_class: DataClass | None = PAY, state: State = RAW, route: Route = SLACK, finding: int | None = 0) -> Flow:
    return Flow(data_class, state, route, finding)


def one(given: Policy, *flows: Flow, facts: Facts | None = None, **more: object) -> Ruling:
    decision = decide(given, flows or (flow(),), facts or {}, **more)  # type: ignore[arg-type]
    return leading(decision)


def fact_is(name: str, value: object):
    return lambda facts: None if name not in facts else facts[name] == value


AS_SUCH = Flow(None, RAW, SLACK)


# ------------------------------------------------------------------------------------------- what nothing speaks of


def test_a_message_without_labels_passes_to_a_listed_destination():
    assert decide(policy(), [AS_SUCH], {}) == Decision(
        Verdict.ALLOW, (Ruling(AS_SUCH, Verdict.ALLOW),), (), digest="d", version="1"
    )


def test_a_class_that_no_rule_mentions_is_refused():
    ruling = one(policy(), AS_SUCH, flow())
    assert ruling.verdict is Verdict.BLOCK
    assert "employee.pay" in ruling.says


def test_an_unlisted_destination_gets_otherwise():
    nowhere = replace(AS_SUCH, route=Route(SANDBOX, None))
    assert one(policy(), nowhere).verdict is Verdict.BLOCK
    asked = policy(otherwise=Verdict.ASK)
    assert one(asked, nowhere).verdict is Verdict.ASK
    assert one(asked, nowhere, reviewed=MANAGER).verdict is Verdict.ALLOW
    assert (
        one(policy(rule(Verdict.ALLOW, sinks=frozenset())), flow(route=Route(SANDBOX, None))).verdict is Verdict.BLOCK
    )


def test_a_message_must_have_flows():
    with pytest.raises(ValueError, match="without flows"):
        decide(policy(), [], {})


def test_a_rule_without_data_is_about_the_message_as_such():
    ask = rule(Verdict.ASK, labelled=False, classes=frozenset())
    assert one(policy(ask), AS_SUCH).verdict is Verdict.ASK
    assert one(policy(ask), flow()).rule == ""  # and mentions no class


def test_a_rule_for_any_class_is_not_about_the_message_as_such():
    block = rule(Verdict.BLOCK, classes=frozenset())
    assert one(policy(block), AS_SUCH).verdict is Verdict.ALLOW
    assert one(policy(block), flow(OPAQUE)).rule == "the rule"


# ----------------------------------------------------------------------------------------------------- per label


def test_the_strictest_over_labels_decides_and_each_label_keeps_its_own_ruling():
    given = policy(rule(Verdict.ALLOW, "pay"), rule(Verdict.BLOCK, "email", classes=frozenset({DataClass("pii")})))
    decision = decide(given, [AS_SUCH, flow(), flow(EMAIL)], {})
    assert decision.verdict is Verdict.BLOCK
    assert [r.verdict for r in decision.rulings] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.BLOCK]
    assert [r.rule for r in decision.matches] == ["pay", "email"]


def test_the_strictest_of_two_ordinary_rules_wins_and_both_are_recorded():
    decision = decide(policy(rule(Verdict.BLOCK, "no"), rule(Verdict.ALLOW, "yes")), [flow()], {})
    assert leading(decision).rule == "no"
    assert {match.rule for match in decision.matches} == {"no", "yes"}


def test_among_transforms_the_stricter_wins_and_a_recipe_wins_a_tie():
    assert one(policy(transform("mask"), transform("redact", "hide"))).transform == "redact"
    recipes = {"anonymised": {DataClass("employee"): "tokenize"}}
    given = policy(transform("tokenize"), transform("", "recipe", recipe="anonymised"), recipes=recipes)
    assert (one(given).transform, one(given).recipe) == ("tokenize", "anonymised")


def test_a_recipe_takes_the_nearest_class_and_blocks_what_it_does_not_name():
    recipes = {"anonymised": {DataClass("employee"): "redact", PAY: "generalise"}}
    given = policy(transform("", recipe="anonymised", classes=frozenset()), recipes=recipes)
    assert one(given).transform == "generalise"
    assert one(given, flow(DataClass("employee.name"))).transform == "redact"
    unknown = one(given, flow(EMAIL))
    assert (unknown.verdict, unknown.transform) == (Verdict.BLOCK, "")
    assert "does not say what to do with pii.email" in unknown.says


def test_an_unknown_transform_of_a_plugin_counts_as_the_strictest():
    assert strictness(Ruling(flow(), Verdict.TRANSFORM, transform="shred")) > strictness(
        Ruling(flow(), Verdict.TRANSFORM, transform="redact")
    )


# --------------------------------------------------------------------------------------------------------- tiers


def test_a_default_gives_way_to_an_ordinary_rule_that_allows_and_stays_on_record():
    default = rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT)
    assert one(policy(default)).rule == "default"
    decision = decide(policy(default, rule(Verdict.ALLOW, "yes")), [flow()], {})
    assert decision.verdict is Verdict.ALLOW
    assert leading(decision).rule == "yes"
    assert [(m.rule, m.lifted) for m in decision.matches] == [("yes", ""), ("default", "replaced")]


def test_a_default_does_not_give_way_to_a_rule_that_asks_or_is_mandatory():
    default = rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT)
    assert one(policy(default, rule(Verdict.ASK, "ask"))).rule == "default"
    must = transform("redact", "must", tier=Tier.MANDATORY)
    assert one(policy(default, must)).rule == "default"


def test_nothing_lifts_a_mandatory_rule():
    must = rule(Verdict.BLOCK, "must", tier=Tier.MANDATORY)
    assert one(policy(must, rule(Verdict.ALLOW, "yes"), monitor=True)).rule == "must"


def test_a_rule_that_was_written_explains_more_than_a_default():
    default = rule(Verdict.BLOCK, "z", tier=Tier.DEFAULT)
    assert one(policy(default, rule(Verdict.BLOCK, "a"))).rule == "a"


# ------------------------------------------------------------------------------------------------- three values


@pytest.mark.parametrize(
    ("verdict", "known_true", "unknown", "known_false"),
    [
        (Verdict.ALLOW, Verdict.ALLOW, Verdict.BLOCK, Verdict.BLOCK),
        (Verdict.BLOCK, Verdict.BLOCK, Verdict.BLOCK, Verdict.BLOCK),
        (Verdict.ASK, Verdict.ASK, Verdict.BLOCK, Verdict.BLOCK),
        (Verdict.TRANSFORM, Verdict.TRANSFORM, Verdict.BLOCK, Verdict.BLOCK),
    ],
)
def test_alone_a_rule_settles_a_class_only_where_it_definitely_matches(
    verdict: Verdict, known_true: Verdict, unknown: Verdict, known_false: Verdict
):
    given = policy(rule(verdict, transform="mask", when=fact_is("amount", 1)))
    assert one(given, facts={"amount": 1}).verdict is known_true
    assert one(given, facts={}).verdict is unknown
    assert one(given, facts={"amount": 2}).verdict is known_false


def test_where_another_rule_allows_an_unknown_fact_still_counts_for_what_restricts():
    allow = rule(Verdict.ALLOW, "yes")
    for verdict in (Verdict.BLOCK, Verdict.ASK, Verdict.TRANSFORM):
        given = policy(allow, rule(verdict, transform="mask", when=fact_is("amount", 1)))
        assert one(given, facts={}).verdict is verdict
        assert one(given, facts={"amount": 2}).verdict is Verdict.ALLOW


def test_an_unknown_transform_joins_and_lifts_no_default():
    default = rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT)
    mask = transform("mask", when=fact_is("amount", 1))
    assert one(policy(default, mask), facts={"amount": 1}).rule == "rewrite"
    assert one(policy(default, mask), facts={}).rule == "default"


def test_a_possible_destination_restricts_and_never_allows():
    maybe = Route(SANDBOX, "slack", frozenset({"slack.hr"}))
    hr = frozenset({"slack.hr"})
    assert one(policy(rule(Verdict.ALLOW), rule(Verdict.BLOCK, "no", sinks=hr)), flow(route=maybe)).rule == "no"
    assert one(policy(rule(Verdict.ALLOW, sinks=hr)), flow(route=maybe)).verdict is Verdict.BLOCK


def test_a_rule_can_speak_of_the_part_a_label_was_found_in():
    given = policy(rule(Verdict.ALLOW, when=fact_is("part", "header/authorization")))
    assert one(given, replace(flow(), part="header/authorization")).verdict is Verdict.ALLOW
    assert one(given, replace(flow(), part="/note")).verdict is Verdict.BLOCK
    assert one(given, flow()).verdict is Verdict.BLOCK


# -------------------------------------------------------------------------------------------------------- unless


def exceptions() -> tuple[Unless, ...]:
    return (
        Unless("state anonymised", states=frozenset({ANONYMISED})),
        Unless("to slack.hr", sinks=frozenset({"slack.hr"})),
        Unless('purpose == "reviews"', condition=fact_is("purpose", "reviews")),
        Unless("approved by manager", approvers=("manager",)),
    )


HR = Route(SANDBOX, "slack.hr")


def test_exceptions_lift_a_rule_together_and_it_still_mentions_the_class():
    given = policy(rule(Verdict.BLOCK, unless=exceptions()))
    lifted = one(given, flow(state=ANONYMISED, route=HR), facts={"purpose": "reviews"}, reviewed=MANAGER)
    assert (lifted.verdict, lifted.lifted, lifted.rule) == (Verdict.ALLOW, "unless", "the rule")


def test_a_refusal_lists_what_is_missing():
    given = policy(rule(Verdict.BLOCK, unless=exceptions()))
    assert one(given).missing == ("state anonymised", "to slack.hr", 'purpose == "reviews"', "approved by manager")
    refused = one(given, flow(state=ANONYMISED, route=HR), reviewed=MANAGER)
    assert (refused.verdict, refused.missing) == (Verdict.BLOCK, ('purpose == "reviews"',))
    nowhere = one(given, flow(route=Route(SANDBOX, None, frozenset({"slack.hr"}))))
    assert "to slack.hr" in nowhere.missing


def test_where_only_the_review_is_missing_the_message_asks():
    given = policy(rule(Verdict.BLOCK, unless=exceptions()))
    asks = one(given, flow(state=ANONYMISED, route=HR, finding=None), facts={"purpose": "reviews"})
    assert (asks.verdict, asks.approvers, asks.missing) == (Verdict.ASK, ("manager",), ("approved by manager",))


def test_a_lifted_rule_replaces_no_default():
    lifted = rule(Verdict.BLOCK, "lifted", unless=(Unless("state raw", states=frozenset({RAW})),))
    assert one(policy(lifted)).verdict is Verdict.ALLOW
    assert one(policy(lifted, rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT))).rule == "default"


def test_a_transform_applies_unless_its_exceptions_hold():
    given = policy(transform("mask", unless=(Unless("x", condition=fact_is("purpose", "reviews")),)))
    assert one(given).transform == "mask"
    assert one(given, facts={"purpose": "reviews"}).verdict is Verdict.ALLOW


# ----------------------------------------------------------------------------------------------------------- ask


def test_an_ask_passes_once_one_of_its_approvers_agreed():
    given = policy(rule(Verdict.ASK, approvers=("manager", "security")))
    assert one(given).approvers == ("manager", "security")
    assert one(given, reviewed=frozenset({"intern"})).verdict is Verdict.ASK
    agreed = one(given, reviewed=frozenset({"security"}))
    assert (agreed.verdict, agreed.lifted) == (Verdict.ALLOW, "review")


def test_nobody_is_asked_about_a_message_with_an_unreadable_part():
    given = policy(rule(Verdict.ASK, labelled=False, classes=frozenset()))
    assert one(given, flow(None, finding=None)).verdict is Verdict.ASK
    assert one(given, flow(None, finding=None), facts={"opaque": True}).verdict is Verdict.BLOCK
    both = policy(*given.rules, rule(Verdict.ALLOW, "lets"))
    mixed = decide(both, [flow(None, finding=None), flow()], {"opaque": True})
    assert [ruling.verdict for ruling in mixed.rulings] == [Verdict.BLOCK, Verdict.ALLOW]
    also = policy(*given.rules, rule(Verdict.BLOCK, "blocks"))  # nor is it told that somebody could be
    mixed = decide(also, [flow(None, finding=None), flow()], {"opaque": True})
    assert [ruling.verdict for ruling in mixed.rulings] == [Verdict.BLOCK, Verdict.BLOCK]


def test_nobody_is_asked_about_what_nobody_can_see():
    given = policy(rule(Verdict.ASK, classes=frozenset()))
    assert one(given, flow(OPAQUE)).verdict is Verdict.BLOCK
    unseen = one(given, flow(finding=None))
    assert (unseen.verdict, unseen.missing) == (Verdict.BLOCK, ("something that a person can read",))
    assert one(given, flow(state=DERIVED, finding=None)).verdict is Verdict.ASK


def test_what_has_no_span_cannot_be_rewritten():
    given = policy(transform("mask", classes=frozenset()))
    assert one(given, flow(finding=None)).missing == ("a span that can be rewritten",)
    assert one(given, flow(OPAQUE)).verdict is Verdict.BLOCK


# -------------------------------------------------------------------------------------------------------- tokens


def test_a_token_is_put_back_only_where_raw_is_allowed():
    token = flow(state=TOKENISED)
    assert one(policy(rule(Verdict.ALLOW)), token).verdict is Verdict.ALLOW
    only_tokens = policy(rule(Verdict.ALLOW, states=frozenset({TOKENISED})))
    kept = one(only_tokens, token)
    assert (kept.verdict, kept.transform, kept.flow) == (Verdict.TRANSFORM, "tokenize", token)
    raw_blocked = policy(rule(Verdict.ALLOW), rule(Verdict.BLOCK, "no raw", states=frozenset({RAW})))
    assert (one(raw_blocked, token).verdict, one(raw_blocked, token).transform) == (Verdict.TRANSFORM, "tokenize")
    only_raw = policy(rule(Verdict.ALLOW, states=frozenset({RAW})))
    assert one(only_raw, token) == replace(one(only_raw), flow=token)


def test_a_rule_on_trial_is_not_the_reason_why_a_value_gets_out():
    token = flow(state=TOKENISED)
    watched = policy(rule(Verdict.ALLOW), rule(Verdict.BLOCK, "watched", states=frozenset({RAW}), monitor=True))
    assert one(watched, token).transform == "tokenize"
    blocked = policy(rule(Verdict.BLOCK, states=frozenset({TOKENISED})), *watched.rules[1:])
    assert one(blocked, token).verdict is Verdict.BLOCK


def test_a_tokenise_rule_leaves_a_token_and_a_block_refuses_it():
    token = flow(state=TOKENISED)
    assert one(policy(transform("tokenize")), token).transform == "tokenize"
    assert one(policy(rule(Verdict.BLOCK)), token).verdict is Verdict.BLOCK


def test_a_token_that_comes_back_into_the_sandbox_is_not_judged_as_its_value():
    inbound = Route("slack", SANDBOX)
    allow = rule(Verdict.ALLOW, states=frozenset({TOKENISED}), sinks=frozenset({SANDBOX}))
    assert one(policy(allow), flow(state=TOKENISED, route=inbound)).verdict is Verdict.ALLOW


# ------------------------------------------------------------------------------------------------------- monitor


def test_a_watched_rule_is_recorded_and_changes_nothing():
    watched = rule(Verdict.BLOCK, "watched", monitor=True)
    decision = decide(policy(watched, rule(Verdict.ALLOW, "yes")), [flow()], {})
    assert decision.verdict is Verdict.ALLOW
    assert [(m.rule, m.enforced) for m in decision.matches] == [("watched", False), ("yes", True)]
    assert one(policy(rule(Verdict.ALLOW, monitor=True))).verdict is Verdict.BLOCK  # it mentions nothing either
    default = rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT)
    assert one(policy(default, rule(Verdict.ALLOW, monitor=True))).rule == "default"


def test_a_watched_policy_records_what_would_have_been_and_enforces_only_the_mandatory():
    decision = decide(policy(rule(Verdict.BLOCK), monitor=True), [flow(), flow(EMAIL)], {})
    assert decision.verdict is Verdict.ALLOW
    assert [(m.verdict, m.enforced) for m in decision.matches] == [(Verdict.BLOCK, False)] * 2
    nowhere = decide(policy(monitor=True), [replace(AS_SUCH, route=Route(SANDBOX, None))], {})
    assert (nowhere.verdict, nowhere.matches[0].enforced) == (Verdict.ALLOW, False)


# ------------------------------------------------------------------------------------------------------- plugins


def test_a_plugin_tightens_and_never_loosens():
    given = policy(rule(Verdict.ALLOW))
    assert one(given, extra=[Ruling(flow(), Verdict.BLOCK, "plugin")]).rule == "plugin"
    assert one(policy(), extra=[Ruling(flow(), Verdict.ALLOW, "plugin")]).verdict is Verdict.BLOCK
    asks = [Ruling(flow(), Verdict.ASK, "plugin", approvers=("manager",))]
    assert one(given, extra=asks).verdict is Verdict.ASK
    assert one(given, extra=asks, reviewed=MANAGER).verdict is Verdict.ALLOW
    unseen = flow(finding=None)
    rewrites = [Ruling(unseen, Verdict.TRANSFORM, "plugin", transform="mask")]
    assert one(given, unseen, extra=rewrites).verdict is Verdict.BLOCK


def test_a_plugin_that_rules_on_another_flow_is_an_error():
    with pytest.raises(PluginError, match="not one of the message's flows"):
        decide(policy(), [AS_SUCH], {}, extra=[Ruling(flow(), Verdict.ALLOW)])


# -------------------------------------------------------------------------------------------------------- places


def place(name: str, prefix: str, **given: object) -> Place:
    hosts = (("https", "x.test", 443),)
    return Place(name, lambda e: e.path.startswith(prefix), hosts, **given)  # type: ignore[arg-type]


def at(path: str) -> Endpoint:
    return Endpoint("http", "https://x.test:443", "GET", path)


def named(*sinks: Place, sources: tuple[Place, ...] = ()) -> Policy:
    return Policy("p", "1", "d", classes={}, sources=sources, sinks=sinks, rules=())


def test_the_first_match_names_a_destination_and_others_stay_possible():
    given = named(place("api", "/api"), place("all", "/"))
    assert sink_of(given, at("/api/x"), {}) == Route(SANDBOX, "api", frozenset({"all"}))
    assert sink_of(given, at("/x"), {}) == Route(SANDBOX, "all")
    assert sink_of(named(place("api", "/api")), at("/x"), {}) == Route(SANDBOX, None)


def test_a_narrower_destination_needs_its_facts_known():
    hr = place("slack.hr", "/", when=fact_is("channel", "#hr"))
    deep = place("slack.post", "/post", narrower=(place("slack.post.hr", "/", when=fact_is("channel", "#hr")),))
    given = named(place("slack", "/", narrower=(hr, deep)))
    assert sink_of(given, at("/"), {"channel": "#hr"}).sink == "slack.hr"
    assert sink_of(given, at("/"), {"channel": "#all"}) == Route(SANDBOX, "slack")
    assert sink_of(given, at("/"), {}) == Route(SANDBOX, "slack", frozenset({"slack.hr"}))
    assert sink_of(given, at("/post"), {}) == Route(SANDBOX, "slack.post", frozenset({"slack.hr", "slack.post.hr"}))


def test_a_path_that_can_be_read_in_two_ways_is_no_destination_but_possibly_one():
    odd = place("api", "/api", may_cover=lambda e: "api" in e.path)
    assert sink_of(named(odd), at("/x/../api"), {}) == Route(SANDBOX, None, frozenset({"api"}))
    assert sink_of(named(odd), at("/api"), {}).sink == "api"


def test_where_the_source_of_the_answer_is_unsure_no_destination_matches():
    pay = place("hr.pay", "/pay", may_cover=lambda e: "pay" in e.path)
    given = named(place("all", "/"), sources=(place("hr", "/", narrower=(pay,)),))
    assert sink_of(given, at("/x/../pay"), {}) == Route(SANDBOX, None, frozenset({"all"}))
    assert sink_of(given, at("/pay"), {}).sink == "all"


def test_a_server_that_some_destination_is_part_of_is_a_destination_for_what_is_none_of_its_parts():
    tool = replace(place("post", "/tools/post"), hosts=(("mcp", "slack", 0),))

    def to(path: str, server: str = "slack", protocol: str = "mcp") -> Route:
        return sink_of(named(tool), Endpoint(protocol, f"mcp://{server}:0", "ping", path), {})

    assert to("/tools/post") == Route(SANDBOX, "post")
    assert to("/") == to("/sampling") == Route(SANDBOX, "mcp://slack")
    assert to("/tools/delete") == to("/", "other") == to("/", protocol="http") == Route(SANDBOX, None)


def test_a_source_is_named_as_narrowly_as_its_address_allows():
    pay = place("hr.pay", "/pay")
    given = named(sources=(place("hr", "/", narrower=(pay,)),))
    assert source_of(given, at("/pay/1")) == "hr.pay"
    assert source_of(given, at("/x")) == "hr"
    assert source_of(named(), at("/x")) == "unlisted"


def test_fields_and_carried_classes_of_every_source_it_may_be_count():
    def yes(path: str) -> bool:
        return path == "/pay"

    pay = place("hr.pay", "/pay", fields=((PAY, yes),), carries=frozenset({PAY}), may_cover=lambda e: "pay" in e.path)
    wide = place("hr", "/", fields=((EMAIL, yes),), narrower=(pay,))
    given = named(sources=(wide,))
    assert [name for name, _ in fields_of(given, at("/a/../pay"))] == [EMAIL, PAY]
    assert carries_of(given, at("/pay")) == {PAY}
    assert carries_of(given, at("/x")) == frozenset()


def test_facts_come_from_the_places_of_that_direction():
    spec, inner, other = FactSpec("a", "/a", "text"), FactSpec("b", "/b", "text"), FactSpec("c", "/c", "text")
    sink = place("s", "/", facts=(spec,), narrower=(place("s.t", "/t", facts=(inner,)),))
    given = named(sink, sources=(place("src", "/", facts=(other,)),))
    assert facts_of(given, at("/t"), inbound=False) == (spec, inner)
    assert facts_of(given, at("/x"), inbound=False) == (spec,)
    assert facts_of(given, at("/t"), inbound=True) == (other,)


def test_an_address_is_named_where_some_destination_may_be_there():
    given = named(place("x", "/"))
    assert names_host(given, "https", "X.test.", 443)
    assert not names_host(given, "https", "x.test", 8443)
    assert not names_host(given, "http", "x.test", 443)
    assert not names_host(given, "https", "y.test", 443)


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("x.test", "x.test", True),
        ("*.test", "x.test", True),
        ("*.test", "a.x.test", False),
        ("**.test", "a.x.test", True),
        ("**.test", "test", False),
        ("**", "a.b", True),
        ("a.*.test", "a.b.test", True),
        ("*.test", "test", False),
    ],
)
def test_a_star_is_one_label_and_two_are_any(pattern: str, host: str, covered: bool):  # noqa: FBT001
    assert host_matches(pattern, host) is covered


def test_hosts_are_compared_in_one_form():
    assert canonical_host("[::1]") == "::1"
    assert canonical_host("BÜCHER.test.") == "xn--bcher-kva.test"
    assert canonical_host("ü" * 80) == "ü" * 80  # no host is called so
    assert address("https://X.test:443") == ("https", "x.test", 443)
    assert address("https://x.test:") == ("https", "x.test", 0)


def test_a_path_is_decoded_but_for_what_could_be_read_in_two_ways():
    assert decoded_path("/a%20b/%C3%BC/%41+") == "/a b/ü/A+"
    assert decoded_path("/a%2Fb%5cc%252e") == "/a%2Fb%5cc%252e"


# --------------------------------------------------------------------------------------------------------- facts


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("text", "#hr", "#hr"),
        ("number", "12", 12),
        ("number", "-1.5e3", -1500.0),
        ("number", "1e3", 1000.0),
        ("boolean", "true", True),
        ("boolean", "false", False),
    ],
)
def test_a_fact_is_read_in_its_declared_type(type_: str, text: str, value: Fact):
    assert read_facts([FactSpec("f", "/f", type_)], [Part("/f", text)]) == {"f": value}


@pytest.mark.parametrize(("type_", "text"), [("number", "many"), ("number", "nan"), ("boolean", "yes")])
def test_a_fact_of_another_type_is_unknown(type_: str, text: str):
    assert read_facts([FactSpec("f", "/f", type_)], [Part("/f", text)]) == {}


def test_a_fact_that_is_stated_twice_unreadably_or_not_at_all_is_unknown():
    spec = [FactSpec("f", "/f", "text")]
    assert read_facts(spec, [Part("/f", "a"), Part("/f", "b")]) == {}
    assert read_facts(spec, [Part("/f", "", Kind.OPAQUE)]) == {}
    assert read_facts(spec, [Part("/f/0", "a")]) == {}
    assert read_facts(spec, [Part("/f", "f", Kind.KEY)]) == {}
    assert read_facts(spec, []) == {}
    assert read_facts([], [Part("/f", "a")]) == {}


@pytest.mark.parametrize(
    "other",
    [
        Part("/F", "b"),
        Part("/f ", "b"),
        Part("/ f", "b"),
        Part("/\uff46", "b"),
        Part("/f[]", "b"),
        Part("/F/0", "b"),
        Part("/F", "F", Kind.KEY),
        Part("/f", "f", Kind.KEY),
        Part("/F", "", Kind.OPAQUE),
    ],
)
def test_a_fact_by_a_name_that_some_take_for_the_same_is_unknown(other: Part):
    stated = [Part("/f", "f", Kind.KEY), Part("/f", "a"), Part("/from", "c"), Part("/x/f", "d")]
    spec = [FactSpec("f", "/f", "text")]
    assert read_facts(spec, stated) == {"f": "a"}
    assert read_facts(spec, [*stated, other]) == {}
    assert read_facts(spec, [other, *stated]) == {}


def test_a_query_that_names_a_fact_once_more_makes_it_unknown():
    spec = [FactSpec("f", "query/f_g", "text")]
    stated = [Part("query-name/0", "f_g", Kind.KEY), Part("query/f_g", "a")]
    assert read_facts(spec, stated) == {"f": "a"}
    assert read_facts(spec, [*stated, Part("query-name/1", "f_g", Kind.KEY)]) == {}
    assert read_facts(spec, [*stated, Part("query-name/1", "F.g", Kind.KEY)]) == {}


@pytest.mark.parametrize("path", ["/f", "query/f"])
def test_a_fact_of_which_query_and_body_say_something_else_is_unknown(path: str):
    spec = [FactSpec("f", path, "text")]
    here = [Part(path, "f", Kind.KEY), Part(path, "a")]
    there = "/f" if path == "query/f" else "query/f"
    for other in (there, there.upper() if path == "query/f" else "query/F", f"{there}[]"):
        assert read_facts(spec, [*here, Part(there, "f", Kind.KEY), Part(other, "a")]) == {"f": "a"}
        assert read_facts(spec, [*here, Part(other, "b")]) == {}
    assert read_facts(spec, [*here, Part("query/g", "b"), Part("/g", "b"), Part("/g/f", "b")]) == {"f": "a"}
    inside = [FactSpec("f", "/g/f", "text")]
    assert read_facts(inside, [Part("/g/f", "a"), Part("query/f", "b"), Part("query/g/f", "b")]) == {"f": "a"}


def test_a_list_may_name_its_fact_as_often_as_it_has_items():
    stated = [Part("/f", "f", Kind.KEY), Part("/f", "a"), Part("/f", "f", Kind.KEY), Part("/f", "b")]
    assert read_facts([FactSpec("f", "/f", "list")], stated) == {"f": ("a", "b")}


def test_what_readers_differ_on_states_no_fact():
    assert read_facts([FactSpec("f", "/f", "text")], [Part("/f", "a", ambiguous=True)]) == {}


def test_a_fact_at_several_paths_is_known_where_they_agree():
    specs = [FactSpec("f", "/f", "text"), FactSpec("f", "query/f", "text")]
    assert read_facts(specs, [Part("/f", "a")]) == {"f": "a"}
    assert read_facts(specs, [Part("/f", "a"), Part("query/f", "a")]) == {"f": "a"}
    assert read_facts(specs, [Part("/f", "a"), Part("query/f", "b")]) == {}


def test_a_list_is_every_leaf_below_its_path():
    spec = [FactSpec("to", "/to", "list")]
    assert read_facts(spec, [Part("/to/0", "a"), Part("/to/1", "b"), Part("/tone", "c")]) == {"to": ("a", "b")}


def test_a_policy_can_be_printed_without_its_index():
    spec = ClassSpec(PAY, Level.RESTRICTED, Tracking.SESSION, "PAY")
    given = Policy("p", "1", "d", classes={PAY: spec}, sources=(), sinks=(), rules=())
    assert given.index is given.index
    assert "index" not in repr(given)


def test_classes_that_are_remembered_beyond_a_session_say_so():
    kept = ClassSpec(PAY, Level.RESTRICTED, Tracking.SESSION, "PAY", remember=True)
    given = replace(policy(), classes={PAY: kept, EMAIL: replace(kept, name=EMAIL, remember=False)})
    assert given.remembered == {PAY}


def test_what_was_decided_before_is_remembered_in_bounded_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlp.core.policy._SHAPES", 2)
    monkeypatch.setattr("dlp.core.policy._ANSWERS", 2)
    monkeypatch.setattr("dlp.core.policy._BOUND", 2)
    given = policy(rule(Verdict.ALLOW, when=fact_is("part", "/a")), rule(Verdict.ASK, "b", when=fact_is("n", 1)))
    for part, verdict in [("/a", Verdict.ALLOW), ("/b", Verdict.BLOCK), ("", Verdict.BLOCK), ("/a", Verdict.ALLOW)]:
        asked = replace(flow(finding=7), part=part)
        ruling = one(given, asked, facts={"n": 0})
        assert (ruling.verdict, ruling.flow) == (verdict, asked)
    for facts in ({}, {"n": 1}, {"n": 0}, {}):
        for asked in (flow(), replace(flow(), part="/a")):
            assert one(given, asked, facts=facts) == one(replace(given), asked, facts=facts)
    for data_class in (EMAIL, PAY, DataClass("x"), DataClass("y")):
        assert one(given, flow(data_class)).verdict >= Verdict.ASK
    for finding in range(5):
        assert one(given, flow(finding=finding), facts={"n": 0}).flow == flow(finding=finding)
    for sink in ("slack", "b", "c", "slack"):
        assert one(given, flow(EMAIL, route=Route(SANDBOX, sink))).flow.route.sink == sink
    assert 0 < len(given.shapes) <= 2
    assert all(len(kept) <= 2 for kept in given.shapes.values())
    assert "/a" not in repr(given.shapes)


def test_matches_are_a_sequence_that_equals_a_tuple_of_the_same():
    given = policy(rule(Verdict.BLOCK, "no"), rule(Verdict.ALLOW, "yes"))
    matches = decide(given, [flow()], {}).matches
    assert (matches[0].rule, [match.rule for match in matches[:2]], len(matches)) == ("no", ["no", "yes"], 2)
    again = decide(policy(*given.rules), [flow()], {}).matches
    assert matches == again == tuple(matches)
    assert hash(matches) == hash(tuple(matches))
    assert repr(matches) == repr(tuple(matches))


def test_the_facts_to_work_out_are_told_from_those_that_are_stated():
    given = policy(facts_used=frozenset({"amount", "read untrusted", "distinct pii", "labels present"}))
    assert given.combined_facts == {"read untrusted", "distinct pii"}


def exactly(name: str, *paths: str, unsure: str = "", **given: object) -> Place:
    def covers(endpoint: Endpoint) -> bool:
        return endpoint.path in paths

    def may_cover(endpoint: Endpoint) -> bool:
        return endpoint.path in paths or endpoint.path == unsure

    return Place(name, covers, (), may_cover=may_cover, **given)  # type: ignore[arg-type]


def test_what_is_read_from_a_place_counts_for_all_that_it_is_or_may_be():
    inner = exactly("web.wiki", "/wiki", untrusted=True, names=frozenset({"body"}))
    given = Policy(
        "p",
        "1",
        "d",
        {},
        (
            exactly("hr", "/hr", unsure="/odd", narrower=(exactly("hr.pay", "/odd"),)),
            exactly("web", "/wiki", "/web", "/odd", narrower=(inner,)),
            exactly("all", "/hr", "/wiki", "/web", untrusted=True),
        ),
        (),
        (),
    )

    def read(path: str) -> tuple[set[str], bool, set[str]]:
        names, untrusted, keys = read_at(given, Endpoint("http", "https://x:443", "GET", path))
        return set(names), untrusted, set(keys)

    assert read("/hr") == ({"hr"}, False, set())
    assert read("/web") == ({"web"}, False, set())
    assert read("/wiki") == ({"web", "web.wiki"}, True, {"body"})
    assert read("/odd") == ({"hr", "hr.pay", "web"}, False, set())
    assert read("/none") == ({"unlisted"}, False, set())


def exempt(**given: object) -> Policy:
    one = {
        "place": "p:9",
        "until": 1000.0,
        "owner": "jane",
        "reason": "r",
        "ticket": "T-1",
        "sinks": frozenset({"slack"}),
    }
    return policy(rule(Verdict.BLOCK, "no"), exceptions=(Exemption("no", **{**one, **given}),))  # type: ignore[arg-type]


def test_an_exception_lifts_its_rule_until_it_ends_and_stays_visible_then():
    for now, verdict, lifted in (
        (999.0, Verdict.ALLOW, "exception"),
        (1000.0, Verdict.BLOCK, "expired exception"),
        (1000.0 - LONGEST_EXCEPTION - 1, Verdict.ALLOW, "over-long exception"),
        (None, Verdict.BLOCK, ""),
    ):
        ruling = one(exempt(), now=now)
        assert (ruling.verdict, ruling.lifted) == (verdict, lifted)
        assert ruling.exception == ("T-1" if lifted else "")
    assert one(exempt(ticket=""), now=1.0 + 999).exception == "p:9"


def test_of_two_exceptions_the_one_in_force_is_told():
    given = exempt()
    both = replace(given, exceptions=(replace(given.exceptions[0], until=1.0, ticket="old"), *given.exceptions))
    ruling = one(both, now=999.0)
    assert (ruling.verdict, ruling.exception) == (Verdict.ALLOW, "T-1")


@pytest.mark.parametrize(
    "scope",
    [
        {"sinks": frozenset({"slack.hr"})},
        {"classes": frozenset({EMAIL})},
        {"sources": frozenset({"hr"})},
        {"condition": fact_is("agent", "bot")},
    ],
)
def test_outside_its_scope_an_exception_is_not_even_told(scope: dict[str, object]):
    ruling = one(exempt(**scope), now=1.0)
    assert (ruling.verdict, ruling.lifted) == (Verdict.BLOCK, "")


def test_where_a_message_may_also_go_elsewhere_an_exception_for_one_place_does_not_hold():
    elsewhere = flow(route=Route(SANDBOX, "slack", frozenset({"mail"})))
    inside = flow(route=Route(SANDBOX, "slack", frozenset({"slack.hr"})))
    assert one(exempt(), elsewhere, now=1.0).verdict is Verdict.BLOCK
    assert one(exempt(), inside, now=1.0).verdict is Verdict.ALLOW


def test_a_policy_says_whether_it_asks_what_is_in_one_message():
    assert not policy(rule(Verdict.ALLOW), facts_used=frozenset({"method", "part"})).weighs_messages
    assert policy(rule(Verdict.ALLOW), facts_used=frozenset({"opaque"})).weighs_messages
    assert policy(rule(Verdict.ALLOW), facts_used=frozenset({PRESENT})).weighs_messages
    assert policy(rule(Verdict.BLOCK, together=frozenset({PAY, EMAIL}))).weighs_messages


def test_two_tokens_that_may_not_go_together_are_not_put_back_together():
    pair = frozenset({PAY, EMAIL})
    raw = frozenset({RAW})

    def condition(facts: Facts) -> bool:
        labels = facts[PRESENT]
        assert isinstance(labels, tuple)
        return {f"raw {PAY}", f"raw {EMAIL}"} <= set(labels)

    together = rule(
        Verdict.BLOCK, "pair", classes=pair, states=raw, together=pair, also=(Also("together", "", condition),)
    )
    given = policy(together, rule(Verdict.ALLOW, "yes", classes=pair))
    tokens = [flow(PAY, TOKENISED), flow(EMAIL, TOKENISED)]
    decision = decide(given, tokens, {})
    assert [r.transform for r in decision.rulings] == ["tokenize", "tokenize"]
    assert {(m.rule, m.flow.state) for m in decision.matches} == {("yes", TOKENISED), ("yes", RAW), ("pair", RAW)}
    assert decide(given, tokens[:1], {}).verdict is Verdict.ALLOW
    mixed = decide(given, [flow(PAY), tokens[1]], {})
    assert [r.verdict for r in mixed.rulings] == [Verdict.ALLOW, Verdict.TRANSFORM]
    assert decide(given, [flow(PAY), flow(EMAIL)], {}).verdict is Verdict.BLOCK


def test_a_rule_that_only_adds_replaces_no_default_and_mentions_nothing():
    adds = (Also("integrity", "", lambda _: True),)
    default = rule(Verdict.BLOCK, "default", tier=Tier.DEFAULT)
    assert one(policy(default, transform("mask", also=adds))).verdict is Verdict.BLOCK
    assert one(policy(default, transform("mask", also=(replace(adds[0], adds=False),)))).verdict is Verdict.TRANSFORM
    assert one(policy(transform("mask", also=adds))).verdict is Verdict.BLOCK
    known = (Also("a", "", fact_is("a", 1)), Also("b", "", fact_is("b", 1)))
    told = rule(Verdict.ASK, "told", also=known)
    for facts, matched in (({}, 1), ({"a": 1}, 1), ({"b": 0}, 0), ({"a": 0}, 0), ({"a": 1, "b": 1}, 1)):
        assert len([m for m in decide(policy(told), [flow()], facts).matches if m.rule]) == matched


def test_a_rule_speaks_unless_one_of_its_conditions_is_false():
    known = (Also("a", "", fact_is("a", 1)), Also("b", "", fact_is("b", 1)))
    told = policy(rule(Verdict.ASK, "told", when=fact_is("c", 1), also=known))
    assert one(told, facts={"a": 0, "b": 1, "c": 1}).rule == ""
    assert one(told, facts={"a": 1, "b": 1, "c": 0}).rule == ""
    assert "told" in {match.rule for match in decide(told, [flow()], {"a": 1}).matches}


def test_the_steps_that_a_policy_spells_out_are_those_of_all_its_places():
    inner = Place("crm.people", lambda _: True, (), steps=frozenset({"people"}))
    outer = Place("crm", lambda _: True, (), steps=frozenset({"v1"}), narrower=(inner,))
    source = Place("hr", lambda _: True, (), steps=frozenset({"employees"}))
    assert replace(policy(), sources=(source,), sinks=(outer,)).steps == {"v1", "people", "employees"}


def test_what_a_policy_says_of_an_endpoint_is_remembered_for_that_endpoint_alone():
    def reads(endpoint: Endpoint) -> bool:
        return (endpoint.protocol, endpoint.operation) == ("http", "GET") and endpoint.path.startswith("/api")

    api = Place("api", reads, (), carries=frozenset({PAY}), untrusted=True, facts=(FactSpec("a", "/a", "text"),))
    given = named(api, sources=(api,))
    here = Endpoint("http", "https://x.test:443", "GET", "/api")

    def told(endpoint: Endpoint) -> tuple[object, ...]:
        return (
            sink_of(given, endpoint, {}).sink,
            source_of(given, endpoint),
            read_at(given, endpoint)[1],
            carries_of(given, endpoint),
            facts_of(given, endpoint, inbound=True),
            facts_of(given, endpoint, inbound=False),
        )

    for _ in range(2):
        assert told(here) == ("api", "api", True, {PAY}, api.facts, api.facts)
        for other in ({"protocol": "mcp"}, {"operation": "POST"}, {"path": "/x"}):
            assert told(replace(here, **other)) == (None, "unlisted", False, frozenset(), (), ())
    assert standing_of(given, replace(here)) is standing_of(given, here)
    assert standing_of(given, here).address == {"scheme": "https", "host": "x.test", "port": 443}
    assert source_of(replace(given, sources=()), here) == "unlisted"


def test_where_a_destination_asks_for_facts_no_endpoint_says_what_it_is():
    given = named(place("hr", "/hr", when=fact_is("channel", "#hr")), place("all", "/"))
    for channel, sink in (("#hr", "hr"), ("#all", "all"), ("#hr", "hr")):
        assert sink_of(given, at("/hr"), {"channel": channel}).sink == sink
    assert standing_of(given, at("/hr")).route is None
    assert standing_of(given, at("/x")).route == Route(SANDBOX, "all")


def test_endpoints_are_remembered_in_bounded_number_and_length(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlp.core.policy._STANDINGS_KEPT", 2)
    given = named(place("all", "/"))
    for path in ("/a", "/b", "/c", "/a", "/" + "x" * 300):
        assert sink_of(given, at(path), {}).sink == "all"
    assert {endpoint.path for endpoint in given.standings} == {"/c", "/a"}


def test_a_message_with_one_flow_is_decided_like_one_that_nobody_has_seen_before():
    rules = (
        rule(Verdict.BLOCK, "no", labelled=False, classes=frozenset(), when=fact_is("n", 1)),
        rule(Verdict.ASK, "ask", labelled=False, classes=frozenset(), when=fact_is("n", 2), approvers=("manager",)),
        rule(Verdict.BLOCK, "watched", labelled=False, classes=frozenset(), when=fact_is("n", 3), monitor=True),
    )
    until = Exemption("no", "p:9", 1000.0, "jane", "r", sinks=frozenset({"slack"}))
    given = policy(*rules, exceptions=(until,))
    no = Ruling(AS_SUCH, Verdict.BLOCK, "plugin")
    seen = set()
    for facts in ({"n": 0}, {"n": 1}, {"n": 2}, {"n": 2, "opaque": True}, {"n": 3}, {}, {"n": 0}, {"n": 2}):
        for more in ({}, {"now": 999.0}, {"now": 1000.0}, {"reviewed": MANAGER}, {"extra": (no,)}, {"now": 1e12}, {}):
            decision = decide(given, [AS_SUCH], facts, **more)  # type: ignore[arg-type]
            anew = decide(replace(given), [AS_SUCH], facts, **more)  # type: ignore[arg-type]
            assert decision == anew
            assert (decision.rules, decision.would, decision.leading) == (anew.rules, anew.would, leading(anew))
            seen.add((decision.verdict, decision.rules, decision.would))
    assert len(seen) > 6
    assert decide(replace(given, version="2"), [AS_SUCH], {"n": 0}).version == "2"


def test_decisions_on_one_flow_are_kept_in_bounded_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlp.core.policy._BOUND", 2)
    given = policy(rule(Verdict.BLOCK))
    for finding in (0, 1, 2, 0, None):
        assert decide(given, [flow(finding=finding)], {}).rulings[0].flow == flow(finding=finding)
