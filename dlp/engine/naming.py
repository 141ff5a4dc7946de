"""Names put together, as in paths and programs, told from encoded bytes that have all kinds of characters as well.

In base64 every character says nothing of the next one; in names, letters go on as words do, and figures as numbers do.
How much likelier the one is than the other is added up along a run (CUSUM, Page 1954), so that a random end is seen
behind however many names.
"""

from itertools import pairwise
from math import log

from dlp.engine.grouped import PAIRS

_LETTER, _CAPITAL, _FIGURE, _SIGN = range(4)
_BY_CHANCE = (26 / 64, 26 / 64, 10 / 64, 2 / 64)  # in base64
_IN_NAMES = (  # how often each kind follows a letter, a capital, a figure and a sign
    (0.84, 0.06, 0.03, 0.07),
    (0.55, 0.38, 0.02, 0.05),
    (0.06, 0.06, 0.62, 0.26),
    (0.52, 0.25, 0.20, 0.03),
)
_FREQUENT, _RARE = log(0.45 / 0.093), log(0.55 / 0.907)  # pairs of letters: in words, and by chance
_ENOUGH = 4.5
"""What random bytes are ninety times likelier than names for: 4 in 1,000 runs of 22 characters of base64 stay below."""


def _weight(one: str, other: str) -> float:
    """Return by how much two characters beside each other are likelier in encoded bytes than in names."""
    first, second = _kind(one), _kind(other)
    weight = log(_BY_CHANCE[second] / _IN_NAMES[first][second])
    if one.isalpha() and (second == _LETTER or first == second == _CAPITAL):
        weight -= _FREQUENT if (one + other).lower() in PAIRS else _RARE
    return weight


def _kind(character: str) -> int:
    if character.isdigit():
        return _FIGURE
    if character.isalpha():
        return _CAPITAL if character.isupper() else _LETTER
    return _SIGN


_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="
_WEIGHTS = {one + other: _weight(one, other) for one in _CHARACTERS for other in _CHARACTERS}


def named(run: str) -> bool:
    """Return whether no stretch of a run of base64's characters is rather encoded bytes than names put together.

    What holds another character is no such run, and not told to be names.
    """
    sum_ = 0.0
    for one, other in pairwise(run):
        sum_ = max(0.0, sum_ + _WEIGHTS.get(one + other, _ENOUGH))
        if sum_ >= _ENOUGH:
            return False
    return True
