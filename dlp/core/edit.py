"""One replacement of one span, and how replacements are made."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace code points `start` to `end` (half-open) of part `part` by `text`.

    `number` asks the format to write `text` as a number where it has numbers: the edit then covers the whole part. It
    undoes what tokenising a JSON number did to its type.
    """

    part: int
    start: int
    end: int
    text: str = field(repr=False)
    number: bool = False


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with its edits made.

    Offsets are code points of the original text, half-open.

    Raises:
        ValueError: two edits overlap, or one reaches beyond the text.

    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.start < done or edit.end < edit.start or edit.end > len(text):
            msg = f"edit {edit.start}:{edit.end} overlaps another or leaves the text of length {len(text)}"
            raise ValueError(msg)
        pieces += (text[done : edit.start], edit.text)
        done = edit.end
    pieces.append(text[done:])
    return "".join(pieces)
