"""Values that a session has as tokens and sends in the clear: counted, and past the budget nothing of it passes."""

from dlp.testing.wall import Wall

POLICY = """
policy: guesses
limits: {guesses: 2}
classes: {code: {level: confidential}}
sources: {desk: {at: "https://desk.test/**", fields: {"$.codes[*]": code}}}
destinations: {desk: {at: "https://desk.test/**"}, chat: {at: "https://chat.test/**"}}
rules:
  - {name: codes enter as tokens, data: code, to: sandbox, then: tokenize}
  - {name: home again, data: code, to: desk, then: allow}
"""
CODES = ["k7-alpha", "k8-bravo", "k9-delta"]


def made() -> Wall:
    return Wall(POLICY, plugins=(("dlp_tokens", {}),))


def test_guesses_are_counted_whether_they_pass_or_not_and_then_the_session_is_over():
    wall = made()
    session = wall.open()
    wall.receive(session, "GET https://desk.test/codes", json={"codes": CODES})
    assert wall.send(session, "POST https://chat.test/in", json={"x": CODES[0]}).refusal.kind == "flow"
    assert wall.log[-1].counts["guessed"] == 1
    assert wall.send(session, "POST https://desk.test/in", json={"x": CODES[1]}).passed
    assert wall.send(session, "POST https://desk.test/in", json={"x": "k5-other, k6-other"}).passed
    last = wall.send(session, "POST https://desk.test/in", json={"x": CODES[2]}).refusal
    assert (last.kind, last.title) == ("limit", "This session has guessed too often")
    assert wall.send(session, "POST https://chat.test/in", json={"x": "hello"}).refusal.kind == "limit"
    assert wall.receive(session, "GET https://desk.test/codes", json={}).refusal.kind == "limit"


def test_tokens_are_no_guesses():
    wall = made()
    session = wall.open()
    tokens = wall.receive(session, "GET https://desk.test/codes", json={"codes": CODES}).json
    for _ in range(5):
        assert wall.send(session, "POST https://desk.test/in", json=tokens).passed


def test_a_restart_gives_no_guess_back():
    wall = made()
    session = wall.open()
    wall.receive(session, "GET https://desk.test/codes", json={"codes": CODES})
    for code in CODES[:2]:
        assert wall.send(session, "POST https://desk.test/in", json={"x": code}).passed
    wall.start()
    assert wall.send(session, "POST https://desk.test/in", json={"x": CODES[0]}).refusal.kind == "limit"


def test_one_message_with_many_guesses_is_over_the_limit_at_once():
    wall = made()
    session = wall.open()
    wall.receive(session, "GET https://desk.test/codes", json={"codes": CODES})
    assert wall.send(session, "POST https://desk.test/in", json={"x": CODES}).refusal.kind == "limit"


def test_where_limits_are_only_watched_guesses_pass_and_are_counted():
    wall = Wall(POLICY + "mode: monitor\n", plugins=(("dlp_tokens", {}),))
    session = wall.open()
    wall.receive(session, "GET https://desk.test/codes", json={"codes": CODES})
    wall.store.put(session.id, "limits", b"guessed out", b"")
    assert wall.send(session, "POST https://desk.test/in", json={"x": "hello"}).passed
    assert wall.log[-1].counts["over the limit"] == 1
