"""The language of `when:`: an expression over facts, checked against their types and compiled to a closure.

    expression = all { "or" all } ;  all = one { "and" one } ;  one = "not" one | "(" expression ")" | comparison
    comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand
                         | ["not"] "in" (list | "[" literal {"," literal} "]") | "matches" text ]
    operand    = fact | text in quotes | number | true | false

Logic is Kleene's: what depends on an unknown fact, or on one of the wrong type, is unknown.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlp.core.message import Fact, Facts
from dlp.core.policy import Condition
from dlp.strict_yaml import nearest

BUILT_IN: Mapping[str, str] = {
    "method": "text",
    "host": "text",
    "scheme": "text",
    "port": "number",
    "path": "text",
    "upstream": "text",
    "operation": "text",
    "direction": "text",
    "agent": "text",
    "purpose": "text",
    "part": "text",
    "opaque": "boolean",
    "tool_known": "boolean",
    "tool_changed": "boolean",
    "hidden_text": "boolean",
    "read_only_hint": "boolean",
    "destructive_hint": "boolean",
    "idempotent_hint": "boolean",
    "open_world_hint": "boolean",
}
"""The facts that the proxy itself states, and their types."""

CLAIMS = frozenset({"read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint"})
"""What an MCP server claims about its own tool: a reason to ask or to block, never one to allow."""

NO_TOOL: Mapping[str, Fact] = {"tool_known": False, "tool_changed": False, "hidden_text": False}
"""What holds of a message to or from an MCP server that is about none of its tools."""

TYPES = ("text", "number", "boolean", "list")

_LONGEST = 4000
_DEEPEST = 40
_LEXEME = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"""
    r"""|(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))"""
)
_RESERVED = ("and", "or", "not", "in", "matches", "true", "false")


