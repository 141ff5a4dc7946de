"""One multi-pattern scan for all classifiers. Hyperscan's only home.

Longer than most modules because what is compiled, cached and scanned must be the same set of patterns.
"""

import hashlib
import re
import struct
import tempfile
import unicodedata
import warnings
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import hyperscan
import numpy as np
from numpy.typing import NDArray

from dlp.core.message import Part
from dlp.core.ports import Hit, Pattern
from dlp.engine.stretches import pieces

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
_ODD_ASCII = "[\x1c-\x1f]"
_is_odd = re.compile(f"[{_ODD_CHARACTERS}]").match
_NEVER_ODD = ("P", "S", "Z", "Cf")  # of the rest: emoji that are newer than Hyperscan are no letters to anyone

_FORMAT = b"dlp-scan-2"
# What Hyperscan would read otherwise than `re`: POSIX classes, an escaped brace before a comma, flags of `re` alone.
_FOREIGN = re.compile(r"\[[^\]]*\[[:.=]|\\\{,|\\N|\(\?[a-zA-Z]*[aLu]")
_BEYOND = re.compile(r"\\x\{|\\x[89a-fA-F]|\\[pP]")
_FIGURES = b"0123456789"
_CONTINUATIONS = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that begin no character
_DIGITS = bytes(byte in b"0123456789\xd9\xdb\xdf\xe0\xe1\xea\xef\xf0" for byte in range(256))
"""Translates to 1 what may begin a digit of any script in UTF-8, and all else to 0."""
# DOTALL only adds matches. PREFILTER lets everything through that Hyperscan cannot decide, such as a lookbehind.
_FLAGS = hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_PREFILTER
_UNICODE = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP
_ONCE = hyperscan.HS_FLAG_SINGLEMATCH

SHORT = 2000
"""Texts up to this many characters are short: where in them a pattern matches need not be known."""

_NAMES, _LONGEST_NAME, _LONGEST_WORD = 8192, 200, 24

_GLANCED_FROM = 64 * 1024  # bytes of a surface; below, two scans cost more than one
_STRIPES, _MANY = (
    2,
    32,
)  # so many patterns, of a hundred, are found in a third of the time by two scans for half of them
_DENSE = 8  # a text in which one byte in so many is a digit is looked through as a whole
_NEAR = 48  # characters: patterns that need a digit and are no longer are looked for around digits only
_MOSTLY = 2  # where more than one in so many bytes is near a digit, a scan of all of them costs less


