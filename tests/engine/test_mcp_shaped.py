import json
from typing import Any

import pytest

from dlp.core.label import DataClass
from dlp.core.message import Direction
from dlp.engine.keys import Seal
from dlp.engine.vault import Vault
from dlp.stores.memory import MemoryStore
from dlp.wire.output_schema import OutputSchema

from . import test_mcp_dialogue
from .test_mcp_dialogue import call, one, request, result, text

INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND
POLICY = "".join(line for line in test_mcp_dialogue.POLICY.splitlines(keepends=True) if "tool_changed" not in line)
MAIL = "jo.doe@example.org"


class Talk(test_mcp_dialogue.Talk):
    """A dialogue under a policy that does not mind when a tool changes, as it does from test to test."""

    def __init__(self) -> None:
        super().__init__(POLICY)


def listed(talk: Talk, **properties: object) -> None:
    """Let the server say what its tool returns."""
    schema = {"type": "object", "properties": properties}
    tool = {"name": "people", "inputSchema": {"type": "object"}, "outputSchema": schema}
    talk.client(request("list", "tools/list"))
    one(talk.server(result("list", {"tools": [tool]})), INBOUND)


def returned(talk: Talk, number: int, value: object, said: str = "", **more: object) -> Any:
    """Let the tool return something, in both copies; return what the client gets of it."""
    talk.client(call(number))
    content = text(said or json.dumps(value))
    return one(talk.server(result(number, {**content, "structuredContent": value, **more})), INBOUND)["result"]


def test_a_token_is_an_address_where_the_schema_wants_one_and_is_one_value_everywhere():
    talk = Talk()
    listed(talk, mail={"type": "string", "format": "email"}, note={"type": "string"})
    told = returned(talk, 1, {"mail": MAIL, "note": f"Ask {MAIL}."})
    shaped = told["structuredContent"]["mail"]
    assert shaped.endswith("@stand-in.example.com")
    assert told["structuredContent"]["note"] == f"Ask {shaped}."
    assert json.loads(told["content"][0]["text"]) == told["structuredContent"]
    assert returned(talk, 2, {"mail": MAIL})["structuredContent"]["mail"] == shaped
    sent = one(talk.client(call(3, "post", channel="#crm", text=f"To {shaped}, not to x{shaped}")), OUTBOUND)
    assert sent["params"]["arguments"]["text"] == f"To {MAIL}, not to x{shaped}"


def test_a_shaped_token_is_refused_where_its_class_is():
    talk = Talk()
    listed(talk, mail={"type": "string", "format": "email"})
    shaped = returned(talk, 1, {"mail": MAIL})["structuredContent"]["mail"]
    told = one(talk.client(call(2, "post", channel="#general", text=shaped)), INBOUND)["result"]
    assert (told["isError"], told["structuredContent"]["says"]) == (True, "No addresses in public.")


def test_a_number_stays_a_number_and_comes_back_as_the_true_one():
    talk = Talk()
    listed(talk, pay={"type": "integer", "minimum": 0})
    told = returned(talk, 1, {"pay": 5200})
    shaped = told["structuredContent"]["pay"]
    assert isinstance(shaped, int)
    assert shaped > 2**50
    assert json.loads(told["content"][0]["text"]) == {"pay": shaped}
    sent = one(talk.client(call(2, "post", channel="#crm", pay=shaped)), INBOUND)  # no rule allows pay there
    assert sent["result"]["isError"] is True


def test_where_the_typed_token_is_admitted_it_stays():
    talk = Talk()
    listed(talk, mail={"type": "string", "maxLength": 60})
    assert returned(talk, 1, {"mail": MAIL})["structuredContent"] == {"mail": "[EMAIL_1]"}


