"""What the load is made of: bodies that look like an API's, all different, made from a number.

`clean` is a page of warehouse tickets: ids of four to seven digits, titles of plain words, states, quantities,
decimals, short lists and ISO 8601 timestamps; no person, no key, nothing shaped like either. `with_uuid` is the same
with a UUID in each ticket, whose digits classifiers have to look at. `personal` is one customer with five values that
no other body has: two e-mail addresses, a telephone number, a payment card and, by turns, an IBAN or a social security
number, all with right check digits. Words and numbers come from a seeded generator: every run sends the same.
"""

import gzip
import json
import random
from functools import cache

VARIANTS, FEW = 256, 6

# fmt: off
_THINGS = (
    "belt", "bearing", "gasket", "pump", "valve", "filter", "motor", "sensor", "cable", "bracket", "hinge", "pallet",
    "forklift", "conveyor", "scanner", "printer", "label", "carton", "crate", "shelf", "ladder", "trolley", "battery",
    "charger", "switch", "relay", "fuse", "panel", "gauge", "nozzle", "hose", "clamp",
)
_DOES = (
    "replace", "inspect", "order", "count", "move", "return", "repair", "test", "clean", "calibrate", "restock",
    "label", "pack", "weigh", "stack",
)
_LIKE = (
    "worn", "spare", "broken", "missing", "urgent", "blocked", "damp", "loose", "heavy", "narrow", "blue", "steel",
    "rubber", "copper", "wide", "late",
)
_STATES = ("open", "closed", "waiting", "in progress", "on hold")
_ZONES = ("north", "south", "dock", "yard", "cold store", "mezzanine")
_AREAS = (212, 415, 312, 617, 206, 303, 512, 404)
_FIRST = (
    "ana", "ben", "carla", "dmitri", "elif", "farid", "greta", "hugo", "ines", "jonas", "kaito", "lena",
)
_LAST = (
    "alvarez", "brandt", "costa", "dubois", "eriksen", "fischer", "gruber", "haddad", "ivanov", "jansen", "kowalski",
    "lindgren",
)
# fmt: on


_ENUMERATED = {
    "kind": ("Deployment", "StatefulSet", "ReplicaSet", "ConfigMap", "PullRequestEvent"),
    "app": ("Kafka", "Jenkins", "Prometheus", "Redis", "Envoy", "checkout-service"),
    "language": ("Python", "Ruby", "Julia", "Scala", "Dart", "Haskell"),
    "product": ("Aurora Desk Lamp", "Vega Monitor Arm", "Titan Cordless Drill", "Breeze Tower Fan"),
    "reason": ("MinimumReplicasAvailable", "FailedScheduling", "BackOff", "ContainerCreating"),
    "title": ("Fix Flaky Test in CI", "Crash on Startup when Cache is Cold", "Add Dark Mode Toggle"),
    "license": ("MIT License", "Apache License 2.0", "Mozilla Public License"),
    "status": ("Completed", "In Progress", "Queued", "Skipped"),
}
_LOGGED = (
    "INFO  [main] o.s.b.w.embedded.tomcat.TomcatWebServer - Tomcat initialized with port(s): 8080 (http)",
    "ERROR [http-nio-8080-exec-{m}] c.a.orders.OrderService - Failed to reserve stock: InsufficientInventoryException",
    "WARN  Retrying Kafka Producer send, Attempt {m}, Topic Orders.Created, Partition {m}",
    'production.INFO: Cache Warmed in {n} ms {{"store":"Redis","keys":{n}}}',
    "TRACE Hibernate: select Order0_.id as Id1_3_, Order0_.status as Status2_3_ from Orders Order0_ where Order0_.id=?",
    "systemd[1]: Started Session {n} of the root slice. kernel: TCP: request_sock_TCP: Possible SYN flooding",
)
_CODED = (
    "from typing import Dict, Awaitable, Concatenate",
    "    func_profiles_{n}: Dict[str, FunctionProfile] = Factory(dict)",
    "    if (error.code === 'EPIPE') {{ return Optik.parse(argv[{n}]); }}",
    "  ITEM* mapItems_{n}(NCursesMenuItem* const* items);",
    "// This wraps the ITEM type of <menu_{n}.h>",
    "class Renderer{n}(Visitor):  # Decorations of the Canvas",
)


