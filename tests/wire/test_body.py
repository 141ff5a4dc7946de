import gzip

import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.body import Body, is_quick, read_body
from dlp.wire.limits import TooLarge


def read(raw: bytes, kind: str = "application/json", coding: str = "") -> Body:
    return read_body(raw, kind, coding, limit=1_000_000)


def texts(raw: bytes, kind: str) -> list[tuple[str, str]]:
    return [(p.path, p.text) for p in read(raw, kind).block.parts if p.kind in (Kind.TEXT, Kind.NUMBER)]


def opaque(raw: bytes, kind: str, coding: str = "") -> bool:
    parts = read(raw, kind, coding).block.parts
    return [(p.kind, p.text) for p in parts] == [(Kind.OPAQUE, "")] and bool(parts[0].why) and parts[0].length > 0


@pytest.mark.parametrize(
    ("raw", "kind", "path"),
    [
        (b'{"a": "v"}', "application/json; charset=utf-8", "/a"),
        (b'{"a": "v"}', "application/vnd.x+json", "/a"),
        (b'{"a":"v"}\n{"a":1}', "application/x-ndjson", "/0/a"),
        (b"a=v", "application/x-www-form-urlencoded", "/a"),
        (b"a\nv\n", "text/csv", "/0/a"),
        (b"a\tb\nv\tw\n", "text/tab-separated-values", "/0/a"),
        (b"<a>v</a>", "application/atom+xml", "/a"),
        (b"<a>v</a>", "text/html", "/a[1]"),
        (b"v", "text/plain", ""),
        (b"v", "image/png", ""),
        (b"v", "", ""),
        (b"<!DOCTYPE html><p>v", "", "/p[1]"),
        (b'<?xml version="1.0"?><a>v</a>', "text/plain", "/a"),
    ],
)
def test_the_content_type_chooses_the_format(raw: bytes, kind: str, path: str):
    assert (path, "v") in texts(raw, kind)


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/csv", "application/x-www-form-urlencoded", "text/html", "image/png", ""]
)
def test_a_false_label_does_not_hide_json(kind: str):
    assert texts(b' {"ssn": "\\u0031"}', kind) == [("/ssn", "1")]
    assert texts(b'{"a":1}\n{"a":2}\n', kind)[:2] == [("/0/a", "1"), ("/1/a", "2")]


@pytest.mark.parametrize(
    ("raw", "kind", "both"),
    [
        (b'{"c":"#hr","x":"&c=%23all&y="}', "application/x-www-form-urlencoded", {"#hr", "#all"}),
        (b'{"c":"#hr","x":"a\\u003d&c=v"}', "application/x-www-form-urlencoded", {"#hr", "a=&c=v", 'v"}'}),
        (b'{"c": 1}\n{"c": 2}', "text/csv", {"1", "2", '{"c": 2}'}),
        (b'{"c":"#hr"}', "application/xml", {"#hr"}),
        (b'{"c":"#hr"}', "application/x-www-form-urlencoded", {"#hr"}),
    ],
)
def test_json_under_the_label_of_another_structure_is_read_both_ways_and_states_no_fact(
    raw: bytes, kind: str, both: set[str]
):
    parts = read(raw, kind).block.parts
    assert both <= {part.text for part in parts}
    assert all(part.ambiguous for part in parts)
    assert not any(part.ambiguous for part in read(raw, "application/json").block.parts)
    assert not any(part.ambiguous for part in read(raw, "text/plain").block.parts)


def test_json_under_the_label_of_another_structure_is_rewritten_only_where_that_reads_it_as_nothing():
    form = "application/x-www-form-urlencoded"
    with pytest.raises(ParseError, match="labelled"):
        read(b'{"c":"#hr&x=1"}', form).write([Edit(1, 0, 1, "v")])
    with pytest.raises(ParseError):
        read(b'{"c":"#hr"}', form).write([Edit(1, 0, 1, "&c=")])
    assert read(b'{"c":"#hr"}', form).write([Edit(1, 0, 3, "[PIN_1]")]) == b'{"c":"[PIN_1]"}'
    assert read(b'{"c":"#hr&x=1"}', form).write([]) == b'{"c":"#hr&x=1"}'


