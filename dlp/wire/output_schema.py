"""What a tool's `outputSchema` admits at each place of its result, and stand-ins for values that it admits there.

A schema (JSON Schema 2020-12, as MCP has it) is read as far as it says something of one text or number. What is not
read of it admits nothing of ours: it is better to refuse a result than to hand on one that its client throws away.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from dlp.core.errors import ParseError
from dlp.core.message import Form
from dlp.wire.ecma_pattern import Pattern
from dlp.wire.stand_ins import DOMAIN, KINDS, Meant, stand_ins

type Schema = Mapping[str, Any]

_MOST_BRANCHES, _DEEPEST = 32, 16
_SAYING = frozenset(
    "type enum const format pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum "  # noqa: SIM905
    "multipleOf".split()
)
_UNREAD = frozenset(["not", "if", "dependentSchemas", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"])
_JOINING = ("allOf", "anyOf", "oneOf")
_POINTER = re.compile(r"~([01])")

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HEX = "[0-9a-fA-F]"
_FORMATS = {
    "email": rf"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@{_LABEL}(?:\.{_LABEL})+",
    "hostname": rf"{_LABEL}(?:\.{_LABEL})*",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+",
    "uuid": rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    "date": _DATE,
    "time": _TIME,
    "date-time": rf"{_DATE}[Tt ]{_TIME}",
    "ipv4": r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}",
    "ipv6": r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*",
}
_FORMATS |= {"idn-email": _FORMATS["email"], "idn-hostname": _FORMATS["hostname"], "iri": _FORMATS["uri"]}
_COMPILED = {name: re.compile(pattern, re.ASCII) for name, pattern in _FORMATS.items()}
_NARROW = frozenset(["duration", "uri-reference", "iri-reference", "uri-template", "json-pointer", "byte"])
_NARROW |= {"relative-json-pointer", "int32", "int64"}
"""Formats that some readers check and of which no stand-in is made."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one branch of a schema asks of a text or number: all of these."""

    schemas: tuple[Schema, ...]

    def admits(self, text: str, *, number: bool, unread: bool = False) -> bool:
        """Return whether it admits a text, or the number that is written so; `unread` is what is said where unsure."""
        return all(_admits(schema, text, number=number, unread=unread) for schema in self.schemas)

    def is_for(self, text: str, *, number: bool) -> bool:
        """Return whether it is about texts, or about numbers such as this."""
        return all(_is_type(schema.get("type"), text, number=number) for schema in self.schemas)

    def forms(self, seed: int, meant: Meant, *, number: bool) -> Iterator[Form]:
        """Give texts that it may admit, or numbers, in the order in which they should be tried."""
        says = {key: schema[key] for schema in self.schemas for key in schema if key in _SAYING}
        patterns = [schema["pattern"] for schema in self.schemas if "pattern" in schema]
        return stand_ins(says, patterns, seed, meant, number=number)


@dataclass(frozen=True)
class Shape:
    """What is admitted at one place: by every branch."""

    leaves: tuple[Leaf, ...]
    meant: Meant

    @cached_property
    def key(self) -> str:
        """What stands for it: shapes of equal keys admit the same, and have the same stand-ins."""
        asked = [[sorted(schema.items()) for schema in leaf.schemas] for leaf in self.leaves]
        return repr([asked, sorted(self.meant.entities), self.meant.domain])

    def around(self, text: str, *, number: bool, entities: Collection[str] = ()) -> "Shape | None":
        """Return the shape of all branches for what is of this type; None where what stands here is not admitted.

        Of which branch the value itself is must not show in what stands for it: there a bound would be told. Of what
        `entities` its classes are does show, as it does in any token.
        """
        if not any(leaf.admits(text, number=number, unread=True) for leaf in self.leaves):
            return None
        leaves = tuple(leaf for leaf in self.leaves if leaf.is_for(text, number=number))
        return Shape(leaves, replace(self.meant, entities=frozenset(entities) & KINDS.keys()))

    def admits(self, text: str, *, number: bool = False) -> bool:
        """Return whether a text is admitted here, or the number that is written so."""
        return all(leaf.admits(text, number=number) for leaf in self.leaves)

    def form(self, seed: int, *, number: bool) -> Form | None:
        """Return a stand-in chosen by a number of 512 bits, of the type asked for; None where none is to be had."""
        for leaf in self.leaves:
            for form in leaf.forms(seed, self.meant, number=number):
                if self.admits(form.text, number=form.number):
                    return form
        return None


