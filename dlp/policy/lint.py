"""What is wrong with a policy that loads: rules that never speak or win, facts nobody supplies, what is too broad.

Longer than most modules because it is a list of checks, each by itself.
"""

# Longer than 400 lines: each check is a few lines, and whoever wonders what is checked reads them together.

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise, product
from math import prod

from dlp.core.label import RAW, SANDBOX, ancestors
from dlp.core.message import Fact
from dlp.core.policy import (
    LONGEST_EXCEPTION,
    Condition,
    Flow,
    Place,
    Policy,
    Route,
    Rule,
    Ruling,
    Tier,
    Verdict,
    strictness,
)
from dlp.policy.asked import asked, conditions
from dlp.policy.paths import UrlPattern, hosts_meet, parse_url
from dlp.policy.when import BUILT_IN
from dlp.policy.written import Item, Written

ERROR, WARNING = "error", "warning"

_MOST_TRIES = 20_000
_OTHER = "\x01 another text"
_STAR = "\x02"
_SILENT = frozenset(
    {"name", "says", "tier", "data", "state", "from", "to", "then", "unless", "approvers", "mode", "laws", "controls"}
)
"""Keys of a rule that do not narrow what it is about, or that are compared by what they mean; all others by words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a policy that its author should look at: `place` is file:line, `todo` what to do about it."""

    id: str
    level: str
    place: str
    says: str
    todo: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What every check may look at."""

    policy: Policy
    text: Written
    now: float
    tried: Collection[str] | None

    def rules(self) -> Iterator[tuple[Rule, Item]]:
        """Yield the rules with what is written of each."""
        for rule in self.policy.rules:
            yield rule, self.text.rules.get(rule.name, Item(rule.name, rule.place, {}))


type _Check = Callable[[_Look], Iterator[Finding]]


def lint(policy: Policy, text: Written, *, now: float, tried: Collection[str] | None = None) -> tuple[Finding, ...]:
    """Return what there is to say about a policy, errors first, each in the order of the files.

    `tried` are the names of the rules that some test matches; None leaves that question out.
    """
    look = _Look(policy, text, now, tried)
    found = dict.fromkeys(finding for check in CHECKS for finding in check(look))
    return tuple(sorted(found, key=lambda one: (one.level != ERROR, _order(one.place), one.id)))


def _order(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return file, int(line) if line.isdigit() else 0


# --- places -----------------------------------------------------------------------------------------------------------


def check_places(look: _Look) -> Iterator[Finding]:
    """Places that an earlier one always takes the name of."""
    for section, places in (("sources", look.policy.sources), ("destinations", look.policy.sinks)):
        for siblings in _families(places):
            for number, place in enumerate(siblings):
                item = look.text.of(section).get(place.name)
                first = next((one for one in siblings[:number] if _takes(look, section, one.name, place.name)), None)
                if item is not None and first is not None:
                    yield Finding(
                        "unreachable",
                        ERROR,
                        item.place,
                        f"{section}: {place.name} is never the name of anything: {first.name} stands before it and "
                        "covers all of it",
                        f"put {place.name} before {first.name}, make it a narrower one ({first.name}.{place.name}), "
                        "or take it out",
                    )


def _families(places: Sequence[Place]) -> Iterator[Sequence[Place]]:
    yield places
    for place in places:
        yield from _families(place.narrower)


def _takes(look: _Look, section: str, first: str, later: str) -> bool:
    items = look.text.of(section)
    if "when" in items[first].keys:
        return False
    wide, narrow = _urls(items, first), _urls(items, later)
    return bool(narrow) and all(any(_within(a, b) for a in wide) for b in narrow)


def _urls(items: Mapping[str, Item], name: str) -> list[tuple[UrlPattern, str]]:
    """Return the addresses of a place, or those of the wider one that it inherits."""
    for wider in ancestors(name):
        at = items[wider].keys.get("at") if wider in items else None
        if at is not None:
            texts = at if isinstance(at, list) else [at]
            return [(parse_url(str(text)), str(text)) for text in texts]
    return []


def _within(wide: tuple[UrlPattern, str], narrow: tuple[UrlPattern, str]) -> bool:
    """Tell whether every endpoint of the second pattern is one of the first."""
    (a, _), (b, text) = wide, narrow
    if (a.scheme, a.port) != (b.scheme, b.port) or a.operation not in ("", b.operation):
        return False
    if not _host_within(a.host, b.host):
        return False
    _, slash, path = text.partition("://")[2].partition("/")
    # Each star stands for a step that nobody writes: what covers such a path covers all that it stands for.
    steps = ("/" + path if slash else "/**").replace("*", _STAR).removesuffix(f"/{_STAR}{_STAR}")
    deep = not slash or path.endswith("**")
    samples = [steps or "/", f"{steps}/{_STAR}/{_STAR}"] if deep else [steps]
    return all(a.path.fullmatch(sample) is not None for sample in samples)


def _host_within(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    if "*" not in wide:
        return False
    left, right = wide.split("."), narrow.split(".")
    if left[0] == "**":
        tail = left[1:]
        return len(right) > len(tail) and all(
            a in ("*", b) for a, b in zip(tail, right[len(right) - len(tail) :], strict=True)
        )
    return (
        "**" not in right and len(left) == len(right) and all(a in ("*", b) for a, b in zip(left, right, strict=True))
    )


# --- conditions -------------------------------------------------------------------------------------------------------


def check_conditions(look: _Look) -> Iterator[Finding]:
    """Conditions that no message can meet."""
    types = _types(look.policy)
    whens: dict[str, list[tuple[Condition, str]]] = {}
    for place, above in _with_whens(look.policy.sinks, ()):
        items = look.text.of("destinations")
        chain = [
            (one.when, str(items[one.name].keys.get("when", ""))) for one in (*above, place) if one.when is not None
        ]
        whens[place.name] = chain
        if place.when is not None and not _can_hold(chain, types, look):
            yield Finding(
                "never-holds",
                ERROR,
                items[place.name].place_of("when"),
                f"destination {place.name}: its when can never hold"
                + (f" inside {place.name.rpartition('.')[0]}" if above else ""),
                "mend the condition, or take the destination out",
            )
    for rule, item in look.rules():
        own = [(rule.when, rule.wording)] if rule.when is not None else []
        chains = [own + whens.get(sink, []) for sink in sorted(rule.sinks)] or [own]
        if own and not any(_can_hold(chain, types, look) for chain in chains):
            yield Finding(
                "never-holds",
                ERROR,
                item.place_of("when"),
                f"rule {rule.name}: its condition can never hold for what it is about",
                "mend the condition, or take the rule out",
            )


def _with_whens(places: Iterable[Place], above: tuple[Place, ...]) -> Iterator[tuple[Place, tuple[Place, ...]]]:
    for place in places:
        yield place, above
        yield from _with_whens(place.narrower, (*above, place))


def _types(policy: Policy) -> dict[str, str]:
    types = dict(BUILT_IN) | dict(policy.trusted)
    for place, _ in _with_whens((*policy.sources, *policy.sinks), ()):
        types |= {spec.name: spec.type for spec in place.facts}
    return types


_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_NUMBER = re.compile(r"(?<![\w.])-?[0-9]+(?:\.[0-9]+)?")


def _can_hold(chain: Sequence[tuple[Condition, str]], types: Mapping[str, str], look: _Look) -> bool:
    """Tell whether conditions can hold together: tried with every value that they name, and with others beside them.

    What is too much to try, or of a kind that this does not know, is taken to be possible.
    """
    facts = sorted(asked(*(condition for condition, _ in chain)))
    written = " ".join(text for _, text in chain)
    if any(name not in types for name in facts) or written.count("matches") > 1:
        return True
    texts = [a or b for a, b in _TEXT.findall(written)]
    items = [value for name, item in look.text.of("lists").items() if name in written for value in _flat(item.value)]
    texts += [item for item in items if isinstance(item, str)]
    numbers = [float(number) for number in _NUMBER.findall(_TEXT.sub("", written))]
    numbers += [float(item) for item in items if isinstance(item, int | float) and not isinstance(item, bool)]
    values = [_values(types[name], name, texts, numbers) for name in facts]
    if prod(map(len, values)) > _MOST_TRIES:
        return True
    return any(
        all(condition(dict(zip(facts, given, strict=True))) is True for condition, _ in chain)
        for given in product(*values)
    )


def _flat(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _values(type_: str, name: str, texts: Sequence[str], numbers: Sequence[float]) -> list[Fact]:
    if type_ == "boolean":
        return [True, False]
    if type_ == "number":
        named = sorted({0.0, *numbers})
        between = [(low + high) / 2 for low, high in pairwise(named)]
        return [named[0] - 1, *named, *between, named[-1] + 1]
    words = list(dict.fromkeys([*texts, *(text.replace("*", "") for text in texts), _OTHER]))
    words += [text.replace("*", "x") for text in texts if "*" in text]
    if name == "direction":
        words = ["outbound", "inbound"]
    return [(word,) for word in words] if type_ == "list" else list(words)


# --- facts ------------------------------------------------------------------------------------------------------------


def check_facts(look: _Look) -> Iterator[Finding]:
    """Facts that the places which a rule is about do not declare."""
    sources = [place for place, _ in _with_whens(look.policy.sources, ())]
    sinks = [place for place, _ in _with_whens(look.policy.sinks, ())]
    declared = {spec.name for place in (*sources, *sinks) for spec in place.facts}
    for rule, item in look.rules():
        about = _about(rule, sources, sinks)
        for condition, key in _keyed(rule):
            for name in sorted(asked(condition) & declared):
                without = [place.name for place, beside in about if name not in _supplied(place, beside)]
                if without and len(without) == len(about):
                    yield _never_known(rule, item, key, name)
                elif without and rule.sinks:
                    yield Finding(
                        "fact-not-everywhere",
                        WARNING,
                        item.place_of(key),
                        f"rule {rule.name}: {key} asks for {name}, which {', '.join(without)} cannot supply",
                        f"declare {name} there under facts:, or name those destinations in a rule of their own",
                    )


def _never_known(rule: Rule, item: Item, key: str, name: str) -> Finding:
    effect = "so it is never met" if key == "unless" or rule.verdict is Verdict.ALLOW else "so it counts as met always"
    return Finding(
        "fact-never-known",
        ERROR,
        item.place_of(key),
        f"rule {rule.name}: {key} asks for {name}, which nothing that the rule is about can supply, {effect}",
        f"declare {name} under facts: of the destination (facts: {{{name}: /path/to/it}}), or take it out",
    )


def _keyed(rule: Rule) -> Iterator[tuple[Condition, str]]:
    also = {id(one.condition): one.key for one in rule.also}
    for condition in conditions(rule):
        yield condition, "when" if condition is rule.when else also.get(id(condition), "unless")


def _about(rule: Rule, sources: list[Place], sinks: list[Place]) -> list[tuple[Place, list[Place]]]:
    """Return the places whose messages a rule is about, each with those that may read facts from the same message."""
    found: list[tuple[Place, list[Place]]] = []
    found += [(place, sinks) for place in sinks if not rule.sinks or place.name in rule.sinks]
    if not rule.sinks or SANDBOX in rule.sinks:
        named = [place for place in sources if not rule.sources or place.name in rule.sources]
        found += [(place, sources) for place in named]
    return found


def _supplied(place: Place, beside: Iterable[Place]) -> set[str]:
    near = [one for one in beside if any(_met(a, b) for a in one.hosts for b in place.hosts)]
    return {spec.name for one in near for spec in one.facts}


def _met(a: tuple[str, str, int], b: tuple[str, str, int]) -> bool:
    return (a[0], a[2]) == (b[0], b[2]) and hosts_meet(a[1], b[1])


# --- rules against rules ----------------------------------------------------------------------------------------------


def check_conflicts(look: _Look) -> Iterator[Finding]:
    """Rules that say opposite things of the same, and rules that another one always outdoes."""
    by_class: dict[str, list[tuple[Rule, Item]]] = {}
    for one in look.rules():
        for name in one[0].classes or ("",):
            by_class.setdefault(name, []).append(one)
    for rule, item in look.rules():
        wider = ancestors(min(rule.classes)) if rule.classes else ()
        for other, other_item in [one for name in (*wider, "") for one in by_class.get(name, ())]:
            if other is rule or other.unless or other.monitor or not _covers(other, other_item, rule, item):
                continue
            same = _covers(rule, item, other, other_item)
            if (
                same
                and rule.verdict is Verdict.ALLOW
                and other.verdict is Verdict.BLOCK
                and other.tier is not Tier.DEFAULT
            ):
                yield Finding(
                    "conflict",
                    ERROR,
                    rule.place,
                    f"rule {rule.name} allows what {other.name} ({other.place}) blocks, in the very same scope",
                    "take one out, or narrow one by when:, state: or to:; as it is, block wins",
                )
                break
            if (
                _own(look, rule)
                and _outdoes(other, rule)
                and not (same and rule.name < other.name and _equal(other, rule))
            ):
                yield Finding(
                    "shadowed",
                    WARNING,
                    rule.place,
                    f"rule {rule.name} never decides anything: {other.name} ({other.place}) speaks wherever it does, "
                    f"and {'says the same' if _equal(other, rule) else 'is stricter'}",
                    "take it out, or narrow the other one",
                )
                break


def _covers(wide: Rule, wide_item: Item, narrow: Rule, narrow_item: Item) -> bool:
    """Tell whether a rule speaks of every flow that another one speaks of."""
    if wide.labelled is not narrow.labelled:
        return False
    for key in set(wide_item.keys) - _SILENT:
        if wide_item.keys[key] != narrow_item.keys.get(key):
            return False
    return (
        _named(wide.classes, narrow.classes)
        and (not wide.states or (bool(narrow.states) and narrow.states <= wide.states))
        and _named(wide.sources, narrow.sources)
        and _named(wide.sinks, narrow.sinks)
    )


def _named(wide: Collection[str], narrow: Collection[str]) -> bool:
    return not wide or (bool(narrow) and all(any(w in wide for w in ancestors(name)) for name in narrow))


_FLOW = Flow(None, RAW, Route("", None))  # only to compare what rules say


def _strict(rule: Rule) -> tuple[int, int]:
    return strictness(Ruling(_FLOW, rule.verdict, transform=rule.transform))


def _equal(a: Rule, b: Rule) -> bool:
    return (a.verdict, a.transform, a.recipe, a.tier) == (b.verdict, b.transform, b.recipe, b.tier)


def _outdoes(other: Rule, rule: Rule) -> bool:
    """Tell whether a rule that speaks wherever another one does always leaves it nothing to decide."""
    if (
        rule.tier is Tier.DEFAULT
        and other.tier is Tier.ORDINARY
        and other.settles
        and other.verdict <= Verdict.TRANSFORM
    ):
        return True  # a default gives way
    if other.tier is Tier.DEFAULT and rule.tier is not Tier.DEFAULT:
        return False
    if rule.tier is Tier.MANDATORY and other.tier is not Tier.MANDATORY:
        return False  # it holds where the other one is lifted, or only watched
    if rule.recipe or other.recipe:
        return other.verdict > rule.verdict or _equal(other, rule)
    return _strict(other) > _strict(rule) or (_equal(other, rule) and not rule.unless)


# --- what is too broad, too old, or not tried -------------------------------------------------------------------------


def check_breadth(look: _Look) -> Iterator[Finding]:
    """Find allows that say `any`, or everywhere."""
    for rule, item in look.rules():
        if rule.verdict is not Verdict.ALLOW:
            continue
        if rule.labelled and not rule.classes:
            yield Finding(
                "broad-allow",
                WARNING,
                item.place_of("data"),
                f"rule {rule.name} allows any class of data, those that are yet to be defined as well",
                "name the classes",
            )
        if not rule.sinks:
            yield Finding(
                "broad-allow",
                WARNING,
                rule.place,
                f"rule {rule.name} allows its data to go everywhere, to destinations yet to be listed as well",
                "name the destinations with to:",
            )


def check_exceptions(look: _Look) -> Iterator[Finding]:
    """Exceptions that have expired, or that never seem to end."""
    for one in look.policy.exceptions:
        until = f"{datetime.fromtimestamp(one.until, UTC):%Y-%m-%d %H:%M} UTC"
        what = f"the exception {one.name} from {one.rule} (owner {one.owner})"
        if one.until <= look.now:
            yield Finding(
                "expired-exception",
                WARNING,
                one.place,
                f"{what} ended at {until}: it does nothing any more",
                "take it out, or have its owner renew it",
            )
        elif one.until - look.now > LONGEST_EXCEPTION:
            yield Finding(
                "long-exception",
                WARNING,
                one.place,
                f"{what} holds until {until}, more than a year from now",
                "end it within a year; what holds for longer is a rule",
            )


def check_tests(look: _Look) -> Iterator[Finding]:
    """Rules that no test matches."""
    if look.tried is None:
        return
    for rule in look.policy.rules:
        if rule.name not in look.tried and _own(look, rule):
            yield Finding(
                "untested",
                WARNING,
                rule.place,
                f"rule {rule.name} is in no test: whether it does what it says, nobody has seen",
                "add a test that it decides, and one that it just misses",
            )


def _own(look: _Look, rule: Rule) -> bool:
    """Tell whether a rule stands in a file of this policy's own folder: packs have tests of their own."""
    here = look.text.files[0].parent
    return rule.place.rpartition(":")[0] in {str(file) for file in look.text.files if file.parent == here}


def check_integrity(look: _Look) -> Iterator[Finding]:
    """Consequential destinations that untrusted content could make the sandbox use."""
    guarded = [
        rule
        for rule in look.policy.rules
        if rule.verdict >= Verdict.ASK and not rule.monitor and {"integrity", "traced"} & {one.key for one in rule.also}
    ]
    items = look.text.of("destinations")
    for place, _ in _with_whens(look.policy.sinks, ()):
        if not place.consequential or any(not r.sinks or r.sinks & set(ancestors(place.name)) for r in guarded):
            continue
        at = items[place.name].place_of("consequential") if place.name in items else f"{look.text.files[0]}:1"
        yield Finding(
            "no-integrity-rule",
            WARNING,
            at,
            f"destination {place.name} is consequential, and no rule says what untrusted content may make of it",
            f"add a rule to: {place.name} with integrity: untrusted and then: ask or block",
        )


CHECKS: Sequence[_Check] = (
    check_places,
    check_conditions,
    check_facts,
    check_conflicts,
    check_breadth,
    check_exceptions,
    check_tests,
    check_integrity,
)