class Scanner:
    """All plugins' patterns in one scan. It may see more than Python's `re` would, never less.

    Patterns that `wanted` does not name are compiled all the same, and their matches dropped: what is compiled, which
    takes seconds, depends on the plugins alone, and a policy that asks for other classes finds it in `cache`.

    Not for two threads at once: a second scan while one runs raises.
    """

    def __init__(
        self,
        patterns: Mapping[str, Sequence[Pattern]],
        cache: Path | None = None,
        *,
        enough: Callable[[Pattern], bool] = lambda pattern: pattern.alone is not None,
        wanted: Callable[[Pattern], bool] = lambda _pattern: True,
    ) -> None:
        """Build the databases, or read them from `cache`; `enough` says if a match is by itself a reason to look."""
        owners = [(plugin, pattern) for plugin, own in patterns.items() for pattern in own]
        self._names = [(plugin, pattern.name) for plugin, pattern in owners]
        self._odd = odd = len(owners)
        self._somewhere = frozenset(number for number, (_, pattern) in enumerate(owners) if pattern.somewhere)
        self._compiled = compiled = _Compiled(owners, cache)
        asked = [wanted(pattern) for _, pattern in owners]
        self._anywhere = [number for number in range(odd) if asked[number] and number not in compiled.numbers]
        # What a match in a text or in a name stands for: the pattern, every pattern (an odd character), or nothing.
        in_texts = [number for number in range(odd) if asked[number] and not owners[number][1].in_name]
        in_names = [number for number in range(odd) if asked[number] and owners[number][1].in_name]
        self._in_texts = {number: (number,) for number in in_texts} | {odd: tuple(in_texts)}
        self._in_names = {number: (number,) for number in in_names} | {odd: tuple(in_names)}
        self._of_name: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._nothing_in: set[str] = set()
        number_of = {(plugin, pattern.name): number for number, (plugin, pattern) in enumerate(owners)}
        # Of each pattern: True where a match is a reason by itself, else the patterns one of which must match too.
        self._reasons: list[bool | frozenset[int]] = [
            (
                True
                if enough(pattern)
                else frozenset(number_of[plugin, name] for name in pattern.lifted_by if (plugin, name) in number_of)
            )
            if asked[number]
            else frozenset()
            for number, (plugin, pattern) in enumerate(owners)
        ]
        self._reasons.append(True)
        # A large text is looked through for most patterns around its digits only, for these everywhere in it, and for
        # what is a reason beside another alone where that other was seen.
        alone = {number for number in range(odd) if self._reasons[number]}
        far = sorted({number for number in alone if not _is_near_digits(owners[number][1])} | {odd})
        stripes = _STRIPES if len(far) >= _MANY else 1
        self._far = tuple(frozenset(far[first::stripes]) for first in range(stripes))
        lifting = frozenset[int]().union(*(r for r in self._reasons if not isinstance(r, bool)))
        self._lifting = lifting - alone
        # What can be, or make, a reason, by whether all that it matches holds a digit. Looking for these apart, and for
        # nothing else, takes half the time.
        matter = frozenset({odd} | alone | lifting)
        self._with_digit = frozenset(n for n in matter - {odd} if _holds_digit(owners[n][1]))
        self._without = matter - self._with_digit
        self._narrow: tuple[hyperscan.Database, hyperscan.Database | None] | None = None
        self.always = any(self._reasons[number] is True for number in self._anywhere)
        self.slow = any(pattern.slow for (_, pattern), is_asked in zip(owners, asked, strict=True) if is_asked)

    def narrow(self) -> None:
        """Have at hand what short texts are looked through for most quickly; without that, it takes them twice as long.

        To compile it takes a second, where no cache has it. Another thread may do so.
        """
        with_digit = self._compiled.some(self._with_digit, b"") if self._with_digit else None
        self._narrow = self._compiled.some(self._without, b""), with_digit

    def scan(self, surface: bytes, *, apart: bool = False) -> bool:
        """Return whether anything in `surface`, which is UTF-8, is a reason to look closer.

        One other thread at a time may scan too, if it says so by `apart`.
        """
        if self.always:
            return True
        seen: list[int] = []
        reasons = self._reasons

        def note(pattern: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
            seen.append(pattern)
            return reasons[pattern] is True  # True ends the scan

        compiled = self._compiled
        near = _near_digits(surface) if len(surface) > _GLANCED_FROM else None
        if near is not None:
            surfaces = [(compiled.some(numbers, surface), surface) for numbers in self._far]
            surfaces.append((compiled.once(near), near))
        elif self._narrow is not None and surface.isascii():
            without, with_digit = self._narrow
            surfaces = [(without, surface)]
            if with_digit is not None and len(surface.translate(None, _FIGURES)) != len(surface):
                surfaces.append((with_digit, surface))
        else:
            surfaces = [(compiled.once(surface), surface)]
        for database, given in surfaces:
            if compiled.run(database, given, note, apart=apart):
                return True
        if near is not None and any(reasons[number] for number in seen):
            compiled.run(compiled.some(self._lifting, surface), surface, note, apart=apart)
        if not (seen or self._anywhere):
            return False
        together = {*seen, *self._anywhere}
        return any(
            not together.isdisjoint(reason) for number in together if not isinstance(reason := reasons[number], bool)
        )

    def hits(self, parts: Sequence[Part]) -> dict[str, list[Hit]]:
        """Return where each plugin's patterns may match, by part, then by end; plugins without a hit are left out.

        In a short text a pattern is named once, ending at -1: whoever looks closer looks at all of it.
        """
        found: dict[str, list[Hit]] = {}
        names = self._names
        for part, pattern, end in self._all(parts):
            plugin, name = names[pattern]
            if plugin in found:
                found[plugin].append(Hit(part, name, end))
            else:
                found[plugin] = [Hit(part, name, end)]
        return found

    def _all(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int]]:
        """Give (part, pattern, end) of all matches, by part, then by end."""
        of_text: dict[str, list[tuple[int, int]]] = {}
        anywhere = [(-1, number) for number in self._anywhere if number in self._in_texts]
        for index, part in enumerate(parts):
            text = part.text
            if not text:
                continue
            ends = of_text.get(text)
            if ends is None:
                ends = of_text[text] = [] if text in self._nothing_in else self._in_text(text)
                if anywhere:
                    ends[:] = sorted({*ends, *anywhere})
            for end, pattern in ends:
                yield index, pattern, end
            if self._in_names and part.name:
                for pattern in self._patterns_of_name(part.name):
                    yield index, pattern, -1

    def _in_text(self, text: str) -> list[tuple[int, int]]:
        """Return (end, pattern) of all matches in a text, in order."""
        known = self._in_texts
        try:
            surface = text.encode()
        except UnicodeEncodeError:  # a lone surrogate, as in JSON's "\ud800", has no UTF-8
            return [(-1, number) for number in known[self._odd]]
        if len(text) <= SHORT:
            seen: list[int] = []
            self._compiled.once(surface).scan(surface, match_event_handler=_note, context=seen)
            if not seen:
                self._remember_nothing_in(text)
                return []
            if self._odd in seen and any(map(_matters, text)):
                return [(-1, number) for number in known[self._odd]]
            return [(-1, number) for number in sorted(set(seen)) if number in known and number != self._odd]
        ends: list[tuple[int, int]] = []
        self._compiled.all(surface).scan(surface, match_event_handler=_note_end, context=ends)
        ends = [(end if number not in self._somewhere else -1, number) for end, number in ends if number in known]
        ends.sort()
        if len(surface) != len(text):
            ends = sorted(set(_in_code_points(surface, ends)))
        if any(number == self._odd and _matters(text[end - 1]) for end, number in ends):
            return [(-1, number) for number in known[self._odd]]
        return [(end, number) for end, number in ends if number != self._odd]

    def _remember_nothing_in(self, text: str) -> None:
        """Keep in mind that nothing matches in a short text: keys, states and units come again and again."""
        if len(text) <= _LONGEST_WORD:
            if len(self._nothing_in) >= _NAMES:
                self._nothing_in.clear()
            self._nothing_in.add(text)

    def _patterns_of_name(self, name: str) -> tuple[int, ...]:
        """Return the patterns that may match in a name. Names come again and again: short ones are remembered."""
        kept = self._of_name.get(name)
        if kept is not None:
            return kept
        known = self._in_names
        seen: list[int] = [number for number in self._anywhere if number in known]
        try:
            surface = name.encode()
        except UnicodeEncodeError:
            seen.append(self._odd)
        else:
            self._compiled.once(surface).scan(surface, match_event_handler=_note, context=seen)
        found = tuple(sorted({one for number in seen for one in known.get(number, ())}))
        if len(name) <= _LONGEST_NAME:
            self._of_name[name] = found
            if len(self._of_name) > _NAMES:
                self._of_name.popitem(last=False)
        return found


