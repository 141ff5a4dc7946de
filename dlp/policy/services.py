"""The form in which policies for agents circulate, compiled to sources, destinations and rules.

    services:                    what each may be used for: read (GET, HEAD, OPTIONS), write (all other methods)
      salesforce: {at: https://salesforce.test/**, allow: [read, write]}
      billing: [read]            of an address that `destinations:` names
      admin: []                  nothing
    data_flows:                  where data may go, where never, and where only transformed
      - {name: contacts, data: pii, from: salesforce, allowed: [salesforce], blocked: [chat], redact: [logs]}
    egress: [api.models.test]    other addresses, for messages without data: the destination `egress`
    audit: all                   said for readers; it is so always

It is written as nodes that keep their places, so that whatever is wrong with them is told where it stands.
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field

from dlp.core.policy import TRANSFORMS
from dlp.strict_yaml import (
    Entry,
    Map,
    Mark,
    Node,
    Scalar,
    Sequence,
    Value,
    expect_choice,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    nearest,
)

KEYS = ("services", "data_flows", "egress", "audit")
"""The top keys of this form."""

RULES = ("services", "data_flows")
"""Those of them that make rules."""

READING = ("GET", "HEAD", "OPTIONS")
"""The methods that read; all others write."""

_RIGHTS = ("read", "write")
_OF_SOURCE = ("fields", "carries", "trust")
_OF_SINK = ("facts", "consequential")
_FLOW_KEYS = ("name", "says", "data", "from", "when", "allowed", "blocked", *TRANSFORMS)
_HOST = re.compile(r"(\*\*\.)?([a-z0-9*]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)

type Keys = Mapping[str, Node]


@dataclass(slots=True)
class _Made:
    """What one file's sections are compiled to."""

    sources: list[Entry] = field(default_factory=list)
    destinations: list[Entry] = field(default_factory=list)
    rules: list[Node] = field(default_factory=list)


def expand(files: Iterable[Keys]) -> tuple[dict[str, Node], ...]:
    """Return the top keys of each file with this form's sections compiled into the others.

    Raises:
        YamlError: a section is not of this form, or permits something of a service without an address.

    """
    given = [dict(keys) for keys in files]
    known = {entry.key for keys in given for entry in _entries(keys.get("destinations"))}
    return tuple(_expanded(keys, known) if any(key in keys for key in KEYS) else keys for keys in given)


def _expanded(keys: dict[str, Node], known: set[str]) -> dict[str, Node]:
    made = _Made()
    if "services" in keys:
        expect_map(keys["services"], "services")
        for entry in _entries(keys["services"]):
            _service(entry, known, made)
    if "data_flows" in keys:
        for number, node in enumerate(expect_list(keys["data_flows"], "data_flows"), 1):
            made.rules += _data_flow(node, number)
    if "egress" in keys:
        made.destinations.append(_egress(keys["egress"]))
    if "audit" in keys and expect_text(keys["audit"], "audit") != "all":
        fail(keys["audit"], "audit: expected all: every message is recorded, always, and never with its values")
    left = {key: node for key, node in keys.items() if key not in KEYS}
    for key, entries in (("sources", made.sources), ("destinations", made.destinations)):
        if entries:
            left[key] = _joined(left.get(key), entries, key)
    if made.rules:
        own = expect_list(left["rules"], "rules") if "rules" in left else ()
        left["rules"] = Sequence(made.rules[0].mark, (*own, *made.rules))
    return left