def clean(number: int) -> bytes:
    """Return about 1 KB of JSON without personal data."""
    return _filled(_pages()[number % VARIANTS], number)


def with_uuid(number: int) -> bytes:
    """Return about 1 KB of JSON without personal data, with a UUID in each of its records."""
    return _filled(_pages(uuids=True)[number % VARIANTS], number)


def personal(number: int) -> bytes:
    """Return about 1 KB of JSON with five values that no other number gives."""
    filler = _notes()[number % VARIANTS]
    return b'{"customer":' + _customer(number) + b',"orders":' + filler + b"}"


def large(number: int) -> bytes:
    """Return about 100 KB of JSON without personal data."""
    return _filled(_pages(records=540, variants=8)[number % 8], number)


def large_personal(number: int) -> bytes:
    """Return about 100 KB of JSON: a hundred customers with their orders, five values each."""
    notes = _notes()
    customers = (
        b'{"customer":' + _customer(number * 100 + at) + b',"orders":' + notes[(number + at) % VARIANTS] + b"}"
        for at in range(100)
    )
    return b'{"customers":[' + b",".join(customers) + b"]}"


def people(number: int) -> bytes:
    """Return about 2 MB of JSON: two thousand customers with their orders, five values each; there are a few such."""
    return _people()[number % FEW]


@cache
def _people() -> list[bytes]:
    notes = _notes()
    made = []
    for number in range(FEW):
        customers = (
            b'{"customer":' + _customer(number * 2000 + at) + b',"orders":' + notes[at % VARIANTS] + b"}"
            for at in range(2000)
        )
        made.append(b'{"customers":[' + b",".join(customers) + b"]}")
    return made


@cache
def log() -> bytes:
    """Return about 2 MB of a log in which each tenth line tells of somebody's address and telephone."""
    chance = random.Random(2)  # noqa: S311 - the same load in every run
    lines = []
    for at in range(20_000):
        said = f"{chance.choice(_DOES)} the {chance.choice(_LIKE)} {chance.choice(_THINGS)} in {at % 97} ms, no retry"
        if at % 10 == 0:
            who = json.loads(_customer(at))
            said = f"sent the receipt to {who['email']}, told {who['phone']}"
        lines.append(f"{_moment(chance)} INFO [main] app.orders.Service - order {at}: {said}")
    return "\n".join(lines).encode()


@cache
def table() -> bytes:
    """Return about 5 MB of CSV: forty thousand tickets with a note each, and an address in each hundredth."""
    chance = random.Random(3)  # noqa: S311 - the same load in every run
    rows = ["id,note,zone,weight,updated,mail"]
    for at in range(40_000):
        note = " ".join(f"{chance.choice(_DOES)} the {chance.choice(_LIKE)} {chance.choice(_THINGS)}" for _ in range(3))
        mail = "" if at % 100 else json.loads(_customer(at))["email"]
        weight = f"{chance.uniform(0.1, 90):.2f}"
        rows.append(f"{at},{note},{chance.choice(_ZONES)},{weight},{_moment(chance)},{mail}")
    return "\r\n".join(rows).encode()


@cache
def bomb() -> bytes:
    """Return 300 MB of zeros in under 300 KB of gzip."""
    return gzip.compress(bytes(300_000_000), 9, mtime=0)


@cache
def numbers() -> bytes:
    """Return about 10 MB of JSON: a list of a million numbers, more parts than are ever kept."""
    return b"[" + b",".join(b"%d" % (number * 7919 % 10**9) for number in range(1_000_000)) + b"]"


@cache
def records() -> bytes:
    """Return about 2 MB of JSON: ten thousand records without personal data, which are 200,000 parts."""
    return _filled(_pages(records=10_000, variants=1)[0], 1)


