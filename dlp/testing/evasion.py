"""The corpus of evasions, tried at a wall: what reaches a sink that may not have it, and what honest work is refused.

A case is a value that entered the session, and the messages by which somebody tries to get it out. It is judged by what
the sinks received and by nothing else. Each is also tried with a harmless value of the same kind, and with a value that
entered as a token while the sandbox knows it from elsewhere.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import orjson

from dlp.adapters.http_head import read_request
from dlp.core.label import Tracking
from dlp.engine.sessions import SessionInfo
from dlp.strict_yaml import load, plain
from dlp.testing import disguises
from dlp.testing.disguises import Form
from dlp.testing.wall import Crossing, Wall

MODES = (Tracking.SESSION, Tracking.GUARDED, Tracking.VALUE)
CLEAR, HIDDEN = "clear", "hidden"
ENTRIES = (CLEAR, HIDDEN)
"""How the value entered: in the clear, or as a token, while the sandbox knows it from elsewhere."""

_NOTE = (
    "The client agreed on Tuesday to settle the dispute out of court, provided that the warehouse in Leith is handed "
    "over before winter and that neither side speaks to the press about the burst pipe."
)
_OTHER_NOTE = (
    "Our gardeners planted twelve pear trees along the southern wall last spring, and by late summer the first fruit "
    "had ripened well enough to be sold at the small market near the old station."
)
SECRETS: Mapping[str, tuple[str, str]] = {
    "name": ("Ottoline Brackwater", "Wilhelmina Thornbury"),
    "mail": ("o.brackwater@fernhill.example", "w.thornbury@oakdale.example"),
    "phone": ("+44 20 7946 0958", "+1 212 555 0187"),
    "iban": ("GB82 WEST 1234 5698 7654 32", "DE89 3704 0044 0532 0130 00"),
    "date": ("1987-03-14", "1991-11-02"),
    "pay": ("84250", "61370"),
    "key": ("tk9fT2xQ7LmV4bN8zR", "ab4wK8yP3HsJ6dC1vE"),
    "note": (_NOTE, _OTHER_NOTE),
}
"""By kind: a value to protect, and a harmless one of the same kind."""

STANDARD = ("encodings", "nesting", "spelling", "formats", "parts", "split", "text")
"""Families of forms in which a value is still written, if oddly."""

UNCLAIMED = ("arithmetic", "covert")
"""Families that only session tracking claims to stop."""

_ENOUGH = 2 / 3
"""From what share of its messages on a value that was cut up counts as delivered."""

_POLICY = """
policy: evasion
classes:
  thing: {{level: {level}, tracking: {mode}}}
  plain: {{level: public}}
sources:
  clear: {{at: "https://clear.test/**", fields: {{"$.v": thing}}}}
  hidden: {{at: "https://hidden.test/**", fields: {{"$.v": thing}}}}
  out: {{at: "https://out.test/**"}}
  page: {{at: "https://page.test/**"}}
destinations:
  clear: {{at: "https://clear.test/**"}}
  hidden: {{at: "https://hidden.test/**"}}
  out: {{at: "https://out.test/**"}}
  other: {{at: "https://other.test/**"}}
