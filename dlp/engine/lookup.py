"""Looking for the values of one session in texts: as they are, and in any form that says the same.

A value folds to its letters and digits; so does the text, and one pass over it finds what is written in other case,
with other separators or with look-alikes, forwards, backwards and moved by half the alphabet. Forms of four to seven
characters count only as words of their own; what is shorter, or a common word, only as a whole part. Longer than most
modules because what is put into the index and how it is found there are one subject.
"""

import binascii
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise

from dlp.engine import facts
from dlp.engine.bloom import Bloom
from dlp.engine.folding import places, rot13, skeleton, spaced
from dlp.engine.forms import ANYWHERE, OVERLAP, PART, SHORTEST, Form, forms
from dlp.engine.matching import COMMON, Index, fold, stands_alone, whole_only
from dlp.engine.vault import Known

IN_PLACE = frozenset(
    {"exact", "whole", "separators", "look-alikes", "reversed", "rot13", "words", "spelled", "name", "phone"}
    | {"amount", "date", PART, OVERLAP}
)
"""The forms in which a value stands in a text as it is, so that it can be rewritten there."""

_SEPARATOR = "\0"  # between texts that are looked at together: neither a letter nor a digit, and rare
_MOST_SHARING = 64  # values behind one gram; what would be one more is carried by the session instead
_ALL_FORMS = 20_000  # values; of further ones only those forms are known that fold to the same: memory is bounded
_FEW_PIECES = 256  # beyond, pieces make short values by chance
_FEW = 64  # short values: with more of them, pieces of other numbers would make one by chance too often
_WIDE_GAP = " " * 7
_LONG = 12  # folded letters that are no chance piece of other words
_CUE = re.compile(
    r"(?:last|ends?|ending|final|tail|letzte|suffix|\bin|four|4|digits|ssn|card|acct|account|iban|no|nr|number|[*x\u2022#.-]{2,}|\u2026)"
    r"[\W_]*\Z",
    re.IGNORECASE,
)
_EDGES = ("", _SEPARATOR, '"')
_YEAR = re.compile(r"(?:19|20)\d\d")
_SINGLES = re.compile(r"(?<![^ ])[^ ](?: +[^ ](?![^ ])){3,6}(?! +[^ ](?![^ ]))")


@dataclass(frozen=True, slots=True)
class Match:
    """A known value at code points `start` to `end` of a text, half-open, and the form it was found in."""

    start: int
    end: int
    known: Known
    form: str = "exact"


class _Entry:
    """One folded form of a value, where its anchor is in it, and the next one with the same anchor, of `sharing` ones.

    A chain rather than a list, and no dataclass: there are many, and the collector walks all that they are made of.
    """

    __slots__ = ("at", "form", "known", "next", "sharing", "text")

    def __init__(self, text: str, known: Known, form: Form | None = None) -> None:
        self.text = text
        self.known: Known | None = known
        self.form = form  # None: the value itself
        self.at = 0
        self.sharing = 1
        self.next: _Entry | None = None


