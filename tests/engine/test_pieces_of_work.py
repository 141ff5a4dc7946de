"""A message of many values is recorded piece by piece: others go on in between, and it goes on once all is recorded."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import orjson
import pytest

from dlp.core.errors import StoreError
from dlp.core.label import RAW, DataClass, Label
from dlp.core.message import Direction, Endpoint, Message
from dlp.core.outcome import Forward, Refuse
from dlp.engine.pipeline import Apart, Classify, breathe
from dlp.engine.sessions import SessionInfo
from dlp.engine.vault import Origin
from dlp.engine.work import Call
from dlp.stores.sqlite import SqliteStore
from dlp.testing.wall import Wall
from dlp.wire.body import read_body

POLICY = """
policy: many
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  people: {at: https://people.test/**}
  hr: {at: https://hr.test/**, fields: {"$.salary": employee.pay}}
destinations:
  crm: {at: https://crm.test/**}
rules:
  - {name: the CRM may have people, data: pii, to: crm, then: allow}
"""
PEOPLE = [f"person{at}@example.com" for at in range(400)]
TOKENS = [f"[EMAIL_{at + 1}]" for at in range(400)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = SqliteStore(tmp_path_factory.mktemp("store") / "state.db")
    yield store
    store.close()


@pytest.fixture(scope="module")
def wall(store: SqliteStore) -> Wall:
    return Wall(POLICY, store=store)


def begun(wall: Wall, session: SessionInfo, direction: Direction, host: str, what: object) -> Generator[Any, Any, Any]:
    block = read_body(orjson.dumps(what), "application/json", "", limit=10**8).block
    message = Message(direction, Endpoint("http", f"https://{host}:443", "POST", "/"), (block,))
    return wall.engine.judge(Call(session, "0" * 32), message)


def ended(wall: Wall, run: Generator[Any, Any, Any], at: int, then: Callable[[], object]) -> Any:
    """Take a run to its end; at its pause of this number do something else. Return the outcome."""
    answer: object = None
    pauses = 0
    try:
        while True:
            wait = run.send(answer)
            answer = wall.classifier.classify(wait.parts) if isinstance(wait, Classify) else None
            if isinstance(wait, Apart):
                answer = wait.task()
                if wait.task is breathe:
                    pauses += 1
                    if pauses == at:
                        then()
    except StopIteration as end:
        assert pauses >= at
        return end.value


def test_a_batch_of_a_large_message_lets_anothers_write_through_in_between(wall: Wall, store: SqliteStore):
    session, other = wall.open(), wall.open()
    seen: list[object] = []

    def let_another_in() -> None:
        seen.append(len(store.items(session.id, "value")))
        seen.append(wall.receive(other, "GET https://people.test/p", json=["maria@acme.org"]).json)
        late = SqliteStore(Path(store._path.decode()))  # what the other was given is durable by now
        seen.append(len(late.items(other.id, "value")))
        late.close()

    run = begun(wall, session, Direction.INBOUND, "people.test", PEOPLE)
    outcome = ended(wall, run, 20, let_another_in)
    assert isinstance(outcome, Forward)
    assert [edit.text for edit in sorted(outcome.edits, key=lambda edit: edit.part)] == TOKENS
    recorded, *rest = seen
    assert 0 < int(str(recorded)) < len(PEOPLE)
    assert rest == [["[EMAIL_1]"], 1]


def test_the_pieces_of_a_message_that_never_went_on_are_still_known(wall: Wall, store: SqliteStore):
    session = wall.open()
    run = begun(wall, session, Direction.INBOUND, "people.test", PEOPLE)
    with pytest.raises(KeyboardInterrupt):
        ended(wall, run, 20, lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    run.close()
    kept = len(store.items(session.id, "value"))
    assert 0 < kept < len(PEOPLE)
    assert wall.receive(session, "GET https://people.test/p", json=PEOPLE[:1]).json == TOKENS[:1]
    assert len(store.items(session.id, "value")) == kept


def test_a_session_that_ends_between_two_pieces_gets_nothing(wall: Wall):
    session = wall.open()
    run = begun(wall, session, Direction.INBOUND, "people.test", PEOPLE)
    assert isinstance(ended(wall, run, 20, lambda: wall.sessions.close(session.id)), Refuse)


def test_a_piece_that_cannot_be_recorded_refuses_the_message(
    wall: Wall, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
):
    session = wall.open()

    def full(*_: object) -> bytes:
        raise StoreError("disk full")

    run = begun(wall, session, Direction.INBOUND, "people.test", PEOPLE)
    with monkeypatch.context() as patch:
        assert isinstance(ended(wall, run, 20, lambda: patch.setattr(store, "put", full)), Refuse)
    assert wall.receive(session, "GET https://people.test/p", json=PEOPLE).json == TOKENS


def test_values_leave_piece_by_piece_as_well(wall: Wall):
    session = wall.open()
    assert wall.receive(session, "GET https://people.test/p", json=PEOPLE).json == TOKENS
    run = begun(wall, session, Direction.OUTBOUND, "crm.test", TOKENS)
    outcome = ended(wall, run, 1, lambda: None)
    assert isinstance(outcome, Forward)
    assert [edit.text for edit in sorted(outcome.edits, key=lambda edit: edit.part)] == PEOPLE


def test_a_session_that_reads_on_between_two_pieces_is_judged_by_what_it_carries_then(wall: Wall):
    session = wall.open()
    assert wall.receive(session, "GET https://people.test/p", json=PEOPLE).json == TOKENS

    def read_on() -> None:
        with wall.engine.store.batch():
            label = Label(DataClass("employee.pay"), RAW, "hr")
            wall.engine.past(session.id).ledger.taint(label, Origin("e", "/salary", ""))

    run = begun(wall, session, Direction.OUTBOUND, "crm.test", TOKENS)
    outcome = ended(wall, run, 6, read_on)
    assert isinstance(outcome, Refuse)
    assert not wall.send(session, "POST https://crm.test/c", json=["hello"]).passed
