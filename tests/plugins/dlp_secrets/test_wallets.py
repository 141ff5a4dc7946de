import hashlib

import pytest

import dlp_secrets.plugin as subject
from dlp.testing.plugins import found_texts, host_of

HOST = host_of("dlp_secrets", subject, {})
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58_checked(raw: bytes) -> str:
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


SECRET = hashlib.sha256(b"nobody's").digest()
KEYS = [base58_checked(version + SECRET + suffix) for version in (b"\x80", b"\xef") for suffix in (b"", b"\x01")]
KEYS.append(base58_checked(bytes.fromhex("0488ade4") + bytes(9) + SECRET + b"\0" + SECRET))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_bitcoin_is_known_by_its_check(key: str):
    assert found_texts(HOST, f"GET /x?k={key}&n=1") == [("SECRET_PRIVATE_KEY", key)]
    wrong = key[:-1] + ("2" if key[-1] != "2" else "3")
    assert found_texts(HOST, f"GET /x?k={wrong}&n=1") == []


@pytest.mark.parametrize("form", ["private key: 0x{}", "the wallet key is {}", "PRIVATE_KEY 0x{}"])
def test_a_key_of_ethereum_is_known_by_what_it_is_called(form: str):
    text = form.format(SECRET.hex())
    assert ("SECRET_PRIVATE_KEY", text.split()[-1]) in found_texts(HOST, text)


def test_a_hash_is_no_key():
    assert found_texts(HOST, f"tx 0x{SECRET.hex()} mined; sha256:{SECRET.hex()}") == []
