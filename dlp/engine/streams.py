"""The messages of one stream, in one direction: which are judged together, and for how long a text is held back.

A language model writes its answer in pieces, `{"delta": {"text": "My SSN is 536-"}}` and `{"delta": {"text": "90"}}`.
A value or a token may straddle them, so the pieces of one text, which stand at one path of many messages, are judged
joined. A message is held back while its text may be the beginning of something: until more of it comes, for a moment,
and never more than a little. What was let go is still looked at together with what follows it: a value that began
there is then refused, since half of it cannot be rewritten any more. No sockets, no clock.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Protocol

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import ParseError
from dlp.core.message import Block, Kind, Part

HOLD = 0.15
"""For how many seconds a text that may go on is held back."""

_MOST_HELD = 64  # messages
_LONGEST_TAIL = 96  # code points that may be the beginning of something
_CARRY = 256  # code points of what was let go that are looked at again with what follows
_MOST_TEXTS = 64  # of one stream that are followed
_MOST_JOINED, _MOST_BYTES = 8, 4096  # messages, and bytes of them, that are judged as one
_TEXTS = frozenset(
    """text content delta arguments partial_json thinking reasoning reasoning_content response completion token output
    transcript refusal chunk generated_text data""".split()  # noqa: SIM905 - a list of words reads best as words
)
"""Names of members that hold pieces of a text in the streams of language models."""

_NAMED = re.compile(b'"(?:' + "|".join(sorted(_TEXTS)).encode() + b')"')
_BRACKET = re.compile(r"(?:\[|%5?[Bb]?)~*[A-Z0-9_]{0,80}\Z")


class Unit(Protocol):
    """One message of a stream, as its format reads it."""

    @property
    def blocks(self) -> Sequence[Block]:
        """What it says."""
        ...

    @property
    def raw(self) -> bytes:
        """It as it came."""
        ...

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return it with edits made; `Edit.part` counts the parts of its blocks from 0."""
        ...


@dataclass(slots=True)
class _Held:
    """A message that waits, and its pieces of texts: number of the part, by path."""

    unit: Unit
    since: float
    pieces: dict[str, int]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where in a joined text one message's piece of it stands."""

    unit: int
    part: int
    start: int
    end: int


@dataclass(slots=True)
class _Joined:
    """A text put together: its place among the judged parts, how much of it was let go before, and its pieces."""

    path: str
    number: int
    carried: int
    text: str = field(repr=False)
    pieces: list[_Piece] = field(default_factory=list)


class Batch:
    """Messages that are judged as one; `blocks` is what they say."""

    __slots__ = ("_alone", "_joined", "_origins", "_units", "blocks")

    several: "Sequence[_Held]" = ()
    """The messages, where they only came together, and may as well be judged one by one."""

    def __init__(
        self, units: Sequence[Unit], blocks: Sequence[Block], joined: list[_Joined], origins: list[tuple[int, int]]
    ) -> None:
        self._units = units
        self._joined = joined
        self._origins = origins  # of the judged parts that are not joined: unit, and part of it
        self.blocks = tuple(blocks)

    def write(self, edits: Sequence[Edit]) -> tuple[bytes, dict[str, str]]:
        """Return what goes on, and by path what the texts that may go on say in the end.

        Raises:
            ParseError: an edit cannot be made, or covers what was let go before.

        """
        by_unit: dict[int, list[Edit]] = {}
        by_text: dict[int, list[Edit]] = {}
        first = len(self._origins)
        for edit in edits:
            if edit.part < first:
                unit, part = self._origins[edit.part]
                by_unit.setdefault(unit, []).append(replace(edit, part=part))
            else:
                by_text.setdefault(edit.part - first, []).append(edit)
        ends: dict[str, str] = {}
        for number, joined in enumerate(self._joined):
            made = [edit for edit in by_text.get(number, ()) if edit.end > joined.carried or edit.start == edit.end]
            made = [edit for edit in made if edit.start >= joined.carried or edit.end > joined.carried]
            for edit in made:
                for unit, cut in _cut(joined, edit):
                    by_unit.setdefault(unit, []).append(cut)
            ends[joined.path] = (apply_edits(joined.text, made) if made else joined.text)[-_CARRY:]
        return b"".join(unit.write(by_unit.get(n, ())) for n, unit in enumerate(self._units)), ends


def _cut(joined: _Joined, edit: Edit) -> Iterator[tuple[int, Edit]]:
    """Give the edits of the single pieces that one edit of their joined text comes to: the first one says it all."""
    if edit.start < joined.carried:
        raise ParseError("a value began in a part of the stream that was delivered already; it cannot be rewritten")
    text = edit.text
    done = False
    for piece in joined.pieces:
        start, end = max(edit.start, piece.start), min(edit.end, piece.end)
        inserted = edit.start == edit.end and not done and piece.start <= edit.start <= piece.end
        if start < end or inserted:
            number = edit.number and len(joined.pieces) == 1
            yield piece.unit, Edit(piece.part, start - piece.start, end - piece.start, "" if done else text, number)
            done = True


