"""Policies, loaded whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.core.label import DERIVED, OPAQUE, RAW, DataClass, Level, State, Tracking
from dlp.core.message import Endpoint
from dlp.core.policy import (
    FactSpec,
    Flow,
    Policy,
    Route,
    Tier,
    Verdict,
    carries_of,
    decide,
    fields_of,
    names_host,
    sink_of,
    source_of,
)
from dlp.policy.load import load_policy

PACKS = Path(__file__).parent.parent.parent / "rules"
EMAIL = DataClass("pii.email")
PAY = DataClass("employee.pay")

type Load = Callable[..., Policy]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return what loads a policy from its text, with other files beside it."""

    def load_(text: str, **files: str) -> Policy:
        for name, content in {"policy": text, **files}.items():
            (tmp_path / f"{name}.yaml").write_text(content)
        return load_policy(tmp_path / "policy.yaml", packs=PACKS)

    return load_


HEAD = """\
policy: Test
classes:
  pii: {level: confidential}
  pii.email: {}
  employee.pay: {level: restricted, token: PAY}
recipes: {anonymised: {pii: tokenize}}
lists: {hr: ["#hr"], people: [anna, ben]}
trusted: {ticket: text}
sources: {hr: {at: "https://hr.test/**"}}
destinations:
  slack: {at: "https://slack.test/api/**", facts: {channel: /channel, amount: {at: /amount, type: number}}}
  slack.hr: {when: channel in hr}
"""

WHOLE = """\
policy: HR reviews
version: "3"
mode: monitor
ner: off
otherwise: ask
trusted: {recipients: list, ticket: text}
facts: {visibility: text}
lists: {hr_channels: ["#hr-reviews"], managers: [anna, ben]}
classes:
  employee.pay:
    level: restricted
    says: What someone earns.
    token: PAY
    entities: [US_SSN]
    at_least: medium
  employee.pay.bonus: {tracking: guarded}
  pii.email: {level: internal, tracking: session}
recipes:
  anonymised: {pii: tokenize, employee.pay: generalise}
sources:
  workday:
    at: [https://api.workday.test/**, https://api2.workday.test/v1/**]
    facts: {state: {at: /state, type: boolean}}
    fields: {"$.employees[*].salary": employee.pay, "$..mail": [pii.email]}
    carries: pii.email
  workday.pay: {at: https://api.workday.test/pay/**}
destinations:
  slack: {at: https://slack.test/api/**, facts: {channel: [/channel, query/channel]}}
  slack.hr: {when: channel in hr_channels}
  slack.hr.post: {at: "POST https://slack.test/api/chat.postMessage"}
rules:
  - name: pay in Slack
    says: Pay may go to Slack only anonymised.
    tier: mandatory
    data: employee.pay
    state: [raw, anonymised]
    from: workday
    to: [slack, sandbox]
    when: visibility == "public" and method == "POST"
    then: block
    unless:
      - state: anonymised
      - to: slack.hr
      - when: ticket matches "HR-*"
      - approved_by: managers
  - {name: asks, data: any, to: slack, then: ask, approvers: managers, mode: monitor}
  - {name: enters, data: [pii, employee], to: sandbox, then: anonymised}
  - {name: posts, to: slack, when: recipients in managers, then: allow, tier: default}
"""


def test_a_whole_policy_becomes_what_it_says(load: Load):
    policy = load(WHOLE)
    assert (policy.name, policy.version, policy.monitor, policy.ner) == ("HR reviews", "3", True, False)
    assert policy.otherwise is Verdict.ASK
    assert policy.trusted == {"recipients": "list", "ticket": "text"}
    assert policy.facts_used == {"visibility", "method", "ticket", "recipients", "channel"}
    assert len(policy.digest) == 64
    pay = policy.classes[PAY]
    assert (pay.level, pay.tracking, pay.token, pay.says) == (
        Level.RESTRICTED,
        Tracking.SESSION,
        "PAY",
        "What someone earns.",
    )
    assert (pay.entities, pay.at_least) == ({"US_SSN"}, "medium")
    bonus = policy.classes[DataClass("employee.pay.bonus")]
    assert (bonus.level, bonus.tracking, bonus.token) == (Level.RESTRICTED, Tracking.GUARDED, "BONUS")
    assert policy.classes[EMAIL].tracking is Tracking.SESSION
    assert policy.classes[OPAQUE].tracking is Tracking.NONE
    assert policy.recipes == {"anonymised": {"pii": "tokenize", "employee.pay": "generalise"}}
    block, asks, enters, posts = policy.rules
    assert (block.tier, block.classes, block.states) == (Tier.MANDATORY, {PAY}, {RAW, State("anonymised")})
    assert (block.sources, block.sinks) == ({"workday"}, {"slack", "sandbox"})
    assert block.place.endswith("policy.yaml:32")
    assert [unless.needs for unless in block.unless] == [
        "state anonymised",
        "to slack.hr",
        'ticket matches "HR-*"',
        "approved by anna or ben",
    ]
    assert (asks.labelled, asks.classes, asks.approvers, asks.monitor) == (True, frozenset(), ("anna", "ben"), True)
    assert (enters.verdict, enters.recipe, enters.transform) == (Verdict.TRANSFORM, "anonymised", "")
    assert (posts.labelled, posts.tier) == (False, Tier.DEFAULT)


