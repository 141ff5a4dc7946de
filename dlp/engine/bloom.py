"""A filter in front of a table of grams: which positions of a text may begin one that is in the table."""

from array import array
from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

WIDTH = 8
"""Characters of a gram."""

_VECTOR_FROM = 128  # below this length a look into the table is quicker than numpy
_FACTOR = 0x9E3779B97F4A7C15  # an odd 64-bit constant (2**64 / golden ratio): multiplicative hashing
_MASK = (1 << 64) - 1
_FACTORS = {span: np.uint64(pow(_FACTOR, span, 1 << 64)) for span in (1, 2, 4)}
_FIRST_WORDS = 1 << 8
_PER_WORD = 4  # grams for each word of 64 bits: one look in a few hundred passes by chance


class Bloom:
    """A blocked Bloom filter: each gram sets three bits of one word, so that a look costs one access to memory."""

    def __init__(self) -> None:
        self._count = 0
        self._make(_FIRST_WORDS)

    def _make(self, size: int) -> None:
        self._written = array("Q", bytes(8 * size))  # the same memory twice: one word is set here at a tenth of the cost
        self._words = np.frombuffer(self._written, dtype=np.uint64)
        self._down = 64 - (size.bit_length() - 1)
        self._shift = np.uint64(self._down)

    def add(self, gram: str, all_of: Collection[str]) -> None:
        """Take up a gram; `all_of` are all of them, should the filter have to grow."""
        self._count += 1
        if self._count > len(self._words) * _PER_WORD:
            self._make(len(self._words) * 4)
            hashes = hashes_of("".join(all_of))[::WIDTH]
            np.bitwise_or.at(self._words, hashes >> self._shift, _bits(hashes))
        else:
            number = hash_of(gram)
            self._written[number >> self._down] |= _bits_of(number)

    def candidates(self, text: str, table: Collection[str]) -> Iterable[int]:
        """Return the positions at which a gram of the table may begin: all of them, and few others."""
        if len(text) < WIDTH:
            return ()
        if len(text) < _VECTOR_FROM:
            return [at for at in range(len(text) - WIDTH + 1) if text[at : at + WIDTH] in table]
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


def hash_of(gram: str) -> int:
    """Return the same hash of one gram."""
    value = 0
    for character in gram:  # what is beyond 64 bits changes none of the lower ones, and is cut off in the end
        value = value * _FACTOR + ord(character)
    return (value * _FACTOR) & _MASK


def _bits(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    one, low = np.uint64(1), np.uint64(63)
    first = one << (hashes & low)
    second = one << ((hashes >> np.uint64(6)) & low)
    found: NDArray[np.uint64] = first | second | (one << ((hashes >> np.uint64(12)) & low))
    return found


def _bits_of(number: int) -> int:
    return 1 << (number & 63) | 1 << (number >> 6 & 63) | 1 << (number >> 12 & 63)
