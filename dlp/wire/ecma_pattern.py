"""Patterns of JSON Schema (ECMA-262): whether a short text matches one, and texts made so that they do.

Whoever wrote a pattern is not trusted: a match is found by following sets of positions, in time that is bounded by the
lengths of pattern and text, and never by trying again. What goes beyond regular languages (assertions that look around,
references back) is not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dlp.core.errors import ParseError

_LONGEST = 512
_MOST_TIMES = 256
_DEEPEST = 32
_MOST_MADE = 256
_MOST_STEPS = 200_000
_DIGITS = frozenset("0123456789")
_WORDS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_BLANKS = frozenset(" \t\n\r\f\v\u00a0\u2028\u2029\ufeff")
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _BLANKS}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_HEX = {"x": 2, "u": 4}
_TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}
# What a stand-in is made of, best first: what is plain, then what is loud, then anything that can be seen.
_PLAIN = ("abcdefghijklmnopqrstuvwxyz0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-_.~!#$&*+,/:;=?@^{|}()'`<> ")


@dataclass(frozen=True, slots=True)
class Set:
    """One character of some, or of all others."""

    chars: frozenset[str]
    negated: bool = False

    def has(self, char: str) -> bool:
        """Return whether it may be this one."""
        return (char in self.chars) is not self.negated


@dataclass(frozen=True, slots=True)
class Edge:
    """The start of a text, or its end."""

    end: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of several."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Times:
    """The same again; `most` is None where there is no end to it."""

    node: "Node"
    least: int
    most: int | None


type Node = Set | Edge | Row | Either | Times


class Pattern:
    """One pattern, read."""

    def __init__(self, text: str) -> None:
        """Read it; raises ParseError for what is no pattern, or one that is not read."""
        if len(text) > _LONGEST:
            raise ParseError(f"pattern: expected at most {_LONGEST} characters, got {len(text)}")
        self._node = _Reader(text).all()

    def matches(self, text: str) -> bool:
        """Return whether it matches anywhere in a text, which is what JSON Schema asks.

        Raises:
            ParseError: it would take too long to tell.

        """
        return bool(_Walk(text).ends(self._node, set(range(len(text) + 1))))

    def text(self, number: int, width: int) -> tuple[str, int]:
        """Return a text that it describes, chosen by `number`, and among how many.

        What may be repeated without end, or `width` times, is repeated that often. Where the pattern asks for the end
        in the middle, the text may not match.

        Raises:
            ParseError: it describes no text that could be shown, or only ones that are too long.

        """
        maker = _Maker(number, width)
        return "".join(maker.make(self._node)), maker.choices


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = self._deep = 0

    def all(self) -> Node:
        """Return the whole."""
        node = self._either()
        if self._at < len(self._text):
            raise ParseError(f"pattern: not read at {self._at}")
        return node

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise ParseError("pattern: it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _sees(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _either(self) -> Node:
        found = [self._row()]
        while self._sees("|"):
            found.append(self._row())
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _row(self) -> Node:
        found: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            found.append(self._times(self._one()))
        return Row(tuple(found))

    def _times(self, node: Node) -> Node:
        sign = self._text[self._at : self._at + 1]
        least, most = _TIMES.get(sign, (1, 1))
        if sign in _TIMES:
            self._at += 1
        elif sign == "{":
            least, most = self._counts()
        else:
            return node
        self._sees("?")  # as few as will do: the same texts match
        if isinstance(node, Edge) or least > _MOST_TIMES or (most is not None and most < least):
            raise ParseError(f"pattern: not read before {self._at}")
        return Times(node, least, most)

    def _counts(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : max(end, 0)].partition(",")
        if not _is_count(low) or (high and not _is_count(high)):
            raise ParseError(f"pattern: not read at {self._at}")
        self._at = end + 1
        return int(low), int(high) if high else None if comma else int(low)

    def _one(self) -> Node:
        char = self._next()
        if char == "(":
            if self._sees("?") and not (self._sees(":") or self._name()):
                raise ParseError(f"pattern: not read at {self._at}")
            self._deep += 1
            if self._deep > _DEEPEST:
                raise ParseError(f"pattern: nested more than {_DEEPEST} deep")
            node = self._either()
            self._deep -= 1
            if not self._sees(")"):
                raise ParseError("pattern: a group without an end")
            return node
        if char == "[":
            return self._set()
        if char == ".":
            return Set(frozenset("\n\r\u2028\u2029"), negated=True)
        if char in "^$":
            return Edge(end=char == "$")
        if char in "*+?{":
            raise ParseError(f"pattern: not read at {self._at}")
        return self._escaped() if char == "\\" else Set(frozenset(char))

    def _name(self) -> bool:
        if not self._sees("<") or self._text[self._at : self._at + 1] in ("=", "!"):
            return False
        end = self._text.find(">", self._at)
        self._at = end + 1
        return end > 0

    def _escaped(self) -> Set:
        char = self._next()
        if char.lower() in _CLASSES:
            return Set(_CLASSES[char.lower()], negated=char.isupper())
        if char in _CONTROLS:
            return Set(frozenset(_CONTROLS[char]))
        if char in _HEX:
            digits = self._text[self._at : self._at + _HEX[char]]
            if len(digits) < _HEX[char] or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise ParseError(f"pattern: not read at {self._at}")
            self._at += _HEX[char]
            return Set(frozenset(chr(int(digits, 16))))
        if char.isalnum():  # \b, \1, \p: no set of characters
            raise ParseError(f"pattern: not read at {self._at}")
        return Set(frozenset(char))

    def _set(self) -> Set:
        negated, chars = self._sees("^"), set[str]()
        while not self._sees("]"):
            first = self._member()
            if first.negated:
                raise ParseError("pattern: a set within a set")
            if len(first.chars) == 1 and self._text[self._at : self._at + 1] == "-" and not self._sees("-]"):
                self._at += 1
                last = self._member()
                (low,), high = first.chars, max(last.chars)
                if len(last.chars) != 1 or last.negated or not low <= high:
                    raise ParseError(f"pattern: not read at {self._at}")
                chars.update(map(chr, range(ord(low), ord(high) + 1)))
            else:
                chars |= first.chars
                if self._text[self._at - 2 : self._at] == "-]":
                    chars.add("-")
                    break
        return Set(frozenset(chars), negated)

    def _member(self) -> Set:
        char = self._next()
        if char == "\\":
            return Set(frozenset("\b")) if self._sees("b") else self._escaped()
        return Set(frozenset(char))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4  # noqa: PLR2004 - more digits are more than anybody means


class _Walk:
    """Follows a pattern through one text, from sets of places to sets of places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _MOST_STEPS

    def ends(self, node: Node, starts: set[int]) -> set[int]:
        """Return where a match may end that begins at one of these places."""
        self._left -= len(starts) + 1
        if self._left < 0:
            raise ParseError("pattern: it takes too long to tell whether a text matches")
        text = self._text
        match node:
            case Set():
                return {at + 1 for at in starts if at < len(text) and node.has(text[at])}
            case Edge():
                return {at for at in starts if at == (len(text) if node.end else 0)}
            case Row():
                for one in node.nodes:
                    starts = self.ends(one, starts)
                return starts
            case Either():
                return set().union(*(self.ends(one, starts) for one in node.nodes))
            case Times():
                return self._repeated(node, starts)

    def _repeated(self, node: Times, at: set[int]) -> set[int]:
        for _ in range(node.least):
            at = self.ends(node.node, at)
        reached, fresh, times = set(at), at, node.least
        while fresh and (node.most is None or times < node.most):
            fresh = self.ends(node.node, fresh) - reached
            reached |= fresh
            times += 1
        return reached


class _Maker:
    """Makes a text, choosing by the digits of one large number."""

    def __init__(self, number: int, width: int) -> None:
        self._number = number
        self._width = width
        self.choices = 1
        self._left = _MOST_MADE * 4

    def make(self, node: Node) -> Iterator[str]:
        """Give the pieces of a text."""
        self._left -= 1
        if self._left < 0:
            raise ParseError("pattern: it describes no short text")
        match node:
            case Set():
                yield self.one_of(_pool(node))
            case Edge():
                return
            case Row():
                for one in node.nodes:
                    yield from self.make(one)
            case Either():
                yield from self.make(node.nodes[0])
            case Times():
                most = self._width if node.most is None else min(node.most, self._width)
                for _ in range(max(node.least, most)):
                    yield from self.make(node.node)

    def one_of(self, pool: str) -> str:
        """Return one character of some."""
        if not pool:
            raise ParseError("pattern: a set without a character that could be shown")
        self._number, chosen = divmod(self._number, len(pool))
        self.choices *= len(pool)
        return pool[chosen]


def _pool(node: Set) -> str:
    return next(filter(None, ("".join(filter(node.has, chars)) for chars in _PLAIN)), "")
