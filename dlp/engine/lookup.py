"""Looking for the values of one session in texts: as they are, and in any form that says the same.

A value folds to its letters and digits; so does the text, and one pass over it finds what is written in other case,
with other separators or with look-alikes, forwards, backwards and moved by half the alphabet. Forms of four to seven
characters count only as words of their own; what is shorter, or a common word, only as a whole part. Longer than most
modules because what is put into the index and how it is found there are one subject.
"""

import binascii
import functools
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from dlp.engine import facts
from dlp.engine.fingerprints import (
    MOST_OWNERS,
    Fingerprints,
    packed,
    print_of,
    print_of_word,
    prints_in,
    prints_of_keys,
    prints_of_words,
)
from dlp.engine.folding import places, rot13, skeleton, spaced
from dlp.engine.forms import ANYWHERE, CUED, ITSELF, NAME, OVERLAP, PART, SHORTEST, TURNED, Form, Kind, forms, in_full
from dlp.engine.gently import matches
from dlp.engine.matching import COMMON, Index, fold, stands_alone, whole_only
from dlp.engine.stretches import LARGE, Among, within, words
from dlp.engine.vault import Known

IN_PLACE = frozenset(
    {"exact", "whole", "separators", "look-alikes", "reversed", "rot13", "words", "spelled", "name", "phone"}
    | {"amount", "date", PART, OVERLAP}
)
"""The forms in which a value stands in a text as it is, so that it can be rewritten there."""

_SEPARATOR = "\0"  # between texts that are looked at together: neither a letter nor a digit, and rare
_MOST_SHARING = 64  # values behind one gram; what would be one more is carried by the session instead
_FEW_SHARING = 8  # values behind a gram that a part is looked for by; what more have in common tells none of them
_ALL_FORMS = 20_000  # values; of further ones only those forms are known that fold to the same: memory is bounded
_REMEMBERED = 2048  # values of which the forms are at hand, since they were met
_FEW_PIECES = 256  # beyond, pieces make short values by chance
_FEW = 64  # short values: with more of them, pieces of other numbers would make one by chance too often
_LEAST = 3  # characters of a form: what a number is in hex
_FEW_WORDS = 12  # below, a look at each word is quicker than numpy
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
_BEHIND_WORD = re.compile("(?<=[^ ][^ ])(?= )")
_TOGETHER = 0x5AA5_96C3_5AA5_96C3  # makes the fingerprint of what only several texts make together another one
_NO_SPACES = within(bytes(range(256)).replace(b" ", b""))
_A_BYTE, _FIRST, _ZERO = np.uint64(8), np.uint64(0xFF), np.uint64(ord("0"))
_NUMBER, _DATE, _JOINED, _CUED = "=", "@", "+", "#"  # before what is no word of its own, where it is taken up as one
_MARKED = np.uint64(ord(_CUED))


class Match(NamedTuple):
    """A known value at code points `start` to `end` of a text, half-open, and the form it was found in."""

    start: int
    end: int
    known: Known
    form: str = "exact"


class _Forms(NamedTuple):
    """The forms of a value that are looked for, itself first, and of which kind each is.

    Two things rather than thirty for the collector of garbage to go through, for each of the values at hand.
    """

    texts: tuple[str, ...]
    kinds: tuple[Kind, ...]

    def __repr__(self) -> str:
        """Return how many there are; their texts are protected."""
        return f"_Forms({len(self.texts)})"


class _Gram(NamedTuple):
    """A gram in one reading of a text (`_TURNED`), and the values that have it, `joined`: over several texts."""

    reading: int
    joined: bool
    position: int
    owners: Sequence[int]


class Near:
    """Which of some forms of a value stand around a gram of a text: where the gram is in them is worked out once."""

    def __init__(self, forms_of: Callable[[int], Iterable[Form]]) -> None:
        self._forms_of = forms_of
        self._known: dict[tuple[str, int], list[tuple[int, Form]]] = {}

    def at(self, folded: str, position: int, gram: str, owner: int) -> list[tuple[int, Form]]:
        """Return where forms of value number `owner` begin that have `gram` at a position of a folded text."""
        near = self._known.get((gram, owner))
        if near is None:
            holding = [form for form in self._forms_of(owner) if gram in form[0]]
            near = [(at, form) for form in holding for at in _places_of(gram, form[0])]
            self._known[gram, owner] = near
        return [
            (position - at, form) for at, form in near if position >= at and folded.startswith(form[0], position - at)
        ]


