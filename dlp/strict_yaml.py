"""YAML to nodes that know their place: the YAML 1.2 core scalars, and nothing that surprises. PyYAML's only home."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from dlp.core.errors import DlpError

_DEEPEST = 64
"""Levels of nesting; no policy or settings file comes near, and composing a deeper one would exhaust the stack."""

type Value = str | int | float | bool | None
"""A scalar of the YAML 1.2 core schema."""


class YamlError(DlpError):
    """The file is not what it has to be; the text begins with `file:line:column`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Write it the way editors and compilers do."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `inset` is how far into it the text begins (1 after a quote), None where it spans lines."""

    mark: Mark
    value: Value = field(repr=False)
    inset: int | None = 0

    def inside(self, offset: int) -> Mark:
        """Return the place of a character of the text, or of the whole where that cannot be told."""
        if self.inset is None:
            return self.mark
        return Mark(self.mark.file, self.mark.line, self.mark.column + self.inset + offset)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and what is under it."""

    mark: Mark
    key: str
    node: "Node"


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; its keys are texts, each given once."""

    mark: Mark
    entries: tuple[Entry, ...]

    def get(self, key: str) -> "Node | None":
        """Return what is under `key`."""
        return next((entry.node for entry in self.entries if entry.key == key), None)


type Node = Scalar | Sequence | Map


