"""GraphQL: what a query asks for, and the real names behind its aliases.

A query's text is a leaf like any other, and is rewritten as such. Beside it stand parts that say what it means: what
kind of operation it is and of what name (`graphql/operation`, `graphql/name`), the fields it begins with
(`graphql/fields/0`), their arguments, literal or from the variables (`graphql/arguments/FIELD/NAME`), and what
literals with escapes say. They mirror other parts: an edit of one is right if the same edit of the other makes it so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.json_text import pointer, read_json
from dlp.wire.leaf import MIRROR, Leaves

_MOST_TOKENS = 3000
_MOST_TEXT = 100_000
_MOST_ARGUMENTS = 200
_CACHED_TEXT = 8000

type _Node = Any  # of graphql-core, which is loaded with the first query; its nodes are told apart by `kind`
type _Selections = tuple[_Node, ...]


def read_graphql(leaves: Leaves, prefix: str) -> bool:
    """Add to a body of JSON, or a form, what the GraphQL queries in it mean; return whether there are any."""
    queries = [part for part in leaves.parts if part.kind is Kind.TEXT and _is_query(part.path, prefix)]
    values = {part.path: part for part in leaves.parts if part.kind is not Kind.KEY} if queries else {}
    found = False
    for part in queries:
        base = f"{part.path.removesuffix('/query')}/variables"
        if base in values:  # as in a form, where they are one text
            values |= {said.path: said for said in _variables(values[base].text, base)}
        found |= add_query(leaves, part.path, part.text, partial(_variable, values, f"{base}/"))
    paths = {part.path for part in leaves.parts} if found else set[str]()
    if any(_is_query(path.lower(), prefix.lower()) and not _is_query(path, prefix) for path in paths):
        _mirror(leaves, Part("graphql/operation", "", ambiguous=True))  # some take `Query` for the same name
    return found


def _variables(text: str, base: str) -> list[Part]:
    said = Leaves()
    with suppress(ParseError):  # then they are no variables, and state no facts
        read_json(text, base, said)
    return [part for part in said.parts if part.kind is not Kind.KEY]


def _variable(values: Mapping[str, Part], base: str, name: str) -> Part | None:
    return values.get(base + name)


def _is_query(path: str, prefix: str) -> bool:
    steps = path[len(prefix) :].split("/")[1:]
    return steps == ["query"] or (len(steps) == 2 and steps[0].isdigit() and steps[1] == "query")  # noqa: PLR2004 - a batch


def add_query(leaves: Leaves, path: str, text: str, variable: Callable[[str], Part | None]) -> bool:
    """Add what one query means; return whether it is one. One that cannot be read, and may hide a text, is opaque."""
    document = _parsed(text)
    if document is None:
        if "{" in text and "\\" in text:
            _mirror(leaves, Part(path, "", Kind.OPAQUE, length=len(text), why="graphql: not read, and holds escapes"))
        return False
    fragments = _fragments(document)
    for node in document.definitions:
        if node.kind != "operation_definition":
            continue
        _mirror(leaves, Part("graphql/operation", node.operation.value))
        if node.name:
            _mirror(leaves, Part("graphql/name", node.name.value))
        for number, root in enumerate(_fields((node.selection_set,), fragments)):
            _mirror(leaves, Part(f"graphql/fields/{number}", root.name.value))
            for argument in (root.arguments or ())[:_MOST_ARGUMENTS]:
                where = f"graphql/arguments/{root.name.value}/{argument.name.value}"
                _mirror(leaves, _argument(where, argument.name.value, argument.value, variable))
    for literal in _literals(document):
        if literal.loc is None or literal.value not in text[literal.loc.start : literal.loc.end]:
            _mirror(leaves, Part(f"{path}:literal", literal.value, unstructured=True))
    return True


def _mirror(leaves: Leaves, part: Part) -> None:
    leaves.add(part, 0, 0, MIRROR)


def _argument(where: str, name: str, value: _Node, variable: Callable[[str], Part | None]) -> Part:
    if value.kind == "variable":
        given = variable(pointer(value.name.value))
        if given is not None:
            return replace(given, path=where, name=name)
    elif value.kind in ("string_value", "enum_value"):
        return Part(where, value.value, name=name)
    elif value.kind in ("int_value", "float_value"):
        return Part(where, value.value, Kind.NUMBER, name)
    elif value.kind == "boolean_value":
        return Part(where, "true" if value.value else "false", name=name)
    return Part(where, "", name=name, ambiguous=True)  # a list, an object, or nothing known: it states no fact


@lru_cache(maxsize=64)
def _kept(text: str) -> _Node | None:
    return _parse(text)


def _parsed(text: str) -> _Node | None:
    return _kept(text) if len(text) <= _CACHED_TEXT else _parse(text)


def _parse(text: str) -> _Node | None:
    if len(text) > _MOST_TEXT or "{" not in text:
        return None
    import graphql  # noqa: PLC0415 - a tenth of a second that most processes need not spend

    try:
        return graphql.parse(text, max_tokens=_MOST_TOKENS)
    except (graphql.GraphQLError, RecursionError):
        return None


def _fragments(document: _Node) -> Mapping[str, _Node]:
    return {node.name.value: node.selection_set for node in document.definitions if node.kind == "fragment_definition"}


def _fields(sets: _Selections, fragments: Mapping[str, _Node]) -> list[_Node]:
    """Return the fields that these selections ask for, those of fragments included."""
    fields: list[_Node] = []
    waiting, seen = list(sets), set[str]()
    while waiting:
        for node in waiting.pop().selections:
            if node.kind == "field":
                fields.append(node)
            elif node.kind == "inline_fragment":
                waiting.append(node.selection_set)
            elif node.name.value not in seen:  # a spread
                seen.add(node.name.value)
                waiting += [fragments[node.name.value]] if node.name.value in fragments else []
    return fields


def _literals(document: _Node) -> Iterator[_Node]:
    waiting: list[_Node] = [document]
    while waiting:
        node = waiting.pop()
        if node.kind == "string_value":
            yield node
        for key in node.keys:
            value = getattr(node, key, None)
            if hasattr(value, "kind") and key != "loc":
                waiting.append(value)
            elif isinstance(value, list | tuple):
                waiting += [item for item in value if hasattr(item, "kind")]


class Aliases:
    """The real names of the fields in an answer, by the queries that were asked (one, or a batch)."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        """Take the queries by what their answers' paths begin with (`/data`, `/0/data`)."""
        self._known: dict[str, tuple[tuple[str, ...], _Selections, Mapping[str, _Node]]] = {}
        for start, text in queries.items():
            document = _parsed(text)
            if document is not None:
                operations = [node for node in document.definitions if node.kind == "operation_definition"]
                sets = tuple(node.selection_set for node in operations)
                self._known[start] = (start,), sets, _fragments(document)

    def __bool__(self) -> bool:
        """Whether there is anything to rename."""
        return bool(self._known)

    def real(self, path: str) -> tuple[str, ...]:
        """Return the path under which a leaf would stand without aliases: several where fragments disagree."""
        return self._at(path)[0]

    def _at(self, path: str) -> tuple[tuple[str, ...], _Selections, Mapping[str, _Node]]:
        known = self._known.get(path)
        if known is not None:
            return known
        above, slash, step = path.rpartition("/")
        if not slash:
            return (path,), (), {}
        bases, sets, fragments = self._at(above)
        if step.isdigit():  # an index; names of GraphQL begin otherwise
            names, inner = [step], sets
        else:
            asked = [node for node in _fields(sets, fragments) if (node.alias or node.name).value == step]
            names = list(dict.fromkeys(node.name.value for node in asked)) or [step]
            inner = tuple(node.selection_set for node in asked if node.selection_set is not None)
        real = tuple(f"{base}/{name}" for base in bases for name in names)[:8]
        self._known[path] = real, inner, fragments
        return self._known[path]


def asked(parts: Sequence[Part]) -> Aliases:
    """Return the aliases that a request gives to fields, in its body or its query, given its parts."""
    queries = {
        f"{part.path.removesuffix('/query')}/data": part.text
        for part in parts
        if part.kind is Kind.TEXT and _is_query(part.path, "")
    }
    wanted = {"query/query"} | ({""} if any(part.path == "graphql/operation" for part in parts) else set())
    for part in parts:
        if part.path in wanted and part.kind is Kind.TEXT:
            queries["/data"] = part.text
    return Aliases(queries)


def renamed(leaves: Leaves, aliases: Aliases) -> None:
    """Put every leaf of an answer under its real names."""
    more: list[tuple[Part, tuple[int, int]]] = []
    for number, (part, place) in enumerate(zip(leaves.parts, leaves.places, strict=True)):
        first, *others = aliases.real(part.path)
        if first != part.path:
            name = first.rpartition("/")[2]
            leaves.parts[number] = replace(
                part, path=first, name=name if part.name and not name.isdigit() else part.name
            )
        more += [(replace(part, path=other), place[:2]) for other in others]
    for part, _ in more:
        leaves.add(part, 0, 0, MIRROR)
