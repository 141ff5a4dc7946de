"""JSON that readers argue about: what any server reads is read; what two read differently is refused, not guessed."""

import json
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.message import Kind, Part
from dlp.wire.body import read_body

READ = {
    "number: minus zero": b"[-0]",
    "number: fraction and exponent": b"[1.5e+10, 1E400, 0e1, -0.0E-5]",
    "number: longer than any machine's": b"[" + b"9" * 400 + b"]",
    "number: alone": b"42",
    "text: alone": b'"asd"',
    "text: empty": b'""',
    "text: every short escape": b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    "text: a pair of surrogates": b'["\\uD834\\uDD1E"]',
    "text: an escaped NUL": b'["a\\u0000b"]',
    "text: noncharacters": b'["\\uFFFE\\uFDD0"]',
    "text: a line separator": '["\u2028\u2029"]'.encode(),
    "text: DEL": b'["\x7f"]',
    "literals": b"[true, false, null]",
    "space: of every kind": b" \t\r\n[ 1 , 2 ]\n",
    "object: an empty key": b'{"": 0}',
    "object: keys that differ in case": b'{"a": 1, "A": 2}',
    "object: a key like a pointer": b'{"a/b~c": {"~1": 1}}',
    "byte order mark": b"\xef\xbb\xbf[1]",
    "utf-16 with its mark": '["x"]'.encode("utf-16"),
    "utf-32 without": '["x"]'.encode("utf-32-le"),
    "structure: an empty array in an array": b"[[], {}]",
    "structure: 200 deep": b"[" * 200 + b"]" * 200,
}
AS_TEXT = {  # no JSON; but all that stands there stands there as it is, and is looked at so
    "number: leading zero": b"[012]",
    "number: leading plus": b"[+1]",
    "number: no digits behind the point": b"[1.]",
    "number: hexadecimal": b"[0x42]",
    "number: NaN": b"[NaN]",
    "number: infinity": b"[-Infinity]",
    "number: in full-width digits": "[\uff11]".encode(),
    "array: a comma too many": b"[1,]",
    "array: two commas": b"[1,,2]",
    "array: not closed": b'["x"',
    "array: a colon": b'["x": 1]',
    "object: a comma too many": b'{"a": 1,}',
    "object: single quotes": b"{'a': 'b'}",
    "object: a key without quotes": b'{a: "b"}',
    "object: a number as a key": b'{1: "b"}',
    "object: no colon": b'{"a" "b"}',
    "comments": b'{"a": "b" /* c */}',
    "a second value": b'{"a": "b"} {"a": "c"}',
    "rubbish behind": b'{"a": "b"}#',
    "text: a line end in it": b'["a\nb"]',
    "text: a tab in it": b'["a\tb"]',
    "a guard against scripts": b')]}\',\n{"a": 1}',
    "a callback": b'f({"a": 1})',
}
REFUSED = {
    "object: a key twice": b'{"a": "b", "a": "c"}',
    "object: a key twice, once in escapes": b'{"a": "b", "\\u0061": "c"}',
    "text: half a pair": b'["\\uD800"]',
    "text: the other half": b'["\\uDD1E"]',
    "text: a pair the wrong way round": b'["\\uDd1e\\uD834"]',
    "text: an escape that is none": b'["\\a"]',
    "text: an escape cut short": b'["\\u00A"]',
    "text: a code point in braces": b'["\\u{41}"]',
    "not UTF-8": b'["\xff"]',
    "not UTF-8: overlong": b'["\xc0\xaf"]',
    "not UTF-8: a surrogate": b'["\xed\xa0\x80"]',
    "NUL": b'["a\x00b"]',
    "NUL behind": b'["a"]\x00',
    "comments beside escapes": b'["\\u0041" /* x */]',
    "a comma too many beside escapes": b'["\\u0041",]',
    "structure: 100,000 deep": b"[" * 100_000,
    "structure: 100,000 objects deep": b'{"a":' * 100_000,
}


def parts(raw: bytes, content_type: str = "application/json") -> tuple[Part, ...]:
    return read_body(raw, content_type, "", limit=2_000_000).block.parts


def leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (str(key), *leaves(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in leaves(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", READ)
def test_what_is_json_is_read_as_any_server_reads_it(name: str):
    found = parts(READ[name])
    assert not any(part.kind is Kind.OPAQUE for part in found)
    value = json.loads(READ[name].removeprefix(b"\xef\xbb\xbf"))
    assert [part.text for part in found if part.kind is not Kind.NUMBER] == leaves(value)


@pytest.mark.parametrize("name", AS_TEXT)
def test_what_is_no_json_and_hides_nothing_is_read_as_it_stands(name: str):
    (part,) = parts(AS_TEXT[name])
    assert part.text == AS_TEXT[name].decode()


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_what_readers_differ_on_is_opaque_whatever_it_is_called(name: str, content_type: str):
    found = parts(REFUSED[name], content_type)
    if content_type != "application/json" and len(found) == 1 and found[0].kind is Kind.TEXT:
        assert found[0].text.encode() == REFUSED[name]  # under another name it is a text, and looked at as it stands
        assert b"\\u" not in REFUSED[name]
    else:
        assert [part.kind for part in found] == [Kind.OPAQUE]


READERS: tuple[Callable[[bytes], object], ...] = (json.loads, orjson.loads)
SCRAPS = st.lists(
    st.sampled_from([*'{}[]",:\\ue-+.0', "\\u0041", "\\ud800", "\\n", '"a"', '"a":', "1", "null", " ", "é"])
)


@given(SCRAPS.map("".join))
def test_whatever_another_reader_reads_is_in_some_part(text: str):
    found = parts(text.encode())
    texts = [part.text for part in found]
    for reader in READERS:
        try:
            read = leaves(reader(text.encode()))
        except ValueError:
            continue
        assert any(part.kind is Kind.OPAQUE for part in found) or all(
            any(one in part for part in texts) for one in read
        )
