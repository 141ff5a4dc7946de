from pathlib import Path

import pytest

from dlp.policy.case import case_of
from dlp.policy.document import document
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal
from dlp.policy.seen import seen
from dlp.policy.written import read_written

ROOT = Path(__file__).parents[2]
PACKS = ROOT / "rules"
STORY = PACKS / "stories" / "hr-anonymised.yaml"


def test_every_rule_class_and_place_is_told_with_its_sentence():
    policy = load_policy(STORY, packs=PACKS)
    told = document(policy, read_written(STORY, packs=PACKS))
    for rule in policy.rules:
        assert f"#### {rule.name}" in told
    for name in policy.classes:
        assert f"| `{name}` |" in told
    assert policy.digest in told
    assert "> The HR channel may know whom a review is about." in told
    assert "- pii.person to slack.hr: allowed" in told
    assert "- unless state anonymised or derived and to slack.hr" in told
    assert "- **slack**: `https://slack.test/api/**, mcp://slack/**`." in told
    assert "- **slack.hr**: `inside slack`." in told
    assert "no test matches" not in told


def test_tests_are_named_and_rules_without_any_are_marked():
    policy = load_policy(STORY, packs=PACKS)
    tests = load_rehearsal(ROOT / "tests" / "rulings" / "story1_anonymised.yaml").tests
    shown = seen(policy, [case_of(policy, one) for one in tests if not one.body])
    told = document(policy, read_written(STORY, packs=PACKS), seen=shown, tests={"pay in Slack": ["one_test"]})
    assert "- tests: one\\_test" in told
    assert "**no test matches this rule**" in told


@pytest.mark.parametrize("pack", sorted(PACKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_pack_can_be_written_out(pack: Path):
    assert document(load_policy(pack, packs=PACKS), read_written(pack, packs=PACKS)).startswith("# ")


def test_a_new_key_of_a_rule_shows_by_itself(tmp_path: Path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "policy: p\notherwise: ask\nmode: monitor\nuse: [base]\n"
        "destinations: {x: {at: https://x.test/**, says: A *place*.}}\n"
        "rules:\n  - {name: r, data: any, state: raw, from: sandbox, to: x, when: method == 'PUT', then: ask,"
        " approvers: [jane], mode: monitor}\n"
    )
    told = document(load_policy(path, packs=PACKS), read_written(path, packs=PACKS))
    assert (
        "any labelled data that are raw from sandbox to x, when: method == 'PUT': allowed once a person has agreed"
        in told
    )
    assert "- who may agree: jane" in told
    assert "- only watched" in told
    assert "A \\*place\\*." in told
    assert "**Monitor mode**" in told
    assert "put before a person" in told


COMBINED = """
policy: combined
use: [base]
limits: {calls: 50, duration: 30s}
destinations: {slack: {at: https://slack.test/**}}
rules:
  - {name: not both, together: [pii.person, pii.ssn], to: slack, then: block}
  - {name: few, data: pii, to: slack, more_than: {distinct: pii.person, count: 3}, agent: bot, then: block}
exceptions:
  - {rule: not both, to: slack, agent: bot, owner: jane, ticket: SEC-1, reason: A trial., until: 2027-01-01}
"""


def test_what_combines_and_exceptions_and_limits_are_told(tmp_path: Path):
    path = tmp_path / "p.yaml"
    path.write_text(COMBINED)
    told = document(load_policy(path, packs=PACKS), read_written(path, packs=PACKS))
    assert "- pii.person, pii.ssn together to slack: refused" in told
    assert "- pii to slack, more than 3 distinct pii.person, agent bot: refused" in told
    assert "- **not both** until 2027-01-01: to slack; agent bot; owner jane; ticket SEC-1; reason A trial." in told
    assert "calls 50, duration 30 (duration in seconds" in told