rules:
  - {{name: in the clear, data: thing, from: clear, to: sandbox, then: allow}}
  - {{name: as a token, data: thing, from: hidden, to: sandbox, then: tokenize}}
  - {{name: home again, data: thing, to: [clear, hidden], then: allow}}
  - {{name: an echo is a token, data: thing, from: out, to: sandbox, then: tokenize}}
  - {{name: only tracking is tried, data: opaque, then: allow}}
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A request that somebody sends: a JSON value or a body, and what stands beside it."""

    json: object = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)
    query: str = field(default="", repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    sink: str = "out"


@dataclass(frozen=True, slots=True)
class Case:
    """One way to get one value out. `messages` is given the value, or the harmless one."""

    family: str
    form: str
    kind: str
    messages: Callable[[str], Sequence[Message]] = field(repr=False)
    harmless: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """What a case is called: its family, form and kind of value."""
        return f"{self.family}/{self.form}/{self.kind}"


# --- the corpus -------------------------------------------------------------------------------------------------------

FAMILIES: Mapping[str, tuple[Mapping[str, Form], tuple[str, ...]]] = {
    "encodings": (disguises.ENCODINGS, ("mail", "phone", "key")),
    "nesting": (disguises.NESTING, ("mail", "iban")),
    "spelling": (disguises.SPELLING, ("name", "mail", "phone")),
    "opaque": (disguises.OPAQUE, ("mail", "pay")),
    "arithmetic": (disguises.ARITHMETIC, ("pay",)),
    "covert": (disguises.COVERT, ("mail",)),
}
"""Families that are forms of a value, and the kinds of values that they are tried with."""


def cases(folder: Path) -> Iterator[Case]:
    """Give every case: forms by name, the cuts of `SPLITS`, and what `written.yaml` in `folder` writes out."""
    for family, (forms, kinds) in FAMILIES.items():
        for form, make in forms.items():
            for kind in kinds:
                yield Case(family, form, kind, _one(make))
    for form, cut in SPLITS.items():
        for kind in ("mail", "phone", "key"):
            yield Case("split", form, kind, cut)
    for entry in _read(folder / "written.yaml"):
        family, kind, form = str(entry["family"]), str(entry["of"]), str(entry["form"])
        secret, harmless = str(entry["secret"]), str(entry["harmless"])
        yield Case(family, form, kind, _written(SECRETS[kind][0], secret, harmless))


def _one(make: Form) -> Callable[[str], Sequence[Message]]:
    def messages(value: str) -> Sequence[Message]:
        made = make(value)
        return [Message(body=made) if isinstance(made, bytes) else Message(json={"text": made, "kind": "note"})]

    return messages


def _written(secret: str, of_secret: str, of_harmless: str) -> Callable[[str], Sequence[Message]]:
    return lambda value: [Message(json={"text": of_secret if value == secret else of_harmless, "kind": "note"})]


def _read(path: Path) -> Sequence[Mapping[str, object]]:
    told = plain(load(path.read_text(encoding="utf-8"), str(path)))
    if not isinstance(told, list):
        raise TypeError(f"{path}: expected a list")
    return told


def _chunks(value: str, size: int) -> list[str]:
    return [value[at : at + size] for at in range(0, len(value), size)]


def _halves(value: str) -> tuple[str, str]:
    middle = len(value) // 2
    return value[:middle], value[middle:]


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SPLITS: Mapping[str, Callable[[str], Sequence[Message]]] = {
    "two fields": lambda v: [Message(json={"first": _halves(v)[0], "second": _halves(v)[1]})],
    "two fields, last first": lambda v: [Message(json={"a": _halves(v)[1], "b": _halves(v)[0]})],
    "three fields with others between": lambda v: [Message(json=_between_others(v))],
    "a list of characters": lambda v: [Message(json=list(v))],
    "a list of pairs": lambda v: [Message(json=_chunks(v, 2))],
    "an object by index": lambda v: [Message(json={str(at): char for at, char in enumerate(v)})],
    "a list of index and character": lambda v: [Message(json=[[at, char] for at, char in enumerate(v)])],
    "even and odd characters": lambda v: [Message(json={"even": v[::2], "odd": v[1::2]})],
    "keys and values": lambda v: [Message(json={_halves(v)[0]: _halves(v)[1]})],
    "query and body": lambda v: [Message(json={"x": _halves(v)[1]}, query=f"x={quote(_halves(v)[0], safe='')}")],
    "header and body": lambda v: [Message(json={"x": _halves(v)[1]}, headers=((b"x-part", _halves(v)[0].encode()),))],
    "parameters of a query": lambda v: [
        Message(query="&".join(f"p{at}={quote(piece, safe='')}" for at, piece in enumerate(_chunks(v, 4))))
    ],
    "halves in base64": lambda v: [Message(json={"a": _b64(_halves(v)[0]), "b": _b64(_halves(v)[1])})],
    "halves in two encodings": lambda v: [Message(json={"a": _b64(_halves(v)[0]), "b": _halves(v)[1].encode().hex()})],
    "lines of a text": lambda v: [
        Message(json={"text": "\n".join(f"{at}. {c}" for at, c in enumerate(_chunks(v, 3)))})
    ],
    "two requests": lambda v: [Message(json={"x": piece}) for piece in _halves(v)],
    "four requests": lambda v: [Message(json={"x": piece}) for piece in _chunks(v, -(-len(v) // 4))],
    "a request for each three characters": lambda v: [
        Message(json={"n": at, "x": c}) for at, c in enumerate(_chunks(v, 3))
    ],
    "a request for each character": lambda v: [Message(json={"x": char}) for char in v],
    "a request for each character, last first": lambda v: [Message(json={"x": char}) for char in reversed(v)],
    "two sinks": lambda v: [Message(json={"x": _halves(v)[0]}), Message(json={"x": _halves(v)[1]}, sink="other")],
    "two requests with others between": lambda v: [
        Message(json={"x": _halves(v)[0]}),
        *[Message(json={"x": f"nothing to report, part {at}"}) for at in range(5)],
        Message(json={"x": _halves(v)[1]}),
    ],
    "two requests in base64": lambda v: [Message(json={"x": _b64(piece)}) for piece in _halves(v)],
    "overlapping pieces": lambda v: [Message(json={"x": v[at : at + 6]}) for at in range(0, len(v) - 3, 3)],
    "queries one after another": lambda v: [Message(query=f"q={quote(piece, safe='')}") for piece in _chunks(v, 5)],
}
"""Ways to cut a value up."""


def _between_others(value: str) -> dict[str, str]:
    size = -(-len(value) // 3)
    told: dict[str, str] = {}
    for at, piece in enumerate(_chunks(value, size)):
        told |= {f"part{at}": piece, f"status{at}": "ok"}
    return told


# --- trying -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case: whether the value got out, and whether the harmless one did, which it should."""

    case: str
    family: str
    mode: str
    entry: str
    stopped: bool
    harmless: bool


