import base64

import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.head import Head, read_request_head, read_response_head


def parts(head: Head) -> list[Part]:
    return [part for block in head.blocks for part in block.parts]


def told(head: Head, kind: Kind = Kind.TEXT) -> list[tuple[str, str]]:
    return [(part.path, part.text) for part in parts(head) if part.kind is kind]


def request(
    target: str = "/", *headers: tuple[bytes, bytes], method: str = "GET", authority: str = "api.x.test:443"
) -> Head:
    return read_request_head(method, authority, target, headers)


HOST = [("host/0", "api"), ("host/1", "x"), ("host/2", "test")]


def test_path_segments_and_queries_are_parts_decoded_once():
    head = request("/v1//a%2Fb+c/?q=1+2%2B&x=%2541&lone")
    assert told(head) == [*HOST, ("url/0", "v1"), ("url/1", "a/b+c"), ("query/q", "1 2+"), ("query/x", "%41")]
    assert told(head, Kind.KEY) == [("query-name/0", "q"), ("query-name/1", "x"), ("query-name/2", "lone")]
    assert [p.name for p in parts(head) if p.path == "query/q"] == ["q"]


def test_an_absolute_target_shows_who_is_named_in_it():
    head = request("http://bob:s%20x@other.test/p", authority="api.x.test")
    assert told(head) == [
        *HOST,
        ("host/0", "other"),
        ("host/1", "test"),
        ("url/user", "bob"),
        ("url/password", "s x"),
        ("url/0", "p"),
    ]
    assert head.write([Edit(6, 0, 3, "@")])[0] == "http://bob:%40@other.test/p"


def test_an_unusual_method_is_a_part():
    assert ("method", "SECRET-1") in told(request(method="SECRET-1"))
    assert ("method", "PATCH") not in told(request(method="PATCH"))


def test_every_header_is_a_part_but_those_that_only_frame():
    head = request(
        "/",
        (b"Host", b"API.x.test:443"),
        (b"Content-Length", b"12"),
        (b"Accept-Encoding", b"gzip, deflate;q=0.5, br"),
        (b"Connection", b"keep-alive"),
        (b"User-Agent", b"curl/8"),
        (b"X-Ssn", "Zoë".encode()),
    )
    assert told(head)[3:] == [("header/user-agent", "curl/8"), ("header/x-ssn", "Zoë")]
    assert told(head, Kind.KEY) == [("header/x-ssn", "X-Ssn")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Content-Length", b"12 34"),
        (b"Host", b"bob.test"),
        (b"Accept-Encoding", b"gzip, bob"),
        (b"Connection", b"x-ssn"),
        (b"Transfer-Encoding", b"chunked, bob"),
        (b"Date", b"Tue, 15 Nov 1994 08:12:31 GMT"),
    ],
)
def test_a_framing_header_that_says_more_is_a_part(name: bytes, value: bytes):
    assert (f"header/{name.decode().lower()}", value.decode()) in told(request("/", (name, value)))


def test_cookies_are_single_parts():
    head = request("/", (b"Cookie", b'sid=abc; theme="dark" ;lone;e='))
    assert told(head)[3:] == [("cookie/sid", "abc"), ("cookie/theme", '"dark"'), ("cookie/e", "")]
    assert [text for _, text in told(head, Kind.KEY)] == ["sid", "theme", "lone", "e"]
    assert head.write([Edit(4, 0, 3, "[SID_1]")])[1] == ((b"Cookie", b'sid=[SID_1]; theme="dark" ;lone;e='),)


def test_a_set_cookie_shows_its_value_and_its_attributes():
    head = read_response_head(
        200, "OK", [(b"Set-Cookie", b"sid=abc; Path=/"), (b"Date", b"Tue, 15 Nov 1994 08:12:31 GMT")]
    )
    assert told(head) == [("cookie/sid", "abc"), ("header/set-cookie", " Path=/")]


def test_basic_credentials_are_decoded_and_written_back_encoded():
    head = request("/", (b"Authorization", b"Basic " + base64.b64encode(b"bob:s:x")))
    assert told(head)[3:] == [
        ("header/authorization/basic/user", "bob"),
        ("header/authorization/basic/password", "s:x"),
    ]
    _, headers = head.write([Edit(4, 0, 3, "[KEY_1]")])
    assert base64.b64decode(headers[0][1].removeprefix(b"Basic ")) == b"bob:[KEY_1]"
    with pytest.raises(ParseError, match="colon"):
        head.write([Edit(3, 0, 1, ":")])
    surface = head.blocks[1].surface
    assert surface is not None
    assert b"bob:s:x" in surface


@pytest.mark.parametrize("value", [b"Basic ???", b"Basic", b"Bearer abc", b"Basic a"])
def test_other_credentials_are_a_text_as_they_stand(value: bytes):
    assert told(request("/", (b"Authorization", value)))[3:] == [("header/authorization", value.decode())]


def test_only_what_is_edited_changes():
    headers = ((b"X-A", b"1  2 "), (b"x-b", b"caf\xe9"), (b"X-A", b"3"))
    head = request("/a%20b/c?x=%41+b&y", *headers)
    index = {(p.path, p.text): i for i, p in enumerate(parts(head))}
    edits = [
        Edit(index["url/0", "a b"], 0, 1, "é/"),
        Edit(index["query/x", "A b"], 2, 3, "&="),
        Edit(index["header/x-b", "café"], 0, 1, "C"),
    ]
    assert head.write(edits) == ("/%C3%A9%2F%20b/c?x=%41+%26%3D&y", (headers[0], (b"x-b", b"Caf\xe9"), headers[2]))
    assert head.write([]) == ("/a%20b/c?x=%41+b&y", headers)


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "\x7f"])
def test_a_line_end_cannot_be_written_into_a_header(text: str):
    with pytest.raises(ParseError):
        request("/", (b"Accept", b"x")).write([Edit(3, 0, 1, text)])


