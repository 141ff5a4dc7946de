"""`sources:` and `destinations:`, compiled to places with narrower places inside them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dlp.core.label import DataClass, Level, ancestors
from dlp.core.message import Endpoint
from dlp.core.policy import Condition, FactSpec, Place
from dlp.policy.names import IDENTIFIER, Names, condition, defined_classes, new_name
from dlp.policy.paths import UrlPattern, hosts_meet, names_in, parse_field, parse_url
from dlp.policy.when import BUILT_IN, TYPES
from dlp.strict_yaml import Entry, Map, Node, Scalar, expect_choice, expect_map, expect_texts, fail, kind, nearest

_SOURCE_KEYS = ("at", "facts", "fields", "carries", "says", "trust")
_SINK_KEYS = ("at", "facts", "when", "says", "consequential")
_TRUST = ("trusted", "untrusted")
_PART = re.compile(r"/.*|(?:query|header|cookie|url|host|graphql)/.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Draft:
    """A place as it is written, its facts read: they have to be known before any `when` is compiled."""

    name: str
    entry: Entry
    keys: dict[str, Node]
    facts: tuple[FactSpec, ...]


@dataclass(slots=True)
class Types:
    """The types of facts, gathered while places are read."""

    trusted: Mapping[str, str]
    known: dict[str, str] = field(default_factory=lambda: dict(BUILT_IN))

    def declare(self, node: Node | Entry, name: str, type_: str) -> None:
        """Note that some place declares a fact; what the proxy or the orchestrator states cannot be declared."""
        if name in BUILT_IN or name in self.trusted:
            who = "the proxy" if name in BUILT_IN else "the orchestrator (trusted:)"
            fail(node, f"facts: {name} is stated by {who}; choose another name")
        if self.known.setdefault(name, type_) != type_:
            fail(node, f"facts: {name} is a {self.known[name]} elsewhere, got {type_}; give it one type or two names")


def drafts(entries: Iterable[Entry], what: str, types: Types) -> dict[str, Draft]:
    """Return the places of one section by name."""
    keys = _SOURCE_KEYS if what == "source" else _SINK_KEYS
    found: dict[str, Draft] = {}
    for entry in entries:
        name = new_name(entry, what)
        if name in found:
            fail(entry, f"{what} {name} is defined twice; first at {found[name].entry.mark}")
        if what == "source" and isinstance(entry.node, Map) and entry.node.get("when"):
            fail(entry, f"source {name}: a source takes no when: it is named by address alone, use at")
        taken = expect_map(entry.node, f"{what} {name}", keys)
        facts = tuple(_facts(taken["facts"], name, types)) if "facts" in taken else ()
        found[name] = Draft(name, entry, taken, facts)
    return found


def _facts(node: Node, place: str, types: Types) -> Iterable[FactSpec]:
    what = f"{place}: facts"
    expect_map(node, what)
    assert isinstance(node, Map)  # noqa: S101 (expect_map saw to it)
    for entry in node.entries:
        name = new_name(entry, what, IDENTIFIER)
        at, type_ = entry.node, "text"
        if isinstance(entry.node, Map):
            keys = expect_map(entry.node, f"{what} {name}", ("at", "type"), need=("at",))
            at = keys["at"]
            type_ = expect_choice(keys["type"], f"{what} {name}: type", TYPES) if "type" in keys else type_
        types.declare(entry, name, type_)
        for path in expect_texts(at, f"{what} {name}"):
            if not _PART.fullmatch(path):
                fail(at, f"{what} {name}: expected a part such as /channel, query/q or header/x-team, got {path}")
            yield FactSpec(name, path.rstrip("/") if path != "/" else path, type_)


def build(found: Mapping[str, Draft], what: str, names: Names) -> tuple[tuple[Place, ...], frozenset[str]]:
    """Return the places that are in no other, and the facts that their conditions ask for."""
    for name, draft in found.items():
        above = name.rpartition(".")[0]
        if above and above not in found:
            known = nearest(above, found)
            fail(draft.entry, f"{what} {name}: it is a narrower {above}, and there is no {what} {above}{known}")
    used: set[str] = set()
    top = (_build(draft, (), found, what, names, used) for name, draft in found.items() if "." not in name)
    return tuple(top), frozenset(used)


def _build(
    draft: Draft,
    above: tuple[UrlPattern, ...],
    found: Mapping[str, Draft],
    what: str,
    names: Names,
    used: set[str],
) -> Place:
    keys, title = draft.keys, f"{what} {draft.name}"
    own = _urls(keys["at"], title) if "at" in keys else ()
    if not own and not above:
        fail(draft.entry, f"{title}: expected at: an address such as https://slack.test/api/**")
    if not own and "when" not in keys:
        fail(draft.entry, f"{title}: expected at or when: without, it is the same as {ancestors(draft.name)[1]}")
    if own and above and not any(_meet(a, b) for a in own for b in above):
        fail(keys["at"], f"{title}: at is never inside {ancestors(draft.name)[1]}: no method and host are common")
    when: Condition | None = None
    if "when" in keys:
        when, asked = condition(keys["when"], f"{title}: when", names)
        used |= asked
    urls = own or above
    fields = tuple(_fields(keys["fields"], title, names)) if "fields" in keys else ()
    carries = defined_classes(keys["carries"], f"{title}: carries", names) if "carries" in keys else frozenset()
    restricted = frozenset(name for name, _ in fields if names.classes[name].level is Level.RESTRICTED)
    depth = draft.name.count(".") + 1
    inside = [d for name, d in found.items() if name.startswith(draft.name + ".") and name.count(".") == depth]
    covers, may_cover = _cover(urls)
    return Place(
        name=draft.name,
        covers=covers,
        may_cover=may_cover,
        hosts=tuple(dict.fromkeys((url.scheme, url.host, url.port) for url in urls)),
        when=when,
        facts=draft.facts,
        fields=fields,
        carries=carries | restricted,
        narrower=tuple(_build(d, urls, found, what, names, used) for d in inside),
        untrusted="trust" in keys and expect_choice(keys["trust"], f"{title}: trust", _TRUST) == "untrusted",
        names=frozenset(_names(keys["fields"])) if "fields" in keys else frozenset(),
        steps=frozenset(step for url in urls for step in url.steps),
        consequential="consequential" in keys and _consequential(keys["consequential"], title),
    )


def _names(node: Node) -> Iterable[str]:
    assert isinstance(node, Map)  # noqa: S101 (_fields saw to it)
    return (name for entry in node.entries for name in names_in(entry.key))


def _consequential(node: Node, title: str) -> bool:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, bool):
        fail(node, f"{title}: consequential: expected true or false, got {kind(node)}")
    return value


def _urls(node: Node, title: str) -> tuple[UrlPattern, ...]:
    try:
        return tuple(parse_url(text) for text in expect_texts(node, f"{title}: at"))
    except ValueError as error:
        fail(node, f"{title}: at: {error}")


def _meet(a: UrlPattern, b: UrlPattern) -> bool:
    same = (a.scheme, a.port) == (b.scheme, b.port)
    return same and hosts_meet(a.host, b.host) and ("" in (a.operation, b.operation) or a.operation == b.operation)


def _cover(urls: tuple[UrlPattern, ...]) -> tuple[Callable[[Endpoint], bool], Callable[[Endpoint], bool]]:
    if len(urls) == 1:
        return urls[0].covers, urls[0].may_cover

    def covers(endpoint: Endpoint) -> bool:
        return any(url.covers(endpoint) for url in urls)

    def may_cover(endpoint: Endpoint) -> bool:
        return any(url.may_cover(endpoint) for url in urls)

    return covers, may_cover


def _fields(node: Node, title: str, names: Names) -> Iterable[tuple[DataClass, Callable[[str], bool]]]:
    expect_map(node, f"{title}: fields")
    assert isinstance(node, Map)  # noqa: S101 (expect_map saw to it)
    for entry in node.entries:
        try:
            covers = parse_field(entry.key)
        except ValueError as error:
            fail(entry, f"{title}: fields: {error}")
        for data_class in sorted(defined_classes(entry.node, f"{title}: fields", names)):
            yield data_class, covers
