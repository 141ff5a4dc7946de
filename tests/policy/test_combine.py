"""The keys of a rule beside `when`, as conditions."""

import pytest

from dlp.core.combined import PRESENT, UNTRUSTED, distinct, kind_of, read_data, read_from, traced
from dlp.core.label import DataClass, Level, Tracking
from dlp.core.message import Fact, Facts
from dlp.core.policy import ClassSpec, Rule
from dlp.policy.names import Names
from dlp.policy.rules import Scope, compile_rule
from dlp.strict_yaml import YamlError, load

CLASSES = ("pii", "pii.person", "pay", "health")
NAMES = Names(
    {DataClass(name): ClassSpec(DataClass(name), Level.INTERNAL, Tracking.VALUE, "T") for name in CLASSES},
    {"to": "list", "one": "text", "amount": "number", "recipients": "list", "boss": "text", "path": "text"},
    {"team": ("a", "b")},
    agents=frozenset({"reviewer"}),
    trusted=frozenset({"recipients", "boss"}),
)
SCOPE = Scope(NAMES, frozenset({"hr", "web"}), frozenset({"mail"}))
ANY = Scope(Names(NAMES.classes, NAMES.types, {}), SCOPE.sources, SCOPE.sinks)


def rule(keys: str, scope: Scope = SCOPE) -> Rule:
    return compile_rule(load("{name: a, then: block, " + keys + "}", "f.yaml"), scope)[0]


def holds(keys: str, **facts: Fact) -> bool | None:
    (also,) = rule(keys).also
    return also.condition({name.replace("__", " "): fact for name, fact in facts.items()})


def said(keys: str, facts: Facts) -> bool | None:
    (also,) = rule(keys).also
    return also.condition(facts)


def test_together_holds_when_all_are_there_and_is_unknown_when_something_cannot_be_read():
    keys = "together: [pii, pay]"
    assert rule(keys).classes == rule(keys).together == {"pii", "pay"}
    assert said(keys, {PRESENT: ("raw pay", "masked pii.person")}) is True
    assert said(keys, {PRESENT: ("raw pay",)}) is False
    assert said(keys, {PRESENT: ("raw pay", "raw opaque")}) is None
    assert said(keys, {PRESENT: ("raw pay", "raw pii", "raw opaque")}) is True
    assert said(keys, {}) is None
    only_raw = "together: [pii, pay], state: raw"
    assert said(only_raw, {PRESENT: ("raw pay", "masked pii.person")}) is False


def test_more_than_counts_above_its_number():
    keys = "more_than: {distinct: pii, count: 2}"
    assert [said(keys, {distinct("pii"): n}) for n in (2, 3)] == [False, True]
    assert said(keys, {}) is None
    assert said(keys, {distinct("pii"): True}) is None


def test_recipients_holds_for_anyone_who_is_not_in_the_list():
    keys = "recipients: {fact: to, in: recipients}"
    assert holds(keys, to=("a",), recipients=("a", "b")) is False
    assert holds(keys, to=("a", "c"), recipients=("a", "b")) is True
    assert holds(keys, to=(), recipients=("a",)) is None
    assert holds(keys, to=("a",)) is None
    assert holds(keys, recipients=("a",)) is None
    assert holds(keys, to=3, recipients=("a",)) is None
    assert holds("recipients: {fact: one, in: team}", one="a") is False
    assert holds("recipients: {fact: one, in: [c]}", one="a") is True
    assert holds("recipients: {fact: one, in: boss}", one="a", boss="a") is False
    assert holds("recipients: {fact: one, in: boss}", one="a", boss=3) is None


def test_after_and_integrity_and_traced_hold_when_one_of_their_facts_does():
    for keys, first, second in (
        ("after: {reading: [hr, web]}", read_from("hr"), read_from("web")),
        ("after: {reading: {data: [pay, pii]}}", read_data("pay"), read_data("pii")),
        ("traced: {fact: [one, amount], to: untrusted}", traced("one"), traced("amount")),
    ):
        assert said(keys, {first: True}) is True
        assert said(keys, {first: False, second: True}) is True
        assert said(keys, {first: False, second: False}) is False
        assert said(keys, {first: False}) is None
        assert said(keys, {first: 1, second: False}) is None
    assert said("integrity: untrusted", {UNTRUSTED: True}) is True
    assert said("integrity: untrusted", {UNTRUSTED: False}) is False
    assert said("integrity: untrusted", {}) is None


def test_agent_and_purpose_are_short_for_when_and_settle_as_it_does():
    assert holds("agent: reviewer", agent="reviewer") is True
    assert holds("agent: reviewer", agent="other") is False
    assert holds("agent: reviewer") is None
    assert holds("purpose: [a, b]", purpose="b") is True
    assert rule("agent: reviewer").settles
    assert rule("agent: anyone", ANY).settles
    assert not rule("integrity: untrusted").settles
    assert not rule("mode: monitor").settles


def test_a_rule_says_its_conditions_in_words_and_names_the_facts_it_asks_for():
    text = "more_than: {distinct: pii, count: 2}, agent: reviewer, after: {reading: hr}, when: amount > 1"
    compiled, used = compile_rule(load("{name: a, then: block, " + text + "}", "f.yaml"), SCOPE)
    assert [also.says for also in compiled.also] == [
        "more than 2 distinct pii",
        "after reading from hr",
        "agent reviewer",
    ]
    assert compiled.wording == "amount > 1"
    assert used == {"distinct pii", "read from hr", "agent", "amount"}
    assert [kind_of(name) for name in sorted(used)] == [("", ""), ("", ""), ("distinct", "pii"), ("from", "hr")]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("together: [pii]", "expected two classes or more"),
        ("together: [pii, pii.person]", "got pii, which covers another of them"),
        ("together: [pii, pya]", "unknown name pya; did you mean pay"),
        ("together: [pii, pay], data: pii", "together takes the place of data"),
        ("more_than: {distinct: pii, count: -1}", "expected 0 or more"),
        ("more_than: {distinct: pii}", "count"),
        ("more_than: {distinct: pib, count: 1}", "did you mean pii"),
        ("after: {reading: hrr}", "unknown name hrr; did you mean hr"),
        ("after: {reading: {data: pya}}", "did you mean pay"),
        ("after: hr", "expected a mapping"),
        ("integrity: trusted", "unknown value trusted"),
        ("traced: {fact: amout, to: untrusted}", "unknown fact amout; did you mean amount"),
        ("traced: {fact: recipients, to: untrusted}", "stated by the orchestrator"),
        ("traced: {fact: amount, to: hr}", "unknown value hr"),
        ("recipients: {fact: amount, in: team}", "expected a text or list that the message states, got amount"),
        ("recipients: {fact: recipients, in: team}", "expected a text or list that the message states"),
        ("recipients: {fact: to, in: teem}", "expected a list, or a text or list under trusted:, got teem; did you"),
        ("recipients: {fact: to, in: one}", "expected a list, or a text or list under trusted:, got one"),
        ("agent: reviwer", "unknown agent reviwer; did you mean reviewer"),
    ],
)
def test_what_could_never_hold_is_an_error(keys: str, message: str):
    with pytest.raises(YamlError, match=message):
        rule(keys)


@pytest.mark.parametrize("key", ["together: [pii, pay]", "integrity: untrusted", "after: {reading: hr}"])
def test_what_only_adds_cannot_allow(key: str):
    with pytest.raises(YamlError, match="an allow takes no"):
        compile_rule(load("{name: a, then: allow, " + key + "}", "f.yaml"), SCOPE)