@pytest.mark.parametrize("text", ["..", ".", ""])
def test_a_path_cannot_be_led_elsewhere(text: str):
    with pytest.raises(ParseError, match="segment"):
        request("/a/b").write([Edit(4, 0, 1, text)])


def test_a_semicolon_cannot_be_written_into_a_cookie():
    with pytest.raises(ParseError):
        request("/", (b"Cookie", b"a=b")).write([Edit(4, 0, 1, "x; admin=1")])


def test_a_header_cannot_be_renamed_into_one_that_means_something():
    head = request("/", (b"X-Ssn", b"x"))
    assert head.write([Edit(3, 2, 5, "Id")])[1] == ((b"X-Id", b"x"),)
    for name in ("Transfer-Encoding", "x y", ""):
        with pytest.raises(ParseError, match="name"):
            head.write([Edit(3, 0, 5, name)])


def test_a_latin_1_header_holds_only_latin_1():
    with pytest.raises(ParseError):
        request("/", (b"Accept", b"caf\xe9")).write([Edit(3, 0, 1, "日")])


@pytest.mark.parametrize("part", [0, 99, -1])
def test_what_cannot_be_rewritten_is_refused(part: int):
    with pytest.raises(ParseError):
        request("/").write([Edit(part, 0, 1, "x")])


def test_blocks_of_equal_keys_have_equal_parts_and_others_have_not():
    pairs = ((b"A", b"1"),)
    assert request("/a", *pairs).blocks[1].key == request("/b", *pairs).blocks[1].key
    assert request("/a", *pairs).blocks[0].key != request("/b", *pairs).blocks[0].key
    assert request("/a", *pairs).blocks[1].key != read_response_head(200, "OK", pairs).blocks[1].key


def test_a_surface_is_given_where_all_stands_verbatim():
    assert request("/a/b?c=d").blocks[0].surface == b"GET api.x.test:443 /a/b?c=d"
    assert request("/a%20b").blocks[0].surface is None
    assert request("/?a+b").blocks[0].surface is None
    assert request("/", (b"A", b"1"), (b"B", b"2")).blocks[1].surface == b"A\n1\nB\n2"
    assert request("/", (b"A", b"\xff")).blocks[1].surface is None


def test_an_unusual_reason_is_a_part():
    assert told(read_response_head(200, "All of it: 123", [])) == [("status/reason", "All of it: 123")]
    assert told(read_response_head(404, "NOT FOUND", [])) == []


def test_a_target_that_is_not_utf_8_is_opaque():
    head = request("/\udcff")
    assert [p.kind for p in parts(head) if p.path == "url/0"] == [Kind.OPAQUE]


def test_a_repr_holds_nothing_of_the_head():
    assert "secret" not in repr(request("/secret", (b"secret", b"secret")))


def test_a_query_that_some_split_at_semicolons_states_no_fact():
    def doubted(target: str) -> set[bool]:
        return {part.ambiguous for part in parts(request(target)) if part.path.startswith("query/")}

    assert doubted("/x?c=a&x=1;c=b") == {True}
    assert doubted("/x?c=a&x=1%3Bc=b") == {False}


def meaning(target: str) -> dict[str, str]:
    parts = read_request_head("GET", "h:80", target, ()).blocks[0].parts
    return {part.path: part.text for part in parts if part.path.startswith("graphql/")}


def test_a_query_of_graphql_in_the_url_says_what_it_means():
    said = {"graphql/operation": "query", "graphql/fields/0": "team", "graphql/arguments/team/id": "a@b.c"}
    assert meaning('/g?query={team(id:"a@b.c"){x}}') == said
    assert meaning('/g?query=query(%24i:ID){team(id:%24i){x}}&variables={"i":"a@b.c"}') == said
    assert meaning("/g?query=words") == {}
    assert meaning("/g?query=query($i:ID){team(id:$i){x}}&variables=none")["graphql/arguments/team/id"] == ""


def test_a_query_of_graphql_in_the_url_has_no_surface_that_would_speak_for_what_it_means():
    assert read_request_head("GET", "h:80", "/g?query={team{x}}", ()).blocks[0].surface is None
    assert read_request_head("GET", "h:80", "/g?query=words", ()).blocks[0].surface is not None


def test_a_value_in_a_query_in_the_url_is_rewritten_where_it_stands():
    head = read_request_head("GET", "h:80", '/g?query={team(id:"a@b.c"){x}}', ())
    texts = {part.path: (number, part.text) for number, part in enumerate(head.blocks[0].parts)}
    number, text = next((n, t) for p, (n, t) in texts.items() if p == "query/query")
    at = text.index("a@b.c")
    mirror = texts["graphql/arguments/team/id"][0]
    both = [Edit(number, at, at + 5, "[EMAIL_1]"), Edit(mirror, 0, 5, "[EMAIL_1]")]
    target, _ = head.write(both)
    assert meaning(target)["graphql/arguments/team/id"] == "[EMAIL_1]"
    with pytest.raises(ParseError, match="mean something else"):
        head.write(both[1:])
