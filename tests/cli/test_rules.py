from pathlib import Path

from .conftest import Run

POLICY = """\
policy: Small
version: "1"
use: [base]
destinations:
  slack: {at: https://slack.test/**}
rules:
  - {name: mail addresses, says: May go to Slack., data: pii.email, to: slack, then: allow}
  - {name: cards, says: Never., data: pii.card, to: slack, then: block}
"""

TESTS = """\
policy: policy.yaml
tests:
  - name: an address passes
    message: {outbound: POST https://slack.test/x, labels: [{data: pii.email}]}
    expect: {verdict: %s}
"""

BODIES = """\
policy: policy.yaml
tests:
  - name: a card in a body is refused
    message: {outbound: POST https://slack.test/x, json: {text: "pay with 4111 1111 1111 1111"}}
    expect: {verdict: block, rule: cards, matches: cards}
  - name: a text without anything passes
    message: {outbound: POST https://slack.test/x, text: nothing here}
    expect: {verdict: allow}
  - name: this one is wrong
    message: {outbound: POST https://slack.test/x, text: nothing here}
    expect: {verdict: block, rule: cards, missing: a review, matches: cards}
"""


def test_a_good_policy_is_counted(proxy: Run, folder: Path):
    (folder / "other.yaml").write_text(POLICY)
    told = proxy("rules", "check", "other.yaml")
    assert (told.code, "other.yaml: Small: ok (" in told.out) == (0, True)
    assert proxy("rules", "check", "other.yaml", "--json").json["destinations"] == 1
    assert proxy("rules", "check", "--json").json["ok"] is True


def test_a_bad_policy_is_a_finding_with_its_place(proxy: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY.replace("then: block", "then: blok"))
    told = proxy("rules", "check")
    assert (told.code, told.out) == (1, "")
    assert "policy.yaml:8:" in told.err
    assert "blok" in told.err
    told = proxy("rules", "check", "--json")
    assert (told.code, told.json["ok"]) == (1, False)


def test_a_test_that_holds_and_one_that_does_not(proxy: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "good.yaml").write_text(TESTS % "allow")
    (folder / "bad.yaml").write_text(TESTS % "block")
    assert proxy("rules", "test", "good.yaml").out == "1 passed, 0 failed\n"
    told = proxy("rules", "test", "good.yaml", "bad.yaml")
    assert told.code == 1
    assert "FAILED bad.yaml:3: an address passes" in told.out
    assert "expected the verdict block, got allow by the rule mail addresses" in told.out
    assert told.out.endswith("1 passed, 1 failed\n")
    told = proxy("rules", "test", "bad.yaml", "--json")
    assert (told.code, told.json["failed"]) == (1, 1)


def test_a_test_with_a_body_goes_through_the_whole_wall(proxy: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tests.yaml").write_text(BODIES)
    told = proxy("rules", "test", "tests.yaml", "--json")
    assert told.code == 1
    assert [one["differences"] for one in told.json["tests"]] == [
        [],
        [],
        [
            "expected the verdict block, got allow",
            "expected the rule cards, got none",
            "expected a review to be missing, got nothing",
            "expected the rule cards to match, got none",
        ],
    ]


def test_a_file_that_is_missing_or_wrong_is_misuse(proxy: Run, folder: Path):
    (folder / "wrong.yaml").write_text("tests: []")
    for name in ("missing.yaml", "wrong.yaml"):
        told = proxy("rules", "test", name)
        assert (told.code, name in told.err) == (2, True)


LINT = """\
policy: Lint
use: [base]
destinations:
  slack: {at: https://slack.test/**}
rules:
  - {name: all, data: any, to: slack, then: allow}
"""


def test_a_check_is_a_lint_as_well_and_strict_where_it_is_asked_to_be(dlp: Run, folder: Path):
    (folder / "lint.yaml").write_text(LINT)
    told = dlp("rules", "check", "lint.yaml", "--json")
    assert (told.code, [one["id"] for one in told.json["findings"]]) == (0, ["broad-allow", "no-tests"])
    assert told.json["findings"][0]["place"] == "lint.yaml:6"
    told = dlp("rules", "check", "lint.yaml", "--strict")
    assert (told.code, "lint.yaml:6: warning: rule all allows any class" in told.out) == (1, True)
    assert "Lint: not ok" in told.out
    (folder / "lint.yaml").write_text(LINT + "  - {name: none, data: any, to: slack, then: block}\n")
    told = dlp("rules", "check", "lint.yaml", "--json")
    assert (told.code, told.json["findings"][0]["id"], told.json["ok"]) == (1, "conflict", False)


def test_a_check_needs_no_settings_and_no_state_and_knows_the_tests_beside(dlp: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "policy.test.yaml").write_text(TESTS % "allow")
    told = dlp("rules", "check", "policy.yaml", "--json")
    assert [(one["id"], "rule cards" in one["says"]) for one in told.json["findings"]] == [("untested", True)]
    (folder / "more.yaml").write_text((TESTS % "block").replace("pii.email", "pii.card"))
    assert dlp("rules", "check", "policy.yaml", "--tests", "more.yaml", "--strict").code == 0
    assert not (folder / "dlp.yaml").exists()


def test_coverage_names_every_rule_and_what_its_tests_show(dlp: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tests.yaml").write_text(TESTS % "allow")
    shown = {one["rule"]: one for one in dlp("rules", "test", "tests.yaml", "--coverage", "--json").json["coverage"]}
    assert (shown["mail addresses"]["matched"], shown["mail addresses"]["won"]) == (1, 1)
    assert (shown["cards"]["matched"], shown["cards"]["missed"], shown["cards"]["both_ways"]) == (0, 1, False)
    assert f"0 of {len(shown)} rules both ways" in dlp("rules", "test", "tests.yaml", "--coverage").out


def test_a_body_counts_for_coverage_as_it_was_really_decided(proxy: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tests.yaml").write_text(BODIES)
    shown = {one["rule"]: one for one in proxy("rules", "test", "tests.yaml", "--coverage", "--json").json["coverage"]}
    assert (shown["cards"]["matched"], shown["cards"]["won"]) == (1, 1)


def test_results_are_written_for_build_servers(dlp: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tests.yaml").write_text(TESTS % "block")
    assert dlp("rules", "test", "tests.yaml", "--junit", "report.xml").code == 1
    report = (folder / "report.xml").read_text()
    assert 'tests="1" failures="1"' in report
    assert "expected the verdict block" in report


def test_the_schema_and_the_document_are_printed(dlp: Run, folder: Path):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "policy.test.yaml").write_text(TESTS % "allow")
    assert dlp("rules", "schema").json["properties"]["policy"]["type"] == "string"
    rule = dlp("rules", "schema", "policy.yaml").json["properties"]["rules"]["items"]["properties"]
    assert rule["to"]["anyOf"][0]["enum"] == ["slack", "sandbox"]
    told = dlp("rules", "docs", "policy.yaml").out
    assert told.startswith("# Small\n")
    assert "- tests: an address passes" in told
    assert dlp("rules", "docs", "policy.yaml", "--json").json["markdown"] == told