class Lookup:
    """The values of one session, ready to be looked for. Adding is linear in a value, finding in the text.

    Each form is anchored by one stretch of eight characters, the one that fewest others share, so that a million
    near-identical values do not pile up on one. `crowded` are values for which there was no room: they cannot be looked
    for.
    """

    def __init__(self) -> None:
        self.crowded: list[Known] = []
        self._added = 0
        self._whole: dict[str, Known] = {}
        self._symbols = Index()
        self._words: dict[str, list[_Entry]] = {}
        self._grams: dict[str, _Entry] = {}
        self._bloom = Bloom()
        self._joined: dict[str, list[_Entry]] = {}
        self._parts: dict[tuple[str, bool], _Entry] = {}
        self._cued: dict[str, list[_Entry]] = {}
        self._numbers: dict[str, list[Known]] = {}
        self._dates: dict[str, list[Known]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._whole or self._words or self._grams or self._symbols or self._cued)

    # --- what is looked for -------------------------------------------------------------------------------------------

    def add(self, known: Known) -> None:
        """Look for a value from now on."""
        value = known.text
        if whole_only(value):
            self._whole[fold(value)] = known
            return
        folded = skeleton(value)
        if len(folded) < SHORTEST or len(folded) * 2 < len(value) or (len(folded) < ANYWHERE and not value.isalnum()):
            self._symbols.add(known)  # what folding would leave of it says too little
        if len(folded) < SHORTEST or folded in COMMON:
            return
        self._put(_Entry(folded, known))
        for number in facts.number_of(value):
            self._numbers.setdefault(number, []).append(known)
        for date in facts.date_of(value):
            self._dates.setdefault(date, []).append(known)
        self._added += 1
        for form in forms(value) if self._added <= _ALL_FORMS else ():
            if form.text != folded or form.national:
                self._put_form(_Entry(form.text, known, form))

    def _put_form(self, entry: _Entry) -> None:
        form = entry.form
        if form is None or entry.text in COMMON:
            return
        if form.cued:
            self._cued.setdefault(entry.text, []).append(entry)
            return
        if form.name in (PART, OVERLAP):
            first = self._parts.setdefault((entry.text, form.joined), entry)
            if first is not entry:  # what several values have in common tells none of them
                if first.known is not None and entry.known is not None and first.known.text != entry.known.text:
                    first.known = None
                return
        self._put(entry)

    def _put(self, entry: _Entry) -> None:
        text = entry.text
        if entry.form is not None and entry.form.joined and len(text) < ANYWHERE:
            self._joined.setdefault(text, []).append(entry)
            return
        if len(text) < ANYWHERE:
            self._words.setdefault(text, []).append(entry)
            return
        table = self._grams
        best, place = _MOST_SHARING, -1
        for at in range(len(text) - ANYWHERE + 1):
            sharing = table.get(text[at : at + ANYWHERE])
            if sharing is None:
                place = at
                break
            if sharing.sharing < best:
                best, place = sharing.sharing, at
        if place < 0:
            if entry.known is not None and entry.form is None:
                self.crowded.append(entry.known)
            return
        gram, entry.at = text[place : place + ANYWHERE], place
        entry.next = table.get(gram)
        table[gram] = entry
        if entry.next is None:
            self._bloom.add(gram)
        else:
            entry.sharing = entry.next.sharing + 1

    # --- whole parts --------------------------------------------------------------------------------------------------

    @property
    def wholes(self) -> bool:
        """Whether some values are followed as whole parts only, so that parts must be looked at one by one."""
        return bool(self._whole)

    def whole(self, text: str) -> Known | None:
        """Return the value that is followed as a whole part only and is this part, in a form of its own."""
        if len(text) > _WHOLE_TO or not self._whole:
            return None
        known = self._whole.get(fold(text))
        if known is not None:
            return known
        return next((found for each in _readings(text) if (found := self._whole.get(each)) is not None), None)

    # --- inside texts -------------------------------------------------------------------------------------------------

    def find_in(self, texts: Sequence[str]) -> Iterator[tuple[int, Match]]:
        """Give every known value inside these texts, with the text's number: one pass over all is what costs least."""
        plain = [number for number, text in enumerate(texts) if text.isascii()]
        if len(plain) == len(texts):
            yield from self._find_in(texts)
            return
        # What is not ASCII costs many times as much: it does not make the rest do so.
        for some in (plain, [number for number, text in enumerate(texts) if not text.isascii()]):
            for at, match in self._find_in([texts[number] for number in some]):
                yield some[at], match

    def _find_in(self, texts: Sequence[str]) -> Iterator[tuple[int, Match]]:
        if not texts:
            return
        joined = texts[0] if len(texts) == 1 else _SEPARATOR.join(texts)
        found = list(self._find(joined))
        if found:
            starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
            for match in _widest(found):
                number = bisect_right(starts, match.start) - 1
                start, end = match.start - starts[number], match.end - starts[number]
                if end <= len(texts[number]):
                    yield number, Match(start, end, match.known, match.form)

    def find(self, text: str) -> list[Match]:
        """Return every known value inside `text`, in the order of their starts; they may overlap."""
        return sorted((match for _, match in self.find_in([text])), key=lambda match: (match.start, -match.end))

    def _find(self, text: str) -> Iterator[Match]:
        if self._symbols:
            yield from (Match(each.start, each.end, each.known) for each in self._symbols.find(text))
        if self._grams:
            yield from self._anywhere(text)
        if self._words or self._cued:
            yield from self._as_words(text)
        if self._numbers:
            yield from _by_fact(facts.numbers_in(text), self._numbers, "amount")
        if self._dates:
            yield from _by_fact(facts.dates_in(text), self._dates, "date")

    def _anywhere(self, text: str) -> Iterator[Match]:
        folded = skeleton(text)
        size = len(folded)
        at: Sequence[int] | None = None
        for turned, start, entry in self._anchored(folded):
            known, length = entry.known, len(entry.text)
            if known is None or (entry.form is not None and (entry.form.joined or (turned and not _turns(entry.form)))):
                continue
            if at is None:
                at = places(text)
            begin = size - start - length if turned == "reversed" else start
            first, last = at[begin], at[begin + length - 1]
            yield from self._judged(text, first, last + 1, entry, known, turned)

    def _anchored(self, folded: str) -> Iterator[tuple[str, int, _Entry]]:
        """Give how the text was turned, where an entry begins in it so, and the entry."""
        table = self._grams
        views = _turned(folded)
        for position in self._bloom.candidates(_SEPARATOR.join(views), table):
            number, start = divmod(position, len(folded) + 1)
            turned, view = _TURNED[number], views[number]
            entry = table.get(view[start : start + ANYWHERE])
            while entry is not None:
                begin = start - entry.at
                if begin >= 0 and view.startswith(entry.text, begin):
                    yield turned, begin, entry
                entry = entry.next

    def _judged(self, text: str, start: int, end: int, entry: _Entry, known: Known, turned: str) -> Iterator[Match]:
        """Give the match at `start:end` if what is written there can be meant as the value."""
        written = text[start:end]
        if entry.form is None and not turned:
            value = fold(known.text)
            lead = value.find(fold(written)[:1])
            begin = start - max(lead, 0)
            if begin >= 0 and fold(text[begin : begin + len(value)]) == value:
                if stands_alone(value, text, begin):
                    yield Match(begin, begin + len(value), known)
                return
        if _SEPARATOR in written and _SEPARATOR not in known.text:
            return
        if len(written) > len(entry.text) and _WIDE_GAP in spaced(written)[0]:
            return
        loose = entry.form is not None and not entry.form.alone
        if not loose and (len(entry.text) < _LONG or entry.text.isdigit()):
            national = entry.form is not None and entry.form.national
            if not _by_itself(text, start, end, national=national):
                return
        if turned:
            form = turned
        elif entry.form is not None:
            form = entry.form.name
        else:
            form = "look-alikes" if not written.isascii() else "separators"
        yield Match(start, end, known, form)

    def _as_words(self, text: str) -> Iterator[Match]:
        line, at = spaced(text)
        words = line.split()
        distinct = set(words)
        if self._words:
            for word in distinct & self._words.keys():
                for start in _where(line, word):
                    yield from self._short(text, at, start, start + len(word), word)
            for word in [word for word in distinct if word[0] == "0"]:
                if (plain := word.lstrip("0")) in self._words and plain.isdigit():
                    for start in _where(line, word):
                        yield from self._short(text, at, start, start + len(word), plain)
            for start, end, word in self._taken_apart(line, words):
                yield from self._short(text, at, start, end, word)
        for word in distinct & self._cued.keys():
            yield from self._beside_cue(text, line, at, word)

    def _taken_apart(self, line: str, words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        """Give the short forms that stand there in two pieces, or character by character."""
        if len(self._words) <= _FEW:
            for one, other in pairwise(words):
                if one + other in self._words:
                    for match in re.finditer(rf"(?<![^ ]){one} {{1,3}}{other}(?![^ ])", line):
                        yield match.start(), match.end(), one + other
        if sum([len(word) == 1 for word in words]) < SHORTEST:
            return
        for match in _SINGLES.finditer(line):
            word = match.group().replace(" ", "")
            if word in self._words:
                yield match.start(), match.end(), word

    def _short(self, text: str, at: Sequence[int] | None, start: int, end: int, word: str) -> Iterator[Match]:
        first, last = (start, end) if at is None else (at[start], at[end - 1] + 1)
        written = fold(text[first:last])
        if _SEPARATOR in written:
            return
        for entry in self._words[word]:
            if entry.known is not None:
                value = fold(entry.known.text)
                form = entry.form.name if entry.form else "exact" if written == value else "separators"
                yield Match(first, last, entry.known, form)

    def _beside_cue(self, text: str, line: str, at: Sequence[int] | None, word: str) -> Iterator[Match]:
        for start in _where(line, word):
            first, last = (start, start + len(word)) if at is None else (at[start], at[start + len(word) - 1] + 1)
            before = text[first - 1 : first] if first else ""
            alone = before in _EDGES and text[last : last + 1] in _EDGES
            few = len(self._cued) <= _FEW and not _YEAR.fullmatch(word)
            if (alone and few) or _CUE.search(text, max(0, first - 24), first):
                for entry in self._cued[word]:
                    if entry.known is not None:
                        yield Match(first, last, entry.known, PART)

    # --- pieces -------------------------------------------------------------------------------------------------------

    def cuts(
        self, streams: Sequence[Sequence[str]], new: Sequence[tuple[int, int]]
    ) -> Iterator[list[tuple[int, int, Known]]]:
        """Give for each stream of folded pieces what `cut` gives: one look tells that most hold nothing.

        `new` says for each which pieces, half-open, were not there before: what others make alone is known already.
        """
        joined = ["".join(pieces) for pieces in streams]
        longer = set(self._holding(joined))
        for number, pieces in enumerate(streams):
            yield list(self.cut(pieces, longer=number in longer, new=new[number]))

    def _holding(self, folded: Sequence[str]) -> Iterator[int]:
        """Give the numbers of the texts that may hold a gram in one of their readings; some more than once."""
        views = [view for text in folded for view in _turned(text)]
        starts = list(accumulate((len(view) + 1 for view in views), initial=0))
        for position in self._bloom.candidates(_SEPARATOR.join(views), self._grams):
            yield (bisect_right(starts, position) - 1) // _TURNS

    def cut(
        self, pieces: Sequence[str], *, longer: bool = True, new: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, int, Known]]:
        """Give the values that several folded pieces make, or make two fifths of: first and last piece, value.

        `longer` says that values of eight characters and more may be among them, `new` which pieces short values must
        have one of.
        """
        joined = "".join(pieces)
        starts = list(accumulate(map(len, pieces), initial=0))
        for turned, begin, entry in self._anchored(joined) if longer else ():
            known, length = entry.known, len(entry.text)
            if known is None or (entry.form is not None and not (entry.form.joined or entry.form.name == "phone")):
                continue
            end = begin + length
            if entry.form is not None and entry.form.joined:
                span = _stretched(joined[::-1] if turned == "reversed" else joined, begin, end, known)
            else:
                span = (begin, end)
            start, stop = (len(joined) - span[1], len(joined) - span[0]) if turned == "reversed" else span
            first, last = bisect_right(starts, start) - 1, bisect_right(starts, stop - 1) - 1
            if first < last and _by_itself(joined, start, stop, edges=starts):
                yield first, last, known
        if len(pieces) <= _FEW_PIECES:
            yield from self._short_cut(pieces, *(new or (0, len(pieces))))

    def _short_cut(self, pieces: Sequence[str], begin: int, end: int) -> Iterator[tuple[int, int, Known]]:
        few = len(self._words) <= _FEW
        if not (few and self._words) and not self._joined:
            return
        for first in range(max(0, begin - ANYWHERE), min(end, len(pieces) - 1)):
            word = pieces[first]
            if len(word) + len(pieces[first + 1]) >= ANYWHERE:
                continue
            for last in range(first + 1, len(pieces)):
                word += pieces[last]
                if len(word) >= ANYWHERE:
                    break
                # Two numbers beside each other make a third too often.
                if last < begin or len(word) <= SHORTEST or (last - first == 1 and word.isdigit()):
                    continue
                values = self._words.get(word, ()) if few else ()
                for entry in (*values, *self._joined.get(word, ()), *self._joined.get(word[::-1], ())):
                    if entry.known is not None and (entry.form is None or entry.form.joined):
                        yield first, _further(pieces, first, last, entry.known), entry.known


