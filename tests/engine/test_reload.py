from dataclasses import replace

import pytest

from dlp.core.errors import PolicyError
from dlp.core.message import Direction, Message
from dlp.core.outcome import Forward, Refuse
from dlp.core.policy import Policy
from dlp.engine.classify import Classifier
from dlp.engine.pipeline import Engine, Hold
from dlp.engine.reload import accept, accepted, check_rollback, older, reconsider
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.stores.memory import MemoryStore
from dlp.testing.wall import Wall, _endpoint
from dlp.wire.body import read_body
from dlp.wire.head import read_request_head

POLICY = """
policy: reloaded
version: "{version}"
use: [base]
sources: {{desk: {{at: https://desk.test/**}}}}
destinations:
  desk: {{at: https://desk.test/**}}
  slack: {{at: https://slack.test/**}}
rules:
  - {{name: in, data: pii.email, to: [sandbox, desk], then: allow}}
  - {{name: out, data: pii.email, to: slack, then: {then}{more}}}
"""


def policy(version: str = "1", then: str = "allow", more: str = "") -> Policy:
    return Wall(POLICY.format(version=version, then=then, more=more)).policy


def renewed(wall: Wall, new: Policy) -> Engine:
    return wall.engine.renewed(new, wall.host, Classifier(wall.host, new.classes.values()))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1", "2"),
        ("1.9", "1.10"),
        ("", "1"),
        ("1", "1.1"),
        ("1.0-a", "1.0-b"),
        ("1.rc1", "1.1"),
        ("2026-01-02", "2026-02-01"),
    ],
)
def test_versions_rise_by_their_numbers(a: str, b: str):
    assert older(a, b)
    assert not older(b, a)
    assert not older(a, a)


def test_an_older_version_is_refused_until_somebody_accepts_it():
    store = MemoryStore()
    accept(store, policy("2"), 1.0)
    check_rollback(store, policy("2", then="block"))
    with pytest.raises(PolicyError, match="rollback"):
        check_rollback(store, policy("1"))
    with pytest.raises(PolicyError, match="got none"):
        check_rollback(store, replace(policy(), version=""))
    accept(store, policy("1"), 2.0, forced=True)
    check_rollback(store, policy("1"))
    last = accepted(store, "reloaded")
    assert last is not None
    assert (last.version, last.forced) == ("1", True)


def test_the_same_policy_is_recorded_once():
    store = MemoryStore()
    for now in (1.0, 2.0):
        accept(store, policy(), now)
    assert len(store.items("policy", "accepted")) == 1


def test_a_policy_of_another_name_has_its_own_versions():
    store = MemoryStore()
    accept(store, policy("9"), 1.0)
    check_rollback(store, Wall(POLICY.format(version=1, then="allow", more="").replace("reloaded", "other")).policy)


def test_only_another_newer_policy_that_loads_is_taken_up():
    store, now = MemoryStore(), policy("2")
    accept(store, now, 1.0)
    new = policy("3", then="block")
    assert reconsider(now, store, lambda: new).policy is new
    same = reconsider(now, store, lambda: policy("2"))
    assert (same.policy, same.error) == (None, "")
    assert "rollback" in reconsider(now, store, lambda: policy("1")).error

    def broken() -> Policy:
        raise PolicyError("policy.yaml:3:1: unknown key")

    assert reconsider(now, store, broken).error == "policy.yaml:3:1: unknown key"


def test_messages_after_a_renewal_are_judged_by_the_new_policy_and_keep_the_session_s_past():
    wall = Wall(POLICY.format(version=1, then="allow", more=""))
    session = wall.open()
    text = "ask bob@example.org"
    wall.receive(session, "GET https://desk.test/1", json={"mail": "bob@example.org"})
    assert wall.send(session, "POST https://slack.test/x", body=text).passed
    old = wall.engine
    wall.engine = renewed(wall, policy("2", then="block"))
    assert wall.send(session, "POST https://slack.test/x", body=text).refusal.rule == "out"
    assert wall.log[-1].version == "2"
    assert wall.engine.past(session.id) is old.past(session.id)


def test_a_message_that_is_being_judged_keeps_the_policy_it_began_with():
    wall = Wall(POLICY.format(version=1, then="ask", more=", approvers: [jane]"))
    session = wall.open()
    run = wall.engine.judge(Call(session, "0" * 32), message(session))
    wait = next(run)
    assert isinstance(wait, Hold)
    wall.engine = renewed(wall, policy("2", then="block"))
    wall.approvals.answer(wait.approval, approve=True, by="jane")
    with pytest.raises(StopIteration) as end:
        run.send(None)
    assert isinstance(end.value.value, Forward)
    assert wall.log[-1].version == "1"
    fresh = wall.engine.judge(Call(session, "0" * 32), message(session))
    with pytest.raises(StopIteration) as end:
        next(fresh)
    assert isinstance(end.value.value, Refuse)


def message(_session: SessionInfo) -> Message:
    endpoint, authority, target = _endpoint("POST", "https://slack.test/x")
    head = read_request_head("POST", authority, target, [])
    body = read_body(b"ask bob@example.org", "text/plain; charset=utf-8", "", limit=1000)
    return Message(Direction.OUTBOUND, endpoint, (*head.blocks, body.block))
