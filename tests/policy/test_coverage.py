"""Coverage: a rule counts as tested where one test expects it, and another just misses it."""

from pathlib import Path

from dlp.policy.coverage import Cover, coverage
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal

POLICY = """\
policy: Test
classes: {a: {level: internal}, b: {level: internal}}
destinations: {one: {at: "https://one.test/**"}, two: {at: "https://two.test/**"}}
rules:
  - {name: held, data: a, to: one, then: block}
  - {name: condition, data: a, to: two, when: method == "POST", then: block}
  - {name: unseen, data: b, to: two, state: masked, then: block}
"""
TESTS = """\
policy: policy.yaml
tests:
  - name: speaks
    message: {outbound: POST https://one.test/, labels: [{data: a}]}
    expect: {verdict: block, rule: held}
  - name: elsewhere
    message: {outbound: GET https://two.test/, labels: [{data: a}]}
    expect: {verdict: block}
  - name: unnamed
    message: {outbound: POST https://two.test/, labels: [{data: a}]}
    expect: {verdict: block}
  - name: body
    message: {outbound: POST https://two.test/, text: hello}
    expect: {verdict: allow}
"""


def test_each_rule_is_told_which_tests_hold_it(tmp_path: Path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "tests.yaml").write_text(TESTS)
    rehearsal = load_rehearsal(tmp_path / "tests.yaml")
    held, condition, unseen = coverage(load_policy(rehearsal.policy, packs=tmp_path), rehearsal.tests)
    assert (held.speaks, held.misses, held.both_ways) == ("speaks", "elsewhere", True)
    assert (condition.speaks, condition.misses, condition.both_ways) == ("", "speaks", False)
    assert unseen == Cover("unseen", unseen.place)
