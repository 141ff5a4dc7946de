"""Rules about flows, parsed, and the one function that decides: for the proxy, rule tests, explain, lint and replay.

Longer than most modules because rules, what they match and how they win are one meaning, and everybody asks it here.
"""

# Longer than 400 lines: what a rule is, which place a message is at and what the rules say of it are read together.

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from functools import cached_property, lru_cache
from typing import overload
from urllib.parse import unquote

from dlp.core.combined import PRESENT
from dlp.core.errors import PluginError
from dlp.core.label import OPAQUE, RAW, SANDBOX, TOKENISED, UNLISTED, DataClass, Level, State, Tracking, ancestors
from dlp.core.message import Endpoint, Fact, Facts, Kind, Part
from dlp.core.rule_index import RuleIndex

type Condition = Callable[[Facts], bool | None]
"""A compiled `when:`: true, false, or None for unknown (a missing fact, a wrong type, an error)."""


_SHAPES = 256
"""How many routes, and kinds of flow on each, a policy keeps answers for; more than real traffic has."""

_ANSWERS = 16
"""How many answers are kept for each of them, by what the conditions say."""

_BOUND = 64
"""How many rulings are kept for each answer, by the number of the finding."""

_STANDINGS_KEPT, _LONGEST_KEPT = 1024, 256
"""Of how many endpoints it is kept what a policy says of them, and how long their operation and path may be."""

