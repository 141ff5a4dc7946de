"""Lineage: for every label on a message the record tells which response, which field, and in which form."""

import base64
import gzip
import json

import pytest

from dlp.cli.audit import _label
from dlp.cli.rules_why import _lineage
from dlp.core.ports import AuditEntry, LabelNote
from dlp.engine.audit import as_event
from dlp.engine.sessions import SessionInfo
from dlp.testing.wall import Wall

SECRET = "o.brackwater@fernhill.example"
POLICY = """
policy: lineage
classes:
  mail: {level: internal}
  pay: {level: restricted}
  note: {level: confidential}
sources:
  staff: {at: "https://staff.test/**", fields: {"$.people[*].mail": mail, "$.note": note}}
  bank: {at: "https://bank.test/**", fields: {"$.pay": pay}}
destinations:
  staff: {at: "https://staff.test/**"}
  bank: {at: "https://bank.test/**"}
  friend: {at: "https://friend.test/**"}
  board: {at: "https://board.test/**"}
rules:
  - {name: in, data: [mail, pay, note], to: sandbox, then: allow}
  - {name: home, data: [mail, pay, note], to: [staff, bank], then: allow}
  - {name: friends, data: [mail, note], to: friend, then: allow}
  - {name: opaque, data: opaque, then: allow}
"""


def wrapped(text: str) -> str:
    return base64.b64encode(json.dumps({"v": text.encode().hex()}).encode()).decode()


FORMS = {
    "exact": (SECRET, "exact"),
    "in other case": (SECRET.upper(), "exact"),
    "spelled": ("o.brackwater at fernhill dot example", "spelled"),
    "backwards": (SECRET[::-1], "reversed"),
    "base64": (base64.b64encode(SECRET.encode()).decode(), "base64"),
    "hex in JSON in base64": (wrapped(SECRET), "hex+base64"),
    "base64 twice, compressed": (
        base64.b64encode(gzip.compress(base64.b64encode(SECRET.encode()), mtime=0)).decode(),
        "base64+gzip+base64",
    ),
    "backwards in hex": (SECRET[::-1].encode().hex(), "reversed+hex"),
    "base32": (base64.b32encode(SECRET.encode()).decode(), "base32"),
}


@pytest.fixture
def wall() -> Wall:
    return Wall(POLICY)


def has_read(wall: Wall, session: SessionInfo, source: str = "staff", **told: object) -> AuditEntry:
    wall.send(session, f"GET https://{source}.test/list")
    assert wall.receive(session, f"GET https://{source}.test/list", json=told).passed
    return wall.log[-1]


def noted(entry: AuditEntry, data_class: str) -> LabelNote:
    return next(note for note in entry.labels if note.label.data_class == data_class)


@pytest.mark.parametrize("sink", ["friend", "board"])
@pytest.mark.parametrize("name", FORMS)
def test_a_label_tells_its_response_its_field_and_its_form(wall: Wall, name: str, sink: str):
    text, form = FORMS[name]
    session = wall.open()
    response = has_read(wall, session, people=[{"mail": "w.thornbury@oakdale.example"}, {"mail": SECRET}])
    sent = wall.send(session, f"POST https://{sink}.test/in", json={"a": {"b": text}})
    assert sent.passed is (sink == "friend")
    note = noted(wall.log[-1], "mail")
    assert (note.form, note.path) == (form, "/a/b")
    assert (note.origin, note.origin_path) == (response.event, "/people/1/mail")
    assert SECRET not in str(as_event(wall.log[-1]))


def test_the_forms_are_shown_by_the_audit_and_by_explain(wall: Wall):
    session = wall.open()
    response = has_read(wall, session, people=[{"mail": SECRET}])
    wall.send(session, "POST https://board.test/in", json={"x": wrapped(SECRET)})
    event = json.loads(json.dumps(as_event(wall.log[-1])))
    assert _label(event["labels"][0]) == "mail (raw as hex+base64) from staff (1)"
    known = {response.event: json.loads(json.dumps(as_event(response)))}
    assert list(_lineage(event, known)) == [
        f"mail found as hex+base64 at /x, entered in {response.event} at /people/0/mail by GET https://staff.test:443"
    ]


def test_what_the_session_carries_tells_where_it_entered(wall: Wall):
    session = wall.open()
    response = has_read(wall, session, "bank", pay=52417)
    assert not wall.send(session, "POST https://friend.test/in", json={"x": "hello"}).passed
    note = next(note for note in wall.log[-1].labels if note.label.state == "raw")
    assert (note.form, note.origin, note.origin_path) == ("taint", response.event, "/pay")
    told = list(_lineage(json.loads(json.dumps(as_event(wall.log[-1]))), {}))
    assert f"pay carried by the session, entered in {response.event} at /pay" in told


def test_what_nobody_could_read_tells_what_it_may_hold(wall: Wall):
    session = wall.open()
    response = has_read(wall, session, note="a note about somebody, and a long one")
    noise = base64.b64encode(bytes(range(150, 200))).decode()
    assert not wall.send(session, "POST https://board.test/in", json={"x": noise}).passed
    note = noted(wall.log[-1], "note")
    assert (note.form, note.origin, note.origin_path) == ("taint", response.event, "/note")


def test_a_value_cut_in_pieces_tells_where_it_entered(wall: Wall):
    session = wall.open()
    response = has_read(wall, session, people=[{"mail": SECRET}])
    assert not wall.send(session, "POST https://board.test/in", json=[SECRET[:14], SECRET[14:]]).passed
    note = noted(wall.log[-1], "mail")
    assert (note.form, note.origin) in {("cut", response.event), ("part", response.event)}
