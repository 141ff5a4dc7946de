from dlp.core.message import Direction, Endpoint
from dlp.core.policy import Policy
from dlp.engine.noting import noted, shown
from dlp.testing.wall import Wall

POLICY = """
policy: noted
use: [base]
trusted: {recipients: list}
destinations:
  mail:
    at: ["https://mail.test/v1/send", "https://mail.test/**"]
    facts: {to: /to, subject: /subject, amount: {at: /amount, type: number}}
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


def test_steps_of_a_path_are_recorded_where_the_policy_spells_them_out():
    steps = policy().steps
    assert steps == {"v1", "send"}
    assert shown("/v1/send", steps) == "/v1/send"
    assert shown("/v1/maria.gonzalez@acme.org/../send/", steps) == "/v1/*/../send/"


def test_nothing_of_an_answers_path_is_recorded_that_is_not_of_the_policy():
    wall = Wall(POLICY)
    session = wall.open()
    wall.send(session, "GET https://mail.test/v1/maria.gonzalez@acme.org")
    wall.receive(session, "GET https://mail.test/v1/maria.gonzalez@acme.org", json={"a": "b"})
    assert "maria" not in repr(list(wall.log))
    assert wall.log[-1].facts["path"] == "/v1/*"


def test_a_method_that_nobody_registered_is_not_recorded():
    wall = Wall(POLICY)
    session = wall.open()
    wall.send(session, "4111111111111111 https://mail.test/v1/send")
    wall.send(session, "PROPFIND https://mail.test/v1/send")
    assert [entry.operation for entry in wall.log] == ["*", "PROPFIND"]
