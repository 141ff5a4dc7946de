"""Bodies that are looked through apart from the loop: what is found in them, and what a fault there does."""

import base64
from typing import Any

import orjson
import pytest

from dlp.core.message import Direction, Endpoint, Message, Part
from dlp.core.outcome import Forward, Refuse
from dlp.core.ports import Pattern
from dlp.engine import looking, pipeline, tracing
from dlp.engine.encodings import Decoding
from dlp.engine.pipeline import Apart, Classify, Hold
from dlp.engine.scan import Scanner
from dlp.engine.work import Call
from dlp.testing.wall import Wall
from dlp.wire.body import read_body

POLICY = """
policy: large
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  people: {at: https://people.test/**}
  open: {at: https://open.test/**}
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay}}
destinations:
  crm: {at: https://crm.test/**}
  public: {at: https://public.test/**}
  board: {at: https://board.test/**, facts: {channel: /channel}}
rules:
  - {name: staff is told, to: board, when: 'channel == "staff"', then: allow}
  - {name: others are told once a person agrees, to: board, when: 'channel != "staff"', then: ask}
  - {name: open data enter, data: [pii, secret], from: open, to: sandbox, then: allow}
  - {name: pay is banded, data: employee.pay, from: hr, to: sandbox, then: tokenize}
  - {name: the CRM may have people, data: pii, to: crm, then: allow}
"""
MAIL = "maria.gonzalez@acme.org"
NOTES = [f"replace the {what} valve on shelf {at % 9}" for at in range(800) for what in ("worn", "blue", "loose")]
JSON = ("application/json", "")
SIZES = {"large": NOTES, "larger than a surface is looked through": NOTES * 12}


@pytest.fixture(scope="module")
def wall() -> Wall:
    return Wall(POLICY)


def drive(wall: Wall, host: str, body: bytes, direction: Direction) -> tuple[list[type], Any]:
    """Return what was waited for, and the outcome."""
    message = Message(
        direction, Endpoint("http", f"https://{host}:443", "POST", "/"), (read_body(body, *JSON, limit=10**8).block,)
    )
    run = wall.engine.judge(Call(wall.open(), "0" * 32), message)
    waits: list[type] = []
    answer: Any = None
    error: Exception | None = None
    try:
        while True:
            wait = run.send(answer) if error is None else run.throw(error)
            waits.append(type(wait))
            if isinstance(wait, Classify):
                answer = wall.classifier.classify(wait.parts)
            else:
                assert isinstance(wait, Apart)
                try:
                    answer = wait.task()
                except KeyError as failure:
                    error = failure
    except StopIteration as end:
        return waits, end.value


def test_a_large_body_is_looked_through_apart_and_a_small_one_at_once(wall: Wall):
    waits, outcome = drive(wall, "crm.test", orjson.dumps(NOTES), Direction.OUTBOUND)
    assert waits == [Apart]
    assert isinstance(outcome, Forward)
    waits, outcome = drive(wall, "crm.test", orjson.dumps([*NOTES, MAIL]), Direction.OUTBOUND)
    assert waits == [Apart, Classify, Apart]
    assert isinstance(outcome, Forward)
    assert drive(wall, "crm.test", orjson.dumps([MAIL]), Direction.OUTBOUND)[0] == []


def test_what_a_large_body_states_and_is_bound_to_is_worked_out_apart(wall: Wall, monkeypatch: pytest.MonkeyPatch):
    beside: list[str] = []
    for name in ("_declared", "_content"):
        there: Any = getattr(pipeline, name)
        monkeypatch.setattr(pipeline, name, lambda *given, there=there, name=name: beside.append(name) or there(*given))
    done: list[str] = []
    verdicts: list[object] = []
    for channel in ("staff", "guests"):
        block = read_body(orjson.dumps({"channel": channel, "notes": NOTES}), *JSON, limit=10**8).block
        message = Message(Direction.OUTBOUND, Endpoint("http", "https://board.test:443", "POST", "/"), (block,))
        run = wall.engine.judge(Call(wall.open(), "0" * 32), message)
        answer: object = None
        try:
            while not isinstance(wait := run.send(answer), Hold):
                assert not beside  # nothing of it is done in the loop
                assert isinstance(wait, Apart)
                answer = wait.task()
                done += beside
                beside.clear()
            verdicts.append("asks")
        except StopIteration as end:
            verdicts.append("passes" if isinstance(end.value, Forward) else end.value)
        run.close()
    assert verdicts == ["passes", "asks"]
    assert done == ["_declared", "_declared", "_content"]