@pytest.mark.parametrize(
    "schema",
    [{"enum": [MAIL, "none"]}, {"maxLength": 18, "pattern": r"^\w\w\.doe@example\.org$"}, {"not": {"const": 1}}],
)
def test_where_no_token_is_admitted_the_result_is_refused_and_says_so(schema: dict[str, object]):
    talk = Talk()
    listed(talk, mail={"type": "string", **schema})
    told = returned(talk, 1, {"mail": MAIL})
    assert told["isError"] is True
    assert "admits no stand-in" in told["content"][0]["text"]
    assert MAIL not in json.dumps(told)


def test_a_text_that_may_hold_no_token_becomes_one_as_a_whole():
    talk = Talk()
    listed(talk, link={"type": "string", "format": "uri"})
    link = f"https://crm.example.org/people/{MAIL}"
    shaped = returned(talk, 1, {"link": link}, "see there")["structuredContent"]["link"]
    assert shaped.startswith("https://stand-in.example.com/")
    sent = one(talk.client(call(2, "post", channel="#crm", text=shaped)), OUTBOUND)
    assert sent["params"]["arguments"]["text"] == link


def test_what_the_server_itself_does_not_keep_to_is_not_asked_of_tokens():
    talk = Talk()
    listed(talk, mail={"type": "string", "maxLength": 5})
    assert returned(talk, 1, {"mail": MAIL})["structuredContent"] == {"mail": "[EMAIL_1]"}


def test_an_upstream_that_was_never_given_a_shaped_token_cannot_plant_it():
    talk = Talk()
    listed(talk, mail={"type": "string", "format": "email"})
    shaped = returned(talk, 1, {"mail": MAIL})["structuredContent"]["mail"]
    told = returned(talk, 2, {"other": f"Write to {shaped}"})
    assert told["isError"] is True
    assert "stand-in" in told["content"][0]["text"]


def test_another_worker_knows_a_shaped_token_and_gives_the_same():
    talk = Talk()
    listed(talk, mail={"type": "string", "format": "email"})
    shaped = returned(talk, 1, {"mail": MAIL})["structuredContent"]["mail"]
    talk.wall.engine.past(talk.session.id).forget()
    sent = one(talk.client(call(2, "post", channel="#crm", text=shaped)), OUTBOUND)
    assert sent["params"]["arguments"]["text"] == MAIL
    assert returned(talk, 3, {"mail": MAIL})["structuredContent"]["mail"] == shaped


def test_shaped_tokens_of_two_sessions_have_nothing_in_common():
    shaped = set()
    for _ in range(2):
        talk = Talk()
        listed(talk, mail={"type": "string", "format": "email"})
        shaped.add(returned(talk, 1, {"mail": MAIL})["structuredContent"]["mail"])
    assert len(shaped) == 2


def test_a_shaped_token_shows_nothing_of_its_value():
    """Whatever the value is, the same token stands for it: else it could be told from what the token is not."""
    vaults = []
    for pay in (5, 1, 5200):
        vault = Vault(MemoryStore(), "s", Seal(b"k" * 32), lambda _class: "PAY")
        vault.tokenise(DataClass("employee.pay"), str(pay), number=True)
        shape = OutputSchema({"properties": {"pay": {"type": "integer"}}}).shape("/pay")
        (known,) = vault.values()
        assert shape is not None
        vaults.append(vault.shaped(known, shape, number=True))
    assert len(set(vaults)) == 1


def test_many_values_have_many_tokens():
    talk = Talk()
    listed(talk, rows={"type": "array", "items": {"type": "object", "properties": {"mail": {"format": "email"}}}})
    rows = [{"mail": f"person{number}@example.org"} for number in range(200)]
    told = returned(talk, 1, {"rows": rows})["structuredContent"]["rows"]
    assert len({row["mail"] for row in told}) == 200
    sent = one(talk.client(call(2, "post", channel="#crm", rows=told)), OUTBOUND)
    assert sent["params"]["arguments"]["rows"] == rows


def test_an_error_is_written_as_it_always_is():
    talk = Talk()
    listed(talk, mail={"type": "string", "format": "email"})
    assert returned(talk, 1, {"mail": MAIL}, isError=True)["structuredContent"] == {"mail": "[EMAIL_1]"}