LONGEST_EXCEPTION = 366 * 86400.0
"""An exception that ends later than this many seconds from now is over-long: it holds, and every match says so."""


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
class Also:
    """One more condition of a rule beside `when`: `key` is the rule's key that says it, `says` the same in words.

    With `adds`, the rule only ever adds to what others say: it replaces no default and does not count as saying where a
    class may go. So a message with more labels, or a session with more behind it, never gets a laxer verdict.
    """

    key: str
    says: str
    condition: Condition
    adds: bool = True


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exception: one ordinary or default rule does not hold in a narrower scope until a day, and someone owns that.

    Of `classes`, `sources`, `sinks` and `condition` (its agent, purpose and when) all that are set must definitely
    hold. It holds before `until`, in seconds since the epoch. `scope` says all of it in words.
    """

    rule: str
    place: str
    until: float
    owner: str
    reason: str
    ticket: str = ""
    classes: frozenset[DataClass] = frozenset()
    sources: frozenset[str] = frozenset()
    sinks: frozenset[str] = frozenset()
    condition: Condition | None = None
    scope: str = ""

    @property
    def name(self) -> str:
        """What to call it: its ticket, or where it stands."""
        return self.ticket or self.place


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use up; None is no limit. `duration` is in seconds from its first request, `memory` in bytes.

    `guesses` are values that it has as tokens, and sent in the clear all the same. All but memory, which is for whoever
    runs the sandbox, is the proxy's to enforce.
    """

    calls: int | None = None
    per_minute: int | None = None
    duration: float | None = None
    memory: int | None = None
    guesses: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One statement about flows.

    Empty `classes` with `labelled=False` is the message as such; with `labelled=True` it is any class. Empty `states`,
    `sources` and `sinks` mean any; that cannot be written in YAML as an empty list, only by leaving the key out.
    `sinks` may hold `sandbox`; a rule without `sinks` covers destinations and the sandbox alike. `recipe` names the
    recipe that a transform rule applies; which transform that is depends on the class of the flow. `also` are further
    conditions, all of which count like `when`, whose text is `wording`. `together` are the classes of a rule about all
    of them in one message.
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
    recipe: str = ""
    laws: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    also: tuple[Also, ...] = ()
    together: frozenset[DataClass] = frozenset()
    wording: str = ""

    @property
    def settles(self) -> bool:
        """Whether it can say where a class may go and replace a default: one on trial, or that only adds, does not."""
        return not self.monitor and not any(also.adds for also in self.also)


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """What the policy says of one data class. `token` is the kind its tokens are written with (`EMAIL`).

    `laws` and `controls` are for those who read the policy, and decide nothing; so are those of a rule. What is to
    `remember` keeps its label beyond the session, when it comes back from an upstream that was allowed to have it.
    """

    name: DataClass
    level: Level
    tracking: Tracking
    token: str
    says: str = ""
    entities: frozenset[str] = frozenset()
    at_least: str = "low"
    laws: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    remember: bool = False


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact that a source or destination declares: where in the message it is (a part's path) and its type."""

    name: str
    path: str
    type: str  # text | number | boolean | list


@dataclass(frozen=True, slots=True)
class Place:
    """A named source or destination: which endpoints it covers, narrower places inside it, and what it declares.

    `covers` answers for an endpoint alone (its address, operation and path); `when` refines by facts. `fields` maps a
    class to compiled path patterns; `carries` are the classes every response of a source reveals something about.
    `may_cover` also says yes where only one reading of an ambiguous path is covered; None: the same as `covers`.
    What comes from an `untrusted` source, or one inside it, may be written by anybody; `names` are the object keys that
    its `fields` spell out, `steps` the steps of paths that its addresses do. `consequential` destinations do something
    that cannot be taken back.
    """

    name: str
    covers: Callable[[Endpoint], bool]
    hosts: tuple[tuple[str, str, int], ...]  # (scheme, host pattern, port): what may be connected to at all
    when: Condition | None = None
    facts: tuple[FactSpec, ...] = ()
    fields: tuple[tuple[DataClass, Callable[[str], bool]], ...] = ()
    carries: frozenset[DataClass] = frozenset()
    narrower: "tuple[Place, ...]" = ()
    may_cover: Callable[[Endpoint], bool] | None = None
    untrusted: bool = False
    names: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    consequential: bool = False


@dataclass(frozen=True)
class Policy:
    """All rules and what they speak of, loaded whole.

    `trusted` are the facts only the orchestrator may state, with their types; `facts_used` are those that some
    condition asks for, those of `core.combined` included. `agents` and `purposes` are the known ones with what is said
    of them; empty: any.
    """

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
    trusted: Mapping[str, str] = field(default_factory=dict)
    facts_used: frozenset[str] = frozenset()
    exceptions: tuple[Exemption, ...] = ()
    limits: Limits = Limits()
    agents: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def index(self) -> RuleIndex[Rule]:
        """The rules, ready to be asked by class and sink."""
        return RuleIndex(self.rules)

    @cached_property
    def combined_facts(self) -> frozenset[str]:
        """The facts of `core.combined` that some condition asks for; they are worked out for every message."""
        return frozenset(name for name in self.facts_used if " " in name and name != PRESENT)

    @cached_property
    def weighs_messages(self) -> bool:
        """Whether a rule asks what one message holds together, or how much: two that were judged as one would count."""
        return self.combines or any(" " in name or name == "opaque" for name in self.facts_used)

    @cached_property
    def steps(self) -> frozenset[str]:
        """The steps of paths that the policy itself spells out: those tell no value."""
        return frozenset(step for place in _everywhere((*self.sources, *self.sinks)) for step in place.steps)

    @cached_property
    def remembered(self) -> frozenset[DataClass]:
        """The classes that keep their label beyond a session."""
        return frozenset(spec.name for spec in self.classes.values() if spec.remember)

    @cached_property
    def exempt(self) -> Mapping[str, tuple[Exemption, ...]]:
        """The exceptions, by the rule they are from."""
        by_rule: dict[str, tuple[Exemption, ...]] = {}
        for one in self.exceptions:
            by_rule[one.rule] = (*by_rule.get(one.rule, ()), one)
        return by_rule

    @cached_property
    def moments(self) -> Sequence[float]:
        """The times at which some exception ends or stops being over-long; between two of them time changes nothing."""
        return sorted(at for one in self.exceptions for at in (one.until, one.until - LONGEST_EXCEPTION))

    @cached_property
    def combines(self) -> bool:
        """Whether any rule asks for the labels of the whole message."""
        return any(rule.together for rule in self.rules)

    @cached_property
    def standings(self) -> "dict[Endpoint, Standing]":
        """What the policy says of endpoints by themselves; a bounded number."""
        return {}

    @cached_property
    def shapes(self) -> "dict[Route, dict[tuple[object, ...], _Shape]]":
        """What was decided on flows like this; a bounded number, and nothing of a message."""
        return {}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict on one flow with the rule behind it; `rule` is "" where none spoke. `missing` says what would lift it.

    A ruling with `enforced=False` comes from monitor mode: it is recorded and changes nothing. `recipe` is the recipe
    that `transform` belongs to, and so the state it produces. `lifted` says why a rule that matched counts as ALLOW:
    `unless` (all of it holds), `review` (an approver agreed), `replaced` (a default gave way), `exception` or
    `over-long exception` (one of the policy's, named in `exception`). `expired exception` lifts nothing: the verdict
    stays, and only says that there was one.
    """

    flow: Flow
    verdict: Verdict
    rule: str = ""
    says: str = ""
    transform: str = ""
    missing: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    enforced: bool = True
    recipe: str = ""
    lifted: str = ""
    tier: Tier = Tier.ORDINARY
    exception: str = ""


@dataclass(frozen=True)
class Decision:
    """What was decided on one message: the strictest enforced ruling of each flow, and every match.

    `rulings[i]` is the ruling on `flows[i]`. `matches` holds every rule that matched any flow, winner or not; it equals
    a tuple of the same, and is made when it is looked at.
    """

    verdict: Verdict
    rulings: tuple[Ruling, ...]
    matches: Sequence[Ruling]
    digest: str
    version: str

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that matched, each once."""
        return tuple(dict.fromkeys(ruling.rule for ruling in self.matches if ruling.rule))

    @cached_property
    def would(self) -> Verdict:
        """The strictest of what is only watched."""
        return max((ruling.verdict for ruling in self.matches if not ruling.enforced), default=Verdict.ALLOW)

    @cached_property
    def leading(self) -> Ruling:
        """The ruling that explains it: the strictest over all flows."""
        return max(self.rulings, key=_rank)


def decide(
    policy: Policy,
    flows: Sequence[Flow],
    facts: Facts,
    *,
    now: float | None = None,
    extra: Iterable[Ruling] = (),
    reviewed: frozenset[str] = frozenset(),
) -> Decision:
    """Return the decision on one message, given as its flows: per label first, then the strictest over labels.

    A flow in state tokenised stands for two ways to send it: as the value, which is judged as if raw, or as the token.
    The laxer way is taken. ALLOW then means that the value may be put back, the transform `tokenize` that the token
    goes out as it is. `now` is the time in seconds since the epoch, which exceptions end by; without it none holds.
    `extra` are rulings of plugins, which can only tighten. `reviewed` names the approvers who agreed to this exact
    message.

    What was decided on flows of the same class, state and route is remembered, by what the conditions said of the
    facts. It is quickest where no flow names a part, so leave `Flow.part` out where no condition asks for the fact.

    Raises:
        PluginError: a ruling in `extra` is about a flow that is not one of `flows`.
        ValueError: there is no flow; every message yields at least the one without a class.

    """
    if not flows:
        msg = "a message without flows cannot be decided: the flow without a class is missing"
        raise ValueError(msg)
    told = _by_flow(flows, extra) if extra else None
    moment = None if now is None else bisect_right(policy.moments, now)
    given = _Given(facts, reviewed, now, moment, _present(flows) if policy.combines else None)
    if len(flows) == 1 and told is None and not flows[0].part:  # as of most messages
        alone = _shape_of(policy, flows[0], _shapes(policy, flows[0].route)).answer(policy, flows[0], given)
        if alone.ruling.verdict is not Verdict.ASK:
            return alone.whole(policy, flows[0])
    rulings: list[Ruling] = []
    matches: list[tuple[Flow, tuple[Ruling, ...]]] = []
    verdict = Verdict.ALLOW
    route: Route | None = None
    shapes: dict[tuple[object, ...], _Shape] = {}
    for flow in flows:
        if flow.route is not route:  # most flows of a message are on one, and to hash it takes its time
            route, shapes = flow.route, _shapes(policy, flow.route)
        shape = _shape_of(policy, flow, shapes)
        here = given.at(flow.part) if flow.part and shape.asks else given
        if told is None:
            answer = shape.answer(policy, flow, here)
            ruling, found = answer.about(flow), answer.found
        else:
            ruling, found = _judged(policy, flow, here, told[flow])
        rulings.append(ruling)
        matches.append((flow, found))
        if ruling.verdict > verdict:  # noqa: PLR1730 - max() takes longer, on every flow
            verdict = ruling.verdict
    if verdict >= Verdict.ASK and facts.get("opaque") is True:  # nobody can agree to what nobody can read
        rulings = [_unreadable(ruling) if ruling.verdict is Verdict.ASK else ruling for ruling in rulings]
        verdict = Verdict.BLOCK
    return Decision(verdict, tuple(rulings), _Matches(matches), policy.digest, policy.version)


def _unreadable(ruling: Ruling) -> Ruling:
    return replace(ruling, verdict=Verdict.BLOCK, approvers=(), missing=("something that a person can read",))


type _Present = tuple[tuple[str, ...], tuple[str, ...]]
"""The labels of a whole message: as it is sent, and with values in the place of their tokens."""


def _present(flows: Iterable[Flow]) -> _Present:
    """Return the labels of a message.

    A token that goes out as it is tells nothing of its value. So where it is judged whether one value may be put back,
    all other tokens count as values too: none is put back because the others might not be. All else is judged with the
    tokens as tokens.
    """
    sent = {f"{flow.state} {flow.data_class}" for flow in flows if flow.data_class is not None}
    value = sent | {f"{RAW} {flow.data_class}" for flow in flows if flow.state == TOKENISED}
    return tuple(sorted(sent)), tuple(sorted(value))


class _Given:
    """What a message is judged by: the facts as it is sent, those with values for tokens, who agreed, and the time."""

    __slots__ = ("now", "rest", "reviewed", "sent", "value")

    def __init__(
        self, facts: Facts, reviewed: frozenset[str], now: float | None, moment: int | None, present: _Present | None
    ) -> None:
        self.reviewed = reviewed
        self.now = now
        self.rest = (reviewed, moment)
        self.sent = facts if present is None else {**facts, PRESENT: present[0]}
        self.value = facts if present is None else {**facts, PRESENT: present[1]}

    def at(self, part: str) -> "_Given":
        """Return the same for a flow found in a part, which its rules may ask for."""
        given = _Given.__new__(_Given)
        given.reviewed, given.now, given.rest = self.reviewed, self.now, self.rest
        given.sent = {**self.sent, "part": part}
        given.value = given.sent if self.value is self.sent else {**self.value, "part": part}
        return given


class _Shape:
    """What flows of one class, state and route are judged by: the conditions of every rule that may be about them."""

    __slots__ = ("_answers", "_sent", "_value", "asks")

    def __init__(self, sent: Iterable[Condition], value: Iterable[Condition]) -> None:
        self._sent = tuple(dict.fromkeys(sent))
        self._value = tuple(dict.fromkeys(value))
        self.asks = bool(self._sent or self._value)
        self._answers: dict[tuple[object, ...], _Answer] = {}

    def answer(self, policy: Policy, flow: Flow, given: _Given) -> "_Answer":
        """Return what is said of such a flow, remembered: it depends on little else than what the conditions say."""
        key: tuple[object, ...] = given.rest
        if self.asks:
            sent, value = given.sent, given.value
            key = (
                tuple([condition(sent) for condition in self._sent]),
                tuple([condition(value) for condition in self._value]) if self._value else (),
                key,
            )
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _ANSWERS:
                self._answers.clear()
            like = Flow(flow.data_class, flow.state, flow.route, None if flow.finding is None else 0)
            answer = self._answers[key] = _Answer(*_judged(policy, like, given, ()))
        return answer


class _Answer:
    """What is said of flows of one shape, under conditions that say the same: the strictest ruling, and all of them."""

    __slots__ = ("_bound", "_whole", "found", "ruling")

    def __init__(self, ruling: Ruling, found: tuple[Ruling, ...]) -> None:
        self.ruling = ruling
        self._bound: dict[int | None, Ruling] = {}
        self._whole: dict[int | None, Decision] = {}
        self.found = found

    def whole(self, policy: Policy, flow: Flow) -> Decision:
        """Return the decision on a message with this flow alone, which names no part."""
        decision = self._whole.get(flow.finding)
        if decision is None:
            if len(self._whole) >= _BOUND:
                self._whole.clear()
            ruling = self.about(flow)
            matches = _Matches([(flow, self.found)])
            decision = Decision(ruling.verdict, (ruling,), matches, policy.digest, policy.version)
            self._whole[flow.finding] = decision
        return decision

    def about(self, flow: Flow) -> Ruling:
        """Return the ruling on one such flow."""
        if flow.part:  # it may be a value in disguise, and is not kept
            return _about(self.ruling, flow)
        ruling = self._bound.get(flow.finding)
        if ruling is None:
            if len(self._bound) >= _BOUND:
                self._bound.clear()
            ruling = self._bound[flow.finding] = _about(self.ruling, flow)
        return ruling


def _shapes(policy: Policy, route: Route) -> dict[tuple[object, ...], _Shape]:
    shapes = policy.shapes.get(route)
    if shapes is None:
        if len(policy.shapes) >= _SHAPES:
            policy.shapes.clear()
        shapes = policy.shapes[route] = {}
    return shapes


def _shape_of(policy: Policy, flow: Flow, shapes: dict[tuple[object, ...], _Shape]) -> _Shape:
    key = (flow.data_class, flow.state, flow.finding is None)
    shape = shapes.get(key)
    if shape is None:
        if len(shapes) >= _SHAPES:
            shapes.clear()
        value = _conditions(policy, replace(flow, state=RAW)) if _two_ways(flow) else ()
        shape = shapes[key] = _Shape(_conditions(policy, flow), value)
    return shape


def _conditions(policy: Policy, flow: Flow) -> Iterator[Condition]:
    """Give every condition that what is said of a flow depends on."""
    return (condition for rule, _ in _candidates(policy, flow) for condition in conditions_of(policy, rule))


def conditions_of(policy: Policy, rule: Rule) -> Iterator[Condition]:
    """Give every condition of a rule: its own, those of its `unless`, and those of the exceptions from it."""
    if rule.when is not None:
        yield rule.when
    yield from (also.condition for also in rule.also)
    yield from (unless.condition for unless in rule.unless if unless.condition is not None)
    yield from (one.condition for one in policy.exempt.get(rule.name, ()) if one.condition is not None)


def _candidates(policy: Policy, flow: Flow) -> tuple[tuple[Rule, bool], ...]:
    route = flow.route
    return policy.index.candidates(flow.data_class, flow.state, route.source, route.sink, route.possible)


def _two_ways(flow: Flow) -> bool:
    """Tell whether a flow may be sent as a token or as the value behind it."""
    return flow.state == TOKENISED and flow.route.sink != SANDBOX


class _Matches(Sequence[Ruling]):
    """Rulings on flows, made when they are looked at: most messages that pass are never asked why."""

    __slots__ = ("_made", "_of")

    def __init__(self, of: Sequence[tuple[Flow, tuple[Ruling, ...]]]) -> None:
        self._of = of
        self._made: tuple[Ruling, ...] | None = None

    def _all(self) -> tuple[Ruling, ...]:
        if self._made is None:
            self._made = tuple(_about(ruling, flow) for flow, found in self._of for ruling in found)
        return self._made

    @overload
    def __getitem__(self, at: int) -> Ruling: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Ruling]: ...
    def __getitem__(self, at: int | slice) -> Ruling | Sequence[Ruling]:
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Ruling]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, _Matches) else other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


