"""What tokens and values become on their way, through the whole wall: much of it was once tried by an attacker."""

import base64
import gzip
import hashlib
from urllib.parse import parse_qsl, quote

import orjson
import pytest

from dlp.testing.wall import Wall

ROUTES = """
policy: routes
use: [base]
classes:
  pin: {level: confidential}
  pay: {level: restricted}
sources:
  people: {at: https://people.test/**, fields: {"$..name": pii.person, "$..pin": pin}}
  api: {at: https://api.test/employees/*, fields: {"$..salary": pay}}
  open: {at: https://open.test/**, fields: {"$..pin": pin}}
  echo: {at: https://echo.test/**}
  hidden: {at: https://hidden.test/**, fields: {"$..pin": pin}}
destinations:
  people: {at: https://people.test/**}
  open: {at: https://open.test/**}
  api: {at: https://api.test/**}
  echo: {at: https://echo.test/**}
  publish: {at: https://pub.test/publish/*}
  draft: {at: https://pub.test/*/*}
  slack: {at: https://slack.test/api, facts: {channel: /channel}}
  slack.hr: {when: 'channel == "hr"'}
  files: {at: https://files.test/**}
rules:
  - {name: hidden, data: pin, from: hidden, to: sandbox, then: block}
  - {name: open, data: [pin, pii], from: open, to: sandbox, then: allow}
  - {name: drafts, data: [pin, pii], to: [draft, echo, slack.hr, api], then: allow}
  - {name: pay home, data: pay, to: api, then: allow}
  - {name: reviewed, to: files, then: ask, approvers: [manager]}
"""


@pytest.fixture(scope="module")
def routes() -> Wall:
    return Wall(ROUTES)


@pytest.mark.parametrize(("name", "passes"), [("publish", False), ("spring", True), ("..", False), ("a/b", False)])
def test_a_token_in_the_path_leads_nowhere_but_where_it_was_judged(routes: Wall, name: str, passes: bool):  # noqa: FBT001
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": name})
    sent = routes.send(session, "POST https://pub.test/[PERSON_1]/1", json={"t": "x"})
    assert sent.passed == passes
    assert not passes or sent.target == f"/{name}/1"


def test_a_token_in_the_path_does_not_hide_which_source_answers(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": "employees"})
    assert not routes.send(session, "GET https://api.test/[PERSON_1]/1").passed


def test_a_token_in_a_fields_name_does_not_choose_the_destination(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": "channel"})
    form = "channel=hr&[PERSON_1]=public"
    media = "application/x-www-form-urlencoded"
    assert not routes.send(session, "POST https://slack.test/api", body=form, content_type=media).passed
    assert routes.send(session, "POST https://echo.test/e", body=form, content_type=media).passed


@pytest.mark.parametrize("glue", ["x{}x", "{}1", "9{}"])
@pytest.mark.parametrize("pin", ["73519", "May", "42"])
def test_a_short_value_cannot_be_melted_into_a_word_and_read_in_the_echo(routes: Wall, glue: str, pin: str):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"pin": pin})
    assert not routes.send(session, "POST https://echo.test/e", json={"t": glue.format("[PIN_1]")}).passed
    assert routes.send(session, "POST https://echo.test/e", json={"t": "it is [PIN_1]."}).json == {"t": f"it is {pin}."}
    back = routes.receive(session, "POST https://echo.test/e", json={"got": f"it is {pin}, thanks"})
    assert back.json == {"got": "it is [PIN_1], thanks"}


