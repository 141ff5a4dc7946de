import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine import grouped as subject
from dlp.engine.grouped import grouped, may_be_grouped

HASHES = [hashlib.sha256(bytes([number])).digest() for number in range(40)]
HARMLESS = (
    "2026-11-20T21:00:00Z INFO worker-3 processed 250 items in 84 ms\n2026-11-20T21:00:01Z INFO worker-4 idle",
    "ids b8a1abcd-1a69-46c7-8da4-f9fc3c6da5d7 1710cf53-27ac-435a-ba97-c643656412a9",
    "AB-1234-XZ, AB-1235-XZ, AB-1236-XZ",
    "10.0.0.1 10.0.0.2 10.0.0.3 and 192.168.100.200",
    "decodeBase64(encodeBase64(decodeBase64(encodeBase64(text))))",
    "run-7f3a2b failed, see PROJ-1234 and INV-2026-004812",
)


def cut(text: str, size: int, between: str) -> str:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("between", [" ", ", ", "\n", ".", "/", '", "'])
@pytest.mark.parametrize("size", [4, 6, 8, 16])
@pytest.mark.parametrize("coding", ["hex", "base32", "base64"])
def test_ciphertext_in_groups_is_seen(coding: str, size: int, between: str):
    encode = {"hex": base64.b16encode, "base32": base64.b32encode, "base64": base64.b64encode}[coding]
    texts = [cut(encode(each).decode(), size, between) for each in HASHES]
    if (coding, between) == ("base64", "/"):  # which is one run of base64
        assert not any(map(any, map(grouped, texts)))
        return
    seen = [text for text in texts if any(grouped(text)) and may_be_grouped(text.encode())]
    assert len(seen) >= len(texts) * 0.8


@pytest.mark.parametrize("text", HARMLESS)
def test_ids_times_and_code_are_not_taken_for_groups_of_ciphertext(text: str):
    assert not list(grouped(text))


def test_the_work_is_linear_in_the_text():
    text = "a1 b2 " * 50_000
    assert len(list(grouped(text))) <= 1


@given(st.text("ABTZabtz019 -:,.x", max_size=60))
def test_what_rules_groups_out_at_once_rules_out_nothing_else(text: str):
    data = text.encode()
    quick = may_be_grouped(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "_CHANGES", (b"",))
        assert may_be_grouped(data) == quick


@given(
    st.lists(st.sampled_from(["2026-01-02T03:04:05Z", "12:00", "1.2.3", "<", "_", "a/", "9", ":", "+02:00", "Tz", "é"]))
)
def test_what_is_accounted_for_is_left_out_of_pieces_as_of_a_whole(some: list[str]):
    text = "".join(some)
    expected = subject._unaccounted(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "PIECE", 1)
        patch.setattr(subject, "_AT_ONCE", 7)
        assert subject._unaccounted(text) == expected