class WhenError(ValueError):
    """The expression cannot mean anything; `at` is the offset where that shows."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str  # text | number | word | sign | end
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class _Operand:
    type: str
    read: Callable[[Facts], Fact | None]
    at: int


def compile_when(
    text: str, types: Mapping[str, str], lists: Mapping[str, Sequence[Fact]]
) -> tuple[Condition, frozenset[str]]:
    """Return the condition that `text` says, and the facts it asks for; facts have these types, lists these names.

    Raises:
        WhenError: it does not parse, names an unknown fact or list, or compares what never compares.

    """
    if len(text) > _LONGEST:
        raise WhenError(f"expected at most {_LONGEST} characters, got {len(text)}", 0)
    parser = _Parser(_words(text), types, lists)
    return parser.whole(), frozenset(parser.used)


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _LEXEME.match(text, at)
        if match is None:
            while text[at].isspace():
                at += 1
            raise WhenError(f"expected a fact, a comparison, a quoted text or a number, got {text[at]}", at)
        kind = match.lastgroup or ""
        words.append(_Word(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*words, _Word("end", "the end", end)]


class _Parser:
    """Recursive descent over the words of one expression."""

    def __init__(self, words: list[_Word], types: Mapping[str, str], lists: Mapping[str, Sequence[Fact]]) -> None:
        self._words = words
        self._types = types
        self._lists = lists
        self._next = 0
        self._depth = 0
        self.used: set[str] = set()

    def whole(self) -> Condition:
        condition = self._either()
        word = self._peek()
        if word.kind != "end":
            raise WhenError(f"expected `and`, `or` or the end, got {word.text}", word.at)
        return condition

    def _peek(self) -> _Word:
        return self._words[self._next]

    def _take(self) -> _Word:
        word = self._words[self._next]
        self._next = min(self._next + 1, len(self._words) - 1)
        return word

    def _took(self, *texts: str) -> str:
        word = self._peek()
        if word.kind in ("word", "sign") and word.text in texts:
            self._take()
            return word.text
        return ""

    def _either(self) -> Condition:
        terms = [self._all()]
        while self._took("or"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else _or(tuple(terms))

    def _all(self) -> Condition:
        terms = [self._one()]
        while self._took("and"):
            terms.append(self._one())
        return terms[0] if len(terms) == 1 else _and(tuple(terms))

    def _one(self) -> Condition:
        word = self._peek()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WhenError(f"expected at most {_DEEPEST} levels of `not` and parentheses", word.at)
        if self._took("not"):
            condition = _not(self._one())
        elif self._took("("):
            condition = self._either()
            if not self._took(")"):
                raise WhenError(f"expected ), got {self._peek().text}", self._peek().at)
        else:
            condition = self._comparison()
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        left = self._operand()
        sign = self._peek()
        if self._took("matches"):
            return self._matches(left)
        if self._took("in"):
            return self._member(left)
        if self._took("not"):
            if not self._took("in"):
                raise WhenError(f"expected `in` after `not`, got {self._peek().text}", self._peek().at)
            return _not(self._member(left))
        if not self._took("==", "!=", "<", "<=", ">", ">="):
            if left.type != "boolean":
                raise WhenError(f"expected a comparison after a {left.type}, got {sign.text}", sign.at)
            return _is(left.read)
        right = self._operand()
        _comparable(left, sign, right)
        return _compare(left, sign.text, right)

    def _operand(self) -> _Operand:
        word = self._take()
        if word.kind in ("text", "number") or word.text in ("true", "false"):
            value = _literal(word)
            return _Operand(_type(value), lambda _: value, word.at)
        if word.kind != "word" or word.text in _RESERVED:
            raise WhenError(f"expected a fact or a value, got {word.text}", word.at)
        if word.text not in self._types:
            raise WhenError(f"unknown fact {word.text}{nearest(word.text, self._types)}", word.at)
        self.used.add(word.text)
        return _Operand(self._types[word.text], _reader(word.text, self._types[word.text]), word.at)

    def _matches(self, left: _Operand) -> Condition:
        word = self._take()
        if word.kind != "text":
            raise WhenError(f'expected a pattern in quotes such as "#hr-*", got {word.text}', word.at)
        if left.type != "text":
            raise WhenError(f"expected a text before `matches`, got a {left.type}", left.at)
        return _glob(left.read, word.text[1:-1].split("*"))

    def _member(self, left: _Operand) -> Condition:
        word = self._take()
        if word.text == "[" and word.kind == "sign":
            return _in(left.read, self._constant(self._literals(), left))
        if word.kind == "word" and word.text in self._lists:
            return _in(left.read, self._constant(self._lists[word.text], left))
        if word.kind == "word" and self._types.get(word.text) == "list":
            if left.type not in ("text", "list"):
                raise WhenError(f"expected a text before `in`, got a {left.type}", left.at)
            self.used.add(word.text)
            return _in(left.read, _reader(word.text, "list"))
        known = {*self._lists, *(name for name, type_ in self._types.items() if type_ == "list")}
        raise WhenError(f"expected a list, got {word.text}{nearest(word.text, known)}", word.at)

    def _literals(self) -> list[Fact]:
        values: list[Fact] = []
        while not self._took("]"):
            word = self._take()
            if word.kind not in ("text", "number") and word.text not in ("true", "false"):
                raise WhenError(f"expected a value or ], got {word.text}", word.at)
            values.append(_literal(word))
            if not self._took(",") and self._peek().text != "]":
                raise WhenError(f"expected , or ], got {self._peek().text}", self._peek().at)
        return values

    def _constant(self, values: Sequence[Fact], left: _Operand) -> Callable[[Facts], Fact | None]:
        wanted = "text" if left.type == "list" else left.type
        wrong = next((_type(value) for value in values if _type(value) != wanted), "")
        if wrong or not values:
            raise WhenError(f"expected a list of {wanted}s, got {f'a {wrong} in it' if wrong else 'none'}", left.at)
        items = frozenset(values)
        return lambda _: items  # type: ignore[return-value]  # only asked for membership


def _literal(word: _Word) -> Fact:
    if word.kind == "text":
        return word.text[1:-1]
    if word.kind == "number":
        return float(word.text) if "." in word.text else int(word.text)
    return word.text == "true"


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) else "list"


def _reader(name: str, wanted: str) -> Callable[[Facts], Fact | None]:
    def read(facts: Facts) -> Fact | None:
        value = facts.get(name)
        return value if value is not None and _type(value) == wanted else None

    return read


def _comparable(left: _Operand, sign: _Word, right: _Operand) -> None:
    if left.type != right.type:
        raise WhenError(f"expected a {left.type} after {sign.text}, got a {right.type}", right.at)
    if "list" in (left.type, right.type):
        raise WhenError(f"expected `in` with a list, got {sign.text}", sign.at)
    if sign.text not in ("==", "!=") and left.type != "number":
        raise WhenError(f"expected numbers around {sign.text}, got a {left.type}", sign.at)


_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _compare(left: _Operand, sign: str, right: _Operand) -> Condition:
    test = _SIGNS[sign]
    read_left, read_right = left.read, right.read

    def condition(facts: Facts) -> bool | None:
        a, b = read_left(facts), read_right(facts)
        return None if a is None or b is None else test(a, b)  # type: ignore[arg-type]  # types were checked

    return condition


def _is(read: Callable[[Facts], Fact | None]) -> Condition:
    return read  # type: ignore[return-value]  # a boolean fact, or None


def _in(read: Callable[[Facts], Fact | None], items: Callable[[Facts], Fact | None]) -> Condition:
    """Return membership; of a list, every item's, and unknown for an empty one: nobody was named."""

    def condition(facts: Facts) -> bool | None:
        value, known = read(facts), items(facts)
        if value is None or known is None or value == ():
            return None
        given = value if isinstance(value, tuple) else (value,)
        return all(item in known for item in given)  # type: ignore[operator]  # a tuple or a frozenset

    return condition


def _glob(read: Callable[[Facts], Fact | None], pieces: list[str]) -> Condition:
    def condition(facts: Facts) -> bool | None:
        value = read(facts)
        return None if value is None else _fits(str(value), pieces)

    return condition


def _fits(text: str, pieces: list[str]) -> bool:
    """Tell whether `text` is the pieces with anything between them; leftmost matches suffice, so this is linear."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _not(inner: Condition) -> Condition:
    def condition(facts: Facts) -> bool | None:
        value = inner(facts)
        return None if value is None else not value

    return condition


def _and(terms: tuple[Condition, ...]) -> Condition:
    def condition(facts: Facts) -> bool | None:
        answer: bool | None = True
        for term in terms:
            value = term(facts)
            if value is False:
                return False
            answer = None if value is None else answer
        return answer

    return condition


def _or(terms: tuple[Condition, ...]) -> Condition:
    def condition(facts: Facts) -> bool | None:
        answer: bool | None = False
        for term in terms:
            value = term(facts)
            if value:
                return True
            answer = None if value is None else answer
        return answer

    return condition