def test_its_places_name_endpoints(load: Load):
    policy = load(WHOLE)
    post = Endpoint("http", "https://slack.test:443", "POST", "/api/chat.postMessage")
    assert sink_of(policy, post, {"channel": "#hr-reviews"}).sink == "slack.hr.post"
    assert sink_of(policy, post, {"channel": "#general"}).sink == "slack"
    assert sink_of(policy, post, {}) == Route("sandbox", "slack", frozenset({"slack.hr.post"}))
    pay = Endpoint("http", "https://api.workday.test:443", "GET", "/pay/1")
    assert source_of(policy, pay) == "workday.pay"
    assert source_of(policy, Endpoint("http", "https://api2.workday.test:443", "GET", "/v1")) == "workday"
    assert source_of(policy, post) == "unlisted"
    odd = Endpoint("http", "https://api2.workday.test:443", "GET", "/v2/../v1")
    assert sink_of(policy, odd, {}).sink is None
    assert {name for name, covers in fields_of(policy, odd) if covers("/employees/0/salary")} == {PAY}
    assert carries_of(policy, pay) == {PAY, EMAIL}
    assert names_host(policy, "https", "slack.test", 443)
    assert not names_host(policy, "https", "api.workday.test", 443)
    assert policy.sinks[0].facts == (
        FactSpec("channel", "/channel", "text"),
        FactSpec("channel", "query/channel", "text"),
    )


def test_rules_decide_as_loaded(load: Load):
    policy = load(HEAD + "rules: [{name: mail, data: pii, to: slack, then: allow}]")
    flow = Flow(EMAIL, RAW, Route("hr", "slack.hr"), 0)
    assert decide(policy, [flow], {}).verdict is Verdict.ALLOW
    assert decide(policy, [Flow(PAY, DERIVED, Route("hr", "slack"))], {}).verdict is Verdict.BLOCK


def test_files_are_composed_and_read_once(load: Load):
    policy = load(
        HEAD + "use: [./a.yaml, b.yaml]",
        a="use: [./b.yaml]\nclasses: {pii: {level: confidential}}\nrules: [{name: a, data: pii, then: block}]",
        b="use: [./a.yaml]\nrules: [{name: b, data: employee, to: slack, then: block}]\nlists: {people: [anna, ben]}\n"
        "destinations: {slack.low: {at: 'GET https://slack.test/**'}}",
    )
    assert [rule.name for rule in policy.rules] == ["a", "b"]
    assert [place.name for place in policy.sinks[0].narrower] == ["slack.hr", "slack.low"]


def test_packs_are_used_by_name(load: Load):
    policy = load("policy: P\nuse: [base]")
    assert policy.classes[EMAIL].token == "EMAIL"
    assert "data enter as tokens" in [rule.name for rule in policy.rules]


