"""The form that circulates for agents: what it compiles to, what a wall makes of it, and how its mistakes are told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.core.policy import Policy, Verdict
from dlp.policy.load import load_policy
from dlp.testing.wall import Wall

RULES = Path(__file__).parent.parent.parent / "rules"
STORY = RULES / "stories" / "agent-permissions.yaml"
HEAD = """\
policy: Test
classes: {pii: {level: internal}, pii.email: {}}
destinations: {billing: {at: "https://billing.test/**"}}
"""

type Load = Callable[[str], Policy]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_(text: str) -> Policy:
        (tmp_path / "policy.yaml").write_text(HEAD + text)
        return load_policy(tmp_path / "policy.yaml", packs=RULES)

    return load_


def test_a_service_is_a_source_a_destination_and_what_may_not_be_done_with_it(load: Load):
    policy = load("services: {crm: {at: 'https://crm.test/**', allow: [read]}, billing: []}\n")
    assert [place.name for place in policy.sources] == ["crm"]
    assert [place.name for place in policy.sinks] == ["billing", "crm"]
    crm, billing = policy.rules
    assert (crm.name, crm.sinks, crm.verdict, crm.labelled) == ("crm: only reading", {"crm"}, Verdict.BLOCK, False)
    assert crm.when is not None
    assert [crm.when({"method": method}) for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "QUERY")] == [
        False,
        False,
        False,
        True,
        True,
        True,
    ]
    assert crm.when({}) is None  # unknown: the rule holds
    assert (billing.name, billing.sinks, billing.when) == ("billing: no use", {"billing"}, None)
    assert billing.place.endswith("policy.yaml:4")


def test_what_a_service_says_of_itself_reaches_both_its_places(load: Load):
    policy = load(
        "services: {crm: {at: 'https://crm.test/**', allow: [read, write], says: Customers., trust: untrusted, "
        "consequential: true, fields: {$..mail: pii.email}, carries: pii, facts: {team: query/team}}}\n"
        "data_flows: [{data: pii, allowed: crm, when: team == 'sales'}]\n"
    )
    (source,), sink, (rule,) = policy.sources, policy.sinks[-1], policy.rules
    assert (source.untrusted, source.carries, [cls for cls, _ in source.fields]) == (True, {"pii"}, ["pii.email"])
    assert (sink.consequential, [fact.name for fact in sink.facts]) == (True, ["team"])
    assert rule.when is not None
    assert [rule.when(facts) for facts in ({"team": "sales"}, {"team": "it"}, {})] == [True, False, None]


def test_what_may_not_be_used_is_no_source(load: Load):
    policy = load("services: {crm: {at: 'https://crm.test/**', allow: []}}\n")
    assert policy.sources == ()
    assert [rule.name for rule in policy.rules] == ["crm: no use"]


def test_both_permissions_need_no_rule(load: Load):
    assert load("services: {billing: [write, read]}\n").rules == ()


def test_a_data_flow_is_one_rule_for_each_thing_that_may_be_done(load: Load):
    text = "data_flows: [{data: pii.email, from: sandbox, allowed: [sandbox], mask: billing}, {blocked: billing}]\n"
    allowed, masked, blocked = load(text).rules
    assert (allowed.name, allowed.verdict, allowed.sinks) == ("data flow 1: allowed", Verdict.ALLOW, {"sandbox"})
    assert (masked.name, masked.transform, masked.sinks) == ("data flow 1: mask", "mask", {"billing"})
    assert (allowed.classes, allowed.sources) == ({"pii.email"}, {"sandbox"})
    assert (blocked.name, blocked.classes, blocked.labelled) == ("data flow 2: blocked", frozenset(), True)


def test_own_rules_stay_beside_those_that_are_made(load: Load):
    policy = load("services: {billing: []}\nrules: [{name: own, to: billing, then: ask}]\n")
    assert [rule.name for rule in policy.rules] == ["own", "billing: no use"]


def test_hosts_of_egress_are_reached_over_https(load: Load):
    policy = load("egress: [api.models.test, '**.cdn.test', 'http://old.test:8080/v1/**']\naudit: all\n")
    (egress,) = [place for place in policy.sinks if place.name == "egress"]
    assert egress.hosts == (
        ("https", "api.models.test", 443),
        ("https", "**.cdn.test", 443),
        ("http", "old.test", 8080),
    )


def test_the_story_holds_on_a_real_wall():
    wall = Wall(STORY, packs=RULES)
    session = wall.open()
    contact = {"records": [{"Name": "Ada Bell", "Phone": "+44 20 7946 0958"}]}
    read = wall.receive(session, "GET https://salesforce.test/records", json=contact)
    assert b"Ada" not in read.body
    (record,) = read.json["records"]  # type: ignore[call-overload,index]  # what was sent above
    told = wall.send(session, "POST https://salesforce.test/notes", json={"text": f"call {record['Phone']}"})
    assert told.json == {"text": "call +44 20 7946 0958"}
    logged = wall.send(session, "POST https://logs.test/lines", json={"text": f"called {record['Phone']}"})
    assert b"7946" not in logged.body
    assert record["Phone"].encode() not in logged.body
    assert (
        wall.send(session, "POST https://billing.test/invoices", json={"x": 1}).refusal.rule == "billing: only reading"
    )
    assert wall.send(session, "GET https://admin.test/users").refusal.rule == "admin: no use"
    assert wall.send(session, "GET https://status.test/").passed
    assert not wall.send(session, "POST https://models.test/v1/answers", json={"text": record["Phone"]}).passed


def test_a_plugin_brings_no_permissions(tmp_path: Path):
    (tmp_path / "policy.yaml").write_text(HEAD)
    (tmp_path / "catalog.yaml").write_text("services: {crm: {at: 'https://crm.test/**', allow: [read]}}\n")
    with pytest.raises(PolicyError, match="rules belong into a policy"):
        load_policy(tmp_path / "policy.yaml", packs=RULES, catalogs=[tmp_path / "catalog.yaml"])


def test_the_storys_limits_end_a_session():
    wall = Wall(STORY, packs=RULES)
    session = wall.open()
    assert all(wall.send(session, "GET https://status.test/").passed for _ in range(50))
    assert wall.send(session, "GET https://status.test/").refusal.kind == "limit"
    late = wall.open()
    assert wall.send(late, "GET https://status.test/").passed
    wall.clock.now += 31
    assert wall.send(late, "GET https://status.test/").refusal.kind == "limit"
