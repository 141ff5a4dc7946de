"""What differs between two policies: in words, and in what they decide."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dlp.core.policy import Decision, Policy, Verdict, leading
from dlp.policy.written import SECTIONS, Item, Written, words

_ONE = {
    "classes": "class",
    "recipes": "recipe",
    "sources": "source",
    "destinations": "destination",
    "lists": "list",
    "agents": "agent",
    "purposes": "purpose",
    "trusted": "trusted fact",
    "facts": "fact",
}
_NAMES = ("rule", "to", "data", "from", "agent", "purpose", "when", "ticket")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that one policy says otherwise than the other: `how` is added, removed or changed."""

    what: str
    name: str
    how: str
    was: str = ""
    now: str = ""
    place: str = ""

    def __str__(self) -> str:
        """Say it in a sentence."""
        name = f"{self.what} {self.name}".strip()
        if self.how == "changed":
            return f"{name}: {self.was or 'nothing'} → {self.now or 'nothing'}"
        return f"{name}: {self.how}" + (f": {self.now or self.was}" if self.now or self.was else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one policy decides on a message; `error` says why it cannot."""

    verdict: str
    rule: str = ""
    error: str = ""


def changes(old: Written, new: Written) -> Iterator[Change]:
    """Yield what was changed from one policy to another; places are those in the new one where there is one."""
    for key in dict.fromkeys((*old.root, *new.root)):
        if old.root.get(key) != new.root.get(key):
            yield _changed("policy", key, old.root.get(key), new.root.get(key))
    for section in SECTIONS:
        yield from _items(_ONE[section], old.of(section), new.of(section))
    yield from _items("rule", old.rules, new.rules)
    yield from _items("exception", _by_scope(old.exceptions), _by_scope(new.exceptions))


def _by_scope(exceptions: Iterable[Item]) -> dict[str, Item]:
    return {words({key: item.keys[key] for key in _NAMES if key in item.keys}): item for item in exceptions}


def _items(what: str, old: Mapping[str, Item], new: Mapping[str, Item]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            yield Change(what, name, "added", now=_told(now), place=now.place)
        elif now is None and was is not None:
            yield Change(what, name, "removed", was=_told(was), place=was.place)
        elif was is not None and now is not None and was.value != now.value:
            if not (was.keys and now.keys):
                yield _changed(what, name, was.value, now.value, now.place)
                continue
            for key in dict.fromkeys((*was.keys, *now.keys)):
                if was.keys.get(key) != now.keys.get(key):
                    yield _changed(what, f"{name}, {key}", was.keys.get(key), now.keys.get(key), now.place_of(key))


def _told(item: Item) -> str:
    value = {key: one for key, one in item.keys.items() if key != "name"} if item.keys else item.value
    return words(value)


def _changed(what: str, name: str, was: object, now: object, place: str = "") -> Change:
    return Change(what, name, "changed", "" if was is None else words(was), "" if now is None else words(now), place)


def outcome(decision: Decision) -> Outcome:
    """Return a decision in two words: its verdict, with the transforms, and the rule that explains it."""
    verdict = decision.verdict.name.lower()
    if decision.verdict is Verdict.TRANSFORM:
        made = {
            f"{one.transform} {one.flow.data_class}" for one in decision.rulings if one.verdict is Verdict.TRANSFORM
        }
        verdict = ", ".join(sorted(made))
    return Outcome(verdict, leading(decision).rule)


def looser(old: Policy, new: Policy) -> Iterator[str]:
    """Yield what became laxer for all messages at once, whatever they are; for a reader in a hurry."""
    if old.otherwise is Verdict.BLOCK and new.otherwise is not Verdict.BLOCK:
        yield "unlisted destinations are asked about instead of refused"
    if new.monitor and not old.monitor:
        yield "nothing is refused any more: the policy is in monitor mode"
    for name, spec in old.classes.items():
        now = new.classes.get(name)
        if now is None:
            yield f"{name} is no longer recognised"
        elif now.tracking != spec.tracking:
            yield f"{name} is tracked by {now.tracking} instead of {spec.tracking}"
