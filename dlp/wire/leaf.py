"""Texts inside a text: how a leaf is written in its format, and how edits go into it."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import overload

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.limits import MAX_PARTS, MAX_PATHS, let_go

type Pieces = Iterable[tuple[str, str]]
"""A written text cut up as (as written, what it says). Where both are equal the piece may be cut anywhere."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How one kind of leaf is written.

    `pieces` cuts what stands between the `fence` code points on either side; None where only writing anew will do.
    `encode` writes a stretch of text, `whole` the leaf with its fence (and as a number, where asked and possible).
    `decode` reads a whole leaf. `escape` writes one code point that the charset lacks. All raise ParseError for what
    the format cannot say. `usual` are ways to write a whole leaf, all of which can say any text: one that was written
    so is written so again.
    """

    encode: Callable[[str], str]
    decode: Callable[[str], str]
    whole: Callable[[str, bool], str]
    pieces: Callable[[str], Pieces] | None
    fence: int = 0
    escape: Callable[[str], str] | None = None
    usual: Sequence[Callable[[str], str]] = ()


_new = object.__new__
_set_path, _set_text, _set_kind, _set_name, _set_length, _set_why, _set_unstructured, _set_ambiguous = (
    getattr(Part, field.name).__set__ for field in fields(Part)
)


_QUOTED_KEY = re.compile(r"""["']\s*+:""")


def holds_record(text: str) -> bool:
    """Return whether a text may be a record of its own, written into a leaf of another: it has something like a key."""
    return ('"' in text or "'" in text) and _QUOTED_KEY.search(text) is not None


def text_part(path: str, text: str, name: str) -> Part:
    """Return the part of a leaf; it says so where the leaf holds a record that is not read."""
    return make_part(path, text, Kind.TEXT, name, unstructured=holds_record(text))


def make_part(path: str, text: str, kind: Kind, name: str, *, unstructured: bool = False) -> Part:
    """Return `Part(path, text, kind, name)`, in half the time that a frozen dataclass takes (0.4 instead of 0.7 µs)."""
    part = _new(Part)
    _set_path(part, path)
    _set_text(part, text)
    _set_kind(part, kind)
    _set_name(part, name)
    _set_length(part, 0)
    _set_why(part, "")
    _set_unstructured(part, unstructured)
    _set_ambiguous(part, False)  # noqa: FBT003 - the shape of a setter
    return part


type Place = tuple[int, int, Codec]
"""Where a leaf stands, fence included, half-open."""


class Places(Sequence[Place]):
    """Places in columns: there are as many as parts, and as tuples they would take half as much memory as those."""

    __slots__ = ("codecs", "ends", "starts")

    def __init__(self) -> None:
        self.starts, self.ends = array("I"), array("I")
        self.codecs: list[Codec] = []

    def append(self, place: Place) -> None:
        """Add a place."""
        start, end, codec = place
        self.starts.append(start)
        self.ends.append(end)
        self.codecs.append(codec)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.codecs)

    def __iter__(self) -> Iterator[Place]:
        """Give them in order."""
        return zip(self.starts, self.ends, self.codecs, strict=True)

    @overload
    def __getitem__(self, at: int) -> Place: ...
    @overload
    def __getitem__(self, at: slice) -> list[Place]: ...
    def __getitem__(self, at: int | slice) -> Place | list[Place]:
        """Return one, or some in a row."""
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return self.starts[at], self.ends[at], self.codecs[at]


class Leaves:
    """The parts of one text, while they are read, and where each of them stands."""

    __slots__ = ("parts", "places", "spent")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.places = Places()
        self.spent = 0  # code points of all paths

    def add(self, part: Part, start: int, end: int, codec: Codec) -> None:
        """Take one more part; raises ParseError where there are too many to keep."""
        self.parts.append(part)
        self.places.append((start, end, codec))
        self.spent += len(part.path)
        self.check()

    def doubt(self) -> None:
        """Mark every part as one that other readers may not see."""
        self.parts = [replace(part, ambiguous=True) for part in self.parts]

    def check(self) -> None:
        """Raise ParseError where there are more parts, or longer paths, than are kept."""
        if self.spent > MAX_PATHS or len(self.parts) > MAX_PARTS:
            let_go(self.parts)
            raise ParseError(f"body: more than {MAX_PARTS} parts, or paths too long to keep")


type Reader = Callable[[str, str, Leaves], None]
"""Reads a whole text, with the prefix of all paths, into leaves; raises ParseError."""


def by_part(edits: Iterable[Edit]) -> dict[int, list[Edit]]:
    """Return edits sorted into their parts.

    Raises:
        ParseError: a text to be written is no text (it holds half a surrogate pair).

    """
    sorted_out: dict[int, list[Edit]] = {}
    for edit in edits:
        try:
            edit.text.encode()
        except UnicodeEncodeError:
            raise ParseError("edit: its text holds half a surrogate pair") from None
        sorted_out.setdefault(edit.part, []).append(edit)
    return sorted_out