def _judged(policy: Policy, flow: Flow, given: _Given, told: Iterable[Ruling]) -> tuple[Ruling, tuple[Ruling, ...]]:
    """Return the strictest ruling on a flow, and all of them."""
    said = [_adapt(_ask_again(ruling, given.reviewed)) for ruling in told]
    found = [*_rulings(policy, flow, given, given.sent), *said]
    ruling = _strictest(flow, found)
    if _two_ways(flow):
        as_value = [*_rulings(policy, replace(flow, state=RAW), given, given.value), *said]
        ruling = _token_or_value(flow, ruling, as_value)
        found += as_value
    return ruling, tuple(found)


def strictness(ruling: Ruling) -> tuple[int, int]:
    """Return how strict a ruling is: compare by this, as ALLOW < tokenize < … < redact < ASK < BLOCK."""
    if ruling.verdict is not Verdict.TRANSFORM:
        return (ruling.verdict, 0)
    known = ruling.transform in TRANSFORMS
    return (ruling.verdict, TRANSFORMS.index(ruling.transform) if known else len(TRANSFORMS))


def leading(decision: Decision) -> Ruling:
    """Return the ruling that explains the decision: the strictest over all flows."""
    return decision.leading


_TIERS = (Tier.DEFAULT, Tier.ORDINARY, Tier.MANDATORY)


