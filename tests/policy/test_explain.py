from pathlib import Path

from dlp.policy.case import Case, case_of, ruled
from dlp.policy.explain import Explanation, explain, would_pass
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal
from dlp.policy.seen import seen

ROOT = Path(__file__).parents[2]
PACKS = ROOT / "rules"
POLICY = PACKS / "stories" / "hr-anonymised.yaml"

TEST = """
policy: {policy}
tests:
  - name: one
    given: {given}
    message:
      outbound: POST https://slack.test/api/chat.postMessage
      facts: {facts}
      labels: {labels}
    expect: {{verdict: block}}
"""


def case(tmp_path: Path, labels: str, facts: str = "{}", given: str = "{agent: bot}") -> Case:
    path = tmp_path / "t.yaml"
    path.write_text(TEST.format(policy=POLICY, labels=labels, facts=facts, given=given))
    return case_of(load_policy(POLICY, packs=PACKS), load_rehearsal(path).tests[0])


def story(tmp_path: Path, labels: str, facts: str = "{}", given: str = "{agent: bot}") -> Explanation:
    return explain(load_policy(POLICY, packs=PACKS), case(tmp_path, labels, facts, given))


def test_a_refusal_is_explained_by_its_rule_and_what_is_missing(tmp_path: Path):
    told = story(tmp_path, "[{data: employee.pay, from: workday, part: /text}]", '{channel: "#general"}')
    assert (told.verdict, told.rule) == ("block", "pay in Slack")
    assert "state anonymised" in " ".join(told.missing)
    flow = told.flows[1]
    assert (flow.data_class, flow.state, flow.source, flow.sink, flow.part) == (
        "employee.pay",
        "raw",
        "workday",
        "slack",
        "/text",
    )
    assert [(one.rule, one.won) for one in flow.spoke] == [("pay in Slack", True)]
    assert all(one.why for one in flow.silent)


def test_what_would_make_it_pass_was_tried(tmp_path: Path):
    given = "{agent: bot, purpose: reviews}"
    facts = '{channel: "#hr-reviews"}'
    raw = case(tmp_path, "[{data: employee.pay, from: workday, part: /text}]", facts, given)
    policy = load_policy(POLICY, packs=PACKS)
    told = list(would_pass(policy, raw))
    assert "with employee.pay anonymised, once manager has agreed" in told
    assert "without employee.pay" in told
    assert "to workday instead" in told


def test_a_message_that_passes_needs_nothing(tmp_path: Path):
    told = story(tmp_path, "[{data: pii.person, state: tokenised}]", '{channel: "#general"}')
    assert (told.verdict, told.passes) == ("tokenize", ())


def test_a_narrower_rule_says_why_it_did_not_speak(tmp_path: Path):
    told = story(tmp_path, "[{data: pii.person, from: workday}]", '{channel: "#general"}')
    silent = {one.rule: one.why for one in told.flows[1].silent}
    assert silent["names in the HR channel"] == ("it is about slack.hr, not slack",)


def test_facts_that_nobody_stated_are_named(tmp_path: Path):
    assert "purpose" in story(tmp_path, "[{data: employee.pay, from: workday}]").unknown


def test_the_explanation_is_the_decision(tmp_path: Path):
    one = case(tmp_path, "[{data: employee.pay, from: workday}]")
    policy = load_policy(POLICY, packs=PACKS)
    assert explain(policy, one).verdict == ruled(policy, one).verdict.name.lower()


def test_tests_show_which_rules_and_branches_they_hold():
    tests = load_rehearsal(ROOT / "tests" / "rulings" / "story1_anonymised.yaml")
    policy = load_policy(tests.policy, packs=PACKS)
    told = {one.rule: one for one in seen(policy, [case_of(policy, test) for test in tests.tests if not test.body])}
    pay = told["pay in Slack"]
    assert pay.matched > 0
    assert pay.both_ways
    assert {branch.needs: branch.met > 0 for branch in pay.branches}["approved by manager"]
    assert told["nothing unreadable enters"].matched == 0
    assert not told["nothing unreadable enters"].whole


COMBINED = """
policy: combined
use: [base]
destinations: {slack: {at: https://slack.test/**}}
rules:
  - {name: names, data: pii, to: slack, then: allow}
  - {name: not both, together: [pii.person, pii.ssn], to: slack, then: block}
  - {name: for one, data: pii.person, to: slack, agent: reviewer, then: mask}
exceptions:
  - {rule: not both, to: slack, agent: bot, owner: jane, ticket: SEC-1, reason: A trial., until: 2027-01-01}
"""

COMBINED_TESTS = """
policy: p.yaml
tests:
  - name: one
    given: {agent: bot}
    message: {outbound: POST https://slack.test/x, labels: [{data: pii.person}]}
    expect: {verdict: allow}
  - name: both
    given: {agent: bot, at: 2026-06-01}
    message: {outbound: POST https://slack.test/x, labels: [{data: pii.person}, {data: pii.ssn}]}
    expect: {verdict: allow}
"""


def test_what_combines_and_what_an_exception_lifts_is_told(tmp_path: Path):
    (tmp_path / "p.yaml").write_text(COMBINED)
    (tmp_path / "t.yaml").write_text(COMBINED_TESTS)
    policy = load_policy(tmp_path / "p.yaml", packs=PACKS)
    one, both = (explain(policy, case_of(policy, test)) for test in load_rehearsal(tmp_path / "t.yaml").tests)
    silent = {other.rule: other.why for other in one.flows[1].silent}
    assert silent["not both"] == ("its `together` does not hold: pii.person and pii.ssn together",)
    assert silent["for one"] == ("its `agent` does not hold: agent reviewer",)
    spoke = {rule.rule: rule for rule in both.flows[1].spoke}
    assert (spoke["not both"].lifted, spoke["not both"].exception) == ("exception", "SEC-1")