class Met(NamedTuple):
    """What was met of values while one message was looked through for pieces of them: in full, and of several texts.

    `owners` has for fingerprints the numbers of their values.
    """

    full: Near
    several: Near
    owners: dict[int, Sequence[int]]


class Lookup:
    """The values of one session, ready to be looked for. Adding is linear in a value, finding in the text.

    Of a value only fingerprints are kept, of one stretch of eight characters of each form: the one that fewest others
    share, so that a million near-identical values do not pile up on one. What `prints` find is worked out anew, and
    compared. `crowded` are values for which there was no room: they cannot be looked for. One thread adds; others may
    look meanwhile.
    """

    def __init__(self) -> None:
        self.crowded: list[Known] = []
        self._values: list[Known] = []
        self._met: OrderedDict[int, _Forms] = OrderedDict()
        self._common: set[tuple[str, bool]] = set()  # parts that two values were met to have in common
        self._whole: dict[str, Known] = {}
        self._symbols = Index()
        self.prints = Fingerprints()
        self._short: set[str] = set()  # short forms, as long as there are few
        self._halves: dict[str, set[str]] = {}  # what they are made of: beginning → ends
        self._pieces = 0, Among([])  # all of these, as of so many short forms
        self._cued: set[str] = set()
        self._joined = self._numbers = self._dates = 0

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._whole or self.prints or self._symbols)

    # --- what is looked for -------------------------------------------------------------------------------------------

    def add(self, known: Known) -> None:
        """Look for a value from now on."""
        owner, value = len(self._values), known.text
        if owner >= MOST_OWNERS:
            self.crowded.append(known)
            return
        self._values.append(known)
        if whole_only(value):
            self._whole[fold(value)] = known
            return
        folded = skeleton(value)
        if len(folded) < SHORTEST or len(folded) * 2 < len(value) or (len(folded) < ANYWHERE and not value.isalnum()):
            self._symbols.add(known)  # what folding would leave of it says too little
        if len(folded) >= SHORTEST and folded not in COMMON:
            self._put_facts(value, owner)
            self._put_forms(owner)

    def _put_facts(self, value: str, owner: int) -> None:
        numbers, dates = facts.number_of(value), facts.date_of(value)
        for said in [_NUMBER + number for number in numbers] + [_DATE + date for date in dates]:
            self.prints.add(print_of_word(said), owner)
        self._numbers += len(numbers)
        self._dates += len(dates)

    def _put_forms(self, owner: int) -> None:
        by, parts, others = set[int](), list[Form](), list[Form]()
        for form in _forms_of(self._values[owner].text, every=owner < _ALL_FORMS):
            if len(form[0]) < ANYWHERE:
                self._put_word(form, owner, by)
            else:
                (parts if form[1].is_part else others).append(form)
        longer = parts + others
        prints = prints_in(packed(_SEPARATOR.join([text for text, _ in longer])))  # one look for all
        taken, every, at = set(self.prints.candidates(prints)), prints.tolist(), 0
        for text, kind in longer:
            end = at + len(text) - ANYWHERE + 1
            grams = every[at:end]
            if kind.is_part:
                self._put_part(owner, by, [gram ^ _TOGETHER for gram in grams] if kind.joined else grams)
            else:
                free = next((place for place in range(at, end) if place not in taken), None)
                found = self._put(owner, by, grams, None if free is None else every[free])
                if not found and kind is ITSELF:
                    self.crowded.append(self._values[owner])
            at += len(text) + 1

    def _put(self, owner: int, by: set[int], grams: Sequence[int], free: int | None) -> bool:
        """Have a form found by a gram that the value is found by already, or by a `free` one, or one that few share."""
        if not by.isdisjoint(grams):
            return True
        best, least = (0, _MOST_SHARING) if free is None else (free, 0)
        for gram in grams if free is None else ():
            sharing = self.prints.sharing(gram)
            if sharing < least:
                best, least = gram, sharing
                if sharing < _FEW_SHARING:
                    break
        if least < _MOST_SHARING:
            by.add(best)
            self.prints.add(best, owner)
        return least < _MOST_SHARING

    def _put_part(self, owner: int, by: set[int], grams: Sequence[int]) -> None:
        """Have a part found by a gram that does not depend on others, so that those who have it in common are found."""
        for gram in (grams[-1], min(grams)):
            if gram in by:
                return
            if self.prints.sharing(gram) < _FEW_SHARING:
                by.add(gram)
                self.prints.add(gram, owner)
                return

    def _put_word(self, form: Form, owner: int, by: set[int]) -> None:
        word, kind = form
        if kind.joined:
            self._joined += 1
            word = _JOINED + word
        else:
            few = self._cued if kind.cued else self._short
            if len(few) <= _FEW:
                for at in range(1, 0 if kind.cued else len(word)):
                    self._halves.setdefault(word[:at], set()).add(word[at:])
                few.add(word)  # last: whoever sees it sees its halves as well
            word = _CUED + word if kind.cued else word
        print_ = print_of_word(word)
        if print_ not in by and not (kind.is_part and self.prints.sharing(print_) >= _FEW_SHARING):
            by.add(print_)
            self.prints.add(print_, owner)

    def _is_common(self, part: Form) -> bool:
        """Return whether two values have a part in common, so that it tells none of them."""
        text, kind = part
        said = text, kind.joined
        if said in self._common:
            return True
        of: set[str] = set()
        for print_ in _prints_of_part(text, joined=kind.joined):
            for owner in self.prints.owners(print_):
                if any(
                    text == other and each.is_part and each.joined == kind.joined for other, each in self._forms(owner)
                ):
                    of.add(self._values[owner].text)
        if len(of) > 1:
            if len(self._common) >= _REMEMBERED:
                self._common.clear()
            self._common.add(said)
        return len(of) > 1

    def _forms(self, owner: int) -> Iterator[Form]:
        """Give the forms of a value: itself, and as far as they are looked for, the others."""
        found = self._met.get(owner)
        if found is None:
            if len(self._met) >= _REMEMBERED:
                self._met.popitem(last=False)  # one by one: freed all at once, they would hold everybody up
            texts, kinds = zip(*_forms_of(self._values[owner].text, every=owner < _ALL_FORMS), strict=True)
            found = self._met[owner] = _Forms(texts, kinds)
        return zip(*found, strict=True)

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
        if self.prints:
            yield from self._anywhere(text)
            yield from self._as_words(text)
        if self._numbers:
            yield from self._by_fact(facts.numbers_in(text), _NUMBER, "amount")
        if self._dates:
            yield from self._by_fact(facts.dates_in(text), _DATE, "date")

    def _anywhere(self, text: str) -> Iterator[Match]:
        folded = skeleton(text)
        at: Sequence[int] | None = None
        themselves, forms_of = Near(self._itself), Near(self._in_one)
        for position, owners in self.prints.found_in(folded):
            if at is None:
                at = places(text)
            gram, others = folded[position : position + ANYWHERE], list[int]()
            for owner in owners:
                found = [
                    match
                    for begin, itself in themselves.at(folded, position, gram, owner)
                    for match in _judged(text, at, begin, itself, self._values[owner])
                ]
                yield from found
                if not found:  # of a value that stands there whole, no form could be more
                    others.append(owner)
            for begin, form, known in self._hits(forms_of, folded, position, gram, others):
                yield from _judged(text, at, begin, form, known)

    def _hits(
        self, near: Near, folded: str, position: int, gram: str, owners: Iterable[int]
    ) -> Iterator[tuple[int, Form, Known]]:
        """Give which forms of these values stand around a gram, where they begin, and whose they are."""
        for owner in owners:
            for begin, form in near.at(folded, position, gram, owner):
                if not form[1].is_part or not self._is_common(form):
                    yield begin, form, self._values[owner]

    def _itself(self, owner: int) -> tuple[Form, ...]:
        return ((skeleton(self._values[owner].text), ITSELF),)

    def _in_one(self, owner: int) -> list[Form]:
        return [form for form in self._forms(owner) if not form[1].joined]

    def _in_full(self, owner: int) -> Iterable[Form]:
        return in_full(self._values[owner].text)

    def _in_several(self, owner: int) -> list[Form]:
        return [form for form in self._forms(owner) if form[1].joined]

    def _as_words(self, text: str) -> Iterator[Match]:
        line, at = spaced(text)
        distinct = set(line.split()) if len(line) < LARGE or not line.isascii() else self._words_of(line.encode())
        short = [word for word in distinct if _LEAST <= len(word) < ANYWHERE]
        for word, owners in self._known_words(short, self._short):
            for start in _where(line, word):
                yield from self._short_at(text, at, start, start + len(word), word, owners)
        for word, owners in self._known_words([word for word in short if len(word) == CUED], self._cued, _CUED):
            yield from self._beside_cue(text, line, at, word, owners)
        for word in [word for word in distinct if word[0] == "0"]:
            plain = word.lstrip("0")
            for _, owners in self._known_words([plain], self._short) if plain.isdigit() else ():
                for start in _where(line, word):
                    yield from self._short_at(text, at, start, start + len(word), plain, owners)
        for start, end, word, owners in (*self._in_two(line, distinct), *self._spelled(line, distinct)):
            yield from self._short_at(text, at, start, end, word, owners)

    def _words_of(self, line: bytes) -> set[str]:
        """Return the words of a large line by which a value may be found: all of them, and few others."""
        halves, found = self._all_halves(), set[bytes]()
        for some in words(line, _NO_SPACES):
            told = (some.sizes == 1) | (some.keys & _FIRST == _ZERO)
            short = (some.sizes >= _LEAST) & (some.sizes < ANYWHERE)
            told[short] |= self.prints.told(prints_of_keys(some.keys[short]))
            cued = some.sizes == CUED
            told[cued] |= self.prints.told(prints_of_keys(some.keys[cued] << _A_BYTE | _MARKED))
            if halves is not None:
                told |= halves.told(some.keys)
            found |= some.some(told).of(line)
        return {word.decode() for word in found}

    def _all_halves(self) -> Among | None:
        """Return what tells the halves of short forms, where there are few of them."""
        count = len(self._short)
        if not 0 < count <= _FEW:
            return None
        if self._pieces[0] != count:
            halves = [packed(half) for one, others in list(self._halves.items()) for half in (one, *others)]
            self._pieces = count, Among(halves)
        return self._pieces[1]

    def _known_words(
        self, words: Sequence[str], few: AbstractSet[str], mark: str = ""
    ) -> Iterator[tuple[str, Sequence[int]]]:
        """Give those of these words that values are found by, each with the values' numbers.

        `few` are all that there may be, unless it is full; `mark` is what they are taken up with.
        """
        if len(few) <= _FEW:
            words = [word for word in words if word in few]
        elif len(words) > _FEW_WORDS:
            found = self.prints.candidates(prints_of_words([mark + word for word in words]))
            words = [words[number] for number in found]
        for word in words:
            if owners := self.prints.owners(print_of_word(mark + word)):
                yield word, owners

    def _in_two(self, line: str, words: AbstractSet[str]) -> Iterator[tuple[int, int, str, Sequence[int]]]:
        """Give the short forms that stand in a line in two pieces, and whose they are: where there are few of them."""
        if len(self._short) > _FEW:
            return
        for one in words & self._halves.keys():
            for other in words & self._halves[one]:
                word = one + other
                owners = self.prints.owners(print_of_word(word))
                for match in re.finditer(rf"(?<![^ ]){one} {{1,3}}{other}(?![^ ])", line):
                    yield match.start(), match.end(), word, owners

    def _spelled(self, line: str, words: AbstractSet[str]) -> Iterator[tuple[int, int, str, Sequence[int]]]:
        """Give the short forms that stand in a line character by character, and whose they are."""
        if not any(len(word) == 1 for word in words) or _singles(line) < SHORTEST:
            return
        for match in matches(_SINGLES, line, _BEHIND_WORD):
            word = match.group().replace(" ", "")
            for _, owners in self._known_words([word], self._short):
                yield match.start(), match.end(), word, owners

    def _shorter(self, word: str, owners: Iterable[int]) -> Iterator[tuple[Kind, Known]]:
        """Give as which forms this word is one, and whose they are."""
        for owner in owners:
            for form in self._forms(owner):
                text, kind = form
                if text == word and not (kind.is_part and self._is_common(form)):
                    yield kind, self._values[owner]

    def _short_at(
        self, text: str, at: Sequence[int] | None, start: int, end: int, word: str, owners: Sequence[int]
    ) -> Iterator[Match]:
        first, last = (start, end) if at is None else (at[start], at[end - 1] + 1)
        written = fold(text[first:last])
        if _SEPARATOR in written:
            return
        for kind, known in self._shorter(word, owners):
            if kind is ITSELF:
                yield Match(first, last, known, "exact" if written == fold(known.text) else "separators")
            elif not kind.cued and not kind.joined:
                yield Match(first, last, known, kind.name)

    def _beside_cue(
        self, text: str, line: str, at: Sequence[int] | None, word: str, owners: Iterable[int]
    ) -> Iterator[Match]:
        few = len(self._cued) <= _FEW and not _YEAR.fullmatch(word)
        for start in _where(line, word):
            first, last = (start, start + len(word)) if at is None else (at[start], at[start + len(word) - 1] + 1)
            before = text[first - 1 : first] if first else ""
            alone = before in _EDGES and text[last : last + 1] in _EDGES
            if (alone and few) or _CUE.search(text, max(0, first - 24), first):
                yield from (Match(first, last, self._values[owner], PART) for owner in owners)

    def _by_fact(self, found: Iterable[facts.Fact], kind: str, form: str) -> Iterator[Match]:
        of = facts.number_of if kind == _NUMBER else facts.date_of
        for start, end, said in found:
            for owner in self.prints.owners(print_of_word(kind + said)):
                known = self._values[owner]
                if said in of(known.text):
                    yield Match(start, end, known, form)

    # --- pieces -------------------------------------------------------------------------------------------------------

    def met(self) -> Met:
        """Return what `cuts` works out, to be kept as long as one message is looked through."""
        return Met(Near(self._in_full), Near(functools.cache(self._in_several)), {})

    def cuts(
        self, streams: Sequence[Sequence[str]], new: Sequence[tuple[int, int]], met: Met
    ) -> Iterator[list[tuple[int, int, Known]]]:
        """Give for each stream of folded pieces the values that several pieces make, or make two fifths of.

        Each is given as first and last piece, and value. `new` says for each stream which pieces, half-open, were not
        there before: what others make alone is known already. One look tells that most streams hold nothing.
        """
        joined = ["".join(pieces) for pieces in streams]
        for pieces, folded, grams, among in zip(streams, joined, self._grams_in(joined, met), new, strict=True):
            found = list(self._long_cut(pieces, folded, grams, met)) if grams else []
            if len(pieces) <= _FEW_PIECES:
                found += self._short_cut(pieces, *among)
            yield found

    def _grams_in(self, folded: Sequence[str], met: Met) -> list[list[_Gram]]:
        """Return for each of some folded texts the grams that it holds, in the order of its readings."""
        views = [view for text in folded for view in _turned(text)]
        starts = list(accumulate((len(view) + 1 for view in views), initial=0))
        text, found = _SEPARATOR.join(views), [list[_Gram]() for _ in folded]
        for joined in (False, True):
            for position, owners in self.prints.found_in(text, _TOGETHER if joined else 0, met.owners):
                view = bisect_right(starts, position) - 1
                number, reading = divmod(view, len(_TURNED))
                found[number].append(_Gram(reading, joined, position - starts[view], owners))
        for grams in found:
            grams.sort(key=itemgetter(0))
        return found

    def _long_cut(
        self, pieces: Sequence[str], folded: str, grams: Sequence[_Gram], met: Met
    ) -> Iterator[tuple[int, int, Known]]:
        """Give the values of eight characters and more that stand around these grams across the ends of pieces."""
        starts = list(accumulate(map(len, pieces), initial=0))
        views = _turned(folded)
        for reading, joined, position, owners in grams:
            view = views[reading]
            gram = view[position : position + ANYWHERE]
            around = (
                (owner, *at)
                for owner in owners
                for at in (met.several if joined else met.full).at(view, position, gram, owner)
            )
            for owner, begin, form in around:
                known, span = self._values[owner], (begin, begin + len(form[0]))
                if joined:
                    span = _stretched(view, *span, skeleton(known.text))
                start, stop = (len(view) - span[1], len(view) - span[0]) if _TURNED[reading] == "reversed" else span
                first, last = bisect_right(starts, start) - 1, bisect_right(starts, stop - 1) - 1
                if first == last or not _by_itself(folded, start, stop, edges=starts):
                    continue
                if not joined or not self._is_common(form):
                    yield first, last, known

    def _short_cut(self, pieces: Sequence[str], begin: int, end: int) -> Iterator[tuple[int, int, Known]]:
        few = self._short if len(self._short) <= _FEW else set[str]()
        if not few and not self._joined:
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
                for known in self._made_short(word, few):
                    yield first, _further(pieces, first, last, known), known

    def _made_short(self, word: str, few: Collection[str]) -> Iterator[Known]:
        """Give the short values that a word is, and those that it is a joined form of, forwards or backwards."""
        if word in few:
            for kind, known in self._shorter(word, self.prints.owners(print_of_word(word))):
                if kind is ITSELF:
                    yield known
        for turned in (word, word[::-1]) if self._joined else ():
            for kind, known in self._shorter(turned, self.prints.owners(print_of_word(_JOINED + turned))):
                if kind.joined:
                    yield known


