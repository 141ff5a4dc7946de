"""Patterns of addresses and fields."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.message import Endpoint
from dlp.core.policy import decoded_path, host_matches
from dlp.policy.paths import hosts_meet, names_in, normalised, parse_field, parse_url


def get(upstream: str, path: str = "/", operation: str = "GET") -> Endpoint:
    return Endpoint("http", upstream, operation, path)


@pytest.mark.parametrize(
    ("pattern", "upstream", "path", "operation", "covered"),
    [
        ("https://x.test/**", "https://x.test:443", "/", "GET", True),
        ("https://x.test/**", "https://x.test:443", "/a/b", "POST", True),
        ("https://x.test/**", "https://x.test:8443", "/", "GET", False),
        ("https://x.test:8443/**", "https://x.test:8443", "/", "GET", True),
        ("http://x.test/**", "http://x.test:80", "/", "GET", True),
        ("https://x.test/**", "http://x.test:443", "/", "GET", False),
        ("https://X.Test/**", "https://x.test:443", "/", "GET", True),
        ("https://x.test", "https://x.test:443", "/any/thing", "GET", True),
        ("https://x.test/", "https://x.test:443", "/", "GET", True),
        ("https://x.test/", "https://x.test:443", "/a", "GET", False),
        ("POST https://x.test/**", "https://x.test:443", "/", "POST", True),
        ("POST https://x.test/**", "https://x.test:443", "/", "GET", False),
        ("https://x.test/api/**", "https://x.test:443", "/api", "GET", True),
        ("https://x.test/api/**", "https://x.test:443", "/api/", "GET", True),
        ("https://x.test/api/**", "https://x.test:443", "/apis", "GET", False),
        ("https://x.test/api", "https://x.test:443", "/apis/", "GET", False),
        ("https://x.test/u/*/mail", "https://x.test:443", "/u/7/mail", "GET", True),
        ("https://x.test/u/*/mail", "https://x.test:443", "/u/7/8/mail", "GET", False),
        ("https://x.test/u/*", "https://x.test:443", "/u/", "GET", False),
        ("https://x.test/u/r-*.csv", "https://x.test:443", "/u/r-7.csv", "GET", True),
        ("https://x.test/a%20b", "https://x.test:443", "/a b", "GET", True),
        ("https://x.test/a.b", "https://x.test:443", "/axb", "GET", False),
        ("https://*.x.test/**", "https://a.x.test:443", "/", "GET", True),
        ("https://*.x.test/**", "https://a.b.x.test:443", "/", "GET", False),
        ("https://**.x.test/**", "https://a.b.x.test:443", "/", "GET", True),
        ("https://bücher.test/**", "https://xn--bcher-kva.test:443", "/", "GET", True),
        ("https://[::1]:8443/**", "https://[::1]:8443", "/", "GET", True),
        ("https://x.test/**", "https://x.test.:443", "/\n", "GET", True),
        ("mcp://slack", "mcp://slack:0", "/tools/post_message", "tools/call", True),
        ("mcp://slack/tools/*", "mcp://slack:0", "/tools/post_message", "tools/call", True),
        ("mcp://slack/tools/*", "mcp://slack:0", "/", "tools/list", False),
        ("tools/call mcp://slack/**", "mcp://slack:0", "/tools/x", "tools/call", True),
        ("tools/call mcp://slack/**", "mcp://slack:0", "/", "tools/list", False),
        ("mcp://slack/**", "mcp://hr:0", "/", "ping", False),
        ("mcp://*/**", "mcp://hr:0", "/", "ping", True),
    ],
)
def test_an_address_is_covered_or_not(pattern: str, upstream: str, path: str, operation: str, covered: bool):  # noqa: FBT001
    url = parse_url(pattern)
    assert url.covers(get(upstream, path, operation)) is covered
    assert url.may_cover(get(upstream, path, operation)) is covered


@pytest.mark.parametrize(
    "path",
    [
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/..;x=1/admin",
        "/public/..%2fadmin",
        "/public/%252e%252e/admin",
        "/public/../../admin/",
    ],
)
def test_a_path_that_servers_may_read_otherwise_does_not_slip_into_a_broader_allow(path: str):
    public, admin, anything = (parse_url(f"https://x.test/{p}") for p in ("public/**", "admin/**", "**"))
    endpoint = get("https://x.test:443", path)
    assert not public.covers(endpoint)
    assert public.may_cover(endpoint)
    assert not admin.covers(endpoint)
    assert admin.may_cover(endpoint)
    assert anything.covers(endpoint)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/pay", "/pay/"),
        ("/pay", "/Pay"),
        ("/pay", "/PAY//"),
        ("/pay/", "/pay"),
        ("/Pay/**", "/pay/7"),
        ("/pay/**", "/%50ay;x/7"),
        ("/u/*/mail", "/U/7/Mail/"),
        ("/u/*/mail", "/u/a%2Fb/mail"),
        ("/büro", "/BÜRO"),
        ("/pay", "/\N{FULLWIDTH LATIN SMALL LETTER P}ay"),
        ("/pay", "/pay.json"),
        ("/u/*/mail", "/U/7/Mail.XML/"),
        ("/pay.json", "/pay"),
        ("/pay.json", "/Pay.json"),
        ("/pay", "/pay."),
        ("/pay", "/pay%20"),
        ("/pay", "/pay%0a"),
        ("/pay", "/pay%00.html"),
        ("/pay", "/pay%3fx"),
    ],
)
def test_a_path_that_servers_take_for_another_may_be_that_one(pattern: str, path: str):
    url, endpoint = parse_url(f"https://x.test{pattern}"), get("https://x.test:443", decoded_path(path))
    assert not url.covers(endpoint)
    assert url.may_cover(endpoint)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("/pay", "/pays"), ("/u/*", "/u/"), ("/pay", "/"), ("/", "/pay/"), ("/pay", "/pay.slip"), ("/v1", "/v1.2")],
)
def test_another_path_is_not_covered_however_it_is_read(pattern: str, path: str):
    assert not parse_url(f"https://x.test{pattern}").may_cover(get("https://x.test:443", path))


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("/a//b", "/a/b"),
        ("/a/b/.", "/a/b/"),
        ("/a/b/..", "/a/"),
        ("/..", "/"),
        ("/a;v=1/b", "/a/b"),
        ("/group%2fproject", "/group/project"),
        ("/...", "/..."),
    ],
)
def test_a_path_is_normalised_the_careless_way(path: str, read: str):
    assert normalised(path) == read


@given(st.text(alphabet="ab/.;%2fe\\", max_size=12).map(lambda t: "/" + t))
def test_covering_implies_possibly_covering(path: str):
    url = parse_url("https://x.test/a/**")
    assert not url.covers(get("https://x.test:443", path)) or url.may_cover(get("https://x.test:443", path))


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("x.test/**", "expected [METHOD ]scheme://host[:port]/path"),
        ("https:///path", "expected [METHOD ]scheme://host[:port]/path"),
        ("https://x.test/a?b=c", "a query cannot be matched"),
        ("https://user@x.test/", "expected [METHOD ]"),
        ("post https://x.test/", "expected [METHOD ]"),
        ("ftp://x.test/", "unknown scheme ftp; known: http, https"),
        ("https://x.test:0/", "expected a port from 1 to 65535"),
        ("https://x.test:70000/", "expected a port from 1 to 65535"),
        ("https://a*.test/", "expected host labels"),
        ("https://a.**.test/", "expected host labels"),
        ("https://x..test/", "expected host labels"),
        ("https://x.test/**/a", "only as the last step"),
        ("https://x.test/a**", "only as the last step"),
        ("https://x.test/a/../b", "expected a path without"),
        ("https://x.test/a//b", "expected a path without"),
        ("https://x.test/a%2fb/../c", "expected a path without"),
        ("https://x.test/a%2fb", "expected a path without"),
        ("https://x.test/a%25b", "expected a path without"),
        ("https://x.test/%ff", "expected a path in UTF-8"),
    ],
)
def test_an_address_that_never_matches_is_an_error(pattern: str, told: str):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_url(pattern)


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        ("x.test", "x.test", True),
        ("x.test", "y.test", False),
        ("*.test", "x.test", True),
        ("*.test", "a.x.test", False),
        ("**.test", "a.x.test", True),
        ("**.test", "test", False),
        ("**.a.test", "**.b.test", False),
        ("**.test", "*.x.test", True),
        ("**", "x", True),
    ],
)
def test_two_host_patterns_meet_or_not(a: str, b: str, meet: bool):  # noqa: FBT001
    assert hosts_meet(a, b) is meet
    assert hosts_meet(b, a) is meet


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map(".".join))
def test_patterns_that_cover_one_host_meet(host: str):
    patterns = [p for p in ("a", "b", "*", "**", "*.a", "**.a", "a.*", "*.*", "**.b.a") if host_matches(p, host)]
    assert all(hosts_meet(p, q) for p in patterns for q in patterns)


@pytest.mark.parametrize(
    ("field", "path", "selected"),
    [
        ("$.a", "/a", True),
        ("$.a", "/b", False),
        ("$.a", "/a/0/b", True),
        ("$.a", "/ab", False),
        ("$.employees[*].salary", "/employees/0/salary", True),
        ("$.employees[*].salary", "/employees/x/salary", True),
        ("$.employees[*].salary", "/employees/0/x/salary", False),
        ("$.employees[0].salary", "/employees/0/salary", True),
        ("$.employees[0].salary", "/employees/1/salary", False),
        ("$[*].email", "/0/email", True),
        ("$.*.email", "/x/email", True),
        ("$..bonus", "/bonus", True),
        ("$..bonus", "/a/0/bonus", True),
        ("$..bonus", "/a/bonuses", False),
        ("$..bonus", "header/bonus", False),
        ("$.a..b", "/a/x/y/b", True),
        ("$.a..b", "/b", False),
        ("$..['x y']", "/a/x y", True),
        ("$['a/b']", "/a~1b", True),
        ("$['a~b']", "/a~0b", True),
        ('$["*"]', "/*", True),
        ('$["*"]', "/x", False),
        ("$", "", True),
        ("$", "/anything", True),
        ("$", "query/x", False),
        ("$.a.b", "/aXb", False),
    ],
)
def test_a_field_selects_paths(field: str, path: str, selected: bool):  # noqa: FBT001
    assert parse_field(field)(path) is selected


@pytest.mark.parametrize("field", ["a.b", "$a", "$.", "$[", "$[-1]", "$[1:2]", "$[?@.a]", "$[01]", "$.a b", "$...a"])
def test_a_field_outside_the_subset_is_an_error(field: str):
    with pytest.raises(ValueError, match="expected"):
        parse_field(field)


def test_the_keys_that_a_field_spells_out():
    assert list(names_in("$.issues[*].body")) == ["issues", "body"]
    assert list(names_in("$..bonus['a b'].*[0]..['c']")) == ["bonus", "a b", "c"]
    assert list(names_in("$")) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mcp://slack:80/x", "with the name of a server"),
        ("mcp://a.b/x", "with the name of a server"),
        ("POST mcp://slack/**", "such as tools/call"),
        ("tools/call https://x.test/**", "expected .METHOD"),
    ],
)
def test_an_mcp_address_is_a_server_of_the_settings_and_a_method_of_mcp(text: str, says: str):
    with pytest.raises(ValueError, match=says):
        parse_url(text)
