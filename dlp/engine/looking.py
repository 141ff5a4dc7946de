"""The classify step of one message: what of it is looked at, what the classifiers are asked, what past and source know.

Pure but for reading a session's past; `pipeline` says when each is done, and where it holds up nobody.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from dlp.core.finding import Finding
from dlp.core.label import DataClass
from dlp.core.message import Block, Kind, Part
from dlp.core.policy import Verdict
from dlp.engine import tracing
from dlp.engine.gently import let_go
from dlp.engine.past import Past
from dlp.engine.remembered import Remembered, Stored
from dlp.engine.tracing import Sighting
from dlp.engine.vault import Known, Vault
from dlp.engine.work import LARGE_BYTES, Numbered, Work

BY_MEMORY = "remembered"
"""What a finding says has seen it where the tenant remembers the value from another session."""


def look_at(work: Work, unclear: Collection[int], telling: Sequence[Block]) -> Numbered:
    """Note which parts, with their numbers, are looked at and which are traced; return those to classify."""
    work.parts = work.message.parts
    to_classify = Numbered()
    number = 0
    for block in work.message.blocks:
        parts = block.parts
        if id(block) in unclear:
            to_classify.add(number, parts)
        if block in telling:
            work.traced.add(number, parts)
        else:  # a surface hides nothing, but what it says may turn out to be ambiguous
            for at, part in enumerate(parts, number):
                if part.kind is Kind.OPAQUE:
                    work.traced.add(at, (part,))
        if id(block) in unclear or block in telling:
            work.looked_at.add(number, parts)
        number += len(parts)
    return to_classify


@dataclass(frozen=True, slots=True)
class Asked:
    """What the classifiers are asked about: texts of parts, with the parts' numbers, then those of encoded runs."""

    numbers: list[int]
    runs: Sequence[tracing.Encoded]
    texts: tuple[Part, ...]
    size: int


def asked(work: Work, parts: Sequence[tuple[int, Part]]) -> Asked:
    """Return what the classifiers are asked about: these parts of a message, and what is encoded in what is traced."""
    numbers = [number for number, part in parts if part.kind is not Kind.OPAQUE]
    runs = [run for run in work.runs if run.decoding.text]
    texts = (
        *(_without_tokens(work.parts[number], work.past.vault) for number in numbers),
        *(Part(work.parts[run.part].path, run.decoding.text or "", name=work.parts[run.part].name) for run in runs),
    )
    return Asked(numbers, runs, texts, sum([len(part.text) for part in texts]))


def fitted(asked: Asked, answer: Sequence[Finding], source: str) -> Iterator[tuple[Finding, str]]:
    """Give the classifiers' findings as findings in the parts of the message."""
    for seen in answer:
        # Built anew rather than replaced: this runs for every finding.
        sure, state = seen.confidence, seen.state
        if seen.part < len(asked.numbers):
            number = asked.numbers[seen.part]
            yield Finding(number, seen.start, seen.end, seen.data_class, seen.by, sure, state, source, seen.form), ""
        else:
            run = asked.runs[seen.part - len(asked.numbers)]
            at = run.decoding
            inner = (at.text or "")[seen.start : seen.end]
            yield Finding(run.part, at.start, at.end, seen.data_class, seen.by, sure, state, source, at.form), inner


def take_in(work: Work, asked: Asked, answer: list[Finding]) -> None:
    """Add the classifiers' findings to a message's; of one in an encoded run, the text that was seen inside as well.

    Nobody needs any more what they were asked and what they answered: it is let go of.
    """
    for finding, inner in fitted(asked, answer, work.source):
        if inner:
            work.inner[len(work.findings)] = inner
        work.findings.append(finding)
    let_go(answer, asked.numbers)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the session and the source know of a message's parts."""

    fields: Sequence[Finding]
    sightings: Sequence[Sighting]
    unreadable: bool
    opaque: bool
    bracketed: Sequence[tuple[int, Part]]


def recall(work: Work, past: Past, exposed: Sequence[Known]) -> Recalled:
    """Return what the source declares of the parts, and what the session knows of them."""
    opaque = any(part.kind is Kind.OPAQUE for _, part in work.traced)
    encoded = [(number, work.parts[number]) for number in {run.part for run in work.runs}]
    sightings = [
        seen
        for parts, runs in stretches(work.traced, work.runs)
        for seen in tracing.sightings(parts, runs, past, exposed)
    ]
    return Recalled(
        list(tracing.field_findings(work.fields, work.looked_at)),
        sightings if work.outbound else list(besides(work.parts, sightings)),
        opaque or tracing.unreadable(encoded, work.runs, past, work.message.endpoint.upstream),
        opaque,
        [(number, part) for number, part in work.looked_at if "[" in part.text or "%5" in part.text],
    )