_TURNED = ("", "reversed", "rot13")
_TURNS = len(_TURNED)


def _turned(folded: str) -> tuple[str, str, str]:
    """Return a folded text in the ways in which it is looked through, in the order of `_TURNED`."""
    return folded, folded[::-1], rot13(folded)


def _stretched(text: str, begin: int, end: int, known: Known) -> tuple[int, int]:
    """Return how far a text goes on as a value does, around a part of it."""
    value = skeleton(known.text)
    at = value.find(text[begin:end])
    to = at + end - begin
    while begin > 0 and at > 0 and text[begin - 1] == value[at - 1]:
        begin, at = begin - 1, at - 1
    while end < len(text) and to < len(value) and text[end] == value[to]:
        end, to = end + 1, to + 1
    return begin, end


def _further(pieces: Sequence[str], first: int, last: int, known: Known) -> int:
    """Return up to which piece those from `first` on go on as a value does, forwards or backwards."""
    value = skeleton(known.text)
    word = "".join(pieces[first : last + 1])
    while last + 1 < len(pieces) and ((word := word + pieces[last + 1]) in value or word[::-1] in value):
        last += 1
    return last


def _widest(found: list[Match]) -> list[Match]:
    """Return the matches without those that lie within another of the same value."""
    if len(found) == 1:
        return found
    kept: list[Match] = []
    ends: dict[int, int] = {}
    for match in sorted(found, key=lambda match: (match.start, -match.end, match.form != "exact")):
        if match.end > ends.get(id(match.known), -1):
            ends[id(match.known)] = match.end
            kept.append(match)
    return kept


