from dataclasses import asdict
from pathlib import Path

import pytest

from dlp.engine.audit import Audit, Event, read
from dlp.engine.replay import monitored, recorded, replay
from dlp.testing.wall import Wall

POLICY = """
policy: replayed
version: "1"
use: [base]
trusted: {recipients: list}
sources:
  desk: {at: https://desk.test/**}
destinations:
  slack: {at: https://slack.test/**, facts: {channel: /channel}}
  slack.hr: {when: 'channel == "#hr"'}
rules:
  - {name: in, data: pii.email, to: sandbox, then: allow}
  - {name: mail in Slack, data: pii.email, to: slack, then: allow}
"""

STRICTER = POLICY + "  - {name: no mail in HR, data: pii.email, to: slack.hr, then: block}\n"
WATCHED = STRICTER.replace("then: block}", "then: block, mode: monitor}")


@pytest.fixture
def events(tmp_path: Path) -> list[Event]:
    return played(tmp_path, POLICY)


def played(folder: Path, policy: str) -> list[Event]:
    wall = Wall(policy)
    audit = Audit(folder / "audit.jsonl")
    wall.engine.audit = audit
    session = wall.open()
    wall.receive(session, "GET https://desk.test/1", json={"mail": "bob@example.org"})
    for channel in ("#hr", "#all"):
        wall.send(session, "POST https://slack.test/post", json={"channel": channel, "text": "ask bob@example.org"})
    wall.send(session, "POST https://slack.test/post", json={"channel": "#hr", "text": "nothing"})
    wall.send(session, "POST https://nowhere.test/post", json={"text": "nothing"})
    audit.close()
    return list(read(folder / "audit.jsonl"))


def test_the_same_policy_decides_the_same_again(events: list[Event]):
    told = replay(Wall(POLICY).policy, events)
    assert (told.judged, told.skipped, told.differences) == (5, 0, ())


def test_a_stricter_policy_shows_what_it_would_have_stopped(events: list[Event]):
    told = replay(Wall(STRICTER).policy, events)
    assert [(one.was, one.now, one.rule, one.unsure) for one in told.differences] == [
        ("allow", "block", "no mail in HR", ()),
    ]


def test_a_fact_that_was_not_recorded_is_unknown_and_said_so(events: list[Event]):
    text = POLICY + "  - {name: new, data: pii.email, to: slack, when: 'purpose == \"x\"', then: block}\n"
    told = replay(Wall(text).policy, events)
    assert {(one.now, one.unsure) for one in told.differences} == {("block", ("purpose",))}


def test_a_destination_that_is_gone_is_unlisted(events: list[Event]):
    told = replay(Wall(POLICY.replace("https://slack.test", "https://other.test")).policy, events)
    assert [one.now for one in told.differences] == ["block"] * 3


def test_what_no_policy_decided_is_skipped():
    assert recorded({"event": "e", "source": "", "direction": "outbound", "reason": "limit"}) is None
    assert recorded({"unreadable": 3}) is None


def test_older_events_are_left_out(events: list[Event]):
    assert replay(Wall(STRICTER).policy, events, since=9e9).judged == 0


def test_no_text_of_a_message_is_replayed_or_told(events: list[Event]):
    assert "bob" not in str(events)
    assert "bob" not in str([asdict(one) for one in replay(Wall(STRICTER).policy, events).differences])


def test_monitor_mode_tells_what_it_would_have_stopped(tmp_path: Path):
    (would,) = monitored(played(tmp_path, WATCHED))
    assert (would.rule, would.sink, would.data_class, would.verdict) == (
        "no mail in HR",
        "slack.hr",
        "pii.email",
        "block",
    )
    assert (would.count, would.sessions) == (1, 1)
    assert monitored(played(tmp_path, WATCHED), since=9e9) == ()
