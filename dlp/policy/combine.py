"""What a rule may ask beside `when`: what is in the message together, how much, to whom, after what, from whom.

Each key becomes a condition over the facts of `core.combined`, as three-valued as any other. All but `agent` and
`purpose` only ever restrict, so a rule that has one neither allows nor replaces what others say.
"""

from collections.abc import Callable, Collection, Mapping

from dlp.core.combined import PRESENT, UNTRUSTED, distinct, read_data, read_from, traced
from dlp.core.label import OPAQUE, UNLISTED, DataClass, State, ancestors
from dlp.core.message import Fact, Facts
from dlp.core.policy import Also, Verdict
from dlp.policy.names import Names, class_names, known_name
from dlp.strict_yaml import (
    Map,
    Node,
    Sequence,
    expect_choice,
    expect_integer,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    nearest,
)

ADDING = ("together", "more_than", "after", "recipients", "integrity", "traced")
"""The keys of a rule that only adds to what others say."""

KEYS = (*ADDING, "agent", "purpose")

type Part = tuple[Also, frozenset[str]]
"""A condition, and the facts it asks for."""


def combinations(
    keys: Mapping[str, Node], title: str, names: Names, sources: frozenset[str], verdict: Verdict
) -> tuple[tuple[Also, ...], frozenset[str]]:
    """Return the conditions that these keys of a rule say, `together` apart, and the facts they ask for."""
    for key in ADDING:
        if key in keys and verdict is Verdict.ALLOW:
            fail(keys[key], f"{title}: an allow takes no {key}: what is more reason to refuse cannot be what allows")
    parts = [read(keys[key], f"{title}: {key}", names, sources) for key, read in _READ.items() if key in keys]
    return tuple(also for also, _ in parts), frozenset(fact for _, used in parts for fact in used)


def together(node: Node, what: str, names: Names, states: frozenset[State]) -> tuple[frozenset[DataClass], Part]:
    """Return the classes that may not go together, and the condition that all of them are there in such a state."""
    classes = class_names(node, what, names)
    wider = next((c for c in classes for other in classes if c != other and c in ancestors(other)), "")
    if len(classes) < 2 or wider:  # noqa: PLR2004 - one is alone
        got = f"{wider}, which covers another of them" if wider else ", ".join(classes)
        fail(node, f"{what}: expected two classes or more that do not cover each other, got {got}")

    def condition(facts: Facts) -> bool | None:
        labels = facts.get(PRESENT)
        if not isinstance(labels, tuple):
            return None
        found = {
            wider
            for state, _, name in (label.partition(" ") for label in labels)
            if not states or state in states
            for wider in ancestors(name)
        }
        if classes <= found:
            return True
        return None if any(label.endswith(f" {OPAQUE}") for label in labels) else False

    says = f"{' and '.join(sorted(classes))} together"
    return classes, (Also("together", says, condition), frozenset({PRESENT}))


def one_of(key: str, node: Node, what: str, known: Collection[str]) -> Part:
    """Return the condition that the session's agent or purpose is one of those named; all are known where any is."""
    wanted = frozenset(expect_texts(node, what))
    for name in sorted(wanted):
        if known and name not in known:
            fail(node, f"{what}: unknown {key} {name}{nearest(name, known)}")

    def condition(facts: Facts) -> bool | None:
        value = facts.get(key)
        return value in wanted if isinstance(value, str) else None

    says = f"{key} {' or '.join(sorted(wanted))}"
    return Also(key, says, condition, adds=False), frozenset({key})


def _agent(node: Node, what: str, names: Names, _sources: frozenset[str]) -> Part:
    return one_of("agent", node, what, names.agents)


def _purpose(node: Node, what: str, names: Names, _sources: frozenset[str]) -> Part:
    return one_of("purpose", node, what, names.purposes)


def _more_than(node: Node, what: str, names: Names, _sources: frozenset[str]) -> Part:
    keys = expect_map(node, what, ("distinct", "count"), need=("distinct", "count"))
    name = expect_text(keys["distinct"], f"{what}: distinct")
    known_name(keys["distinct"], name, f"{what}: distinct", names.wider_classes)
    count = expect_integer(keys["count"], f"{what}: count")
    if count < 0:
        fail(keys["count"], f"{what}: count: expected 0 or more, got {count}")
    fact = distinct(name)

    def condition(facts: Facts) -> bool | None:
        value = facts.get(fact)
        return value > count if isinstance(value, int) and not isinstance(value, bool) else None

    return Also("more_than", f"more than {count} distinct {name}", condition), frozenset({fact})


