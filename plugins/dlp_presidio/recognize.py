"""Presidio's recognizers, each run only where the scan says that it may match. Presidio's home; imported on first use.

For one part's text the results are those of a plain AnalyzerEngine without a model: same entities, spans and scores.
Two things differ on purpose: an expression that runs out of time raises (Presidio logs it and goes on), and words
before a value lift its score also where no model has split the text into words.
"""

import logging
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import regex  # type: ignore[import-untyped]
import tldextract
from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from dlp_presidio import look
from dlp_presidio.context import Around, Candidate, Result, lifted, supporting
from dlp_presidio.phones import phone_spans

SECONDS = 5.0
"""How long one expression may take on one text."""

_WHOLE = 2000
"""Texts up to this long are given to a recognizer whole; longer ones in the pieces that hold a hit."""

_SMALL = 120
_ANCHORED = ("EMAIL_ADDRESS", "IP_ADDRESS", "URL")
"""Whose expressions take long on what they do not match: of all but small texts they get the pieces with an anchor."""

_CUTS = "\n\t\r\"<>|{};,'() "


class Recognizers:
    """Presidio's recognizers for a language, by entity."""

    def __init__(self, language: str, custom: Iterable[Any] = ()) -> None:
        _quiet()
        _offline()
        registry = RecognizerRegistryProvider(
            registry_configuration={"supported_languages": [language]}
        ).create_recognizer_registry()
        self._by_entity: dict[str, list[_Runner]] = {}
        for recognizer in (*registry.recognizers, *custom):
            if not isinstance(recognizer, SpacyRecognizer):
                for entity in recognizer.supported_entities:
                    self._by_entity.setdefault(entity, []).append(_Runner(recognizer))

    @property
    def entities(self) -> frozenset[str]:
        """What can be found without a model."""
        return frozenset(self._by_entity)

    def candidates(self, text: str, hits: Mapping[str, Collection[int]]) -> list[Candidate]:
        """Return what is found in `text` before any context; `hits` says for each entity where matches may end.

        An entity without a place may match anywhere.
        """
        return [
            (result, runner.context)
            for entity, ends in hits.items()
            for runner in self._by_entity.get(entity, ())
            for result in runner.run(text, ends)
        ]

    def results(
        self,
        text: str,
        hits: Mapping[str, Collection[int]],
        words: Sequence[str],
        *,
        least: float = 0.0,
        around: Around | None = None,
    ) -> list[Result]:
        """Return what is found in `text`, context included.

        `words` are context from outside the text, lower case, `around` tells the words near a place in it. Results
        under `least` are left out.
        """
        return in_context(self.candidates(text, hits), words, around, least)


def in_context(
    candidates: Iterable[Candidate], words: Sequence[str], around: Around | None, least: float = 0.0
) -> list[Result]:
    """Return candidates with the scores that context gives them, without those under `least` or contained in others."""
    outside = "\n".join(words)
    found: list[Result] = []
    for result, context in candidates:
        if context:
            word = supporting(context, outside) if outside else ""
            if not word and around is not None:
                word = supporting(context, around.near(result.start))
            if word:
                result = result._replace(score=lifted(result.score), context=word)  # noqa: PLW2901  the same, lifted
        if result.score >= least:
            found.append(result)
    return without_contained(found)


type Spans = Callable[[str], Iterable[tuple[int, int, float]]]
"""Gives start, end and score of what is in a text."""


