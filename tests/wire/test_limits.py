from dlp.core.errors import ParseError
from dlp.wire.limits import MAX_DEPTH, MAX_PARTS, Invalid, TooLarge


def test_every_limit_that_is_hit_is_the_peers_error():
    assert issubclass(TooLarge, ParseError)
    assert issubclass(Invalid, ParseError)


def test_a_large_listing_fits_and_a_hostile_one_does_not():
    assert 200_000 <= MAX_PARTS <= 1_000_000
    assert MAX_DEPTH == 200