def test_the_digest_is_of_what_is_said_not_of_how_it_is_laid_out(load: Load):
    one = load(HEAD)
    assert load("# a comment\n" + HEAD.replace("pii.email: {}", "pii.email:   {}")).digest == one.digest
    assert load(HEAD.replace("confidential", "internal")).digest != one.digest
    assert (
        load(HEAD + "use: [./a.yaml]", a="lists: {x: [1]}").digest
        != load(HEAD + "use: [./a.yaml]", a="lists: {x: [2]}").digest
    )


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("ruls: []", "13:1", "unknown key ruls; did you mean rules?"),
        ("rules: []", "13:8", "leave the key out"),
        ("mode: watch", "13:7", "mode: unknown value watch; known: enforce, monitor"),
        ("version: 3", "13:10", "version: expected a text, got a number; put it in quotes"),
        ("use: [bse]", "13:7", "use: unknown pack bse; did you mean base?"),
        ("use: [../x]", "13:7", "unknown pack ../x"),
        ("use: [./x.yaml]", "13:7", "there is no file ./x.yaml beside this one"),
        ("rules: [{name: a}]", "13:9", "rule: expected the key then"),
        (
            "rules: [{name: a, then: tokenise, data: any}]",
            "13:25",
            "unknown verdict or transform tokenise; did you mean tokenize?",
        ),
        (
            "rules: [{name: a, then: block, data: pii.emial}]",
            "13:38",
            "unknown name pii.emial; did you mean pii.email?",
        ),
        ("rules: [{name: a, then: block, data: [any, pii]}]", "13:38", "unknown name any"),
        ("rules: [{name: a, then: block, to: slak}]", "13:36", "did you mean slack?"),
        ("rules: [{name: a, then: block, to: []}]", "13:36", "leave the key out"),
        ("rules: [{name: a, then: block, data: pii, from: hrr}]", "13:49", "did you mean hr?"),
        ("rules: [{name: a, then: block, data: pii, state: anonymized}]", "13:50", "did you mean anonymised?"),
        ("rules: [{name: a, then: block, state: raw}]", "13:39", "expected the key data as well"),
        ("rules: [{name: a, then: mask}]", "13:25", "expected the key data"),
        ("rules: [{name: a, then: mask, data: opaque}]", "13:25", "what cannot be read cannot be rewritten"),
        ("rules: [{name: a, then: block, when: chanel == 'x'}]", "13:38", "unknown fact chanel; did you mean channel?"),
        (
            "rules: [{name: a, then: block, when: \"amount > 1 and channel > 'x'\"}]",
            "13:62",
            "expected numbers around >",
        ),
        ("rules: [{name: a, then: block, tier: top}]", "13:38", "known: default, mandatory, ordinary"),
        ("rules: [{name: a, then: allow, tier: mandatory}]", "13:38", "restrict or transform, got allow"),
        ("rules: [{name: a, then: block, tier: mandatory, mode: monitor}]", "13:55", "always enforced"),
        ("rules: [{name: a, then: allow, data: pii, unless: [{to: slack}]}]", "13:51", "an allow takes no unless"),
        ("rules: [{name: a, then: block, unless: []}]", "13:40", "leave the key out"),
        (
            "rules: [{name: a, then: block, unless: [{to: slack, when: opaque}]}]",
            "13:41",
            "expected one of state, to, when, approved_by",
        ),
        ("rules: [{name: a, then: block, unless: [{too: slack}]}]", "13:42", "unknown key too"),
        ("rules: [{name: a, then: block, to: sandbox, unless: [{to: slack}]}]", "13:59", "never holds"),
        ("rules: [{name: a, then: block, data: pii, state: raw, unless: [{state: masked}]}]", "13:72", "never holds"),
        ("rules: [{name: a, then: block, unless: [{state: masked}]}]", "13:49", "never holds"),
        ("rules: [{name: a, then: ask, unless: [{approved_by: anna}]}]", "13:53", "use approvers"),
        ("rules: [{name: a, then: block, approvers: [anna]}]", "13:43", "approvers go with then: ask"),
        (
            "rules: [{name: a, then: ask, approvers: peopel}]",
            "13:41",
            "unknown list peopel; did you mean people?; known: hr, people; one approver is written [peopel]",
        ),
        ("rules: [{name: a, then: block, from: hr, to: slack}]", "13:38", "never matches"),
        ("rules: [{name: a, then: block}, {name: a, then: allow}]", "13:33", "the name is taken by the rule at"),
        ("facts: {method: text}", "13:9", "method is stated by the proxy"),
        ("facts: {x: number-ish}", "13:12", "known: boolean, list, number, text"),
        ("facts: {X: text}", "13:9", "expected a name of small letters"),
        ("facts: {channel: number}", "11:52", "channel is a number elsewhere, got text"),
    ],
)
def test_a_mistake_is_told_with_its_place(load: Load, text: str, place: str, told: str):
    with pytest.raises(PolicyError) as raised:
        load(HEAD + text + "\n")
    message = str(raised.value)
    assert f"policy.yaml:{place}: " in message
    assert told in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("classes: {a: {}}", "class a: expected the key level: one of public, internal"),
        ("classes: {a: {level: high}}", "unknown value high"),
        ("classes: {A: {level: public}}", "expected a name of small letters"),
        ("classes: {any: {level: public}}", "the name any is taken by the language itself"),
        ("classes: {opaque: {level: public}}", "it is there always"),
        (
            "classes: {a.x: {level: public}, b.x: {level: public}}",
            "those of a.x; give one of them another word with token:",
        ),
        ("classes: {a: {level: public, token: x}}", "token: expected capital letters"),
        ("classes: {a: {level: public, tracking: always}}", "tracking: unknown value always"),
        ("classes: {a: {level: public, at_least: 0.5}}", "at_least: expected a text, got a number"),
        ("classes: {a: {level: public, entities: [us-ssn]}}", "expected names such as US_SSN"),
        ("recipes: {r: {a: mask}}", "recipe r: unknown name a"),
        ("classes: {a: {level: public}}\nrecipes: {r: {a: maks}}", "did you mean mask?"),
        ("recipes: {r: {}}", "at least one class"),
        ("recipes: {raw: {a: mask}}", "the name raw is taken"),
        ("lists: {l: []}", "leave the key out"),
        ("lists: {l: [[1]]}", "lists: l: expected texts or numbers"),
        ("lists: {l: [~]}", "lists: l: expected texts or numbers"),
        ("lists: {l: [1]}\nfacts: {l: list}", "l is a fact as well"),
        ("sources: {s: {}}", "source s: expected at: an address"),
        ("sources: {s: {at: []}}", "leave the key out"),
        ("sources: {s: {at: s.test}}", "source s: at: expected [METHOD ]scheme://host"),
        ("sources: {s: {at: 'https://s.test/**', when: opaque}}", "a source takes no when"),
        (
            "sources: {s: {at: 'https://s.test/**', fields: {a: opaque}}}",
            "expected a path such as $.employees[*].salary",
        ),
        ("sources: {s: {at: 'https://s.test/**', fields: {$.a: pay}}}", "unknown name pay"),
        ("sources: {s: {at: 'https://s.test/**', fields: []}}", "fields: expected a mapping"),
        ("sources: {s: {at: 'https://s.test/**', carries: pay}}", "carries: unknown name pay"),
        ("destinations: {d: {at: 'https://d.test/**', facts: {agent: /a}}}", "agent is stated by the proxy"),
        (
            "trusted: {t: text}\ndestinations: {d: {at: 'https://d.test/**', facts: {t: /a}}}",
            "the orchestrator (trusted:)",
        ),
        ("destinations: {d: {at: 'https://d.test/**', facts: {t: a}}}", "expected a part such as /channel"),
        ("destinations: {d: {at: 'https://d.test/**', facts: {t: {type: text}}}}", "expected the key at"),
        ("destinations: {d: {at: 'https://d.test/**', facts: []}}", "facts: expected a mapping"),
        ("destinations: {sandbox: {at: 'https://d.test/**'}}", "the name sandbox is taken"),
        (
            "destinations: {d.x: {at: 'https://d.test/**'}}",
            "it is a narrower d, and there is no destination d; known: d.x",
        ),
        ("destinations: {d: {at: 'https://d.test/**'}, d.x: {}}", "expected at or when: without, it is the same as d"),
        ("destinations: {d: {at: 'https://d.test/**'}, d.x: {at: 'https://e.test/**'}}", "at is never inside d"),
        (
            "destinations: {d: {at: 'GET https://d.test/**'}, d.x: {at: 'POST https://d.test/**'}}",
            "at is never inside d",
        ),
        (
            "destinations: {d: {at: 'https://d.test/**'}, d.x: {when: 'nope'}}",
            "destination d.x: when: unknown fact nope",
        ),
    ],
)
def test_a_name_or_pattern_that_means_nothing_is_an_error(load: Load, text: str, told: str):
    with pytest.raises(PolicyError) as raised:
        load(f"policy: P\n{text}\n")
    assert told in str(raised.value)
    assert "policy.yaml:" in str(raised.value)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("mode: monitor", "mode belongs into the policy that is loaded"),
        ("otherwise: block", "otherwise belongs into"),
        ("ner: off", "ner belongs into"),
        ("classes: {pii: {level: public}}", "pii is defined otherwise at"),
        ("trusted: {ticket: number}", "ticket is defined otherwise at"),
        ("destinations: {slack: {at: 'https://slack.test/api/**'}}", "destination slack is defined twice; first at"),
        ("nonsense", "policy file: expected a mapping, got a text"),
    ],
)
def test_what_a_used_file_says_adds_and_never_changes(load: Load, other: str, told: str):
    with pytest.raises(PolicyError) as raised:
        load(HEAD + "use: [./other.yaml]", other=other)
    assert told in str(raised.value)
    assert "other.yaml:" in str(raised.value)


