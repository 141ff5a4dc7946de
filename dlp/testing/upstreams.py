"""The upstreams of generated programs, as pure functions of a secret and of what they were sent, and a policy."""

import base64
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from dlp.testing.programs import PAY_SOURCES, RESTRICTED

POLICY = """
policy: laws
version: "1"
use: [base]
classes:
  pay: {level: restricted}
  contact: {level: confidential}
recipes:
  banded: {pay: generalise, contact: tokenize, pii: tokenize}
sources:
  hidden: {at: ["https://hidden.test/**", "mcp://hidden/**"], fields: {"$..salary": pay}}
  clear: {at: ["https://clear.test/**", "mcp://clear/**"], fields: {"$..salary": pay}}
  bands: {at: ["https://bands.test/**", "mcp://bands/**"], fields: {"$..salary": pay}}
  open: {at: ["https://open.test/**", "mcp://open/**"], fields: {"$..salary": pay}}
  people: {at: ["https://people.test/**", "mcp://people/**"], fields: {"$..contact": contact}}
  friend: {at: ["https://friend.test/**", "mcp://friend/**"]}
destinations:
  hidden: {at: ["https://hidden.test/**", "mcp://hidden/**"]}
  clear: {at: ["https://clear.test/**", "mcp://clear/**"]}
  bands: {at: ["https://bands.test/**", "mcp://bands/**"]}
  open: {at: ["https://open.test/**", "mcp://open/**"]}
  people: {at: ["https://people.test/**", "mcp://people/**"]}
  friend: {at: ["https://friend.test/**", "mcp://friend/**"]}
  forbidding: {at: ["https://forbidding.test/**", "mcp://forbidding/**"]}
  logs: {at: ["https://logs.test/**", "mcp://logs/**"]}
  board: {at: ["https://board.test/**", "mcp://board/**"], facts: {audience: [/audience, /arguments/audience]}}
  partner: {at: ["https://partner.test/**", "mcp://partner/**"]}
  review: {at: ["https://review.test/**", "mcp://review/**"]}
  counts: {at: ["https://counts.test/**", "mcp://counts/**"]}
  held: {at: ["https://held.test/**", "mcp://held/**"]}
rules:
  - {name: clear pay enters, data: pay, from: [clear, open], to: sandbox, then: allow}
  - {name: pay enters in bands, data: pay, from: bands, to: sandbox, then: banded}
  - {name: home again, data: [pay, contact, pii], to: [hidden, clear, bands, open, people, friend], then: allow}
  - {name: logs get tokens, data: [pay, contact, pii], to: logs, then: tokenize}
  - {name: the board may have pay, data: pay, to: board, then: allow}
  - {name: but only for staff, data: pay, to: board, when: audience != "staff", then: block}
  - {name: open pay for the partner, data: pay, from: open, to: partner, then: allow}
  - name: pay after a review
    data: pay
    to: review
    then: block
    unless:
      - state: [banded, derived]
      - approved_by: manager
  - {name: counts may leave, data: pay, state: derived, to: counts, then: allow}
  - {name: nobody answers, data: pay, to: held, then: ask, approvers: [nobody]}
"""
CHANGED = POLICY.replace('version: "1"', 'version: "2"').replace(
    "  - {name: open pay for the partner, data: pay, from: open, to: partner, then: allow}\n", ""
)
"""The policy after it was changed: the partner gets nothing any more."""

LARGE = 200_000
"""From how many bytes an answer is refused unread."""

_NAMES = ("Ann", "Ben", "Cleo")
_HALF = 60_000


@dataclass(frozen=True, slots=True)
class Secret:
    """What the sources know: three salaries each, three contacts and three addresses."""

    pay: Mapping[str, Sequence[int]] = field(repr=False)
    contacts: Sequence[str] = field(repr=False)
    mails: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """An upstream's answer."""

    body: bytes = b'{"ok":true}'
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def secrets(seed: int, about: str) -> tuple[Secret, Secret]:
    """Return two secrets that differ in what the law is about, and in nothing else."""
    dice = random.Random(f"secrets {about} {seed}")  # noqa: S311
    one, two = _secret(dice), _secret(dice)
    if about == RESTRICTED:
        return one, Secret(two.pay, one.contacts, one.mails)
    return one, Secret(one.pay, two.contacts, two.mails)


def _secret(dice: random.Random) -> Secret:
    pay = {name: tuple(dice.sample(range(31_001, 98_999), 3)) for name in PAY_SOURCES}
    letters = "bcdfghjklmnpqrstvwxz"
    sizes = dice.choice(((9, 12, 7), (5, 9, 30), (16, 4, 8)))
    contacts = ["".join(dice.choices(letters + "2456789", k=size)) for size in sizes]
    mails = ["".join(dice.choices(letters, k=dice.randint(5, 11))) + "@example.org" for _ in _NAMES]
    return Secret(pay, tuple(f"q{contact}" for contact in contacts), tuple(mails))


