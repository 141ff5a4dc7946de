"""Rules about flows, parsed, and the one function that decides: for the proxy, rule tests, explain, lint and replay."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from dlp.core.label import DataClass, Level, State, Tracking
from dlp.core.message import Endpoint, Facts

type Condition = Callable[[Facts], bool | None]
"""A compiled `when:`: true, false, or None for unknown (a missing fact, a wrong type, an error)."""


class Verdict(IntEnum):
    """What happens to a flow, from lax to strict; verdicts join by maximum."""

    ALLOW = 0
    TRANSFORM = 1
    ASK = 2
    BLOCK = 3


TRANSFORMS = ("tokenize", "generalise", "mask", "hash", "redact")
"""The transforms every policy knows, from lax to strict."""


class Tier(StrEnum):
    """Which rules a rule can stand against; there are no priority numbers."""

    MANDATORY = "mandatory"
    ORDINARY = "ordinary"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Route:
    """The (source, sink) pair of one message.

    `sink` is None where no destination of the policy names it. `possible` holds narrower sinks that it may also be,
    where a fact that would tell is missing: rules that restrict apply to them too.
    """

    source: str
    sink: str | None
    possible: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """One data class in one state about to reach one sink: the thing that is judged.

    `data_class` is None for the message as such, labelled or not. `finding` indexes the message's findings and is None
    when taint alone carries the class. `part` is the path of the part it was found in, "" for taint and for the message
    as such; rules see it as the fact `part`, which is unknown where it is "".
    """

    data_class: DataClass | None
    state: State
    route: Route
    finding: int | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Unless:
    """One condition that, with all its siblings, lifts a rule. `needs` says it in words, for a refusal.

    Exactly one of `states`, `condition`, `sinks` and `approvers` is set; `approvers` is a human review.
    """

    needs: str
    states: frozenset[State] = frozenset()
    condition: Condition | None = None
    sinks: frozenset[str] = frozenset()
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One statement about flows.

    Empty `classes` with `labelled=False` is the message as such; with `labelled=True` it is any class. Empty `states`,
    `sources` and `sinks` mean any; that cannot be written in YAML as an empty list, only by leaving the key out.
    `sinks` may hold `sandbox`; a rule without `sinks` covers destinations and the sandbox alike.
    """

    name: str
    says: str
    place: str
    verdict: Verdict
    transform: str = ""
    tier: Tier = Tier.ORDINARY
    labelled: bool = True
    classes: frozenset[DataClass] = frozenset()
    states: frozenset[State] = frozenset()
    sources: frozenset[str] = frozenset()
    sinks: frozenset[str] = frozenset()
    when: Condition | None = None
    unless: tuple[Unless, ...] = ()
    approvers: tuple[str, ...] = ()
    monitor: bool = False


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """What the policy says of one data class. `token` is the kind its tokens are written with (`EMAIL`)."""

    name: DataClass
    level: Level
    tracking: Tracking
    token: str
    says: str = ""
    entities: frozenset[str] = frozenset()
    at_least: str = "low"


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact that a source or destination declares: where in the message it is (a part's path) and its type."""

    name: str
    path: str
    type: str  # text | number | boolean


@dataclass(frozen=True, slots=True)
class Place:
    """A named source or destination: which endpoints it covers, narrower places inside it, and what it declares.

    `covers` answers for an endpoint alone (its address, operation and path); `when` refines by facts. `fields` maps a
    class to compiled path patterns; `carries` are the classes every response of a source reveals something about.
    """

    name: str
    covers: Callable[[Endpoint], bool]
    hosts: tuple[tuple[str, str, int], ...]  # (scheme, host pattern, port): what may be connected to at all
    when: Condition | None = None
    facts: tuple[FactSpec, ...] = ()
    fields: tuple[tuple[DataClass, Callable[[str], bool]], ...] = ()
    carries: frozenset[DataClass] = frozenset()
    narrower: "tuple[Place, ...]" = ()


@dataclass(frozen=True)
class Policy:
    """All rules and what they speak of, loaded whole."""

    name: str
    version: str
    digest: str
    classes: Mapping[DataClass, ClassSpec]
    sources: tuple[Place, ...]
    sinks: tuple[Place, ...]
    rules: tuple[Rule, ...]
    recipes: Mapping[str, Mapping[DataClass, str]] = field(default_factory=dict)
    otherwise: Verdict = Verdict.BLOCK
    monitor: bool = False
    ner: bool = True


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict on one flow with the rule behind it; `rule` is "" where none spoke. `missing` says what would lift it.

    A ruling with `enforced=False` comes from monitor mode: it is recorded and changes nothing.
    """

    flow: Flow
    verdict: Verdict
    rule: str = ""
    says: str = ""
    transform: str = ""
    missing: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one message: the strictest enforced ruling of each flow, and every match.

    `rulings[i]` is the ruling on `flows[i]`. `matches` holds every rule that matched any flow, winner or not.
    """

    verdict: Verdict
    rulings: tuple[Ruling, ...]
    matches: tuple[Ruling, ...]
    digest: str
    version: str


def decide(
    policy: Policy,
    flows: Sequence[Flow],
    facts: Facts,
    *,
    extra: Iterable[Ruling] = (),
    reviewed: frozenset[str] = frozenset(),
) -> Decision:
    """Return the decision on one message, given as its flows: per label first, then the strictest over labels.

    `extra` are rulings of plugins, which can only tighten. `reviewed` names the approvers who agreed to this exact
    message.
    """
    raise NotImplementedError