def _entries(node: Node | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _joined(node: Node | None, entries: AbstractSequence[Entry], key: str) -> Map:
    if node is not None:
        expect_map(node, key)
    return Map(entries[0].mark, (*_entries(node), *entries))


# --- services ---------------------------------------------------------------------------------------------------------


def _service(entry: Entry, known: set[str], made: _Made) -> None:
    """Compile what may be done with one service: its places, where it has an address, and the rule that limits it."""
    name, what, rights = entry.key, f"services: {entry.key}", entry.node
    if isinstance(entry.node, Map):
        keys = expect_map(entry.node, what, ("at", "allow", "says", *_OF_SOURCE, *_OF_SINK), need=("at", "allow"))
        rights, mark = keys["allow"], entry.mark
        if not _is_empty(rights):  # nothing is read from what may not be spoken to
            made.sources.append(_place(name, mark, keys, _OF_SOURCE))
        made.destinations.append(_place(name, mark, keys, _OF_SINK))
    elif name not in known:
        hint = f"{{at: https://{name}.example/**, allow: […]}}"
        fail(entry, f"{what}: expected its address, as {hint}, or a destination of that name{nearest(name, known)}")
    may = _rights(rights, what)
    if may == {"read", "write"}:
        return
    told = {
        frozenset({"read"}): ("may be read and not changed", "only reading"),
        frozenset({"write"}): ("may be written to and not read", "only writing"),
        frozenset[str](): ("may not be used at all", "no use"),
    }[may]
    rule: dict[str, Value | list[str]] = {
        "name": f"{name}: {told[1]}",
        "says": f"The service {name} {told[0]}.",
        "from": "sandbox",
        "to": name,
        "then": "block",
    }
    methods = ", ".join(f'"{method}"' for method in READING)
    if may:
        rule["when"] = f"method {'not in' if 'read' in may else 'in'} [{methods}]"
    made.rules.append(_map(entry.mark, rule))


def _rights(node: Node, what: str) -> frozenset[str]:
    """Return what is permitted; here an empty list says what it seems to: nothing."""
    if _is_empty(node):
        return frozenset()
    if not isinstance(node, Sequence):
        fail(node, f"{what}: expected a list: [read], [write], [read, write], or [] for nothing")
    return frozenset(expect_choice(item, what, _RIGHTS) for item in node.items)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Sequence) and not node.items


def _place(name: str, mark: Mark, keys: Keys, also: Iterable[str]) -> Entry:
    taken = [Entry(keys[key].mark, key, keys[key]) for key in ("at", "says", *also) if key in keys]
    return Entry(mark, name, Map(mark, tuple(taken)))


# --- data flows -------------------------------------------------------------------------------------------------------


def _data_flow(node: Node, number: int) -> Iterable[Node]:
    """Yield one rule for each thing that may or may not be done with some data."""
    keys = expect_map(node, "data flow", _FLOW_KEYS)
    name = expect_text(keys["name"], "data flow: name") if "name" in keys else f"data flow {number}"
    ways = [key for key in ("allowed", "blocked", *TRANSFORMS) if key in keys]
    if not ways:
        fail(node, f"{name}: expected where to: one of allowed, blocked, {', '.join(TRANSFORMS)}")
    seen: dict[str, str] = {}
    for way in ways:
        for place in expect_texts(keys[way], f"{name}: {way}"):
            if place in seen:
                fail(keys[way], f"{name}: {way}: {place} is under {seen[place]} as well; name it once")
            seen[place] = way
    for way in ways:
        rule = [Entry(node.mark, "name", _text(node.mark, f"{name}: {way}"))]
        rule += [Entry(keys[key].mark, key, keys[key]) for key in ("says", "data", "from", "when") if key in keys]
        if "data" not in keys:
            rule.append(Entry(node.mark, "data", _text(node.mark, "any")))
        rule.append(Entry(keys[way].mark, "to", keys[way]))
        then = {"allowed": "allow", "blocked": "block"}.get(way, way)
        rule.append(Entry(keys[way].mark, "then", _text(keys[way].mark, then)))
        yield Map(node.mark, tuple(rule))


# --- egress -----------------------------------------------------------------------------------------------------------


def _egress(node: Node) -> Entry:
    """Return the destination `egress`: addresses, given whole or as hosts, which are reached over https."""
    places: list[Node] = []
    for item in expect_list(node, "egress"):
        text = expect_text(item, "egress")
        if "://" not in text:
            if not _HOST.fullmatch(text):
                example = "such as api.example or https://api.example/v1/**"
                fail(item, f"egress: expected a host or an address, {example}, got {text}")
            text = f"https://{text}/**"
        places.append(_text(item.mark, text))
    return Entry(node.mark, "egress", _map(node.mark, {"at": Sequence(node.mark, tuple(places))}))


def _text(mark: Mark, value: Value) -> Scalar:
    return Scalar(mark, value, None)


def _map(mark: Mark, values: Mapping[str, object]) -> Map:
    entries = []
    for key, value in values.items():
        entries.append(Entry(mark, key, value if isinstance(value, Map | Sequence) else _text(mark, str(value))))
    return Map(mark, tuple(entries))
