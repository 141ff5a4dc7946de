import pytest

from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire import limits
from dlp.wire.body import read_body
from dlp.wire.limits import MAX_DEPTH, MAX_PARTS, Invalid, TooLarge


def test_every_limit_that_is_hit_is_the_peers_error():
    assert issubclass(TooLarge, ParseError)
    assert issubclass(Invalid, ParseError)


def test_a_large_listing_fits_and_a_hostile_one_does_not():
    assert 200_000 < MAX_PARTS <= 1_000_000
    assert MAX_DEPTH == 200


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"{" + b",".join(b'"%d":""' % n for n in range(400_000)) + b"}", "application/json"),
        (b"[" + b'"",' * 700_000 + b'""]', "application/json"),
        (b'{"a":1}\n' * 700_000, "application/x-ndjson"),
        (b"a,b\n" + b"1,2\n" * 400_000, "text/csv"),
        (b"a=1&" * 400_000, "application/x-www-form-urlencoded"),
        (b"<a>" + b"<b/>" * 700_000 + b"</a>", "application/xml"),
        (b"<b>" * 700_000, "text/html"),
        (b"a:\n" * 400_000, "application/yaml"),
        (b"\x08\x01" * 300_000, "application/x-protobuf"),
    ],
)
def test_a_body_of_more_parts_than_are_read_is_one_opaque_part(raw: bytes, content_type: str):
    (part,) = read_body(raw, content_type, "", limit=20_000_000).block.parts
    assert part.kind is Kind.OPAQUE
    assert "more than" in part.why


def test_signs_that_stand_in_texts_have_room():
    limits.check_count("," * limits.MAX_PARTS, ",", "json")
    with pytest.raises(ParseError, match="json"):
        limits.check_count(",:" * limits.MAX_PARTS, ",:", "json")
