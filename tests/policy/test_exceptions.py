"""Exceptions: what they may be from, how narrow they have to be, and when they end."""

from datetime import UTC, datetime

import pytest

from dlp.core.label import DataClass, Level, Tracking
from dlp.core.policy import ClassSpec, Exemption
from dlp.policy.exceptions import compile_exception, moment
from dlp.policy.names import Names
from dlp.policy.rules import Scope, compile_rule
from dlp.strict_yaml import YamlError, load

CLASSES = ("pii", "pii.person", "pay")
NAMES = Names(
    {DataClass(name): ClassSpec(DataClass(name), Level.INTERNAL, Tracking.VALUE, "T") for name in CLASSES},
    {"amount": "number"},
    {},
    agents=frozenset({"reviewer"}),
)
SCOPE = Scope(NAMES, frozenset({"hr"}), frozenset({"slack", "slack.hr", "mail"}))
RULES = {
    name: compile_rule(load("{name: " + name + ", " + text + "}", "f.yaml"), SCOPE)[0]
    for name, text in {
        "people": "data: pii, to: slack, then: block",
        "all": "data: any, then: block",
        "messages": "to: slack, then: block",
        "never": "tier: mandatory, data: pay, then: block",
        "fine": "data: pay, then: allow",
    }.items()
}
REST = "owner: jane, ticket: SEC-12, reason: one report, until: 2026-12-31"


def exception(keys: str, rest: str = REST) -> tuple[Exemption, frozenset[str]]:
    return compile_exception(load("{" + keys + ", " + rest + "}", "f.yaml"), SCOPE, RULES)


def at(text: str) -> float:
    return moment(load(text, "f.yaml"), "until")


def test_an_exception_is_one_rule_in_a_narrower_scope_with_an_owner_and_an_end():
    one, used = exception("rule: people, to: slack.hr, agent: reviewer, purpose: [a, b], when: amount < 5, data: pii")
    assert (one.rule, one.owner, one.name, one.reason, one.place) == (
        "people",
        "jane",
        "SEC-12",
        "one report",
        "f.yaml:1",
    )
    assert one.until == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert one.scope == "data pii, to slack.hr, agent reviewer, purpose a or b, when amount < 5"
    assert used == {"agent", "purpose", "amount"}
    assert one.condition is not None
    good = {"agent": "reviewer", "purpose": "a", "amount": 1}
    assert one.condition(good) is True
    assert one.condition(good | {"amount": 9}) is False
    assert one.condition({"agent": "reviewer", "purpose": "a"}) is None


@pytest.mark.parametrize(
    "keys",
    ["rule: all, data: pii", "rule: all, from: hr", "rule: people, data: pii.person", "rule: messages, from: hr"],
)
def test_one_part_of_the_scope_is_enough_where_it_leaves_the_rule_something(keys: str):
    assert exception(keys)[0].condition is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("rule: peple, data: pii", "unknown rule peple; did you mean people"),
        ("rule: never, agent: reviewer", "the rule is mandatory; nothing lifts it"),
        ("rule: fine, agent: reviewer", "the rule allows"),
        ("rule: people", "expected a scope narrower than the rule's own"),
        ("rule: people, data: pii, to: [slack, mail]", "expected a scope narrower than the rule's own"),
        ("rule: people, data: pay", "data: never holds: the rule is only about pii"),
        ("rule: people, to: mail", "to: never holds"),
        ("rule: messages, data: pii", "never holds: the rule is about messages as such"),
        ("rule: people, agent: reviewr", "did you mean reviewer"),
        ("rule: people, when: amout < 1", "unknown fact amout"),
    ],
)
def test_what_could_not_be_meant_is_an_error(keys: str, message: str):
    with pytest.raises(YamlError, match=message):
        exception(keys)


@pytest.mark.parametrize("missing", ["owner", "ticket", "reason", "until"])
def test_nobody_lifts_a_rule_without_saying_who_why_and_until_when(missing: str):
    rest = ", ".join(part for part in REST.split(", ") if not part.startswith(missing))
    with pytest.raises(YamlError, match=missing):
        exception("rule: all, data: pii", rest)


def test_a_day_ends_when_it_is_over_and_a_time_has_a_zone():
    assert at("2026-12-31") == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert at("2026-12-31T10:00:00Z") == datetime(2026, 12, 31, 10, tzinfo=UTC).timestamp()
    assert at("2026-12-31 10:00+02:00") == datetime(2026, 12, 31, 8, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["20261231", "2026-12-31T10:00", "2026-13-01", "soon", "[a]", "9999-12-31", "12:30"])
def test_what_is_no_time_is_an_error(text: str):
    with pytest.raises(YamlError, match=r"expected a day or a time|there is no such day"):
        at(text)