_WHOLE_TO = 64


def _readings(text: str) -> Iterator[str]:
    """Give what a short part may say: without separators, as a number, backwards, and decoded."""
    folded = skeleton(text)
    if folded and not folded.isdigit():
        yield folded
        yield folded[::-1]
        yield rot13(folded)
    yield from facts.number_of(text)
    for start, end, number in facts.numbers_in(text):
        if number and text[:start].strip(" $€£¥") == "" and text[end:].strip(" $€£¥") == "":
            yield number
    if text.isascii() and text.isalnum() and len(text) % 2 == 0:
        with suppress(ValueError):
            yield fold(bytes.fromhex(text).decode("ascii"))
    padded = text + "=" * (-len(text) % 4)
    if _BASE64.fullmatch(text):
        with suppress(ValueError):
            yield fold(binascii.a2b_base64(padded).decode("ascii"))


_BASE64 = re.compile(r"(?!\d+\Z)[A-Za-z0-9+/]{2,8}={0,2}")


def _where(line: str, word: str) -> Iterator[int]:
    """Give where a word stands by itself in a line of words."""
    at = line.find(word)
    while at >= 0:
        end = at + len(word)
        if (at == 0 or line[at - 1] == " ") and (end == len(line) or line[end] == " "):
            yield at
        at = line.find(word, end)


def _turns(form: Form) -> bool:
    return form.name == "name"


def _by_itself(text: str, start: int, end: int, *, national: bool = False, edges: Sequence[int] = ()) -> bool:
    """Return whether no digit adjoins digits, and no letter letters; `national` digits may follow a country's."""
    if start and start not in edges and _same_kind(text[start - 1], text[start]):
        if not national:
            return False
        ahead = text[max(0, start - 6) : start]
        if len(ahead) - len(ahead.rstrip("0123456789")) > 5:  # noqa: PLR2004 - 00 and a country's three digits
            return False
    return end >= len(text) or end in edges or not _same_kind(text[end - 1], text[end])


def _same_kind(one: str, other: str) -> bool:
    return (one.isdigit() and other.isdigit()) or (one.isalpha() and other.isalpha())


def _by_fact(found: Iterable[facts.Fact], wanted: dict[str, list[Known]], form: str) -> Iterator[Match]:
    for start, end, said in found:
        for known in wanted.get(said, ()):
            yield Match(start, end, known, form)