def load(text: str | bytes, file: str) -> Node:
    """Return the one document of a file.

    Raises:
        YamlError: it is not YAML, or uses what this reader leaves out: anchors, aliases, tags, merge keys, directives,
            duplicate keys, keys that are not texts, several documents.

    """
    start = Mark(file, 1, 1)
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise YamlError(f"{start}: expected UTF-8, got a byte that is not at offset {error.start}") from None
    try:
        _refuse_surprises(yaml.parse(text, Loader=yaml.SafeLoader), file)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        told = ", ".join(filter(None, (error.context, error.problem)))
        # What is not closed is told where it was opened: the end of the file is where nobody has to look.
        marks = (error.problem_mark, error.context_mark)
        mark = next(filter(None, marks[::-1] if "<stream end>" in told or "end of stream" in told else marks), None)
        place = start if mark is None else _mark(file, mark)
        hint = next((hint for words, hint in _HINTS if words in told), "")
        raise YamlError(f"{place}: not YAML: {told}{hint}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise YamlError(f"{Mark(file, line, column)}: expected printable text, got a control character") from None
    if root is None:
        raise YamlError(f"{start}: expected a mapping, got an empty file")
    return _node(root, file)


_HINTS = (
    ("'\\t'", "; indent with spaces: YAML takes no tabs"),
    (
        "mapping values are not allowed here",
        "; put a text with `: ` in it in quotes, and indent keys of one level alike",
    ),
    ("unexpected end of stream", "; the quote is not closed"),
    ("got '<stream end>'", "; the bracket is not closed, or ` #` began a comment: put a text with # in it in quotes"),
    ("expected <block end>", "; indent keys of one level alike"),
    ("found another document", "; one file is one document: leave out `---`"),
)
"""What people mostly did where the parser says this."""


def _mark(file: str, mark: Any) -> Mark:
    return Mark(file, mark.line + 1, mark.column + 1)


def _refuse_surprises(events: Iterator[yaml.events.Event], file: str) -> None:
    depth = 0
    for event in events:
        found = ""
        match event:
            case yaml.AliasEvent():
                found = "an alias"
            case yaml.NodeEvent(anchor=str()):
                found = "an anchor"
            case yaml.ScalarEvent(tag=str()) | yaml.CollectionStartEvent(tag=str()):
                found = "a tag"
            case yaml.DocumentStartEvent(version=version, tags=tags) if version or tags:
                found = "a directive"
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            found = found or (f"more than {_DEEPEST} levels" if depth > _DEEPEST else "")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if found:
            place = _mark(file, event.start_mark)
            raise YamlError(f"{place}: expected plain YAML, got {found}; write the value out where it is used")


def _node(node: yaml.Node, file: str) -> Node:
    mark = _mark(file, node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return Map(mark, tuple(_entries(node, file)))
    if isinstance(node, yaml.SequenceNode):
        return Sequence(mark, tuple(_node(item, file) for item in node.value))
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    lines = node.end_mark.line - node.start_mark.line
    return Scalar(mark, node.value if style else _plain(node.value), None if lines else int(bool(style)))


def _entries(node: yaml.MappingNode, file: str) -> Iterator[Entry]:
    seen: dict[str, Mark] = {}
    for key_node, value in node.value:
        key = _node(key_node, file)
        if not isinstance(key, Scalar) or not isinstance(key.value, str):
            raise YamlError(f"{key.mark}: expected a text as key, got {kind(key)}; put it in quotes")
        if key.value == "<<" and not key_node.style:
            raise YamlError(f"{key.mark}: expected a key, got a merge key; write the entries out")
        if key.value in seen:
            raise YamlError(f"{key.mark}: the key {key.value} is given twice; first in line {seen[key.value].line}")
        seen[key.value] = key.mark
        yield Entry(key.mark, key.value, _node(value, file))


_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Value] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _plain(text: str) -> Value:
    """Return an unquoted scalar by the core schema (YAML 1.2.2, section 10.3.2); infinities stay texts."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 100:  # noqa: PLR2004 (int() refuses thousands of digits)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def kind(node: Node) -> str:
    """Return what a node is, in words for an error."""
    match node:
        case Map():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=int() | float()):
            return "a number"
        case _:
            return "a text"


def fail(node: Node | Entry, message: str) -> NoReturn:
    """Raise a YamlError at the place of `node`."""
    raise YamlError(f"{node.mark}: {message}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …? known: …`: the end of an error about an unknown name."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint}; known: {', '.join(names) if names else 'none'}"


def expect_map(
    node: Node, what: str, keys: Iterable[str] | None = None, *, need: Iterable[str] = ()
) -> dict[str, Node]:
    """Return a mapping's entries. With `keys`, any other key is an error; each of `need` must be there."""
    if not isinstance(node, Map):
        fail(node, f"{what}: expected a mapping, got {kind(node)}")
    known = None if keys is None else set(keys)
    for entry in node.entries:
        if known is not None and entry.key not in known:
            fail(entry, f"{what}: unknown key {entry.key}{nearest(entry.key, known)}")
    entries = {entry.key: entry.node for entry in node.entries}
    for key in need:
        if key not in entries:
            fail(node, f"{what}: expected the key {key}, got only {', '.join(entries) or 'none'}")
    return entries


def expect_list(node: Node, what: str) -> tuple[Node, ...]:
    """Return a list's items; an empty list is an error, since it could only mean nothing or everything."""
    if not isinstance(node, Sequence):
        fail(node, f"{what}: expected a list, got {kind(node)}")
    if not node.items:
        fail(node, f"{what}: expected at least one item, got an empty list; leave the key out instead")
    return node.items


def expect_text(node: Node, what: str, *, empty: bool = False) -> str:
    """Return a text; one that is `empty`, or holds only blanks, where that may be."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        hint = "; put it in quotes" if isinstance(node, Scalar) and node.value is not None else ""
        fail(node, f"{what}: expected a text, got {kind(node)}{hint}")
    if not empty and not node.value.strip():
        fail(node, f"{what}: expected a text, got an empty one")
    return node.value


def expect_integer(node: Node, what: str) -> int:
    """Return a whole number."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or not isinstance(node.value, int):
        fail(node, f"{what}: expected a whole number, got {kind(node)}")
    return node.value


def expect_choice(node: Node, what: str, choices: Iterable[str]) -> str:
    """Return one of the words in `choices`."""
    word = expect_text(node, what)
    if word not in set(choices):
        fail(node, f"{what}: unknown value {word}{nearest(word, choices)}")
    return word


def expect_texts(node: Node, what: str) -> tuple[str, ...]:
    """Return a text or a list of texts as a tuple."""
    if isinstance(node, Sequence):
        return tuple(expect_text(item, what) for item in expect_list(node, what))
    return (expect_text(node, what),)


def plain(node: Node) -> object:
    """Return a node as dicts, lists and scalars, as for a digest or a plugin's settings."""
    match node:
        case Map():
            return {entry.key: plain(entry.node) for entry in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a YAML text: `document`, `map`, `list`, `end`, `alias` or `scalar`, and where it stands."""

    kind: str
    text: str = field(default="", repr=False)
    start: int = 0
    end: int = 0
    plain: bool = False


_PIECES: dict[type[yaml.Event], str] = {
    yaml.DocumentStartEvent: "document",
    yaml.MappingStartEvent: "map",
    yaml.SequenceStartEvent: "list",
    yaml.MappingEndEvent: "end",
    yaml.SequenceEndEvent: "end",
    yaml.AliasEvent: "alias",
}


def pieces(text: str) -> Iterator[Piece]:
    """Give the events of any YAML text, nothing resolved or expanded: for texts that are read, not obeyed.

    Raises:
        YamlError: it is not well-formed.

    """
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                start, end = event.start_mark, event.end_mark
                assert start is not None  # noqa: S101 - what is parsed from a text has its place
                assert end is not None  # noqa: S101 - the same
                yield Piece("scalar", event.value, start.index, end.index, event.implicit[0])
            elif type(event) in _PIECES:
                yield Piece(_PIECES[type(event)])
    except yaml.YAMLError:
        raise YamlError("yaml: not well-formed") from None