def machines(number: int) -> list[tuple[str, bytes]]:
    """Return about 50 KB that machines wrote about machines, as (media type, body): an API's answers, a log, code."""
    chance = random.Random(number)  # noqa: S311 - the same load in every run
    resources = [{key: chance.choice(values) for key, values in _ENUMERATED.items()} for _ in range(60)]
    for one in resources:
        one["uid"], one["sha"] = _uuid(chance), f"{chance.getrandbits(160):040x}"
    lines = (
        f"2026-11-{chance.randrange(1, 29):02} 10:{chance.randrange(60):02}:07,{chance.randrange(1000):03} "
        + chance.choice(_LOGGED).format(n=chance.randrange(10**5), m=chance.randrange(20))
        for _ in range(150)
    )
    code = (chance.choice(_CODED).format(n=chance.randrange(100)) for _ in range(250))
    return [
        ("application/json", json.dumps({"items": resources}).encode()),
        ("text/plain", "\n".join(lines).encode()),
        ("text/plain", "\n".join(code).encode()),
    ]


def _filled(template: bytes, number: int) -> bytes:
    """Return a page with its ids, and so its whole, made its own by `number`."""
    base = 1000 + number * 7 % 8_999_000
    return template % tuple(range(base, base + template.count(b"%d")))


@cache
def _pages(*, records: int = 5, variants: int = VARIANTS, uuids: bool = False) -> list[bytes]:
    chance = random.Random(20261120)  # noqa: S311 - the same load in every run
    return [_page(chance, records, uuids=uuids) for _ in range(variants)]


def _page(chance: random.Random, records: int, *, uuids: bool) -> bytes:
    if uuids:
        records -= 1  # the page stays about as long
    tickets = b",".join(_ticket(chance, uuids=uuids) for _ in range(records))
    tail = f'"page":{chance.randint(1, 99)},"total":{chance.randint(100, 900)},"next":null'
    return b'{"tickets":[' + tickets + b"]," + tail.encode() + b"}"


def _ticket(chance: random.Random, *, uuids: bool = False) -> bytes:
    like, thing, zone = chance.choice(_LIKE), chance.choice(_THINGS), chance.choice(_ZONES)
    key = f'"uuid":"{_uuid(chance)}",' if uuids else ""
    return (
        f'{{"id":%d,{key}"title":"{chance.choice(_DOES)} the {like} {thing}","state":"{chance.choice(_STATES)}",'
        f'"zone":"{zone}","priority":{chance.randint(1, 5)},"quantity":{chance.randint(1, 400)},'
        f'"weight":{chance.uniform(0.1, 90):.2f},"tags":["{chance.choice(_LIKE)}","{chance.choice(_THINGS)}"],'
        f'"updated":"{_moment(chance)}"}}'
    ).encode()


def _moment(chance: random.Random) -> str:
    day, hour, minute, second = (
        chance.randint(1, 28),
        chance.randint(0, 23),
        chance.randint(0, 59),
        chance.randint(0, 59),
    )
    return f"2026-{chance.randint(1, 12):02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def _uuid(chance: random.Random) -> str:
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


@cache
def _notes() -> list[bytes]:
    """Return what fills a customer up to 1 KB: a few tickets with their ids."""
    chance = random.Random(1)  # noqa: S311 - the same load in every run
    return [
        b"[" + b",".join(_ticket(chance) % chance.randint(1000, 9_000_000) for _ in range(4)) + b"]"
        for _ in range(VARIANTS)
    ]


def _customer(number: int) -> bytes:
    first, last = _FIRST[number % 12], _LAST[number // 12 % 12]
    return (
        f'{{"id":{1000 + number % 1_000_000},"email":"{first}.{last}{number}@example.com",'
        f'"billing_email":"{last}{number}@example.org","phone":"{_phone(number)}","card":"{_card(number)}",'
        + (f'"iban":"{_iban(number)}"}}' if number % 2 else f'"ssn":"{_ssn(number)}"}}')
    ).encode()


def _phone(number: int) -> str:
    rest = number // len(_AREAS)
    return f"+1 {_AREAS[number % len(_AREAS)]}-{220 + rest // 10_000 % 80}-{rest % 10_000:04}"


def _card(number: int) -> str:
    """Return a card number that passes Luhn (ISO/IEC 7812-1, annex B)."""
    digits = f"4539{number * 7919 % 10**11:011}"
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(digits)]
    return digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)  # noqa: PLR2004


def _iban(number: int) -> str:
    """Return a German IBAN with right check digits (ISO 13616)."""
    account = f"{370400440000000000 + number * 104_729 % 10**10:018}"
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _ssn(number: int) -> str:
    return f"{100 + number % 560}-{10 + number // 560 % 89}-{1000 + number // 49_840 % 8999}"
