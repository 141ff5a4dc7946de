"""`rules:`, compiled; what a rule could never do is an error here, not a silence later."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dlp.core.label import OPAQUE, SANDBOX, UNLISTED, DataClass, ancestors
from dlp.core.policy import TRANSFORMS, Rule, Tier, Unless, Verdict
from dlp.policy import combine
from dlp.policy.names import Names, class_names, condition, known_names, state_names
from dlp.strict_yaml import (
    Node,
    Scalar,
    expect_choice,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    nearest,
)

_KEYS = (
    "name",
    "says",
    "tier",
    "data",
    "state",
    "from",
    "to",
    "when",
    "then",
    "unless",
    "approvers",
    "mode",
    "laws",
    "controls",
    *combine.KEYS,
)
_UNLESS = ("state", "to", "when", "approved_by")
_VERDICTS = {"allow": Verdict.ALLOW, "ask": Verdict.ASK, "block": Verdict.BLOCK}


@dataclass(frozen=True, slots=True)
class Scope:
    """What rules are read against: the names, and the places by name."""

    names: Names
    sources: frozenset[str]
    sinks: frozenset[str]


def compile_rule(node: Node, scope: Scope) -> tuple[Rule, frozenset[str]]:
    """Return one rule and the facts it asks for."""
    keys = expect_map(node, "rule", _KEYS, need=("name", "then"))
    name = expect_text(keys["name"], "rule: name")
    title = f"rule {name}"
    names = scope.names
    verdict, transform, recipe = _then(keys["then"], title, names)
    given = expect_texts(keys["data"], f"{title}: data") if "data" in keys else ()
    is_any = given == ("any",)
    classes = class_names(keys["data"], f"{title}: data", names) if given and not is_any else frozenset()
    sinks = known_names(keys, "to", title, scope.sinks | {SANDBOX})
    sources = known_names(keys, "from", title, scope.sources | {SANDBOX, UNLISTED})
    states = state_names(keys["state"], f"{title}: state", names) if "state" in keys else frozenset()
    used: frozenset[str] = frozenset()
    when = None
    if "when" in keys:
        when, used = condition(keys["when"], f"{title}: when", names, claims=verdict >= Verdict.ASK)
    also, asked = combine.combinations(keys, title, names, scope.sources, verdict)
    used |= asked
    together: frozenset[DataClass] = frozenset()
    if "together" in keys:
        if "data" in keys:
            fail(keys["together"], f"{title}: together takes the place of data: the rule is about those classes")
        together, (one, asked) = combine.together(keys["together"], f"{title}: together", names, states)
        also, used, classes = (one, *also), used | asked, together
    rule = Rule(
        name=name,
        says=expect_text(keys["says"], f"{title}: says").strip() if "says" in keys else "",
        place=f"{node.mark.file}:{node.mark.line}",
        verdict=verdict,
        transform=transform,
        tier=Tier(expect_choice(keys["tier"], f"{title}: tier", tuple(Tier))) if "tier" in keys else Tier.ORDINARY,
        labelled=bool(given or together),
        classes=classes,
        states=states,
        sources=sources,
        sinks=sinks,
        when=when,
        approvers=_approvers(keys["approvers"], f"{title}: approvers", names) if "approvers" in keys else (),
        monitor="mode" in keys and expect_choice(keys["mode"], f"{title}: mode", ("enforce", "monitor")) == "monitor",
        recipe=recipe,
        laws=expect_texts(keys["laws"], f"{title}: laws") if "laws" in keys else (),
        controls=expect_texts(keys["controls"], f"{title}: controls") if "controls" in keys else (),
        also=also,
        together=together,
        wording=expect_text(keys["when"], title).strip() if "when" in keys else "",
    )
    _check(rule, keys, title)
    if "unless" not in keys:
        return rule, used
    unless: list[Unless] = []
    for item in expect_list(keys["unless"], f"{title}: unless"):
        condition_, asked = _unless(item, rule, scope)
        unless.append(condition_)
        used |= asked
    return replace(rule, unless=tuple(unless)), used


def _then(node: Node, title: str, names: Names) -> tuple[Verdict, str, str]:
    then = expect_text(node, f"{title}: then")
    if then in _VERDICTS:
        return _VERDICTS[then], "", ""
    if then in TRANSFORMS:
        return Verdict.TRANSFORM, then, ""
    if then not in names.recipes:
        known = (*_VERDICTS, *TRANSFORMS, *names.recipes)
        fail(node, f"{title}: then: unknown verdict or transform {then}{nearest(then, known)}")
    return Verdict.TRANSFORM, "", then


def _check(rule: Rule, keys: dict[str, Node], title: str) -> None:
    """Refuse what could never match or could only be misread."""
    restricts = rule.verdict >= Verdict.ASK
    if "unless" in keys and rule.verdict is Verdict.ALLOW:
        fail(keys["unless"], f"{title}: an allow takes no unless; put its limits into when, state, from and to")
    if rule.tier is Tier.MANDATORY and rule.verdict is Verdict.ALLOW:
        fail(keys["tier"], f"{title}: expected a mandatory rule to restrict or transform, got allow")
    if rule.tier is Tier.MANDATORY and rule.monitor:
        fail(keys["mode"], f"{title}: a mandatory rule is always enforced; it takes no mode: monitor")
    if "approvers" in keys and rule.verdict is not Verdict.ASK:
        fail(keys["approvers"], f"{title}: approvers go with then: ask; under unless the key is approved_by")
    if not rule.labelled and rule.states:
        fail(keys["state"], f"{title}: a state is a state of data: expected the key data as well, such as data: any")
    if not rule.labelled and rule.verdict is Verdict.TRANSFORM:
        fail(keys["then"], f"{title}: expected the key data, such as data: any: a transform rewrites labelled spans")
    if not rule.labelled and rule.sources - {SANDBOX} and rule.sinks and SANDBOX not in rule.sinks:
        hint = "expected the key data, such as data: any"
        fail(
            keys["from"], f"{title}: never matches: without data it is about the message, which is from sandbox; {hint}"
        )
    if rule.classes == {OPAQUE} and not restricts and rule.verdict is Verdict.TRANSFORM:
        fail(keys["then"], f"{title}: never works: what cannot be read cannot be rewritten; use block or allow")


def _unless(node: Node, rule: Rule, scope: Scope) -> tuple[Unless, frozenset[str]]:
    title = f"rule {rule.name}: unless"
    keys = expect_map(node, title, _UNLESS)
    if len(keys) != 1:
        fail(node, f"{title}: expected one of {', '.join(_UNLESS)} an item, got {len(keys)}; all items must hold")
    (key,) = keys
    value = keys[key]
    if key == "state":
        states = state_names(value, f"{title}: state", scope.names)
        if not rule.labelled or (rule.states and not rule.states & states):
            fail(value, f"{title}: state: never holds: the rule is not about data in such a state")
        return Unless(f"state {' or '.join(sorted(states))}", states=states), frozenset()
    if key == "to":
        sinks = known_names(keys, "to", title, scope.sinks | {SANDBOX})
        if rule.sinks and not any(_related(a, b) for a in sinks for b in rule.sinks):
            fail(value, f"{title}: to: never holds: the rule is only about {', '.join(sorted(rule.sinks))}")
        return Unless(f"to {' or '.join(sorted(sinks))}", sinks=sinks), frozenset()
    if key == "when":
        compiled, used = condition(value, f"{title}: when", scope.names)
        return Unless(expect_text(value, title).strip(), condition=compiled), used
    if rule.verdict is not Verdict.BLOCK:
        fail(value, f"{title}: approved_by goes with then: block; with then: ask use approvers")
    approvers = _approvers(value, f"{title}: approved_by", scope.names, single=True)
    return Unless(f"approved by {' or '.join(approvers)}", approvers=approvers), frozenset()


def _related(a: str, b: str) -> bool:
    return a in ancestors(b) or b in ancestors(a)


def _approvers(node: Node, what: str, names: Names, *, single: bool = False) -> tuple[str, ...]:
    """Return who may agree: a list of names, or the name of a list; where `single`, one name as well."""
    if isinstance(node, Scalar):
        name = expect_text(node, what)
        if name in names.lists:
            return _unique(str(value) for value in names.lists[name])
        if not single:
            fail(node, f"{what}: unknown list {name}{nearest(name, names.lists)}; one approver is written [{name}]")
        return (name,)
    return _unique(expect_texts(node, what))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
