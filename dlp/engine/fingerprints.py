"""By what values can be found, in a few bytes each: hashes, each with the number of the value that it is of.

In front of the hashes stands a blocked Bloom filter (Putze et al. 2007), so that a look at a text costs one access to
memory a position, however many values there are. Reading needs no lock while another thread adds: what is there is
replaced rather than moved.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Sequence
from itertools import batched

import numpy as np
from numpy.typing import NDArray

WIDTH = 8
"""Characters of a gram."""

MOST_OWNERS = 1 << 24
"""How many values there can be."""

type Prints = NDArray[np.uint64]
"""One fingerprint a position."""

_MASK = (1 << 64) - 1
_ONE, _OTHER = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93  # odd 64-bit constants: multiplicative hashing
_MIX = 29
_OF_WORDS = 0x27D4_EB2F_1656_67C5  # makes the fingerprint of a word another one than that of a gram
_KEPT = _MASK - (MOST_OWNERS - 1)  # of a fingerprint forty bits are kept, above the number of its value
_TELLS, _TELLS_BITS = 24, 12  # which bits of a fingerprint choose those in a word of the filter: the lowest kept ones
_FIRST_WORDS = 1 << 8
_PER_WORD = 4  # fingerprints for each word of 64 bits: one look in a few hundred passes by chance
_MOST_IN_RUN = 1024
_MOST_NEW, _FEW_KEYS = 1024, 16
_AT_ONCE = 1 << 14  # positions: what is worked out of them stays in the processor's cache


def _patterns() -> list[int]:
    """Return which three bits of a word each choice of twelve bits sets."""
    return [
        1 << (choice & 63) | 1 << ((choice * 37 >> 5) & 63) | 1 << ((choice * 101 >> 8) & 63)
        for choice in range(1 << _TELLS_BITS)
    ]


_PATTERNS = _patterns()
_LAST_PATTERN = len(_PATTERNS) - 1
_PATTERN_OF = np.array(_PATTERNS, dtype=np.uint64)


def packed(text: str) -> bytes:
    """Return a text with one byte a character, the character's own where it is ASCII."""
    if text.isascii():
        return text.encode()
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    signs: bytes = (codes ^ (codes >> np.uint32(8)) ^ (codes >> np.uint32(16))).astype(np.uint8).tobytes()
    return signs


def print_of(gram: str) -> int:
    """Return the fingerprint of a gram."""
    mixed = int.from_bytes(gram.encode() if gram.isascii() else packed(gram), "little") * _ONE & _MASK
    return (mixed ^ mixed >> _MIX) * _OTHER & _MASK


def prints_in(text: bytes) -> Prints:
    """Return the fingerprint of the gram at each position of a text, given `packed`."""
    count = len(text) - WIDTH + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    return _mixed(np.ndarray(count, "<u8", text, 0, (1,)))


def _mixed(grams: Prints) -> Prints:
    mixed: Prints = grams * np.uint64(_ONE)
    mixed ^= mixed >> np.uint64(_MIX)
    mixed *= np.uint64(_OTHER)
    return mixed


def print_of_word(word: str) -> int:
    """Return the fingerprint of a word of whatever length; another process may have another one for it."""
    return print_of(word) ^ _OF_WORDS if len(word) <= WIDTH else hash(word) & _MASK


def prints_of_words(words: Collection[str]) -> Prints:
    """Return the fingerprint of each of these words of at most `WIDTH` characters."""
    keys = b"".join([packed(word).ljust(WIDTH, b"\0") for word in words])
    return prints_of_keys(np.frombuffer(keys, dtype="<u8"))


def prints_of_keys(keys: Prints) -> Prints:
    """Return the fingerprints of words of at most `WIDTH` bytes, each given as a number, its first byte lowest."""
    return _mixed(keys) ^ np.uint64(_OF_WORDS)


