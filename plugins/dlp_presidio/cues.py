"""What recognizers beyond Presidio's share: what they give, and how words and names are written."""

import re
from collections.abc import Callable, Iterator

from dlp.core.finding import Confidence

type Seen = tuple[str, int, int, float, str]
"""Entity, start, end, score, and the recognizer's name."""

type Context = tuple[str, ...]
"""Words from outside the text, lower case: those of the key it stands under."""

type Find = Callable[[str, Context, float], Iterator[Seen]]
"""Takes also the score under which nothing is of use, so that what never reaches it is not looked for."""

type Look = tuple[str, str, Confidence | None]
"""The title of a pattern, its expression, and the most confident finding that a match leads to by itself."""

UP, LOW = r"[^\W\d_a-z]", r"[^\W\d_A-Z]"  # letters that are no ASCII small ones; letters that are no ASCII capitals
WORD = rf"(?:{UP}[\w'\u2019\-]*)"
PARTICLE = (
    r"(?:de|da|do|dos|das|di|del|della|der|den|van|von|vom|zu|zum|bin|ibn|al|el|la|le|ter|ten|of|the|am|im|an|der|y|e|des"
    r"|du|les|las|los|na|pod|nad)"
)
PART = rf"(?:{UP}\.|{UP}[\w'\u2019\-]*\w|{UP}(?![\w.]))"
NAME = rf"{PART}(?:[ ](?:(?:{PARTICLE})[ ]){{0,2}}{PART}){{0,3}}"
BRACKET = rf"(?:[ ]\({UP}[^()\n]{{1,40}}\))?"
"""What stands beside a town or a country: `Lagos (Nigeria)`."""


def near(expression: re.Pattern[str], text: str, start: int, end: int, reach: int) -> bool:
    """Say whether an expression matches within `reach` before a span, or half as far after it."""
    return bool(expression.search(text, max(0, start - reach), start) or expression.search(text, end, end + reach // 2))
