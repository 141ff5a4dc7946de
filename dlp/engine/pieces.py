"""Values cut in pieces: over the fields of a message, over requests, over connections and sinks.

A session remembers, folded and in this worker's memory only, the ends of the short texts it sent last: at each place
in a message, and over all places. What a new message adds to them is looked at together with them. That is a heuristic:
it forgets on a restart, and pieces sent in another order, or with other short texts between them, are not put together.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import batched, pairwise
from operator import itemgetter

from dlp.core.message import Kind, Part
from dlp.engine.encodings import decodings
from dlp.engine.folding import skeleton
from dlp.engine.gently import let_go
from dlp.engine.lookup import Lookup
from dlp.engine.traits import ENCODED, traits
from dlp.engine.vault import Known

_PIECE_TO = 64  # folded characters: longer texts hold what there is to find in themselves
_PLACES = 64
_TAIL = 96  # pieces, and characters, of which the ends are kept
_STREAMS = 48  # places of one message that are looked at in the light of what was sent there before
_LINES = 200
_EVERYWHERE = ""
_MANY, _OVERLAP = 4096, 512
"""From how many parts on a message is looked at window by window, and how many pieces two windows share."""
_MANY_STEPS = 4  # numbers that are equally far apart: no value falls into so many by chance

type Piece = tuple[int, str]
"""Number of the part that it is from, -1 for a message sent before, and its folded text."""


@dataclass
class Sent:
    """What a session sent last in short texts."""

    tails: OrderedDict[str, list[str]] = field(default_factory=OrderedDict, repr=False)

    def take(self, parts: Sequence[Part]) -> None:
        """Remember the short texts of a message that goes out. What a place says again and again is no piece."""
        self.add(self.last(parts))

    def last(self, parts: Sequence[Part]) -> list[tuple[str, str]]:
        """Return the pieces of a message, each with its place, that will still be remembered after its last one."""
        found: list[tuple[str, str]] = []
        of_place: dict[str, int] = {}
        for part in reversed(parts):
            path = part.path
            many = of_place.get(path, 0 if len(of_place) < _PLACES else _TAIL) >= _TAIL
            if many and len(found) >= _TAIL:  # forgotten by then, at its place and over all
                continue
            if folded := _changed(part, self):
                found.append((path, folded))
                of_place[path] = of_place.get(path, 0) + 1
        found.reverse()
        return found

    def add(self, pieces: Iterable[tuple[str, str]]) -> None:
        """Remember these pieces, each with its place."""
        for path, folded in pieces:
            for place in (path, _EVERYWHERE):
                tail = self.tails.pop(place, [])
                tail.append(folded)
                while len(tail) > 1 and (len(tail) > _TAIL or sum(map(len, tail)) > _TAIL):
                    del tail[0]
                self.tails[place] = tail
        while len(self.tails) > _PLACES:
            del self.tails[next(place for place in self.tails if place != _EVERYWHERE)]


def cut(parts: Sequence[tuple[int, Part]], sent: Sent, lookup: Lookup) -> Iterator[tuple[int, Known]]:
    """Give the values that short texts make together with others of the message, or with what was sent before.

    With each comes the number of the part that completes it.
    """
    seen: set[tuple[int, int]] = set()
    streams = _streams(parts, sent)
    few, met = len(parts) <= _MANY, lookup.met()
    for together in _once(streams) if few else _one_by_one(streams):
        texts = [[text for _, text in stream] for stream in together]
        cuts = lookup.cuts(texts, [_new(stream) for stream in together], met)
        for stream, found in zip(together, cuts, strict=True):
            for first, last, known in found:
                number = max(stream[first][0], stream[last][0])
                if number < 0 or (number, id(known)) in seen:
                    continue
                if not _counts([text for _, text in stream[first : last + 1]]):
                    seen.add((number, id(known)))
                    yield number, known


def _once(streams: Iterable[list[Piece]]) -> Iterator[list[Sequence[Piece]]]:
    """Give all of them together, each once: one look tells of all."""
    yield list({tuple(stream): None for stream in streams})


def _one_by_one(streams: Iterable[list[Piece]]) -> Iterator[list[Sequence[Piece]]]:
    """Give them window by window, and let go of each that is done with."""
    for stream in streams:
        yield from ([window] for window in _windows(stream))
        let_go(stream)


def _windows(stream: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """Cut a long stream where one call over all of it would hold everybody up, each window as long as the others.

    They overlap by so much that of a value that lies across an end, one of them holds all, or half and more.
    """
    places = [at for at, (_, text) in enumerate(stream) if text]
    for start in range(0, len(places) - min(_OVERLAP, len(places) - 1), _MANY - _OVERLAP) if places else ():
        some = places[max(0, min(start, len(places) - _MANY)) : start + _MANY]
        yield stream[some[0] : some[-1] + 1]


def _new(stream: Sequence[Piece]) -> tuple[int, int]:
    """Return which pieces are of the message at hand; they stand together."""
    numbers = [number for number, _ in stream]
    before = numbers.count(-1)
    return (0, len(numbers) - before) if numbers[-1] < 0 else (before, len(numbers))


def _counts(texts: Sequence[str]) -> bool:
    """Return whether texts are numbers that follow each other, as those of pages and offsets do."""
    if not all(text.isdigit() for text in texts):
        return False
    steps = {int(other) - int(one) for one, other in pairwise(texts)}
    return steps <= {1} or steps <= {-1} or (len(steps) == 1 and len(texts) >= _MANY_STEPS)


def _streams(parts: Sequence[tuple[int, Part]], sent: Sent) -> Iterator[list[Piece]]:
    """Give the orders in which pieces may be meant to be read."""
    values = [
        (number, part.path, folded)
        for number, part in parts
        if not part.path.startswith(_FRAMING) and (folded := _piece(part))
    ]
    yield from (stream for stream in _within(parts, values) if len(stream) > 1)
    let_go(values)
    everywhere = sent.tails.get(_EVERYWHERE)
    if not everywhere:
        return
    changed = [(number, part.path, folded) for number, part in parts if (folded := _changed(part, sent))]
    if changed:
        yield [(-1, text) for text in everywhere] + [(number, text) for number, _, text in changed]
        yield [(number, text) for number, _, text in changed] + [(-1, text) for text in reversed(everywhere)]
    for number, path, text in changed[:_STREAMS]:
        before = sent.tails.get(path)
        if before:
            yield [*((-1, each) for each in before), (number, text)]


def _within(parts: Sequence[tuple[int, Part]], values: Sequence[tuple[int, str, str]]) -> Iterator[list[Piece]]:
    """Give the orders within one message: as it stands, by place, by field, keys alone, last words, decoded."""
    yield [(number, folded) for number, _, folded in values]
    keys = [(number, skeleton(part.text)) for number, part in _body(parts) if part.kind is Kind.KEY]
    if keys:
        yield keys
        yield [(number, skeleton(part.text)) for number, part in _body(parts) if len(part.text) <= _PIECE_TO]
    by_path = _sorted(values)
    if by_path != values:
        yield [(number, folded) for number, _, folded in by_path]
    yield from _by_field(values)
    yield [(number, folded) for number, part in parts if (folded := _last_word(part))]
    for number, part in _body(parts):
        lines = part.text.splitlines() if "\n" in part.text else ()
        if 1 < len(lines) <= _LINES:
            yield [(number, skeleton(_BETWEEN.split(line.strip())[-1])) for line in lines]
            yield [(number, skeleton(_BETWEEN.split(line.strip())[0])) for line in lines]
    short = [(number, part.text) for number, part in parts if part.kind is not Kind.KEY and len(part.text) <= _PIECE_TO]
    if any(traits(text) & ENCODED for _, text in short):
        yield [(number, skeleton(_decoded(text))) for number, text in short]
    let_go(short)


def _by_field(values: Sequence[tuple[int, str, str]]) -> Iterator[list[Piece]]:
    """Give the pieces of each field that is there more than once, where there are several fields."""
    count: dict[str, int] = {}
    for _, path, _ in values:
        name = path.rpartition("/")[2]
        count[name] = count.get(name, 0) + 1
    by_field: dict[str, list[Piece]] = {}
    if len(count) > 1:
        for number, path, folded in values:
            name = path.rpartition("/")[2]
            if count[name] > 1:  # a hundred thousand lists of one would take half the memory there is
                by_field.setdefault(name, []).append((number, folded))
    let_go(count)
    yield from by_field.values()


def _body(parts: Iterable[tuple[int, Part]]) -> Iterator[tuple[int, Part]]:
    return ((number, part) for number, part in parts if part.path.startswith("/"))


def _sorted(values: Sequence[tuple[int, str, str]]) -> Sequence[tuple[int, str, str]]:
    """Sort pieces by their paths; many of them some at a time, since sorting all at once would hold everybody up."""
    path = itemgetter(1)
    return list(merge(*(sorted(some, key=path) for some in batched(values, _MANY, strict=False)), key=path))


def _decoded(text: str) -> str:
    """Return what a text says if all of it is encoded, else the text."""
    found = decodings(text) if traits(text) & ENCODED else ()
    whole = (each.text for each in found if each.text and (each.start, each.end) == (0, len(text)))
    return next(whole, text)


def _piece(part: Part) -> str:
    """Return the folded text of a part if it is short enough to be a piece."""
    if part.kind in (Kind.KEY, Kind.OPAQUE) or not part.text or len(part.text) > 4 * _PIECE_TO:
        return ""
    folded = skeleton(part.text)
    return folded if len(folded) <= _PIECE_TO else ""


def _last_word(part: Part) -> str:
    """Return the last word of a short text: of several, only that may be a piece, as in `part 2: abc`."""
    if part.kind in (Kind.KEY, Kind.OPAQUE) or not part.text or len(part.text) > 4 * _PIECE_TO:
        return ""
    return skeleton(_BETWEEN.split(part.text.strip())[-1])


_BETWEEN = re.compile(r"[\s:=,;]+")


def _changed(part: Part, sent: Sent) -> str:
    """Return the piece that a part is, folded, unless it is what was last sent at its place."""
    folded = _piece(part)
    if not folded or part.path.startswith(_FRAMING):
        return ""
    tail = sent.tails.get(part.path)
    return folded if tail is None or tail[-1] != folded or len(folded) == 1 else ""


_FRAMING = ("header/user-agent", "header/accept", "header/content-", "header/connection", "header/host", "host/")
"""Places that say the same in each message, or nothing."""
