"""Where a data class was seen in a message; offsets, never the text."""

from dataclasses import dataclass, field
from enum import StrEnum

from dlp.core.label import RAW, SANDBOX, DataClass, State


class Confidence(StrEnum):
    """How sure a classifier is; operators think in bands, not in scores."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Finding:
    """A span of one part where a data class was seen.

    `part` indexes the message's parts. `start` and `end` are code points of that part's text, half-open. `by` names
    what saw it (`plugin/recognizer`), `form` how the value was written there (`exact`, `base64`, `gzip+base64`, …).
    `source` is where the value entered the session; `sandbox` where nothing accounts for it. `because` is the context
    word that made the classifier as sure as it is, one of its own list and never of the text.
    """

    part: int
    start: int
    end: int
    data_class: DataClass
    by: str
    confidence: Confidence = Confidence.HIGH
    state: State = RAW
    source: str = SANDBOX
    form: str = "exact"
    because: str = field(default="", compare=False)
