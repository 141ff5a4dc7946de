import base64
import zlib

import pytest

import dlp_secrets.plugin as subject
from dlp.core.finding import Confidence
from dlp.testing.plugins import check_plugin, findings_of, found_texts
from dlp_secrets import formats

HOST = check_plugin(subject)
RANDOM = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9fG1hJ3kL5mN7pQ9rS1tU3vW5xY7z"
JWT = (
    base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    + "."
    + base64.urlsafe_b64encode(b'{"sub":"1"}').decode().rstrip("=")
    + ".c2lnbmF0dXJl"
)


def with_prefix(prefix: str, length: int) -> str:
    return prefix + RANDOM[:length]  # put together here, so that no scanner of repositories takes it for real


KEYS = [
    with_prefix("gh" + "p_", 36),
    with_prefix("github" + "_pat_", 22) + "_" + RANDOM[:59],
    with_prefix("gl" + "pat-", 20),
    with_prefix("sk_" + "live_", 24),
    with_prefix("rk_" + "test_", 24),
    with_prefix("sk-" + "proj-", 40),
    with_prefix("sk-" + "ant-api03-", 40),
    with_prefix("AI" + "za", 35),
    with_prefix("npm" + "_", 36),
    with_prefix("pypi" + "-AgE", 60),
    with_prefix("S" + "G.", 22) + "." + RANDOM[:43],
    "S" + "K" + "0123456789abcdef" * 2,
    "AK" + "IA" + "Q3EGSIHOV7M4X5PL",
    with_prefix("mk" + "_live_", 20),
    with_prefix("acme" + "_test_", 16),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("body", ["{}", "use {} now", "key={};", 'x="{}"'])
def test_a_key_is_found_by_its_format_and_nothing_around_it(key: str, body: str):
    assert ("SECRET_API_KEY", key) in found_texts(HOST, body.format(key))


@pytest.mark.parametrize(
    ("text", "entity", "secret"),
    [
        ("xo" + "xb-123456789012-" + RANDOM[:24], "SECRET_TOKEN", None),
        (JWT, "SECRET_TOKEN", None),
        ("Authorization: Bearer " + RANDOM[:32], "SECRET_TOKEN", RANDOM[:32]),
        ("postgres://app:s3cr3t-pw@db.test:5432/x", "SECRET_CONNECTION", "s3cr3t-pw"),
        ("AccountName=a;AccountKey=" + RANDOM[:44] + "==", "SECRET_CONNECTION", RANDOM[:44] + "=="),
        ("Server=db;Database=x;User Id=a;Password=hunter2x;", "SECRET_CONNECTION", "hunter2x"),
        ("-----BEGIN PRIVATE " + "KEY-----\nAAAA\n-----END PRIVATE KEY-----", "SECRET_PRIVATE_KEY", None),
        ("-----BEGIN RSA PRIVATE " + "KEY-----\nAAAA", "SECRET_PRIVATE_KEY", None),
        ("aws_secret_access_key = " + RANDOM[:40], "SECRET_API_KEY", RANDOM[:40]),
        ("export DB_PASSWORD='correct horse'", "SECRET_PASSWORD", None),
        ("api_key: abcd1234efgh5678ijkl", "SECRET_API_KEY", "abcd1234efgh5678ijkl"),
    ],
)
def test_other_secrets_are_found_in_text(text: str, entity: str, secret: str | None):
    found = found_texts(HOST, text)
    if "correct horse" in text:
        assert found == []  # two words are no password, unless the name says pass phrase
    else:
        assert (entity, secret or text) in found


@pytest.mark.parametrize("name", ["password", "dbPassword", "user_passwd", "PWD", "api-key", "apiKey", "client_secret"])
def test_a_value_is_known_by_its_name(name: str):
    (found,) = findings_of(HOST, {name: "k9XvQ2zTf8Lw"})
    assert found.by == "dlp_secrets/named"
    assert found.data_class in (formats.PASSWORD, formats.API_KEY)


@pytest.mark.parametrize(
    "body",
    [
        {"token_type": "Bearer-like-thing-1"},
        {"next_page_token": "CAUQAA8Zx92Kd81"},
        {"password": "<your password>"},
        {"password_changed_at": "2024-01-01T00:00:00"},
        {"api_key": "${API_KEY}"},
        {"prompt_tokens": 123456},
        {"secret_santa": "x"},
        {"token": "hello world, how are you"},
        {"text": "the passport and the compass work"},
        "no secrets in lorem ipsum dolor",
        "eyJub3QiOiJhIGp3dCJ9x.abcd.efgh",
    ],
)
def test_what_only_looks_like_one_is_left_alone(body: object):
    assert found_texts(HOST, body) == []


def test_the_check_digits_of_github_and_npm_raise_the_confidence():
    body = RANDOM[:30]
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = formats._BASE62[digit] + digits
    real = "gh" + "p_" + body + digits.rjust(6, "0")
    assert formats.has_crc(real) is Confidence.HIGH
    assert formats.has_crc("gh" + "p_" + RANDOM[:36]) is Confidence.MEDIUM


def test_every_format_compiles_and_none_may_match_anywhere():
    assert len({one.name for one in formats.FORMATS}) == len(formats.FORMATS)
    assert all(expression.pattern for _, expression in formats.compiled)


@pytest.mark.parametrize(
    "line",
    [
        "token = Token(kind, tag)",
        "tokens: list[Token] = []",
        "privateKey: process.env.PRIVATE_KEY,",
        "password = enforce_bytes(auth[1])",
        "token: REFUND_KEY}",
        "key_password=key_password",
        "secret.password: {says: a word}",
    ],
)
def test_what_code_assigns_to_a_name_is_no_secret(line: str):
    assert found_texts(HOST, line) == []


@pytest.mark.parametrize("line", ["password=hunter2!x", "api_key = zX81kd93kd0AAq", 'password: "enforce_bytes(auth"'])
def test_a_value_after_a_name_still_is_one(line: str):
    assert len(found_texts(HOST, line)) == 1


AWS, GITHUB = "AK" + "IAQ3EGSIHOV7M4X5PL", "gh" + "p_" + "0" * 30 + formats.base62_crc("0" * 30)


@pytest.mark.parametrize("key", [AWS, GITHUB, with_prefix("AI" + "za", 35)])
@pytest.mark.parametrize("cuts", [(12,), (7, 15), (-4,)])
def test_a_key_cut_over_fields_beside_each_other_is_found_in_each(key: str, cuts: tuple[int, ...]):
    pieces = [key[start:end] for start, end in zip((0, *cuts), (*cuts, None), strict=True)]
    names = ["kind", "head", "more", "last"]
    body = {"settings": dict(zip(names, ["new", *pieces], strict=False)) | {"region": "us-east-1"}}
    assert found_texts(HOST, body) == [("SECRET_API_KEY", piece) for piece in pieces]
    assert found_texts(HOST, {"of": ["x", *pieces, "y"]}) == [("SECRET_API_KEY", piece) for piece in pieces]


@pytest.mark.parametrize(
    "body",
    [
        {"prefix": AWS[:4], "region": "us-east-1"},
        {"head": AWS[:12], "between": "a word", "tail": AWS[12:]},
        {"head": AWS[:12], "tail": AWS[12:] + "X"},
        {"head": AWS[:12], "elsewhere": {"tail": AWS[12:]}},
        {"head": GITHUB[:20], "tail": GITHUB[20:-1] + "_"},
        {"prefix": "gh" + "p_", "digest": "0123456789abcdef" * 2 + "0123"},
        {"prefix": "sk_" + "live_abcdef", "created": "1700000000"},
        {"language": "sk-SK", "id": RANDOM[:30]},
    ],
)
def test_fields_that_make_no_whole_key_are_left_alone(body: object):
    assert found_texts(HOST, body) == []


def test_pieces_are_found_among_words_and_in_a_name():
    found = [("SECRET_API_KEY", AWS[:12]), ("SECRET_API_KEY", AWS[12:])]
    assert found_texts(HOST, {"note": f"it is {AWS[:12]}", "and": f"{AWS[12:]} as well"}) == found
    assert found_texts(HOST, {AWS[:12]: AWS[12:]}) == found


def test_a_whole_key_does_not_take_its_neighbour_along():
    assert found_texts(HOST, {"key": AWS, "region": "x"}) == [("SECRET_API_KEY", AWS)]
    assert found_texts(HOST, {"a": AWS[:12], "b": AWS[12:], "c": AWS}).count(("SECRET_API_KEY", AWS)) == 1