class _Runner:
    """One recognizer, ready to be run on pieces of a text."""

    def __init__(self, recognizer: Any) -> None:
        if not recognizer.is_loaded:
            recognizer.load()
        self._recognizer = recognizer
        self._entity: str = recognizer.supported_entities[0]
        self._by: str = recognizer.name
        self.context: tuple[str, ...] = tuple(word.lower() for word in recognizer.context or ())
        self._ways: list[tuple[str, Spans]] = []
        self._anchor = look.anchor(self._entity) if self._entity in _ANCHORED else None
        if isinstance(recognizer, PhoneRecognizer):
            self._ways.append(("", self._phones))
        elif isinstance(recognizer, PatternRecognizer):
            given: Any = recognizer
            self._validates = type(given).validate_result is not PatternRecognizer.validate_result
            self._invalidates = type(given).invalidate_result is not PatternRecognizer.invalidate_result
            self._expressions = [
                (regex.compile(pattern.regex, given.global_regex_flags), pattern.score) for pattern in given.patterns
            ]
            cuts = ["".join(cut for cut in _CUTS if not _may_consume(one.regex, cut)) for one in given.patterns]
            if "analyze" in type(recognizer).__dict__:
                self._ways.append(("".join(cut for cut in _CUTS if all(cut in own for own in cuts)), self._analyzed))
            else:  # expressions that cannot reach across the same characters run together
                self._ways += [
                    (cut, partial(self._matched, [number for number, own in enumerate(cuts) if own == cut]))
                    for cut in dict.fromkeys(cuts)
                ]
        else:
            self._ways.append(("", self._analyzed))

    def run(self, text: str, ends: Collection[int]) -> list[Result]:
        """Return what is in `text`, or in those pieces of a long one that hold a place of `ends`, before context."""
        found = [
            Result(self._entity, start, end, score, self._by)
            for cuts, spans in self._ways
            for start, end, score in self._placed(text, ends, cuts, spans)
        ]
        return without_contained(found) if len(found) > 1 else found

    def _placed(self, text: str, ends: Collection[int], cuts: str, spans: Spans) -> Iterable[tuple[int, int, float]]:
        """Give what `spans` gives of the pieces to look at, at its places in the text."""
        pieces = list(self._pieces(text, ends, cuts))
        if len(pieces) == 1:
            ((offset, piece),) = pieces
            for start, end, score in spans(piece):
                yield start + offset, end + offset, score
        elif pieces:
            # One run over all pieces, with what no match can reach across between them, costs a fraction of one each.
            places = list(accumulate((len(piece) + 1 for _, piece in pieces), initial=0))
            for start, end, score in spans(cuts[0].join(piece for _, piece in pieces)):
                which = bisect_right(places, start) - 1
                moved = pieces[which][0] - places[which]
                yield start + moved, end + moved, score

    def _pieces(self, text: str, ends: Collection[int], cuts: str) -> Iterable[tuple[int, str]]:
        """Give the pieces to look at, with their offsets. They are cut only where no match can reach across."""
        if cuts and self._anchor and len(text) > _SMALL and not ends and text.isascii():
            ends = [match.end() for match in self._anchor.finditer(text)]
        elif len(text) <= _WHOLE or not ends or not cuts:
            yield 0, text
            return
        cut = cuts[0]
        level = text.translate(dict.fromkeys(map(ord, cuts), cut))
        done = 0
        for end in sorted(ends):
            if end <= done:
                continue
            start = max(level.rfind(cut, done, end - 1) + 1, done)
            stop = level.find(cut, end)
            done = stop if stop >= 0 else len(text)
            yield start, text[start:done]

    def _matched(self, numbers: Sequence[int], text: str) -> Iterable[tuple[int, int, float]]:
        """Match some of the expressions as PatternRecognizer.analyze does."""
        recognizer = self._recognizer
        for expression, own in [self._expressions[number] for number in numbers]:
            for match in expression.finditer(text, timeout=SECONDS):
                start, end = match.span()
                if start == end:
                    continue
                score = own
                if self._validates and (valid := recognizer.validate_result(text[start:end])) is not None:
                    score = float(bool(valid))
                if score > 0 and not (self._invalidates and recognizer.invalidate_result(text[start:end])):
                    yield start, end, score

    def _analyzed(self, text: str) -> Iterable[tuple[int, int, float]]:
        """Ask a recognizer that has a way of its own."""
        for result in self._recognizer.analyze(text, self._recognizer.supported_entities, None) or ():
            yield result.start, result.end, result.score

    def _phones(self, text: str) -> Iterable[tuple[int, int, float]]:
        recognizer = self._recognizer
        for start, end in phone_spans(text, recognizer.supported_regions, recognizer.leniency):
            yield start, end, recognizer.SCORE