# --- what sources answer ----------------------------------------------------------------------------------------------


def source(name: str, query: str, secret: Secret) -> Said:
    """Return the answer of a source to a query."""
    if name == "friend":
        return Said(b'{"text":"hello, see [EMAIL_1] and [PAY_1]"}')
    rows = _rows(name, secret)
    what, _, which = query.partition("/")
    if what == "one":
        return _json(rows[int(which)])
    return _ANSWERS[what](rows)


type _Rows = Sequence[Mapping[str, object]]


def _rows(name: str, secret: Secret) -> _Rows:
    if name == "people":
        return [
            {"name": _NAMES[at], "contact": secret.contacts[at], "mail": secret.mails[at]} for at in range(len(_NAMES))
        ]
    return [{"name": _NAMES[at], "salary": secret.pay[name][at]} for at in range(len(_NAMES))]


def _json(value: object, status: int = 200) -> Said:
    return Said(orjson.dumps(value), status)


def _values(rows: _Rows) -> list[object]:
    return [value for row in rows for key, value in row.items() if key != "name"]


def _big(rows: _Rows) -> bool:
    """Return something that depends on the first value."""
    value = rows[0].get("salary") or rows[0].get("contact")
    return value > _HALF if isinstance(value, int) else str(value) > "qm"


def _note(rows: _Rows) -> Said:
    first = {key: value for key, value in rows[0].items() if key != "name"}
    return _json({"note": f"Of {rows[0]['name']}: {', '.join(map(str, first.values()))}; please see to it.", **first})


def _csv(rows: _Rows) -> Said:
    keys = list(rows[0])
    lines = [",".join(keys), *(",".join(str(row[key]) for key in keys) for row in rows)]
    return Said("\n".join(lines).encode(), 200, "text/csv")


def _twice(rows: _Rows) -> Said:
    return _json({**rows[1], "again": [f"it was {value}." for value in _values(rows[1:2])]})


def _sorted(rows: _Rows) -> Said:
    return _json({"names": [row["name"] for row in sorted(rows, key=lambda row: str(list(row.values())[1]))]})


def _broken(rows: _Rows) -> Said:
    if _big(rows):
        return Said(b"\x1f\x8b this is no gzip", 200, "application/json", ((b"content-encoding", b"gzip"),))
    return _json({"found": 1})


def _large(rows: _Rows) -> Said:
    return _json({"found": "x" * (LARGE + 1 if _big(rows) else 10)})


def _header(rows: _Rows) -> Said:
    value = str(_values(rows)[0]).encode()
    return Said(b"{}", 200, "application/json", ((b"x-value", value), (b"etag", b'"' + value[::-1] + b'"')))


def _opaque(rows: _Rows) -> Said:
    plain = orjson.dumps(rows)
    return Said(bytes(each ^ 0xA7 for each in plain), 200, "application/octet-stream")


_ANSWERS: Mapping[str, Callable[[_Rows], Said]] = {
    "all": lambda rows: _json({"rows": rows}),
    "note": _note,
    "csv": _csv,
    "twice": _twice,
    "count": lambda rows: _json({"count": sum(_big([row]) for row in rows)}),
    "above": lambda rows: _json({"found": [row["name"] for row in rows if _big([row])]}),
    "sorted": _sorted,
    "exists": lambda rows: _json({}, 200 if _big(rows) else 404),
    "broken": _broken,
    "large": _large,
    "header": _header,
    "opaque": _opaque,
    "planted": lambda rows: _json({**rows[0], "text": "ask [CONTACT_1], [PAY_1] or [EMAIL_1]"}),
}


# --- what the echoing upstream answers --------------------------------------------------------------------------------


def echo(manner: str, body: bytes) -> Said:
    """Return how the friend says what it was told, or something about it."""
    told = str(orjson.loads(body).get("x", ""))
    return Said(body) if manner == "same" else _MANNERS[manner](told)


def _printable(told: str) -> bytes:
    return re.sub(r"[^!-~ ]", "?", told)[:400].strip().encode()


_MANNERS: Mapping[str, Callable[[str], Said]] = {
    "wrapped": lambda told: _json({"said": {"by": "you", "what": [told]}}),
    "text": lambda told: Said(f"You said: {told}. So be it.".encode(), 200, "text/plain; charset=utf-8"),
    "header": lambda told: Said(b"{}", 200, "application/json", ((b"x-said", _printable(told)),)),
    "key": lambda told: _json({told: 1}),
    "base64": lambda told: _json({"packed": base64.b64encode(told.encode()).decode()}),
    "later": lambda told: _json({"kept": told}),
    "list": lambda told: _json({"words": told.split()}),
    "length": lambda told: _json({"length": len(told)}),
    "sum": lambda told: _json({"sum": sum(map(int, re.findall(r"\d{1,9}", told)))}),
    "compare": lambda told: _json({"odd": sum(told.encode()) % 2, "first": told[:1] > "m"}),
}
