"""What is known of one message on its way through the pipeline; each step adds to it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import overload

from dlp.core.finding import Finding
from dlp.core.label import SANDBOX, DataClass
from dlp.core.message import Direction, Fact, Kind, Message, Part
from dlp.core.policy import Flow, Route, Ruling
from dlp.core.ports import LabelNote
from dlp.engine import combining, tracing
from dlp.engine.gently import let_go
from dlp.engine.past import Past
from dlp.engine.sessions import SessionInfo
from dlp.engine.vault import Known

_NOWHERE = Route(SANDBOX, None)


LARGE_BYTES = 64 * 1024
"""From here on a block is looked through apart: what takes longer would be noticed by others."""


@dataclass(slots=True)
class Within:
    """What was recorded of a stream so far: by direction the last entry's labels and verdict, and how many messages.

    Inside a stream nobody is asked, since nothing can wait there, and a message like the one before it has no entry.
    `joined` says how many messages what is judged next is: where some of it would be refused, nothing is recorded, and
    they have to be judged one by one.
    """

    recorded: dict[Direction, object] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)
    joined: int = 1


@dataclass(slots=True)
class Call:
    """One exchange through the wall: a request and its answer. `event` is the last decision made on it."""

    session: SessionInfo
    trace: str
    sandbox_trace: str = ""
    event: str = ""
    within: Within | None = None


class Numbered(Sequence[tuple[int, Part]]):
    """Parts with their numbers in a message, which are made as they are gone through.

    A large message has hundreds of thousands, and is gone through more than once: pairs that were kept would take more
    memory than what is paired, and the collector of cyclic garbage as long.
    """

    __slots__ = ("_length", "_runs")

    def __init__(self) -> None:
        self._runs: list[tuple[int, Sequence[Part]]] = []
        self._length = 0

    def add(self, first: int, parts: Sequence[Part]) -> None:
        """Add parts that stand in a row in the message; the first has this number."""
        if parts:
            self._runs.append((first, parts))
            self._length += len(parts)

    def __len__(self) -> int:
        """Return how many there are."""
        return self._length

    def __iter__(self) -> Iterator[tuple[int, Part]]:
        """Give them in the order in which they were added."""
        return chain.from_iterable(enumerate(parts, first) for first, parts in self._runs)

    @overload
    def __getitem__(self, at: int) -> tuple[int, Part]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[int, Part]]: ...
    def __getitem__(self, at: int | slice) -> tuple[int, Part] | list[tuple[int, Part]]:
        """Return one of them, or some in a row."""
        if isinstance(at, slice):
            return [self._one(one) for one in range(*at.indices(self._length))]
        return self._one(range(self._length)[at])

    def _one(self, at: int) -> tuple[int, Part]:
        for first, parts in self._runs:
            if at < len(parts):
                return first + at, parts[at]
            at -= len(parts)
        raise IndexError


@dataclass(frozen=True, slots=True)
class Sorted:
    """The flows of a message's findings, in groups that rules cannot tell apart.

    Of each group one flow that stands for it, and the numbers of the findings in it.
    """

    flows: Sequence[Flow]
    groups: dict[Flow, Flow] = field(default_factory=dict)
    members: dict[Flow, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says of a message's labels and facts; `withheld` names facts that are not repeated."""

    labels: tuple[LabelNote, ...]
    facts: Mapping[str, Fact]
    withheld: tuple[str, ...]


@dataclass(repr=False)
class Work:
    """What is known of one message so far; each step adds to it. It says nothing of that when it is printed."""

    call: Call
    message: Message
    event: str
    started: float
    past: Past
    facts: dict[str, Fact] = field(default_factory=dict)
    source: str = SANDBOX
    fields: Sequence[tuple[DataClass, Callable[[str], bool]]] = ()
    carries: frozenset[DataClass] = frozenset()
    reading: combining.Reading = combining.NOTHING_NEW
    route: Route = _NOWHERE
    parts: tuple[Part, ...] = ()
    looked_at: Numbered = field(default_factory=Numbered)
    bracketed: Sequence[tuple[int, Part]] = ()  # those in which something may be shaped like a token
    traced: Numbered = field(default_factory=Numbered)  # those that may hold what the session knows
    findings: list[Finding] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    inner: dict[int, str] = field(default_factory=dict)  # by number of the finding: what an encoded run held
    flows: list[Flow] = field(default_factory=list)
    cut: list[tracing.Sighting] = field(default_factory=list)  # values that only several texts together make
    opaque: bool = False
    runs: list[tracing.Encoded] = field(default_factory=list)
    rulings: dict[int, Ruling] = field(default_factory=dict)  # by number of the finding
    counts: Counter[str] = field(default_factory=Counter)
    approval: str = ""
    reviewed: tuple[str, ...] = ()
    guessed: set[int] = field(default_factory=set)  # by identity: values that the sandbox cannot know, but sent
    sorted: Sorted | None = None  # where there are many findings
    told: Told | None = None  # likewise
    declared: Mapping[str, Fact] | None = None  # what a large message states of the facts that the policy declares

    @cached_property
    def disguised(self) -> frozenset[str]:
        """Keys in which something was found: no path that leads through one is recorded as it is."""
        labelled = {finding.part for finding in self.findings}
        return frozenset(part.text for number, part in self.looked_at if number in labelled and part.kind is Kind.KEY)

    def path(self, part: Part) -> str:
        """Return a part's path as it may be recorded."""
        return tracing.shown_path(part.path, self.disguised)

    @property
    def upstream(self) -> str:
        """The upstream as it may be recorded: a host that no destination names, or with a label in it, is masked."""
        upstream = self.message.endpoint.upstream
        in_host = any(self.parts[finding.part].path.startswith("host/") for finding in self.findings)
        named = self.route.sink is not None and not in_host
        return upstream if named else tracing.shown_upstream(upstream, self.past)

    @property
    def labelled(self) -> Mapping[str, Sequence[str]]:
        """The texts in which something was found, by the path of their part."""
        found: dict[str, list[str]] = {}
        for finding in self.findings:
            part = self.parts[finding.part]
            found.setdefault(part.path, []).append(part.text[finding.start : finding.end])
        return found

    def let_go(self) -> None:
        """Free what was found in a message that is done with."""
        flows = [] if self.sorted is None else list(self.sorted.flows)
        self.sorted = None
        self.flows.clear()  # they are those as well
        self.rulings, self.known, self.inner = {}, {}, {}
        let_go(flows, self.findings, self.cut, self.runs)

    @cached_property
    def values(self) -> combining.Values:
        """The findings with what they stand for; to be asked for once all are there."""
        return combining.Values(self.parts, self.findings, self.known)

    @cached_property
    def large(self) -> bool:
        """Whether it may take long to go through a text of the message."""
        return any(block.size > LARGE_BYTES for block in self.message.blocks)

    @cached_property
    def outbound(self) -> bool:
        """Whether the message leaves the sandbox."""
        return self.message.direction is Direction.OUTBOUND
