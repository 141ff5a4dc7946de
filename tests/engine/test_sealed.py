import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.message import Kind, Part
from dlp.engine import sealed as sealed_module
from dlp.engine import stretches
from dlp.engine.sealed import lists, may_be_sealed, sealed

HASHES = [hashlib.sha256(bytes([number])).digest() for number in range(40)]
WRITTEN = {
    "base32": [base64.b32encode(each[:16]).decode() for each in HASHES],
    "base85": [base64.b85encode(each).decode() for each in HASHES],
    "decimal": [str(int.from_bytes(b"\x01" + each[:16])) for each in HASHES],
    "bytes": [", ".join(map(str, each)) for each in HASHES],
    "pairs": [each.hex(" ") for each in HASHES],
}


@pytest.mark.parametrize("name", WRITTEN)
def test_ciphertext_is_seen_in_whatever_it_is_written(name: str):
    seen = [text for text in WRITTEN[name] if any(sealed(f"see {text}")) and may_be_sealed(f'"see {text}"'.encode())]
    assert len(seen) >= len(HASHES) * (0.9 if name == "base85" else 1)


def _grouped(text: str, size: int, between: str) -> str:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("between", [" ", "\n", "\r\n", "\t"])
@pytest.mark.parametrize("size", [8, 12, 16, 19])
def test_ciphertext_in_lines_or_groups_is_seen_by_the_first_look_too(size: int, between: str):
    for each in HASHES:
        text = _grouped(base64.b64encode(each).decode(), size, between)
        assert any(sealed(text)) == may_be_sealed(text.encode())
    assert sum(any(sealed(_grouped(base64.b64encode(h).decode(), size, " "))) for h in HASHES) >= len(HASHES) * 0.8


@pytest.mark.parametrize("between", [" ", ",", ", ", "\t", "\n", ",\n    "])
def test_bytes_one_by_one_are_seen_by_the_first_look_however_they_are_laid_out(between: str):
    for each in HASHES:
        assert may_be_sealed(f"[{between.join(map(str, each))}]".encode())
        assert may_be_sealed(f"[{between.join(f'0x{byte:02x}' for byte in each)}]".encode())


@given(st.text('aB3/+= \n:.,-x0fF"', max_size=120))
def test_what_the_closer_look_sees_the_first_look_does_not_miss(text: str):
    assert may_be_sealed(text.encode()) or not any(sealed(text))


def test_a_hash_in_the_shape_of_an_id_is_no_id_unless_it_says_so():
    digits = "66f31904-e060-d8a7-b13f-abcfe5933081"
    assert any(sealed(digits))
    assert not any(sealed(digits.replace("-d8a7-", "-48a7-")))


HARMLESS = [
    *("const getEmployeeById = (id) => fetch(`/api/${id}`).then(r => r.json());", ".btn{color:#FFF;margin:0 4px}"),
    *("thisIsAVeryLongCamelCaseIdentifierName", "THIS_IS_A_CONSTANT_NAME", "2026-11-20T10:11:12.123456Z"),
    *("https://Cdn.test/assets/app.3f2a9c.js?v=12&x=Y", r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z]{2,}$"),
    *("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 200", "4 8 15 16 23 42 4 8 15 16 23 42 4 8 15 16 23"),
    "an ordinary sentence about nothing at all, with (some) punctuation; and 12 numbers!",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_and_programs_write_is_not_taken_for_ciphertext(text: str):
    assert not list(sealed(text))


def test_a_list_of_numbers_is_one_text():
    parts = [(number, Part(f"/a/{number}", str(number), Kind.NUMBER)) for number in range(5)]
    parts += [(5, Part("/b/0", "1", Kind.NUMBER)), (6, Part("/c", "text"))]
    assert list(lists(parts)) == [(0, "0,1,2,3,4")]
    for above in ("", "/", "/a"):
        rows = [(3 + n, Part(f"{above}/{n}", str(n), Kind.NUMBER)) for n in range(4)]
        assert list(lists(rows)) == [(3, "0,1,2,3")]


odd = st.lists(
    st.sampled_from(["word", "Word", "It's", "x9Q#", "B0;", " ", "\t", "\x1c", "\x0b", "é", "Q", "#", "&", "ab"])
)


@given(odd.map("".join), odd.map("".join))
def test_a_short_text_is_told_to_hold_no_base85_more_quickly_with_the_same_answer(text: str, more: str):
    data = f"{text} {more}".encode()
    quickly = sealed_module._may_be_85(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_module, "_odd_length", lambda _: 1000)
        assert sealed_module._may_be_85(data) == quickly


@given(st.text("aB3#<;:/.-AaZz09&$", min_size=20, max_size=60), st.sampled_from(["", "A-Z", "://", "abcdef", "abcde"]))
def test_a_long_token_is_told_to_be_base85_as_a_short_one_is(token: str, inside: str):
    token = token[:10] + inside + token[10:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "LARGE", 1)
        assert sealed_module._is_long_85(token.encode()) == sealed_module._is_85(token)


@given(st.lists(st.sampled_from(["aB1<", "x9Q#;~2", "0a1b2c3d-4e5f-0234-79ab-0c1d2e3f4a5b", "a", "Qx7" * 9, "-", "1"])))
def test_a_long_token_is_dense_where_a_short_one_is(some: list[str]):
    token = "".join(some).encode()
    expected = sealed_module._dense(token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_module, "LARGE", 1)
        patch.setattr(stretches, "LARGE", 1)
        assert sealed_module._dense(token) == expected