def test_a_policy_needs_a_name(load: Load):
    with pytest.raises(PolicyError, match="expected the key policy"):
        load("rules: [{name: a, then: block}]")


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(PolicyError, match="cannot be read: No such file or directory"):
        load_policy(tmp_path / "none.yaml", packs=PACKS)


def test_a_plugins_catalog_adds_names_and_no_rules(tmp_path: Path):
    (tmp_path / "policy.yaml").write_text("policy: P\nrules: [{name: a, data: acme, to: acme, then: allow}]")
    catalog = tmp_path / "acme.yaml"
    catalog.write_text("classes: {acme: {level: internal}}\ndestinations: {acme: {at: 'https://acme.test/**'}}")
    policy = load_policy(tmp_path / "policy.yaml", packs=PACKS, catalogs=[catalog, catalog])
    assert [place.name for place in policy.sinks] == ["acme"]
    catalog.write_text("rules: [{name: b, then: allow}]")
    with pytest.raises(PolicyError, match=r"acme\.yaml:1:8: rules belong into a policy"):
        load_policy(tmp_path / "policy.yaml", packs=PACKS, catalogs=[catalog])


COMBINED = """\
agents: {bot: {says: Reads and writes.}, other: {}}
purposes: {reviews: {says: Yearly reviews.}}
limits: {calls: 50}
rules:
  - {name: no, data: pii, agent: bot, to: slack, then: block}
  - {name: reviews, data: pii, purpose: reviews, to: slack, then: allow}
exceptions:
  - {rule: no, data: pii.email, owner: jane, ticket: T-1, reason: r, until: 2026-12-31}
"""


