"""Laws of the wire formats: reading then writing is the identity, edits round-trip, nothing else is ever raised."""

import base64
import gzip
import json
import tracemalloc
import zlib

import brotli
import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.body import Body, read_body
from dlp.wire.head import read_request_head, read_response_head
from dlp.wire.limits import TooLarge

LIMIT = 1_000_000
TYPES = (
    "application/json",
    "application/problem+json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    "text/csv",
    "text/csv; header=absent",
    "text/tab-separated-values",
    "application/xml",
    "text/html",
    "text/plain",
    "text/plain; charset=latin-1",
    "application/json; charset=utf-16",
    "text/html; charset=shift_jis",
    "application/octet-stream",
    "",
)
CODINGS = ("", "gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br", "identity", "compress")
# Pieces that formats are made of, so that generated bodies come close to being valid and to being nasty.
SCRAPS = st.sampled_from(
    [
        *"{}[]\",:;&=<>/\\-+%!?#'\t\r\n ",
        "--B",
        "--B--",
        "\r\n",
        "\r\n\r\n",
        'Content-Disposition: form-data; name="x"',
        'Content-Disposition: form-data; name="y"; filename="f.json"',
        "Content-Type: application/json",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "<a>",
        "</a>",
        '<b c="d">',
        "</b>",
        "<br/>",
        "<script>",
        "</script>",
        "&amp;",
        "&#65;",
        "&copy",
        "\\u0041",
        "\\ud83d\\ude00",
        "\\n",
        "%41",
        "%E9",
        "%C3%A9",
        "%",
        '"a":',
        '"b"',
        "1.5e3",
        "-0",
        "true",
        "null",
        '""',
        "\ufeff",
        "\0",
        "é",
        "\U0001f600",
        "日本",
        "123-45-6789",
    ]
)
SCRAPPY = st.lists(SCRAPS | st.text(max_size=4), max_size=25).map("".join)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
CHARSETS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "shift_jis"])


@st.composite
def raw_bodies(draw: st.DrawFn) -> bytes:
    text = draw(SCRAPPY)
    try:
        return text.encode(draw(CHARSETS))
    except UnicodeEncodeError:
        return text.encode()


def json_bodies() -> st.SearchStrategy[tuple[bytes, str]]:
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=12,
    )
    kinds = st.sampled_from(["application/json", "text/plain", "application/x-ndjson"])
    return st.builds(
        lambda v, ascii_only, indent, kind, charset: (
            json.dumps(v, ensure_ascii=ascii_only, indent=None if "nd" in kind else indent).encode(charset),
            kind,
        ),
        value,
        st.booleans(),
        st.sampled_from([None, 1]),
        kinds,
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    )


def xml_bodies() -> st.SearchStrategy[tuple[bytes, str]]:
    word = st.text("ab &\"'", max_size=6).map(
        lambda t: t.replace("&", "&amp;").replace('"', "&#34;").replace("'", "&apos;")
    )
    leaf = (
        word.map(lambda t: f"<i k='{t}'>{t}</i>")
        | word.map(lambda t: f"<i><![CDATA[{t}]]></i>")
        | st.just("<i/> <!-- c -->")
    )
    tree = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3).map(lambda c: f"<e> {' '.join(c)} </e>"), max_leaves=6
    )
    return st.tuples(tree.map(str.encode), st.sampled_from(["text/xml", "text/html", "image/svg+xml"]))


def csv_bodies() -> st.SearchStrategy[tuple[bytes, str]]:
    cell = st.text('ab;,"\n\t é', max_size=5).map(
        lambda t: '"' + t.replace('"', '""') + '"' if any(c in t for c in '";,\n\t') else t
    )
    rows = st.lists(st.lists(cell, min_size=1, max_size=3).map(",".join), max_size=4).map("\r\n".join)
    return st.tuples(rows.map(str.encode), st.sampled_from(["text/csv", "text/csv; header=absent"]))


def form_bodies() -> st.SearchStrategy[tuple[bytes, str]]:
    word = st.lists(st.sampled_from([*"ab+%", "%20", "%C3%A9", "%E9", "%2", "%26"]), max_size=6).map("".join)
    pair = st.tuples(word, word).map("=".join) | word
    return st.tuples(
        st.lists(pair, max_size=5).map("&".join).map(str.encode), st.just("application/x-www-form-urlencoded")
    )


