"""Stretches of a text that are made of certain bytes only: found at a tenth of what it costs to split the text."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGE = 4096
"""From so many bytes on, a text is looked through by arrays; for a shorter one, making them would take longer."""
PIECE = 64 * 1024
"""Bytes whose arrays are at hand at once: those of more would be mapped anew each time."""


def within(signs: bytes) -> bytes:
    """Return the table that `stretches` takes for these bytes."""
    return bytes(byte in signs for byte in range(256))


def stretches(data: bytes, table: bytes, least: int) -> list[bytes]:
    """Return, in order and as long as it is, each stretch of `least` bytes (one or more) that are all in `table`."""
    if len(data) >= LARGE and not rows(data, table, (least,)):
        return []
    marks = data.translate(table)
    needle, found = b"\1" * least, list[bytes]()
    start = marks.find(needle)
    while start >= 0:
        end = marks.find(b"\0", start + least)
        found.append(data[start:] if end < 0 else data[start:end])
        start = marks.find(needle, end) if end >= 0 else -1
    return found


def surrounded(data: bytes, table: bytes, least: int) -> Iterator[bytes]:
    """Give what `stretches` returns, each with the byte before it and the one behind it."""
    if len(data) >= LARGE and not rows(data, table, (least,)):
        return
    marks, needle = data.translate(table), b"\1" * least
    start = marks.find(needle)
    while start >= 0:
        end = marks.find(b"\0", start + least)
        end = len(data) if end < 0 else end
        yield data[max(0, start - 1) : end + 1]
        start = marks.find(needle, end)


class Unusual:
    """Looks for stretches of bytes that are all in `signs`, but not all in `usual`: most of a text is words.

    `least` is how many bytes a stretch has; one of `long` bytes and more is told even if it is usual.
    """

    def __init__(self, signs: bytes, usual: bytes, least: int, long: int = 0) -> None:
        self._usual, self._least, self._long = usual, least, long
        self._kinds = bytes((byte in signs) * (_USUAL if byte in usual else _STRANGE) for byte in range(256))
        self._within = within(signs)
        self._only = bytes(byte if byte in signs else _APART for byte in range(256))

    def within(self, data: bytes) -> set[bytes]:
        """Return the different ones of a text. The work is linear in it."""
        if len(data) >= LARGE:
            return {data[start:end] for start, end in self._places(data)}
        least, long, usual = self._least, self._long, self._usual
        if least > _SPLIT_TO:
            found = stretches(data, self._within, least)
        else:
            found = [each for each in set(data.translate(self._only).split(_APART_SIGN)) if len(each) >= least]
        return {each for each in found if each.translate(None, usual) or (long and len(each) >= long)}

    def _places(self, data: bytes) -> Iterator[tuple[int, int]]:
        for start, kinds in _whole(data.translate(self._kinds)):
            # Nearly every piece of a text in words ends here, at a third of the cost.
            enough = self._least if int(np.bitwise_or.reduce(kinds)) == _STRANGE else self._long
            if enough and _in_a_row(kinds, enough):
                yield from self._in_piece(kinds, start)

    def _in_piece(self, kinds: NDArray[np.uint8], at: int) -> Iterator[tuple[int, int]]:
        starts, ends = _in_rows(kinds)
        sizes = ends - starts
        enough = sizes >= self._least
        starts, ends, sizes = starts[enough], ends[enough], sizes[enough]
        if len(starts) > _FEW:
            strange = np.append(0, np.cumsum(kinds == _STRANGE, dtype=np.int32))
            told = strange[ends] > strange[starts]
        else:
            places = zip(starts.tolist(), ends.tolist(), strict=True)
            told = np.array([bool((kinds[start:end] == _STRANGE).any()) for start, end in places], dtype=np.bool_)
        if self._long:
            told |= sizes >= self._long
        yield from zip((starts[told] + at).tolist(), (ends[told] + at).tolist(), strict=True)


_SPLIT_TO = 8  # bytes: what most words are shorter than is looked for at less cost than they are told apart
_APART = 0xFF  # a byte of no UTF-8
_APART_SIGN = bytes([_APART])
_USUAL, _STRANGE = 1, 3  # of both kinds one bit says that a byte is in a stretch
_FEW = 16


def _in_a_row(kinds: NDArray[np.uint8], enough: int) -> bool:
    """Return whether so many bytes, two or more, of a piece stand in a row that have a bit in common."""
    done, row = 1, kinds
    while done < enough:
        more = min(done, enough - done)
        row = row[:-more] & row[more:]
        done += more
    return bool(row.any())


class Words(NamedTuple):
    """Words of a text: where each starts, how many bytes it has, and its first eight as a number."""

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    keys: NDArray[np.uint64]

    def some(self, told: NDArray[np.bool_]) -> "Words":
        """Return those of which `told` says so."""
        return Words(self.starts[told], self.sizes[told], self.keys[told])

    def of(self, data: bytes) -> set[bytes]:
        """Return the different ones; zeros at the end of one are left out."""
        longer = self.sizes > KEY
        places = zip(self.starts[longer].tolist(), self.sizes[longer].tolist(), strict=True)
        shorter: list[bytes] = np.unique(self.keys[~longer]).view(f"S{KEY}").tolist()
        return {*shorter, *(data[start : start + size] for start, size in places)}


KEY = 8
"""Bytes of a word that are in its key; where it has fewer, zeros follow."""

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(KEY + 1)], dtype=np.uint64)


def words(data: bytes, table: bytes) -> Iterator[Words]:
    """Give, piece by piece, each stretch of a text of bytes that are all in `table`; see `within`."""
    longer = data + bytes(KEY)
    for start, kinds in _whole(data.translate(table)):
        starts, ends = _in_rows(kinds)
        sizes = ends - starts
        keys = np.ndarray(len(kinds), "<u8", longer, start, (1,))[starts] & _MASKS[np.minimum(sizes, KEY)]
        yield Words(starts + start, sizes, keys)


class Among:
    """Looks for the words of a large text that may be among some: for all that are, and few others."""

    def __init__(self, some: Collection[bytes]) -> None:
        self._table = np.zeros(1 << _AMONG_BITS, dtype=np.bool_)
        keys = [int.from_bytes(word[:KEY].ljust(KEY, b"\0"), "little") for word in some]
        self._table[self._places(np.array(keys, dtype=np.uint64))] = True

    def told(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return for each key whether its word may be one of them."""
        return self._table[self._places(keys)]

    def within(self, data: bytes, table: bytes) -> set[bytes]:
        """Return those of the words of a text that may be among them."""
        return set[bytes]().union(*(some.some(self.told(some.keys)).of(data) for some in words(data, table)))

    @staticmethod
    def _places(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return (keys * _MIXED >> np.uint64(64 - _AMONG_BITS)).view(np.int64)


_AMONG_BITS, _MIXED = 16, np.uint64(0x9E3779B97F4A7C15)


def _in_rows(kinds: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each row of codes other than zero begins, and where it ends."""
    apart = kinds == 0
    edges = np.flatnonzero(apart[1:] != apart[:-1]) + 1
    if not apart[0]:
        edges = np.append(0, edges)
    if not apart[-1]:
        edges = np.append(edges, len(kinds))
    return edges[::2], edges[1::2]


def _whole(codes: bytes) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Give a text of codes in pieces, cut where a zero is: where each begins, and it."""
    start = 0
    while start < len(codes):
        end = start + PIECE
        if end < len(codes):
            last = codes.rfind(b"\0", start, end)
            end = last if last > start else codes.find(b"\0", end)
        end = len(codes) if end < 0 or end > len(codes) else end
        yield start, np.frombuffer(codes, np.uint8, end - start, start)
        start = end


def rows(data: bytes, table: bytes, least: Sequence[int]) -> int:
    """Return of which kinds of bytes enough may stand in a row; of a short text, of all.

    `table` has a bit for each kind that a byte is of, from the lowest on; `least` says how many of it are enough (one
    or more), and the answer has a bit for each kind in turn.
    """
    every = (1 << len(least)) - 1
    if len(data) < LARGE:
        return every
    found = 0
    for _, codes in pieces(data, table, max(least)):
        together, there = [codes], [int(np.bitwise_or.reduce(codes))]  # by twice as many in a row each
        for n, enough in enumerate(least):
            bit = 1 << n
            if found & bit or enough > len(codes):
                continue
            power, more = enough.bit_length() - 1, enough - (1 << enough.bit_length() - 1)
            while len(together) <= power and there[-1] & bit:
                half = together[-1]
                by = 1 << (len(together) - 1)
                together.append(half[:-by] & half[by:])
                there.append(int(np.bitwise_or.reduce(together[-1])))
            if power < len(together) and there[power] & bit:
                row = together[power]
                found |= int(np.bitwise_or.reduce(row[:-more] & row[more:])) & bit if more else bit
        if found == every:
            break
    return found


def pieces(data: bytes, table: bytes, more: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Give a text in pieces, each byte as it stands in `table`: where each begins, and it with `more` bytes behind."""
    for start in range(0, len(data), PIECE):
        piece = data if len(data) <= PIECE else data[start : start + PIECE + more]
        yield start, np.frombuffer(piece.translate(table), dtype=np.uint8)


def between_words[T: (str, bytes)](text: T) -> Iterator[T]:
    """Give a text in pieces that end before a space, of `PIECE` or a little more: one, where there are no spaces."""
    start, size = 0, len(text)
    while start < size:
        stop, found = start + PIECE, None
        while stop < size and found is None:
            found = _space(text, stop)
            stop = stop + PIECE if found is None else found
        yield text if start == 0 and stop >= size else text[start:stop]
        start = stop


def _space(text: str | bytes, at: int) -> int | None:
    """Return where the next space in a piece of a text is."""
    if isinstance(text, str):
        found = _SPACE.search(text, at, at + PIECE)
        return None if found is None else found.start()
    found_there = _SPACE_IN_BYTES.search(text, at, at + PIECE)
    return None if found_there is None else found_there.start()


_SPACE, _SPACE_IN_BYTES = re.compile(r"\s"), re.compile(rb"\s")
