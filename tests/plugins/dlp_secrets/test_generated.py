"""Secrets in code, settings, logs and among look-alikes, generated with a fixed seed, and what is found of them."""

import base64
import json
import random
import string
import uuid
from collections.abc import Callable

import dlp_secrets.plugin as subject
from dlp.core.message import Block, Direction, Message, Part
from dlp.engine.scan import Scanner
from dlp.testing.plugins import ENDPOINT
from dlp_secrets import formats

KEYS = 2400
_HEX, _LOWER, _WORD = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_letters + string.digits
_URL = _WORD + "_-"
_SERVICES = ("billing", "orders", "mailer", "search", "ingest", "web", "auth", "report")

type Make = Callable[[random.Random], str]


def some(alphabet: str, length: int, prefix: str = "") -> Make:
    return lambda given: prefix + "".join(given.choices(alphabet, k=length))


def with_crc(prefix: str) -> Make:
    def make(given: random.Random) -> str:
        body = "".join(given.choices(_WORD, k=30))
        return prefix + body + formats.base62_crc(body)

    return make


def jwt(given: random.Random) -> str:
    pieces = [{"alg": "HS256", "typ": "JWT"}, {"sub": str(given.randrange(10**9)), "iat": 1700000000}]
    made = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in pieces]
    return ".".join([*made, some(_URL, 43)(given)])


def pem(given: random.Random) -> str:
    kind = given.choice(("", "RSA ", "EC ", "OPENSSH "))
    body = "\n".join(some(_WORD + "+/", 64)(given) for _ in range(6))
    return f"-----BEGIN {kind}PRIVATE " + f"KEY-----\n{body}\n-----END {kind}PRIVATE " + "KEY-----"


FORMATS: dict[str, Make] = {  # put together from pieces, so that no scanner of repositories takes one for real
    "aws": some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, "AK" + "IA"),
    "github": with_crc("gh" + "p_"),
    "github-fine": lambda given: some(_WORD, 22, "github" + "_pat_")(given) + "_" + some(_WORD, 59)(given),
    "gitlab": some(_URL, 20, "gl" + "pat-"),
    "slack": lambda given: (
        f"xo{'xb'}-{given.randrange(10**11, 10**12)}-{given.randrange(10**12)}-{some(_WORD, 24)(given)}"
    ),
    "stripe": some(_WORD, 24, "sk_" + "live_"),
    "openai": some(_URL[:-2], 48, "sk-" + "proj-"),
    "anthropic": some(_WORD, 90, "sk-" + "ant-api03-"),
    "google": some(_WORD, 35, "AI" + "za"),
    "npm": with_crc("npm" + "_"),
    "sendgrid": lambda given: some(_WORD, 22, "S" + "G.")(given) + "." + some(_WORD, 43)(given),
    "twilio": some(_HEX, 32, "S" + "K"),
    "huggingface": some(string.ascii_letters, 34, "h" + "f_"),
    "digitalocean": some(_HEX, 64, "dop" + "_v1_"),
    "databricks": some(_HEX, 32, "da" + "pi"),
    "grafana": lambda given: some(_WORD, 32, "gl" + "sa_")(given) + "_" + some(_HEX, 8)(given),
    "postman": lambda given: some(_HEX, 24, "PM" + "AK-")(given) + "-" + some(_HEX, 34)(given),
    "groq": some(_WORD, 52, "g" + "sk_"),
    "replicate": some(_WORD, 37, "r" + "8_"),
    "docker": some(_WORD, 27, "dckr" + "_pat_"),
    "linear": some(_WORD, 40, "lin" + "_api_"),
    "notion": some(_WORD, 46, "nt" + "n_"),
    "shopify": some(_HEX, 32, "sh" + "pat_"),
    "vault": some(_WORD, 90, "hv" + "s."),
    "telegram": lambda given: f"{given.randrange(10**9, 10**10)}:A" + some(_WORD, 33, "A")(given),
    "jwt": jwt,
    "pem": pem,
}
NAMED: dict[str, Make] = {
    "password": some(_WORD + "!%+", 14),
    "db_password": some(_WORD, 16),
    "api_key": some(_HEX, 32),
    "client_secret": some(_WORD, 40),
    "access_token": some(_WORD, 40),
    "auth-token": some(_URL[:-2], 32),
    "SECRET_KEY": some(_WORD, 50),
    "encryption_key": lambda given: base64.b64encode(given.randbytes(32)).decode(),
}
URLS = ("postgres://app:{}@db.test:5432/main", "amqp://worker:{}@mq.test/", "mongodb+srv://svc:{}@c0.test/x")


