from collections.abc import Collection
from pathlib import Path

import pytest

from dlp.policy.lint import ERROR, Finding, lint
from dlp.policy.load import load_policy
from dlp.policy.written import read_written

PACKS = Path(__file__).parents[2] / "rules"
NOW = 1_800_000_000.0  # 2027-01-15

HEAD = """\
policy: lint
use: [base]
trusted: {recipients: list}
lists: {rooms: ["#a", "#b"]}
destinations:
  slack: {at: https://slack.test/**, facts: {channel: /channel}}
  mail: {at: https://mail.test/**, facts: {amount: {at: /amount, type: number}}}
"""


def found(tmp_path: Path, text: str, tried: Collection[str] | None = None) -> list[Finding]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return list(lint(load_policy(path, packs=PACKS), read_written(path, packs=PACKS), now=NOW, tried=tried))


def ids(tmp_path: Path, text: str) -> list[str]:
    return [finding.id for finding in found(tmp_path, text)]


def rules(*texts: str) -> str:
    return HEAD + "rules:\n" + "".join(f"  - {text}\n" for text in texts)


ALLOW = "{name: mails, data: pii.email, to: slack, then: allow}"


def test_a_sound_policy_has_no_findings(tmp_path: Path):
    assert found(tmp_path, rules(ALLOW)) == []


@pytest.mark.parametrize("pack", sorted(PACKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_packs_have_no_errors(pack: Path):
    told = lint(load_policy(pack, packs=PACKS), read_written(pack, packs=PACKS), now=NOW)
    assert [finding for finding in told if finding.level == ERROR] == []


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("https://x.test/**", "https://x.test/api/**"),
        ("https://x.test/**", "POST https://x.test/api/send"),
        ("https://x.test", "https://x.test/a"),
        ("https://*.x.test/**", "https://a.x.test/b"),
        ("https://**.test/**", "https://a.x.test/b"),
        ("https://x.test/*/send", "https://x.test/v1/send"),
        ("https://x.test/v1/**", "https://x.test/v1"),
    ],
)
def test_a_place_behind_one_that_covers_it_is_unreachable(tmp_path: Path, first: str, later: str):
    (one,) = found(tmp_path, HEAD + f'  one: {{at: "{first}"}}\n  two: {{at: "{later}"}}\n')
    assert (one.id, one.level, one.place) == ("unreachable", ERROR, f"{tmp_path}/policy.yaml:9")
    assert "one stands before it" in one.says


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("https://x.test/api/**", "https://x.test/**"),
        ("POST https://x.test/**", "https://x.test/**"),
        ("https://x.test/**", "http://x.test/**"),
        ("https://a.x.test/**", "https://*.x.test/**"),
        ("https://*.test/**", "https://a.x.test/**"),
        ("https://x.test/v1/*", "https://x.test/v1/**"),
        ("https://x.test/v1/send", "https://x.test/*/send"),
    ],
)
def test_a_place_that_is_left_something_is_not(tmp_path: Path, first: str, later: str):
    assert ids(tmp_path, HEAD + f'  one: {{at: "{first}"}}\n  two: {{at: "{later}"}}\n') == []


def test_a_place_behind_one_with_a_condition_is_not(tmp_path: Path):
    text = HEAD + "  one: {at: https://x.test/**, when: method == 'GET'}\n  two: {at: https://x.test/**}\n"
    assert ids(tmp_path, text) == []


def test_a_narrower_place_whose_condition_contradicts_the_wider_is_told(tmp_path: Path):
    text = HEAD + (
        "  x: {at: https://x.test/**, when: method == 'GET'}\n"
        "  x.a: {when: method == 'POST'}\n  x.b: {when: \"method in ['GET', 'POST']\"}\n"
    )
    (one,) = found(tmp_path, text)
    assert (one.id, one.place) == ("never-holds", f"{tmp_path}/policy.yaml:9")
    assert "destination x.a" in one.says


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('channel == "#a" and channel == "#b"', False),
        ('channel == "#a" and channel in rooms', True),
        ('channel == "#c" and channel in rooms', False),
        ('channel not in rooms and channel != "#c"', True),
        ('channel matches "#hr-*"', True),
        ("port > 10 and port < 10.25", True),
        ("port > 10 and port < 10", False),
        ("not opaque and opaque", False),
        ("channel in recipients", True),
    ],
)
def test_a_rule_whose_condition_can_never_hold_is_told(tmp_path: Path, condition: str, holds: bool):  # noqa: FBT001
    told = ids(tmp_path, rules(f"{{name: r, data: pii.email, to: slack, when: '{condition}', then: block}}"))
    assert told == ([] if holds else ["never-holds"])


def test_a_fact_that_no_destination_of_the_rule_declares_is_told(tmp_path: Path):
    (one,) = found(tmp_path, rules("{name: r, data: pii.email, to: slack, when: amount > 3, then: block}"))
    assert (one.id, one.level) == ("fact-never-known", ERROR)
    assert "amount" in one.says
    assert "slack" in one.todo or "destination" in one.todo


def test_a_fact_of_an_unless_that_no_destination_declares_is_told(tmp_path: Path):
    (one,) = found(tmp_path, rules("{name: r, data: pii, to: slack, then: block, unless: [{when: amount > 3}]}"))
    assert one.id == "fact-never-known"
    assert "never met" in one.says


