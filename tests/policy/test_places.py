"""Sources and destinations, compiled."""

import pytest

from dlp.core.message import Endpoint
from dlp.core.policy import Place
from dlp.policy.names import Names
from dlp.policy.places import Types, build, drafts
from dlp.strict_yaml import Map, YamlError, load


def places(text: str) -> tuple[Place, ...]:
    """Return the destinations that a mapping says."""
    root = load(text, "f")
    assert isinstance(root, Map)
    types = Types({})
    found = drafts(root.entries, "destination", types)
    return build(found, "destination", Names({}, types.known, {}))[0]


def at(upstream: str, path: str) -> Endpoint:
    return Endpoint("http", upstream, "GET", path)


def test_several_addresses_are_one_place():
    (place,) = places("d: {at: ['https://a.test/x/**', 'http://b.test:81/**']}")
    assert place.hosts == (("https", "a.test", 443), ("http", "b.test", 81))
    assert place.covers(at("https://a.test:443", "/x"))
    assert place.covers(at("http://b.test:81", "/"))
    assert not place.covers(at("https://a.test:443", "/y/../x"))
    assert place.may_cover is not None
    assert place.may_cover(at("https://a.test:443", "/y/../x"))
    assert not place.may_cover(at("https://a.test:443", "/y"))


def test_a_narrower_place_without_an_address_has_that_of_the_wider():
    (place,) = places("d.x: {when: opaque}\nd: {at: 'https://a.test/**'}")
    (inner,) = place.narrower
    assert (inner.name, inner.hosts) == ("d.x", place.hosts)
    assert inner.covers(at("https://a.test:443", "/"))


def test_a_fact_has_one_type_everywhere():
    with pytest.raises(YamlError, match="f:2:35: facts: a is a text elsewhere, got number"):
        places(
            "d: {at: 'https://a.test/**', facts: {a: /a}}\n"
            "e: {at: 'https://b.test', facts: {a: {at: /b, type: number}}}"
        )
