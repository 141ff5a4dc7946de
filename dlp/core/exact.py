"""Tables of known values as keyed hashes: how a value is written down, how a text is split, how both are compared.

A table holds no value: 64 bits of a keyed hash each, in open addressing, behind a filter of what may begin one.
What it does tell without the key is how many values there are and what kinds (`patterns`).
"""

import json
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2s
from itertools import islice

MAGIC = b"dlp-exact-2\n"
LONGEST = 8
"""How many words a value may have at most; longer ones are known by their first."""

_LEAST = 4  # characters; what is shorter is in every text
_PREFIX = 8  # characters; up to here every beginning of a number is noted, in whatever groups it is written
_GAP = 3  # characters between two words of one value
_REMEMBERED = 65_536
_FEW = 64  # words, which are found by name faster than by going through all of the text's
_words = re.compile(
    r"[^\W_][^\W_\u0300-\u036f]*(?:[\u0300-\u036f]+[^\W_]*)*"
)  # an accent may be a character of its own


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A loaded table: values of one class."""

    data_class: str
    rows: int
    values: int
    patterns: tuple[str, ...]
    _longest: int
    _filter: memoryview = field(repr=False)
    _slots: Sequence[int] = field(repr=False)

    def may_begin(self, number: int) -> bool:
        """Say whether a value may begin with the word that has this hash."""
        bits = self._filter
        mask = len(bits) * 8 - 1
        first, second = number & mask, (number >> 32) & mask
        return bool(bits[first >> 3] >> (first & 7) & bits[second >> 3] >> (second & 7) & 1)

    def __contains__(self, number: int) -> bool:
        """Say whether the value with this hash is in the table; takes the same few steps whatever its size."""
        slots = self._slots
        mask = len(slots) - 1
        place = number & mask
        while found := slots[place]:
            if found == number:
                return True
            place = (place + 1) & mask
        return False


class Known:
    """What several tables under one key know, and what words begin (kept, since most words come again)."""

    def __init__(self, tables: Sequence[Table], key: bytes) -> None:
        self._tables = tables
        self._key = key
        self._begins: dict[str, tuple[Table, ...]] = {}
        self._longest = max((table._longest for table in tables), default=1)  # noqa: SLF001  of this module

    def find(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Give start, end, class of each known value in `text`, and whether it is more than one plain word."""
        begins = self._begins
        if len(begins) >= _REMEMBERED:
            begins.clear()
        distinct = set(_words.findall(text))
        for word in distinct.difference(begins):
            self._remember(word)
        beginning = [word for word in distinct if begins[word]]
        if len(beginning) <= _FEW:
            places = sorted((place, word) for word in beginning for place in _places(text, word))
        else:
            places = [(match.start(), match.group()) for match in _words.finditer(text)]
        for place, word in places:
            if tables := begins[word]:
                yield from self._from(text, place, tables)

    def _from(self, text: str, start: int, tables: Sequence[Table]) -> Iterator[tuple[int, int, str, bool]]:
        joined, last = "", start
        best: dict[str, tuple[int, int, str, bool]] = {}
        for count, match in enumerate(islice(_words.finditer(text, start), self._longest), 1):
            if match.start() - last > _GAP:
                break
            last = match.end()
            joined += plain(match.group())
            if count > 1 and _is_asked_for(joined):
                known = self._begins.get(joined)
                tables = [table for table in tables if table in (self._remember(joined) if known is None else known)]
                if not tables:
                    break
            if len(joined) < _LEAST:
                continue
            number = hashed(self._key, joined)
            for table in tables:
                if number in table:
                    sure = count > 1 or any(map(str.isdigit, joined))
                    best[table.data_class] = (start, last, table.data_class, sure)
        yield from best.values()

    def _remember(self, word: str) -> tuple[Table, ...]:
        number = hashed(self._key, word.lower() if word.isascii() else plain(word))
        self._begins[word] = tables = tuple([table for table in self._tables if table.may_begin(number)])
        return tables


def _places(text: str, word: str) -> Iterator[int]:
    """Give where `word` is a word of `text`."""
    place = text.find(word)
    while place >= 0:
        match = _words.match(text, place)
        if match and match.group() == word and not (place and _goes_on(text[place - 1])):
            yield place
        place = text.find(word, place + len(word))


def _goes_on(character: str) -> bool:
    """Say whether a word of which this is a part would go on after it."""
    return character.isalnum() or "\u0300" <= character <= "\u036f"


def plain(text: str) -> str:
    """Return `text` without case, separators, and ways of writing the same letters."""
    if text.isascii():
        return "".join(_words.findall(text)).lower()
    return "".join(_words.findall(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())))