class OutputSchema:
    """One tool's schema; stand-ins that are addresses are at `domain`."""

    def __init__(self, schema: object, domain: str = DOMAIN) -> None:
        self._root: Schema = schema if isinstance(schema, dict) else {}
        self._meant = Meant(domain=domain)

    def shape(self, path: str) -> Shape | None:
        """Return what is admitted at a place of the result, by its JSON Pointer; None where nothing is asked."""
        try:
            branches = self._branches([self._root])
            for step in path.split("/")[1:]:
                key = _POINTER.sub(lambda match: "~/"[int(match[1])], step)
                branches = [
                    inner
                    for branch in branches
                    for inner in self._branches([sub for schema in branch for sub in _below(schema, key)])
                ]
                if len(branches) > _MOST_BRANCHES:
                    raise ParseError("outputSchema: too many branches")  # noqa: TRY301 - one way to say it
        except ParseError:
            return Shape((Leaf(({"not": {}},)),), self._meant)
        leaves = tuple(Leaf(tuple(_saying(branch))) for branch in branches)
        return Shape(leaves, self._meant) if any(leaf.schemas for leaf in leaves) else None

    def _branches(self, schemas: Sequence[object], depth: int = 0) -> list[list[Schema]]:
        """Return all ways to satisfy all of these: lists of schemas that only say something themselves."""
        branches: list[list[Schema]] = [[]]
        for schema in schemas:
            branches = [[*one, *other] for one in branches for other in self._ways(schema, depth)]
            if len(branches) > _MOST_BRANCHES:
                raise ParseError("outputSchema: too many branches")
        return branches

    def _ways(self, schema: object, depth: int) -> list[list[Schema]]:
        if depth > _DEEPEST:
            raise ParseError("outputSchema: too deep")
        if not isinstance(schema, dict):
            return [[]] if schema is True else []
        own = {key: value for key, value in schema.items() if key not in (*_JOINING, "$ref")}
        together: list[object] = list(_list(schema.get("allOf")))
        if "$ref" in schema:
            together.append(self._at(schema["$ref"]))
        ways = [[own, *way] for way in self._branches(together, depth + 1)]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                either = [way for one in _list(schema[word]) for way in self._ways(one, depth + 1)]
                ways = [[*one, *other] for one in ways for other in either]
        return ways

    def _at(self, reference: object) -> object:
        """Return what a reference within the schema is to."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ParseError("outputSchema: a reference to somewhere else")
        found: object = self._root
        for step in reference[1:].split("/")[1:]:
            key = _POINTER.sub(lambda match: "~/"[int(match[1])], step)
            found = found.get(key) if isinstance(found, dict) else None
        return found


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _below(schema: Schema, key: str) -> Iterator[object]:
    """Give what a schema asks of one member or item."""
    if key.isdigit() and ("items" in schema or "prefixItems" in schema):
        first = _list(schema.get("prefixItems"))
        yield first[int(key)] if int(key) < len(first) else schema.get("items", True)
        return
    named = [schema["properties"][key]] if key in (schema.get("properties") or ()) else []
    patterns = schema.get("patternProperties")
    for pattern, sub in patterns.items() if isinstance(patterns, dict) else ():
        if Pattern(pattern).matches(key):
            named.append(sub)
    yield from named or [schema.get("additionalProperties", True)]


def _saying(branch: Iterable[Schema]) -> Iterator[Schema]:
    for schema in branch:
        if said := {key: value for key, value in schema.items() if key in _SAYING or key in _UNREAD}:
            yield said


# --- what is admitted -------------------------------------------------------------------------------------------------


def _admits(schema: Schema, text: str, *, number: bool, unread: bool) -> bool:
    if not unread and (not _UNREAD.isdisjoint(schema) or (not number and schema.get("format") in _NARROW)):
        return False
    try:
        return _is_type(schema.get("type"), text, number=number) and all(
            _CHECKS[key](value, text, number) for key, value in schema.items() if key in _CHECKS
        )
    except (ParseError, InvalidOperation, TypeError, ValueError):
        return unread


def _is_type(types: object, text: str, *, number: bool) -> bool:
    if types is None:
        return True
    named = types if isinstance(types, list) else [types]
    if not number:
        return "string" in named
    return "number" in named or ("integer" in named and Decimal(text) % 1 == 0)


def _among(values: object, text: str, number: bool) -> bool:  # noqa: FBT001 - the shape of a check
    same = (Decimal(str(one)) == Decimal(text) if number else one == text for one in _list(values) if _is(one, number))
    return any(same)


def _is(value: object, number: bool) -> bool:  # noqa: FBT001 - the same
    return not isinstance(value, bool) and isinstance(value, int | float if number else str)


def _bound(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[Any, str, bool], bool]:
    return lambda value, text, number: not number or holds(Decimal(text), Decimal(str(value)))


def _is_format(name: object, text: str, number: bool) -> bool:  # noqa: FBT001 - the shape of a check
    if number or not isinstance(name, str):
        return True
    known = _COMPILED.get(name)
    return known is None or known.fullmatch(text) is not None


_CHECKS: Mapping[str, Callable[[Any, str, bool], bool]] = {
    "enum": _among,
    "const": lambda value, text, number: _among([value], text, number),
    "format": _is_format,
    "pattern": lambda value, text, number: number or Pattern(value).matches(text),
    "minLength": lambda value, text, number: number or len(text) >= value,
    "maxLength": lambda value, text, number: number or len(text) <= value,
    "minimum": _bound(lambda one, bound: one >= bound),
    "maximum": _bound(lambda one, bound: one <= bound),
    "exclusiveMinimum": _bound(lambda one, bound: one > bound),
    "exclusiveMaximum": _bound(lambda one, bound: one < bound),
    "multipleOf": _bound(lambda one, step: one % step == 0),
}
