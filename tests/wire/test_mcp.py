import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.jsonrpc import read_rpc
from dlp.wire.mcp import McpBody, renamed, target_of


def body(message: dict[str, object], **given: object) -> McpBody:
    return McpBody(read_rpc(json.dumps({"jsonrpc": "2.0", **message}).encode()), limit=1_000_000, **given)  # type: ignore[arg-type]


def parts_of(message: McpBody) -> list[Part]:
    return [part for block in message.blocks for part in block.parts]


def values(message: McpBody) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in parts_of(message):
        if part.kind is not Kind.KEY:
            found.setdefault(part.path, []).append(part.text)
    return found


def edited(message: McpBody, old: str, new: str) -> dict[str, object]:
    edits = [
        Edit(number, at, at + len(old), new)
        for number, part in enumerate(parts_of(message))
        if (at := part.text.find(old)) >= 0
    ]
    written = json.loads(message.write(edits))
    assert isinstance(written, dict)
    return written


@pytest.mark.parametrize(
    ("method", "params", "operation", "path"),
    [
        ("tools/call", {"name": "post"}, "tools/call", "/tools/post"),
        ("prompts/get", {"name": "greet"}, "prompts/get", "/prompts/greet"),
        ("resources/read", {"uri": "file:///a/b c"}, "resources/read", "/resources/file/a/b c"),
        ("resources/read", {"uri": "file://localhost/a"}, "resources/read", "/resources/file/a"),
        ("resources/read", {"uri": "FILE://%6cocalHost./a"}, "resources/read", "/resources/file/a"),
        ("resources/read", {"uri": "file://localhosts/a"}, "resources/read", "/resources/file/localhosts/a"),
        ("resources/read", {"uri": "x://localhost/a"}, "resources/read", "/resources/x/localhost/a"),
        ("resources/subscribe", {"uri": "HTTPS://x.test//y"}, "resources/subscribe", "/resources/https/x.test/y"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "p"}}, "completion/complete", "/prompts/p"),
        ("completion/complete", {"ref": {"uri": "a://{x}"}}, "completion/complete", "/resources/a/{x}"),
        ("sampling/createMessage", {}, "sampling/createMessage", "/sampling"),
        ("elicitation/create", {}, "elicitation/create", "/elicitation"),
        ("roots/list", {}, "roots/list", "/roots"),
        ("tools/list", {}, "tools/list", "/"),
        ("4111111111111111", {}, "*", "/other"),
        ("tools/call", {"name": 7}, "tools/call", "/tools/"),
    ],
)
def test_what_a_message_is_about_is_told_by_its_method(method: str, params: object, operation: str, path: str):
    target = target_of(read_rpc(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()))
    assert (target.operation, target.path) == (operation, path)


def test_arguments_have_their_path_from_the_params():
    call = body({"id": 1, "method": "tools/call", "params": {"name": "post", "arguments": {"channel": "#hr", "n": 5}}})
    assert values(call) == {"rpc/id": ["1"], "/name": ["post"], "/arguments/channel": ["#hr"], "/arguments/n": ["5"]}


def test_both_copies_of_what_a_tool_returned_have_one_path():
    returned = {"employees": [{"salary": 5}]}
    result = {"content": [{"type": "text", "text": json.dumps(returned)}], "structuredContent": returned}
    assert values(body({"id": 1, "result": result}))["/employees/0/salary"] == ["5", "5"]


def test_both_copies_are_rewritten_alike_and_nothing_else_is():
    returned = {"who": 'a "quoted" name'}
    result = {"content": [{"type": "text", "text": json.dumps(returned)}], "structuredContent": returned, "x": "\u00e9"}
    message = body({"id": 1, "result": result})
    written = edited(message, 'a "quoted" name', "[PERSON_1]")
    assert json.loads(written["result"]["content"][0]["text"]) == {"who": "[PERSON_1]"}  # type: ignore[index]
    assert written["result"]["structuredContent"] == {"who": "[PERSON_1]"}  # type: ignore[index]
    edits = [Edit(number, 0, 0, "") for number, part in enumerate(parts_of(message)) if part.path == "/who"]
    assert b"\\u00e9" in message.write(edits)


def test_a_blob_is_read_as_what_it_holds_and_written_back():
    blob = base64.b64encode(b'{"mail":"jo@x.test"}').decode()
    contents = [{"uri": "a://b", "mimeType": "application/json", "blob": blob}]
    message = body({"id": 1, "result": {"contents": contents}})
    written = edited(message, "jo@x.test", "[EMAIL_1]")
    assert base64.b64decode(written["result"]["contents"][0]["blob"]) == b'{"mail":"[EMAIL_1]"}'  # type: ignore[index]


@pytest.mark.parametrize("mime", ["text/plain; charset=iso-8859-1", "text/csv;charset=latin-1", ""])
def test_what_only_happens_to_be_base64_is_looked_at_as_it_stands(mime: str):
    said = "4Bq7Xz9LmN2pQr8sTv5w"  # a key, and fifteen bytes that are a text in Latin-1
    for name in ("data", "blob"):
        call = {"name": "t", "arguments": {"mimeType": mime, name: said}}
        parts = parts_of(body({"id": 1, "method": "tools/call", "params": call}))
        assert said in {part.text for part in parts} or Kind.OPAQUE in {part.kind for part in parts}
    declared = base64.b64encode(b'<?xml version="1.0" encoding="iso-8859-1"?><a>x').decode()
    end = base64.b64encode(b"</a>").decode()
    call = {"name": "t", "arguments": {"mimeType": "text/xml", "data": declared[:-1] + "0" + said + end}}
    parts = parts_of(body({"id": 1, "method": "tools/call", "params": call}))
    assert any(said in part.text for part in parts) or Kind.OPAQUE in {part.kind for part in parts}