def _rank(ruling: Ruling) -> tuple[object, ...]:
    # What follows strictness only makes the choice independent of any order. Of two equal transforms the one of a
    # recipe speaks, since what the recipe asks for is done; a rule with a name explains more than none, and one that
    # somebody wrote on purpose more than a default.
    return (
        strictness(ruling),
        ruling.recipe,
        bool(ruling.rule),
        not _given_way(ruling),
        _TIERS.index(ruling.tier),
        ruling.rule,
        ruling.says,
        ruling.transform,
        ruling.missing,
        ruling.approvers,
    )


def _given_way(ruling: Ruling) -> bool:
    """Tell whether a rule that matched does not hold after all."""
    return bool(ruling.lifted) and ruling.verdict is Verdict.ALLOW


def _strictest(flow: Flow, found: Sequence[Ruling]) -> Ruling:
    enforced = [ruling for ruling in found if ruling.enforced]
    return max(enforced, key=_rank) if enforced else Ruling(flow, Verdict.ALLOW)


def _by_flow(flows: Sequence[Flow], extra: Iterable[Ruling]) -> dict[Flow, list[Ruling]]:
    told: dict[Flow, list[Ruling]] = {flow: [] for flow in flows}
    for ruling in extra:
        if ruling.flow not in told:
            msg = "a plugin ruled on a flow that is not one of the message's flows"
            raise PluginError(msg)
        told[ruling.flow].append(ruling)
    return told


