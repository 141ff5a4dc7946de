"""A policy as Markdown, for those who read it and do not write it: an auditor, a works council, a lawyer."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from dlp.core.label import ancestors
from dlp.core.policy import Place, Policy, Rule, Tier, Verdict
from dlp.policy.seen import Seen
from dlp.policy.written import Item, Written, words

_TIERS = {
    Tier.MANDATORY: "Mandatory: nothing lifts them, monitor mode neither",
    Tier.ORDINARY: "Ordinary: the strictest one that applies decides",
    Tier.DEFAULT: "Defaults: they hold until an ordinary rule allows or transforms",
}
_TOLD = frozenset(
    "name says tier data state from to then unless approvers mode laws controls together".split()  # noqa: SIM905 - short
)


def document(
    policy: Policy,
    text: Written,
    *,
    seen: Iterable[Seen] | None = None,
    tests: Mapping[str, Collection[str]] | None = None,
) -> str:
    """Return the policy as Markdown. `seen` and `tests` (names by rule) tell what its tests show of each rule."""
    lines = [f"# {policy.name}", "", *_head(policy, text)]
    lines += ["", "## Classes of data", "", *_classes(policy)]
    lines += ["", "## Where data come from", "", *_places(policy.sources, text.of("sources"))]
    lines += ["", "## Where data may go", "", *_places(policy.sinks, text.of("destinations"))]
    shown = {one.rule: one for one in seen or ()}
    lines += [
        "",
        "## Rules",
        "",
        "Verdicts from lax to strict: allow, tokenize, generalise, mask, hash, redact, ask, block.",
    ]
    for tier in Tier:
        rules = [rule for rule in policy.rules if rule.tier is tier]
        if rules:
            lines += ["", f"### {_TIERS[tier]}"]
            for rule in rules:
                item = text.rules.get(rule.name, Item(rule.name, rule.place, {}))
                lines += ["", *_rule(rule, item, shown.get(rule.name), (tests or {}).get(rule.name, ()))]
    limits = [f"{key.replace('_', ' ')} {value:g}" for key, value in _limits(policy) if value is not None]
    if limits:
        lines += [
            "",
            "## What a session may use up",
            "",
            f"{', '.join(limits)} (duration in seconds, memory in bytes).",
        ]
    if text.exceptions:
        lines += ["", "## Exceptions", "", *_exceptions(text.exceptions)]
    for section, title in (("lists", "Lists"), ("recipes", "Recipes"), ("agents", "Agents"), ("purposes", "Purposes")):
        if text.of(section):
            lines += ["", f"## {title}", ""]
            lines += [f"- **{_safe(name)}**: {_safe(words(item.value))}" for name, item in text.of(section).items()]
    return "\n".join(lines) + "\n"


def _limits(policy: Policy) -> Iterator[tuple[str, float | None]]:
    given = policy.limits
    yield from (("calls", given.calls), ("calls per minute", given.per_minute))
    yield from (("duration", given.duration), ("memory", given.memory), ("guesses", given.guesses))


def _head(policy: Policy, text: Written) -> Iterator[str]:
    yield f"Version {_safe(policy.version) or 'not given'}, digest `{policy.digest}`."
    yield ""
    yield f"Files: {', '.join(f'`{path.name}`' for path in text.files)}."
    yield ""
    if policy.monitor:
        yield "**Monitor mode**: nothing is refused but by mandatory rules; what would be refused is recorded."
    else:
        yield "Enforced: what a rule forbids is refused."
    asked = policy.otherwise is Verdict.ASK
    yield f"An address that no destination names is {'put before a person' if asked else 'refused'}. A listed"
    yield "destination gets no class of data that no rule mentions."


def _classes(policy: Policy) -> Iterator[str]:
    yield "| class | level | followed | recognised by | what it is |"
    yield "|---|---|---|---|---|"
    for name, spec in policy.classes.items():
        entities = ", ".join(sorted(spec.entities)) or "fields of sources"
        laws = f" ({', '.join((*spec.laws, *spec.controls))})" if spec.laws or spec.controls else ""
        yield f"| `{name}` | {spec.level} | {spec.tracking} | {entities} | {_cell(spec.says)}{_cell(laws)} |"


def _places(places: Iterable[Place], items: Mapping[str, Item]) -> Iterator[str]:
    found = list(_all(places))
    if not found:
        yield "None."
    for place in found:
        item = items.get(place.name)
        keys = dict(item.keys) if item is not None else {}
        at = (
            words(keys.pop("at", "")) or f"inside {ancestors(place.name)[1]}"
            if "." in place.name
            else words(keys.pop("at", ""))
        )
        says = f" {_safe(str(keys.pop('says')).strip())}" if "says" in keys else ""
        yield f"- **{place.name}**: `{at}`.{says}"
        for key, value in keys.items():
            yield f"  - {key}: {_safe(words(value))}"


def _all(places: Iterable[Place]) -> Iterator[Place]:
    for place in places:
        yield place
        yield from _all(place.narrower)


def sentence(rule: Rule, item: Item) -> str:
    """Return what a rule does, in a sentence made from its parts."""
    keys = item.keys
    what = words(keys["data"]) if "data" in keys else "any message" if not rule.labelled else "data"
    what = f"{words(keys['together'])} together" if "together" in keys else what
    what = "any labelled data" if what == "any" else what
    state = f" that are {words(keys['state'])}" if "state" in keys else ""
    source = f" from {words(keys['from'])}" if "from" in keys else ""
    sink = f" to {words(keys['to'])}" if "to" in keys else ", wherever they go"
    said = {one.key: one.says for one in rule.also}
    more = "".join(f", {said.get(key) or f'{key}: {words(value)}'}" for key, value in keys.items() if key not in _TOLD)
    done = _DONE.get(rule.verdict) or f"transformed by {rule.recipe or rule.transform}"
    return f"{what}{state}{source}{sink}{more}: {done}"


_DONE = {Verdict.ALLOW: "allowed", Verdict.ASK: "allowed once a person has agreed", Verdict.BLOCK: "refused"}


def _rule(rule: Rule, item: Item, seen: Seen | None, tests: Collection[str]) -> Iterator[str]:
    yield f"#### {_safe(rule.name)}"
    yield ""
    if rule.says:
        yield f"> {_safe(' '.join(rule.says.split()))}"
        yield ""
    yield f"- {_safe(sentence(rule, item))}"
    if rule.unless:
        yield f"- unless {_safe(' and '.join(one.needs for one in rule.unless))}"
    if rule.approvers:
        yield f"- who may agree: {_safe(', '.join(rule.approvers))}"
    if rule.monitor:
        yield "- only watched: recorded, not enforced"
    for name, told in (("laws", rule.laws), ("controls", rule.controls)):
        if told:
            yield f"- {name}: {_safe(', '.join(told))}"
    yield f"- `{rule.place.rpartition('/')[2]}`"
    if tests:
        yield f"- tests: {_safe('; '.join(tests))}"
    if seen is not None and not seen.matched:
        yield "- **no test matches this rule**"


def _exceptions(exceptions: Iterable[Item]) -> Iterator[str]:
    yield "Each lifts one rule in a narrower scope until its day; none can lift a mandatory rule."
    yield ""
    for item in exceptions:
        keys = dict(item.keys)
        rule, until = keys.pop("rule", "?"), keys.pop("until", "?")
        yield f"- **{_safe(str(rule))}** until {until}: {_safe(words(keys))}"


def _safe(text: str) -> str:
    """Return a text that stays text in Markdown."""
    for sign in ("\\", "*", "_", "`", "<", "|", "["):
        text = text.replace(sign, f"\\{sign}")
    return text


def _cell(text: str) -> str:
    return _safe(" ".join(text.split()))
