"""A policy, loaded whole or not at all: its files, composed and compiled."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dlp.core.errors import PolicyError
from dlp.core.finding import Confidence
from dlp.core.label import DEFAULT_TRACKING, OPAQUE, DataClass, Level, Tracking, ancestors
from dlp.core.message import Fact
from dlp.core.policy import TRANSFORMS, ClassSpec, Exemption, Policy, Rule, Verdict
from dlp.policy.exceptions import compile_exception
from dlp.policy.files import Document, Read, digest_of, read_documents
from dlp.policy.limits import compile_limits
from dlp.policy.names import IDENTIFIER, Names, known_name, new_name
from dlp.policy.places import Types, build, drafts
from dlp.policy.rules import Scope, compile_rule
from dlp.policy.when import BUILT_IN, TYPES
from dlp.strict_yaml import (
    Entry,
    Map,
    Node,
    Scalar,
    YamlError,
    expect_choice,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    plain,
)

_CLASS = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*")
_CLASS_KEYS = ("level", "says", "tracking", "token", "entities", "at_least", "remember", "laws", "controls")
REMEMBER = ("session", "tenant")
"""For how long a class may be remembered."""
_TOKEN = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_ENTITY = re.compile(r"[A-Z][A-Z0-9_]*")
_OPAQUE = ClassSpec(OPAQUE, Level.INTERNAL, Tracking.NONE, "OPAQUE", "What the proxy cannot read.")


def load_policy(path: Path, *, packs: Path, read: Read = Path.read_bytes, catalogs: Iterable[Path] = ()) -> Policy:
    """Return the policy in `path`, composed with the files it uses; `packs` is the folder of the shipped ones.

    `catalogs` are files of plugins: classes, sources and destinations of a service, and no rules.

    Raises:
        PolicyError: something in it is unknown, ambiguous or could never match; the text begins with the place.

    """
    try:
        return _compile(read_documents(path, packs, read, catalogs))
    except YamlError as error:
        raise PolicyError(str(error)) from None


def _compile(documents: tuple[Document, ...]) -> Policy:
    root = documents[0].keys
    if "policy" not in root:
        raise YamlError(f"{documents[0].path}:1:1: policy file: expected the key policy: what this policy is called")
    trusted = _typed(documents, "trusted")
    types = Types(trusted)
    types.known |= trusted
    for name, type_ in _typed(documents, "facts").items():
        types.known[name] = type_
    sources = drafts(_entries(documents, "sources"), "source", types)
    sinks = drafts(_entries(documents, "destinations"), "destination", types)
    lists = dict(_lists(documents, types.known))
    classes = _classes(documents)
    recipes = {entry.key: entry for entry in _same(documents, "recipes")}
    agents, purposes = _said(documents, "agents"), _said(documents, "purposes")
    names = Names(
        classes,
        types.known,
        lists,
        recipes=frozenset(new_name(entry, "recipe") for entry in recipes.values()),
        agents=frozenset(agents),
        purposes=frozenset(purposes),
        trusted=frozenset(trusted),
    )
    source_places, source_facts = build(sources, "source", names)
    sink_places, sink_facts = build(sinks, "destination", names)
    scope = Scope(names, frozenset(sources), frozenset(sinks))
    rules, rule_facts = _rules(documents, scope)
    exceptions, exception_facts = _exceptions(documents, scope, rules)
    return Policy(
        name=expect_text(root["policy"], "policy"),
        version=expect_text(root["version"], "version") if "version" in root else "",
        digest=digest_of(documents),
        classes=classes,
        sources=source_places,
        sinks=sink_places,
        rules=rules,
        recipes={name: _recipe(entry, names) for name, entry in recipes.items()},
        otherwise=Verdict.ASK if _choice(root, "otherwise", ("block", "ask")) == "ask" else Verdict.BLOCK,
        monitor=_choice(root, "mode", ("enforce", "monitor")) == "monitor",
        ner=_choice(root, "ner", ("on", "off")) == "on",
        trusted=trusted,
        facts_used=source_facts | sink_facts | rule_facts | exception_facts,
        exceptions=exceptions,
        limits=compile_limits(document.keys["limits"] for document in documents if "limits" in document.keys),
        agents=agents,
        purposes=purposes,
    )


def _choice(root: dict[str, Node], key: str, choices: tuple[str, ...]) -> str:
    return expect_choice(root[key], key, choices) if key in root else choices[0]


def _entries(documents: Iterable[Document], key: str) -> Iterator[Entry]:
    """Yield the entries of one section of every file."""
    for document in documents:
        if key in document.keys:
            expect_map(document.keys[key], key)
            node = document.keys[key]
            if isinstance(node, Map):
                yield from node.entries


def _same(documents: Iterable[Document], key: str) -> Iterator[Entry]:
    """Yield the entries of a section in which a name may be said again, but only in the same words."""
    seen: dict[str, Entry] = {}
    for entry in _entries(documents, key):
        first = seen.setdefault(entry.key, entry)
        if first is entry:
            yield entry
        elif plain(first.node) != plain(entry.node):
            fail(
                entry, f"{key}: {entry.key} is defined otherwise at {first.mark}; make both the same, or leave one out"
            )


def _typed(documents: Iterable[Document], key: str) -> dict[str, str]:
    types: dict[str, str] = {}
    for entry in _same(documents, key):
        name = new_name(entry, key, IDENTIFIER)
        if name in BUILT_IN:
            fail(entry, f"{key}: {name} is stated by the proxy; choose another name")
        types[name] = expect_choice(entry.node, f"{key}: {name}", TYPES)
    return types


def _lists(documents: Iterable[Document], types: dict[str, str]) -> Iterator[tuple[str, tuple[Fact, ...]]]:
    for entry in _same(documents, "lists"):
        name = new_name(entry, "lists", IDENTIFIER)
        if name in types:
            fail(entry, f"lists: {name} is a fact as well; choose another name")
        values: list[Fact] = []
        for item in expect_list(entry.node, f"lists: {name}"):
            if not isinstance(item, Scalar) or item.value is None:
                fail(item, f"lists: {name}: expected texts or numbers")
            values.append(item.value)
        yield name, tuple(values)


def _classes(documents: Iterable[Document]) -> dict[DataClass, ClassSpec]:
    classes = {OPAQUE: _OPAQUE}
    tokens: dict[str, str] = {_OPAQUE.token: OPAQUE}
    for entry in sorted(_same(documents, "classes"), key=lambda entry: entry.key.split(".")):  # parents first
        new_name(entry, "class", _CLASS)
        if entry.key == OPAQUE:
            fail(entry, f"class {OPAQUE}: it is there always, and is what it is; choose another name")
        spec = _class(entry, classes)
        if spec.token in tokens:
            fail(
                entry,
                f"class {spec.name}: its tokens would be written {spec.token} like those of {tokens[spec.token]}; "
                "give one of them another word with token:",
            )
        tokens[spec.token] = spec.name
        classes[spec.name] = spec
    return classes


def _class(entry: Entry, classes: dict[DataClass, ClassSpec]) -> ClassSpec:
    what = f"class {entry.key}"
    keys = expect_map(entry.node, what, _CLASS_KEYS)
    above = next((classes[DataClass(w)] for w in ancestors(entry.key)[1:] if w in classes), None)
    if "level" in keys:
        level = Level(expect_choice(keys["level"], f"{what}: level", tuple(Level)))
        tracking = DEFAULT_TRACKING[level]
    elif above is not None:
        level, tracking = above.level, above.tracking
    else:
        fail(entry, f"{what}: expected the key level: one of {', '.join(Level)}")
    if "tracking" in keys:
        tracking = Tracking(expect_choice(keys["tracking"], f"{what}: tracking", tuple(Tracking)))
    token = expect_text(keys["token"], f"{what}: token") if "token" in keys else entry.key.rpartition(".")[2].upper()
    if not _TOKEN.fullmatch(token):
        fail(keys.get("token", entry), f"{what}: token: expected capital letters, digits and _, got {token}")
    entities = expect_texts(keys["entities"], f"{what}: entities") if "entities" in keys else ()
    for entity in entities:
        if not _ENTITY.fullmatch(entity):
            fail(keys["entities"], f"{what}: entities: expected names such as US_SSN, got {entity}")
    return ClassSpec(
        name=DataClass(entry.key),
        level=level,
        tracking=tracking,
        token=token,
        says=expect_text(keys["says"], f"{what}: says").strip() if "says" in keys else "",
        entities=frozenset(entities),
        at_least=expect_choice(keys["at_least"], f"{what}: at_least", tuple(Confidence))
        if "at_least" in keys
        else "low",
        laws=expect_texts(keys["laws"], f"{what}: laws") if "laws" in keys else (),
        controls=expect_texts(keys["controls"], f"{what}: controls") if "controls" in keys else (),
        remember=expect_choice(keys["remember"], f"{what}: remember", REMEMBER) == "tenant"
        if "remember" in keys
        else above is not None and above.remember,
    )


def _recipe(entry: Entry, names: Names) -> dict[DataClass, str]:
    what = f"recipe {entry.key}"
    steps = expect_map(entry.node, what)
    if not steps:
        fail(entry, f"{what}: expected at least one class with a transform")
    return {
        DataClass(known_name(node, name, what, names.wider_classes)): expect_choice(node, f"{what}: {name}", TRANSFORMS)
        for name, node in steps.items()
    }


def _rules(documents: Iterable[Document], scope: Scope) -> tuple[tuple[Rule, ...], frozenset[str]]:
    rules: dict[str, Rule] = {}
    used: frozenset[str] = frozenset()
    for document in documents:
        if "rules" not in document.keys:
            continue
        for node in expect_list(document.keys["rules"], "rules"):
            rule, asked = compile_rule(node, scope)
            if rule.name in rules:
                fail(node, f"rule {rule.name}: the name is taken by the rule at {rules[rule.name].place}")
            rules[rule.name] = rule
            used |= asked
    return tuple(rules.values()), used


def _exceptions(
    documents: Iterable[Document], scope: Scope, rules: Iterable[Rule]
) -> tuple[tuple[Exemption, ...], frozenset[str]]:
    by_name = {rule.name: rule for rule in rules}
    compiled = [
        compile_exception(node, scope, by_name)
        for document in documents
        if "exceptions" in document.keys
        for node in expect_list(document.keys["exceptions"], "exceptions")
    ]
    return tuple(one for one, _ in compiled), frozenset(fact for _, used in compiled for fact in used)


def _said(documents: Iterable[Document], key: str) -> dict[str, str]:
    """Return the agents or purposes that a policy knows, with what it says of them."""
    said: dict[str, str] = {}
    for entry in _same(documents, key):
        if not entry.key.strip():
            fail(entry, f"{key}: expected a name")
        keys = expect_map(entry.node, f"{key}: {entry.key}", ("says",))
        said[entry.key] = expect_text(keys["says"], f"{key}: {entry.key}: says").strip() if "says" in keys else ""
    return said
