"""The simulated upstreams: two secrets differ in what a law is about and in nothing else."""

import orjson

from dlp.testing import upstreams
from dlp.testing.programs import MANNERS, QUERIES, RESTRICTED, TELLING_MANNERS, TELLING_QUERIES, TOKENISED


def test_two_secrets_differ_in_what_the_law_is_about_and_in_nothing_else():
    one, two = upstreams.secrets(3, RESTRICTED)
    assert (one.contacts, one.mails) == (two.contacts, two.mails)
    assert all(one.pay[name] != two.pay[name] for name in one.pay)
    one, two = upstreams.secrets(3, TOKENISED)
    assert one.pay == two.pay
    assert not set(one.contacts) & set(two.contacts)


def test_every_query_has_an_answer_and_those_that_tell_differ_for_some_secret():
    differs = set()
    for seed in range(20):
        one, two = upstreams.secrets(seed, RESTRICTED)
        for query in (*QUERIES, *TELLING_QUERIES):
            if upstreams.source("hidden", query, one) != upstreams.source("hidden", query, two):
                differs.add(query)
    assert differs == {*QUERIES, *TELLING_QUERIES}


def test_what_is_echoed_holds_what_was_told():
    body = orjson.dumps({"x": "a b"})
    said = {manner: upstreams.echo(manner, body) for manner in (*MANNERS, *TELLING_MANNERS)}
    assert b"a b" in said["wrapped"].body
    assert said["header"].headers == ((b"x-said", b"a b"),)
    assert said["length"].body == b'{"length":3}'
