"""Every place of the protocol in which data can travel, one after the other, both ways."""

import base64
import json
from typing import Any

import pytest

from dlp.core.message import Direction

from . import test_mcp_dialogue
from .test_mcp_dialogue import call, one, request, result

INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND
POLICY = """
policy: everywhere
version: "1"
ner: off
classes:
  pii.email: {level: internal, token: EMAIL, entities: [EMAIL_ADDRESS]}
sources: {crm: {at: "mcp://crm/**"}}
destinations: {crm: {at: "mcp://crm/**"}}
rules:
  - {name: in, data: pii.email, to: sandbox, then: tokenize, says: People enter as tokens.}
  - {name: out, data: pii.email, to: crm, then: VERDICT, says: The crm and its people.}
"""
MAIL = "jo.doe@example.org"
TEXT = {"type": "text", "text": MAIL}
RESOURCE = {"uri": f"mail://{MAIL}", "name": MAIL, "title": MAIL, "description": MAIL, "mimeType": "text/plain"}
SCHEMA = {"type": "object", "properties": {MAIL: {"type": "string", "description": MAIL, "default": MAIL}}}
TOOL = {"name": "t", "title": MAIL, "description": MAIL, "inputSchema": SCHEMA, "annotations": {"title": MAIL}}
ASK = {"message": MAIL, "requestedSchema": SCHEMA}
SAMPLE = {"messages": [{"role": "user", "content": TEXT}], "systemPrompt": MAIL, "maxTokens": 9}
BLOB = base64.b64encode(f"mail,x\n{MAIL},1\n".encode()).decode()


class Talk(test_mcp_dialogue.Talk):
    """A dialogue with a server that may have addresses, or may not."""

    def __init__(self, verdict: str = "allow") -> None:
        super().__init__(POLICY.replace("VERDICT", verdict))


def _holds(message: Any) -> bool:
    """Say whether the address is anywhere in a message, blobs unpacked."""
    text = json.dumps(message)
    return MAIL in text or BLOB in text or any(MAIL in _unpacked(word) for word in text.split('"') if len(word) > 20)


def _unpacked(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode()
    except ValueError:
        return ""


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("tools/call", {"content": [TEXT], "structuredContent": {"mail": MAIL, MAIL: [MAIL]}}),
        ("tools/call", {"content": [TEXT], "isError": True}),
        ("tools/call", {"content": [{"type": "resource_link", **RESOURCE}]}),
        ("tools/call", {"content": [{"type": "resource", "resource": {"uri": "a://b", "text": MAIL}}]}),
        (
            "tools/call",
            {"content": [{"type": "resource", "resource": {"uri": "a:b", "blob": BLOB, "mimeType": "text/csv"}}]},
        ),
        ("tools/call", {"content": [], "_meta": {"org.example/who": MAIL}}),
        ("tools/call", {"content": [{**TEXT, "annotations": {"x": MAIL}, "_meta": {"y": MAIL}}]}),
        ("tools/call", {"content": [], "nobodyKnowsThis": {"deep": [MAIL]}}),
        (
            "tools/call",
            {"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create", "params": ASK}}},
        ),
        (
            "tools/call",
            {
                "resultType": "input_required",
                "inputRequests": {"a": {"method": "sampling/createMessage", "params": SAMPLE}},
            },
        ),
        ("tools/list", {"tools": [TOOL]}),
        ("resources/list", {"resources": [RESOURCE]}),
        ("resources/templates/list", {"resourceTemplates": [{"uriTemplate": f"mail://{MAIL}/{{x}}", "name": MAIL}]}),
        ("resources/read", {"contents": [{"uri": "a://b", "text": f"To {MAIL}."}, {"uri": "c:d", "blob": BLOB}]}),
        ("prompts/list", {"prompts": [{"name": "p", "description": MAIL, "arguments": [{"name": MAIL}]}]}),
        ("prompts/get", {"description": MAIL, "messages": [{"role": "user", "content": TEXT}]}),
        ("completion/complete", {"completion": {"values": [MAIL, "x"], "total": 2}}),
        ("initialize", {"instructions": MAIL, "serverInfo": {"name": "s", "title": MAIL, "version": "1"}}),
        ("server/discover", {"instructions": MAIL}),
        ("ping", {"who": MAIL}),
    ],
)
def test_nothing_that_a_server_answers_brings_a_value_in(method: str, answer: dict[str, object]):
    talk = Talk()
    params: dict[str, Any] = {"name": "t", "uri": "a://b", "ref": {"type": "ref/prompt", "name": "p"}}
    talk.client(request(1, method, **params))
    told = one(talk.server(result(1, answer)), INBOUND)
    assert not _holds(told)
    assert "EMAIL_1" in json.dumps(told) or base64.b64encode(b"mail,x\n[EMAIL_1],1\n").decode() in json.dumps(told)


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "error": {"code": -32000, "message": MAIL, "data": {"who": [MAIL]}}},
        {"method": "notifications/progress", "params": {"progressToken": 7, "progress": 1, "message": MAIL}},
        {"method": "notifications/message", "params": {"level": "info", "logger": MAIL, "data": {"m": MAIL}}},
        {"method": "notifications/resources/updated", "params": {"uri": "a://b", "title": MAIL}},
        {"method": "notifications/cancelled", "params": {"requestId": 99, "reason": MAIL}},
        {"method": "notifications/tasks/status", "params": {"taskId": "x", "statusMessage": MAIL}},
        {"method": "notifications/nobody/knows", "params": {"x": MAIL}},
        {"id": "s", "method": "sampling/createMessage", "params": SAMPLE},
        {"id": "s", "method": "elicitation/create", "params": ASK},
        {"id": "s", "method": "roots/list", "params": {"_meta": {"x": MAIL}}},
    ],
)
def test_nothing_that_a_server_says_of_itself_brings_a_value_in(message: dict[str, object]):
    talk = Talk()
    talk.client(call(1, "t", meta={"progressToken": 7}))
    told = one(talk.server({"jsonrpc": "2.0", **message}), INBOUND)
    assert not _holds(told)
    assert "[EMAIL_1]" in json.dumps(told)


