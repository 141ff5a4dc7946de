"""Rule tests: how they are read, what flows they stand for, and how a difference is told."""

from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.core.label import SANDBOX
from dlp.core.message import Direction
from dlp.core.policy import Policy
from dlp.policy.load import load_policy
from dlp.policy.rehearse import RuleTest, check, facts_for, flows_for, load_rehearsal, ruling_for, sink_of

PACKS = Path(__file__).parent.parent.parent / "rules"
POLICY = """\
policy: P
classes:
  pay: {level: restricted}
  note: {level: confidential}
  hint: {level: internal}
trusted: {ticket: text}
destinations:
  slack: {at: "https://slack.test:8443/api/**", facts: {amount: {at: /amount, type: number}}}
  six: {at: "https://[::1]:443/**"}
rules:
  - name: pay in Slack
    data: pay
    to: slack
    then: block
    unless: [{approved_by: manager}, {when: amount < 3 and ticket == "T1"}]
  - {name: notes, data: [note, opaque], to: slack, then: mask}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "p.yaml").write_text(POLICY)
    return load_policy(tmp_path / "p.yaml", packs=PACKS)


def read(text: str) -> RuleTest:
    """Return the one test that `text`, the keys of a test, says."""
    body = "policy: p.yaml\ntests:\n  - " + text.strip().replace("\n", "\n    ")
    return load_rehearsal(Path("/rules/t.yaml"), read=lambda _: body.encode()).tests[0]


FULL = """
name: t
given:
  agent: bot
  purpose: reviews
  trusted: {ticket: T1, recipients: [a]}
  taint: [{data: pay, state: derived, from: hr}, {data: note}]
  reviewed_by: manager
message:
  outbound: POST https://slack.test:8443/api/x
  facts: {amount: 2}
  labels: [{data: hint, from: hr, part: /a}]
