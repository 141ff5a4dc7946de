"""What of a message's facts an audit entry may hold, so that the decision can be made again later: never a value."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from dlp.core.message import Direction, Endpoint, Fact, Facts
from dlp.core.policy import Decision, Policy, Verdict, facts_of
from dlp.core.ports import Watched

TOLD = frozenset({"method", "operation", "direction", "agent", "upstream", "scheme", "host", "port", "part", "path"})
"""Facts that an entry tells by its other fields, or not at all; `path` only in the form that `shown` gives it."""

_NO_NAMES = ("", ".", "..")
_LONG_TEXT = 256


def noted(
    policy: Policy, endpoint: Endpoint, direction: Direction, facts: Facts, labelled: Mapping[str, Collection[str]]
) -> tuple[dict[str, Fact], tuple[str, ...]]:
    """Return the facts that may be recorded, and the names of those that were known and are withheld.

    `labelled` holds, by part, the texts in which something was found. Recorded is what rules use and what the policy
    declares or the proxy states; what only the orchestrator may state is kept with the session and not repeated here.
    A text that holds a labelled one, or is part of it, is withheld.
    """
    kept: dict[str, Fact] = {}
    withheld: list[str] = []
    purpose = facts.get("purpose")
    if purpose is not None:
        kept["purpose"] = purpose
    path = facts.get("path")
    if isinstance(path, str) and not any(part.startswith("url/") for part in labelled):
        kept["path"] = shown(path, policy.steps)
    wanted = [name for name in _worth_noting(policy.facts_used) if name in facts and name not in policy.trusted]
    if wanted and not labelled:
        for name in wanted:
            if " " not in name and _is_long(facts[name]):
                withheld.append(name)
            else:
                kept[name] = facts[name]
    elif wanted:
        specs = facts_of(policy, endpoint, inbound=direction is Direction.INBOUND)
        paths: dict[str, list[str]] = {}
        for spec in specs:
            paths.setdefault(spec.name, []).append(spec.path)
        texts = [text for found in labelled.values() for text in found if text]
        for name in wanted:
            worked_out = " " in name  # yes, no or a count: these tell no value
            if not worked_out and (_is_labelled(paths.get(name, ()), labelled) or _holds(facts[name], texts)):
                withheld.append(name)
            else:
                kept[name] = facts[name]
    return kept, tuple(withheld)


@lru_cache(maxsize=16)
def _worth_noting(facts_used: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(facts_used - TOLD - {"purpose"}))


def _is_labelled(paths: Iterable[str], labelled: Collection[str]) -> bool:
    return any(part == path or part.startswith(path + "/") for path in paths for part in labelled)


def _holds(fact: Fact, texts: Iterable[str]) -> bool:
    if isinstance(fact, bool):
        return False
    return _is_long(fact) or any(
        text in one or (one and one in text)
        for text in texts
        for one in (fact if isinstance(fact, tuple) else (str(fact),))
    )


def _is_long(fact: Fact) -> bool:
    return any(len(text) > _LONG_TEXT for text in (fact if isinstance(fact, tuple) else (str(fact),)))


def shown(path: str, steps: Collection[str]) -> str:
    """Return a request's path as it may be recorded: steps other than those that the policy spells out become `*`.

    Any other may be a value. A place is found again by such a path, but not one that only another policy spells out.
    """
    return "/".join(step if step in steps or step in _NO_NAMES else "*" for step in path.split("/"))


def watched(decision: Decision) -> tuple[Watched, ...]:
    """Return what would have happened by rules that are only watched, each rule and class once."""
    seen = {
        Watched(match.rule, match.flow.data_class or "", match.transform or match.verdict.name.lower()): None
        for match in decision.matches
        if not match.enforced and match.verdict > Verdict.ALLOW
    }
    return tuple(seen)
