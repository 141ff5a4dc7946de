"""Value tracking: which of the values a session knows stand in a text.

Exact values of four characters and more are found anywhere. Shorter ones, and common words, are followed as whole parts
only: a person called May or a salary of 100 would otherwise be seen everywhere. Values of four to seven characters that
are letters or digits throughout count only where no letter or digit adjoins them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from dlp.engine.vault import Known

SHORTEST = 4
"""Values below this length are followed as whole parts only."""

_SHORT, _LONG = 4, 8  # widths of the anchors; a value of eight characters or more is anchored by eight
_VECTOR_FROM = 128  # below this length a set of substrings is quicker than numpy
_AT_ONCE = 128 * 1024
_LONGER = "\u0130"  # the one character that is longer in small letters
_SEPARATOR = "\0"  # between texts that are looked at together: neither a letter nor a digit, and rare
_FACTOR = 0x9E3779B97F4A7C15  # an odd 64-bit constant (2**64 / golden ratio): multiplicative hashing
_MASK = (1 << 64) - 1

COMMON = frozenset(
    """able about above active admin after again agent all also amber amount angel annual april archive area art
    asia august autumn available bank base basic bill blue body book brook brown business buyer card case cash
    chase city class clay client close closed code college color contact content count country create created
    credit customer daily dale data date daughter dawn dean december default delete department detail document
    done draft drew east edit email employee empty enabled english error even event example external faith false
    february female field file first flag forest form frank free friday full gene general germany glen global
    good grant green group guest hank head health heath high hill home hope house human hunter info inner
    internal item ivory january jade jasmine jean joy july june just king lake lane last law lead level lily
    line link list live local london long main major male manager march margin mark master matt max may member
    message miles mode monday money month name need next nick none noon normal north note november null number
    object office okay olive open order other owner page paris park part paul penny people permanent person
    phone pierce piper place plan point pool post price prime private product profile project public rate ready
    record region regular remote report result review rich rob robin role root rose ruby sage sales sample
    saturday senior september series service session short size skip small some south spring staff stage
    standard start state status stone story street string success summary summer sunday support system table
    target task team temp temporary term test text that this thursday time title todo token total trace true
    tuesday type under union unit unknown update user value version view ward wednesday week west white will
    winter woods word work year yellow young zone""".split()  # noqa: SIM905 - a list of words reads best as words
)
"""English words that are also names, and words that forms and APIs are full of."""


def fold(text: str) -> str:
    """Return a text with case taken away, of the same length: offsets in it are offsets in the text."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return _LONGER.join([piece.lower() for piece in text.split(_LONGER)])


def whole_only(value: str) -> bool:
    """Return whether a value is too short or too common to be looked for inside other text."""
    return len(value) < SHORTEST or value.casefold() in COMMON


@dataclass(frozen=True, slots=True)
class Match:
    """A known value at code points `start` to `end` of a text, half-open."""

    start: int
    end: int
    known: Known


class Index:
    """The values of one session, ready to be looked for. Adding is constant time; finding is linear in the text.

    Each value is anchored by one substring of it, the one that fewest others share, so that a million near-identical
    values do not pile up on one anchor. A text's substrings are hashed and looked up in a bit table first.
    """

    def __init__(self) -> None:
        self._whole: dict[str, Known] = {}
        self._anchors = {_SHORT: _Anchors(_SHORT), _LONG: _Anchors(_LONG)}

    def add(self, known: Known) -> None:
        """Look for a value from now on."""
        if whole_only(known.text):
            self._whole[fold(known.text)] = known
        else:
            self._anchors[_LONG if len(known.text) >= _LONG else _SHORT].add(known)

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        anchors = self._anchors  # asked for with every message, many times
        return bool(self._whole or anchors[_SHORT].table or anchors[_LONG].table)

    @property
    def wholes(self) -> bool:
        """Whether some values are followed as whole parts only, so that parts must be looked at one by one."""
        return bool(self._whole)

    def whole(self, text: str) -> Known | None:
        """Return the value that is followed as a whole part only and is this part."""
        return self._whole.get(fold(text))

    def find(self, text: str) -> list[Match]:
        """Return every known value inside `text`, in the order of their starts; they may overlap."""
        text = fold(text)
        matches = [match for anchors in self._anchors.values() if anchors.table for match in anchors.find(text)]
        matches.sort(key=lambda match: (match.start, -match.end))
        return matches

    def find_in(self, texts: Sequence[str]) -> Iterator[tuple[int, Match]]:
        """Give every known value inside these texts, with the text's number: one pass over all is what costs least."""
        joined = _SEPARATOR.join(texts)
        found = self.find(joined)
        if found:
            starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
            for match in found:
                number = bisect_right(starts, match.start) - 1
                start, end = match.start - starts[number], match.end - starts[number]
                if end <= len(texts[number]):  # else a value that holds the separator itself lay across two texts
                    yield number, Match(start, end, match.known)


