"""`exceptions:`, compiled: one rule each, in a scope narrower than the rule's own, with an owner and an end."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dlp.core.label import SANDBOX, UNLISTED, ancestors
from dlp.core.message import Facts
from dlp.core.policy import Condition, Exemption, Rule, Tier, Verdict
from dlp.policy.combine import one_of
from dlp.policy.names import class_names, condition, known_names
from dlp.policy.rules import Scope
from dlp.strict_yaml import Node, Scalar, expect_map, expect_text, expect_texts, fail, kind, nearest

_SCOPE = ("data", "from", "to", "agent", "purpose", "when")
_KEYS = ("rule", *_SCOPE, "owner", "ticket", "reason", "until")
type _Part = tuple[str, frozenset[str], frozenset[str]]
"""A key of the scope, what the exception says under it, and what the rule does."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DAY.pattern + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def compile_exception(node: Node, scope: Scope, rules: Mapping[str, Rule]) -> tuple[Exemption, frozenset[str]]:
    """Return one exception and the facts it asks for; `rules` are all rules by name."""
    keys = expect_map(node, "exception", _KEYS, need=("rule", "owner", "ticket", "reason", "until"))
    rule = _rule(keys["rule"], rules)
    title = f"exception from {rule.name}"
    names = scope.names
    classes = class_names(keys["data"], f"{title}: data", names) if "data" in keys else frozenset()
    sources = known_names(keys, "from", title, scope.sources | {SANDBOX, UNLISTED})
    sinks = known_names(keys, "to", title, scope.sinks | {SANDBOX})
    conditions: list[Condition] = []
    used: frozenset[str] = frozenset()
    for key, known in (("agent", names.agents), ("purpose", names.purposes)):
        if key in keys:
            also, asked = one_of(key, keys[key], f"{title}: {key}", known)
            conditions.append(also.condition)
            used |= asked
    if "when" in keys:
        when, asked = condition(keys["when"], f"{title}: when", names)
        conditions.append(when)
        used |= asked
    parts = [("data", classes, rule.classes), ("from", sources, rule.sources), ("to", sinks, rule.sinks)]
    _check(node, keys, title, rule, parts, conditioned=bool(conditions))
    return Exemption(
        rule=rule.name,
        place=f"{node.mark.file}:{node.mark.line}",
        until=moment(keys["until"], f"{title}: until"),
        owner=expect_text(keys["owner"], f"{title}: owner"),
        reason=expect_text(keys["reason"], f"{title}: reason").strip(),
        ticket=expect_text(keys["ticket"], f"{title}: ticket"),
        classes=classes,
        sources=sources,
        sinks=sinks,
        condition=_all(conditions) if conditions else None,
        scope=_said(keys, parts),
    ), used


def _rule(node: Node, rules: Mapping[str, Rule]) -> Rule:
    """Return the rule that an exception is from; it has to be one that can be lifted."""
    name = expect_text(node, "exception: rule")
    if name not in rules:
        fail(node, f"exception: unknown rule {name}{nearest(name, rules)}")
    if rules[name].tier is Tier.MANDATORY:
        fail(node, f"exception from {name}: the rule is mandatory; nothing lifts it")
    if rules[name].verdict is Verdict.ALLOW:
        fail(node, f"exception from {name}: the rule allows, so there is nothing to lift; expected one that restricts")
    return rules[name]


def _check(
    node: Node, keys: Mapping[str, Node], title: str, rule: Rule, parts: Sequence[_Part], *, conditioned: bool
) -> None:
    """Refuse a scope in which nothing could be lifted, and one as wide as the rule's own."""
    for key, given, of_rule in parts:
        if given and of_rule and not any(_within(a, b) or _within(b, a) for a in given for b in of_rule):
            fail(keys[key], f"{title}: {key}: never holds: the rule is only about {', '.join(sorted(of_rule))}")
    if "data" in keys and not rule.labelled:
        fail(keys["data"], f"{title}: data: never holds: the rule is about messages as such, not about data")
    if not conditioned and not any(_narrows(given, of_rule) for _, given, of_rule in parts):
        fail(
            node,
            f"{title}: expected a scope narrower than the rule's own, by one or more of {', '.join(_SCOPE)}; "
            "to lift all of it, change the rule",
        )


def _said(keys: Mapping[str, Node], parts: Sequence[_Part]) -> str:
    said = [f"{key} {' or '.join(sorted(given))}" for key, given, _ in parts if given]
    for key in ("agent", "purpose", "when"):
        node = keys.get(key)
        if node is not None:
            told = str(node.value) if isinstance(node, Scalar) else " or ".join(sorted(expect_texts(node, key)))
            said.append(f"{key} {told.strip()}")
    return ", ".join(said)


def _all(conditions: list[Condition]) -> Condition:
    def whole(facts: Facts) -> bool | None:
        said = [one(facts) for one in conditions]
        return False if False in said else None if None in said else True

    return whole


def _within(inner: str, outer: str) -> bool:
    return outer in ancestors(inner)


def _narrows(given: frozenset[str], of_rule: frozenset[str]) -> bool:
    """Tell whether something that the rule is about is left to it."""
    if not given:
        return False
    return not of_rule or any(not any(_within(wide, narrow) for narrow in given) for wide in of_rule)


def moment(node: Node, what: str) -> float:
    """Return a time in seconds since the epoch: `2026-12-31T10:00:00Z`, or the end of the day `2026-12-31` in UTC."""
    text = node.value if isinstance(node, Scalar) else None
    example = "2026-12-31 (the end of that day, UTC) or 2026-12-31T10:00:00Z"
    if not isinstance(text, str):
        fail(node, f"{what}: expected a day or a time, such as {example}, got {kind(node)}")
    if not _DAY.fullmatch(text) and not _TIME.fullmatch(text):
        fail(node, f"{what}: expected a day or a time with its zone, such as {example}, got {text}")
    try:
        told = datetime.fromisoformat(text.upper())
        if _DAY.fullmatch(text):
            told = told.replace(tzinfo=UTC) + timedelta(days=1)
        return told.timestamp()
    except (ValueError, OverflowError):
        fail(node, f"{what}: there is no such day or time: {text}")