def _about(ruling: Ruling, flow: Flow) -> Ruling:
    """Return a ruling on flows like this one as a ruling on this one; what is said of it as a value stays so."""
    if ruling.flow.state is not flow.state and ruling.flow.state != flow.state:
        flow = replace(flow, state=ruling.flow.state)
    # dataclasses.replace() takes more than twice as long.
    return Ruling(
        flow,
        ruling.verdict,
        ruling.rule,
        ruling.says,
        ruling.transform,
        ruling.missing,
        ruling.approvers,
        ruling.enforced,
        ruling.recipe,
        ruling.lifted,
        ruling.tier,
        ruling.exception,
    )


def _truth(rule: Rule, facts: Facts) -> bool | None:
    """Return whether all of a rule's conditions hold; None for unknown."""
    truth = True if rule.when is None else rule.when(facts)
    for also in rule.also:
        if truth is False:
            break
        one = also.condition(facts)
        truth = truth if one is True else one
    return truth


def _rulings(policy: Policy, flow: Flow, given: _Given, facts: Facts) -> list[Ruling]:
    """Return the ruling of every rule that matches the flow, and that of the policy where no rule settles it."""
    found: list[Ruling] = []
    defaults: list[Ruling] = []
    mentioned = replaced = False
    for rule, sure in _candidates(policy, flow):
        truth = _truth(rule, facts)
        holds = sure and truth is True
        if truth is False or (rule.verdict is Verdict.ALLOW and not holds):
            continue  # an allow needs certainty; whatever restricts or transforms also speaks where it is unknown
        ruling = _rule_on(policy, rule, flow, facts, given)
        holds = holds and rule.settles
        mentioned = mentioned or holds
        if rule.tier is Tier.DEFAULT:
            defaults.append(ruling)
            continue
        found.append(ruling)
        settles = ruling.verdict <= Verdict.TRANSFORM and not _given_way(ruling) and rule.tier is Tier.ORDINARY
        replaced = replaced or (holds and settles)
    found += (_lift(ruling, "replaced") for ruling in defaults) if replaced else defaults
    if flow.route.sink is None:
        found.append(_otherwise(policy, flow, given.reviewed))
    elif flow.data_class is not None and not mentioned:
        says = f"No rule says that {flow.data_class} may go there in this state."
        found.append(Ruling(flow, Verdict.BLOCK, says=says, enforced=not policy.monitor))
    return found


def _rule_on(policy: Policy, rule: Rule, flow: Flow, facts: Facts, given: _Given) -> Ruling:
    """Return what one matching rule says of a flow."""
    enforced = rule.tier is Tier.MANDATORY or not (policy.monitor or rule.monitor)
    ruling = Ruling(flow, rule.verdict, rule.name, rule.says, rule.transform, enforced=enforced, tier=rule.tier)
    unmet = [unless for unless in rule.unless if not _met(unless, flow, facts, given.reviewed)]
    if rule.unless and not unmet:
        return _lift(ruling, "unless")
    standing, name = _exemption(policy, rule, flow, facts, given.now)
    if standing in (_IN_FORCE, _OVER_LONG):
        return replace(_lift(ruling, standing), exception=name)
    if standing:
        ruling = replace(ruling, lifted=standing, exception=name)
    if unmet:
        ruling = replace(ruling, missing=tuple(unless.needs for unless in unmet))
        if rule.verdict is Verdict.BLOCK and all(unless.approvers for unless in unmet):
            return _adapt(replace(ruling, verdict=Verdict.ASK, approvers=unmet[0].approvers))
    if rule.recipe:
        recipe = policy.recipes[rule.recipe]
        transform = next((recipe[wider] for wider in _wider(flow.data_class) if wider in recipe), "")
        if not transform:
            says = f"The recipe {rule.recipe} does not say what to do with {flow.data_class}."
            return replace(ruling, verdict=Verdict.BLOCK, says=says, transform="")
        ruling = replace(ruling, transform=transform, recipe=rule.recipe)
    if rule.verdict is Verdict.ASK:
        ruling = _ask_again(replace(ruling, approvers=rule.approvers), given.reviewed)
    return _adapt(ruling)


_STANDINGS = _IN_FORCE, _OVER_LONG, _EXPIRED = "exception", "over-long exception", "expired exception"


def _exemption(policy: Policy, rule: Rule, flow: Flow, facts: Facts, now: float | None) -> tuple[str, str]:
    """Return how the exceptions from a rule bear on a flow, as one of the words above or "", and which does: the best.

    A mandatory rule has none, and neither has one that allows: an exception can only lift.
    """
    exemptions = policy.exempt.get(rule.name, ())
    if now is None or not exemptions or rule.tier is Tier.MANDATORY or rule.verdict is Verdict.ALLOW:
        return "", ""
    found = [(_standing(one, now), one.name) for one in exemptions if _in_scope(one, flow, facts)]
    return min(found, key=lambda it: (_STANDINGS.index(it[0]), it[1]), default=("", ""))


def _standing(one: Exemption, now: float) -> str:
    if now >= one.until:
        return _EXPIRED
    return _IN_FORCE if now >= one.until - LONGEST_EXCEPTION else _OVER_LONG


def _in_scope(one: Exemption, flow: Flow, facts: Facts) -> bool:
    """Tell whether a flow is definitely in an exception's scope; if it may also go elsewhere, it is not."""
    route = flow.route
    ends = (route.sink or "", *route.possible)
    return (
        (not one.classes or not one.classes.isdisjoint(ancestors(flow.data_class or "")))
        and (not one.sources or not one.sources.isdisjoint(ancestors(route.source)))
        and (not one.sinks or all(not one.sinks.isdisjoint(ancestors(end)) for end in ends))
        and (one.condition is None or one.condition(facts) is True)
    )


