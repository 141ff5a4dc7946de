import base64
import gzip
import hashlib
import zlib
from collections.abc import Callable
from urllib.parse import quote

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine.alphabets import readings
from dlp.engine.encodings import decodings, glimpse, readable, telling, tells, views

SECRET = "maria.gonzalez@acme.org"
ENCODINGS = {
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64url": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
    "url": quote(SECRET, safe=""),
    "url, all": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "gzip": base64.b64encode(gzip.compress(SECRET.encode())).decode(),
    "zlib": base64.b64encode(zlib.compress(SECRET.encode())).decode(),
    "deflate": base64.b64encode(zlib.compress(SECRET.encode(), wbits=-15)).decode(),
    "br": base64.b64encode(brotli.compress(SECRET.encode())).decode(),
    "zstd": base64.b64encode(zstandard.compress(SECRET.encode())).decode(),
    "base64 of hex": base64.b64encode(SECRET.encode().hex().encode()).decode(),
    "hex of base64 of gzip": base64.b64encode(gzip.compress(SECRET.encode())).hex(),
    "base64 three times": base64.b64encode(base64.b64encode(base64.b64encode(SECRET.encode()))).decode(),
    "among words": base64.b64encode(f"the address is {SECRET} as you know".encode()).decode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_common_encodings_and_their_nestings_are_read(name: str):
    text = f'{{"note": "see {ENCODINGS[name]} please"}}'
    texts = [decoding.text or "" for decoding in decodings(text)]
    assert any(SECRET in each for each in texts)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_decoding_says_where_its_run_stands(name: str):
    run = ENCODINGS[name]
    text = f"a {run} b"
    spans = {
        text[decoding.start : decoding.end]
        for decoding in decodings(text)
        if decoding.text is not None and SECRET in decoding.text
    }
    assert spans & {run, text}


def test_what_cannot_be_decoded_and_looks_random_is_reported_unread():
    noise = bytes((37 * number * number + 11) % 256 for number in range(48))
    assert [decoding.text for decoding in decodings(base64.b64encode(noise).decode())] == [None]
    assert None in [decoding.text for decoding in decodings(noise[:16].hex())]


@pytest.mark.parametrize(
    "text", ["an ordinary sentence about nothing at all", "/api/v1/employees/list/active", "chat_post_message_channel"]
)
def test_words_are_not_taken_for_ciphertext(text: str):
    assert all(decoding.text is not None for decoding in decodings(text))


def test_a_bomb_inside_an_encoding_is_not_unpacked_and_says_so():
    bomb = base64.b64encode(gzip.compress(b"a" * 60_000_000)).decode()
    assert [(decoding.text, decoding.beyond) for decoding in decodings(bomb)] == [(None, True)]


def test_a_value_nested_too_deep_makes_its_part_unread():
    run = SECRET.encode()
    for _ in range(7):
        run = base64.b64encode(run)
    assert any(decoding.beyond for decoding in decodings(run.decode()))


@given(st.text(max_size=300))
def test_decoding_arbitrary_text_never_fails(text: str):
    assert all(0 <= decoding.start <= decoding.end <= len(text) for decoding in decodings(text))


@given(st.from_regex(r"[A-Za-z0-9+/_-]{6,60}={0,2}", fullmatch=True) | st.binary(min_size=4).map(lambda b: b.hex()))
def test_asking_whether_a_run_tells_something_gives_the_answer_of_its_decodings(run: str):
    found = decodings(run)
    assert tells(run.encode(), opaque=True) == bool(found)
    assert tells(run.encode(), opaque=False) == any(decoding.text is not None for decoding in found)


@pytest.mark.parametrize("glue", ["x", "ab", "key", "ab-c_", "abcde/f", "1234567"])
@pytest.mark.parametrize("form", ["base64", "base64url", "hex"])
def test_a_known_value_is_seen_in_a_run_that_something_is_glued_to(glue: str, form: str):
    text = f"({glue}{ENCODINGS[form].rstrip('=')}{glue})"
    assert any(SECRET in (view.text or "") for _, view in views([(0, text)]))


def test_a_piece_between_slashes_is_read_by_itself():
    path = f"api/send/{ENCODINGS['base64url']}/now"
    assert any(decoding.text == SECRET for decoding in decodings(path))
    assert tells(path.encode(), opaque=False)


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9+/_-]{1,30}={0,2}|[ .:\"é]{1,3}|[0-9a-f]{6,20}", fullmatch=True)).map("".join)
)
def test_a_glimpse_shows_all_that_runs_read_as_from_wherever_they_begin(text: str):
    seen = f"\0{glimpse(text.encode())}\0"
    read = [data.decode("utf-8", "replace") for _, _, name, data in readings(text) if name in ("base64", "hex")]
    assert all(f"\0{view}\0" in seen for view in read)


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9+/_-]{1,30}={0,2}|[ .:\"é%]{1,3}|[0-9a-f]{6,20}", fullmatch=True), max_size=40)
)
def test_a_text_without_a_telling_run_decodes_to_nothing(texts: list[str]):
    told = telling("\n".join(texts).encode())
    if told is not None:
        assert [bool(decodings(text)) for text in texts] == [any(run in text for run in told) for text in texts]


SEALED = {
    "groups in base64": lambda data: base64.b64encode(
        b" ".join([data.hex().encode()[at : at + 8] for at in range(0, 64, 8)])
    ),
    "base32 in hex": lambda data: base64.b32encode(data).hex().encode(),
    "base85 in base64": lambda data: base64.b64encode(base64.b85encode(data)),
    "bytes one by one in base64": lambda data: base64.b64encode(", ".join(map(str, data)).encode()),
    "raw bytes in percents": lambda data: "".join(f"%{byte:02X}" for byte in data).encode(),
    "raw bytes in quoted-printable": lambda data: "".join(f"={byte:02X}" for byte in data).encode(),
    "lines in escapes in base64": lambda data: base64.b64encode(
        b"\\n".join([base64.b64encode(data)[at : at + 11] for at in range(0, 44, 11)])
    ),
}


@pytest.mark.parametrize("name", SEALED)
def test_what_nobody_can_read_is_not_readable_inside_an_encoding_either(name: str):
    texts = [SEALED[name](hashlib.sha256(bytes([number])).digest()).decode() for number in range(40)]
    seen = [text for text in texts if any(each.text is None for each in decodings(text))]
    assert len(seen) >= len(texts) * (0.9 if "85" in name or "raw" in name else 1)


@pytest.mark.parametrize("encode", [base64.b32encode, base64.b85encode, base64.b64encode])
def test_a_run_that_hides_ciphertext_in_another_alphabet_is_not_readable(encode: Callable[[bytes], bytes]):
    for number in range(20):
        data = hashlib.sha256(bytes([number])).digest()
        assert not readable(encode(data.hex().encode()).decode())
        assert not readable(encode(base64.b64encode(data)).decode())
    assert readable(encode(b"nothing to see here, only words").decode())
