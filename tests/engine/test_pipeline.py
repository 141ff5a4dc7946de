"""The steps together, through the real plugins, judged by what would have been delivered."""

import base64
import gzip
import os
from typing import Any
from urllib.parse import quote

import pytest

from dlp.core.errors import StoreError
from dlp.core.message import Block, Direction, Endpoint, Message, Part
from dlp.core.outcome import Forward, Refuse
from dlp.core.ports import AuditEntry
from dlp.engine.work import Call, Within
from dlp.testing.wall import Wall

POLICY = """
policy: engine tests
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
  employee.band: {level: internal, token: BAND}
recipes:
  anonymised: {pii: tokenize, employee: generalise}
sources:
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay, "$..band": employee.band}}
  people: {at: https://people.test/**}
  open: {at: https://open.test/**, fields: {"$..band": employee.band}}
  anon: {at: https://anon.test/**, fields: {"$..salary": employee.pay}}
  crm: {at: https://crm.test/**}
  logs: {at: https://logs.test/**, fields: {"$..band": employee.band}}
  files: {at: https://files.test/**}
destinations:
  hr: {at: https://hr.test/**}
  people: {at: https://people.test/**}
  open: {at: https://open.test/**}
  anon: {at: https://anon.test/**}
  crm: {at: https://crm.test/**}
  logs: {at: https://logs.test/**}
  public: {at: https://public.test/**, facts: {channel: /channel}}
  public.board: {when: 'channel == "board"'}
  files: {at: https://files.test/**}
rules:
  - {name: what came from there may return, data: [employee, pii, secret], to: [hr, people, open, anon], then: allow}
  - {name: open data enter, data: [pii, secret, employee.band], from: open, to: sandbox, then: allow}
  - {name: open pay enters, data: employee.pay, from: open, to: sandbox, then: allow}
  - {name: anonymised on entry, data: [employee, pii], from: anon, to: sandbox, then: anonymised}
  - {name: the CRM may have people, data: pii, to: crm, then: allow}
  - {name: logs get tokens, data: pii, to: logs, then: tokenize}
  - {name: files are files, data: opaque, from: files, to: sandbox, then: allow}
  - name: pay on the board
    says: Pay may go to the board only anonymised and reviewed.
    data: employee.pay
    to: public
    then: block
    unless:
      - state: [anonymised, derived]
      - to: public.board
      - approved_by: manager
"""

MAIL = "maria.gonzalez@acme.org"
OTHER = "j.smith@example.com"


@pytest.fixture(scope="module")
def shared() -> Wall:
    return Wall(POLICY)


def test_a_value_enters_as_a_token_and_leaves_as_the_value(shared: Wall):
    session = shared.open()
    entered = shared.receive(session, "GET https://people.test/p", json={"mail": MAIL, "again": MAIL})
    assert entered.json == {"mail": "[EMAIL_1]", "again": "[EMAIL_1]"}
    left = shared.send(session, "POST https://crm.test/contacts", json={"mail": "[EMAIL_1]"})
    assert left.json == {"mail": MAIL}