def _wider(data_class: DataClass | None) -> Iterator[DataClass]:
    return map(DataClass, ancestors(data_class or ""))


def _met(unless: Unless, flow: Flow, facts: Facts, reviewed: frozenset[str]) -> bool:
    """Tell whether an exception definitely holds."""
    if unless.states:
        return flow.state in unless.states
    if unless.sinks:
        return flow.route.sink is not None and not unless.sinks.isdisjoint(ancestors(flow.route.sink))
    if unless.condition is not None:
        return unless.condition(facts) is True
    return not reviewed.isdisjoint(unless.approvers)


def _lift(ruling: Ruling, why: str) -> Ruling:
    return replace(ruling, verdict=Verdict.ALLOW, transform="", recipe="", missing=(), approvers=(), lifted=why)


def _ask_again(ruling: Ruling, reviewed: frozenset[str]) -> Ruling:
    """Return an ASK that has been agreed to as lifted, everything else as it is. No approvers named: any will do."""
    if ruling.verdict is not Verdict.ASK:
        return ruling
    agreed = not reviewed.isdisjoint(ruling.approvers) if ruling.approvers else bool(reviewed)
    return _lift(ruling, "review") if agreed else ruling


def _adapt(ruling: Ruling) -> Ruling:
    """Return the ruling as it can be carried out: what cannot be rewritten or read by a person is blocked."""
    flow = ruling.flow
    if ruling.verdict is Verdict.TRANSFORM and (flow.finding is None or flow.data_class == OPAQUE):
        missing = (*ruling.missing, "a span that can be rewritten")
        return replace(ruling, verdict=Verdict.BLOCK, transform="", recipe="", missing=missing)
    unseen = flow.state == RAW and flow.finding is None and flow.data_class is not None
    if ruling.verdict is Verdict.ASK and (unseen or flow.data_class == OPAQUE):
        return _unreadable(ruling)
    return ruling


def _otherwise(policy: Policy, flow: Flow, reviewed: frozenset[str]) -> Ruling:
    says = "No destination of the policy names this address."
    return _adapt(_ask_again(Ruling(flow, policy.otherwise, says=says, enforced=not policy.monitor), reviewed))


def _token_or_value(flow: Flow, as_token: Ruling, found: Sequence[Ruling]) -> Ruling:
    """Return the laxer ruling of two ways to send a token: as the value behind it, judged in `found`, or as it is.

    The value is put back only where it may go raw and nothing that is only watched says otherwise: a rule on trial must
    not be the reason why a value gets out.
    """
    as_value = replace(_strictest(flow, found), flow=flow)
    watched = any(not ruling.enforced and ruling.verdict is not Verdict.ALLOW for ruling in found)
    if as_value.verdict is Verdict.ALLOW and not watched:
        return as_value
    if as_token.verdict is Verdict.ALLOW:
        return replace(as_token, verdict=Verdict.TRANSFORM, transform="tokenize", recipe="", approvers=())
    return as_token if watched else min(as_token, as_value, key=strictness)


def host_matches(pattern: str, host: str) -> bool:
    """Tell whether a host pattern covers a host: `*` is one label, a leading `**` one or more. Both canonical."""
    if "*" not in pattern:
        return pattern == host
    wanted, given = pattern.split("."), host.split(".")
    if wanted[0] == "**":
        wanted = wanted[1:]
        if len(given) <= len(wanted):
            return False
        given = given[len(given) - len(wanted) :]
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


@lru_cache(maxsize=4096)
def address(upstream: str) -> tuple[str, str, int]:
    """Return scheme, canonical host and port of `scheme://host:port`; port 0 where it is not written."""
    scheme, _, rest = upstream.partition("://")
    host, _, port = rest.rpartition(":")
    return scheme, canonical_host(host), int(port) if port.isascii() and port.isdigit() else 0


_KEPT_CODES = re.compile(r"%(25|2[fF]|5[cC])")


def decoded_path(raw: str) -> str:
    r"""Return the path of a request target, percent-decoded but for `/`, `\` and `%`: what those mean is not settled.

    Patterns match both readings of a path that still holds such a code, see `Place.may_cover`.
    """
    return unquote(_KEPT_CODES.sub(r"%25\1", raw))


def canonical_host(host: str) -> str:
    """Return a host in lower case and IDNA form, without brackets and the root's dot; what has none stays as it is."""
    host = host.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def names_host(policy: Policy, scheme: str, host: str, port: int) -> bool:
    """Tell whether any destination may be at this address; what none names is not connected to."""
    host = canonical_host(host)
    return any(
        scheme == s and port == p and host_matches(pattern, host)
        for place in policy.sinks
        for s, pattern, p in place.hosts
    )