@pytest.mark.parametrize("size", SIZES)
def test_a_value_in_a_large_body_enters_as_a_token_and_leaves_as_the_value(wall: Wall, size: str):
    session, notes = wall.open(), SIZES[size]
    entered = wall.receive(session, "GET https://people.test/p", json=[*notes, {"mail": MAIL}, MAIL, *notes])
    assert entered.json == [*notes, {"mail": "[EMAIL_1]"}, "[EMAIL_1]", *notes]
    left = wall.send(session, "POST https://crm.test/c", json=[*notes, {"mail": "[EMAIL_1]"}])
    assert left.json == [*notes, {"mail": MAIL}]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["plain", "base64", "glued hex"])
def test_a_value_seen_in_the_clear_is_recognised_in_a_large_body(wall: Wall, size: str, form: str):
    written = {
        "plain": MAIL,
        "base64": base64.b64encode(MAIL.encode()).decode(),
        "glued hex": f"x{MAIL.encode().hex()}",
    }
    session, notes = wall.open(), SIZES[size]
    assert wall.receive(session, "GET https://open.test/p", json={"mail": MAIL}).passed
    assert wall.send(session, "POST https://public.test/p", json=notes).passed
    assert not wall.send(session, "POST https://public.test/p", json=[*notes, written[form], *notes]).passed


def test_fields_of_a_source_are_labelled_in_a_large_answer_too(wall: Wall):
    session = wall.open()
    entered = wall.receive(session, "GET https://hr.test/p", json={"notes": NOTES, "salary": 91_234})
    assert entered.json == {"notes": NOTES, "salary": "[PAY_1]"}
    assert wall.taint(session) == {"employee.pay/derived/hr"}


@pytest.mark.parametrize("place", ["encoded", "sightings", "unreadable"])
def test_a_fault_beside_the_loop_refuses_the_message(wall: Wall, monkeypatch: pytest.MonkeyPatch, place: str):
    def fail(*_: object, **__: object) -> object:
        raise KeyError(MAIL)

    monkeypatch.setattr(tracing, place, fail)
    _, outcome = drive(wall, "crm.test", orjson.dumps([*NOTES, MAIL]), Direction.OUTBOUND)
    assert isinstance(outcome, Refuse)
    assert MAIL not in repr(outcome)


def test_a_session_that_ended_while_its_message_was_looked_through_gets_nothing(wall: Wall):
    session = wall.open()
    message = Message(
        Direction.OUTBOUND,
        Endpoint("http", "https://crm.test:443", "POST", "/"),
        (read_body(orjson.dumps(NOTES), *JSON, limit=10**8).block,),
    )
    run = wall.engine.judge(Call(session, "0" * 32), message)
    wait = next(run)
    assert isinstance(wait, Apart)
    answer = wait.task()
    wall.sessions.close(session.id)
    with pytest.raises(StopIteration) as end:
        run.send(answer)
    assert isinstance(end.value.value, Refuse)


def test_a_body_of_more_parts_than_are_kept_is_refused_before_any_is_kept(wall: Wall):
    numbers = b"[" + b"1," * 600_000 + b"1]"
    block = read_body(numbers, *JSON, limit=10**8).block
    assert len(block.parts) == 1
    assert not wall.send(wall.open(), "POST https://crm.test/c", body=numbers, content_type="application/json").passed


def test_stretches_hold_every_part_once_with_its_own_runs():
    parts = [(number, Part(f"/{number}", "x" * (number % 5 * 20_000))) for number in range(40)]
    runs = [tracing.Encoded(number, Decoding(0, 1, "hex", "y")) for number in (3, 3, 39)]
    stretches = list(looking.stretches(parts, runs))
    assert [part for some, _ in stretches for part in some] == parts
    assert [run for _, some in stretches for run in some] == runs
    assert all({run.part for run in some} <= {number for number, _ in there} for there, some in stretches)


def test_a_scan_in_another_thread_uses_memory_of_its_own():
    scanner = Scanner({"p": [Pattern("digits", r"\d{4}")]})
    for surface in (b"abcd", b"ab 1234", "\u00e9 1234".encode(), "\u00e9".encode()):
        assert scanner.scan(surface, apart=True) == scanner.scan(surface)
