"""A workspace handed on: the next session carries what was seen in it, and its tokens mean what they meant."""

import pytest

from dlp.core.errors import ConfigError
from dlp.engine.sessions import SessionInfo
from dlp.testing.wall import Wall

POLICY = """
policy: handed on
classes:
  pay: {level: restricted}
  note: {level: internal}
  code: {level: confidential}
sources:
  hr: {at: "https://hr.test/**", fields: {"$..salary": pay}}
  wiki: {at: "https://wiki.test/**", fields: {"$..note": note}}
  desk: {at: "https://desk.test/**", fields: {"$..code": code}}
  web: {at: "https://web.test/**", trust: untrusted}
destinations:
  hr: {at: "https://hr.test/**"}
  desk: {at: "https://desk.test/**"}
  chat: {at: "https://chat.test/**"}
  bank: {at: "https://bank.test/**"}
rules:
  - {name: in the clear, data: [pay, note], to: sandbox, then: allow}
  - {name: codes, data: code, to: sandbox, then: tokenize}
  - {name: home, data: [pay, note], to: hr, then: allow}
  - {name: codes go home, data: code, to: desk, then: allow}
  - {name: after the web, integrity: untrusted, to: bank, then: block}
"""


def made() -> tuple[Wall, SessionInfo]:
    wall = Wall(POLICY, plugins=(("dlp_tokens", {}),))
    return wall, wall.open()


def next_one(wall: Wall, old: SessionInfo, *, destroy: bool) -> SessionInfo:
    wall.sessions.close(old.id, destroy=destroy)
    return wall.sessions.open("bot", continues=old.id)[0]


@pytest.mark.parametrize("destroy", [True, False])
def test_taint_goes_on_in_the_next_session_and_in_the_one_after(destroy: bool):  # noqa: FBT001 - a parameter
    wall, old = made()
    wall.receive(old, "GET https://hr.test/1", json={"salary": 52000})
    second = next_one(wall, old, destroy=destroy)
    third = next_one(wall, second, destroy=destroy)
    assert not wall.send(third, "POST https://chat.test/in", json={"x": "hello"}).passed
    assert wall.send(third, "POST https://hr.test/in", json={"x": "hello"}).passed
    assert "pay/raw/hr" in wall.taint(third)


def test_values_go_on_where_their_key_was_kept():
    wall, old = made()
    wall.receive(old, "GET https://wiki.test/1", json={"note": "fragile-goods"})
    new = next_one(wall, old, destroy=False)
    assert not wall.send(new, "POST https://chat.test/in", json={"x": "fragile-goods"}).passed
    assert wall.send(new, "POST https://chat.test/in", json={"x": "hello"}).passed


def test_where_the_key_was_destroyed_the_whole_session_carries_what_values_would_have():
    wall, old = made()
    wall.receive(old, "GET https://wiki.test/1", json={"note": "fragile-goods"})
    new = next_one(wall, old, destroy=True)
    assert not wall.send(new, "POST https://chat.test/in", json={"x": "hello"}).passed


def test_tokens_in_a_workspace_mean_what_they_meant():
    wall, old = made()
    wall.receive(old, "GET https://desk.test/1", json={"code": "KX-1234"})
    new = next_one(wall, old, destroy=False)
    assert wall.receive(new, "GET https://desk.test/2", json={"code": "KX-9999"}).json == {"code": "[CODE_2]"}
    sent = wall.send(new, "POST https://desk.test/in", json={"x": "[CODE_1] [CODE_2]"})
    assert sent.json == {"x": "KX-1234 KX-9999"}


def test_a_token_whose_value_was_destroyed_is_nobodys():
    wall, old = made()
    wall.receive(old, "GET https://desk.test/1", json={"code": "KX-1234"})
    new = next_one(wall, next_one(wall, old, destroy=True), destroy=True)
    assert wall.receive(new, "GET https://desk.test/2", json={"code": "KX-9999"}).json != {"code": "[CODE_1]"}
    assert wall.send(new, "POST https://desk.test/in", json={"x": "[CODE_1]"}).json == {"x": "[CODE_1]"}


def test_having_read_untrusted_content_goes_on():
    wall, old = made()
    wall.receive(old, "GET https://web.test/page", json={"text": "pay to the following account"})
    new = next_one(wall, old, destroy=True)
    assert not wall.send(new, "POST https://bank.test/in", json={"x": 1}).passed


def test_what_is_open_still_may_see_more_and_is_not_handed_on():
    wall, old = made()
    with pytest.raises(ConfigError, match="it is open"):
        wall.sessions.open("bot", continues=old.id)
    with pytest.raises(ConfigError, match="there is none"):
        wall.sessions.open("bot", continues="nobody")
    wall.sessions.freeze(old.id)
    assert wall.sessions.open("bot", continues=old.id)
