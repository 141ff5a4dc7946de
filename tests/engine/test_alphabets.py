import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine import alphabets, stretches
from dlp.engine.alphabets import odd, readings

SECRET = b"maria.gonzalez@acme.org"
ALPHABET58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data: bytes) -> str:
    number, written = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        written = ALPHABET58[digit] + written
    return written


WRITTEN = {
    "base64": base64.b64encode(SECRET).decode(),
    "base64 backwards": base64.b64encode(SECRET).decode()[::-1].lstrip("="),
    "base64 in groups": " ".join(base64.b64encode(SECRET).decode()[at : at + 4] for at in range(0, 32, 4)),
    "hex": SECRET.hex(),
    "hex in pairs": SECRET.hex(":"),
    "hex with prefixes": ", ".join(f"0x{byte:02x}" for byte in SECRET),
    "base32": base64.b32encode(SECRET).decode(),
    "base32 small": base64.b32encode(SECRET).decode().lower().rstrip("="),
    "base32hex": base64.b32hexencode(SECRET).decode(),
    "base32 glued": "abc7" + base64.b32encode(SECRET).decode().lower().rstrip("="),
    "base58": base58(SECRET),
    "base85": base64.b85encode(SECRET).decode(),
    "ascii85": base64.a85encode(SECRET, adobe=True).decode(),
    "binary": " ".join(f"{byte:08b}" for byte in SECRET),
    "codes": ", ".join(str(byte) for byte in SECRET),
    "octal": " ".join(f"{byte:o}" for byte in SECRET),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_value_is_read_in_every_usual_alphabet(name: str):
    text = f"see {WRITTEN[name]} there"
    assert odd(text)
    assert any(SECRET in data for *_, data in readings(text))


@pytest.mark.parametrize("text", ["an ordinary sentence, with 12 words", "at 2026-11-20T10:11:12Z", "list_of_fields"])
def test_words_and_times_are_nothing_odd(text: str):
    assert not odd(text)


@given(st.text(max_size=200) | st.from_regex(r"[!-~ ]{0,200}", fullmatch=True))
def test_reading_arbitrary_text_never_fails_and_nothing_odd_reads_as_nothing_new(text: str):
    assert all(0 <= start < end <= len(text) for start, end, _, _ in readings(text))


ODDS_AND_ENDS = "ab 12 1234 7 AB aB x1 . : , - +/ = é word 90210 delivery".split()  # noqa: SIM905 - pieces of texts


@given(st.lists(st.sampled_from([*ODDS_AND_ENDS, " ", "\n", "\x1c", "\u00a0", "20 21 22 23"])).map("".join))
def test_what_is_ruled_out_at_once_is_not_odd(text: str):
    data = text.encode()
    runs, groups = alphabets._may_hold_odd_ones(data)
    assert runs or not any(map(alphabets._is_odd_run, alphabets.RUNS.within(data)))
    assert groups or not any(alphabets._is_odd_group(group) for group in alphabets._groups_of(data) if b" " in group)


@pytest.mark.parametrize("text", ["01" * 200 + "x", "0101010" * 60 + "x", "01010101, " * 200 + "01x", "0 1" * 300])
def test_many_bits_are_looked_through_in_one_way(text: str):
    process = time.process_time()
    list(alphabets.readings(text))
    alphabets._odd(text)
    assert time.process_time() - process < 1


@pytest.mark.parametrize("between", ["", " ", ", ", "\n"])
@pytest.mark.parametrize("size", [7, 8])
def test_bits_are_read_however_they_are_laid_out(size: int, between: str):
    written = between.join(format(byte, f"0{size}b") for byte in b"4929 1234")
    assert b"4929 1234" in {data for _, _, name, data in alphabets.readings(f"see {written} there") if name == "binary"}


CODES = (
    "41",
    "0x41 ",
    "65, ",
    "\\101",
    "01000001 ",
    "be ",
    "all of it ",
    "é",
    "\u00a0",
    "x",
    "-",
    ":",
    "d 4",
    "1101101" * 2,
)


@given(st.lists(st.sampled_from(CODES), max_size=24).map("".join))
def test_codes_are_seen_in_a_large_text_as_in_a_small_one(text: str):
    expected = alphabets._CODES.search(text) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alphabets, "LARGE", 1)
        patch.setattr(stretches, "LARGE", 1)
        assert alphabets._holds_codes(text.encode()) == (expected and bool(text))


def test_what_surrounds_a_stretch_is_given_with_it():
    table = stretches.within(b"ab")
    assert list(stretches.surrounded(b"abab-a-xababa", table, 3)) == [b"abab-", b"xababa"]
    assert not list(stretches.surrounded(b"ab-ab" * 1000, table, 5))
