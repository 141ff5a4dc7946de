"""`_meta` is a block of its own, and nothing is lost by it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.wire.jsonrpc import read_rpc
from dlp.wire.mcp import McpBody

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "mcp", "version": "1"},
    "progressToken": 7,
}


def body(params: dict[str, Any], **more: Any) -> McpBody:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params, **more}
    return McpBody(read_rpc(orjson.dumps(message)), limit=1_000_000)


def test_what_every_request_says_alike_has_a_key_and_no_version_that_looks_like_a_date():
    first, second = body({"name": "a", "arguments": {"x": "1"}, "_meta": META}).blocks
    assert second.key == body({"name": "b", "_meta": META}).blocks[1].key
    assert first.key is None
    assert b"2026" not in (second.surface or b"")
    assert {part.path for part in second.parts} == {
        "/_meta/io.modelcontextprotocol~1protocolVersion",
        "/_meta/io.modelcontextprotocol~1clientInfo",
        "/_meta/io.modelcontextprotocol~1clientInfo/name",
        "/_meta/io.modelcontextprotocol~1clientInfo/version",
        "/_meta/progressToken",
    }


@pytest.mark.parametrize(
    ("params", "more"),
    [
        ({"name": "a"}, {}),
        ({"name": "a", "arguments": {"_meta": META}}, {}),
        ({"name": "a", "_meta": META, "arguments": {"_meta": META}}, {}),
        ({"name": "a", "_meta": META, "arguments": {"x": "a\nb"}}, {}),
        ({"name": "a", "_meta": {"x": "y" * 2000}}, {}),
        ({"name": "a"}, {"_meta": META}),
        ({"name": "a", "_meta": {"x": "é"}}, {}),
    ],
)
def test_where_it_is_not_sure_or_not_worth_it_there_is_one_block(params: dict[str, Any], more: dict[str, Any]):
    assert len(body(params, **more).blocks) == 1


def test_a_progress_token_inside_of_another_member_is_looked_at():
    meta = {"org.example/x": {"progressToken": 4111111111111111}, "progressToken": 1}
    assert all(b"4111111111111111" in (block.surface or b"") for block in body({"name": "a", "_meta": meta}).blocks[1:])


def test_an_unknown_version_is_looked_at_like_any_text():
    _, second = body({"name": "a", "_meta": META | {"io.modelcontextprotocol/protocolVersion": "1985-03-12"}}).blocks
    assert b"1985-03-12" in (second.surface or b"")


_TEXT = st.text(st.characters(codec="ascii", exclude_characters='\\"', categories=("L", "N", "P", "Z")), max_size=9)
_JSON = st.recursive(
    _TEXT | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_TEXT, _JSON, max_size=3), st.dictionaries(_TEXT, _JSON, max_size=3))
def test_each_block_shows_its_parts_and_an_edit_of_any_part_is_made_where_it_stands(
    arguments: dict[str, Any], meta: dict[str, Any]
):
    message = body({"name": "a", "arguments": arguments, "_meta": META | meta})
    parts = [part for block in message.blocks for part in block.parts]
    for block in message.blocks:  # none where a field is called as what holds a blob: it might be decoded
        assert block.surface is None or all(part.text.encode() in block.surface for part in block.parts)
    whole = {part.path for part in parts}
    assert {"/name", "/_meta/progressToken"} <= whole
    for number, part in enumerate(parts):
        if part.path.startswith("/_meta/io.modelcontextprotocol~1clientInfo/name") and part.text == "mcp":
            written = orjson.loads(message.write([Edit(number, 0, 3, "[X_1]")]))
            assert written["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] == "[X_1]"
            assert written["params"]["arguments"] == arguments


def bound(message: McpBody) -> list[bytes]:
    return [block.bound() for block in message.blocks if block.bound is not None]


def numbered(number: object, text: str = "hello", **meta: Any) -> McpBody:
    params = {"name": "post", "arguments": {"text": text}, "_meta": META | meta}
    raw = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    return McpBody(read_rpc(raw), limit=1_000_000)


def test_a_grant_is_for_what_is_said_and_not_for_its_number():
    first = bound(numbered(1))
    assert bound(numbered(2, progressToken=2)) == first
    for other in (numbered(1, "bye"), numbered("a long id"), numbered(10**6), numbered(1, progressToken="x" * 20)):
        assert bound(other) != first


def listing(number: int, says: str, *, again: bool = True) -> McpBody:
    result = {"tools": [{"name": "a", "description": says}], "_meta": {"x": "y"}}
    raw = orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result})
    return McpBody(read_rpc(raw), limit=1_000_000, known=frozenset([str(number)]), again=again)


def test_a_list_that_comes_again_has_the_same_key_and_the_same_parts_whatever_its_number():
    first, other = listing(1, "Adds."), listing(22, "Adds.")
    assert first.blocks[0].key is not None
    assert first.blocks[0].key == other.blocks[0].key
    assert first.blocks[0].parts == other.blocks[0].parts
    assert listing(1, "Subtracts.").blocks[0].key != first.blocks[0].key
    assert listing(1, "Adds.", again=False).blocks[0].key is None


@pytest.mark.parametrize(
    ("raw", "keyed"),
    [
        (b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"id":1}}]}}', True),
        (b'{"result":{"tools":[{"name":"a"}]},"jsonrpc":"2.0","id":1}', True),
        (b'{"jsonrpc":"2.0", "id": 1,"result":{"tools":[{"name":"a","inputSchema":{"id":12}}]}}', False),
        (b'{"jsonrpc":"2.0","result":{"tools":[{"name":"a"}]},"id":1}', False),
    ],
)
def test_only_an_id_that_stands_where_the_sdks_write_it_is_left_out(raw: bytes, keyed: bool):  # noqa: FBT001
    block = McpBody(read_rpc(raw), limit=1_000_000, known=frozenset(["1"]), again=True).blocks[0]
    assert (block.key is not None) is keyed
    assert all(part.text.encode() in (block.surface or b"") for part in block.parts)


def test_a_text_that_stands_in_both_copies_is_shown_once_and_is_a_part_twice():
    returned = {"content": [{"type": "text", "text": "Hello"}], "structuredContent": {"result": "Hello"}}
    raw = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": returned})
    (block,) = McpBody(read_rpc(raw), limit=1_000_000, known=frozenset(["1"])).blocks
    assert block.surface is not None
    assert block.surface.count(b"Hello") == 1
    assert [part.text for part in block.parts].count("Hello") == 2
    assert all(part.text.encode() in block.surface for part in block.parts)


@pytest.mark.parametrize(
    "result",
    [
        {"content": [{"text": "Hello", "type": "text"}]},
        {"content": [{"type": "text", "text": "Hello"}], "isError": False},
        {"content": [{"text": "a"}, {"text": "b"}], "structuredContent": {"result": {"content": [{"text": "c"}]}}},
        {"result": {"content": [{"type": "text", "text": "Hello"}]}},
    ],
)
@pytest.mark.parametrize("first", ["jsonrpc", "result"])
def test_the_keys_that_an_answer_begins_with_are_shown_apart_from_its_text(result: dict[str, Any], first: str):
    envelope = {"jsonrpc": "2.0", "id": 1}
    raw = orjson.dumps({**envelope, "result": result} if first == "jsonrpc" else {"result": result, **envelope})
    (block,) = McpBody(read_rpc(raw), limit=1_000_000, known=frozenset(["1"])).blocks
    assert block.surface is not None
    assert all(part.text.encode() in block.surface for part in block.parts)


def test_a_progress_token_that_is_the_requests_id_does_not_make_the_rest_another():
    def keys(number: int, token: int) -> list[object]:
        meta = {"progressToken": token, "about": "me"}
        said = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "x", "_meta": meta}}
        return [block.key for block in McpBody(read_rpc(orjson.dumps(said)), limit=1_000_000).blocks]

    assert keys(1, 1) == keys(2, 2)
    assert keys(1, 1) != keys(1, 84512)
