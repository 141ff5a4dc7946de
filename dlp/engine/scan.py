"""One multi-pattern scan for all classifiers. Hyperscan's only home."""

import hashlib
import re
import struct
import tempfile
import unicodedata
import warnings
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from itertools import accumulate
from pathlib import Path
from typing import Any

import hyperscan

from dlp.core.message import Part
from dlp.core.ports import Hit, Pattern

# Python's `re` keeps its parser in a private module; nothing public says whether an expression is anchored or may match
# nothing. A test holds this to what the parser of the running Python gives.
_parser = re._parser  # type: ignore[attr-defined]  # noqa: SLF001

# Characters on which Hyperscan's tables (an older Unicode) and Python's disagree about \d, \w, \s or case, or on
# which Python's `re` and the `regex` module do. Where one occurs, every pattern may match. A test goes through all.
_ODD_CATEGORIES = r"\p{Cn}\p{Co}\p{M}\p{No}\p{Nl}"
_ODD_CHARACTERS = (
    "\x1c-\x1f"  # white space to Python alone
    "\u0130\u0131"  # i with a dot too many or too few
    "\u1885\u1886\u180e\u200c\u200d"
    "\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f"  # connecting punctuation
    "\u24b6-\u24e9\U0001f130-\U0001f189"  # letters in circles and squares
)
_ODD = f"[{_ODD_CHARACTERS}{_ODD_CATEGORIES}]"
_is_odd = re.compile(f"[{_ODD_CHARACTERS}]").match
_NEVER_ODD = ("P", "S", "Z", "Cf")  # of the rest: emoji that are newer than Hyperscan are no letters to anyone

_FORMAT = b"dlp-scan-1"
# What Hyperscan would read otherwise than `re`: POSIX classes, an escaped brace before a comma, flags of `re` alone.
_FOREIGN = re.compile(r"\[[^\]]*\[[:.=]|\\\{,|\\N|\(\?[a-zA-Z]*[aLu]")
_JOINT = "\n"
_CONTINUATIONS = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that begin no character
# DOTALL only adds matches. PREFILTER lets everything through that Hyperscan cannot decide, such as a lookbehind.
_FLAGS = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP | hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_PREFILTER