class _Several(Batch):
    """Messages that came together and have nothing to do with each other: each has its own blocks."""

    __slots__ = ("several",)

    def __init__(self, held: "Sequence[_Held]") -> None:
        units = [one.unit for one in held]
        super().__init__(units, [block for unit in units for block in unit.blocks], [], [])
        self.several = held

    def write(self, edits: Sequence[Edit]) -> tuple[bytes, dict[str, str]]:
        """Return what goes on; none of it is a text that may."""
        own: list[list[Edit]] = [[] for _ in self._units]
        if edits:
            ends = list(accumulate(sum(len(block.parts) for block in unit.blocks) for unit in self._units))
            for edit in edits:
                at = bisect_right(ends, edit.part)
                own[at].append(replace(edit, part=edit.part - (ends[at - 1] if at else 0)))
        return b"".join(unit.write(its) for unit, its in zip(self._units, own, strict=True)), {}


class Stream:
    """One direction of a stream: give it messages as they come, take batches of them as they may go on."""

    def __init__(self, *, hold: bool = True, plain: bool = False) -> None:
        """Take whether messages may be held back, and whether those that are plain text may; both are followed."""
        self._hold = hold
        self._plain = plain
        self._held: list[_Held] = []
        self._carry: dict[str, str] = {}
        self._singly = 0  # messages that are judged one by one, as they may not all go on

    def put(self, unit: Unit, now: float) -> None:
        """Take the next message."""
        pieces, parts = _pieces(unit)
        self._held.append(_Held(unit, now, pieces, parts))

    @property
    def deadline(self) -> float | None:
        """When what is held back must be taken, whatever comes."""
        return self._held[0].since + HOLD if self._held else None

    @property
    def waiting(self) -> int:
        """How many messages are held back."""
        return len(self._held)

    def take(self, now: float, *, end: bool = False, join: bool = False) -> Batch | None:
        """Return what may go on by now, None for nothing; all of it at the `end` of the stream.

        `join` says that messages which came together may be judged as one though they have nothing to do with each
        other: it takes half the time.
        """
        held = self._held
        if not held:
            return None
        count = 1  # where each has facts of its own
        if self._hold:
            count = len(held) if end else self._free(now)
        if count == 0:
            return None
        together = count > 1 and not any(one.pieces for one in held[:count])
        if together:  # messages that have nothing to do with each other
            count = _joinable(held[:count]) if join and not self._singly else 1
        self._held = held[count:]
        self._singly = max(0, self._singly - count)
        return _Several(held[:count]) if together and count > 1 else self._batch(held[:count])

    def back(self, batch: Batch) -> None:
        """Take several messages back that may not all go on, so that they are taken one by one."""
        self._held = [*batch.several, *self._held]
        self._singly = len(batch.several)

    def sent(self, ends: dict[str, str]) -> None:
        """Take note of how the texts ended that were let go."""
        for path, text in ends.items():
            self._carry.pop(path, None)
            self._carry[path] = _shortened(text)
            if len(self._carry) > _MOST_TEXTS:
                del self._carry[next(iter(self._carry))]

    def _free(self, now: float) -> int:
        """Return how many of the messages need not be held back."""
        held = self._held
        if now >= held[0].since + HOLD or len(held) > _MOST_HELD:
            return len(held)
        last = held[-1]
        if not last.pieces:  # it says no more of any text
            return len(held)
        first = len(held)
        for path in {path for one in held for path in one.pieces}:
            texts = [(n, one.parts[one.pieces[path]].text) for n, one in enumerate(held) if path in one.pieces]
            joined = self._carry.get(path, "") + "".join(text for _, text in texts)
            tail = len(joined) - open_tail(joined)
            for number, text in reversed(texts):
                if tail <= 0 or (not path and not self._plain):
                    break
                first = min(first, number)
                tail -= len(text)
        return first

    def _batch(self, held: Sequence[_Held]) -> Batch:
        units = [one.unit for one in held]
        texts: dict[str, _Joined] = {}
        alone = len(held) == 1
        if alone and not any(path in self._carry for path in held[0].pieces):
            parts = held[0].parts
            ends = {path: _whole(path, 0, number, parts[number].text) for path, number in held[0].pieces.items()}
            return _Alone(units[0], ends)
        plain: list[Part] = []
        origins: list[tuple[int, int]] = []
        firsts: list[Part] = []
        for n, one in enumerate(held):
            own = set(one.pieces.values())
            parts = one.parts or tuple(chain.from_iterable(block.parts for block in one.unit.blocks))
            for number, part in enumerate(parts):
                if number not in own:
                    plain.append(part)
                    origins.append((n, number))
            for path, number in one.pieces.items():
                joined = texts.get(path)
                if joined is None:
                    carry = self._carry.get(path, "")
                    joined = texts[path] = _Joined(path, len(firsts), len(carry), carry)
                    firsts.append(parts[number])
                start = len(joined.text)
                joined.text += parts[number].text
                joined.pieces.append(_Piece(n, number, start, len(joined.text)))
        given = (*plain, *(replace(firsts[joined.number], text=joined.text) for joined in texts.values()))
        readable = all(part.kind is not Kind.OPAQUE for part in given)  # else a surface would not be all there is
        said = given[0].text if len(given) == 1 else "\n".join(part.text for part in given)
        surface = said.encode("utf-8", "surrogatepass") if readable else None
        raw = b"".join(unit.raw for unit in units)
        return Batch(units, (Block(lambda: given, surface=surface, raw=raw),), list(texts.values()), origins)