class Fingerprints:
    """Fingerprints and whose they are: eight bytes each, two more for the filter, and a tenth for growth.

    The newest are kept apart, in a dictionary, until there are enough of them to be put in order at little cost each.
    """

    def __init__(self) -> None:
        self._count = 0
        self._filter = _Filter(_FIRST_WORDS)
        self._new: dict[int, list[int]] = {}
        self._runs: tuple[list[int], list[array[int]]] = ([0], [array("Q")])  # where each begins; sorted, in order

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def add(self, print_: int, owner: int) -> None:
        """Take up that `print_` is one of value number `owner`'s."""
        self._new.setdefault(print_ & _KEPT, []).append(owner)
        self._count += 1
        if self._count <= self._filter.room:
            self._filter.add(print_)
        else:
            self._grow()
        if len(self._new) >= _MOST_NEW:
            self._put_in_order()

    def _grow(self) -> None:
        grown = _Filter(len(self._filter.words) * 4)
        for some in batched((*self._runs[1], array("Q", self._new)), _AT_ONCE // _MOST_IN_RUN, strict=False):
            grown.add_all(np.frombuffer(b"".join(some), dtype=np.uint64))
        self._filter = grown

    def _put_in_order(self) -> None:
        """Put the newest among the others: into new runs, since somebody may be reading the old ones."""
        keys = array("Q", sorted(first | owner for first, owners in self._new.items() for owner in owners))
        begins, runs = list(self._runs[0]), list(self._runs[1])
        while keys:  # from the last run to the first, so that a run's number stays what it is
            number = bisect_right(begins, keys[-1]) - 1
            among = bisect_left(keys, begins[number])
            run = _merged(runs[number], keys[among:])
            size = -(-len(run) // -(-len(run) // _MOST_IN_RUN))  # evenly: no run of a few
            starts = range(0, len(run), size)
            runs[number : number + 1] = [run[start : start + size] for start in starts]
            begins[number + 1 : number + 1] = [run[start] for start in starts[1:]]
            del keys[among:]
        self._runs = begins, runs
        self._new = {}

    def owners(self, print_: int) -> Sequence[int]:
        """Return the numbers of the values that have this fingerprint, the newest last."""
        first, new = print_ & _KEPT, self._new  # before the runs: what is newest will be there next
        found = [key - first for some in self._ordered(print_) for key in some]
        newest = new.get(first, ())
        return found + [owner for owner in newest if owner not in found] if found else newest

    def sharing(self, print_: int) -> int:
        """Return how many values have this fingerprint; for the one thread that adds."""
        return sum([len(some) for some in self._ordered(print_)]) + len(self._new.get(print_ & _KEPT, ()))

    def _ordered(self, print_: int) -> list[array[int]]:
        """Return the stretches of the runs that have this fingerprint."""
        begins, runs = self._runs
        look, bits = self._filter, _PATTERNS[print_ >> _TELLS & _LAST_PATTERN]
        if not runs[0] or look.words[print_ >> look.shift] & bits != bits:
            return []
        first, last = print_ & _KEPT, print_ & _KEPT | (MOST_OWNERS - 1)
        numbers = range(max(bisect_right(begins, first) - 1, 0), bisect_right(begins, last))
        return [runs[number][bisect_left(runs[number], first) : bisect_right(runs[number], last)] for number in numbers]

    def candidates(self, prints: Prints) -> list[int]:
        """Return at which positions there may be one that is known: all of them, and few others."""
        found: list[int] = np.flatnonzero(self.told(prints)).tolist()
        return found

    def told(self, prints: Prints) -> NDArray[np.bool_]:
        """Return for each whether it may be known."""
        return self._filter.told(prints)

    def found_in(
        self, text: str, kind: int = 0, met: dict[int, Sequence[int]] | None = None
    ) -> list[tuple[int, Sequence[int]]]:
        """Return the positions of a text at which a known gram begins, each with the numbers of its values.

        Of another `kind` are those whose fingerprints were changed by it, by exclusive or. `met` are owners that were
        looked up before, while the same message is looked through; it takes up the others.
        """
        met = {} if met is None else met
        data, found = packed(text), list[tuple[int, Sequence[int]]]()
        look = self._filter
        for start in range(0, len(data) - WIDTH + 1, _AT_ONCE):
            prints = prints_in(data[start : start + _AT_ONCE + WIDTH - 1])
            if kind:
                prints ^= np.uint64(kind)
            for at in np.flatnonzero(look.told(prints)).tolist():
                print_ = int(prints[at])
                owners = met.get(print_)
                if owners is None:
                    owners = met[print_] = self.owners(print_)
                if owners:
                    found.append((start + at, owners))
        return found


def _merged(run: array[int], keys: array[int]) -> array[int]:
    """Return a new run of both; of few keys it costs least to put in one by one."""
    if len(keys) > _FEW_KEYS:
        return array("Q", sorted(run + keys))
    made = run[:]
    for key in keys:
        insort(made, key)
    return made


class _Filter:
    """A blocked Bloom filter of fixed size: each fingerprint sets up to three bits of one word."""

    def __init__(self, words: int) -> None:
        self.words = array("Q", bytes(words * 8))
        self.room = words * _PER_WORD
        self.shift = 64 - (words.bit_length() - 1)
        self._view = np.frombuffer(self.words, dtype=np.uint64)

    def add(self, print_: int) -> None:
        self.words[print_ >> self.shift] |= _PATTERNS[print_ >> _TELLS & _LAST_PATTERN]

    def add_all(self, prints: Prints) -> None:
        np.bitwise_or.at(self._view, self._words_of(prints), self._bits_of(prints))

    def told(self, prints: Prints) -> NDArray[np.bool_]:
        bits = self._bits_of(prints)
        told: NDArray[np.bool_] = (self._view[self._words_of(prints)] & bits) == bits
        return told

    def _words_of(self, prints: Prints) -> NDArray[np.int64]:
        return (prints >> np.uint64(self.shift)).view(np.int64)

    @staticmethod
    def _bits_of(prints: Prints) -> Prints:
        return _PATTERN_OF[((prints >> np.uint64(_TELLS)) & np.uint64(_LAST_PATTERN)).view(np.int64)]
