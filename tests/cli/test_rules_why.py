import time
from copy import replace
from pathlib import Path

import pytest

from dlp.core.label import RAW, DataClass, Label
from dlp.core.ports import AuditEntry, LabelNote, Watched
from dlp.engine.audit import Audit

from .conftest import Run

POLICY = """\
policy: Small
version: "1"
use: [base]
destinations:
  slack: {at: https://slack.test/**, facts: {channel: /channel}}
rules:
  - {name: mail addresses, says: May go to Slack., data: pii.email, to: slack, then: allow}
  - {name: cards, says: Never., data: pii.card, to: slack, then: block, unless: [{approved_by: jane}]}
"""

TESTS = """\
policy: policy.yaml
tests:
  - name: an address passes
    message: {outbound: POST https://slack.test/x, labels: [{data: pii.email}]}
    expect: {verdict: allow}
  - name: a card does not
    message: {outbound: POST https://slack.test/x, labels: [{data: pii.card}]}
    expect: {verdict: ask}
"""

ENTRY = AuditEntry(
    event="e1",
    time=0.0,
    trace="t1",
    session="s1",
    agent="bot",
    direction="outbound",
    protocol="http",
    upstream="https://slack.test:443",
    operation="POST",
    source="sandbox",
    sink="slack",
    verdict="allow",
    rules=("mail addresses",),
    labels=(LabelNote(Label(DataClass("pii.email"), RAW, "sandbox"), 1, "/text", "exact", origin="e0"),),
    policy="0" * 64,
    reason="mail addresses",
    would="block",
    version="0",
    facts={"path": "/x"},
    watched=(Watched("no mail", "pii.email", "block"),),
)


@pytest.fixture
def ready(proxy: Run, folder: Path) -> Run:
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "policy.test.yaml").write_text(TESTS)
    return proxy


def record(folder: Path, *entries: AuditEntry) -> None:
    audit = Audit(folder / "state" / "audit.jsonl")
    for entry in entries:
        audit.write(entry)
    audit.close()


def entry(age: float = 60.0) -> AuditEntry:
    return replace(ENTRY, time=time.time() - age)


def test_a_rehearsed_message_is_explained(ready: Run):
    told = ready("rules", "explain", "--given", "policy.test.yaml", "--test", "a card does not")
    assert told.code == 0
    assert "a card does not: ask, by cards" in told.out
    assert "pii.card (raw) from sandbox to slack: ask, by cards" in told.out
    assert "once jane has agreed" in told.out
    assert "without pii.card" in told.out
    both = ready("rules", "explain", "--given", "policy.test.yaml", "--json").json
    assert [one["verdict"] for one in both] == ["allow", "ask"]


def test_a_recorded_message_is_explained_by_the_policy_of_now(ready: Run, folder: Path):
    record(folder, entry())
    told = ready("rules", "explain", "e1", "--json")
    assert (told.json["recorded"], told.json["verdict"]) == ({"verdict": "allow", "rule": "mail addresses"}, "allow")
    assert told.json["same_policy"] is False
    assert told.json["lineage"] == ["pii.email found at /text, entered in e0"]
    text = ready("rules", "explain", "e1").out
    assert "decided under another policy (version 0: allow by mail addresses)" in text
    assert ready("rules", "explain", "e9").code == 2
    assert ready("rules", "explain").code == 2
    assert ready("rules", "explain", "--given", "policy.test.yaml", "--test", "none").code == 2


def test_an_event_that_no_rule_decided_cannot_be_explained(ready: Run, folder: Path):
    record(folder, replace(entry(), source="", reason="limit"))
    told = ready("rules", "explain", "e1")
    assert (told.code, "no rule decided it: limit" in told.err) == (2, True)


def test_two_policies_are_compared_in_words_and_by_their_tests(ready: Run, folder: Path):
    (folder / "new.yaml").write_text(POLICY.replace("then: allow", "then: tokenize"))
    told = ready("rules", "diff", "policy.yaml", "new.yaml")
    assert told.code == 1
    assert "rule mail addresses, then: allow → tokenize" in told.out
    assert "tokenize pii.email (mail addresses)" in told.out
    assert told.out.endswith("1 changes; 1 of 2 tests are decided otherwise\n")
    told = ready("rules", "diff", "policy.yaml", "new.yaml", "--json")
    assert [one["test"] for one in told.json["decisions"]] == ["an address passes"]
    same = ready("rules", "diff", "policy.yaml", "policy.yaml")
    assert (same.code, same.out) == (0, "0 changes; 0 of 2 tests are decided otherwise\n")


def test_a_test_that_one_policy_cannot_judge_says_so(ready: Run, folder: Path):
    (folder / "new.yaml").write_text("policy: Small\ndestinations: {slack: {at: https://slack.test/**}}\n")
    told = ready("rules", "diff", "policy.yaml", "new.yaml", "--json").json
    assert "no class pii.email" in told["decisions"][0]["now"]["error"]
    assert "pii.email is no longer recognised" in told["looser"]


def test_what_was_recorded_is_decided_again(ready: Run, folder: Path):
    record(folder, entry(), entry(age=30 * 86_400))
    told = ready("rules", "replay", "--json")
    assert (told.code, told.json["judged"], told.json["differences"]) == (0, 1, [])
    (folder / "new.yaml").write_text(POLICY.replace("then: allow", "then: block"))
    told = ready("rules", "replay", "--policy", "new.yaml", "--since", "60d")
    assert told.code == 1
    assert "block (mail addresses)" in told.out
    assert told.out.endswith("2 decisions made again; 2 differ\n")
    assert ready("rules", "replay", "--since", "ever").code == 2


def test_what_monitor_mode_let_pass_is_reported(ready: Run, folder: Path):
    assert ready("rules", "monitor").out.startswith("Nothing that is only watched")
    record(folder, entry(), entry())
    (one,) = ready("rules", "monitor", "--json").json
    assert (one["rule"], one["sink"], one["data_class"], one["verdict"], one["count"]) == (
        "no mail",
        "slack",
        "pii.email",
        "block",
        2,
    )
    assert "no mail" in ready("rules", "monitor").out


def test_a_policy_is_accepted_and_an_older_one_only_by_force(ready: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY.replace('"1"', '"2"'))
    assert ready("rules", "accept").out.startswith("accepted: Small, version 2")
    (folder / "policy.yaml").write_text(POLICY)
    told = ready("rules", "accept")
    assert (told.code, "rollback" in told.err) == (2, True)
    assert ready("rules", "accept", "--force").code == 0
    assert ready("rules", "accept").code == 0
