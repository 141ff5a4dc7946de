"""A planted value goes down every path of the pipeline, refusals and crashes too, and is then looked for everywhere."""

import base64
import codecs
import gzip
import logging
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from dlp.core.outcome import Refuse
from dlp.engine.audit import Audit
from dlp.stores.sqlite import SqliteStore
from dlp.testing.wall import Crossing, Wall

MAIL = "quentin.zephyrine@acme-planted.org"
KEY = "sk_live_9fQx71ZpLmT40vRwKs83HdYb"
PAY = "917345"
PLANTED = (MAIL, KEY, PAY)
SHORTEST = 6  # what is left of a form without its ends may be too little to mean anything

POLICY = """
policy: leaks
use: [base]
classes:
  pay: {level: restricted}
sources:
  hr: {at: https://hr.test/**, fields: {"$..salary": pay}}
  open: {at: https://open.test/**, fields: {"$..salary": pay}}
destinations:
  hr: {at: https://hr.test/**}
  crm: {at: https://crm.test/**}
  board: {at: https://board.test/**}
  veiled: {at: https://veiled.test/**}
rules:
  - {name: open, data: [pii, secret, pay], from: open, to: sandbox, then: allow}
  - {name: crm, data: [pii, secret, pay], to: crm, then: allow}
  - {name: veiled, data: [pii, secret, pay], to: veiled, then: mask}
  - {name: review, data: [pii, secret], to: board, then: ask, approvers: [manager]}
"""


def forms(value: str) -> Iterator[bytes]:
    """Give the ways in which a value could lie about."""
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield raw[::-1]
    yield codecs.encode(value, "rot13").encode()
    yield quote(value, safe="").encode()
    for lead in range(3):  # base64 has three alignments; the ends depend on the neighbours
        yield base64.b64encode(b"\0" * lead + raw)[4:-4]
    yield base64.b64encode(gzip.compress(raw, mtime=0))[16:-8]
    yield base64.b64encode(zlib.compress(raw))[4:-8]


def holds(data: bytes) -> list[str]:
    return [
        f"value {number}"
        for number, value in enumerate(PLANTED)
        for form in forms(value)
        if len(form) >= SHORTEST and form in data
    ]


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[Wall]:
    with closing(SqliteStore(tmp_path / "store.db")) as store, closing(Audit(tmp_path / "audit.jsonl")) as audit:
        wall = Wall(POLICY, store=store)
        wall.engine.audit = audit
        yield wall


def every_path(wall: Wall) -> Iterator[Crossing]:
    session = wall.open(purpose="planting")
    body = {"mail": MAIL, "note": f"the key is {KEY}", "salary": int(PAY)}
    yield wall.receive(session, "GET https://hr.test/p", json=body)
    yield wall.receive(session, "GET https://open.test/p", json=body)
    for sink in ("crm", "board", "veiled", "unlisted"):
        for text in (MAIL, KEY, PAY, "[EMAIL_1]", base64.b64encode(KEY.encode()).decode()):
            yield wall.send(session, f"POST https://{sink}.test/p", json={"text": text, MAIL: KEY})
        yield wall.send(
            session, f"GET https://{sink}.test/{quote(MAIL)}/x?key={KEY}", headers=[(b"x-key", KEY.encode())]
        )
    fresh = wall.open()
    yield wall.send(fresh, "POST https://board.test/p", json={"text": MAIL})


def test_no_value_lies_in_the_store_or_the_audit(wall: Wall, tmp_path: Path):
    crossings = list(every_path(wall))
    kinds = {crossing.outcome.kind if isinstance(crossing.outcome, Refuse) else "passed" for crossing in crossings}
    assert kinds == {"passed", "flow", "approval"}
    for file in tmp_path.iterdir():
        assert holds(file.read_bytes()) == [], file.name
    assert (tmp_path / "audit.jsonl").read_text().count("\n") == len(crossings)


def test_no_value_is_in_what_is_printed_told_or_logged(wall: Wall, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    printed = [repr(crossing) for crossing in every_path(wall)]
    printed += [repr(approval) for approval in wall.approvals.list()]
    past = wall.engine.past(wall.sessions.list()[0].id)
    printed += [repr(vars(past)), repr(list(past.vault.values())), caplog.text]
    assert [holds(text.encode()) for text in printed if holds(text.encode())] == []


@pytest.mark.parametrize(
    "place", ["classifier.classify", "host.transform", "store.put", "audit.write", "host.describe"]
)
def test_a_crash_tells_nothing(wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str):
    owner, name = place.split(".")

    def fail(*given: object, **named: object) -> object:
        raise ValueError(f"{MAIL} {KEY} {PAY} {given} {named}")

    monkeypatch.setattr(getattr(wall.engine, owner), name, fail)
    session = wall.open() if owner != "store" else None
    if session is None:
        monkeypatch.undo()
        session = wall.open()
        monkeypatch.setattr(wall.engine.store, name, fail)
    crossing = wall.receive(session, "GET https://hr.test/p", json={"mail": MAIL, "salary": int(PAY)})
    assert not crossing.passed
    assert holds(repr(crossing).encode()) == []
    for file in tmp_path.iterdir():
        assert holds(file.read_bytes()) == [], file.name