def edited_text(part: Part, edits: Iterable[Edit]) -> str:
    """Return what a part says once edited; raises ParseError where the edits do not fit it."""
    try:
        return apply_edits(part.text, edits)
    except ValueError as error:
        raise ParseError(f"part of {len(part.text)} code points: {error}") from error


def rewrite(
    text: str,
    parts: Sequence[Part],
    places: Sequence[Place],
    edits: Mapping[int, Sequence[Edit]],
    *,
    charset: str = "utf-8",
) -> str:
    """Return `text` with the edits made in it; all else stays as it is written.

    `parts` and `places` belong together; `edits` are by their index.

    Raises:
        ParseError: an edit does not fit its part, or the format cannot say its text.

    """
    out: list[str] = []
    done = 0
    for start, end, index in sorted((places[i][0], places[i][1], i) for i in edits):
        codec = places[index][2]
        leaf = rewrite_leaf(text[start:end], codec, parts[index], edits[index], charset)
        out += (text[done:start], leaf)
        done = end
    out.append(text[done:])
    return "".join(out)


def rewrite_leaf(raw: str, codec: Codec, part: Part, edits: Sequence[Edit], charset: str = "utf-8") -> str:
    """Return one leaf with its edits made, read back and found to say what it should."""
    text = edited_text(part, edits)
    number = len(edits) == 1 and edits[0].number and edits[0].start == 0 and edits[0].end == len(part.text)
    if not number and charset == "utf-8":
        for written in codec.usual:
            if written(part.text) == raw:
                return written(text)
    if not number and codec.pieces is not None:
        fence = codec.fence
        inner = raw[fence : len(raw) - fence]
        leaf = raw[:fence] + _rewrite_pieces(codec, codec.pieces(inner), len(part.text), edits)
        leaf = _encodable(leaf + raw[len(raw) - fence :], codec, charset)
        if codec.decode(leaf) == text:
            return leaf
    # What was kept and what was put in flowed together ("%4" + "1"): everything is written anew.
    leaf = _encodable(codec.whole(text, number), codec, charset)
    if codec.decode(leaf) != text:
        raise ParseError("edit: the format cannot say this text in this place")
    return leaf


def _rewrite_pieces(codec: Codec, pieces: Pieces, length: int, edits: Sequence[Edit]) -> str:
    walk = _Walk(codec, iter(pieces))
    out: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        walk.go(edit.start, out)
        walk.go(edit.end, None)
        out.append(codec.encode(edit.text))
        done = edit.end
    walk.go(max(done, length), out)
    return "".join(out)


class _Walk:
    """A position in the pieces of a leaf; it only goes forward."""

    def __init__(self, codec: Codec, pieces: Iterator[tuple[str, str]]) -> None:
        self._codec = codec
        self._pieces = pieces
        self._raw = self._says = ""
        self._used = 0  # code points of the current piece that are done with
        self._at = 0

    def go(self, end: int, out: list[str] | None) -> None:
        """Go to code point `end` of the text; put what lies between into `out`."""
        while self._at < end:
            if self._used == len(self._says):
                self._raw, self._says = next(self._pieces)
                self._used = 0
                if not self._says:  # written, and says nothing
                    if out is not None:
                        out.append(self._raw)
                    continue
            step = min(len(self._says) - self._used, end - self._at)
            if out is not None:
                out.append(self._stretch(self._used, self._used + step))
            self._used += step
            self._at += step

    def _stretch(self, start: int, end: int) -> str:
        if self._raw == self._says:
            return self._raw[start:end]
        if start == 0 and end == len(self._says):
            return self._raw
        return self._codec.encode(self._says[start:end])


def _encodable(leaf: str, codec: Codec, charset: str) -> str:
    if charset == "utf-8" or codec.escape is None:
        return leaf
    out = []
    for char in leaf:
        try:
            char.encode(charset)
        except UnicodeEncodeError:
            out.append(codec.escape(char))
        else:
            out.append(char)
    return "".join(out)


def _same(text: str) -> str:
    return text


def _refuse(_text: str, _number: bool = False) -> str:  # noqa: FBT001, FBT002 - the shape of a codec's function
    raise ParseError("edit: this part can be read but not rewritten")


VERBATIM = Codec(
    encode=_same,
    decode=_same,
    whole=lambda text, _number: text,
    pieces=lambda raw: ((raw, raw),),
)
"""Text that stands as it is."""

MIRROR = Codec(encode=_refuse, decode=_same, whole=_refuse, pieces=None)
"""Text that says what another leaf says: it is written there, and read back here."""

FIXED = Codec(encode=_refuse, decode=_same, whole=_refuse, pieces=None)
"""Text that can be read and not rewritten."""
