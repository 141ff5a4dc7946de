"""What generated programs do, over real sockets: the proxy listens, the upstream receives, refusals are told apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlp.testing.laws import Bench, tried
from dlp.testing.programs import RESTRICTED
from dlp.testing.upstreams import Said


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, "memory", "sockets")
    yield made
    made.close()


def test_messages_go_through_and_answers_come_back_with_tokens_in_them(bench: Bench):
    (wall,) = bench.walls
    session, exchange = wall.open(), bench.exchange
    assert exchange.ask(wall, session, "people", "all")
    heard = exchange.hear(wall, session, "people", "all", Said(b'{"contact":"q7x9kk2aa"}'))
    assert heard.body == b'{"contact":"[CONTACT_1]"}'
    told = exchange.tell(wall, session, "logs", "for [CONTACT_1]", "json")
    assert told.body == b'{"x":"for [CONTACT_1]"}'
    assert (
        exchange.echo(wall, session, "wrapped", "[CONTACT_1]").body == b'{"said":{"by":"you","what":["[CONTACT_1]"]}}'
    )
    assert exchange.tell(wall, session, "forbidding", "for [CONTACT_1]", "json").received is None


def test_the_law_holds_where_the_proxy_is_started_anew_and_its_policy_changes(bench: Bench):
    program = (("read", "clear", "all"), ("restart",), ("reload",), ("send", "partner", "digits", "json"))
    verdict = tried(bench, program, 3, RESTRICTED)
    assert (verdict.broke, verdict.read, verdict.delivered) == ("", True, False)
