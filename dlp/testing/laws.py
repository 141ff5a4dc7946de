"""Non-interference, tried out: one program, two secrets, and what the upstreams received in both runs.

A run drives the real engine over a real store; upstreams are pure functions. Besides what differs at a forbidding sink
it notes where a token stood for another value than before, which no two runs need to be compared for.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import orjson

from dlp.core.errors import StoreError
from dlp.core.policy import Policy
from dlp.core.ports import AuditEntry, Store
from dlp.core.token import TOKEN
from dlp.engine import pipeline
from dlp.engine.approvals import ApprovalError
from dlp.hooks.host import Host, load_host
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore
from dlp.testing import upstreams
from dlp.testing.exchange import Exchange, Heard
from dlp.testing.http_exchange import HttpExchange
from dlp.testing.mcp_exchange import McpExchange, MixedExchange
from dlp.testing.programs import RESTRICTED, TELLING_QUERIES, TESTS, Program, Step, computed
from dlp.testing.socket_exchange import SocketExchange
from dlp.testing.upstreams import Secret
from dlp.testing.wall import BUNDLED, Log, Wall

_PASTS = 3
"""How many sessions a worker remembers while laws are tried: so few that some are always evicted."""

_NO_VALUES = frozenset(TELLING_QUERIES) - {"planted"}
_BITS = 12
_PIECES = 8

type Sent = tuple[str, bytes]
"""The name of an upstream and what it received, as bytes that two runs are compared by."""


EXCHANGES: Mapping[str, Callable[[], Exchange]] = {
    "http": HttpExchange,
    "mcp": McpExchange,
    "mixed": MixedExchange,
    "sockets": SocketExchange,
}
"""The adapters whose messages the laws are tried with; `sockets` is the HTTP proxy as it listens, and slow."""

STORES: Mapping[str, Callable[[Path], Store]] = {
    "memory": lambda _folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "laws.db"),
}
"""The stores they are tried with, each opened in a folder; a store that workers share is opened once for each."""

_SHARED = frozenset({"sqlite"})


class _Audit(Log):
    """A log that fails when it is told to; it keeps nothing."""

    failing = ""

    def write(self, entry: AuditEntry) -> None:
        if self.failing == entry.direction:
            self.failing = ""
            raise StoreError("the audit's disk is full")


class Bench:
    """Walls to run programs at: two workers that share a store, or one where a store cannot be shared."""

    def __init__(self, folder: Path, store: str = "memory", exchange: str = "http") -> None:
        self.exchange = EXCHANGES[exchange]()
        scheme = "http" if exchange == "sockets" else "https"  # without TLS: what is tried is behind it
        self._policies = {
            text: replace(_policy(text.replace("https", scheme))) for text in (upstreams.POLICY, upstreams.CHANGED)
        }
        first = self._policies[upstreams.POLICY]
        self.walls = [_wall(STORES[store](folder), 1, first)]
        if store in _SHARED:
            self.walls.append(_wall(STORES[store](folder), 2, first))

    def prepare(self, policy: str) -> None:
        """Bring every worker to a policy, as the running proxy does when its file changes."""
        new = self._policies[policy]
        for wall in self.walls:
            if wall.policy is not new:  # the classes are the same, so the classifier is
                wall.policy, wall.engine = new, wall.engine.renewed(new, wall.host, wall.classifier)

    def close(self) -> None:
        """Release the stores."""
        if isinstance(self.exchange, SocketExchange):
            self.exchange.close()
        for wall in self.walls:
            wall.store.close()


def _wall(store: Store, number: int, policy: Policy) -> Wall:
    wall = Wall(policy, store=store, salt=number, host=_host())
    wall.log = _Audit()
    wall.limit = upstreams.LARGE
    wall.start()
    wall.while_held = lambda approval: _agree(wall, approval)
    return wall


@cache
def _policy(text: str) -> Policy:
    """Return a policy, read once; a bench takes a copy, which remembers no decision of another."""
    return Wall(text, host=_host()).policy


@cache
def _host() -> Host:
    return load_host(BUNDLED)


def _agree(wall: Wall, approval: str) -> None:
    try:
        wall.approvals.answer(approval, approve=True, by="manager")
    except ApprovalError:
        return


@contextmanager
def evicting() -> Iterator[None]:
    """Have the engine remember only a few sessions."""
    before, pipeline._MAX_PASTS = pipeline._MAX_PASTS, _PASTS  # noqa: SLF001 - a bound of its own, not a setting
    try:
        yield
    finally:
        pipeline._MAX_PASTS = before  # noqa: SLF001


@dataclass
class Trial:
    """What came of one run."""

    compared: list[Sent] = field(default_factory=list, repr=False)
    untrue: list[str] = field(default_factory=list)
    read: int = 0


class _Run:
    """One program with one secret."""

    def __init__(self, bench: Bench, program: Program, secret: Secret, about: str) -> None:
        self._bench = bench
        self._secret = secret
        self._about = about
        self._reads_open = any(step[0] in ("read", "during") and step[1] == "open" for step in program)
        self._reloaded = False
        self._asked = self._raw = self._banded = False
        self._worker = 0
        self._seen = b"nothing seen yet"
        self._meaning: dict[str, str] = {}
        self.trial = Trial()
        bench.prepare(upstreams.POLICY)
        self._session = self._wall.open()
        self._stranger = self._wall.open("stranger")
        for step in program:
            self._do(step)
        for wall in bench.walls:
            wall.log.failing = ""  # type: ignore[attr-defined]  # it is an _Audit

    @property
    def _wall(self) -> Wall:
        return self._bench.walls[self._worker]

    def _do(self, step: Step) -> None:
        kind, *rest = step
        doing: dict[str, Callable[..., None]] = {
            "read": self._read,
            "during": self._during,
            "send": lambda sink, compute, way: self._send(sink, computed(compute, self._seen), way),
            "split": self._split,
            "when": self._when,
            "loop": self._loop,
            "echo": self._echo,
            "other": self._other,
            "crowd": self._crowd,
            "worker": self._change_worker,
            "restart": self._wall.start,
            "reload": self._reload,
            "failing": lambda: self._fail("outbound"),
            "failing answer": lambda: self._fail("inbound"),
        }
        doing[kind](*rest)

    def _split(self, sink: str, compute: str, way: str) -> None:
        text = computed(compute, self._seen)
        size = -(-len(text) // _PIECES) or 1
        for at in range(0, len(text), size):
            self._send(sink, text[at : at + size], way)

    def _when(self, sink: str, test: str, way: str) -> None:
        if TESTS[test](self._seen):
            self._send(sink, "it is so", way)

    def _loop(self, sink: str, compute: str, way: str) -> None:
        number = int.from_bytes(computed(compute, self._seen).encode()[-2:])
        for bit in range(_BITS):
            if number >> bit & 1:
                self._send(sink, f"bit {bit}", way)

    def _echo(self, compute: str, manner: str) -> None:
        text = computed(compute, self._seen)
        self._see(self._bench.exchange.echo(self._wall, self._session, manner, text))

    def _other(self, sink: str, text: str) -> None:
        told = self._bench.exchange.tell(self._wall, self._stranger, sink, text, "json")
        if told.received is not None:
            self.trial.compared.append((f"{sink}, from another session", told.received))

    def _crowd(self) -> None:
        for _ in range(_PASTS + 1):
            passer = self._wall.open("passer-by")
            self._bench.exchange.tell(self._wall, passer, "friend", "hello", "json")

    def _change_worker(self) -> None:
        self._worker = (self._worker + 1) % len(self._bench.walls)

    def _reload(self) -> None:
        self._reloaded = True
        self._bench.prepare(upstreams.CHANGED)

    def _fail(self, direction: str) -> None:
        self._wall.log.failing = direction  # type: ignore[attr-defined]  # it is an _Audit

    def _read(self, source: str, query: str) -> None:
        exchange = self._bench.exchange
        if not exchange.ask(self._wall, self._session, source, query):
            self._seen += b" refused"
            return
        self._asked = self._asked or source != "friend"
        said = upstreams.source(source, query, self._secret)
        heard = exchange.hear(self._wall, self._session, source, query, said)
        self.trial.read += heard.passed
        if heard.passed:
            values = query not in _NO_VALUES
            self._raw = self._raw or (values and source in ("clear", "open"))
            self._banded = self._banded or (values and source == "bands")
            self._note_meaning(said.body, heard.body)
        self._see(heard)

    def _during(self, source: str, query: str, sink: str, compute: str) -> None:
        """Send, while the answer to a question waits for the classifiers."""
        wall, text = self._wall, computed(compute, self._seen)
        once = [text]

        def meanwhile() -> None:
            if once:
                wall.while_classified = lambda: None
                self._send(sink, once.pop(), "json")

        wall.classifier.needs_model = True
        wall.while_classified = meanwhile
        try:
            self._read(source, query)
        finally:
            wall.while_classified = lambda: None
            wall.classifier.needs_model = False

    def _see(self, heard: Heard) -> None:
        self._seen += b" " + heard.seen if heard.passed else b" refused"

    def _send(self, sink: str, text: str, way: str) -> None:
        told = self._bench.exchange.tell(self._wall, self._session, sink, text, way)
        if told.received is None:
            self._seen += b" refused"
            return
        if self._forbids(sink, staff=told.staff):
            self.trial.compared.append((sink, told.received))
        elif sink == "friend" and way == "json":
            self._check_meaning(text, told.body)

    def _forbids(self, sink: str, *, staff: bool) -> bool:
        """Return whether this sink forbids now what the law is about, whatever the wall thinks."""
        if sink == "friend":
            return False
        if self._about != RESTRICTED:
            return True
        where = {
            "board": not staff,
            "partner": self._reloaded or not self._reads_open,
            # What only tells something may pass at these two, at one once somebody has agreed.
            "counts": self._raw or self._banded or not self._asked,
            "review": self._raw or not self._asked,
        }
        return where.get(sink, True)

    def _note_meaning(self, said: bytes, heard: bytes) -> None:
        """Note which value each token of an answer stands for; one for two values, or a planted one, is a breach."""
        for before, after in _pairs(_parsed(said), _parsed(heard)):
            if not isinstance(after, str):
                continue
            if str(before) != after and TOKEN.fullmatch(after):
                if self._meaning.setdefault(after, str(before)) != str(before):
                    self.trial.untrue.append(f"{after} stood for two values")
            elif isinstance(before, str) and set(TOKEN.findall(before)) & set(TOKEN.findall(after)):
                self.trial.untrue.append("what an upstream wrote came in as a token")

    def _check_meaning(self, text: str, body: bytes) -> None:
        tokens = set(TOKEN.findall(text))
        told = _parsed(body)
        if tokens and tokens <= self._meaning.keys() and isinstance(told, dict):
            meant = TOKEN.sub(lambda match: self._meaning[match.group()], text)
            meant = re.sub(r"\[~(?=~*[A-Z][A-Z0-9_]*_[1-9][0-9]*\])", "[", meant)
            if str(told.get("x")) != meant:
                self.trial.untrue.append("an upstream got another value than its token stood for")


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _pairs(before: object, after: object) -> Iterator[tuple[object, object]]:
    """Give the leaves that stand in the same place of two documents."""
    if isinstance(before, dict) and isinstance(after, dict):
        for one, other in zip(before.values(), after.values(), strict=False):
            yield from _pairs(one, other)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            yield from _pairs(one, other)
    else:
        yield before, after


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two runs of one program showed. `broke` says how the law was broken, "" where it held."""

    broke: str
    delivered: bool
    read: bool


def tried(bench: Bench, program: Program, seed: int, about: str) -> Verdict:
    """Run a program with both secrets of a seed and compare."""
    first, second = upstreams.secrets(seed, about)
    one = _Run(bench, program, first, about).trial
    two = _Run(bench, program, second, about).trial
    broke = ", ".join(sorted({*one.untrue, *two.untrue}))
    if one.compared != two.compared:
        where = sorted({sink for sink, _ in {*one.compared} ^ {*two.compared}}) or ["their order"]
        broke = f"different bytes at {', '.join(where)}" + (f"; {broke}" if broke else "")
    return Verdict(broke, bool(one.compared), bool(one.read))