def _note(pattern: int, _start: int, _end: int, _flags: int, seen: Any) -> None:
    seen.append(pattern)


def _note_end(pattern: int, _start: int, end: int, _flags: int, ends: Any) -> None:
    ends.append((end, pattern))


class _Compiled:
    """The databases of a set of patterns.

    One is for any UTF-8; two are for text that is ASCII, which most is and whose automata are a third as large. Of
    these one says only once that a pattern matches, which spares a call into Python for every further match. What
    Hyperscan compiles for one but not for another may match anywhere.
    """

    def __init__(self, owners: Sequence[tuple[str, Pattern]], cache: Path | None) -> None:
        odd = len(owners)
        told = [
            (number, expression, hyperscan.HS_FLAG_CASELESS if pattern.ignore_case else 0)
            for number, (_, pattern) in enumerate(owners)
            if (expression := _translated(pattern)) is not None
        ]
        once = frozenset(number for number, (_, pattern) in enumerate(owners) if pattern.somewhere or pattern.in_name)
        told = [
            (number, expression, flags | (hyperscan.HS_FLAG_SINGLEMATCH if number in once else 0))
            for number, expression, flags in told
        ]
        unicode = [(number, expression, flags | _UNICODE) for number, expression, flags in (*told, (odd, _ODD, 0))]
        ascii_ = [
            (number, expression, flags | (0 if _is_ascii(expression) else hyperscan.HS_FLAG_UTF8))
            for number, expression, flags in (*told, (odd, _ODD_ASCII, 0))
        ]
        self._all, numbers = _database(unicode, 0, cache)
        # What one cannot compile may match anywhere in all of them.
        ascii_ = [one for one in ascii_ if one[0] in numbers]
        self._ascii_all, own = _database(ascii_, 0, cache)
        ascii_ = [one for one in ascii_ if one[0] in own]
        self._ascii_once, numbers = _database(ascii_, _ONCE, cache)
        self.numbers = numbers - {odd}
        self._compiled = numbers
        self._told, self._told_ascii, self._cache = unicode, ascii_, cache
        self._some: dict[tuple[frozenset[int], bool], hyperscan.Database] = {}
        self._apart: dict[int, hyperscan.Scratch] = {}

    def run(
        self,
        database: hyperscan.Database,
        surface: bytes,
        note: Callable[[int, int, int, int, object], bool],
        *,
        apart: bool,
    ) -> bool:
        """Scan, in the memory of the other thread if `apart`; return whether `note` ended it."""
        try:
            if apart:
                database.scan(surface, match_event_handler=note, scratch=self.scratch_apart(database))
            else:
                database.scan(surface, match_event_handler=note)
        except hyperscan.ScanTerminated:
            return True
        return False

    def some(self, numbers: frozenset[int], surface: bytes) -> hyperscan.Database:
        """Return what reports some of the patterns, each at most once; it is built when first asked for."""
        is_ascii = surface.isascii()
        kept = self._some.get((numbers, is_ascii))
        if kept is None:
            told = self._told_ascii if is_ascii else self._told
            wanted = [one for one in told if one[0] in numbers and one[0] in self._compiled]
            kept, compiled = _database(wanted, _ONCE, self._cache)
            if len(compiled) < len(wanted):  # what compiles with all the others should without them, too
                kept = self.once(surface)
            self._some[numbers, is_ascii] = kept
        return kept

    def once(self, surface: bytes) -> hyperscan.Database:
        """Return what reports each pattern at most once, as far as the text is ASCII."""
        return self._ascii_once if surface.isascii() else self._all

    def scratch_apart(self, database: hyperscan.Database) -> hyperscan.Scratch:
        """Return the memory in which another thread may scan."""
        kept = self._apart.get(id(database))
        if kept is None:
            kept = self._apart[id(database)] = hyperscan.Scratch(database)
        return kept

    def all(self, surface: bytes) -> hyperscan.Database:
        """Return what reports every end of every match."""
        return self._ascii_all if surface.isascii() else self._all