def places(given: random.Random, name: str, value: str) -> str:
    service = given.choice(_SERVICES)
    upper = name.upper().replace("-", "_")
    return given.choice(
        [
            f'{name} = "{value}"  # {service}',
            f"export {upper}={value}",
            f"2026-03-0{given.randrange(1, 9)} 10:11:12 INFO {service}: retry with {name}={value} attempt=2",
            f"{service}:\n  {name}: {value}\n  timeout: 30",
            f'const client = connect({{ {name.replace("-", "_")}: "{value}", region: "eu-1" }});',
            json.dumps({"service": service, name: value, "retries": 3}),
            f"[{service}]\n{name}={value}\n",
        ]
    )


def bare(given: random.Random, value: str) -> str:
    return given.choice(
        [
            f"please use {value} for now",
            f'connect("{value}")',
            f"https://api.test/v1?k={value}&page=2" if "\n" not in value else value,
            f"# rotate {value} on Monday",
            json.dumps({"note": f"old one was {value}"}) if "\n" not in value else value,
        ]
    )


LOOKALIKES: tuple[Make, ...] = (
    lambda given: f'"id": "{uuid.UUID(int=given.getrandbits(128))}"',
    lambda given: f"commit {some(_HEX, 40)(given)}",
    lambda given: f"sha256:{some(_HEX, 64)(given)}",
    lambda given: f'"integrity": "sha512-{base64.b64encode(given.randbytes(64)).decode()}"',
    lambda given: f"data:image/png;base64,{base64.b64encode(given.randbytes(120)).decode()}",
    lambda given: f"etag: {some(_HEX, 32)(given)}",
    lambda given: f"next_page_token={some(_WORD, 40)(given)}",
    lambda given: f"token_type: bearer, expires_in={given.randrange(9999)}",
    lambda _given: "password: <your password here>",
    lambda _given: "api_key: ${API_KEY}",
    lambda given: f"max_tokens={given.randrange(10**6)} prompt_tokens={given.randrange(10**6)}",
    lambda given: f"GET /assets/app.{some(_HEX, 20)(given)}.js 200",
    lambda given: f"trace_id={some(_HEX, 32)(given)} span_id={some(_HEX, 16)(given)}",
    lambda _given: "the passage about keys and tokens was secretly rewritten",
    lambda given: f"cache-key: user-{given.randrange(10**8)}",
)


def generated(seed: int = 7) -> list[tuple[str, str]]:
    """Return texts with the one secret that each holds, "" for those that only look like it."""
    given = random.Random(seed)  # noqa: S311  reproducible on purpose
    made: list[tuple[str, str]] = []
    for number in range(KEYS):
        if number % 12 == 0:
            value = some(_WORD, 12)(given)
            made.append((given.choice(URLS).format(value), value))
        elif number % 3 == 0:
            name = given.choice(list(NAMED))
            value = NAMED[name](given)
            made.append((places(given, name, value), value))
        else:
            kind = given.choice(list(FORMATS))
            value = FORMATS[kind](given)
            named = number % 3 == 1 and kind != "pem"
            made.append((places(given, f"{kind}_key", value) if named else bare(given, value), value))
        made.append((given.choice(LOOKALIKES)(given), ""))
    return made


def measured(texts: list[tuple[str, str]]) -> tuple[float, float, list[str]]:
    """Return recall, precision, and the beginnings of what went wrong."""
    parts = tuple(Part(f"/{index}", text) for index, (text, _) in enumerate(texts))
    hits = Scanner({"dlp_secrets": list(subject.patterns())}).hits(parts).get("dlp_secrets", [])
    found: dict[int, list[tuple[int, int]]] = {}
    for one in subject.classify(Message(Direction.OUTBOUND, ENDPOINT, (Block(lambda: parts),)), hits):
        found.setdefault(one.part, []).append((one.start, one.end))
    right = wrong = missed = 0
    told = []
    for index, (text, secret) in enumerate(texts):
        start = text.find(secret) if secret else -1
        inside = [
            span for span in set(found.get(index, [])) if secret and span[0] < start + len(secret) and start < span[1]
        ]
        covered = any(span[0] <= start and start + len(secret) <= span[1] for span in inside)
        right += covered
        missed += bool(secret) and not covered
        outside = len(set(found.get(index, []))) - len(inside)
        wrong += outside
        if outside or (secret and not covered):
            told.append(("MISSED " if secret and not covered else "WRONG ") + text[:100])
    return right / (right + missed), right / (right + wrong), told


def test_nearly_all_secrets_are_found_and_little_else():
    texts = generated()
    assert sum(bool(secret) for _, secret in texts) >= 2000
    recall, precision, told = measured(texts)
    assert recall >= 0.95, told[:20]
    assert precision >= 0.9, told[:20]


def test_the_generator_gives_the_same_texts_again_and_others_for_another_seed():
    assert generated() == generated()
    assert generated(8) != generated()