def _after(node: Node, what: str, names: Names, sources: frozenset[str]) -> Part:
    value = expect_map(node, what, ("reading",), need=("reading",))["reading"]
    what = f"{what}: reading"
    if isinstance(value, Map):
        given = expect_map(value, what, ("data",), need=("data",))["data"]
        classes = sorted(class_names(given, f"{what}: data", names))
        return _any(f"after reading {' or '.join(classes)}", "after", [read_data(name) for name in classes])
    known = sources | {UNLISTED}
    wanted = [known_name(value, name, what, known) for name in expect_texts(value, what)]
    return _any(f"after reading from {' or '.join(wanted)}", "after", [read_from(name) for name in wanted])


def _integrity(node: Node, what: str, _names: Names, _sources: frozenset[str]) -> Part:
    expect_choice(node, what, ("untrusted",))
    return _any("after reading untrusted content", "integrity", [UNTRUSTED])


def _traced(node: Node, what: str, names: Names, _sources: frozenset[str]) -> Part:
    keys = expect_map(node, what, ("fact", "to"), need=("fact", "to"))
    expect_choice(keys["to"], f"{what}: to", ("untrusted",))
    wanted = expect_texts(keys["fact"], f"{what}: fact")
    for name in wanted:
        if name not in names.types:
            fail(keys["fact"], f"{what}: unknown fact {name}{nearest(name, names.types)}")
        if name in names.trusted:
            fail(keys["fact"], f"{what}: fact: {name} is stated by the orchestrator; it never comes from elsewhere")
    says = f"{' or '.join(wanted)} traced to untrusted content"
    return _any(says, "traced", [traced(name) for name in wanted])


def _recipients(node: Node, what: str, names: Names, _sources: frozenset[str]) -> Part:
    keys = expect_map(node, what, ("fact", "in"), need=("fact", "in"))
    fact = expect_text(keys["fact"], f"{what}: fact")
    known = [name for name, type_ in names.types.items() if type_ in ("text", "list") and name not in names.trusted]
    if fact not in known:
        fail(
            keys["fact"],
            f"{what}: fact: expected a text or list that the message states, got {fact}{nearest(fact, known)}",
        )
    allowed, used, said = _allowed(keys["in"], f"{what}: in", names)

    def condition(facts: Facts) -> bool | None:
        value, members = facts.get(fact), allowed(facts)
        given = (value,) if isinstance(value, str) else value
        if not isinstance(given, tuple) or not given or members is None:
            return None  # nobody named is as unknown as nothing said
        return not all(one in members for one in given)

    return Also("recipients", f"{fact} with anyone who is not in {said}", condition), used | {fact}


def _allowed(
    node: Node, what: str, names: Names
) -> tuple[Callable[[Facts], Collection[Fact] | None], frozenset[str], str]:
    if isinstance(node, Sequence):
        members = frozenset[Fact](expect_texts(node, what))
        return (lambda _: members), frozenset(), ", ".join(sorted(map(str, members)))
    name = expect_text(node, what)
    if name in names.lists:
        listed = frozenset(names.lists[name])
        return (lambda _: listed), frozenset(), name
    if name not in names.trusted or names.types[name] not in ("text", "list"):
        known = {*names.lists, *(n for n in names.trusted if names.types[n] in ("text", "list"))}
        fail(node, f"{what}: expected a list, or a text or list under trusted:, got {name}{nearest(name, known)}")

    def read(facts: Facts) -> Collection[Fact] | None:
        value = facts.get(name)
        return (value,) if isinstance(value, str) else value if isinstance(value, tuple) else None

    return read, frozenset({name}), name


def _any(says: str, key: str, facts: list[str]) -> Part:
    """Return the condition that one of these yes-or-no facts holds."""

    def condition(given: Facts) -> bool | None:
        values = [given.get(name) for name in facts]
        if True in [value for value in values if isinstance(value, bool)]:
            return True
        return False if all(value is False for value in values) else None

    return Also(key, says, condition), frozenset(facts)


_READ: Mapping[str, Callable[[Node, str, Names, frozenset[str]], Part]] = {
    "more_than": _more_than,
    "recipients": _recipients,
    "after": _after,
    "integrity": _integrity,
    "traced": _traced,
    "agent": _agent,
    "purpose": _purpose,
}