def multipart_bodies() -> st.SearchStrategy[tuple[bytes, str]]:
    inner = (json_bodies() | csv_bodies() | form_bodies()).map(
        lambda pair: b"Content-Type: " + pair[1].encode() + b"\r\n\r\n" + pair[0]
    ) | TEXT.map(lambda t: b"\r\n" + t.encode())
    section = inner.map(
        lambda c: b'--B\r\nContent-Disposition: form-data; name="f"; filename="a%22b"\r\n' + c + b"\r\n"
    )
    return st.tuples(
        st.lists(section, min_size=1, max_size=3).map(lambda s: b"".join(s) + b"--B--\r\n"),
        st.just("multipart/form-data; boundary=B"),
    )


WELL_FORMED = st.one_of(
    json_bodies(), xml_bodies(), csv_bodies(), form_bodies(), multipart_bodies(), TEXT.map(lambda t: (t.encode(), ""))
)
ANYTHING = st.tuples(raw_bodies(), st.sampled_from(TYPES))


def encode(data: bytes, coding: str) -> bytes:
    for name in coding.split(", "):
        match name:
            case "gzip" | "x-gzip":
                data = gzip.compress(data)
            case "deflate":
                data = zlib.compress(data)
            case "br":
                data = brotli.compress(data)
            case "zstd":
                data = zstandard.compress(data)
    return data