def _is_near_digits(pattern: Pattern) -> bool:
    """Say whether all that the pattern matches holds a digit and is short."""
    tree = _parsed(pattern)
    return tree is not None and bool(tree.getwidth()[1] <= _NEAR) and _needs_digit(tree)


def _holds_digit(pattern: Pattern) -> bool:
    """Say whether all that the pattern matches holds a digit, however long it is."""
    tree = _parsed(pattern)
    return tree is not None and _needs_digit(tree)


def _parsed(pattern: Pattern) -> Any:
    """Return the expression as `re` takes it apart, None where Hyperscan is not given it."""
    if _translated(pattern) is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _parser.parse(pattern.expression, re.IGNORECASE if pattern.ignore_case else 0)


def _needs_digit(tree: Any) -> bool:
    """Return whether whatever a parsed expression matches holds a digit."""
    return any(_is_digit(operation, argument) for operation, argument in tree)


def _is_digit(operation: Any, argument: Any) -> bool:
    if operation is _parser.LITERAL:
        found = ord("0") <= argument <= ord("9")
    elif operation is _parser.IN:
        found = all(_is_digits(*each) for each in argument)
    elif operation is _parser.BRANCH:
        found = all(map(_needs_digit, argument[1]))
    elif operation in (_parser.MAX_REPEAT, _parser.MIN_REPEAT, _parser.POSSESSIVE_REPEAT):
        found = argument[0] > 0 and _needs_digit(argument[2])
    elif operation is _parser.SUBPATTERN:
        found = _needs_digit(argument[-1])
    else:
        found = operation is _parser.ATOMIC_GROUP and _needs_digit(argument)
    return bool(found)