class Standing:
    """What a policy says of an endpoint by itself, each thing worked out when it is first asked for.

    Nothing of a message is in it, so it holds for every message to or from there.
    """

    def __init__(self, policy: Policy, endpoint: Endpoint) -> None:
        self._policy, self._endpoint = policy, endpoint

    @cached_property
    def address(self) -> Mapping[str, Fact]:
        """The facts `scheme`, `host` and `port`, as its upstream writes them."""
        scheme, _, rest = self._endpoint.upstream.partition("://")
        host, _, port = rest.rpartition(":")
        return {"scheme": scheme, "host": host, "port": int(port)}

    @cached_property
    def source(self) -> str:
        """What `source_of` gives."""
        name, places = UNLISTED, self._policy.sources
        while True:
            place = next((place for place in places if place.covers(self._endpoint)), None)
            if place is None:
                return name
            name, places = place.name, place.narrower

    @cached_property
    def read(self) -> tuple[frozenset[str], bool, frozenset[str]]:
        """What `read_at` gives."""
        places = list(_read(self._policy.sources, self._endpoint, maybe=False))
        names = frozenset(place.name for place in places)
        keys = frozenset(name for place in places for name in place.names)
        return names or frozenset({UNLISTED}), any(place.untrusted for place in places), keys

    @cached_property
    def fields(self) -> tuple[tuple[DataClass, Callable[[str], bool]], ...]:
        """What `fields_of` gives."""
        return tuple(declared for place in self._sources for declared in place.fields)

    @cached_property
    def carries(self) -> frozenset[DataClass]:
        """What `carries_of` gives."""
        return frozenset(carried for place in self._sources for carried in place.carries)

    @cached_property
    def stated(self) -> tuple[FactSpec, ...]:
        """What `facts_of` gives for what comes from there."""
        return tuple(spec for place in self._sources for spec in place.facts)

    @cached_property
    def asked(self) -> tuple[FactSpec, ...]:
        """What `facts_of` gives for what goes there."""
        return tuple(spec for place in self._sinks for spec in place.facts)

    @cached_property
    def route(self) -> Route | None:
        """What `sink_of` gives whatever the facts are; None where some destination that this may be asks for them."""
        if any(place.when is not None for place in self._sinks):
            return None
        return _route(self._policy, self._endpoint, {})

    @cached_property
    def _sources(self) -> tuple[Place, ...]:
        return tuple(_around(self._policy.sources, self._endpoint))

    @cached_property
    def _sinks(self) -> tuple[Place, ...]:
        return tuple(_around(self._policy.sinks, self._endpoint))


def standing_of(policy: Policy, endpoint: Endpoint) -> Standing:
    """Return what the policy says of an endpoint by itself, remembered."""
    kept = policy.standings.get(endpoint)
    if kept is None:
        kept = Standing(policy, endpoint)
        if len(endpoint.path) + len(endpoint.operation) <= _LONGEST_KEPT:
            if len(policy.standings) >= _STANDINGS_KEPT:
                policy.standings.clear()
            policy.standings[endpoint] = kept
    return kept


def source_of(policy: Policy, endpoint: Endpoint, _facts: Facts | None = None) -> str:
    """Return the narrowest source that names what comes from `endpoint`: first match, `unlisted` without one.

    Sources are named by address alone, so facts, which a response could leave out, are not asked.
    """
    return standing_of(policy, endpoint).source


def read_at(policy: Policy, endpoint: Endpoint) -> tuple[frozenset[str], bool, frozenset[str]]:
    """Return the sources that what comes from `endpoint` counts as read from, whether it is untrusted, and known keys.

    These are the one that names it with those around it, and every other that it may be. A narrower source is as
    untrusted as the wider one. The keys are those that the sources' `fields` spell out.
    """
    return standing_of(policy, endpoint).read


def _read(places: Iterable[Place], endpoint: Endpoint, *, maybe: bool) -> Iterator[Place]:
    named = False
    for place in places:
        covers = place.covers(endpoint)
        unsure = not covers and _unsure(place, endpoint)
        if unsure or (covers and (maybe or not named)):
            yield place
            yield from _read(place.narrower, endpoint, maybe=maybe or unsure)
        named = named or covers


def sink_of(policy: Policy, endpoint: Endpoint, facts: Facts) -> Route:
    """Return the route of an outbound message of the sandbox's own: which destination `endpoint` is.

    The first that matches gives the name, narrower ones inside it likewise. Every other destination that it also is or
    may be (an unknown fact, a path that can be read in two ways) is `possible`, so that rules that restrict apply.
    Where it cannot even be told which *source* would answer, no destination matches.
    """
    return standing_of(policy, endpoint).route or _route(policy, endpoint, facts)


def _route(policy: Policy, endpoint: Endpoint, facts: Facts) -> Route:
    name, possible = _name_sink(policy.sinks, endpoint, facts)
    if name is not None and any(_unsure(place, endpoint) for place in _everywhere(policy.sources)):
        possible.add(name)
        name = None
    if name is None and not possible and endpoint.path in _SERVER_ITSELF and endpoint.protocol == "mcp":
        scheme, host, _ = address(endpoint.upstream)
        name = f"{scheme}://{host}" if names_host(policy, scheme, host, 0) else None
    return Route(SANDBOX, name, frozenset(possible))


_SERVER_ITSELF = frozenset({"/", "/sampling", "/elicitation", "/roots"})
"""What is no tool, resource or prompt of an MCP server: where no destination covers it, one that has some part of the
server makes the server a destination of its own, which no rule names and which so takes nothing labelled."""


def _name_sink(places: Sequence[Place], endpoint: Endpoint, facts: Facts) -> tuple[str | None, set[str]]:
    name: str | None = None
    possible: set[str] = set()
    for place in places:
        covers = place.covers(endpoint)
        truth = True if place.when is None else place.when(facts)
        if truth is False or not (covers or _unsure(place, endpoint)):
            continue
        inner, others = _name_sink(place.narrower, endpoint, facts)
        if name is None and covers and truth:
            name = inner or place.name
            possible |= others
        else:
            possible |= others | {inner or place.name}
    return name, possible


def _unsure(place: Place, endpoint: Endpoint) -> bool:
    return place.may_cover is not None and place.may_cover(endpoint) and not place.covers(endpoint)