def test_a_form_that_some_split_at_semicolons_states_no_fact():
    form = "application/x-www-form-urlencoded"
    assert all(part.ambiguous for part in read(b"c=%23hr&x=1;c=%23all", form).block.parts)
    assert not any(part.ambiguous for part in read(b"c=%23hr&x=1%3Bc=%23all", form).block.parts)


def test_invalid_json_is_one_text_unless_escapes_could_hide_something():
    assert texts(b"{a: 1}", "application/json") == [("", "{a: 1}")]
    assert opaque(b'{a: "\\u0031"}', "application/json")
    assert opaque(b'{a: "\\u0031"}', "text/plain")
    assert texts(b"C:\\users [x]", "text/plain") == [("", "C:\\users [x]")]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"a":1,"a":2}', "application/json"),
        (b'["\\ud800"]', "application/json"),
        (b"[" * 300 + b"]" * 300, "text/plain"),
        (b"\x80\x81\x82", "text/plain"),
        (b"abc\0def\0", "application/octet-stream"),
        (b"<!DOCTYPE a><a>x</a>", "text/xml"),
        (b"<a>&x;</a>", "text/xml"),
        (b'<?xml version="1.0" encoding="utf-16"?><a>x</a>', "text/xml"),
        (b'<?xml version="1.0" encoding="utf-7"?><a>x</a>', "text/xml"),
        (b"x", "text/plain; charset=utf-7"),
        (b"x", "text/plain; charset=utf-8; charset=ascii"),
    ],
)
def test_what_readers_would_differ_on_or_nobody_can_read_is_opaque(raw: bytes, kind: str):
    assert opaque(raw, kind)
    assert read(raw, kind).write([]) == raw
    with pytest.raises(ParseError):
        read(raw, kind).write([Edit(0, 0, 0, "x")])


@pytest.mark.parametrize("coding", ["compress", "gzip", "br"])
def test_a_coding_that_cannot_be_taken_off_is_opaque_and_has_no_surface(coding: str):
    assert opaque(b"hello, world", "text/plain", coding)
    assert read(b"hello, world", "text/plain", coding).block.surface is None


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"a": "v"}', "application/json"),
        ('{"a": "é"}'.encode(), "application/json"),
        (b"a=b&c", "application/x-www-form-urlencoded"),
        (b"C:\\x", "text/plain"),
        (b"a,b\n", "text/csv"),
        (b"<a>b</a>", "text/xml"),
    ],
)
def test_a_verbatim_body_is_its_own_surface_without_a_copy(raw: bytes, kind: str):
    assert read(raw, kind).block.surface is raw
    assert read(raw, kind).block.key is None


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"a": "\\u0041"}', "application/json"),
        (b'{"a": "\\u0041"}', "text/plain"),
        (b"a=%41", "application/x-www-form-urlencoded"),
        (b"a=b+c", "application/x-www-form-urlencoded"),
        (b'"a""b"\n', "text/csv"),
        (b"<a>&#65;</a>", "text/xml"),
        (b"<a>&#65;</a>", "text/html"),
        ("aé".encode("utf-16"), "text/plain"),
        ("ab".encode("utf-16-le"), "application/json"),
    ],
)
def test_a_body_with_anything_encoded_in_it_has_no_surface(raw: bytes, kind: str):
    assert read(raw, kind).block.surface is None


def test_an_edited_body_is_coded_again_in_the_same_codings():
    raw = gzip.compress(b'{"a": 1}')
    body = read(raw, "application/json", "gzip")
    assert body.length_decoded == 8
    assert body.write([]) is raw
    assert gzip.decompress(body.write([Edit(1, 0, 1, "[A_1]")])) == b'{"a": "[A_1]"}'


def test_an_empty_body_has_no_parts_and_an_empty_surface():
    body = read(b"")
    assert (body.block.parts, body.block.surface, body.length_decoded) == ((), b"", 0)
    with pytest.raises(ParseError):
        body.write([Edit(0, 0, 0, "x")])


def test_a_body_over_the_limit_is_refused_and_not_opaque():
    with pytest.raises(TooLarge):
        read(gzip.compress(bytes(2_000_000)), "text/plain", "gzip")
    with pytest.raises(TooLarge):
        read(bytes(1_000_001), "text/plain")


