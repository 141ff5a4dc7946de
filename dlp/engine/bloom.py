"""A filter in front of a table of grams: which positions of a text may begin one that is in the table."""

from collections.abc import Collection, Iterable
from itertools import batched

import numpy as np
from numpy.typing import NDArray

WIDTH = 8
"""Characters of a gram."""

_VECTOR_FROM = 128  # below this length a look into the table is quicker than numpy
_FACTOR = 0x9E3779B97F4A7C15  # an odd 64-bit constant (2**64 / golden ratio): multiplicative hashing
_FACTORS = {span: np.uint64(pow(_FACTOR, span, 1 << 64)) for span in (1, 2, 4)}
_FIRST_WORDS = 1 << 8
_AT_ONCE = 1 << 14  # grams
_PER_WORD = 4  # grams for each word of 64 bits: one look in a few hundred passes by chance


class Bloom:
    """A blocked Bloom filter: each gram sets three bits of one word, so that a look costs one access to memory."""

    def __init__(self) -> None:
        self._words = np.zeros(_FIRST_WORDS, dtype=np.uint64)
        self._count = 0
        self._new: list[str] = []

    def add(self, gram: str) -> None:
        """Take up a gram, the next time that a text is looked through: many at once cost a fraction of one each."""
        self._new.append(gram)

    def _take_up(self, all_of: Collection[str]) -> None:
        """Take up what is new; `all_of` are all grams, should the filter have to grow."""
        self._count += len(self._new)
        size = len(self._words)
        while self._count > size * _PER_WORD:
            size *= 4
        grams: Iterable[str] = self._new
        if size > len(self._words):
            self._words, grams = np.zeros(size, dtype=np.uint64), all_of
        for some in batched(grams, _AT_ONCE, strict=False):
            hashes = hashes_of("".join(some))[::WIDTH]
            np.bitwise_or.at(self._words, hashes >> self._shift, _bits(hashes))
        self._new.clear()

    @property
    def _shift(self) -> np.uint64:
        return np.uint64(64 - (len(self._words).bit_length() - 1))

    def candidates(self, text: str, table: Collection[str]) -> Iterable[int]:
        """Return the positions at which a gram of the table may begin: all of them, and few others."""
        if len(text) < WIDTH:
            return ()
        if len(text) < _VECTOR_FROM:
            return [at for at in range(len(text) - WIDTH + 1) if text[at : at + WIDTH] in table]
        if self._new:
            self._take_up(table)
        hashes = hashes_of(text)
        bits = _bits(hashes)
        found: list[int] = np.flatnonzero((self._words[hashes >> self._shift] & bits) == bits).tolist()
        return found


def hashes_of(text: str) -> NDArray[np.uint64]:
    """Return a hash of the gram at each position of a text."""
    if text.isascii():
        values = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint64)
    else:
        values = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    for span, factor in _FACTORS.items():  # the hash of 2n characters from those of n: hash(a)·factor^n + hash(b)
        values = values[:-span] * factor + values[span:]
    return values * np.uint64(_FACTOR)


def _bits(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    one, low = np.uint64(1), np.uint64(63)
    first = one << (hashes & low)
    second = one << ((hashes >> np.uint64(6)) & low)
    found: NDArray[np.uint64] = first | second | (one << ((hashes >> np.uint64(12)) & low))
    return found