def test_an_echo_in_another_case_is_hidden_too(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": "Xaver Quandt"})
    back = routes.receive(session, "GET https://echo.test/e", json={"got": "HELLO XAVER QUANDT"})
    assert b"QUANDT" not in back.body


@pytest.mark.parametrize(("asked", "sent"), [({"dry": True}, {"dry": False}), ({"n": None}, {"n": {}}), ([5], ["5"])])
def test_a_grant_is_for_the_bytes_that_were_approved(routes: Wall, asked: object, sent: object):
    session = routes.open()
    refusal = routes.send(session, "POST https://files.test/f", json=asked).refusal
    routes.approvals.answer(refusal.approval, approve=True, by="manager")
    assert not routes.send(session, "POST https://files.test/f", json=sent).passed
    assert routes.send(session, "POST https://files.test/f", json=asked).passed


def test_nobody_is_asked_about_what_cannot_be_read(routes: Wall):
    session = routes.open()
    noise = bytes(range(128, 256))
    refusal = routes.send(session, "POST https://files.test/f", body=noise, content_type="image/x").refusal
    assert refusal.kind == "flow"


def test_asking_a_restricted_source_taints_before_it_answers(routes: Wall):
    session = routes.open()
    assert routes.send(session, "GET https://api.test/employees/1").passed
    assert routes.taint(session) == {"pay/derived/api"}
    assert not routes.send(session, "POST https://echo.test/e", json={"t": "nothing"}).passed


def test_a_value_that_enters_encoded_is_known_when_it_leaves_decoded(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://open.test/p", json={"pin": base64.b64encode(b"K9-73519-Q").decode()})
    assert not routes.send(session, "POST https://pub.test/publish/1", json={"t": "k9-73519-q"}).passed


def test_a_value_with_a_lookalike_in_it_is_known_as_it_entered(routes: Wall):
    session = routes.open()
    entered = routes.receive(session, "GET https://open.test/p", json={"pin": "[TICKET_42] for the spring round"})
    assert entered.json == {"pin": "[~TICKET_42] for the spring round"}
    assert not routes.send(session, "POST https://pub.test/publish/1", json=entered.json).passed


def test_a_token_cannot_be_planted_in_a_link(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": "Xaver Quandt"})
    page = routes.receive(session, "GET https://echo.test/page", json={"link": "/x?who=%5BPERSON_1%5D"})
    assert page.json == {"link": "/x?who=%5B~PERSON_1%5D"}
    followed = routes.send(session, "GET https://echo.test/x?who=%5B~PERSON_1%5D")
    assert followed.target == "/x?who=%5BPERSON_1%5D"


def test_what_a_session_sent_itself_was_not_issued_by_the_upstream(routes: Wall):
    session = routes.open()
    noise = base64.b64encode(bytes(range(180, 230))).decode()
    routes.receive(session, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    assert routes.send(session, "POST https://slack.test/api", json={"channel": "hr", "t": noise}).passed
    routes.receive(session, "POST https://slack.test/api", json={"ok": noise})
    assert not routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": noise}).passed


HASH = hashlib.sha256(b"release 1.2").hexdigest()


def test_a_hash_that_a_page_told_may_go_anywhere(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    assert not routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": HASH}).passed
    routes.receive(session, "GET https://echo.test/releases", json={"sha256": HASH})
    assert routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": HASH}).passed
    other = routes.open()
    routes.receive(other, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    assert not routes.send(other, "POST https://slack.test/api", json={"channel": "all", "t": HASH}).passed


def test_a_hash_from_whoever_has_labelled_data_is_not_public(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    routes.receive(session, "GET https://open.test/hashes", json={"sha256": HASH})
    assert not routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": HASH}).passed


def test_a_hash_from_whoever_was_refused_with_labelled_data_is_not_public(routes: Wall):
    session = routes.open()
    routes.receive(session, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    assert not routes.receive(session, "GET https://hidden.test/p", json={"pin": "L8-62408-R"}).passed
    assert routes.receive(session, "GET https://hidden.test/hashes", json={"sha256": HASH}).passed
    assert not routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": HASH}).passed


def test_a_credential_is_not_public_whoever_gave_it(routes: Wall):
    session = routes.open()
    key = base64.b64encode(hashlib.sha256(b"key").digest()).decode()
    routes.receive(session, "GET https://echo.test/login", json={"ok": key}, headers=[(b"x-key", HASH.encode())])
    routes.receive(session, "GET https://open.test/p", json={"pin": "K9-73519-Q"})
    for secret in (key, HASH):
        assert not routes.send(session, "POST https://slack.test/api", json={"channel": "all", "t": secret}).passed


def test_bombs_in_many_parts_share_one_budget(routes: Wall):
    bomb = base64.b64encode(gzip.compress(b" " * 5_000_000)).decode()
    session = routes.open()
    assert routes.send(session, "POST https://echo.test/e", json=[bomb]).passed
    assert not routes.send(session, "POST https://echo.test/e", json=[bomb] * 20).passed


@pytest.mark.parametrize("name", ['Ann "Al" Quandt', "Ann\\Quandt", 'x", "channel": "all', "Ann\nQuandt"])
def test_a_value_in_json_inside_a_text_stays_one_text_of_it(routes: Wall, name: str):
    session = routes.open()
    routes.receive(session, "GET https://people.test/p", json={"name": name})
    inner = '{"to": {"who": "Dear [PERSON_1],"}}'
    deeper = orjson.dumps({"call": inner}).decode()
    sent = routes.send(session, "POST https://echo.test/e", json={"arguments": inner, "deeper": deeper})
    assert orjson.loads(sent.json["arguments"]) == {"to": {"who": f"Dear {name},"}}
    assert orjson.loads(orjson.loads(sent.json["deeper"])["call"]) == {"to": {"who": f"Dear {name},"}}
    form = routes.send(
        session, "POST https://echo.test/e", body=f"p={quote(inner)}", content_type="application/x-www-form-urlencoded"
    )
    assert orjson.loads(dict(parse_qsl(form.body.decode()))["p"]) == {"to": {"who": f"Dear {name},"}}


def test_a_number_in_json_inside_a_text_becomes_a_text_of_it(routes: Wall):
    session = routes.open()
    card = {"cards": [4111111111111111, 5500005555555559], "n": 1}
    back = routes.receive(session, "GET https://echo.test/e", json={"arguments": orjson.dumps(card).decode()})
    assert orjson.loads(back.json["arguments"]) == {"cards": ["[CARD_1]", "[CARD_2]"], "n": 1}


@pytest.mark.parametrize(
    "xml", ["<a><name>Xaver</name></a>", '<a xmlns="u" name="Xaver"/>', "<a><![CDATA[Xaver]]></a>"]
)
def test_a_source_with_fields_says_nothing_more_in_xml(routes: Wall, xml: str):
    entered = routes.receive(
        routes.open(), "GET https://people.test/p", body=xml, content_type="application/xml; charset=utf-8"
    )
    assert entered.body.decode() == xml.replace("Xaver", "[PERSON_1]")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("said", "enters"),
    [
        ("Title\n=====\n\nWrite to MAIL now", "Title\n=====\n\nWrite to TOKEN now"),
        ("KEY=\nWHO=MAIL\nNEXT=\n", "KEY=\nWHO=TOKEN\nNEXT=\n"),
        ("100%25 of MAIL", "100%25 of TOKEN"),
        ("a\\nb \\u0041 MAIL c", "a\\nb \\u0041 TOKEN c"),
        ("xn--mnchen-3ya.de MAIL", "xn--mnchen-3ya.de TOKEN"),
        ("MAIL \\u006ao.doe@example.org", None),
        ("x%20 jo.doe=\n@example.org MAIL", None),
        ("MAIL a=3D jo.doe=40example.org =\nx", None),
    ],
)
def test_what_stands_beside_an_escape_is_rewritten_by_itself_if_nothing_of_it_is_escaped(
    routes: Wall, said: str, enters: str | None, *, known: bool
):
    session = routes.open()
    if known:
        routes.receive(session, "GET https://echo.test/e", json={"got": "jo.doe@example.org"})
    back = routes.receive(session, "GET https://echo.test/e", json={"got": said.replace("MAIL", "jo.doe@example.org")})
    told = orjson.loads(back.body)["got"]
    assert enters is None or told == enters.replace("TOKEN", "[EMAIL_1]")
    assert "doe" not in told
