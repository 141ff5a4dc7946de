"""Sessions under attack: whatever a sandbox does to its connections, its credentials or the order, taint stays."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlp.core.errors import StoreError
from dlp.engine import delivery, pipeline
from dlp.engine.sessions import SessionInfo
from dlp.stores.sqlite import SqliteStore
from dlp.testing.mcp_exchange import McpExchange
from dlp.testing.upstreams import POLICY, Said
from dlp.testing.wall import Log, Wall

PAY = {"rows": [{"name": "Ann", "salary": 52_417}]}


@pytest.fixture
def walls(tmp_path: Path) -> Iterator[tuple[Wall, Wall]]:
    """Give two workers on one store."""
    made = tuple(Wall(POLICY, store=SqliteStore(tmp_path / "s.db"), salt=number) for number in (1, 2))
    yield made[0], made[1]
    for wall in made:
        wall.store.close()


def read(wall: Wall, session: SessionInfo) -> None:
    assert wall.send(session, "GET https://clear.test/all").passed
    assert wall.receive(session, "GET https://clear.test/all", json=PAY).passed


def leaves(wall: Wall, session: SessionInfo) -> bool:
    return wall.send(session, "POST https://forbidding.test/in", json={"x": "hello"}).passed


def nothing(_: Wall, __: SessionInfo) -> None:
    """Do nothing: the attack that all others are compared with."""


def new_connections(wall: Wall, session: SessionInfo) -> None:
    for _ in range(50):
        wall.send(session, "GET https://friend.test/", headers=((b"connection", b"close"),))


def names_itself_otherwise(wall: Wall, session: SessionInfo) -> None:
    for name in (b"x-session", b"mcp-session-id", b"x-forwarded-user", b"dlp-session", b"cookie"):
        wall.send(session, "GET https://friend.test/", headers=((name, b"another"),))


def greets_again(wall: Wall, session: SessionInfo) -> None:
    exchange = McpExchange()
    for server in ("friend", "clear", "forbidding"):
        talk = exchange._talk(wall, session, server)
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        talk.request(wall, "initialize", hello)


def changes_protocols(wall: Wall, session: SessionInfo) -> None:
    exchange = McpExchange()
    exchange.tell(wall, session, "friend", "hello", "json")
    wall.send(session, "GET https://friend.test/")


def waits_for_a_restart(wall: Wall, _: SessionInfo) -> None:
    wall.start()


def waits_for_an_eviction(wall: Wall, _: SessionInfo) -> None:
    for _n in range(1100):
        wall.engine.past(wall.open("passer-by").id)


def waits_for_a_new_policy(wall: Wall, _: SessionInfo) -> None:
    wall.reload(POLICY.replace('version: "1"', 'version: "3"'))


def floods_the_ledger(wall: Wall, session: SessionInfo) -> None:
    rows = [{"salary": number} for number in range(20_000, 21_500)]
    wall.receive(session, "GET https://open.test/all", json=rows)


def lets_an_answer_fail(wall: Wall, session: SessionInfo) -> None:
    class Full(Log):
        def write(self, entry: object) -> None:
            raise StoreError(f"no room for {type(entry).__name__}")

    log, wall.engine.audit = wall.engine.audit, Full()
    wall.receive(session, "GET https://clear.test/all", json=PAY)
    wall.engine.audit = log


ATTACKS = (
    *(nothing, new_connections, names_itself_otherwise, greets_again, changes_protocols, waits_for_a_restart),
    *(waits_for_an_eviction, waits_for_a_new_policy, floods_the_ledger, lets_an_answer_fail),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_was_read_stays_with_the_session(
    attack: Callable[[Wall, SessionInfo], None], walls: tuple[Wall, Wall], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "_MAX_VALUES", 1000)
    wall, other = walls
    session, bystander = wall.open(), wall.open()
    assert leaves(wall, session)
    read(wall, session)
    attack(wall, session)
    assert not leaves(wall, session)
    assert not leaves(other, session)
    assert leaves(wall, bystander)


def test_an_answer_that_is_on_its_way_taints_before_it_is_there(walls: tuple[Wall, Wall]):
    wall, other = walls
    session = wall.open()
    left: list[bool] = []
    wall.classifier.needs_model = True  # every look waits for another process
    wall.while_classified = lambda: left.append(leaves(other, session))
    wall.send(session, "GET https://clear.test/all")
    wall.while_classified = lambda: left.append(leaves(other, session))
    wall.receive(session, "GET https://clear.test/all", json=PAY)
    wall.while_classified = lambda: None
    assert left
    assert not left[-1]


def test_a_request_that_waits_while_the_session_reads_on_is_judged_by_what_it_carries_then(walls: tuple[Wall, Wall]):
    wall, other = walls
    session = wall.open()
    wall.classifier.needs_model = True
    once = [lambda: read(other, session)]
    wall.while_classified = lambda: once.pop()() if once else None
    assert not wall.send(session, "POST https://forbidding.test/in", json={"x": "mail to a@example.org"}).passed
    assert not once


def test_a_request_held_for_a_person_is_judged_by_what_the_session_carries_when_it_is_released(
    walls: tuple[Wall, Wall],
):
    wall, other = walls
    session = wall.open()
    wall.send(session, "GET https://hidden.test/count")
    assert wall.taint(session) == {"pay/derived/hidden"}

    def meanwhile(approval: str) -> None:
        read(other, session)
        wall.approvals.answer(approval, approve=True, by="manager")

    wall.while_held = meanwhile
    assert not wall.send(session, "POST https://review.test/in", json={"x": "hello"}).passed


def test_tokens_of_a_session_say_nothing_in_another(walls: tuple[Wall, Wall]):
    wall, other = walls
    one, two = wall.open(), wall.open()
    wall.receive(one, "GET https://people.test/1", json={"contact": "q7x9kk2-aa"})
    wall.receive(two, "GET https://people.test/1", json={"contact": "another-one"})
    for worker in walls:
        sent = worker.send(two, "POST https://friend.test/in", json={"x": "[CONTACT_1] [CONTACT_2]"})
        assert sent.json == {"x": "another-one [CONTACT_2]"}
    assert other.send(one, "POST https://friend.test/in", json={"x": "[CONTACT_1]"}).json == {"x": "q7x9kk2-aa"}


TOKEN_FORMS = {
    "as it is": "[CONTACT_1]",
    "lower case": "[contact_1]",
    "cut": "[CONTACT_1",
    "without brackets": "CONTACT_1",
    "spaces": "[ CONTACT_1 ]",
    "leading zero": "[CONTACT_01]",
    "percent": "%5BCONTACT_1%5D",
    "doubled": "[[CONTACT_1]]",
    "escaped": "[~CONTACT_1]",
    "full width": "\uff3bCONTACT_1\uff3d",
    "zero width": "[CONTACT\u200b_1]",
    "base64": base64.b64encode(b"[CONTACT_1]").decode(),
    "hex": b"[CONTACT_1]".hex(),
    "html": "&#91;CONTACT_1&#93;",
    "next": "[CONTACT_2]",
    "far": "[CONTACT_999999999999999999]",
    "zero": "[CONTACT_0]",
    "another kind": "[PAY_1]",
    "glued": "a[CONTACT_1]b",
    "reversed": "]1_TCATNOC[",
}


@pytest.mark.parametrize("form", TOKEN_FORMS)
def test_no_form_of_a_token_gets_the_value_to_who_may_not_have_it(form: str):
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://people.test/1", json={"contact": "q7x9kk2aa"})
    for sink in ("forbidding", "logs", "board"):
        for value in (TOKEN_FORMS[form], f"x {TOKEN_FORMS[form]} y", {TOKEN_FORMS[form]: 1}):
            sent = wall.send(session, f"POST https://{sink}.test/in", json={"x": value})
            assert b"q7x9kk2aa" not in sent.body


def test_a_split_token_is_no_token():
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://people.test/1", json={"contact": "q7x9kk2aa"})
    sent = wall.send(session, "POST https://friend.test/in", json=["[CONTACT", "_1]"])
    assert sent.json == ["[CONTACT", "_1]"]


def test_a_token_that_an_upstream_plants_is_not_the_sessions(walls: tuple[Wall, Wall]):
    wall, _ = walls
    session = wall.open()
    wall.receive(session, "GET https://people.test/1", json={"contact": "q7x9kk2aa"})
    page = wall.receive(session, "GET https://friend.test/page", json={"text": "send [CONTACT_1] to me"})
    assert page.json == {"text": "send [~CONTACT_1] to me"}
    assert wall.send(session, "POST https://friend.test/in", json=page.json).json == {"text": "send [CONTACT_1] to me"}


def test_an_echo_from_where_a_value_may_go_is_a_token_again_in_every_place():
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://people.test/1", json={"contact": "q7x9kk2aa"})
    assert wall.send(session, "POST https://friend.test/in", json={"x": "[CONTACT_1]"}).json == {"x": "q7x9kk2aa"}
    for said in ("q7x9kk2aa", "you said q7x9kk2aa.", "Q7X9KK2AA", base64.b64encode(b"q7x9kk2aa").decode()):
        for body in ({"x": said}, {said: 1}, [[said]]):
            heard = wall.receive(session, "GET https://friend.test/it", json=body)
            assert b"q7x9kk2aa" not in heard.body.lower()
            assert base64.b64encode(b"q7x9kk2aa") not in heard.body
    heard = wall.receive(session, "GET https://friend.test/it", body=b"{}", headers=((b"x-said", b"q7x9kk2aa"),))
    assert b"q7x9kk2aa" not in b"".join(value for _, value in heard.headers)


@pytest.mark.parametrize("query", ["count", "above", "exists"])
def test_what_a_query_reveals_is_taint_of_its_own(query: str):
    wall = Wall(POLICY)
    session = wall.open()
    assert wall.send(session, f"GET https://hidden.test/{query}?min=50000").passed
    assert not leaves(wall, session)


def test_mcp_answers_taint_what_is_sent_over_http():
    wall, exchange = Wall(POLICY), McpExchange()
    session = wall.open()
    assert exchange.ask(wall, session, "clear", "all")
    assert exchange.hear(wall, session, "clear", "all", Said(b'{"salary":52417}')).passed
    assert not leaves(wall, session)


def test_as_many_sessions_are_remembered_as_the_engine_says():
    assert 1000 < pipeline._MAX_PASTS < 1100  # the flood above is larger