def test_agents_purposes_limits_and_exceptions_are_part_of_a_policy(load: Load):
    policy = load(HEAD + COMBINED)
    assert policy.agents == {"bot": "Reads and writes.", "other": ""}
    assert policy.purposes == {"reviews": "Yearly reviews."}
    assert policy.limits.calls == 50
    assert [(one.rule, one.classes) for one in policy.exceptions] == [("no", {EMAIL})]
    assert policy.facts_used >= {"agent", "purpose"}
    flow = Flow(EMAIL, RAW, Route("sandbox", "slack"), 0)
    facts = {"agent": "bot", "purpose": "reviews"}
    assert decide(policy, [flow], facts, now=0.0).verdict is Verdict.ALLOW
    assert decide(policy, [flow], facts, now=2e9).verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("agents: {bot: {say: x}}", "did you mean says"),
        ('agents: {"": {}}', "expected a name"),
        ("rules: [{name: a, agent: bto, then: block}]\nagents: {bot: {}}", "unknown agent bto; did you mean bot"),
        ("exceptions: [{rule: a}]", "exception"),
        ("destinations: {x: {at: 'https://x.test/**', consequential: maybe}}", "expected true or false, got a text"),
        ("sources: {x: {at: 'https://x.test/**', trust: none}}", "x: trust: unknown value none"),
    ],
)
def test_a_mistake_in_them_is_told(load: Load, more: str, message: str):
    with pytest.raises(PolicyError, match=message):
        load("policy: P\n" + more)


def test_only_a_policy_of_ones_own_has_exceptions(tmp_path: Path):
    lifted = "exceptions: [{rule: a, agent: b, owner: o, ticket: t, reason: r, until: 2026-12-31}]"
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "mine.yaml").write_text(lifted)
    (tmp_path / "catalog.yaml").write_text(lifted)
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: P\nuse: [mine]")
    with pytest.raises(PolicyError, match="a pack only adds"):
        load_policy(policy, packs=tmp_path / "packs")
    policy.write_text("policy: P")
    with pytest.raises(PolicyError, match="rules belong into a policy"):
        load_policy(policy, packs=PACKS, catalogs=[tmp_path / "catalog.yaml"])
