import gzip
import json

import pytest

from dlp.adapters import http_head
from dlp.adapters.http_head import Head
from dlp.adapters.http_stream import (
    Way,
    accept_of,
    ending,
    grpc_status,
    response_half,
    websocket_close,
    windows_half,
)
from dlp.core.errors import ParseError
from dlp.core.message import Direction
from dlp.core.outcome import Refuse
from dlp.wire.limits import TooLarge

REFUSE = Refuse("flow", "The policy forbids this flow", "Pay — may not.", "ev1", "t", next="Ask.")


def head(kind: str, **more: str) -> Head:
    fields = [(b"content-type", kind.encode())]
    fields += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return http_head.read_response(tuple(fields), b"HTTP/1.1")


@pytest.mark.parametrize(
    ("given", "large", "way"),
    [
        (head("text/event-stream; charset=utf-8"), False, Way.SSE),
        (head("application/x-ndjson"), False, Way.LINES),
        (head("application/x-ndjson", content_length="5"), False, None),
        (head("application/json"), False, None),
        (head("application/json"), True, Way.WINDOWS),
    ],
)
def test_a_response_is_a_stream_by_its_head_or_its_size(given: Head, large: bool, way: Way | None):  # noqa: FBT001
    half = response_half(given, limit=1000, hold=True, large=large)
    assert (half and half.way) == way


def test_a_coded_stream_is_decoded_as_it_comes_within_bounds():
    half = response_half(head("text/event-stream", content_encoding="gzip"), limit=1000, hold=True, large=False)
    assert half is not None
    assert half.decode is not None
    packed = gzip.compress(b"data: x\n\n")
    assert b"".join(half.decode(packed[at : at + 3]) for at in range(0, len(packed), 3)) == b"data: x\n\n"
    other = response_half(head("text/event-stream", content_encoding="gzip"), limit=1000, hold=True, large=False)
    assert other is not None
    assert other.decode is not None
    with pytest.raises(TooLarge):
        other.decode(gzip.compress(bytes(100_000)))
    with pytest.raises(ParseError):
        response_half(head("text/event-stream", content_encoding="br"), limit=1000, hold=True, large=False)


def test_what_is_compressed_is_no_text_in_windows():
    half = windows_half(head("text/plain", content_encoding="gzip"), Direction.INBOUND)
    half.put(b"text", 0.0)
    half.finish(0.0)
    batch = half.stream.take(0.0)
    assert batch is not None
    assert batch.blocks[0].parts[0].kind == "opaque"


def test_each_kind_of_stream_is_told_of_a_refusal_in_its_own_way():
    event = ending(Way.SSE, REFUSE)
    assert event is not None
    assert event.startswith(b"event: error\ndata: {")
    line = ending(Way.LINES, REFUSE)
    assert line is not None
    assert json.loads(line)["error"]["decision"] == "ev1"
    assert ending(Way.WINDOWS, REFUSE) is None
    assert dict(grpc_status(REFUSE))[b"grpc-status"] == b"7"
    assert dict(grpc_status(REFUSE))[b"grpc-message"].isascii()
    assert websocket_close(REFUSE) == (1008, "The policy forbids this flow. Decision ev1")


def test_a_websockets_key_is_answered_as_its_standard_says():
    assert accept_of(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