def hashed(key: bytes, text: str) -> int:
    """Return 64 bits of the keyed BLAKE2s (RFC 7693) of a plain text, never 0.

    Of the hashes that need a key it is the fastest to begin anew, and every word of every text is hashed.
    """
    state = _keyed(key).copy()
    state.update(text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(state.digest(), "little") or 1


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> blake2s:
    return blake2s(key=key, digest_size=8)


def build(values: Iterable[str], key: bytes, data_class: str, rows: int = 0) -> tuple[bytes, int]:
    """Return a table as bytes, and how many values were left out because they are too short to tell anything.

    Takes about 170 bytes of memory a value while it works, and makes about 25 of it.
    """
    hashes = array("Q")
    begins: set[str] = set()
    kinds: set[str] = set()
    longest, short = 1, 0
    for value in values:
        words = [plain(word) for word in _words.findall(value)[:LONGEST]]
        joined = "".join(words)
        if len(joined) < _LEAST:
            short += bool(value.strip())
            continue
        kinds.add(_kind(value, words, joined))
        hashes.append(hashed(key, joined))
        begins.update(_begins(words, mail="@" in value))
        if joined.isalpha():
            longest = max(longest, len(words))
            if len(words) in (2, 3) and "@" not in value:  # Anna Lee is also written Lee, Anna
                hashes.append(hashed(key, words[-1] + "".join(words[:-1])))
                begins.update(_begins([words[-1], *words[:-1]], mail=False))
        else:
            longest = LONGEST if any(map(str.isdigit, joined)) else max(longest, len(words))
            begins.update(joined[:length] for length in range(1, _PREFIX + 1))
    slots, count = _slots(hashes)
    bits = _filter(begins, key)
    header = {
        "class": data_class,
        "rows": rows,
        "values": count,
        "longest": longest,
        "patterns": sorted(kinds),
        "filter": len(bits),
        "slots": len(slots),
        "check": hashed(key, f"check {data_class}"),
    }
    return b"".join((MAGIC, json.dumps(header).encode(), b"\n", bits, memoryview(slots).cast("B"))), short


def _begins(words: Sequence[str], *, mail: bool) -> Iterator[str]:
    """Give what a text begins with that has these words, in as many pieces or fewer; nobody joins an e-mail address."""
    joined = ""
    for word in words:
        begun, joined = joined, joined + word
        if not begun or not mail or _is_asked_for(joined):
            yield joined


def _is_asked_for(joined: str) -> bool:
    """Say whether the filter is asked about words that are joined so; in longer numbers nothing is gained by it."""
    return len(joined) <= _PREFIX or joined.isalpha()


def load(raw: bytes | memoryview, key: bytes) -> Table:
    """Return the table in `raw`, which is not copied.

    Raises:
        ValueError: it is no table, is cut short, or was made under another key.

    """
    view = memoryview(raw)
    head = bytes(view[: 1 << 20]).split(b"\n", 2)
    if len(head) < 3 or head[0] + b"\n" != MAGIC:  # noqa: PLR2004  magic, header, rest
        raise ValueError("it is no table of known values")
    header = json.loads(head[1])
    start = len(MAGIC) + len(head[1]) + 1
    slots = start + header["filter"]
    if len(view) != slots + 8 * header["slots"]:
        raise ValueError("it is cut short")
    if header["check"] != hashed(key, f"check {header['class']}"):
        raise ValueError("it was made under another key")
    return Table(
        header["class"],
        header["rows"],
        header["values"],
        tuple(header["patterns"]),
        header["longest"],
        view[start:slots],
        view[slots:].cast("Q"),
    )


def _power(count: int) -> int:
    """Return a power of two that is at least `count`."""
    return 1 << max(6, (max(count, 1) - 1).bit_length())


def _filter(begins: set[str], key: bytes) -> bytes:
    bits = bytearray(2 * _power(len(begins)))  # 16 bits a word, two of them set: one other word in seventy passes
    mask = len(bits) * 8 - 1
    for word in begins:
        number = hashed(key, word)
        for place in (number & mask, (number >> 32) & mask):
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def _slots(hashes: Sequence[int]) -> tuple[array[int], int]:
    slots = array("Q", bytes(16 * _power(len(hashes))))
    mask, count = len(slots) - 1, 0
    for number in hashes:
        place = number & mask
        while (found := slots[place]) and found != number:
            place = (place + 1) & mask
        count += not found
        slots[place] = number
    return slots, count


def _kind(value: str, words: Sequence[str], joined: str) -> str:
    """Return an expression for values of this kind: where in a message one may be at all."""
    if "@" in value:
        return r"\w@\w"
    if joined.isdigit():
        return rf"\d(?:[\W_]{{0,{_GAP}}}\d){{{min(len(joined), 12) - 1}}}"
    if any(map(str.isdigit, joined)):
        return rf"[^\W\d_][\W_]{{0,{_GAP}}}\d|\d[\W_]{{0,{_GAP}}}[^\W\d_]"
    if len(words) > 1:
        return rf"[^\W\d_][\W_]{{1,{_GAP}}}[^\W\d_]"
    return rf"[^\W\d_]{{{min(len(joined), 8)}}}"