def test_where_the_rule_says_tokenize_the_token_goes_out_as_it_is(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    assert shared.send(session, "POST https://logs.test/in", json={"m": "[EMAIL_1]"}).json == {"m": "[EMAIL_1]"}


def test_a_token_to_a_sink_that_no_rule_opens_is_refused(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    refusal = shared.send(session, "POST https://public.test/post", json={"m": "hello [EMAIL_1]"}).refusal
    assert refusal.kind == "flow"
    assert MAIL not in repr(refusal)


def test_an_untouched_message_keeps_its_bytes(shared: Wall):
    session = shared.open()
    body = b'{ "a" : 1.50 , "b":[ ] }'
    crossed = shared.send(session, "POST https://public.test/post", body=body, content_type="application/json")
    assert crossed.body == body


def test_a_number_becomes_a_string_token_and_a_number_again(shared: Wall):
    session = shared.open()
    entered = shared.receive(
        session, "GET https://hr.test/e", body='{"salary": 91500.50}', content_type="application/json"
    )
    assert entered.body == b'{"salary": "[PAY_1]"}'
    left = shared.send(session, "POST https://hr.test/e", body='{"salary": "[PAY_1]"}', content_type="application/json")
    assert left.body == b'{"salary": 91500.50}'


def test_numbers_of_tokens_belong_to_a_session_and_so_do_tokens(shared: Wall):
    first, second = shared.open(), shared.open()
    shared.receive(first, "GET https://people.test/p", json={"mail": MAIL})
    assert shared.receive(second, "GET https://people.test/p", json={"mail": OTHER}).json == {"mail": "[EMAIL_1]"}
    assert shared.send(first, "POST https://crm.test/c", json={"m": "[EMAIL_1]"}).json == {"m": MAIL}
    assert shared.send(second, "POST https://crm.test/c", json={"m": "[EMAIL_1]"}).json == {"m": OTHER}


def test_a_foreign_or_guessed_token_is_only_text(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    assert shared.send(session, "POST https://crm.test/c", json={"m": "[EMAIL_7] [email_1] [EMAIL_01]"}).json == {
        "m": "[EMAIL_7] [email_1] [EMAIL_01]"
    }


def test_an_allowed_sink_that_echoes_gives_back_the_token(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"note": "ask Xaver Quandt-Oelsner", "mail": MAIL})
    shared.send(session, "POST https://crm.test/c", json={"m": "[EMAIL_1]"})
    echoed = shared.receive(session, "POST https://crm.test/c", body=f"stored{MAIL}ok")
    assert echoed.body == b"stored[EMAIL_1]ok"


def test_a_hidden_value_stays_hidden_where_another_source_could_show_it(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    assert shared.receive(session, "GET https://open.test/p", json={"mail": MAIL}).json == {"mail": "[EMAIL_1]"}


def test_a_planted_token_is_escaped_on_entry_and_unescaped_on_exit(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    planted = shared.receive(session, "GET https://open.test/x", json={"t": "send [EMAIL_1] and [~EMAIL_2]"})
    assert planted.json == {"t": "send [~EMAIL_1] and [~~EMAIL_2]"}
    left = shared.send(session, "POST https://crm.test/c", json=planted.json)
    assert left.json == {"t": "send [EMAIL_1] and [~EMAIL_2]"}


def test_a_token_that_was_sent_somewhere_comes_back_as_itself(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    shared.send(session, "POST https://logs.test/in", json={"m": "[EMAIL_1]"})
    assert shared.receive(session, "GET https://logs.test/last", json={"m": "[EMAIL_1]"}).json == {"m": "[EMAIL_1]"}
    assert shared.receive(session, "GET https://open.test/x", json={"m": "[EMAIL_1]"}).json == {"m": "[~EMAIL_1]"}


def test_a_token_that_comes_back_in_a_declared_field_stands_for_its_value_still(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    shared.send(session, "POST https://logs.test/in", json={"band": "[EMAIL_1]"})
    echoed = shared.receive(session, "GET https://logs.test/last", json={"band": "[EMAIL_1]"})
    assert echoed.json == {"band": "[EMAIL_1]"}
    assert shared.send(session, "POST https://crm.test/c", json=echoed.json).json == {"band": MAIL}
    planted = shared.receive(session, "GET https://anon.test/e", json={"salary": "[EMAIL_1]"})
    assert planted.json == {"salary": "[~EMAIL_1]"}


FORMS = {
    "plain": MAIL,
    "base64": base64.b64encode(MAIL.encode()).decode(),
    "base64url among others": base64.urlsafe_b64encode(f"to: {MAIL}".encode()).decode(),
    "hex": MAIL.encode().hex(),
    "percent": "".join(f"%{byte:02x}" for byte in MAIL.encode()),
    "gzip in base64": base64.b64encode(gzip.compress(MAIL.encode())).decode(),
    "glued base64": "id-x" + base64.b64encode(MAIL.encode()).decode(),
    "glued hex": "f" + MAIL.encode().hex() + "0",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_seen_in_the_clear_is_recognised_on_its_way_out(shared: Wall, form: str):
    session = shared.open()
    assert shared.receive(session, "GET https://open.test/p", json={"mail": MAIL}).json == {"mail": MAIL}
    refused = shared.send(session, "POST https://public.test/post", json={"text": f"see {FORMS[form]}"})
    assert not refused.passed
    assert not shared.send(session, f"GET https://public.test/in/{quote(FORMS[form], safe='')}/now").passed
    assert shared.send(session, "POST https://public.test/post", json={"text": "a harmless note"}).passed


@pytest.mark.parametrize("form", FORMS)
def test_what_no_detector_knows_is_followed_by_its_value_too(shared: Wall, form: str):
    session = shared.open()
    band = "tier B7 senior staff"
    forms = {
        "plain": band,
        "base64": base64.b64encode(band.encode()).decode(),
        "base64url among others": base64.urlsafe_b64encode(f"to: {band}".encode()).decode(),
        "hex": band.encode().hex(),
        "percent": "".join(f"%{byte:02x}" for byte in band.encode()),
        "gzip in base64": base64.b64encode(gzip.compress(band.encode())).decode(),
        "glued base64": "id-x" + base64.b64encode(band.encode()).decode(),
        "glued hex": "f" + band.encode().hex() + "0",
    }
    assert shared.receive(session, "GET https://open.test/p", json={"band": band}).json == {"band": band}
    assert not shared.send(session, "POST https://public.test/p", json={"text": f"({forms[form]})"}).passed
    assert not shared.send(session, f"GET https://public.test/p?q={quote(forms[form], safe='')}").passed


def test_a_compressed_body_is_read(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://open.test/p", json={"mail": MAIL})
    crossed = shared.send(
        session,
        "POST https://public.test/post",
        body=gzip.compress(f'{{"m":"{MAIL}"}}'.encode()),
        content_type="application/json",
        headers=[(b"content-encoding", b"gzip")],
    )
    assert not crossed.passed


@pytest.mark.parametrize("content", ["anything at all", "91500", base64.b64encode(b"91500").decode(), "x"])
def test_restricted_data_seen_in_the_clear_closes_every_forbidding_sink(content: str):
    wall = Wall(POLICY.replace('{"$..band": employee.band}', '{"$..salary": employee.pay}'))
    session = wall.open()
    assert wall.receive(session, "GET https://open.test/p", json={"salary": 91500}).json == {"salary": 91500}
    assert {"employee.pay/raw/open", "employee.pay/derived/open"} <= wall.taint(session)
    refused = wall.send(session, "POST https://public.test/post", json={"text": content})
    assert refused.refusal.rule == "pay on the board"
    assert wall.send(session, "POST https://hr.test/x", json={"text": content}).passed


def test_a_restricted_source_taints_even_when_everything_is_a_token(shared: Wall):
    session = shared.open()
    shared.receive(session, "GET https://hr.test/count", json={"matches": 3})
    assert shared.taint(session) == {"employee.pay/derived/hr"}
    assert not shared.send(session, "POST https://public.test/post", json={"text": "three"}).passed


def test_tokens_leave_no_taint_and_other_transforms_taint_in_their_state(shared: Wall):
    session = shared.open()
    entered = shared.receive(session, "GET https://anon.test/p", json={"mail": MAIL, "salary": 91500})
    assert isinstance(entered.json, dict)
    assert entered.json["mail"] == "[EMAIL_1]"
    assert "91500" not in str(entered.json["salary"])
    assert shared.taint(session) == {"employee.pay/anonymised/anon", "employee.pay/derived/anon"}


def test_a_review_lets_exactly_this_message_pass_once():
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://anon.test/p", json={"salary": 91500})

    def post(text: str = "round is done") -> Any:
        return wall.send(session, "POST https://public.test/post", json={"channel": "board", "text": text})

    refusal = post().refusal
    assert refusal.kind == "approval"
    assert refusal.retryable
    assert (
        wall.send(session, "POST https://public.test/post", json={"channel": "all", "text": "x"}).refusal.kind == "flow"
    )
    wall.approvals.answer(refusal.approval, approve=True, by="manager")
    assert post("round is not done").refusal.kind == "approval"
    assert post().passed
    assert post().refusal.kind == "approval"


def test_a_held_message_passes_when_the_approver_agrees_in_time():
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://anon.test/p", json={"salary": 91500})
    wall.while_held = lambda approval: wall.approvals.answer(approval, approve=True, by="manager") and None
    assert wall.send(session, "POST https://public.test/post", json={"channel": "board", "text": "x"}).passed


def test_what_cannot_be_read_stays_out_and_in(shared: Wall):
    session = shared.open()
    noise = os.urandom(64)
    assert not shared.send(session, "POST https://crm.test/c", body=noise, content_type="image/x").passed
    assert not shared.receive(session, "GET https://crm.test/c", body=noise, content_type="image/x").passed
    assert shared.receive(session, "GET https://files.test/c", body=noise, content_type="image/x").body == noise


def test_ciphertext_carries_what_is_guarded_unless_its_own_upstream_issued_it(shared: Wall):
    session = shared.open()
    cookie = base64.b64encode(bytes(range(200, 240))).decode()
    shared.receive(
        session, "GET https://crm.test/login", json={"ok": True}, headers=[(b"set-cookie", f"s={cookie}".encode())]
    )
    back = [(b"cookie", f"s={cookie}".encode())]
    assert shared.send(session, "POST https://crm.test/c", json={"a": 1}, headers=back).passed
    assert shared.send(session, "POST https://public.test/c", json={"a": cookie}).passed
    shared.receive(session, "GET https://open.test/p", json={"mail": MAIL})
    assert shared.send(session, "POST https://crm.test/c", json={"a": 1}, headers=back).passed
    assert not shared.send(session, "POST https://public.test/c", json={"a": cookie}).passed


def test_an_unlisted_destination_is_refused_whatever_it_carries(shared: Wall):
    session = shared.open()
    refusal = shared.send(session, "GET https://elsewhere.test/").refusal
    assert refusal.kind == "flow"
    call = Call(session, "0" * 32)
    assert shared.engine.connect(call, "https", "elsewhere.test", 443) is not None
    assert shared.engine.connect(call, "https", "crm.test", 443) is None


@pytest.mark.parametrize("end", ["freeze", "close"])
def test_a_session_that_has_ended_gets_nothing_through(end: str):
    wall = Wall(POLICY)
    session = wall.open()
    getattr(wall.sessions, end)(session.id)
    assert wall.send(session, "GET https://crm.test/").refusal.kind == "session"
    assert wall.receive(session, "GET https://crm.test/", json={}).refusal.kind == "session"


def test_taint_and_tokens_survive_a_restart():
    first = Wall(POLICY)
    session = first.open()
    first.receive(session, "GET https://people.test/p", json={"mail": MAIL})
    first.receive(session, "GET https://open.test/p", json={"band": "B7-senior"})
    second = Wall(POLICY, store=first.store)
    assert second.send(session, "POST https://crm.test/c", json={"m": "[EMAIL_1]"}).json == {"m": MAIL}
    assert second.taint(session) == {"employee.band/raw/open"}
    assert second.receive(session, "GET https://people.test/p", json={"a": MAIL, "b": OTHER}).json == {
        "a": "[EMAIL_1]",
        "b": "[EMAIL_2]",
    }


class Planted(Exception):  # noqa: N818 - a fault, not an error of ours
    """A fault put in on purpose."""


@pytest.mark.parametrize("place", ["classifier.classify", "audit.write", "store.put", "host.transform", "host.record"])
def test_a_fault_anywhere_refuses_its_message_and_leaves_no_half_state(monkeypatch: pytest.MonkeyPatch, place: str):
    wall = Wall(POLICY)
    session = wall.open()
    owner, name = place.split(".")

    def fail(*_: object, **__: object) -> object:
        raise Planted(MAIL)

    with monkeypatch.context() as patch:
        patch.setattr(getattr(wall.engine, owner), name, fail)
        refusal = wall.receive(session, "GET https://people.test/p", json={"mail": MAIL}).refusal
        assert refusal.direction is Direction.INBOUND
        assert MAIL not in repr(refusal)
    assert wall.receive(session, "GET https://people.test/p", json={"mail": MAIL}).json == {"mail": "[EMAIL_1]"} or (
        place in {"audit.write", "host.record"}
    )
    assert wall.send(session, "POST https://crm.test/c", json={"m": "[EMAIL_9]"}).passed


def test_what_cannot_be_recorded_is_not_delivered(monkeypatch: pytest.MonkeyPatch):
    wall = Wall(POLICY)
    session = wall.open()

    def full(_entry: AuditEntry) -> None:
        raise StoreError("audit.jsonl: no space left on the device")

    monkeypatch.setattr(wall.log, "write", full)
    assert wall.send(session, "GET https://crm.test/clean").refusal.kind == "store"


def test_the_audit_tells_where_a_value_was_read_and_never_what_it_is():
    wall = Wall(POLICY)
    session = wall.open()
    wall.receive(session, "GET https://open.test/tickets", json={"tickets": [{"body": MAIL}]})
    read = wall.log[-1].event
    wall.send(session, "POST https://public.test/post", json={"text": base64.b64encode(MAIL.encode()).decode()})
    entry = wall.log[-1]
    assert entry.verdict == "block"
    assert entry.sink == "public"
    note = next(note for note in entry.labels if note.label.data_class == "pii.email" and note.origin)
    assert (note.origin, note.origin_path, note.form, note.path) == (read, "/tickets/0/body", "base64", "/text")
    assert MAIL not in repr(wall.log)


def test_monitor_mode_records_and_lets_pass_and_taint_says_what_really_entered():
    wall = Wall(POLICY.replace("policy: engine tests", "policy: engine tests\nmode: monitor"))
    session = wall.open()
    assert wall.receive(session, "GET https://people.test/p", json={"mail": MAIL}).json == {"mail": MAIL}
    assert "pii.email/raw/people" in wall.taint(session)
    assert wall.send(session, "POST https://public.test/post", json={"m": MAIL}).passed
    assert wall.log[-1].would == "block"


def test_a_clean_message_writes_nothing_but_its_audit_entry(shared: Wall, monkeypatch: pytest.MonkeyPatch):
    session = shared.open()
    shared.receive(session, "GET https://crm.test/x", json={})  # that it has read from there at all is recorded once

    def refuse(*_: object) -> object:
        raise Planted

    monkeypatch.setattr(shared.store, "put", refuse)
    monkeypatch.setattr(shared.store, "add", refuse)
    crossed = shared.receive(session, "GET https://crm.test/x", json={"items": ["one", "two"], "total": 2})
    assert isinstance(crossed.outcome, Forward)
    assert crossed.outcome.edits == ()


STREAM = """
policy: streams
use: [base]
classes:
  internal.note: {level: internal}
sources:
  feed: {at: https://feed.test/**}
destinations:
  feed: {at: https://feed.test/**}
  asked: {at: https://asked.test/**}
rules:
  - {name: a person agrees, to: asked, then: ask}
"""


def within(wall: Wall, session: Any, direction: Direction, upstream: str, texts: list[str]) -> list[Any]:
    call = Call(session, "0" * 32, within=Within())
    endpoint = Endpoint("http", upstream, "GET", "/")
    outcomes = [
        wall.drive(wall.engine.judge(call, Message(direction, endpoint, (Block(lambda text=text: (Part("", text),)),))))
        for text in texts
    ]
    wall.engine.end_stream(call, endpoint)
    return outcomes


def test_messages_of_a_stream_that_are_alike_have_one_entry_and_the_end_counts_them():
    wall = Wall(STREAM)
    session = wall.open()
    outcomes = within(wall, session, Direction.INBOUND, "https://feed.test:443", ["one", "two", "three"])
    assert all(isinstance(outcome, Forward) for outcome in outcomes)
    assert [(entry.reason, dict(entry.counts)) for entry in wall.log][1:] == [("end of stream", {"inbound": 3})]
    assert len(wall.log) == 2


def test_inside_a_stream_nobody_is_asked():
    wall = Wall(STREAM)
    session = wall.open()
    (outcome,) = within(wall, session, Direction.OUTBOUND, "https://asked.test:443", ["hello"])
    assert isinstance(outcome, Refuse)
    assert outcome.kind == "flow"
    assert outcome.approval == ""