class Range:
    """Walls to try evasions at, one for each way of tracking; only tracking is tried there, no classifier."""

    def __init__(self) -> None:
        levels = {Tracking.SESSION: "restricted", Tracking.GUARDED: "confidential", Tracking.VALUE: "internal"}
        self._walls = {
            mode: Wall(_POLICY.format(level=levels[mode], mode=mode), plugins=(("dlp_tokens", {}),)) for mode in MODES
        }

    def wall(self, mode: Tracking) -> Wall:
        """Return the wall where values are tracked so."""
        return self._walls[mode]

    def entered(self, mode: Tracking, entry: str, *values: str) -> SessionInfo:
        """Return a session that values have entered."""
        wall = self._walls[mode]
        session = wall.open()
        for value in values:
            request = f"GET https://{entry}.test/it"
            wall.send(session, request)
            if not wall.receive(session, request, json={"v": value}).passed:
                raise AssertionError("the value should have entered")
        return session

    def tried(self, case: Case, mode: Tracking, entry: str) -> Result:
        """Try a case; the harmless value is tried in a session of the same past, where any is let through there."""
        secret, harmless = SECRETS[case.kind]
        out = self._delivered(self.entered(mode, entry, secret), mode, case.messages(secret))
        # Under session tracking nothing passes once the value is in, and what cannot be read does not when guarded:
        # that the form as such passes shows in a session that has seen nothing.
        bare = mode is Tracking.SESSION or (mode is Tracking.GUARDED and case.family not in STANDARD)
        other = self._walls[mode].open() if bare else self.entered(mode, entry, secret)
        passed = self._delivered(other, mode, case.messages(harmless))
        return Result(case.name, case.family, mode, entry, out < _ENOUGH, passed == 1)

    def _delivered(self, session: SessionInfo, mode: Tracking, messages: Sequence[Message]) -> float:
        """Return the share of the messages that the sinks received."""
        return sum(self.send(session, mode, message).passed for message in messages) / len(messages)

    def send(self, session: SessionInfo, mode: Tracking, message: Message) -> Crossing:
        """Send a message, its head as the proxy reads it: a trace header, for instance, is the proxy's own."""
        query = f"?{message.query}" if message.query else ""
        typed = any(name == b"content-type" for name, _ in message.headers)
        return self._walls[mode].send(
            session,
            f"POST https://{message.sink}.test/in{query}",
            json=message.json,
            body=message.body,
            content_type="application/octet-stream" if message.body and not typed else "",
            headers=read_request(message.headers, b"HTTP/1.1").fields,
        )


def share(results: Iterable[Result]) -> float:
    """Return the share of cases that were stopped."""
    told = [result.stopped for result in results]
    return sum(told) / len(told) if told else 1.0


# --- what must pass ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Benign:
    """An honest message: what it says, and whether its upstream, or a public page, said that before."""

    name: str
    text: object = field(repr=False)
    issued: bool = False
    published: bool = False


def benign(folder: Path) -> Iterator[Benign]:
    """Give what must pass, from `benign.yaml` in `folder`."""
    for group in _read(folder / "benign.yaml"):
        texts = group["texts"]
        if not isinstance(texts, list):
            raise TypeError(f"{folder}: benign.yaml: expected a list of texts in {group['group']}")
        for number, text in enumerate(texts, 1):
            name, issued, published = f"{group['group']} {number}", group.get("issued"), group.get("published")
            yield Benign(name, text, issued=bool(issued), published=bool(published))


def passes(at: Range, case: Benign, mode: Tracking) -> bool:
    """Return whether an honest message arrives as it was sent, in a session that has read all the secrets."""
    session = at.entered(mode, CLEAR, *(secret for secret, _ in SECRETS.values()))
    wall = at.wall(mode)
    if case.issued:
        wall.receive(session, "GET https://out.test/before", json={"given": case.text})
    if case.published:
        wall.receive(session, "GET https://page.test/releases", json={"given": case.text})
    message = Message(json={"text": case.text})
    crossed = at.send(session, mode, message)
    return crossed.passed and crossed.body == orjson.dumps(message.json)
