"""Rule tests about what a session has read, how much a message holds, and when it is."""

from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.policy.case import case_of, ruled
from dlp.policy.load import load_policy
from dlp.policy.rehearse import check, load_rehearsal, ruling_for

POLICY = """\
policy: Test
classes: {pii: {level: internal}, pii.email: {}, health: {level: confidential}}
sources:
  web: {at: "https://web.test/**", trust: untrusted}
  web.forum: {at: "https://web.test/forum/**"}
  hr: {at: "https://hr.test/**"}
destinations:
  shop: {at: "https://shop.test/**", facts: {amount: {at: /amount, type: number}}}
  mail: {at: "https://mail.test/**"}
rules:
  - {name: data, data: any, to: [shop, mail], then: allow}
  - {name: after web, to: shop, integrity: untrusted, when: method == "DELETE", then: ask}
  - {name: traced amount, to: shop, traced: {fact: amount, to: untrusted}, then: block}
  - {name: bulk, to: mail, more_than: {distinct: pii, count: 10}, then: block}
  - {name: after hr, to: mail, after: {reading: hr}, then: block}
  - {name: after health, to: mail, after: {reading: {data: health}}, then: block}
  - {name: both, together: [pii, health], to: mail, then: block}
exceptions:
  - {rule: both, to: mail, data: pii, when: method == "PUT", owner: jane, ticket: S-1, reason: r, until: 2026-12-31}
  - {rule: both, to: mail, data: health, when: method == "PUT", owner: jane, ticket: S-2, reason: r, until: 2026-12-31}
"""
MAIL = "outbound: POST https://mail.test/"
DELETE = "outbound: DELETE https://shop.test/, facts: {amount: 5}"
SHOP = "outbound: POST https://shop.test/, facts: {amount: 5}"


@pytest.mark.parametrize(
    ("given", "message", "expect"),
    [
        ("", "outbound: DELETE https://shop.test/", "verdict: allow"),
        ("untrusted: true", DELETE, "verdict: ask, rule: after web"),
        ("read: web.forum", DELETE, "verdict: ask, rule: after web"),
        ("read: hr", "outbound: DELETE https://shop.test/", "verdict: allow"),
        ("untrusted: true", SHOP, "verdict: allow"),
        ("untrusted: true, traced: [amount]", SHOP, "verdict: block, rule: traced amount"),
        ("untrusted: true", "outbound: POST https://shop.test/", "verdict: block, rule: traced amount"),
        ("", "outbound: POST https://shop.test/", "verdict: allow"),
        ("", f"{MAIL}, labels: [{{data: pii.email, count: 10}}]", "verdict: allow"),
        ("", f"{MAIL}, labels: [{{data: pii.email, count: 9}}, {{data: pii, count: 2}}]", "verdict: block, rule: bulk"),
        ("", f"{MAIL}, labels: [{{data: opaque}}]", "verdict: block, rule: bulk"),
        ("read: [hr]", MAIL, "verdict: block, rule: after hr"),
        ("taint: [{data: pii, from: hr}]", MAIL, "verdict: block, rule: after hr"),
        ("taint: [{data: health}]", MAIL, "verdict: block, rule: after health"),
        ("", MAIL, "verdict: allow"),
        ("", f"{MAIL}, labels: [{{data: pii.email}}, {{data: health}}]", "verdict: block, rule: both"),
        (
            "at: 2026-12-31",
            "outbound: PUT https://mail.test/, labels: [{data: pii.email}, {data: health}]",
            "verdict: block",
        ),
        (
            "at: 2026-12-30",
            "outbound: PUT https://mail.test/, labels: [{data: pii.email}, {data: health}]",
            "verdict: allow",
        ),
    ],
)
def test_what_is_given_of_the_past_counts(tmp_path: Path, given: str, message: str, expect: str):
    (tmp_path / "policy.yaml").write_text(POLICY)
    text = (
        f"policy: policy.yaml\ntests: [{{name: t, given: {{{given}}}, message: {{{message}}}, expect: {{{expect}}}}}]\n"
    )
    (tmp_path / "tests.yaml").write_text(text)
    (test,) = load_rehearsal(tmp_path / "tests.yaml").tests
    policy = load_policy(tmp_path / "policy.yaml", packs=tmp_path)
    decision = ruling_for(policy, test)
    assert check(test, decision) == []
    assert ruled(policy, case_of(policy, test)) == decision


@pytest.mark.parametrize(
    ("given", "message", "told"),
    [
        ("untrusted: yes", MAIL, "test t: untrusted: expected true or false, got a text"),
        ("at: soon", MAIL, "test t: at: expected a day or a time with its zone"),
        ("read: [hr]", f"{MAIL}, text: hello", "test t: given: read goes with a message that is given by its"),
        ("", f"{MAIL}, labels: [{{data: pii, count: many}}]", "count: expected a whole number, got a text"),
    ],
)  # fmt: skip
def test_what_cannot_be_given_is_told(tmp_path: Path, given: str, message: str, told: str):
    test = f"{{name: t, given: {{{given}}}, message: {{{message}}}, expect: {{verdict: allow}}}}"
    text = f"policy: p.yaml\ntests: [{test}]\n"
    (tmp_path / "tests.yaml").write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_rehearsal(tmp_path / "tests.yaml")
    assert told in str(caught.value)
