"""What generated programs do, as HTTP messages: each way puts the text where it says."""

from dlp.testing.http_exchange import WAYS, HttpExchange
from dlp.testing.programs import WAYS as NAMED
from dlp.testing.upstreams import POLICY
from dlp.testing.wall import Wall


def test_every_way_delivers_the_text_somewhere():
    wall = Wall(POLICY)
    session, exchange = wall.open(), HttpExchange()
    assert {*WAYS} == {*NAMED}
    for way in WAYS:
        told = exchange.tell(wall, session, "forbidding", "the-text", way)
        assert told.received is not None
        assert b"the-text" in told.received or way == "gzip"
        assert told.staff is (way in ("staff", "ask audience"))


def test_the_board_is_told_apart_by_every_reading():
    wall = Wall(POLICY)
    told = HttpExchange().tell(wall, wall.open(), "board", "x", "staff twice")
    assert told.staff is False