def test_a_prefix_begins_every_path():
    parts = read_body(b'{"a": 1}', "application/json", "", limit=99, prefix="/arguments").block.parts
    assert {p.path for p in parts} == {"/arguments/a"}


def test_a_key_cannot_be_edited_into_its_sibling():
    with pytest.raises(ParseError):
        read(b'{"a": 1, "b": 2}').write([Edit(0, 0, 1, "b")])
    assert read(b'{"a": 1, "b": 2}').write([Edit(0, 0, 1, "c")]) == b'{"c": 1, "b": 2}'


def test_a_text_cannot_be_edited_into_another_format():
    with pytest.raises(ParseError):
        read(b"hello", "text/plain").write([Edit(0, 0, 5, '{"a": 1}')])
    assert read(b"hello", "text/plain").write([Edit(0, 0, 5, "[EMAIL_1]")]) == b"[EMAIL_1]"


def test_an_edit_of_a_part_that_is_not_there_is_refused():
    for part in (-1, 2):
        with pytest.raises(ParseError, match="not there"):
            read(b'{"a": 1}').write([Edit(part, 0, 0, "x")])


def test_a_repr_holds_nothing_of_the_body():
    body = read(b'{"secret": "value"}')
    assert body.block.parts
    assert "secret" not in repr(body) + repr(body.block)


FORM = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n--B--'


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'cb({"pin": "v"})', "application/javascript"),
        (b')]}\',\n{"pin": "v"}', "application/json"),
        (b'{"pin": "v",}', "application/json"),
        (b'x": 1, "pin": "v"', "application/json"),
        (b'"pin: v"', "application/json"),
        (b'{"data": "{\\"pin\\": \\"v\\"}"}', "application/json"),
        (b"{\"data\": \"{'pin': 'v'}\"}", "application/json"),
        (b"pin: v", "text/plain"),
        (b'pin,"v', "text/csv"),
        (b'a\n"{""pin"": ""v""}"', "text/csv"),
        (b'a={"pin":"v"}', "application/x-www-form-urlencoded"),
        (b"<a>v<b></a>", "application/xml"),
        (b"<a><![CDATA[<pin>v</pin>]]></a>", "application/xml"),
        (b"<a b='v'><pin>v</pin></a>", "application/xml"),  # no path of JSON leads there
        (b"<p>v</p>", "text/html"),
        (FORM, "multipart/form-data; boundary=B"),
    ],
)
def test_a_text_whose_structure_is_not_known_says_so(raw: bytes, kind: str):
    texts = [part for part in read(raw, kind).block.parts if part.kind is Kind.TEXT and "v" in part.text]
    assert texts
    assert all(part.unstructured for part in texts)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"pin": "v", "said": "it\'s \\"v\\"", "n": [1, true]}', "application/json"),
        (b'{"pin": "v"}\n{"pin": 1}', "application/x-ndjson"),
        (b"pin\nv", "text/csv"),
        (b"pin=v&b=it's", "application/x-www-form-urlencoded"),
        (b"<a xmlns='v' xmlns:n='v'/>", "application/xml"),
    ],
)
def test_a_leaf_of_a_structure_that_is_known_is_no_text_of_its_own(raw: bytes, kind: str):
    assert not any(part.unstructured for part in read(raw, kind).block.parts)


@pytest.mark.parametrize(
    ("length", "kind", "coding", "quick"),
    [
        (100, "application/json", "", True),
        (60_000, "text/plain", "identity", True),
        (70_000, "text/plain", "", False),
        (4_000, "application/json", "gzip", True),
        (5_000, "application/json", "gzip", False),
        (100, "application/json", "br", False),
        (100, "application/json", "zstd", False),
        (100, "application/json", "gzip, gzip", False),
        (5_000, "application/x-protobuf", "", False),
        (5_000, "multipart/form-data; boundary=x", "", False),
    ],
)
def test_it_is_known_beforehand_whether_a_body_is_read_in_a_moment(length: int, kind: str, coding: str, quick: bool):  # noqa: FBT001
    assert is_quick(length, kind, coding) is quick