def _everywhere(places: Iterable[Place]) -> Iterator[Place]:
    for place in places:
        yield place
        yield from _everywhere(place.narrower)


def _around(places: Iterable[Place], endpoint: Endpoint) -> Iterator[Place]:
    """Yield every place that `endpoint` is or may be; facts are not asked, since they are read from these."""
    for place in places:
        if place.covers(endpoint) or _unsure(place, endpoint):
            yield place
            yield from _around(place.narrower, endpoint)


def fields_of(policy: Policy, endpoint: Endpoint) -> tuple[tuple[DataClass, Callable[[str], bool]], ...]:
    """Return the declared fields of every source that `endpoint` is or may be: class, and whether a path is one."""
    return standing_of(policy, endpoint).fields


def carries_of(policy: Policy, endpoint: Endpoint) -> frozenset[DataClass]:
    """Return the classes that every response of `endpoint` reveals something about."""
    return standing_of(policy, endpoint).carries


def facts_of(policy: Policy, endpoint: Endpoint, *, inbound: bool) -> tuple[FactSpec, ...]:
    """Return the facts to read from a message: those of its destinations, or of its sources where it is inbound."""
    standing = standing_of(policy, endpoint)
    return standing.stated if inbound else standing.asked


def read_facts(specs: Iterable[FactSpec], parts: Iterable[Part]) -> dict[str, Fact]:
    """Return the declared facts that a message states once, readably and in the declared type; others stay unknown.

    A name declared at several paths is known where all that are present agree. What some readers would take for the
    same name (`Channel`, `channel[]`), a name once more without a value, or another value of a name in the query than
    in the body makes it unknown.
    """
    wanted = list(specs)
    if not wanted:
        return {}
    everything = list(parts)
    seen = [part for part in everything if part.kind is not Kind.KEY]
    near = tuple(_loose(path) for spec in wanted for path in (spec.path, _elsewhere(spec.path)) if path)
    # The second sign of a path tells most of them apart at a tenth of the cost.
    starts = {sign for path in near for sign in (path[1:2], path[1:2].upper())} | _ELUSIVE
    stated = [
        (path, loose, part)
        for part in everything
        for path in [_stated(part)]
        if (path[1:2] in starts or not path.isascii()) and (loose := _loose(path)).startswith(near)
    ]
    values: dict[str, set[Fact | None]] = {}
    for spec in wanted:
        below = [part for part in seen if part.path == spec.path or part.path.startswith(spec.path + "/")]
        if _disputed(spec, stated):
            values.setdefault(spec.name, set()).add(None)
        elif below:
            values.setdefault(spec.name, set()).add(_fact(spec, below))
    known = {name: given.pop() for name, given in values.items() if len(given) == 1}
    return {name: value for name, value in known.items() if value is not None}


_LOOSE = (
    {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    | dict.fromkeys([*range(0x21), 0x7F, 0x85, *range(0x200B, 0x2010), 0x2060, 0xFEFF])
    | {ord("."): "_", ord("-"): "_"}
)
_ELUSIVE = frozenset(["", *map(chr, _LOOSE.keys() - set(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))), "_"])
"""What a path may hold, or lack, where another has something else or nothing."""


def _stated(part: Part) -> str:
    """Return the path at which a part states something; a query's names stand apart from its values."""
    if part.kind is Kind.KEY and part.path.startswith("query-name/"):
        return "query/" + part.text.replace("~", "~0").replace("/", "~1")
    return part.path


def _loose(path: str) -> str:
    """Return a path without what some readers of names make no difference of: case, spaces, `.` and `-` for `_`."""
    if not path.isascii():
        path = unicodedata.normalize("NFKC", path).casefold()
    return path.translate(_LOOSE)


def _disputed(spec: FactSpec, stated: Collection[tuple[str, str, Part]]) -> bool:
    """Return whether readers may differ on what stands at its path.

    By another name, by the same name once more, or by something else in the query than in the body.
    """
    path, loose, names = spec.path, _loose(spec.path), 0
    said = {part.text for exact, _, part in stated if exact == path and part.kind is not Kind.KEY}
    elsewhere = _loose(_elsewhere(path)) if said else ""
    for exact, other, part in stated:
        if elsewhere and _at(other, elsewhere) and part.kind is not Kind.KEY and part.text not in said:
            return True
        if not _at(other, loose):
            continue
        same = exact == path or exact.startswith(path + "/")
        if part.ambiguous or not same:
            return True
        names += exact == path and part.kind is Kind.KEY
    return names > 1 and spec.type != "list"


def _at(path: str, wanted: str) -> bool:
    """Return whether a path is another one, or inside what is there; both without what makes no difference."""
    return path.startswith(wanted) and path[len(wanted) : len(wanted) + 1] in ("", "/", "[")


def _elsewhere(path: str) -> str:
    """Return where many servers look for a parameter of a body too, in the query, and the other way round; or ""."""
    if path.startswith("query/"):
        return path.removeprefix("query")
    return f"query{path}" if path.startswith("/") and "/" not in path[1:] else ""


_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")


def _fact(spec: FactSpec, parts: Sequence[Part]) -> Fact | None:
    if any(part.kind is Kind.OPAQUE for part in parts):
        return None
    if spec.type == "list":
        return tuple(part.text for part in parts)
    if len(parts) != 1 or parts[0].path != spec.path:  # given twice, or not one value: who knows which one counts
        return None
    return _READ[spec.type](parts[0].text)


def _number(text: str) -> Fact | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return float(text) if match[1] or match[2] else int(text)


_READ: Mapping[str, Callable[[str], Fact | None]] = {
    "text": str,
    "number": _number,
    "boolean": {"true": True, "false": False}.get,
}
