from dlp.core.errors import ParseError
from dlp.wire.limits import MAX_DEPTH, MAX_PARTS, Invalid, TooLarge


def test_every_limit_that_is_hit_is_the_peers_error():
    assert issubclass(TooLarge, ParseError)
    assert issubclass(Invalid, ParseError)


def test_a_million_members_with_their_keys_fit():
    assert MAX_PARTS >= 2_000_000
    assert MAX_DEPTH == 200