def _forms_of(value: str, *, every: bool) -> Iterator[Form]:
    """Give a value folded, its forms if it is to be `every` one, and what the longer ones read as when turned."""
    folded = skeleton(value)
    yield folded, ITSELF
    yield from _turns(folded)
    for form in forms(value) if every else ():
        text, kind = form
        if text in COMMON or (text == folded and not kind.national):
            continue
        yield form
        if kind is NAME:
            yield from _turns(text)


def _turns(folded: str) -> Iterator[Form]:
    if len(folded) >= ANYWHERE:
        for text, kind in zip(_turned(folded)[1:], TURNED, strict=True):
            if text != folded:
                yield text, kind


def _places_of(gram: str, text: str) -> Iterator[int]:
    at = text.find(gram)
    while at >= 0:
        yield at
        at = text.find(gram, at + 1)


def _prints_of_part(text: str, *, joined: bool) -> set[int]:
    """Return all the fingerprints that a part can be found by."""
    if len(text) < ANYWHERE:
        return {print_of_word(_JOINED + text if joined else text)}
    kind = _TOGETHER if joined else 0
    prints = [print_of(text[at : at + ANYWHERE]) ^ kind for at in range(len(text) - ANYWHERE + 1)]
    return {prints[-1], min(prints)}


def _judged(text: str, at: Sequence[int], begin: int, form: Form, known: Known) -> Iterator[Match]:
    """Give the match of a form that begins at `begin` of the folded text if what is written there can mean the value.

    `at` says where in the text the folded one is from.
    """
    folded, kind = form
    start, end = int(at[begin]), int(at[begin + len(folded) - 1]) + 1
    written = text[start:end]
    if kind is ITSELF:
        value = fold(known.text)
        lead = value.find(fold(written)[:1])
        first = start - max(lead, 0)
        if first >= 0 and fold(text[first : first + len(value)]) == value:
            if stands_alone(value, text, first):
                yield Match(first, first + len(value), known)
            return
    if _SEPARATOR in written and _SEPARATOR not in known.text:
        return
    if len(written) > len(folded) and _WIDE_GAP in spaced(written)[0]:
        return
    if (
        kind.alone
        and (len(folded) < _LONG or folded.isdigit())
        and not _by_itself(text, start, end, national=kind.national)
    ):
        return
    spaced_out = "separators" if written.isascii() else "look-alikes"
    yield Match(start, end, known, spaced_out if kind is ITSELF else kind.name)


_TURNED = ("", "reversed", "rot13")


def _turned(folded: str) -> tuple[str, str, str]:
    """Return a folded text in the ways in which it is looked through, in the order of `_TURNED`."""
    return folded, folded[::-1], rot13(folded)


def _stretched(text: str, begin: int, end: int, value: str) -> tuple[int, int]:
    """Return how far a text goes on as a value does, around a part of it."""
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


def _singles(line: str) -> int:
    """Return how many characters stand by themselves in a line of words."""
    if len(line) < LARGE or not line.isascii():
        return sum([len(word) == 1 for word in line.split()])
    signs = np.frombuffer(f" {line} ".encode(), dtype=np.uint8) != ord(" ")
    return int(np.count_nonzero(signs[1:-1] & ~signs[:-2] & ~signs[2:]))


def _where(line: str, word: str) -> Iterator[int]:
    """Give where a word stands by itself in a line of words."""
    at = line.find(word)
    while at >= 0:
        end = at + len(word)
        if (at == 0 or line[at - 1] == " ") and (end == len(line) or line[end] == " "):
            yield at
        at = line.find(word, end)


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