def test_a_fact_that_one_of_two_destinations_declares_is_a_warning(tmp_path: Path):
    told = rules("{name: r, data: pii.email, to: [slack, mail], when: amount > 3, then: block}")
    assert [(one.id, one.level) for one in found(tmp_path, told)] == [("fact-not-everywhere", "warning")]


def test_an_allow_and_a_block_of_the_same_scope_conflict(tmp_path: Path):
    (one,) = found(tmp_path, rules(ALLOW, "{name: no mails, data: pii.email, to: slack, then: block}"))
    assert (one.id, one.level) == ("conflict", ERROR)
    assert "no mails" in one.says


def test_a_block_with_a_way_out_does_not_conflict(tmp_path: Path):
    block = "{name: no mails, data: pii.email, to: slack, then: block, unless: [{approved_by: jane}]}"
    assert ids(tmp_path, rules(ALLOW, block)) == []


@pytest.mark.parametrize(
    "wide",
    [
        "{name: w, data: pii, to: slack, then: block}",
        "{name: w, data: any, then: block}",
        "{name: w, data: pii, to: slack, then: ask}",
        "{name: w, data: pii.email, to: [slack, mail], then: mask}",
    ],
)
def test_a_rule_that_another_always_outdoes_is_shadowed(tmp_path: Path, wide: str):
    (one,) = found(tmp_path, rules(ALLOW, wide))
    assert (one.id, one.level) == ("shadowed", "warning")


@pytest.mark.parametrize(
    "other",
    [
        "{name: w, data: pii.email, state: raw, to: slack, then: block}",
        "{name: w, data: pii.email, to: slack, when: method == 'GET', then: block}",
        "{name: w, data: pii.email, to: slack, tier: default, then: block}",
        "{name: w, data: pii.email, to: slack, mode: monitor, then: block}",
        "{name: w, data: pii.phone, to: slack, then: block}",
        "{name: w, data: pii.email, from: mail, to: slack, then: block}",
    ],
)
def test_a_rule_that_is_left_something_is_not_shadowed(tmp_path: Path, other: str):
    text = rules(ALLOW, other).replace("destinations:", "sources: {mail: {at: https://mail.test/**}}\ndestinations:")
    assert "shadowed" not in [one.id for one in found(tmp_path, text) if "rule mails" in one.says]


def test_a_default_that_always_gives_way_is_shadowed(tmp_path: Path):
    (one,) = found(tmp_path, rules(ALLOW, "{name: d, data: pii.email, to: slack, tier: default, then: tokenize}"))
    assert (one.id, "rule d never" in one.says) == ("shadowed", True)


def test_two_rules_that_say_the_same_are_told_once(tmp_path: Path):
    assert ids(tmp_path, rules(ALLOW, ALLOW.replace("mails", "more mails"))) == ["shadowed"]


def test_broad_allows_are_told(tmp_path: Path):
    assert ids(tmp_path, rules("{name: r, data: any, to: slack, then: allow}")) == ["broad-allow"]
    assert ids(tmp_path, rules("{name: r, data: pii.email, then: allow}")) == ["broad-allow"]


def test_rules_of_one_s_own_that_no_test_matches_are_told(tmp_path: Path):
    told = found(tmp_path, rules(ALLOW), tried=())
    assert [(one.id, one.place) for one in told] == [("untested", f"{tmp_path}/policy.yaml:9")]
    assert found(tmp_path, rules(ALLOW), tried={"mails"}) == []


EXCEPTION = """exceptions:
  - rule: no mails
    to: slack.hr
    owner: jane
    ticket: SEC-1
    reason: A reason.
    until: {until}
"""


@pytest.mark.parametrize(
    ("until", "ids_"),
    [("2027-01-14", ["expired-exception"]), ("2027-06-01", []), ("2028-06-01", ["long-exception"])],
)
def test_exceptions_that_ended_or_do_not_end_are_told(tmp_path: Path, until: str, ids_: list[str]):
    text = rules("{name: no mails, data: pii.email, to: slack, then: block}").replace(
        "  mail:", "  slack.hr: {when: channel in rooms}\n  mail:"
    )
    told = found(tmp_path, text + EXCEPTION.format(until=until))
    assert [(one.id, one.level) for one in told] == [(one, "warning") for one in ids_]
    assert all("SEC-1" in one.says and "jane" in one.says for one in told)


def test_a_consequential_destination_wants_a_rule_about_untrusted_content(tmp_path: Path):
    head = HEAD.replace("  slack: {", "  slack: {consequential: true, ")
    (one,) = found(tmp_path, head)
    assert (one.id, one.place) == ("no-integrity-rule", f"{tmp_path}/policy.yaml:6")
    guarded = "sources: {web: {at: https://web.test/**, trust: untrusted}}\nrules:\n"
    guarded += "  - {name: g, to: slack, integrity: untrusted, then: ask, approvers: [jane]}\n"
    assert found(tmp_path, head + guarded) == []


def test_a_rule_for_some_does_not_shadow_one_for_all(tmp_path: Path):
    some = "{name: w, data: pii.email, to: slack, agent: reviewer, then: block}"
    more = "{name: v, data: pii.email, to: slack, more_than: {distinct: pii.person, count: 3}, then: block}"
    assert ids(tmp_path, rules(ALLOW, some, more)) == []


def test_a_recipients_fact_that_the_destination_does_not_declare_is_told(tmp_path: Path):
    text = rules("{name: r, data: pii.email, to: mail, recipients: {fact: channel, in: rooms}, then: block}")
    assert [(one.id, "recipients" in one.says) for one in found(tmp_path, text)] == [("fact-never-known", True)]
