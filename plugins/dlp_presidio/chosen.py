"""What an operator adds and takes away: recognizers in Presidio's own YAML, values that are none, another model."""

import contextlib
import importlib.util
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlp.core.errors import ConfigError
from dlp.core.ports import Pattern
from dlp_presidio.context import Around

ENGINES = {"spacy": "spacy", "gliner": "gliner", "transformers": "transformers"}
"""What may look for names, and the package that it needs. All are Presidio's own ways."""

EVERY = "any"


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Values that are not reported, by entity: `allow` as written, whatever the case, `exclude` by expression."""

    allow: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    exclude: Mapping[str, tuple[re.Pattern[str], ...]] = field(default_factory=dict, repr=False)

    def cover(self, entity: str, value: str) -> bool:
        """Say whether this value is not to be reported."""
        if not self.allow and not self.exclude:
            return False
        folded = value.strip().casefold()
        return any(
            folded in self.allow.get(name, ()) or any(one.fullmatch(value) for one in self.exclude.get(name, ()))
            for name in (entity, EVERY)
        )


def exceptions(settings: Mapping[str, object]) -> Exceptions:
    """Read `allow` and `exclude`: lists of values, or of expressions for all of a value, by entity (or `any`)."""
    allow = {name: frozenset(value.casefold() for value in texts) for name, texts in _lists(settings, "allow")}
    exclude: dict[str, tuple[re.Pattern[str], ...]] = {}
    for name, texts in _lists(settings, "exclude"):
        try:
            exclude[name] = tuple(re.compile(text) for text in texts)
        except re.error as error:
            raise ConfigError(
                f"plugin dlp_presidio: exclude: {name}: expected regular expressions, got one with {error.msg}"
            ) from error
    return Exceptions(allow, exclude)


def _lists(settings: Mapping[str, object], key: str) -> Iterator[tuple[str, list[str]]]:
    given = settings.get(key, {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"plugin dlp_presidio: {key}: expected lists by entity, as {key}: {{PERSON: [...]}}")
    for name, texts in given.items():
        if not isinstance(texts, Sequence) or isinstance(texts, str) or not all(isinstance(one, str) for one in texts):
            raise ConfigError(f"plugin dlp_presidio: {key}: {name}: expected a list of texts")
        yield str(name), list(texts)


def custom_recognizers(file: Path) -> list[Any]:
    """Return the recognizers in `file`, written as Presidio's documentation says; Presidio reads them.

    Raises:
        ConfigError: the file cannot be read, or Presidio refuses what is in it.

    """
    if not file.is_file():
        raise ConfigError(f"plugin dlp_presidio: recognizers: {file}: there is no such file")
    from presidio_analyzer import PatternRecognizer  # noqa: PLC0415  only where it is asked for

    try:
        recognizers = _read(file)
    except Exception as error:  # Presidio raises whatever its reader met
        raise ConfigError(
            f"plugin dlp_presidio: recognizers: {file}: Presidio cannot read it ({type(error).__name__}); expected "
            "recognizers: a list of name, supported_entity, and patterns or deny_list; or a registry, which names its "
            "supported_languages and global_regex_flags first"
        ) from error
    found = [one for one in recognizers if isinstance(one, PatternRecognizer)]
    if not found:
        raise ConfigError(f"plugin dlp_presidio: recognizers: {file}: expected at least one recognizer, found none")
    return found


def _read(file: Path) -> list[Any]:
    """Return the recognizers in a file: a list for Presidio to add to its own, or a registry of its and other ones."""
    from presidio_analyzer import RecognizerRegistry  # noqa: PLC0415
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider  # noqa: PLC0415

    registry = RecognizerRegistry(recognizers=[])
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that it fails, and raises too
        try:
            registry.add_recognizers_from_yaml(str(file))
        except TypeError:  # words that only a registry knows
            registry = RecognizerRegistryProvider(conf_file=str(file)).create_recognizer_registry()
    return list(registry.recognizers)


def custom_patterns(recognizers: Sequence[Any]) -> list[Pattern]:
    """Say where custom recognizers may match; one that cannot be said of is asked about every text."""
    return [
        Pattern(
            f"{recognizer.supported_entities[0]}.custom-{place}-{number}", pattern.regex, ignore_case=True, finds=entity
        )
        for place, recognizer in enumerate(recognizers)
        for entity in recognizer.supported_entities[:1]
        for number, pattern in enumerate(recognizer.patterns)
    ]


def model_place(settings: Mapping[str, object], packaged: Path | None) -> Path | str | None:
    """Return the spaCy model that `model` names, a folder or an installed package, or the one that came along."""
    named = settings.get("model")
    if named is None:
        return packaged
    if not isinstance(named, str) or not named:
        raise ConfigError("plugin dlp_presidio: model: expected the name of a model or its folder")
    if Path(named).is_dir():
        return Path(named)
    if importlib.util.find_spec(named.replace("-", "_").partition("/")[0]) is None:
        raise ConfigError(
            f"plugin dlp_presidio: model: {named!r} is neither a folder nor an installed package; install it beside "
            "the proxy (nothing is ever downloaded), or leave `model` out"
        )
    return named


def check_engine(settings: Mapping[str, object]) -> str:
    """Return the engine that `engine` names.

    Raises:
        ConfigError: it is unknown, its package is missing, or it has no model to read.

    """
    engine = settings.get("engine", "spacy")
    if engine not in ENGINES:
        raise ConfigError(f"plugin dlp_presidio: engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if importlib.util.find_spec(ENGINES[str(engine)]) is None:
        raise ConfigError(
            f"plugin dlp_presidio: engine: {engine}: the package {ENGINES[str(engine)]} is not installed; install it "
            "beside the proxy, with the model as a folder, since nothing is ever downloaded"
        )
    if engine != "spacy" and not Path(str(settings.get("model", ""))).is_dir():
        raise ConfigError(f"plugin dlp_presidio: engine: {engine}: model: expected the folder of its model")
    return str(engine)


class EngineModel:
    """A model behind one of Presidio's own recognizers, which reads it as it is made; asked text by text."""

    def __init__(self, engine: str, folder: Path) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read on import: a folder that lacks something must ask nobody for it
        if engine == "gliner":
            from presidio_analyzer.predefined_recognizers import GLiNERRecognizer  # noqa: PLC0415

            # What a folder lacks, as its tokenizer, GLiNER would download from where its configuration says.
            self._recognizer: Any = GLiNERRecognizer(model_name=str(folder), local_files_only=True)
        else:
            from presidio_analyzer.predefined_recognizers import HuggingFaceNerRecognizer  # noqa: PLC0415

            self._recognizer = HuggingFaceNerRecognizer(model_name=str(folder))

    def read(
        self, texts: Sequence[str], with_words: Collection[str] = ()
    ) -> tuple[list[tuple[tuple[str, int, int, float], ...]], dict[str, Around]]:
        """Return for each text its (entity, start, end, score); it knows nothing about words, whoever wants them."""
        del with_words
        entities = self._recognizer.supported_entities
        answers = {
            text: tuple(
                (one.entity_type, one.start, one.end, one.score)
                for one in self._recognizer.analyze(text, entities, None) or ()
            )
            for text in dict.fromkeys(texts)
        }
        return [answers[text] for text in texts], {}
