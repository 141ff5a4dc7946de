import pytest

import dlp_presidio.plugin as subject
from dlp.testing.plugins import found_texts, host_of
from dlp_presidio.formats import keccak, mails, wallets

HOST = host_of("dlp_presidio", subject, {"ner": "off"})
WALLET = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"


@pytest.mark.parametrize(
    ("text", "mail"),
    [
        ("https://x.example/?q=a@b.org&z=1", "a@b.org"),
        ("see https://x.example/u/anna.lee@b.co.uk, please", "anna.lee@b.co.uk"),
        ("GET /s?q=anna.lee%40corp.com HTTP/1.1", "anna.lee%40corp.com"),
        ("https://x.example/s?e%3Danna%2Btag%40b.org", "anna%2Btag%40b.org"),
        ("?next=%2Fin%3Fe%3Danna%2540b.org", "anna%2540b.org"),
    ],
)
def test_an_e_mail_address_in_a_url_is_found(text: str, mail: str):
    assert [text[start:end] for start, end in mails(text)] == [mail]
    assert ("EMAIL_ADDRESS", mail) in found_texts(HOST, {"note": text})


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/x",
        "https://user:word@b.org/",
        "icon=a@2x.png",
        "pkg/lib@1.2.3",
        "a=b@localhost",
        "50%40.5",
        "anna@b.org",
    ],
)
def test_what_only_looks_like_one_is_left_alone_and_plain_ones_to_presidio(text: str):
    assert list(mails(text)) == []


def test_keccak_gives_what_its_authors_give():
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


def test_an_address_of_ethereum_is_sure_where_the_case_of_its_letters_is_right():
    swapped = WALLET.replace("d8dA", "D8dA")
    assert [score for _, _, score in wallets(f"{WALLET} {WALLET.lower()} {swapped}")] == [1.0, 0.75, 0.4]
    assert list(wallets(f"{WALLET}00 {WALLET[:-1]} x{WALLET}")) == []
    assert found_texts(HOST, f"https://x.example/?eth={WALLET}") == [("CRYPTO", WALLET)]