class _Alone(Batch):
    """One message that continues nothing: its own blocks are judged as they are."""

    __slots__ = ("_ends",)

    def __init__(self, unit: Unit, ends: dict[str, _Joined]) -> None:
        super().__init__((unit,), unit.blocks, [], [])
        self._ends = ends

    def write(self, edits: Sequence[Edit]) -> tuple[bytes, dict[str, str]]:
        """Return what goes on, and how its texts end."""
        ends = {
            path: (apply_edits(one.text, made) if (made := _of_part(edits, one.number)) else one.text)[-_CARRY:]
            for path, one in self._ends.items()
        }
        return self._units[0].write(edits), ends


def _joinable(held: Sequence[_Held]) -> int:
    """Return how many of these messages are judged as one: few enough that the first need not wait for the last."""
    size = 0
    for count, one in enumerate(held[:_MOST_JOINED]):
        raw = one.unit.raw
        size += len(raw)
        if size > _MOST_BYTES or _LISTED.search(raw):
            return max(1, count)
    return min(len(held), _MOST_JOINED)


_LISTED = re.compile(rb"""\[|"[0-9]+"\s*:|(?:\n|data:)\s*[-0-9]""")
"""What a list of numbers may be in: those of several messages must not be taken for one."""


def _of_part(edits: Sequence[Edit], part: int) -> list[Edit]:
    return [edit for edit in edits if edit.part == part]


def _whole(path: str, unit: int, part: int, text: str) -> _Joined:
    return _Joined(path, part, 0, text, [_Piece(unit, part, 0, len(text))])


def _pieces(unit: Unit) -> tuple[dict[str, int], tuple[Part, ...]]:
    """Return which parts of a message are pieces of a text, by their path, and all parts if there is any."""
    if not any(_may_hold_text(block) for block in unit.blocks):
        return {}, ()
    parts = tuple(chain.from_iterable(block.parts for block in unit.blocks))
    pieces: dict[str, int] = {}
    for number, part in enumerate(parts):
        path = part.path
        if part.kind is not Kind.TEXT or not part.text or path in pieces:
            continue
        if path == "" or (path[:1] == "/" and (part.name in _TEXTS or path.rpartition("/")[2] in _TEXTS)):
            pieces[path] = number
    return pieces, parts if pieces else ()


def _may_hold_text(block: Block) -> bool:
    """Return whether a look at a block's surface leaves it open that a piece of a text is in it."""
    surface = block.surface
    if block.key is not None:  # lines around the data
        return False
    return surface is None or surface[:1] not in (b"{", b"[", b"") or _NAMED.search(surface) is not None


def open_tail(text: str) -> int:
    """Return from where on a text may be the beginning of a value or a token; its length if it cannot be.

    That is its last word, and the words before it that it may belong to: those with a digit or a capital in them.
    """
    start = len(text)
    least = max(0, start - _LONGEST_TAIL)
    end = start
    while end > least:
        begin = end
        while begin > least and not text[begin - 1].isspace():
            begin -= 1
        word = text[begin:end]
        if end < start and not _may_go_on(word):
            break
        if not word:
            if not _may_go_on(_word_before(text, begin, least)):
                break
        else:
            start = begin
        end = begin
        while end > least and text[end - 1].isspace():
            end -= 1
        if end == begin:
            break
    bracket = _BRACKET.search(text, least)
    return min(start, bracket.start()) if bracket else start


def _word_before(text: str, at: int, least: int) -> str:
    end = at
    while end > least and text[end - 1].isspace():
        end -= 1
    begin = end
    while begin > least and not text[begin - 1].isspace():
        begin -= 1
    return text[begin:end]


def _may_go_on(word: str) -> bool:
    """Return whether a value may go on behind this word: a number in groups, a name."""
    return word[-1:] not in ".!?;:" and (word[:1].isupper() or any(sign.isdigit() for sign in word))


def _shortened(text: str) -> str:
    """Return the end of a text, from the beginning of a word on where there is one."""
    if len(text) < _CARRY:
        return text
    space = re.search(r"\s", text)
    return text[space.end() :] if space and space.end() < _CARRY // 2 else text
