"""What the gateway asks for itself carries nothing of the session, and what comes back is judged like any answer."""

from typing import Any

import orjson

from dlp.engine.mcp_dialogue import REFUSED, Dialogue, Send
from dlp.engine.pins import Pins
from dlp.testing.wall import Wall

POLICY = """
policy: Ours
version: "1"
ner: off
use: [base]
classes: {pay: {level: restricted, says: What someone earns.}}
sources: {hr: {at: "mcp://hr/**", fields: {"$..salary": pay}}}
destinations: {hr: {at: "mcp://hr/**"}, chat: {at: "mcp://chat/**"}}
rules:
  - {name: pay may be read, says: It may., data: pay, from: hr, to: [sandbox, hr], then: allow}
"""


def dialogue(wall: Wall, session: Any, server: str) -> Dialogue:
    return Dialogue(
        lambda: wall.engine,
        session,
        server,
        tell=lambda refuse: {"title": refuse.title},
        trace=lambda: ("0" * 32, "0" * 16),
        pins=Pins(wall.store),
        limit=100_000,
    )


def sent(wall: Wall, steps: Any) -> list[Send]:
    return list(wall.drive(steps))


def message(number: int, method: str, **params: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def test_a_session_that_may_send_nothing_to_a_server_still_learns_what_tools_it_has():
    wall = Wall(POLICY)
    session = wall.open()
    hr, chat = dialogue(wall, session, "hr"), dialogue(wall, session, "chat")
    sent(wall, hr.from_client(message(1, "tools/call", name="pay", arguments={})))
    sent(
        wall, hr.from_server(b'{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"salary":118472},"content":[]}}')
    )
    assert wall.taint(session) == {"pay/raw/hr", "pay/derived/hr"}
    (refused,) = sent(wall, chat.from_client(message(1, "tools/list")))
    assert orjson.loads(refused.raw)["error"]["code"] == REFUSED
    (asked,) = sent(wall, chat.from_client(message(2, "tools/list"), ours=True))
    assert orjson.loads(asked.raw)["method"] == "tools/list"
    tools = [{"name": "post", "description": "Ask ada@example.com first."}]
    (answer,) = sent(wall, chat.from_server(orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": {"tools": tools}})))
    assert b"ada@example.com" not in answer.raw
    assert b"[EMAIL_1]" in answer.raw


def test_a_server_that_no_destination_names_is_not_asked_either():
    wall = Wall(POLICY)
    (refused,) = sent(wall, dialogue(wall, wall.open(), "elsewhere").from_client(message(1, "tools/list"), ours=True))
    assert orjson.loads(refused.raw)["error"]["code"] == REFUSED