def _is_digits(operation: Any, argument: Any) -> bool:
    r"""Say whether one member of a class names digits alone; `\d` names those of other scripts as well."""
    if operation is _parser.RANGE:
        return bool(ord("0") <= argument[0] <= argument[1] <= ord("9"))
    return (operation is _parser.CATEGORY and argument is _parser.CATEGORY_DIGIT) or (
        operation is _parser.LITERAL and _is_digit(operation, argument)
    )


def _near_digits(surface: bytes) -> bytes | None:
    """Return what stands around the digits of a text, with a line end between; None where that is most of it."""
    places, count = list[NDArray[np.int64]](), 0
    for start, marks in pieces(surface, _DIGITS, 0):
        places.append(np.flatnonzero(marks) + start)
        count += len(places[-1])
        if count * _DENSE > len(surface):  # the places of so many would take many times the text's memory
            return None
    if not count:
        return b""
    found = np.concatenate(places)
    reach = (_NEAR + 2) * (1 if surface.isascii() else 4)  # and what stands beside a match: it may have to be no word
    last = np.flatnonzero(np.diff(found) > 2 * reach)
    starts = np.maximum(found[np.concatenate(([0], last + 1))] - reach, 0)
    ends = np.minimum(found[np.concatenate((last, [len(found) - 1]))] + reach, len(surface))
    if int((ends - starts).sum()) * _MOSTLY > len(surface):
        return None
    return b"\n".join([surface[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])


def _is_ascii(expression: str) -> bool:
    """Say whether an expression names no character beyond ASCII, which byte by byte could not be read."""
    return expression.isascii() and not _BEYOND.search(expression)


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


def _in_code_points(joined: bytes, ends: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ends, given in bytes and in order, counted in code points.

    Of an approximated expression Hyperscan also reports ends inside a character; they count as the character's end.
    """
    counted = []
    done, points = 0, 0
    for end, pattern in ends:
        if end < 0:
            counted.append((end, pattern))
            continue
        if end > done:
            points += len(joined[done:end].translate(None, _CONTINUATIONS))
            done = end
        counted.append((points, pattern))
    return counted


def _database(
    wanted: Sequence[tuple[int, str, int]], flags: int, cache: Path | None
) -> tuple[hyperscan.Database, frozenset[int]]:
    """Return the database of all of (number, expression, flags) that Hyperscan can compile, and their numbers."""
    wanted = [(number, expression, own | flags | _FLAGS) for number, expression, own in wanted]
    digest = _digest(wanted)
    place = cache / f"scan-{digest.hex()[:32]}.db" if cache else None
    if place and (kept := _load(place, digest)):
        return kept
    try:
        database = _compile(wanted)
    except hyperscan.HyperscanError:  # it does not say which one it was
        wanted = [one for one in wanted if _compiles(one)]
        database = _compile(wanted)
    numbers = [number for number, _, _ in wanted]
    if place:
        _keep(place, digest, database, numbers)
    return database, frozenset(numbers)


def _digest(wanted: Sequence[tuple[int, str, int]]) -> bytes:
    """Return what two databases share only if they are the same."""
    described = repr((_FORMAT, metadata.version("hyperscan"), list(wanted)))
    return hashlib.sha256(described.encode()).digest()


def _compile(wanted: Sequence[tuple[int, str, int]]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode() for _, expression, _ in wanted],
        ids=[number for number, _, _ in wanted],
        flags=[flags for _, _, flags in wanted],
    )
    return database


def _compiles(one: tuple[int, str, int]) -> bool:
    try:
        _compile([one])
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