def without_contained(results: Iterable[Result]) -> list[Result]:
    """Return results without those that lie in another of the same entity with an equal or higher score."""
    by_entity: dict[str, list[Result]] = {}
    for result in results:
        if result.score:
            by_entity.setdefault(result.entity, []).append(result)
    kept: list[Result] = []
    for its in by_entity.values():
        apart = all(one.end < other.start for one, other in pairwise(its))
        kept += its if apart else _without_contained(its)
    return kept


def _without_contained(its: Iterable[Result]) -> list[Result]:
    """Return results of one entity without those that lie in another."""
    kept: list[Result] = []
    active: list[Result] = []
    for result in sorted(set(its), key=lambda one: (one.start, -one.end, -one.score, one.by)):
        active = [other for other in active if other.end >= result.start]
        if not any(o.start <= result.start and result.end <= o.end and result.score <= o.score for o in active):
            kept.append(result)
            active.append(result)
    return kept


def _may_consume(expression: str, character: str) -> bool:
    """Say whether any piece of an expression, a look around included, takes `character`; true where in doubt."""
    try:
        tree = re._parser.parse(expression, re.IGNORECASE | re.DOTALL)  # type: ignore[attr-defined]  # noqa: SLF001
    except re.error:
        return True
    return _takes(list(tree), character)


def _takes(node: Any, character: str) -> bool:  # noqa: PLR0911  one return an operation
    names = re._parser  # type: ignore[attr-defined]  # noqa: SLF001
    if isinstance(node, names.SubPattern):
        node = list(node)
    if isinstance(node, tuple) and len(node) == 2 and isinstance(node[0], type(names.IN)):  # noqa: PLR2004
        operation, argument = node
        if operation is names.LITERAL:
            return bool(argument == ord(character))
        if operation in (names.NOT_LITERAL, names.ANY):
            return operation is names.ANY or argument != ord(character)
        if operation is names.IN:
            return _in_class(argument, character)
        if operation is names.AT:
            return argument not in (names.AT_BOUNDARY, names.AT_NON_BOUNDARY)
        return _takes(argument, character)
    if isinstance(node, list | tuple):
        return any(_takes(one, character) for one in node)
    return False


def _in_class(items: Sequence[tuple[Any, Any]], character: str) -> bool:
    names = re._parser  # type: ignore[attr-defined]  # noqa: SLF001
    categories: dict[Any, Callable[[str], bool]] = {
        names.CATEGORY_DIGIT: str.isdigit,
        names.CATEGORY_SPACE: str.isspace,
        names.CATEGORY_WORD: lambda one: one.isalnum() or one == "_",
    }
    opposites = {
        names.CATEGORY_NOT_DIGIT: names.CATEGORY_DIGIT,
        names.CATEGORY_NOT_SPACE: names.CATEGORY_SPACE,
        names.CATEGORY_NOT_WORD: names.CATEGORY_WORD,
    }
    negated = any(operation is names.NEGATE for operation, _ in items)
    inside = False
    for operation, argument in items:
        if operation is names.LITERAL:
            inside |= argument == ord(character)
        elif operation is names.RANGE:
            inside |= argument[0] <= ord(character) <= argument[1]
        elif operation is names.CATEGORY:
            if argument in opposites:
                inside |= not categories[opposites[argument]](character)
            else:
                inside |= categories[argument](character)
    return inside != negated


class _Silence(logging.Filter):
    """Drops Presidio's log lines, which hold values, and turns a skipped expression into an error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "timed out" in str(record.msg):
            msg = "an expression of Presidio ran out of time"
            raise TimeoutError(msg)
        return False


def _quiet() -> None:
    logger = logging.getLogger("presidio-analyzer")
    if not any(isinstance(one, _Silence) for one in logger.filters):
        logger.addFilter(_Silence())


def _offline() -> None:
    """Let the e-mail recognizer read top-level domains from the packaged list; the default fetches a new one."""
    home: Any = tldextract
    home.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
