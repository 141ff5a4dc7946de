"""Every type that others fill or that hookspecs name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from dlp.core.finding import Confidence
from dlp.core.label import DataClass, Label
from dlp.core.message import Fact

type Clock = Callable[[], float]
"""Seconds since the epoch."""

type Random = Callable[[int], bytes]
"""That many unpredictable bytes."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression to look for in the one scan that all classifiers share.

    `expression` is read the way Python's `re` does; it only says where to look, so it may match more than `name`'s
    recognizer would, never less. `ignore_case` as in `re.IGNORECASE`. An expression that can match nothing at all, such
    as "", or that is anchored, may match anywhere: its plugin sees every part of every message.

    What follows keeps the look at messages without findings short, and loosens nothing. `finds` is the entity or class
    that a match may lead to: where no policy asks for it, the pattern is not looked for ("": always). `alone` is the
    most confident finding that a match may lead to by itself, None for none at all; `lifted_by` names patterns of the
    same plugin that make it more where they match in the same block. `slow` says that looking closer takes long (a
    language model), so that a worker process does it. `in_name` looks into the parts' names instead of their texts;
    such a hit ends at -1. `somewhere` says that it need not be known where a pattern matches: its hits end at -1, too.
    """

    name: str
    expression: str = field(repr=False)
    ignore_case: bool = False
    finds: str = ""
    alone: Confidence | None = Confidence.HIGH
    lifted_by: tuple[str, ...] = ()
    slow: bool = False
    in_name: bool = False
    somewhere: bool = False


class Hit(NamedTuple):
    """A pattern that may match in a part, ending at code point `end` of it (half-open); -1: anywhere in it.

    In a short text every hit ends at -1. A large one may have thousands, and a tuple is made in half the time.
    """

    part: int
    pattern: str
    end: int


type Hits = Sequence[Hit]
"""Where one plugin's patterns may match, by part, then by end."""


type Asked = Mapping[str, Confidence] | None
"""Which findings will be used: the least confidence by entity or class, what is not named not at all; None: all."""


class Store(Protocol):
    """Where state is kept: sets that only grow, counters that only rise, values put once. Scopes are dropped whole.

    Every method either has its effect durably (it survives the death of the process) or raises `StoreError`. A `scope`
    is a session's id or another name; `kind` names one set, counter or table inside it.
    """

    def stamp(self) -> object:
        """Return something that is equal as long as nobody else has written; a cache may be kept while it stands."""
        ...

    def add(self, scope: str, kind: str, members: Iterable[bytes]) -> None:
        """Add to a set."""
        ...

    def members(self, scope: str, kind: str) -> set[bytes]:
        """Return a whole set."""
        ...

    def present(self, scope: str, kind: str, candidates: Iterable[bytes]) -> set[bytes]:
        """Return which of the candidates are in a set."""
        ...

    def take_number(self, scope: str, kind: str) -> int:
        """Return the next number of a counter: 1, 2, 3, …; no number is given out twice, after a restart neither."""
        ...

    def put(self, scope: str, kind: str, key: bytes, value: bytes) -> bytes:
        """Put `value` under `key` if nothing is there; return what is there now."""
        ...

    def get(self, scope: str, kind: str, key: bytes) -> bytes | None:
        """Return what is under `key`."""
        ...

    def items(self, scope: str, kind: str) -> list[tuple[bytes, bytes]]:
        """Return a table, oldest entry first."""
        ...

    def batch(self) -> "Batch":
        """Return a context in which writes become durable together when it ends, or not at all."""
        ...

    def drop(self, scope: str) -> None:
        """Forget a scope and all in it."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class Batch(Protocol):
    """A transaction: what is written inside becomes durable together."""

    def __enter__(self) -> object:
        """Begin."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Commit, or roll back on an exception."""
        ...


class SessionVault(Protocol):
    """The part of a session's vault that transforms may use."""

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:
        """Return the session's token for a value, the same one for the same value for as long as the session lives."""
        ...

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex, stable over the session and of no use outside it."""
        ...


@dataclass(frozen=True, slots=True)
class LabelNote:
    """A label in an audit entry, with its lineage: which event, which path, which transform, which form."""

    label: Label
    count: int
    path: str = ""
    form: str = ""
    transform: str = ""
    origin: str = ""  # the event in which the value or taint entered the session
    origin_path: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a rule in monitor mode would have done about a class; "" for the message as such, and for no rule."""

    rule: str
    data_class: str
    verdict: str  # ask, block, or a transform


class AuditEntry(NamedTuple):
    """What happened to one message, in names and counts.

    `facts` are what rules use and what can be told without telling a value; `withheld` names those that cannot.
    `possible` are narrower sinks that it may also have been, `reviewed` the approvers who had agreed. One is made for
    every message, and a tuple takes a third of the time.
    """

    event: str
    time: float
    trace: str
    session: str
    agent: str
    direction: str
    protocol: str
    upstream: str
    operation: str
    source: str
    sink: str
    verdict: str
    rules: tuple[str, ...]
    labels: tuple[LabelNote, ...]
    policy: str
    reason: str = ""
    counts: Mapping[str, int] = MappingProxyType({})
    would: str = ""  # monitor mode: the verdict that would have been
    sandbox_trace: str = ""
    approval: str = ""
    ms: float = 0.0
    version: str = ""
    facts: Mapping[str, Fact] = MappingProxyType({})
    withheld: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    reviewed: tuple[str, ...] = ()
    watched: tuple[Watched, ...] = ()
