"""A JSON Schema of policy files, made from the keys that the loader knows: for editors, which complete and check by it.

It says less than the loader, which also looks names up and reads conditions; what it refuses, the loader refuses.
"""

from collections.abc import Iterable, Mapping, Sequence

from dlp.core.finding import Confidence
from dlp.core.label import SANDBOX, STATES, UNLISTED, Level, Tracking
from dlp.core.policy import TRANSFORMS, Place, Policy, Tier
from dlp.policy import exceptions, files, limits, load, places, rules, services
from dlp.policy.when import TYPES

type Schema = dict[str, object]

_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_LIST: Schema = {"type": "array", "items": _TEXT, "minItems": 1}
_WHEN: Schema = {"type": "string", "minLength": 1, "maxLength": 4000}


def schema(policy: Policy | None = None) -> Schema:
    """Return the schema (JSON Schema 2020-12); with a policy, its names are what an editor offers."""
    names = _Names(policy)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Data-flow policy" + (f": {policy.name}" if policy else ""),
        **_object(files.KEYS, _top(names)),
    }


class _Names:
    """The names that a policy knows; without a policy any text is one."""

    def __init__(self, policy: Policy | None) -> None:
        classes = [] if policy is None else sorted(policy.classes)
        recipes = [] if policy is None else sorted(policy.recipes)
        sinks = [] if policy is None else sorted(_all(policy.sinks))
        sources = [] if policy is None else sorted(_all(policy.sources))
        self.data = _some(["any", *_wider(classes)] if classes else [])
        self.classes = _some(classes)
        self.states = _some([*STATES, *recipes] if policy else [])
        self.sinks = _some([*sinks, SANDBOX] if policy else [])
        self.sources = _some([*sources, SANDBOX, UNLISTED] if policy else [])
        verdicts = ["allow", "block", "ask", *TRANSFORMS, *recipes]
        self.then: Schema = {"enum": verdicts} if policy else {"anyOf": [{"enum": verdicts}, _TEXT]}


def _some(names: Sequence[str]) -> Schema:
    if not names:
        return _TEXTS
    one: Schema = {"enum": names}
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _wider(names: Iterable[str]) -> list[str]:
    return sorted({".".join(name.split(".")[:end]) for name in names for end in range(1, name.count(".") + 2)})


def _all(found: Iterable[Place]) -> Iterable[str]:
    for place in found:
        yield place.name
        yield from _all(place.narrower)


def _object(keys: Iterable[str], known: Mapping[str, Schema], need: Iterable[str] = ()) -> Schema:
    """Return the schema of a mapping: exactly these keys, each with what is known of it."""
    made: Schema = {
        "type": "object",
        "properties": {key: known.get(key, {}) for key in keys},
        "additionalProperties": False,
    }
    required = list(need)
    return made | {"required": required} if required else made


def _named(item: Schema) -> Schema:
    return {"type": "object", "additionalProperties": item}


def _top(names: _Names) -> dict[str, Schema]:
    facts = _named({"enum": list(TYPES)})
    return {
        "policy": {**_TEXT, "description": "What this policy is called."},
        "version": {**_TEXT, "description": "Rises with every change; an older one is refused once a newer one ran."},
        "mode": {"enum": ["enforce", "monitor"]},
        "ner": {"enum": ["on", "off"]},
        "use": {**_LIST, "description": "Shipped packs by name, or files beside this one, such as ./other.yaml."},
        "otherwise": {"enum": ["block", "ask"], "description": "For addresses that no destination names."},
        "trusted": {**facts, "description": "Facts that only the orchestrator may state."},
        "facts": {**facts, "description": "Facts that plugins state."},
        "lists": _named({"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1}),
        "classes": _named(_object(load._CLASS_KEYS, _class())),  # noqa: SLF001 - the loader's own keys: never out of step
        "recipes": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"enum": list(TRANSFORMS)},
            },
        },
        "sources": _named(_object(places._SOURCE_KEYS, _place(names))),  # noqa: SLF001
        "destinations": _named(_object(places._SINK_KEYS, _place(names))),  # noqa: SLF001
        "exceptions": {
            "type": "array",
            "minItems": 1,
            "items": _object(exceptions._KEYS, _exception(names), ("rule", "owner", "ticket", "reason", "until")),  # noqa: SLF001
        },
        "agents": {**_named(_SAID), "description": "Where any is named, rules may name no other."},
        "purposes": {**_named(_SAID), "description": "Where any is named, rules may name no other."},
        "limits": _object(
            limits._KEYS,  # noqa: SLF001
            {
                "calls": {"type": "number"},
                "per_minute": {"type": "number"},
                "duration": {**_TEXT, "description": "From a session's first request, such as 30s."},
                "memory": {**_TEXT, "description": "For whoever runs the sandbox, such as 256MB."},
                "guesses": {"type": "number", "description": "Of values that it has as tokens only."},
            },
        ),
        **_circulating(names),
        "rules": {"type": "array", "minItems": 1, "items": _object(rules._KEYS, _rule(names), ("name", "then"))},  # noqa: SLF001
    }


