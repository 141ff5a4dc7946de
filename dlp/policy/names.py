"""What a policy's rules may speak of: every name it declares, and how each is looked up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dlp.core.label import STATES, DataClass, State, ancestors
from dlp.core.message import Fact
from dlp.core.policy import TRANSFORMS, ClassSpec, Condition
from dlp.policy.when import CLAIMS, WhenError, compile_when
from dlp.strict_yaml import Entry, Mark, Node, Scalar, YamlError, expect_text, expect_texts, fail, nearest

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
DOTTED = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")
_RESERVED = ("any", "sandbox", "unlisted", "allow", "block", "ask", *TRANSFORMS, *STATES)


@dataclass(frozen=True, slots=True)
class Names:
    """The names known so far; `types` are those of facts, `trusted` those that only the orchestrator states.

    No `agents` or no `purposes`: any.
    """

    classes: Mapping[DataClass, ClassSpec]
    types: Mapping[str, str]
    lists: Mapping[str, tuple[Fact, ...]]
    recipes: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()

    @property
    def wider_classes(self) -> frozenset[str]:
        """The classes that rules may name: the defined ones and everything above them."""
        return frozenset(wider for name in self.classes for wider in ancestors(name))

    @property
    def states(self) -> frozenset[str]:
        """The states a label can be in."""
        return frozenset(STATES) | self.recipes


def new_name(entry: Entry, what: str, form: re.Pattern[str] = DOTTED) -> str:
    """Return a name that the policy declares, checked."""
    if not form.fullmatch(entry.key):
        fail(entry, f"{what}: expected a name of small letters, digits and _, got {entry.key}")
    if entry.key in _RESERVED:
        fail(entry, f"{what}: the name {entry.key} is taken by the language itself; choose another")
    return entry.key


def known_name(node: Node, name: str, what: str, known: frozenset[str] | tuple[str, ...]) -> str:
    """Return `name` if it is known."""
    if name not in known:
        fail(node, f"{what}: unknown name {name}{nearest(name, known)}")
    return name


def known_names(keys: Mapping[str, Node], key: str, title: str, known: frozenset[str]) -> frozenset[str]:
    """Return the names under a key, all of them known; none where the key is not there."""
    if key not in keys:
        return frozenset()
    what = f"{title}: {key}"
    return frozenset(known_name(keys[key], name, what, known) for name in expect_texts(keys[key], what))


def class_names(node: Node, what: str, names: Names) -> frozenset[DataClass]:
    """Return one class or several that a rule or recipe may name."""
    return frozenset(DataClass(known_name(node, n, what, names.wider_classes)) for n in expect_texts(node, what))


def defined_classes(node: Node, what: str, names: Names) -> frozenset[DataClass]:
    """Return one class or several that labels may get: only defined ones have a level."""
    known = frozenset[str](names.classes)
    return frozenset(DataClass(known_name(node, n, what, known)) for n in expect_texts(node, what))


def state_names(node: Node, what: str, names: Names) -> frozenset[State]:
    """Return one state or several."""
    return frozenset(State(known_name(node, n, what, names.states)) for n in expect_texts(node, what))


def condition(node: Node, what: str, names: Names, *, claims: bool = False) -> tuple[Condition, frozenset[str]]:
    """Return a compiled `when` and the facts it asks for; only with `claims` may it ask what a server claims."""
    text = expect_text(node, what)

    def at(offset: int) -> Mark:
        return node.inside(offset) if isinstance(node, Scalar) else node.mark

    try:
        compiled, used = compile_when(text, names.types, names.lists)
    except WhenError as error:
        raise YamlError(f"{at(error.at)}: {what}: {error}") from None
    claimed = sorted(used & CLAIMS)
    if claimed and not claims:
        raise YamlError(
            f"{at(text.find(claimed[0]))}: {what}: {claimed[0]} is what a server claims about its own tool: only the "
            "when of a rule that asks or blocks may depend on it"
        )
    return compiled, used
