"""Ciphertext cut into groups: short runs of letters and figures, none of which says much, but all of them do.

Words end a stretch of groups, and so do times, dates and ids of the usual form; what is left over is judged together.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from dlp.engine.gently import matches
from dlp.engine.stretches import LARGE, PIECE, between_words, pieces

_TOKEN, _BESIDE_TOKEN = re.compile(r"[A-Za-z0-9]+"), re.compile(r"(?=[^A-Za-z0-9])")
_ACCOUNTED = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\d\d:\d\d(?::\d\d)?"
    r"|(?<![0-9A-Fa-f])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[147][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    r"|(?<![A-Za-z0-9])\d+(?:\.\d+)+(?![A-Za-z0-9])"
)
_LETTERS = re.compile(r"^[A-Z]?[a-z]{1,4}$|^[A-Z]{2,5}$|[A-Z]?[a-z]{5,}|[A-Z]{6,}")
_GAP, _WORDS = 6, 3  # characters between groups, and words in a row, that end a stretch
_HEX_FROM, _BASE32_FROM, _BASE64_FROM = 32, 26, 22  # characters that sixteen bytes take, about
_LEAST_ODD, _LONGEST, _OF_TIME = 14, 40, 5
_SEVERAL, _EACH = 3, 10  # groups, or characters of each where there are fewer
_ONLY_ALNUM = bytes(byte if byte < 128 and chr(byte).isalnum() else 32 for byte in range(256))  # noqa: PLR2004 - ASCII
_KINDS = bytes(
    ord("0" if chr(byte).isdigit() else "T" if byte in b"TZ" else "A" if chr(byte).isupper() else "a")
    if byte < 128 and chr(byte).isalnum()  # noqa: PLR2004 - ASCII
    else ord(" ")
    for byte in range(256)
)
_CODES = bytes(
    0 if kind == " " else 1 if kind == "0" else 6 if kind == "a" else 10 for kind in map(chr, _KINDS)
)  # a figure, or a letter and of which kind, as bits
_AROUND = _LONGEST + 1  # bytes that a group may go on behind a piece of a text, and one more
_OF_LETTERS = (b"aA", b"AAa")
_CHANGES = (b"0a", b"a0", b"0A", b"A0", *_OF_LETTERS)
"""What each group that is neither a word nor a number holds one of: figures beside letters, capitals within words."""

_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
PAIRS = frozenset(
    """th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic
    ne ea ra ce li ch ll be ma si om ur la el ie ei un us ge ta et ir il tr ns di so no ho ec ca""".split()  # noqa: SIM905 - pairs read best as words
)
"""Pairs of letters that stand beside each other more often than others, in several languages."""


def worded(run: str) -> bool:
    """Return whether letters, folded to one case, are rather words than written by a machine."""
    return sum(one + other in PAIRS for one, other in pairwise(run)) * 10 >= len(run) * 3


def may_be_grouped(data: bytes) -> bool:
    """Return whether a text, here as UTF-8, has enough groups that are neither words nor numbers."""
    if len(data) >= LARGE:
        tokens = _mixed(data)
    else:
        kinds = data.translate(_KINDS)
        with_figures = b"0" in kinds
        if with_figures:
            kinds = kinds.replace(b" 00T00 ", b" ").replace(b" 00T ", b" ")  # times
        kinds = kinds.replace(b"T", b"A")
        if not any(change in kinds for change in (_CHANGES if with_figures else _OF_LETTERS)):  # as in most texts
            return False
        tokens = set(data.translate(_ONLY_ALNUM).split())
    odd = [len(token) for token in tokens if not token.isdigit() and not _is_plain(token)]
    return sum(odd) >= _LEAST_ODD and (len(odd) >= _SEVERAL or min(odd) >= _EACH)


def _mixed(data: bytes) -> set[bytes]:
    """Return the groups of a large text that hold one of the changes; the rest of it is not even split."""
    found = set[bytes]()
    for start, codes in pieces(data, _CODES, _AROUND):
        figure, letter, small, capital = (codes >> n for n in range(4))
        pairs = (figure[:-1] & letter[1:]) | (letter[:-1] & figure[1:]) | (small[:-1] & capital[1:])
        pairs[:-1] |= capital[:-2] & capital[1:-1] & small[2:]
        places = np.flatnonzero(pairs & 1)
        if len(places):
            between = np.flatnonzero(codes == 0)
            after = np.unique(np.searchsorted(between, places))
            starts = [int(between[at - 1]) + 1 if at else 0 for at in after.tolist()]
            ends = [int(between[at]) if at < len(between) else len(codes) for at in after.tolist()]
            if starts[0] == 0 and start and _CODES[data[start - 1]]:  # the end of a group that was told of already
                del starts[0], ends[0]
            found |= {data[start + one : start + other] for one, other in zip(starts, ends, strict=True)}
    return found


def _is_plain(token: bytes) -> bool:
    if token.isalpha():
        return token.islower() or token.istitle() or token.isupper()
    return len(token) > _LONGEST or (len(token) <= _OF_TIME and (b"T" in token or b"Z" in token))


def grouped(text: str) -> Iterator[tuple[int, int]]:
    """Give where in a text there are groups of what nobody could read. The work is linear in the text."""
    left = "".join([_ONE_RUN.sub(_blank_mixed, _unaccounted(piece)) for piece in between_words(text)])
    start, end = 0, 0  # of the stretch of groups beside each other
    words, row, odd = 0, 0, list[str]()  # in it: characters of words, words one after another, and all other groups
    for match in matches(_TOKEN, left, _BESIDE_TOKEN):
        token, at = match.group(), match.start()
        if not end:
            start = at
        elif at - end > _GAP or row >= _WORDS:
            if len(odd) > 1 and _is_sealed(odd, words):
                yield start, end
            start, words, row, odd = at, 0, 0, []
        end = match.end()
        if _is_word(token):
            row += 1
            words += len(token)
        else:
            row = 0
            odd.append(token)
    if len(odd) > 1 and _is_sealed(odd, words):
        yield start, end


def _is_sealed(odd: Iterable[str], words: int) -> bool:
    """Return whether groups beside so many characters of words are rather something that nobody could read."""
    joined = "".join(dict.fromkeys(odd))  # what is there again and again says it once
    return len(joined) * 2 >= words * 3 and _is_noise(joined)


def _unaccounted(piece: str) -> str:
    """Leave out times, ids of the usual form, and numbers; what is long is cut where none of them goes on."""
    if len(piece) <= 2 * PIECE:
        return _ACCOUNTED.sub(_blank, piece)
    out, start = list[str](), 0
    while start < len(piece):
        sign = _NOT_IN_ACCOUNTED.search(piece, start + _AT_ONCE)
        stop = sign.end() if sign else len(piece)
        out.append(_ACCOUNTED.sub(_blank, piece[start:stop]))
        start = stop
    return "".join(out)


_AT_ONCE = 16 * 1024
_NOT_IN_ACCOUNTED = re.compile(r"[^\w\s.:,+-]|_")


@functools.lru_cache(maxsize=8192)
def _is_word(token: str) -> bool:
    return (token.isalpha() and len(token) == 1) or any(worded(letters.lower()) for letters in _LETTERS.findall(token))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _blank_mixed(match: re.Match[str]) -> str:
    """Leave out a long run of all kinds of characters: whether that can be read is told of it as one."""
    run = match.group()
    mixed = any(map(str.isupper, run)) and any(map(str.islower, run)) and any(map(str.isdigit, run))
    return " " * len(run) if mixed else run


_ONE_RUN = re.compile(r"[A-Za-z0-9+/_-]{22,}={0,2}")


def _is_noise(joined: str) -> bool:
    """Return whether what stands in groups is of all kinds of characters, well mixed, and of sixteen bytes or more."""
    size = len(joined)
    figures = sum(map(str.isdigit, joined))
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(joined))
    if joined == joined.lower() or joined == joined.upper():
        least = _HEX_FROM if _HEX.fullmatch(joined) else _BASE32_FROM
        return size >= least and size <= figures * 12 and figures * 20 <= size * 17 and changes * 5 >= size
    return size >= _BASE64_FROM and size <= figures * 20 and figures * 3 <= size and changes * 20 >= size * 9


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2