class Scanner:
    """All plugins' patterns in one database. It may see more than Python's `re` would, never less.

    Not for two threads at once: a second scan while one runs raises.
    """

    def __init__(
        self,
        patterns: Mapping[str, Sequence[Pattern]],
        cache: Path | None = None,
        *,
        enough: Callable[[Pattern], bool] = lambda pattern: pattern.alone is not None,
    ) -> None:
        """Build the database, or read it from `cache`. `enough` says whether a match is by itself a reason to look."""
        self._owners = [(plugin, pattern) for plugin, own in patterns.items() for pattern in own]
        wanted = [
            (index, expression, hyperscan.HS_FLAG_CASELESS if pattern.ignore_case else 0)
            for index, (_, pattern) in enumerate(self._owners)
            if (expression := _translated(pattern)) is not None
        ]
        self._odd = len(self._owners)
        self._database, compiled = _database(wanted, self._odd, cache)
        self._named = frozenset(index for index, (_, pattern) in enumerate(self._owners) if pattern.in_name)
        self._anywhere = [index for index in range(self._odd) if index not in compiled]
        number = {(plugin, pattern.name): index for index, (plugin, pattern) in enumerate(self._owners)}
        # Of each pattern: True where a match is a reason by itself, else the patterns one of which must match too.
        self._reasons: list[bool | frozenset[int]] = [
            True
            if enough(pattern)
            else frozenset(number[plugin, name] for name in pattern.lifted_by if (plugin, name) in number)
            for plugin, pattern in self._owners
        ]
        self._reasons.append(True)
        self.always = any(self._reasons[index] is True for index in self._anywhere)
        self.slow = any(pattern.slow for _, pattern in self._owners)

    def scan(self, surface: bytes) -> bool:
        """Return whether anything in `surface`, which is UTF-8, is a reason to look closer."""
        if self.always:
            return True
        reasons = self._reasons
        seen: list[int] = []

        def note(pattern: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
            seen.append(pattern)
            return reasons[pattern] is True  # True ends the scan

        try:
            self._database.scan(surface, match_event_handler=note)
        except hyperscan.ScanTerminated:
            return True
        together = {*seen, *self._anywhere}
        return any(
            not together.isdisjoint(reason) for index in together if not isinstance(reason := reasons[index], bool)
        )

    def hits(self, parts: Sequence[Part]) -> dict[str, list[Hit]]:
        """Return where each plugin's patterns may match, by part, then by end; plugins without a hit are left out."""
        found: dict[str, list[Hit]] = {}
        owners = self._owners
        hits = set(self._in_texts(parts))
        if self._named:
            hits.update(self._in_names(parts))
        for part, pattern, end in sorted(hits):
            plugin, its = owners[pattern]
            found.setdefault(plugin, []).append(Hit(part, its.name, end))
        return found

    def _in_texts(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int]]:
        """Give (part, pattern, end) of the patterns that are looked for in texts."""
        texts = [(index, part.text) for index, part in enumerate(parts) if part.text]
        everything = [pattern for pattern in range(self._odd) if pattern not in self._named]
        anywhere = [pattern for pattern in self._anywhere if pattern not in self._named]
        for place, pattern, end in self._matches([text for _, text in texts]):
            if pattern == self._odd:
                yield from ((texts[place][0], one, -1) for one in everything)
            elif pattern not in self._named:
                yield texts[place][0], pattern, end
        for index, _ in texts:
            for pattern in anywhere:
                yield index, pattern, -1

    def _in_names(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int]]:
        """Give (part, pattern, -1) of the patterns that are looked for in names."""
        by_name: dict[str, list[int]] = {}
        for index, part in enumerate(parts):
            if part.name and part.text:
                by_name.setdefault(part.name, []).append(index)
        names = list(by_name)
        for place, pattern, _ in self._matches(names):
            for one in self._named if pattern == self._odd else (pattern,):
                if one in self._named:
                    yield from ((index, one, -1) for index in by_name[names[place]])
        for pattern in self._named.intersection(self._anywhere):
            yield from ((index, pattern, -1) for indices in by_name.values() for index in indices)

    def _matches(self, texts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """Give (text, pattern, end) of every match, the pattern past the last for a text in which all may match."""
        try:
            # One scan of all texts joined costs a fraction of one scan each. A match across a joint is one too many.
            joined = _JOINT.join(texts).encode()
        except UnicodeEncodeError:  # a lone surrogate, as in JSON's "\ud800", has no UTF-8
            yield from ((place, self._odd, -1) for place, text in enumerate(texts) if not _has_utf8(text))
            texts = [text if _has_utf8(text) else "" for text in texts]
            joined = _JOINT.join(texts).encode()
        ends: list[tuple[int, int]] = []
        self._database.scan(
            joined, match_event_handler=lambda pattern, _start, end, _flags, _context: ends.append((end, pattern))
        )
        if not ends:
            return
        ends.sort()
        if not joined.isascii():
            ends = _in_code_points(joined, ends)
        starts = [0, *accumulate(len(text) + len(_JOINT) for text in texts)]
        for end, pattern in ends:
            place = bisect_right(starts, end - 1) - 1
            inside = end - starts[place]
            if inside > len(texts[place]):
                continue  # it ends in a joint
            if pattern != self._odd or _matters(texts[place][inside - 1]):
                yield place, pattern, inside


def _translated(pattern: Pattern) -> str | None:
    r"""Return the expression as Hyperscan reads it, or None where it may match anywhere.

    That is so where it is anchored (`^`, `$`, `\A`, `\Z`: a surface has no such places), may match nothing, or says
    something that Hyperscan would read otherwise than `re`.
    """
    expression = pattern.expression
    if _FOREIGN.search(expression):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(expression, re.IGNORECASE if pattern.ignore_case else 0)
    except (re.error, RecursionError, OverflowError):
        return None
    if tree.getwidth()[0] == 0 or _is_anchored(tree):
        return None
    if not expression.isascii() or r"\u" in expression or r"\U" in expression or r"\x" in expression:
        folds = pattern.ignore_case or "(?i" in expression or "i:" in expression
        if folds and _has_case_beyond_ascii(tree):
            return None
    expression = re.sub(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})", r"\1\\x{\2}", expression)
    expression = re.sub(r"(?<!\\)((?:\\\\)*)\\U([0-9a-fA-F]{8})", r"\1\\x{\2}", expression)
    return re.sub(r"\{,(?=\d)", "{0,", expression)  # PCRE takes {,3} for text


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Give every (operation, argument) of a parsed expression."""
    if isinstance(tree, _parser.SubPattern):
        tree = list(tree)
    if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[0], type(_parser.AT)):  # noqa: PLR2004
        yield tree
        yield from _nodes(tree[1])
    elif isinstance(tree, list | tuple):
        for node in tree:
            yield from _nodes(node)


def _is_anchored(tree: object) -> bool:
    boundaries = (_parser.AT_BOUNDARY, _parser.AT_NON_BOUNDARY)
    return any(operation is _parser.AT and argument not in boundaries for operation, argument in _nodes(tree))


def _has_case_beyond_ascii(tree: object) -> bool:
    """Say whether a letter outside ASCII that has a case is named, by itself or by a range that could hold one."""
    ranges = [argument for operation, argument in _nodes(tree) if operation is _parser.RANGE]
    ranges += [(code, code) for operation, code in _nodes(tree) if operation in (_parser.LITERAL, _parser.NOT_LITERAL)]
    return any(
        chr(code).lower() != chr(code).upper() for low, high in ranges for code in range(max(low, 0x80), high + 1)
    )


def _matters(character: str) -> bool:
    """Say whether an odd character may make a pattern match that Hyperscan does not see matching."""
    return _is_odd(character) is not None or not unicodedata.category(character).startswith(_NEVER_ODD)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_code_points(joined: bytes, ends: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ends, given in bytes and in order, counted in code points.

    Of an approximated expression Hyperscan also reports ends inside a character; they count as the character's end.
    """
    counted = []
    done, points = 0, 0
    for end, pattern in ends:
        if end > done:
            points += len(joined[done:end].translate(None, _CONTINUATIONS))
            done = end
        counted.append((points, pattern))
    return counted


