"""Every block of rules/README.md loads, and the tests in it hold."""

import re
from pathlib import Path

import pytest

from dlp.policy.load import load_policy
from dlp.policy.rehearse import check, load_rehearsal, ruling_for

RULES = Path(__file__).parent.parent.parent / "rules"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (RULES / "README.md").read_text(), re.DOTALL)


def test_the_policies_in_the_readme_load(tmp_path: Path):
    policies = [block for block in BLOCKS if "\ntests:" not in block]
    for number, block in enumerate(policies):
        (tmp_path / f"{number}.yaml").write_text(block)
    loaded = [load_policy(tmp_path / f"{number}.yaml", packs=RULES) for number in range(len(policies))]
    assert [policy.name for policy in loaded] == [
        "Support desk",
        "Pay",
        "Login",
        "Correspondence",
        "Correspondence in June",
        "Sales assistant",
        "Tools",
        "Graph",
    ]


def test_the_tests_in_the_readme_hold(tmp_path: Path):
    (tmp_path / "support.yaml").write_text(BLOCKS[0])
    (tmp_path / "tests.yaml").write_text(BLOCKS[1])
    rehearsal = load_rehearsal(tmp_path / "tests.yaml")
    policy = load_policy(rehearsal.policy, packs=RULES)
    assert [check(test, ruling_for(policy, test)) for test in rehearsal.tests] == [[]] * 4


def test_the_policies_in_the_pages_of_packs_load(tmp_path: Path):
    pages = sorted((RULES / "packs").glob("*.md"))
    blocks = [block for page in pages for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
    assert blocks
    assert [load_policy(tmp_path / f"{number}.yaml", packs=RULES).name for number in range(len(blocks))] == [
        "Clinic",
        "Shop",
    ]


MAIL = "POST https://mail.example/v1/send"
BANK = "POST https://bank.example/transfers"
BOTH = "labels: [{data: pii.person}, {data: health}]"
CLERK = "agent: clerk, purpose: answering, trusted: {correspondents: [a@b.example]}"
SHOP = "GET https://api.shop.example/me, labels: [{data: secret.token, state: tokenised, from: shop"
TO = "facts: {to: [a@b.example]}"


@pytest.mark.parametrize(
    ("policy", "given", "message", "expect"),
    [
        ("Correspondence", CLERK, f"{MAIL}, {TO}, labels: [{{data: health}}]", "verdict: allow"),
        ("Correspondence", "agent: auditor", f"{MAIL}, {TO}, labels: [{{data: health}}]", "verdict: block"),
        ("Correspondence", CLERK, f"{MAIL}, {TO}, {BOTH}", "verdict: block, rule: not who and what together"),
        (
            "Correspondence",
            CLERK,
            f"{MAIL}, {TO}, labels: [{{data: pii.email, count: 6}}]",
            "verdict: ask, rule: no mailings",
        ),
        (
            "Correspondence",
            CLERK,
            f"{MAIL}, facts: {{to: [x@y.example]}}",
            "verdict: block, rule: only to those who wrote",
        ),
        ("Correspondence", CLERK, MAIL, "verdict: block, rule: only to those who wrote"),
        (
            "Correspondence",
            f"{CLERK}, read: ledger",
            f"{MAIL}, {TO}",
            "verdict: block, rule: the ledger stays in the house",
        ),
        ("Correspondence", CLERK, f"{BANK}, facts: {{amount: 5, iban: X}}", "verdict: allow"),
        (
            "Correspondence",
            f"{CLERK}, read: letters",
            f"{BANK}, facts: {{amount: 5, iban: X}}",
            'verdict: ask, rule: "after letters, somebody looks"',
        ),
        (
            "Correspondence",
            f"{CLERK}, read: letters, traced: [iban]",
            f"{BANK}, facts: {{amount: 5, iban: X}}",
            "verdict: block, rule: no account from a letter",
        ),
        (
            "Correspondence in June",
            "purpose: lawsuit, at: 2027-03-31",
            f"{MAIL}, labels: [{{data: pii.iban}}]",
            "verdict: block, rule: no accounts by mail",
        ),
        (
            "Correspondence in June",
            "purpose: lawsuit, at: 2027-03-30",
            f"{MAIL}, labels: [{{data: pii.iban}}]",
            "verdict: allow",
        ),
        ("Correspondence in June", "at: 2027-03-30", f"{MAIL}, labels: [{{data: pii.iban}}]", "verdict: block"),
        ("Login", "", f"{SHOP}, part: cookie/sid}}]", "verdict: allow"),
        ("Login", "", f"{SHOP}, part: /comment}}]", "verdict: block"),
        ("Login", "", f"{SHOP.replace('from: shop', 'from: sandbox')}, part: cookie/sid}}]", "verdict: block"),
        ("Sales assistant", "", "POST https://billing.example/x", 'verdict: block, rule: "billing: only reading"'),
        (
            "Clinic",
            "",
            "PUT https://ehr.example/1, labels: [{data: pii.person}, {data: health.note}]",
            "verdict: block",
        ),
        (
            "Clinic",
            "at: 2027-01-31",
            "PUT https://ehr.example/1, labels: [{data: pii.person}, {data: health.note}]",
            "verdict: allow",
        ),
    ],
)
def test_its_policies_decide_as_it_says(tmp_path: Path, policy: str, given: str, message: str, expect: str):
    pages = "".join(page.read_text() for page in [RULES / "README.md", *sorted((RULES / "packs").glob("*.md"))])
    (text,) = re.findall(rf"```yaml\n(policy: {policy}\n.*?)```", pages, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(text)
    test = f"{{name: t, given: {{{given}}}, message: {{outbound: {message}}}, expect: {{{expect}}}}}"
    (tmp_path / "tests.yaml").write_text(f"policy: policy.yaml\ntests: [{test}]\n")
    rehearsal = load_rehearsal(tmp_path / "tests.yaml")
    loaded = load_policy(rehearsal.policy, packs=RULES)
    assert [check(one, ruling_for(loaded, one)) for one in rehearsal.tests] == [[]]
