import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.wire.mcp_headers import McpHeaders, decoded, encoded


def call(**arguments: object) -> bytes:
    params = {"name": "post", "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def test_fields_that_mirror_the_message_are_no_parts_and_are_made_anew():
    fields = [
        (b"Mcp-Method", b"tools/call"),
        (b"Mcp-Name", b"post"),
        (b"Mcp-Param-To", b"[EMAIL_1]"),
        (b"X-Other", b"secret"),
    ]
    headers = McpHeaders(fields, call(to="[EMAIL_1]", n=5))
    assert {part.path for block in headers.blocks for part in block.parts} == {"header-name/mcp-param"}
    assert headers.write((), call(to="jo\u00e9@x.test", n=5)) == [
        (b"mcp-method", b"tools/call"),
        (b"mcp-name", b"post"),
        (b"mcp-param-to", encoded("jo\u00e9@x.test")),
    ]


def test_a_field_that_says_something_of_its_own_is_a_part_and_stays():
    headers = McpHeaders([(b"mcp-name", b"other"), (b"mcp-param-x", b"4111")], call(n=5))
    texts = [part.text for block in headers.blocks for part in block.parts]
    assert texts == ["other", "4111", "x"]
    assert headers.write((), call(n=5)) == [(b"mcp-name", b"other"), (b"mcp-param-x", b"4111")]
    with pytest.raises(ParseError):
        headers.write([Edit(0, 0, 5, "[X_1]")], call(n=5))


def test_fields_are_made_from_the_message_that_goes_out_whether_it_is_the_one_that_came_or_not():
    raw = call(to="me", n=5)
    headers = McpHeaders([(b"mcp-name", b"post"), (b"mcp-param-to", b"me")], raw)
    for message, to in ((raw, b"me"), (bytearray(raw), b"me"), (call(to="you", n=5), b"you"), (raw, b"me")):
        assert headers.write((), bytes(message)) == [(b"mcp-name", b"post"), (b"mcp-param-to", to)]
    assert McpHeaders([(b"mcp-name", b"post")], b"no message").rpc is None


def test_no_fields_are_nothing():
    headers = McpHeaders([(b"accept", b"x")], call())
    assert (headers.blocks, headers.rpc, headers.write((), call())) == ((), None, ())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_survives_its_header(text: str):
    assert decoded(encoded(text)) == text


def test_a_broken_value_says_nothing():
    assert decoded(b"=?base64?%%%?=") is None