OUT = [
    request(2, "tools/call", name="t", arguments={"a": {"b": ["T"]}}),
    request(2, "tools/call", name="t", arguments={}, _meta={"org.example/x": "T"}),
    request(2, "tools/call", name="t", arguments={}, inputResponses={"a": {"action": "accept", "content": {"m": "T"}}}),
    request(2, "tools/call", name="t", arguments={}, requestState="T"),
    request(2, "prompts/get", name="p", arguments={"who": "T"}),
    request(2, "completion/complete", ref={"type": "ref/prompt", "name": "p"}, argument={"name": "who", "value": "T"}),
    request(2, "resources/list", cursor="T"),
    request(2, "logging/setLevel", level="T"),
    request(2, "nobody/knows", x="T"),
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99, "reason": "T"}},
    {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 9, "message": "T"}},
    {"jsonrpc": "2.0", "id": "s", "result": {"action": "accept", "content": {"mail": "T"}}},
    {"jsonrpc": "2.0", "id": "s", "error": {"code": -1, "message": "T", "data": {"x": "T"}}},
]


@pytest.mark.parametrize("message", OUT)
@pytest.mark.parametrize("written", ["[EMAIL_1]", MAIL])
def test_nothing_that_a_client_says_takes_a_value_to_where_it_may_not_be(message: dict[str, object], written: str):
    talk = Talk("block")
    _meet(talk)
    sends = talk.client(json.loads(json.dumps(message).replace("T", written)))
    assert not any(_holds(json.loads(send.raw)) for send in sends)
    gone = [send for send in sends if send.direction is OUTBOUND]
    answers = "result" in message or "error" in message
    assert len(gone) == answers  # the server learns that there is no answer, and nothing else
    assert not any("EMAIL" in str(send.raw) for send in gone)


@pytest.mark.parametrize("message", OUT)
def test_a_token_that_a_client_says_anywhere_is_its_value_where_it_may_be(message: dict[str, object]):
    talk = Talk()
    _meet(talk)
    (send,) = talk.client(json.loads(json.dumps(message).replace("T", "[EMAIL_1]")))
    assert send.direction is OUTBOUND
    assert json.loads(send.raw) == json.loads(json.dumps(message).replace("T", MAIL))


def test_both_legs_of_a_call_that_needs_more_say_the_same_to_the_server_whatever_its_state_holds():
    talk = Talk()
    _meet(talk)
    arguments = {"to": "[EMAIL_1]", "n": 1}
    sealed = base64.b64encode(json.dumps({"mail": MAIL, "digest": "aGVsbG8gd29ybGQ"}).encode()).decode()
    for number, state in ((5, sealed), (7, f"v1:{MAIL}"), (9, "Zm9v.YmFy.c2VhbGVk")):
        first = one(talk.client(call(number, "t", **arguments)), OUTBOUND)
        ask = {"resultType": "input_required", "inputRequests": {"a": {"method": "roots/list"}}, "requestState": state}
        told = one(talk.server(result(number, ask)), INBOUND)["result"]
        assert not _holds(told)
        again = request(number + 1, "tools/call", name="t", arguments=arguments, inputResponses={"a": {"roots": []}})
        again["params"]["requestState"] = told["requestState"]  # type: ignore[index]
        second = one(talk.client(again), OUTBOUND)
        assert second["params"]["arguments"] == first["params"]["arguments"] == {"to": MAIL, "n": 1}
        assert second["params"]["requestState"] == state
        talk.server(result(number + 1, {"content": []}))


def _meet(talk: Talk) -> None:
    """Have the session know the address as a token, and the server ask something."""
    talk.client(request(0, "ping"))
    one(talk.server(result(0, {"who": MAIL})), INBOUND)
    talk.server({"jsonrpc": "2.0", "id": "s", "method": "elicitation/create", "params": {"message": "?"}})
