"""Texts to try detection on, made of what looks like personal data and what stands between; every run has the same."""

import json
import random
from collections.abc import Callable, Iterator

# ruff: noqa: RUF001  look-alikes are the subject
_MAILS = ("bob", "a.b", "Jürgen", "x+y", "日本", "o'neill", "UPPER_case")
_HOSTS = ("x.org", "ex-a.co.uk", "a", "example.com", "mail.münchen.de", "b.museum")
_PICKED = (
    ("4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011000990139424", "1700000000123"),
    ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "de89 3704 0044 0532 0130 00", "NO9386011117947"),
    ("10.0.0.1", "2001:db8::1", "::1", "fe80::1%eth0", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "10.1.2.3/24", "::"),
    (
        "12/31/1999",
        "31.12.99",
        "5-JAN-2020",
        "MAR-21",
        "07/24",
        "2024-05-01T10:00:00Z",
        "2024-05-01 10:00:00",
        "3/2024",
    ),
    ("https://x.example.com/a?b=c", "www.foo.io", '"http://a.co"', "'b.org/x'", "a.b", "http://user:pw@h.net:80/"),
    ("A1234567", "12AB3456", "943 476 5919", "9434765919", "912-70-1234", "912701234", "A-Z]]123", "H12345678"),
    ("00:1B:44:11:3A:B7", "001b.4411.3ab7", "123e4567-e89b-12d3-a456-426614174000", "00-1b-44-11-3a-b7"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "AB1234563", "BB1388568"),
    (
        "é",
        "١٢٣٤٥٦٧٨٩",
        "123456789²",
        "e\u0301 12345678",
        "x",
        "_",
        "😀",
        "ſ",
        "１２３-４５-６７８９",
        "\u202e123-45-6789",
    ),
    ("שלום 050-123-4567", "مرحبا ٠٥٠", "電話 03-1234-5678", "👩‍👩‍👧 212-555-0142", "\u200f+972 50 123 4567\u200e"),
    (
        "My SSN is",
        "phone:",
        "account",
        "card number",
        "born on",
        "tax id",
        "passport",
        "Anna Smith",
        "from Berlin to Paris",
    ),
)
_BETWEEN = (" ", ", ", "\n", "", "_", '"', ": ", " - ", "\t", "(", ")", "\u00a0", "ä", "|", "; ", "/", "=")


def texts(count: int, seed: int = 7) -> Iterator[str]:
    """Give that many texts: fragments, JSON, log lines, CSV, and a few lines that are far too long."""
    chance = random.Random(seed)  # noqa: S311  the same texts in every run
    shapes: tuple[Callable[[random.Random], str], ...] = (_fragment, _fragment, _fragment, _json, _log, _csv)
    for number in range(count):
        yield _long(chance) if number % 100 == 99 else chance.choice(shapes)(chance)  # noqa: PLR2004  one in a hundred


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _thing(chance: random.Random) -> str:
    def some(count: int) -> str:
        return _digits(chance, count)

    made: tuple[Callable[[], str], ...] = (
        lambda: f"{chance.choice(_MAILS)}@{chance.choice(_HOSTS)}",
        lambda: f"{some(3)}-{some(2)}-{some(4)}",
        lambda: f"{some(3)}.{some(2)}.{some(4)}",
        lambda: f"4{some(15)}",
        lambda: f"+{some(2)} {some(3)} {some(7)}",
        lambda: f"({some(3)}) {some(3)}-{some(4)}",
        lambda: f"+1 {some(3)}-{some(3)}-{some(4)} ext. {some(3)}",
        lambda: f"0{some(chance.randrange(2, 5))} {some(chance.randrange(3, 9))}",
        lambda: f"20{some(2)}-0{chance.randrange(1, 9)}-1{chance.randrange(9)}",
        lambda: some(chance.randrange(1, 20)),
        lambda: f"{some(5)}-{some(4)}",
        lambda: f"{chance.choice('ABFGMXabx')}{chance.choice('A9bz')}{some(7)}",
        lambda: " ".join(some(chance.randrange(1, 5)) for _ in range(chance.randrange(2, 6))),
    )
    if chance.random() < 0.5:  # noqa: PLR2004  an even chance
        return chance.choice(chance.choice(_PICKED))
    return chance.choice(made)()


def _fragment(chance: random.Random) -> str:
    return "".join(_thing(chance) + chance.choice(_BETWEEN) for _ in range(chance.randrange(1, 6)))


def _json(chance: random.Random) -> str:
    keys = ("id", "email", "phone", "ssn", "note", "updated", "ip", "account_number", "日付")
    record = {chance.choice(keys): _thing(chance) for _ in range(chance.randrange(1, 6))}
    return json.dumps([record, chance.randrange(10**9)], ensure_ascii=chance.random() < 0.3)  # noqa: PLR2004


def _log(chance: random.Random) -> str:
    stamp = f"2026-11-{chance.randrange(10, 28)}T{chance.randrange(10, 24)}:{chance.randrange(10, 60)}:07.123Z"
    return f"{stamp} WARN [worker-{chance.randrange(9)}] req={chance.getrandbits(64):016x} {_fragment(chance)}\n"


def _csv(chance: random.Random) -> str:
    rows = [",".join(_thing(chance) for _ in range(4)) for _ in range(chance.randrange(1, 5))]
    return "\r\n".join(["name,phone,email,ssn", *rows])


def _long(chance: random.Random) -> str:
    filler = ("lorem ipsum dolor ", "status ok ", "a,b;c ", "12 34 ", "x.y ", "//", "ab" * 40)
    pieces = (_fragment(chance) if chance.random() < 0.1 else chance.choice(filler) for _ in range(300))  # noqa: PLR2004
    return "".join(pieces).replace("\n", " ")
