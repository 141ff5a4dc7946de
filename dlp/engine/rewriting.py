"""From rulings to edits: which span of which part is replaced, by what, and what that makes of its labels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import PolicyError
from dlp.core.finding import Confidence, Finding
from dlp.core.label import GENERALISED, HASHED, MASKED, REDACTED, TOKENISED, State
from dlp.core.message import Kind, Part
from dlp.core.policy import TRANSFORMS, Ruling
from dlp.core.ports import SessionVault
from dlp.engine.matching import Index, fold, stands_alone, whole_only
from dlp.engine.tracing import BY_FIELD
from dlp.engine.vault import Known, Origin

STATE_OF: Mapping[str, State] = {
    "tokenize": TOKENISED,
    "generalise": GENERALISED,
    "mask": MASKED,
    "hash": HASHED,
    "redact": REDACTED,
}
"""The state each transform makes."""

_CONFIDENCE = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}

_FEW = 16

type Transform = Callable[[str, Finding, str, SessionVault], str]
"""Ask the plugins: name of the transform, finding, text, vault. Raises PluginError where nobody claims the name."""


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `start` to `end` of one part, to be rewritten by one transform; overlapping findings are one span."""

    part: int
    start: int
    end: int
    transform: str
    finding: Finding
    findings: tuple[int, ...]


def spans_of(parts: Sequence[Part], findings: Sequence[Finding], wanted: Mapping[int, str]) -> list[Span]:
    """Return the spans to rewrite; `wanted` maps the number of a finding to its transform.

    Overlapping findings merge and never compete: the span is their union, the transform the strictest of theirs. The
    widest finding speaks for the span, then what the source declares, then the surest, then the first by name. A number
    is rewritten whole.
    """
    by_part: dict[int, list[int]] = {}
    for number in wanted:
        by_part.setdefault(findings[number].part, []).append(number)
    spans: list[Span] = []
    for part, numbers in by_part.items():
        whole = parts[part].kind is Kind.NUMBER
        group: list[int] = []
        end = -1
        for number in sorted(numbers, key=lambda each: (findings[each].start, findings[each].end)):
            if group and not whole and findings[number].start >= end:
                spans.append(_span(parts[part], findings, group, wanted))
                group, end = [], -1
            group.append(number)
            end = max(end, findings[number].end)
        spans.append(_span(parts[part], findings, group, wanted))
    return spans


def _span(part: Part, findings: Sequence[Finding], group: list[int], wanted: Mapping[int, str]) -> Span:
    def weight(number: int) -> tuple[int, bool, int, str]:
        finding = findings[number]
        guessed = finding.by != BY_FIELD  # what the source declares is known, whatever a classifier takes it for
        return (finding.start - finding.end, guessed, -_CONFIDENCE[finding.confidence], finding.data_class)

    speaker = findings[min(group, key=weight)]
    start = min(findings[number].start for number in group)
    end = max(findings[number].end for number in group)
    if part.kind is Kind.NUMBER:
        start, end = 0, len(part.text)
    transform = max((wanted[number] for number in group), key=strictness)
    return Span(speaker.part, start, end, transform, speaker, tuple(group))


def strictness(transform: str) -> int:
    """Return a transform's rank; one that only a plugin knows ranks above all others."""
    return TRANSFORMS.index(transform) if transform in TRANSFORMS else len(TRANSFORMS)


def state_made(span: Span, rulings: Mapping[int, Ruling], in_part: Iterable[int]) -> State:
    """Return the state of what a span becomes: a recipe's only if every labelled span of its part was transformed."""
    recipes = {rulings[number].recipe if number in rulings else "" for number in in_part}
    if len(recipes) == 1:
        (recipe,) = recipes
        if recipe:
            return State(recipe)
    state = STATE_OF.get(span.transform)
    if state is None:
        raise PolicyError(f"transform {span.transform!r} makes no state that the policy knows")
    return state


def repetitions(parts: Sequence[tuple[int, Part]], spans: Iterable[Span], texts: Iterable[str]) -> list[Span]:
    """Return further spans that hold one of the tokenised `texts` again, where no finding saw them.

    A value that is in the vault gets the same token wherever it turns up, also where a classifier missed it.
    """
    speaker_of = dict(zip(texts, spans, strict=True))
    looked_at = [part.text for _, part in parts]
    repeated = _repeated(list(speaker_of), looked_at)
    if not repeated:
        return []
    index = Index()
    for text in repeated:
        index.add(Known(text, number=False, origin=Origin()))
    if not index:
        return []
    taken: dict[int, list[tuple[int, int]]] = {}
    for span in spans:
        taken.setdefault(span.part, []).append((span.start, span.end))
    more: list[Span] = []
    last: dict[int, int] = {}
    for at, match in index.find_in(looked_at):
        number, part = parts[at]
        start, end = (0, len(part.text)) if part.kind is Kind.NUMBER else (match.start, match.end)
        if start >= last.get(number, 0) and not any(start < to and at_ < end for at_, to in taken.get(number, ())):
            speaker = speaker_of[match.known.text]
            more.append(Span(number, start, end, "tokenize", speaker.finding, speaker.findings))
            last[number] = end
    return more


def _repeated(values: list[str], texts: Sequence[str]) -> list[str]:
    """Return the values that may stand in these texts more often than once: a few are counted, which is quick."""
    if len(values) > _FEW:
        return values
    everywhere, once = fold("\0".join(texts)), fold("\0".join(values))
    return [value for value in values if everywhere.count(each := fold(value)) > once.count(each)]


def melts(value: str, text: str, start: int, end: int) -> bool:
    """Return whether a value put at `start:end` of a text would be part of a longer word, and so not be known again."""
    written = fold(text[:start] + value + text[end:])
    return not stands_alone(fold(value), written, start)


def leftovers(parts: Sequence[Part], edits: Sequence[Edit], texts: Iterable[tuple[int, str]]) -> bool:
    """Return whether an edited part still holds a value that was to be replaced in it."""
    by_part: dict[int, list[Edit]] = {}
    for edit in edits:
        by_part.setdefault(edit.part, []).append(edit)
    wanted: dict[int, set[str]] = {}
    for part, text in texts:
        if not whole_only(text):
            wanted.setdefault(part, set()).add(text)
    for part, values in wanted.items():
        after = apply_edits(parts[part].text, by_part.get(part, ()))
        # Whether they stand alone says an index, which costs more to make than to look for a few.
        left = values if len(values) > _FEW else {value for value in values if value in after}
        if left:
            index = Index()
            for value in left:
                index.add(Known(value, number=False, origin=Origin()))
            if any(match.known.text in after for match in index.find(after)):
                return True
    return False
