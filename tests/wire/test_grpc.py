import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.wire.grpc import Reader
from dlp.wire.limits import TooLarge


def framed(payload: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(payload).to_bytes(4) + payload


def field(text: bytes) -> bytes:
    return bytes([0x0A, len(text)]) + text


def reader(encoding: str = "", kind: str = "application/grpc", limit: int = 1000) -> Reader:
    return Reader(content_type=kind, encoding=encoding, limit=limit)


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(1, 20))
def test_any_chunking_gives_the_same_messages_and_loses_no_byte(texts: list[str], step: int):
    raw = b"".join(framed(field(text.encode())) for text in texts)
    one = reader(limit=10_000)
    got = [frame for at in range(0, len(raw), step) for frame in one.feed(raw[at : at + step])]
    assert one.finish() == []
    assert b"".join(frame.write(()) for frame in got) == raw
    assert len(got) == len(texts)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_message_is_read_and_compressed_again(encoding: str, pack: object):
    raw = framed(pack(field(b"my name is bob")), 1)  # type: ignore[operator]
    (frame,) = reader(encoding).feed(raw)
    (part,) = [part for part in frame.blocks[0].parts if part.text]
    assert part.text == "my name is bob"
    written = frame.write([Edit(0, 11, 14, "[N_1]")])
    (again,) = reader(encoding).feed(written)
    assert again.compressed
    assert again.blocks[0].parts[0].text == "my name is [N_1]"


def test_an_empty_message_says_nothing():
    (frame,) = reader().feed(framed(b""))
    assert frame.blocks == ()
    assert frame.write(()) == framed(b"")


def test_json_in_grpc_is_read_as_json():
    (frame,) = reader(kind="application/grpc+json").feed(framed(b'{"a": "b"}'))
    assert [part.path for part in frame.blocks[0].parts] == ["/a", "/a"]


@pytest.mark.parametrize("raw", [framed(b"x", 2), framed(b"x", 1)])
def test_a_flag_that_means_nothing_is_refused(raw: bytes):
    with pytest.raises(ParseError):
        reader().feed(raw)


def test_a_message_over_the_limit_is_refused_by_its_length_and_a_bomb_when_unpacked():
    with pytest.raises(TooLarge):
        reader().feed(b"\0\0\1\0\0")
    with pytest.raises(TooLarge):
        reader("gzip").feed(framed(gzip.compress(bytes(100_000)), 1))


def test_an_encoding_that_is_not_read_is_refused():
    with pytest.raises(ParseError):
        reader("snappy")


def test_a_stream_that_ends_within_a_message_is_refused():
    one = reader()
    one.feed(framed(b"abc")[:-1])
    with pytest.raises(ParseError):
        one.finish()