_SAID: Schema = _object(("says",), {"says": _TEXT})


def _exception(names: _Names) -> dict[str, Schema]:
    return {
        "rule": {**_TEXT, "description": "The rule that does not hold in this scope; never a mandatory one."},
        "data": names.data,
        "from": names.sources,
        "to": names.sinks,
        "agent": _TEXTS,
        "purpose": _TEXTS,
        "when": _WHEN,
        "owner": _TEXT,
        "ticket": _TEXT,
        "reason": _TEXT,
        "until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"},
    }


def _circulating(names: _Names) -> dict[str, Schema]:
    """Return the form in which policies for agents circulate, see `policy.services`."""
    rights: Schema = {"type": "array", "items": {"enum": ["read", "write"]}}
    service = ("at", "allow", "says", *services._OF_SOURCE, *services._OF_SINK)  # noqa: SLF001
    flow: dict[str, Schema] = dict.fromkeys(services._FLOW_KEYS, _TEXTS)  # noqa: SLF001
    flow |= {"name": _TEXT, "says": _TEXT, "data": names.data, "from": names.sources, "when": _WHEN}
    one = _object(service, _place(names) | {"allow": rights}, ("at", "allow"))
    return {
        "services": _named({"anyOf": [rights, one]}),
        "data_flows": {"type": "array", "minItems": 1, "items": _object(services._FLOW_KEYS, flow)},  # noqa: SLF001
        "egress": _LIST,
        "audit": {"enum": ["all"]},
    }


def _class() -> dict[str, Schema]:
    return {
        "level": {"enum": [level.value for level in Level]},
        "says": _TEXT,
        "tracking": {"enum": [tracking.value for tracking in Tracking]},
        "token": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$"},
        "entities": _TEXTS,
        "at_least": {"enum": [confidence.value for confidence in Confidence]},
        "remember": {"enum": list(load.REMEMBER)},
        "laws": _TEXTS,
        "controls": _TEXTS,
    }


def _place(names: _Names) -> dict[str, Schema]:
    return {
        "at": {**_TEXTS, "description": "[METHOD ]scheme://host[:port]/path; * is one step, ** any rest."},
        "says": _TEXT,
        "when": _WHEN,
        "facts": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    *[_TEXTS],
                    _object(("at", "type"), {"at": _TEXTS, "type": {"enum": list(TYPES)}}, ("at",)),
                ]
            },
        },
        "fields": {"type": "object", "additionalProperties": names.classes, "propertyNames": {"pattern": "^\\$"}},
        "carries": names.classes,
        "trust": {"enum": list(places._TRUST)},  # noqa: SLF001
        "consequential": {"type": "boolean"},
    }


def _rule(names: _Names) -> dict[str, Schema]:
    one = {
        "state": names.states,
        "to": names.sinks,
        "when": _WHEN,
        "approved_by": _TEXTS,
    }
    unless = _object(rules._UNLESS, one) | {"minProperties": 1, "maxProperties": 1}  # noqa: SLF001
    return {
        "name": _TEXT,
        "says": {**_TEXT, "description": "The rule as a sentence; whoever is refused is told it."},
        "tier": {"enum": [tier.value for tier in Tier]},
        "data": names.data,
        "state": names.states,
        "from": names.sources,
        "to": names.sinks,
        "when": _WHEN,
        "then": names.then,
        "unless": {"type": "array", "minItems": 1, "items": unless},
        "approvers": {"anyOf": [_TEXT, _LIST]},
        "mode": {"enum": ["enforce", "monitor"]},
        "together": {**_LIST, "minItems": 2, "description": "Classes that may not be in one message together."},
        "more_than": _object(
            ("distinct", "count"), {"distinct": _TEXT, "count": {"type": "number"}}, ("distinct", "count")
        ),
        "after": _object(
            ("reading",),
            {"reading": {"anyOf": [_TEXTS, _object(("data",), {"data": _TEXTS}, ("data",))]}},
            ("reading",),
        ),
        "recipients": _object(("fact", "in"), {"fact": _TEXT, "in": _TEXTS}, ("fact", "in")),
        "integrity": {"enum": ["untrusted"]},
        "traced": _object(("fact", "to"), {"fact": _TEXTS, "to": {"enum": ["untrusted"]}}, ("fact", "to")),
        "agent": _TEXTS,
        "purpose": _TEXTS,
        "laws": _TEXTS,
        "controls": _TEXTS,
    }