def test_a_picture_is_something_nobody_read():
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
    content = [{"type": "image", "data": picture, "mimeType": "image/x-unknown"}]
    assert Kind.OPAQUE in {part.kind for part in parts_of(body({"id": 1, "result": {"content": content}}))}


def test_a_table_in_a_text_has_its_columns():
    contents = [{"uri": "a://b", "mimeType": "text/csv", "text": "name,pay\nJo,5\n"}]
    assert values(body({"id": 1, "result": {"contents": contents}}))["/0/pay"] == ["5"]


def test_a_public_result_that_is_rewritten_is_private():
    result = {"content": [{"type": "text", "text": "jo@x.test"}], "cacheScope": "public"}
    assert edited(body({"id": 1, "result": result}), "jo@x.test", "x")["result"]["cacheScope"] == "private"  # type: ignore[index]
    assert b"public" in body({"id": 1, "result": result}).write([])


def test_the_words_of_the_protocol_are_no_parts_but_an_arguments_are():
    call = {"name": "x", "arguments": {"role": "user"}, "_meta": {"protocolVersion": "2025-11-25"}}
    found = values(body({"id": 1, "method": "tools/call", "params": call}))
    assert found["/arguments/role"] == ["user"]
    assert "2025-11-25" not in str(found)


def test_a_member_of_the_protocols_stays_one_whatever_somebody_is_called():
    resource = {"uri": "a://b", "name": "blob", "blob": base64.b64encode(b"x").decode()}
    content = [{"type": "resource", "resource": resource}]
    result = {"content": content, "structuredContent": {"blob": 1}}
    written = edited(body({"id": 1, "result": result}), "blob", "[PERSON_1]")["result"]
    assert written["content"][0]["resource"] == resource | {"name": "[PERSON_1]"}  # type: ignore[index]
    assert written["structuredContent"] == {"[PERSON_1]": 1}  # type: ignore[index]


def test_what_tools_and_parameters_are_called_stands_under_the_name_of_a_function():
    schema = {"properties": {"max_count": {"title": "Max Count", "description": "As many as Max Count wants"}}}
    tool = {"name": "directory_tree", "title": "Directory Tree", "inputSchema": schema}
    parts = parts_of(body({"id": 1, "result": {"tools": [tool]}}))
    names = {part.text: part.name for part in parts if part.kind is Kind.TEXT}
    assert names["Directory Tree"] == names["Max Count"] == names["directory_tree"] == "function"
    assert names["As many as Max Count wants"] == "description"
    contact = body({"id": 1, "result": {"resources": [{"uri": "a://b", "title": "Jo Doe"}]}})
    assert {part.name for part in parts_of(contact) if part.text == "Jo Doe"} == {"title"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"id": "jo", "method": "ping"}, "jo"),
        ({"id": 1, "method": "tools/call", "params": {"name": "jo"}}, "jo"),
        ({"id": 1, "method": "jo"}, "jo"),
        ({"id": 1, "method": "ping", "params": {"_meta": {"progressToken": "jo"}}}, "jo"),
    ],
)
def test_what_says_which_message_it_is_cannot_be_rewritten(message: dict[str, object], text: str):
    with pytest.raises(ParseError):
        edited(body(message), text, "x")


def test_the_id_that_the_other_side_chose_is_no_news_to_it():
    answer = body({"id": "secret", "result": {}}, known=frozenset({"secret"}))
    assert values(answer) == {}


def test_the_uri_of_a_resource_is_part_of_its_address():
    assert values(body({"id": 1, "method": "resources/read", "params": {"uri": "a://b"}}))["url/uri"] == ["a://b"]


def test_members_that_nobody_knows_are_read_as_well():
    assert values(body({"id": 1, "method": "ping", "extra": {"a": "b"}, "more": "c"})) == {
        "rpc/id": ["1"],
        "/extra/a": ["b"],
        "/more": ["c"],
    }


def test_only_what_is_named_is_renamed():
    rpc = read_rpc(b'{"jsonrpc":"2.0", "id":"a", "method":"ping", "params":{"_meta":{"progressToken":"a"},"x":"a"}}')
    new = renamed(rpc, {"rpc/id": 5, "/_meta/progressToken": 5})
    assert new == b'{"jsonrpc":"2.0", "id":5, "method":"ping", "params":{"_meta":{"progressToken":5},"x":"a"}}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_without_edits_a_message_is_its_bytes_and_every_edit_of_nothing_changes_nothing(params: dict[str, object]):
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": params}).encode()
    message = McpBody(read_rpc(raw), limit=1_000_000)
    assert message.write([]) == raw
    numbers = [number for number, part in enumerate(parts_of(message)) if part.kind is Kind.TEXT]
    written = json.loads(message.write([Edit(number, 0, 0, "") for number in numbers]))
    written["result"].pop("cacheScope", None)
    params.pop("cacheScope", None)
    assert written["result"] == params


@pytest.mark.parametrize("odd", ["9" * 5000, "1e999", '{"a":1}', "[" * 40 + "]" * 40])
def test_json_in_a_text_is_read_whatever_stands_beside_what_it_says(odd: str):
    text = rf'{{"mail":"bob\u0040x.org","odd":{odd}}}'
    assert values(body({"id": 1, "result": {"content": [{"type": "text", "text": text}]}}))["/mail"] == ["bob@x.org"]


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', "[1", "{}x", "[01]", "[NaN]", "[" * 5000 + "]" * 5000, '["\\ud800"]']
)
def test_what_readers_of_json_differ_on_is_looked_at_as_a_text(text: str):
    assert values(body({"id": 1, "result": {"content": [{"type": "text", "text": text}]}}))["/content/0/text"] == [text]
