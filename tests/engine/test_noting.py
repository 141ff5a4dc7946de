from dlp.core.message import Direction, Endpoint
from dlp.core.policy import Policy
from dlp.engine.noting import noted, shown
from dlp.testing.wall import Wall

POLICY = """
policy: noted
use: [base]
trusted: {recipients: list}
destinations:
  mail: {at: "https://mail.test/**", facts: {to: /to, subject: /subject, amount: {at: /amount, type: number}}}
rules:
  - {name: known people, data: pii, to: mail, when: to in recipients and amount < 10, then: allow}
"""

SEND = Endpoint("http", "https://mail.test:443", "POST", "/v1/send")


def policy() -> Policy:
    return Wall(POLICY).policy


def test_facts_that_rules_use_are_recorded_and_others_are_not():
    facts = {
        "to": "desk",
        "subject": "hello",
        "amount": 5,
        "recipients": ("desk",),
        "method": "POST",
        "path": "/v1/send",
    }
    kept, withheld = noted(policy(), SEND, Direction.OUTBOUND, facts, {})
    assert kept == {"to": "desk", "amount": 5, "path": "/v1/send"}
    assert withheld == ()


def test_a_fact_in_which_something_was_found_is_withheld():
    kept, withheld = noted(policy(), SEND, Direction.OUTBOUND, {"to": "bob@x.test"}, {"/to": ["bob@x.test"]})
    assert (kept, withheld) == ({}, ("to",))


def test_a_fact_that_repeats_what_was_found_elsewhere_is_withheld():
    kept, withheld = noted(policy(), SEND, Direction.OUTBOUND, {"to": "bob@x.test"}, {"/text": ["bob"]})
    assert (kept, withheld) == ({}, ("to",))


def test_a_path_in_which_something_was_found_is_not_recorded():
    kept, _ = noted(policy(), SEND, Direction.OUTBOUND, {"path": "/v1/bob"}, {"url/1": ["bob"]})
    assert kept == {}


def test_steps_of_a_path_that_look_like_no_name_are_masked():
    assert shown("/v1/send") == "/v1/send"
    assert shown("/v1/" + "a" * 40) == "/v1/*"
    assert shown("/v1/bob smith") == "/v1/*"