def _database(
    wanted: Sequence[tuple[int, str, int]], odd: int, cache: Path | None
) -> tuple[hyperscan.Database, frozenset[int]]:
    """Return the database of all patterns that Hyperscan can compile, and their numbers."""
    digest = _digest(wanted, odd)
    place = cache / f"scan-{digest.hex()[:32]}.db" if cache else None
    if place and (kept := _load(place, digest)):
        return kept
    try:
        compiled = list(wanted)
        database = _compiled(compiled, odd)
    except hyperscan.HyperscanError:  # it does not say which one it was
        compiled = [one for one in wanted if _compiles(one)]
        database = _compiled(compiled, odd)
    numbers = [number for number, _, _ in compiled]
    if place:
        _keep(place, digest, database, numbers)
    return database, frozenset(numbers)


def _digest(wanted: Sequence[tuple[int, str, int]], odd: int) -> bytes:
    """Return what two databases share only if they are the same."""
    described = repr((_FORMAT, metadata.version("hyperscan"), _ODD, odd, wanted))
    return hashlib.sha256(described.encode()).digest()


def _compiled(wanted: Sequence[tuple[int, str, int]], odd: int) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode() for _, expression, _ in wanted] + [_ODD.encode()],
        ids=[number for number, _, _ in wanted] + [odd],
        flags=[flag | _FLAGS for _, _, flag in wanted] + [_FLAGS],
    )
    return database


def _compiles(one: tuple[int, str, int]) -> bool:
    number, expression, flag = one
    try:
        hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK).compile(
            expressions=[expression.encode()], ids=[number], flags=[flag | _FLAGS]
        )
    except hyperscan.HyperscanError:
        return False
    return True


def _keep(place: Path, digest: bytes, database: hyperscan.Database, numbers: Sequence[int]) -> None:
    """Write the database down for the next start; where that fails, the next start builds it again."""
    content = struct.pack("<Q", len(numbers)) + array("Q", numbers).tobytes() + hyperscan.dumpb(database)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(hashlib.sha256(digest + content).digest() + content)
        Path(file.name).replace(place)
    except OSError:
        return


def _load(place: Path, digest: bytes) -> tuple[hyperscan.Database, frozenset[int]] | None:
    """Return what was kept, or None where nothing is there, or not what was written, or not for this processor."""
    try:
        body = place.read_bytes()
    except OSError:
        return None
    sealed, content = body[:32], body[32:]
    if hashlib.sha256(digest + content).digest() != sealed:
        return None
    (count,) = struct.unpack_from("<Q", content)
    start = 8 + 8 * count
    try:
        database = hyperscan.loadb(content[start:], hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError:
        return None
    return database, frozenset(array("Q", content[8:start]))
