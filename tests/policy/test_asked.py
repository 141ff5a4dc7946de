from dlp.core.label import RAW, DataClass
from dlp.core.policy import Flow, Route
from dlp.policy.asked import Asked, asked, conditions, unknown
from dlp.testing.wall import Wall

POLICY = """
policy: asked
use: [base]
destinations:
  slack: {at: https://slack.test/**, facts: {channel: /channel, team: /team}}
rules:
  - name: one
    data: pii.email
    to: slack
    when: channel == "#a" or team == "b"
    then: block
    unless: [{when: purpose == "x"}]
"""


def test_facts_remember_what_was_asked_in_vain():
    facts = Asked({"a": 1})
    assert (facts.get("a"), facts.get("b"), facts.unknown) == (1, None, {"b"})


def test_every_fact_of_a_condition_is_found():
    rule = next(rule for rule in Wall(POLICY).policy.rules if rule.name == "one")
    assert asked(*conditions(rule)) == {"channel", "team", "purpose"}


def test_what_rules_on_a_flow_do_not_know_is_told():
    flow = Flow(DataClass("pii.email"), RAW, Route("sandbox", "slack"), 0, "/text")
    assert unknown(Wall(POLICY).policy, [flow], {"channel": "#b", "team": "b"}) == {"purpose"}
