import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.wire.jsonrpc import (
    RpcError,
    Sort,
    error_bytes,
    id_of_oversized,
    is_batch,
    read_rpc,
    result_bytes,
    split_batch,
)

CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":1}}}'


def test_a_request_tells_its_method_its_id_and_what_it_carries():
    rpc = read_rpc(CALL)
    assert (rpc.sort, rpc.id, rpc.method, rpc.body["name"]) == (Sort.REQUEST, 7, "tools/call", "echo")
    assert rpc.meta == {"progressToken": 1}
    assert "echo" not in repr(rpc)


@pytest.mark.parametrize(
    ("raw", "sort"),
    [
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', Sort.NOTIFICATION),
        (b'{"jsonrpc":"2.0","id":"a","result":{}}', Sort.RESULT),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}', Sort.ERROR),
    ],
)
def test_the_other_three_kinds_are_told_apart(raw: bytes, sort: Sort):
    assert read_rpc(raw).sort is sort


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        (b"", None),
        (b"nothing", None),
        (b"\xff{}", None),
        (b"[]", None),
        (b'"text"', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":NaN}', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\\ud800"}}', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"a":2}}', 1),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","Method":"y"}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}', 1),
        (b'{"jsonrpc":"1.0","id":1,"method":"x"}', 1),
        (b'{"id":1,"method":"x"}', 1),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"x"}', None),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', None),
        (b'{"jsonrpc":"2.0","id":null,"method":"x"}', None),
        (b'{"jsonrpc":"2.0","id":1}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}', 1),
        (b'{"jsonrpc":"2.0","id":1,"result":5}', 1),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}', 1),
        (b'{"jsonrpc":"2.0","result":{}}', None),
        (b"[" * 100_000, None),
    ],
)
def test_what_two_readers_may_take_for_different_messages_is_none(raw: bytes, known: object):
    with pytest.raises(RpcError) as told:
        read_rpc(raw)
    assert told.value.id == known


_TOLD = st.sampled_from(["a", "b", "", ":", "a:b", "{", "é", "\\\\", '\\\\"'])
_WRITTEN = st.recursive(
    _TOLD.map('"{}"'.format) | st.sampled_from(["1", "-0", "0.5", "true", "null", "9" * 30, "1e999", "NaN", "01"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: f"[{','.join(some)}]")
        | st.lists(st.tuples(_TOLD, inner), max_size=3).map(
            lambda some: "{" + ", ".join(f'"{key}": {value}' for key, value in some) + "}"
        )
    ),
    max_leaves=12,
)


@given(_WRITTEN)
def test_a_short_message_is_read_more_quickly_and_as_a_long_one_is(written: str):
    def told(padding: str) -> object:
        try:
            rpc = read_rpc(f'{{"jsonrpc":"2.0","id":1,"result":{{"a":{written}}}}}{padding}'.encode())
        except RpcError as error:
            return error.code, error.id
        return repr(rpc.body), rpc.id

    assert told("") == told(" " * 20_000)


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), min_size=1, max_size=5))
def test_a_batch_is_taken_apart_into_what_was_put_together(messages: list[dict[str, object]]):
    raw = b" [" + b" ,\n".join(json.dumps(one).encode() for one in messages) + b"]"
    assert is_batch(raw)
    assert [json.loads(one) for one in split_batch(raw)] == messages


@pytest.mark.parametrize("raw", [b"[]", b"{}", b"[1", b"[" + b",".join([b"1"] * 2000) + b"]"])
def test_no_batch_is_an_error(raw: bytes):
    with pytest.raises(RpcError):
        split_batch(raw)


@pytest.mark.parametrize(
    ("start", "end", "known"),
    [
        (b'{"jsonrpc":"2.0","id":3,"result":{"a":"', b'"}}', 3),
        (b'{"id":"x","jsonrpc":"2.0","result":{"a":"', b'"}}', "x"),
        (b'{"jsonrpc":"2.0","method":"tools/call","params":{"a":"', b'"},"id":9}\n', 9),
        (b'{"jsonrpc":"2.0","result":{"id":5,"a":"', b'"}}', None),
        (b'{"result":{"a":"', b',\\"id\\":5}"}}', None),
    ],
)
def test_of_a_message_too_large_to_keep_an_id_at_either_end_is_known(start: bytes, end: bytes, known: object):
    assert id_of_oversized(start, end) == known


def test_what_is_written_reads_as_what_was_meant():
    assert read_rpc(result_bytes("a", {"x": 1})).body == {"x": 1}
    assert read_rpc(error_bytes(None, -32600, "no", {"why": 1})).body["data"] == {"why": 1}
