"""What generated programs do, as messages of MCP, and by turns over both protocols."""

from dlp.testing.mcp_exchange import WAYS, McpExchange, MixedExchange
from dlp.testing.programs import WAYS as NAMED
from dlp.testing.upstreams import POLICY, Said
from dlp.testing.wall import Wall


def test_every_way_delivers_the_text_somewhere():
    wall = Wall(POLICY)
    session, exchange = wall.open(), McpExchange()
    assert {*WAYS} == {*NAMED}
    for way in WAYS:
        told = exchange.tell(wall, session, "forbidding", "the-text", way)
        assert told.received is not None
        assert b"the-text" in told.received or way == "gzip"


def test_what_a_tool_returns_is_heard_with_tokens_in_it():
    wall = Wall(POLICY)
    session, exchange = wall.open(), McpExchange()
    assert exchange.ask(wall, session, "people", "all")
    heard = exchange.hear(wall, session, "people", "all", Said(b'{"contact":"q7x9kk2"}'))
    assert heard.body == b'{"contact":"[CONTACT_1]"}'
    assert b"q7x9kk2" not in heard.seen


def test_a_field_of_a_text_that_has_no_known_structure_may_be_anywhere_in_it():
    wall = Wall(POLICY)
    session, exchange = wall.open(), McpExchange()
    assert exchange.ask(wall, session, "people", "all")
    heard = exchange.hear(wall, session, "people", "all", Said(b"name,contact\nAnn,q7x9kk2", 200, "text/plain"))
    assert b"q7x9kk2" not in heard.seen


def test_what_was_read_over_one_protocol_is_not_sent_over_the_other():
    wall = Wall(POLICY)
    session, exchange = wall.open(), MixedExchange()
    assert exchange.ask(wall, session, "clear", "all")
    assert exchange.hear(wall, session, "clear", "all", Said(b'{"salary":52000}')).passed
    told = [exchange.tell(wall, session, "forbidding", "nothing", "json").received for _ in range(2)]
    assert told == [None, None]