expect: {verdict: allow, rule: pay in Slack, missing: x, matches: [y]}
"""


def test_a_test_is_read_whole():
    test = read(FULL)
    assert (test.name, test.place, test.agent, test.purpose) == ("t", "/rules/t.yaml:3", "bot", "reviews")
    assert test.direction is Direction.OUTBOUND
    assert (test.endpoint.upstream, test.endpoint.path) == ("https://slack.test:8443", "/api/x")
    assert test.trusted == {"ticket": "T1", "recipients": ("a",)}
    assert test.reviewed_by == {"manager"}
    assert [(label.data_class, label.state, label.source) for label in test.taint] == [
        ("pay", "derived", "hr"),
        ("note", "raw", SANDBOX),
    ]
    assert test.labels[0].part == "/a"
    assert (test.expected.missing, test.expected.matches) == (("x",), ("y",))
    rehearsal = load_rehearsal(
        Path("/rules/t.yaml"),
        read=lambda _: (
            b"policy: p.yaml\ntests: [{name: t, message: {inbound: 'GET https://x.test/'}, expect: {verdict: allow}}]"
        ),
    )
    assert rehearsal.policy == Path("/rules/p.yaml")


def test_facts_are_stated_by_message_orchestrator_and_proxy_in_this_order():
    facts = facts_for(read(FULL.replace("amount: 2", "amount: 2, ticket: forged, method: GET, agent: forged")))
    assert (facts["ticket"], facts["method"], facts["agent"], facts["amount"]) == ("T1", "POST", "bot", 2)
    assert (facts["host"], facts["port"], facts["path"], facts["scheme"]) == ("slack.test", 8443, "/api/x", "https")
    assert (facts["direction"], facts["opaque"]) == ("outbound", False)
    assert "purpose" not in facts_for(read(FULL.replace("purpose: reviews", "")))
    assert "agent" not in facts_for(read("name: t\nmessage: {inbound: GET https://x.test/}\nexpect: {verdict: allow}"))


def test_taint_is_carried_as_its_tracking_says(policy: Policy):
    def carried(taint: str, labels: str) -> set[str]:
        text = f"name: t\ngiven: {{taint: [{taint}]}}\nmessage: {{outbound: GET https://slack.test:8443/api, {labels}}}"
        test = read(text + "\nexpect: {verdict: allow}")
        flows = flows_for(policy, test, sink_of(policy, test.endpoint, {}))
        return {flow.data_class for flow in flows if flow.data_class and flow.finding is None}

    opaque = "labels: [{data: opaque}]"
    assert carried("{data: pay}, {data: note}, {data: hint}", "facts: {}") == {"pay"}
    assert carried("{data: pay}, {data: note}, {data: hint}", opaque) == {"pay", "note"}
    assert carried("{data: hint, state: derived}", "facts: {}") == {"hint"}
    assert carried("{data: pay, state: tokenised}", opaque) == set()


def test_the_decision_and_its_differences(policy: Policy):
    assert (
        check(
            read(FULL.replace(", missing: x, matches: [y]", "").replace("{data: hint", "{data: pay")),
            ruling_for(policy, read(FULL.replace("{data: hint", "{data: pay"))),
        )
        == []
    )
    test = read(FULL.replace("reviewed_by: manager", "").replace("{data: hint", "{data: pay").replace("allow", "mask"))
    assert check(test, ruling_for(policy, test)) == [
        "expected the verdict mask, got ask by the rule pay in Slack",
        "expected x to be missing, got approved by manager",
        "expected the rule y to match, got pay in Slack",
    ]


def test_a_transform_can_be_expected_by_name_or_as_such(policy: Policy):
    text = "name: t\nmessage: {outbound: GET https://slack.test:8443/api, labels: [{data: note}]}\nexpect: "
    for expect in ("{verdict: mask, rule: notes}", "{verdict: transform}"):
        test = read(text + expect)
        assert check(test, ruling_for(policy, test)) == []
    wrong = read(text + "{verdict: hash, rule: other, missing: z}")
    assert check(wrong, ruling_for(policy, wrong)) == [
        "expected the verdict hash, got mask transform by the rule notes",
        "expected the rule other, got notes",
        "expected z to be missing, got nothing",
    ]
    nothing = read("name: t\nmessage: {outbound: 'GET https://[::1]/'}\nexpect: {verdict: ask, rule: a, matches: b}")
    assert check(nothing, ruling_for(policy, nothing)) == [
        "expected the verdict ask, got allow",
        "expected the rule a, got none",
        "expected the rule b to match, got none",
    ]


def test_an_answer_is_from_its_source(policy: Policy):
    test = read("name: t\nmessage: {inbound: GET https://x.test/a, labels: [{data: pay}]}\nexpect: {verdict: block}")
    assert check(test, ruling_for(policy, test)) == []
    assert {flow.route.source for flow in flows_for(policy, test, ruling_for(policy, test).rulings[0].flow.route)} == {
        "unlisted"
    }


def test_a_real_body_is_the_engines_to_classify(policy: Policy):
    test = read("name: t\nmessage: {outbound: GET https://x.test/, json: {a: [1]}}\nexpect: {verdict: block}")
    assert (test.body, test.content) == ("json", {"a": [1]})
    with pytest.raises(PolicyError, match=r"/rules/t\.yaml:3: test t: a json body has to be classified by the engine"):
        ruling_for(policy, test)


def test_a_class_that_the_policy_does_not_know_is_an_error(policy: Policy):
    test = read("name: t\nmessage: {outbound: GET https://x.test/, labels: [{data: pya}]}\nexpect: {verdict: block}")
    with pytest.raises(PolicyError, match="the policy defines no class pya"):
        ruling_for(policy, test)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("message: {outbound: GET https://x.test/}\nexpect: {verdict: block}", "expected the key name"),
        ("name: t\nmessage: {}\nexpect: {verdict: block}", "either outbound or inbound, got 0"),
        (
            "name: t\nmessage: {outbound: https://x.test/}\nexpect: {verdict: block}",
            "expected a method and a whole address",
        ),
        ("name: t\nmessage: {outbound: get https://x.test/}\nexpect: {verdict: block}", "expected one method"),
        ("name: t\nmessage: {outbound: GET https://*.test/}\nexpect: {verdict: block}", "expected one method"),
        ("name: t\nmessage: {outbound: GET https://x.test/}\nexpect: {verdict: blok}", "did you mean block?"),
        (
            "name: t\nmessage: {outbound: GET https://x.test/, json: 1, text: x}\nexpect: {verdict: block}",
            "expected one of labels, json and text",
        ),
        (
            "name: t\nmessage: {outbound: GET https://x.test/, facts: {a: ~}}\nexpect: {verdict: block}",
            "an unknown fact is left out",
        ),
        (
            "name: t\ngiven: {taint: [{state: raw}]}\nmessage: {outbound: GET https://x.test}\nexpect: {verdict: ask}",
            "expected the key data",
        ),
    ],
)
def test_a_mistake_in_a_test_is_told(text: str, told: str):
    with pytest.raises(PolicyError) as raised:
        read(text)
    assert told in str(raised.value)


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(PolicyError, match="rule tests: cannot be read"):
        load_rehearsal(tmp_path / "t.yaml")