class _Anchors:
    """Values anchored by substrings of one width."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.table: dict[str, list[tuple[Known, int]]] = {}
        self._bits = np.zeros(1 << 16, dtype=np.bool_)

    def add(self, known: Known) -> None:
        text, width = fold(known.text), self.width
        best, offset = None, 0
        for at in range(min(len(text) - width, 24) + 1):
            gram = text[at : at + width]
            load = len(self.table.get(gram, ()))
            if best is None or load < best:
                best, offset = load, at
                if load == 0:
                    break
        gram = text[offset : offset + width]
        self.table.setdefault(gram, []).append((known, offset))
        if len(self.table) * 32 > len(self._bits):
            bits = np.zeros(len(self._bits) * 4, dtype=np.bool_)
            for each in self.table:
                bits[self._slot(each, len(bits))] = True
            self._bits = bits  # whoever looks meanwhile keeps the ones that say enough
        else:
            self._bits[self._slot(gram, len(self._bits))] = True

    def find(self, text: str) -> Iterator[Match]:
        width, table = self.width, self.table
        count = len(text) - width + 1
        if count <= 0:
            return
        if len(text) < _VECTOR_FROM:
            starts: Iterable[int] = [at for at in range(count) if text[at : at + width] in table]
        elif len(text) <= _AT_ONCE:
            starts = self._candidates(text)
        else:  # in pieces: what is worked out of a text takes dozens of times its memory
            starts = (
                at + start
                for at in range(0, count, _AT_ONCE)
                for start in self._candidates(text[at : at + _AT_ONCE + width - 1])
            )
        for at in starts:
            for known, offset in table.get(text[at : at + width], ()):
                start, value = at - offset, fold(known.text)
                if start >= 0 and text.startswith(value, start) and stands_alone(value, text, start):
                    yield Match(start, start + len(value), known)

    @staticmethod
    def _slot(gram: str, count: int) -> int:
        value = 0
        for character in gram:
            value = (value * _FACTOR + ord(character)) & _MASK
        return ((value * _FACTOR) & _MASK) >> (64 - (count.bit_length() - 1))

    def _candidates(self, text: str) -> list[int]:
        values = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
        span = 1
        while span < self.width:  # the hash of 2n characters from those of n: hash(a)·factor^n + hash(b)
            values = values[:-span] * np.uint64(pow(_FACTOR, span, 1 << 64)) + values[span:]
            span *= 2
        bits = self._bits
        slots = (values * np.uint64(_FACTOR)) >> np.uint64(64 - (len(bits).bit_length() - 1))
        found: list[int] = np.flatnonzero(bits[slots]).tolist()
        return found


def stands_alone(value: str, text: str, start: int) -> bool:
    """Return whether what stands at `start` of a text is not merely a piece of a longer word or number.

    Long values, and those that hold more than letters and digits, need not stand alone to be recognised.
    """
    if not whole_only(value) and (len(value) >= _LONG or not value.isalnum()):
        return True
    end = start + len(value)
    return not (text[start - 1 : start].isalnum() if start else False) and not text[end : end + 1].isalnum()
