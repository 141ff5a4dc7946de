"""Characters that nobody sees, put into a value so that no expression matches it: zero-width ones, soft hyphens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_UNSEEN = r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
LOOK = rf"[ -~]{_UNSEEN}+[ -~]"
"""Between two characters of ASCII: in the scripts that need joiners, letters of their own are around them."""

_look = re.compile(LOOK)
_unseen = re.compile(_UNSEEN)
_REACH = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or what is near in a long one, as it is seen, and the place in the text of each of its characters."""

    shown: str = field(repr=False)
    places: tuple[int, ...] = field(repr=False)


def lines(text: str) -> Iterator[Line]:
    """Give the lines of a text that have such characters between characters of ASCII."""
    done = 0
    while match := _look.search(text, done):
        start = max(text.rfind("\n", done, match.start()) + 1, done, match.start() - _REACH)
        end = text.find("\n", match.end(), match.end() + _REACH)
        done = end if end >= 0 else min(len(text), match.end() + _REACH)
        places = tuple(place for place in range(start, done) if not _unseen.match(text, place))
        yield Line("".join([text[place] for place in places]), places)
