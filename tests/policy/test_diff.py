from pathlib import Path

from dlp.policy.case import case_of, ruled
from dlp.policy.diff import Change, Outcome, changes, looser, outcome
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal
from dlp.policy.written import Written, read_written

PACKS = Path(__file__).parents[2] / "rules"

OLD = """\
policy: one
version: "1"
classes: {a: {level: restricted}, b: {level: internal}}
lists: {rooms: ["#a"]}
destinations: {slack: {at: https://slack.test/**}}
rules:
  - {name: a in Slack, data: a, to: slack, then: block}
  - {name: gone, data: b, to: slack, then: allow}
exceptions: []
"""


def written(tmp_path: Path, text: str) -> Written:
    path = tmp_path / f"{abs(hash(text))}.yaml"
    path.write_text(text)
    return read_written(path, packs=PACKS)


def test_a_policy_does_not_differ_from_itself(tmp_path: Path):
    text = written(tmp_path, OLD)
    assert list(changes(text, text)) == []


def test_what_was_changed_is_told_in_words(tmp_path: Path):
    new = (
        OLD.replace('"1"', '"2"')
        .replace("then: block", "then: ask")
        .replace("name: gone, data: b", "name: new, data: b")
        .replace('["#a"]', '["#a", "#b"]')
        .replace("b: {level: internal}", "b: {level: public}")
    )
    told = [str(change) for change in changes(written(tmp_path, OLD), written(tmp_path, new))]
    assert told == [
        "policy version: 1 → 2",
        "class b, level: internal → public",
        "list rooms: #a → #a, #b",
        "rule a in Slack, then: block → ask",
        "rule gone: removed: data b; to slack; then allow",
        "rule new: added: data b; to slack; then allow",
    ]


def test_a_key_that_is_gone_becomes_nothing(tmp_path: Path):
    told = list(
        changes(written(tmp_path, OLD), written(tmp_path, OLD.replace(", to: slack, then: block", ", then: block")))
    )
    assert [(one.name, one.was, one.now) for one in told] == [("a in Slack, to", "slack", "")]
    assert str(told[0]).endswith("slack → nothing")


def test_exceptions_are_told_by_their_scope(tmp_path: Path):
    new = OLD.replace("exceptions: []", "exceptions: [{rule: a in Slack, to: slack, until: '2027-01-01'}]")
    (one,) = changes(written(tmp_path, OLD), written(tmp_path, new))
    assert one == Change(
        "exception",
        "rule a in Slack; to slack",
        "added",
        now="rule a in Slack; to slack; until 2027-01-01",
        place=one.place,
    )


def test_an_outcome_names_the_transforms():
    tests = load_rehearsal(Path(__file__).parents[1] / "rulings" / "story1_anonymised.yaml")
    policy = load_policy(tests.policy, packs=PACKS)
    told = {one.name: outcome(ruled(policy, case_of(policy, one))) for one in tests.tests if not one.body}
    assert Outcome("tokenize pii.person", "HR data enter anonymised") in told.values()


def test_what_got_laxer_for_everything_is_told(tmp_path: Path):
    path, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    path.write_text(OLD.replace("exceptions: []\n", ""))
    new.write_text(
        "policy: one\nmode: monitor\notherwise: ask\nclasses: {a: {level: public}}\n"
        "destinations: {slack: {at: https://slack.test/**}}\n"
    )
    told = list(looser(load_policy(path, packs=PACKS), load_policy(new, packs=PACKS)))
    assert told == [
        "unlisted destinations are asked about instead of refused",
        "nothing is refused any more: the policy is in monitor mode",
        "a is tracked by none instead of session",
        "b is no longer recognised",
    ]