@st.composite
def edits_of(draw: st.DrawFn, body: Body) -> list[Edit]:
    edits = []
    for index, part in enumerate(body.block.parts):
        if part.kind is Kind.OPAQUE or not draw(st.booleans()):
            continue
        cuts = sorted(draw(st.lists(st.integers(0, len(part.text)), min_size=2, max_size=4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            text = draw(TEXT | SCRAPPY)
            edits.append(Edit(index, start, end, text, number=draw(st.booleans())))
    return edits


def told(body: Body) -> list[tuple[str, str]]:
    """Return what a body says, where blank text says nothing."""
    return [(part.text, part.why) for part in body.block.parts if part.text.strip() or part.why]


@given(
    raw=st.binary(max_size=300) | raw_bodies(),
    kind=st.sampled_from(TYPES) | TEXT,
    coding=st.sampled_from(CODINGS) | TEXT,
)
def test_any_bytes_are_read_and_written_back_as_they_came(raw: bytes, kind: str, coding: str):
    body = read_body(raw, kind, coding, limit=LIMIT)
    assert isinstance(body.block.parts, tuple)
    assert body.write([]) == raw
    assert body.block.parts or not raw or body.length_decoded == 0 or not told(body)


@given(pair=ANYTHING | WELL_FORMED, coding=st.sampled_from(CODINGS))
def test_a_surface_holds_the_text_of_every_part(pair: tuple[bytes, str], coding: str):
    body = read_body(encode(pair[0], coding), pair[1], coding, limit=LIMIT)
    if body.block.surface is not None:
        surface = body.block.surface.decode()
        assert all(part.text in surface for part in body.block.parts)


@given(data=st.data(), pair=WELL_FORMED, coding=st.sampled_from(CODINGS[:-1]))
def test_edits_of_a_well_formed_body_read_back_as_the_edited_parts(
    data: st.DataObject, pair: tuple[bytes, str], coding: str
):
    _edits_round_trip(data, *pair, coding)


@given(data=st.data(), pair=ANYTHING, coding=st.sampled_from(CODINGS))
def test_edits_of_any_body_read_back_as_the_edited_parts(data: st.DataObject, pair: tuple[bytes, str], coding: str):
    _edits_round_trip(data, *pair, coding)


def _edits_round_trip(data: st.DataObject, raw: bytes, kind: str, coding: str) -> None:
    body = read_body(encode(raw, coding), kind, coding, limit=LIMIT)
    edits = data.draw(edits_of(body))
    assume(edits)
    try:
        written = body.write(edits)
    except ParseError:
        return
    expected = []
    for index, part in enumerate(body.block.parts):
        text = apply_edits(part.text, [edit for edit in edits if edit.part == index])
        if text.strip() or part.why:
            expected.append((text, part.why))
    assert told(read_body(written, kind, coding, limit=LIMIT)) == expected
    assert body.write(edits) == written


@given(data=st.data(), pair=json_bodies())
def test_an_edit_of_one_json_value_changes_nothing_else(data: st.DataObject, pair: tuple[bytes, str]):
    body = read_body(*pair, "", limit=LIMIT)
    values = [i for i, part in enumerate(body.block.parts) if part.kind in (Kind.TEXT, Kind.NUMBER)]
    assume(values)
    index = data.draw(st.sampled_from(values))
    part = body.block.parts[index]
    written = body.write([Edit(index, 0, len(part.text), "QQ")])
    again = read_body(written, pair[1], "", limit=LIMIT)
    assert [p.text for p in again.block.parts] == [
        "QQ" if i == index else p.text for i, p in enumerate(body.block.parts)
    ]
    back = again.write([Edit(index, 0, 2, part.text, number=part.kind is Kind.NUMBER)])
    assert told(read_body(back, pair[1], "", limit=LIMIT)) == told(body)
    if b"\\" not in pair[0]:  # An escape that was optional is not put back.
        assert back == pair[0]


HEADER = st.tuples(
    st.sampled_from([b"Cookie", b"Set-Cookie", b"Authorization", b"X-Thing", b"Host", b"Content-Length", b"Accept"]),
    st.binary(max_size=20)
    | SCRAPPY.map(str.encode)
    | st.binary(max_size=8).map(lambda b: b"Basic " + base64.b64encode(b)),
)
TARGETS = st.lists(st.sampled_from([*"/?&=+ab.:@%", "%20", "%2F", "%E9", "é", "http://u:p@h/"]), max_size=12).map(
    "".join
)


@given(data=st.data(), target=TARGETS, headers=st.lists(HEADER, max_size=4))
def test_edits_of_a_head_read_back_as_the_edited_parts(
    data: st.DataObject, target: str, headers: list[tuple[bytes, bytes]]
):
    head = read_request_head("GET", "h.test:443", target, headers)
    assert head.write([]) == (target, tuple(headers))
    parts = [part for block in head.blocks for part in block.parts]
    for block in head.blocks:
        if block.surface is not None:
            assert all(part.text in block.surface.decode() for part in block.parts)
    assume(parts)
    edits = []
    for index, part in enumerate(parts):
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(part.text)))
            edits.append(Edit(index, start, data.draw(st.integers(start, len(part.text))), data.draw(TEXT)))
    try:
        new_target, new_headers = head.write(edits)
    except ParseError:
        return
    expected = [apply_edits(p.text, [e for e in edits if e.part == i]) for i, p in enumerate(parts)]
    again = read_request_head("GET", "h.test:443", new_target, new_headers)
    # A name without a value that becomes empty is gone.
    found = [part.text for block in again.blocks for part in block.parts]
    assert list(filter(None, found)) == list(filter(None, expected))


@given(status=st.integers(100, 999), reason=st.text(max_size=10), headers=st.lists(HEADER, max_size=4))
def test_any_response_head_is_read(status: int, reason: str, headers: list[tuple[bytes, bytes]]):
    head = read_response_head(status, reason, headers)
    assert all(isinstance(block.parts, tuple) for block in head.blocks)
    assert head.write([]) == ("", tuple(headers))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_takes_no_more_memory_than_the_limit_and_a_little(coding: str):
    limit = 4_000_000
    bomb = encode(bytes(100_000_000), coding)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read_body(bomb, "text/plain", coding, limit=limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit + 12_000_000


def test_a_bomb_inside_a_coding_is_bounded_too():
    bomb = gzip.compress(gzip.compress(bytes(100_000_000)))
    with pytest.raises(TooLarge):
        read_body(bomb, "text/plain", "gzip, gzip", limit=1_000_000)


def test_many_keys_are_read_in_one_pass_and_too_many_are_opaque():
    def keys(count: int) -> bytes:
        return ("{" + ",".join(f'"k{number}":{number}' for number in range(count)) + "}").encode()

    assert len(read_body(keys(100_000), "application/json", "", limit=10**8).block.parts) == 200_000
    (part,) = read_body(keys(150_000), "application/json", "", limit=10**8).block.parts
    assert part.kind is Kind.OPAQUE
