"""The words near a value, by which Presidio's context enhancer lifts scores: once for a text, not for each result.

`Keywords` gives for each place what LemmaContextAwareEnhancer gives, which goes over all tokens of the text for every
result. `Plain` is for texts that no model has read: Presidio then sees no words at all, we take them as written.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

BOOST, BOOSTED_LEAST = 0.35, 0.4
"""How much a supporting word adds to a score, and what it makes it at least: Presidio's own numbers."""

_COUNT = 6  # Presidio's five words before, and the one that the value begins in
_REACH = 80
_NEVER = ("-PRON-", "be")  # what Presidio takes for no keyword, beside stop words and punctuation
_word = re.compile(r"\w+")


class Result(NamedTuple):
    """What a recognizer saw: an entity at code points `start` to `end`, with Presidio's score."""

    entity: str
    start: int
    end: int
    score: float
    by: str
    context: str = ""
    """The context word that supports it."""


type Candidate = tuple[Result, tuple[str, ...]]
"""A result before context, and the words that would support it."""


class Around(Protocol):
    """Tells the words around a place in one text."""

    def near(self, start: int) -> str:
        """Return the words that count as context of what begins at `start`, lower case, one a line."""
        ...


class Plain:
    """The words of a text as written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def near(self, start: int) -> str:
        """Return the last words before `start`, whatever they are."""
        if not start:
            return ""
        return "\n".join(_word.findall(self._text, max(0, start - _REACH), start)[-_COUNT:]).lower()


class Keywords:
    """The keywords of a text that a model has split into tokens: their lemmas without stop words and punctuation."""

    def __init__(self, ends: Sequence[int], lemmas: Sequence[str], is_stop: Callable[[str], bool]) -> None:
        """Take where each token ends, in order, and its lemma."""
        keywords: set[str] = set()
        for lemma in set(lemmas):
            if lemma not in _NEVER and not is_stop(lemma) and not _is_punctuation(lemma):
                keywords.update(lemma.lower().split(":"))
        lowered = [lemma.lower() for lemma in lemmas]
        self._ends = ends
        self._places = [place for place, lemma in enumerate(lowered) if lemma in keywords]
        self._words = [lowered[place] for place in self._places]

    def near(self, start: int) -> str:
        """Return the token that covers `start` and five before it, of keywords; else the next one after it as well."""
        token = bisect_right(self._ends, start)
        if token == len(self._ends):
            return ""
        last = bisect_right(self._places, token)
        covers = last > 0 and self._places[last - 1] == token
        return "\n".join(self._words[max(0, last - _COUNT) : last if covers else last + 1])


def _is_punctuation(text: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in text)


def supporting(context: Sequence[str], words: str) -> str:
    """Return the first of a recognizer's context words that is part of one of `words`, given one a line; "" if none."""
    return next((own for own in context if own in words), "")


def lifted(score: float) -> float:
    """Return a score that a context word supports."""
    return min(max(score + BOOST, BOOSTED_LEAST), 1.0)


def needs_words(candidates: Iterable[Candidate], words: Sequence[str], text: str) -> bool:
    """Say whether words in `text` could change a score: a candidate is not all of it, and nothing else supports it."""
    outside = "\n".join(words)
    return any(
        context and result.end - result.start < len(text) and not supporting(context, outside)
        for result, context in candidates
    )
