import gzip
import os
import zlib

import pytest
import zstandard

from dlp.core.errors import ParseError
from dlp.wire.coding import codings, decode, encode
from dlp.wire.limits import TooLarge

ALL = ("gzip", "deflate", "raw-deflate", "br", "zstd")


@pytest.mark.parametrize("coding", ALL)
@pytest.mark.parametrize("data", [b"x", b"abc" * 100_000, os.urandom(200_000), os.urandom(1_000_000).hex().encode()])
def test_a_coding_is_taken_off_and_put_on_again(coding: str, data: bytes):
    header = coding.removeprefix("raw-")
    decoded = decode(encode(data, (coding,)), header, limit=10**7)
    assert decoded.data == data
    assert decoded.codings == (coding,)


@pytest.mark.parametrize("coding", ALL)
def test_the_same_bytes_are_coded_the_same_way_every_time(coding: str):
    assert encode(b"abc" * 1000, (coding,)) == encode(b"abc" * 1000, (coding,))


@pytest.mark.parametrize("coding", ALL)
@pytest.mark.parametrize("size", [1, 300_000])
def test_a_stream_that_is_cut_or_followed_by_something_is_refused(coding: str, size: int):
    whole = encode(os.urandom(size), (coding,))
    header = coding.removeprefix("raw-")
    for broken in (whole[:-1], whole[: len(whole) // 2], whole + b"\0", whole + b"rest", whole + b"x" * 70_000):
        with pytest.raises(ParseError):
            decode(broken, header, limit=10**7)


def test_stacked_codings_come_off_in_reverse_order():
    raw = encode(b"hello", ("gzip", "br", "zstd"))
    decoded = decode(raw, "x-gzip, br , identity,ZSTD", limit=100)
    assert decoded.data == b"hello"
    assert decoded.codings == ("gzip", "br", "zstd")


def test_every_member_of_a_gzip_is_read():
    assert decode(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", limit=100).data == b"ab"


def test_every_frame_of_a_zstd_is_read():
    assert decode(zstandard.compress(b"a") + zstandard.compress(b"b"), "zstd", limit=100).data == b"ab"


def test_a_gzip_with_a_file_name_is_refused_since_nobody_would_read_the_name():
    named = bytearray(gzip.compress(b"x"))
    named[3] |= 8
    with pytest.raises(ParseError, match="extra field"):
        decode(bytes(named[:10] + b"123-45-6789\0" + named[10:]), "gzip", limit=100)


def test_a_zstd_skippable_frame_is_refused_since_nobody_would_read_it():
    with pytest.raises(ParseError, match="zstd frame"):
        decode(b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstandard.compress(b"x"), "zstd", limit=100)


def test_more_members_than_anyone_needs_are_refused():
    with pytest.raises(ParseError, match="members"):
        decode(gzip.compress(b"") * 1001, "gzip", limit=10**6)


@pytest.mark.parametrize("header", ["compress", "gzip, exi", "raw-deflate", "gzip,gzip,gzip,gzip,gzip"])
def test_an_unknown_coding_or_too_many_are_refused(header: str):
    with pytest.raises(ParseError, match="content-encoding"):
        codings(header)


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd"])
def test_what_is_no_such_stream_is_refused(header: str):
    with pytest.raises(ParseError):
        decode(b"hello, world", header, limit=100)


def test_the_limit_holds_for_raw_bytes_and_for_every_stage():
    with pytest.raises(TooLarge):
        decode(b"x" * 11, "", limit=10)
    with pytest.raises(TooLarge):
        decode(zlib.compress(b"x" * 1000), "deflate", limit=999)
    assert len(decode(zlib.compress(b"x" * 1000), "deflate", limit=1000).data) == 1000


def test_an_empty_body_is_empty_whatever_its_coding_is_said_to_be():
    assert decode(b"", "gzip", limit=10).data == b""
