"""Streams: what is in an event or a frame is stopped, arrives true, or passes as it is; judged by who received it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dlp.engine.sessions import SessionInfo

from .conftest import Rig
from .table import MAIL, OTHER_MAIL, PLAIN, Sent

EVENTS = {
    "data": "data: @@\n\n",
    "data in json": 'data: {"a": "@@"}\n\n',
    "data of several lines": "data: to\ndata: @@ \ndata: today\n\n",
    "name": "event: @@ x\ndata: x\n\n",
    "id": "id: @@ x\ndata: x\n\n",
    "comment": ": @@ x\ndata: x\n\n",
    "unknown field": "note: @@ x\ndata: x\n\n",
    "the second of two": "data: x\n\ndata: @@\n\n",
}


def events(shape: str, text: str) -> Sent:
    return Sent(body=shape.replace("@@", text).encode(), kind="text/event-stream")


@pytest.mark.parametrize("name", EVENTS)
def test_a_value_in_an_event_enters_as_a_token_or_not_at_all(rig: Rig, session: SessionInfo, name: str):
    rig.answer = events(EVENTS[name], MAIL)
    _, _, body = rig.ask(session, "source.test", Sent(method="GET"))
    assert MAIL.encode() not in body
    assert body == events(EVENTS[name], OTHER_MAIL).body or OTHER_MAIL.encode() not in body


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize(("host", "text"), [("clear.test", MAIL), ("source.test", PLAIN)])
def test_other_events_come_as_they_were_sent(rig: Rig, name: str, host: str, text: str):
    rig.answer = events(EVENTS[name], text)
    status, _, body = rig.ask(rig.wall.open(), host, Sent(method="GET"))
    assert (status, body) == (200, rig.answer.body)


# --- WebSocket --------------------------------------------------------------------------------------------------------


FRAMES: dict[str, Callable[[str], Any]] = {
    "text": lambda text: f"write to {text} today",
    "json": lambda text: f'{{"a": ["{text}"]}}',
    "json in escapes": lambda text: '{"a": "' + "".join(f"\\u{ord(char):04x}" for char in text) + '"}',
    "binary": lambda text: f"write to {text} today".encode(),
    "fragments": lambda text: [f"write to {text[:7]}", text[7:15], f"{text[15:]} today"],
    "binary fragments": lambda text: [f"write to {text[:3]}".encode(), f"{text[3:]} today".encode()],
}


def read(message: str | bytes) -> object:
    """Read a message as its receiver does."""
    return json.loads(message) if message[:1] == "{" else message


def whole(frame: Any) -> Any:
    return type(frame[0])().join(frame) if isinstance(frame, list) else frame


@pytest.mark.parametrize("name", FRAMES)
def test_a_value_in_a_frame_does_not_reach_a_sink_that_may_not_have_it(rig: Rig, name: str):
    assert rig.say(rig.wall.open(), "ws.shut.test", FRAMES[name](MAIL)) == "1008"
    assert rig.frames == []


@pytest.mark.parametrize("name", FRAMES)
def test_a_permitted_value_in_a_frame_arrives_true(rig: Rig, session: SessionInfo, name: str):
    assert rig.say(session, "ws.open.test", FRAMES[name](OTHER_MAIL)) == "ok"
    (arrived,) = rig.frames
    assert read(arrived) == read(whole(FRAMES[name](MAIL)))


@pytest.mark.parametrize("name", FRAMES)
def test_harmless_frames_pass_as_they_are(rig: Rig, name: str):
    assert rig.say(rig.wall.open(), "ws.shut.test", FRAMES[name](PLAIN)) == "ok"
    assert rig.frames == [whole(FRAMES[name](PLAIN))]


CUT: dict[str, Callable[[str, str], Any]] = {
    "two members": lambda one, other: json.dumps({"a": one, "b": other}),
    "two items": lambda one, other: json.dumps([one, other]),
    "two members of a model's text": lambda one, other: json.dumps({"delta": {"text": one, "content": other}}),
    "fields of a message without its schema": lambda one, other: b"".join(
        bytes([number << 3 | 2, len(text)]) + text.encode() for number, text in ((1, one), (2, other))
    ),
}


@pytest.mark.parametrize("name", CUT)
def test_a_known_value_over_fields_of_one_frame_does_not_reach_a_sink_that_may_not_have_it(rig: Rig, name: str):
    session = rig.session()
    middle = MAIL.index("@") + 3
    rig.frames.clear()
    assert rig.say(session, "ws.shut.test", CUT[name](MAIL[:middle], MAIL[middle:])) == "1008"
    assert rig.frames == []
    assert rig.say(rig.wall.open(), "ws.shut.test", CUT[name](PLAIN[:4], PLAIN[4:])) == "ok"