def stretches(
    parts: Sequence[tuple[int, Part]], runs: Sequence[tracing.Encoded]
) -> Iterator[tuple[Sequence[tuple[int, Part]], Sequence[tracing.Encoded]]]:
    """Cut many parts into stretches, with the runs in them: what is seen in one part does not depend on others."""
    if sum([len(part.text) for _, part in parts]) <= LARGE_BYTES:
        yield parts, runs
        return
    of_part: dict[int, list[tracing.Encoded]] = {}
    for run in runs:
        of_part.setdefault(run.part, []).append(run)
    start, length = 0, 0
    for end, (_, part) in enumerate(parts, 1):
        length += len(part.text)
        if length > LARGE_BYTES or end == len(parts):
            some = parts[start:end]
            yield some, [run for number, _ in some for run in of_part.get(number, ())]
            start, length = end, 0


_LONG_TEXT = 12
"""From how many characters a text that may hold carried data is remembered: shorter ones stand in many messages."""


def stored(work: Work, classes: frozenset[DataClass]) -> Iterator[Stored]:
    """Give the values of some classes that this message takes to its upstream in the clear."""
    for number, finding in enumerate(work.findings):
        if finding.data_class in classes and work.rulings[number].verdict is Verdict.ALLOW:
            known = work.known.get(number)
            text = known.text if known is not None else work.parts[finding.part].text[finding.start : finding.end]
            yield Stored(text, finding.data_class, finding.source)
    carried = {(flow.data_class, flow.route.source) for flow in work.flows if flow.finding is None}
    for data_class, source in carried:
        if data_class is not None and data_class in classes:
            for part in work.message.parts:  # nobody knows in which of them it is
                framing = part.kind is Kind.KEY or part.path.startswith(("header/", "host/"))  # the same in any message
                if not framing and len(part.text) >= _LONG_TEXT:
                    yield Stored(part.text, data_class, source)


def remember(work: Work, memory: Remembered, classes: frozenset[DataClass]) -> list[Finding]:
    """Return where an answer holds what is remembered beyond the session."""
    runs = [run for run in work.runs if run.decoding.text]
    texts = [part.text for _, part in work.traced] + [run.decoding.text or "" for run in runs]
    found: list[Finding] = []
    for one in memory.recall(texts, classes):
        if one.text < len(work.traced):
            part, start, end, form = work.traced[one.text][0], one.start, one.end, "exact"
        else:
            run = runs[one.text - len(work.traced)]
            part, start, end, form = run.part, run.decoding.start, run.decoding.end, run.decoding.form
        sources = dict.fromkeys((work.source, one.source))
        found += [Finding(part, start, end, one.data_class, BY_MEMORY, source=source, form=form) for source in sources]
    return found


def besides(parts: Sequence[Part], sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """Give what is seen, but values in other forms only where these say more than whole values that stand there.

    Else it would depend on the values which of them become one token together: a row of some may read as one encoding.
    """
    whole: dict[int, list[Finding]] = {}
    for seen in sightings:
        if seen.finding.form == "exact" and seen.known is not None:
            whole.setdefault(seen.finding.part, []).append(seen.finding)
    for seen in sightings:
        finding = seen.finding
        here = whole.get(finding.part)
        if (
            here is None
            or seen.known is None
            or finding.form == "exact"
            or _says_more(parts[finding.part].text, finding, here)
        ):
            yield seen


def _says_more(text: str, finding: Finding, whole: Sequence[Finding]) -> bool:
    letters = {at for at in range(finding.start, finding.end) if text[at].isalnum()}
    for one in whole:
        letters.difference_update(range(one.start, one.end))
    return bool(letters)


def _without_tokens(part: Part, vault: Vault) -> Part:
    """Return a part with the session's own tokens blanked out, so that no classifier takes one for a name."""
    if not vault.may_hold(part.text):
        return part
    out, done = list[str](), 0
    for start, end, _ in vault.tokens_in(part.text):
        out += (part.text[done:start], "\0" * (end - start))
        done = end
    return replace(part, text="".join([*out, part.text[done:]])) if out else part
