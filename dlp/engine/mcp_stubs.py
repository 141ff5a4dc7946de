"""Tools as code: a tool's definition becomes a small typed Python file, so that a program calls it like a function.

Definitions come from servers that nobody vouches for. What stands in the code are names made here, literals as `repr`
writes them, and annotations built from schemas; no text of a definition is ever taken for code.
"""

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

RUNTIME = "_wall"
"""The module of the stubs' folder that calls the gateway; no server is called so."""

MARK = "Written by `dlp mcp stubs`"
"""How each file begins, so that one that is not wanted any more can be told from somebody else's."""

_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "array": "list[Any]",
    "object": "dict[str, Any]",
}
_DEEPEST = 6
_LONGEST = 4000
_WIDTH = 100
_TAKEN = frozenset(("call", "LEFT_OUT", "Any", "Literal", "NotRequired", "TypedDict", "annotations", "Result"))


@dataclass(frozen=True, slots=True)
class Stub:
    """A file to write, and for the index of its server: the module, the function in it, and what it is for."""

    path: PurePosixPath
    text: str
    name: str
    says: str


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """Return a Python name for what a server calls `name`, other than those taken."""
    made = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:80] or "tool"
    if made[0].isdigit() or keyword.iskeyword(made) or keyword.issoftkeyword(made):
        made = f"{made}_" if not made[0].isdigit() else f"tool_{made}"
    used, unique, number = set(taken), made, 1
    while unique in used:
        number += 1
        unique = f"{made}_{number}"
    return unique


def stubs(servers: Mapping[str, Sequence[Mapping[str, object]]]) -> Iterator[Stub]:
    """Yield the files of all servers and their tools, an `__init__` for each server with them, below `servers/`."""
    root = PurePosixPath("servers")
    packages: list[str] = []
    for server, tools in sorted(servers.items()):
        package = identifier(server, (*packages, RUNTIME))
        packages.append(package)
        made: list[Stub] = []
        for tool in sorted(tools, key=lambda tool: str(tool.get("name"))):
            name = identifier(str(tool.get("name")), (*_TAKEN, *(one.name for one in made)))
            made.append(_stub(root / package / f"{name}.py", server, name, tool))
        yield from made
        yield Stub(root / package / "__init__.py", _index(server, made), "", "")
    known = _docstring(f"{MARK}: MCP servers behind the wall: {', '.join(packages) or 'none'}.")
    yield Stub(root / "__init__.py", f"{known}\n", "", "")


def _index(server: str, made: Sequence[Stub]) -> str:
    listed = "\n".join(f"- {one.name}: {one.says}" if one.says else f"- {one.name}" for one in made)
    lines = [_docstring(f"{MARK}: tools of {server}.\n\n{listed}" if made else f"{MARK}: tools of {server}: none."), ""]
    lines += [f"from .{one.name} import {one.name}" for one in made]
    lines += ["", f"__all__ = {[one.name for one in made]!r}"]
    return "\n".join(lines) + "\n"


def _stub(path: PurePosixPath, server: str, name: str, tool: Mapping[str, object]) -> Stub:
    types = _Types()
    schema = _mapping(tool.get("inputSchema"))
    parameters = list(_parameters(schema, types))
    output = tool.get("outputSchema")
    result = types.of(output, "Result", _mapping(output), 0) if isinstance(output, Mapping) else "Any"
    says = str(tool.get("description") or tool.get("title") or "").strip()
    told = "\n\n".join((says[:_LONGEST] or f"Call {name}.", *_described(parameters)))
    arguments = ", ".join(f"{one.key!r}: {one.name}" for one in parameters)
    headers = {one.header: one.name for one in parameters if one.header}
    mirrored = ", ".join(f"{header!r}: {value}" for header, value in headers.items())
    lines = [
        _docstring(f"{MARK}: the tool {tool.get('name')} of the MCP server {server}."),
        "",
        "from __future__ import annotations",
        "",
        "from typing import Any, Literal, NotRequired, TypedDict",
        "",
        f"from ..{RUNTIME} import LEFT_OUT, call",
        "",
        *types.written,
        "",
        f"async def {name}({_signature(parameters)}) -> {result}:",
        _docstring(told, indent="    "),
        f"    return await call({server!r}, {str(tool.get('name'))!r}, {{{arguments}}}, {{{mirrored}}})",
    ]
    return Stub(path, "\n".join(lines) + "\n", name, says.partition("\n")[0][:_WIDTH])


@dataclass(frozen=True, slots=True)
class _Parameter:
    key: str
    name: str
    type: str
    needed: bool
    says: str
    header: str


def _parameters(schema: Mapping[str, object], types: "_Types") -> Iterator[_Parameter]:
    needed = schema.get("required")
    required = set(map(str, needed)) if isinstance(needed, list) else set()
    taken = set(_TAKEN)
    for key, value in _mapping(schema.get("properties")).items():
        inner = _mapping(value)
        name = identifier(key, taken)
        taken.add(name)
        header = inner.get("x-mcp-header")
        says = inner.get("description")
        yield _Parameter(
            key,
            name,
            types.of(inner, _title(name), schema, 0),
            key in required,
            says.strip() if isinstance(says, str) else "",
            header if isinstance(header, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", header) else "",
        )


def _signature(parameters: Sequence[_Parameter]) -> str:
    """Return the parameters as they are declared: by name only, since their order means nothing in a schema."""
    if not parameters:
        return ""
    ordered = sorted(parameters, key=lambda one: not one.needed)
    declared = [f"{one.name}: {one.type}" + ("" if one.needed else " = LEFT_OUT") for one in ordered]
    return ", ".join(("*", *declared))


def _described(parameters: Sequence[_Parameter]) -> Iterator[str]:
    lines = [f"- {one.name}: {' '.join(one.says.split())[:500]}" for one in parameters if one.says]
    if lines:
        yield "\n".join(lines)


def _docstring(text: str, indent: str = "") -> str:
    """Return a docstring that says `text`, whatever is in it: nothing in it ends the string or the line early."""
    # What is not printed is left out: whoever reads the code must see what a model reads.
    shown = "".join(sign if sign == "\n" or sign.isprintable() else " " for sign in text).rstrip()
    escaped = shown.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    body = "\n".join(f"{indent}{line}".rstrip() for line in escaped.split("\n")).lstrip()
    return f'{indent}"""{body}"""' if "\n" not in body else f'{indent}"""{body}\n{indent}"""'


@dataclass(slots=True)
class _Types:
    """Annotations for schemas, and the classes that they need, in the order in which they must stand."""

    written: list[str] = field(default_factory=list)
    _names: set[str] = field(default_factory=lambda: set(_TAKEN - {"Result"}))

    def of(self, schema: object, name: str, root: Mapping[str, object], depth: int) -> str:
        """Return the annotation that a schema means; what it says beyond types is left to the server."""
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return "Any"
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.of(_resolved(reference, root), name, root, depth + 1)
        for key in ("anyOf", "oneOf"):
            some = schema.get(key)
            if isinstance(some, list) and some:
                return _union(self.of(one, f"{name}{at}", root, depth + 1) for at, one in enumerate(some, 1))
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(values, list) and values and all(isinstance(v, str | int | bool | None) for v in values):
            return f"Literal[{', '.join(map(repr, values))}]" if len(values) <= 50 else "Any"  # noqa: PLR2004 - a page
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return _union(self._plain(str(kind), schema, name, root, depth) for kind in kinds)
        return self._plain(str(kinds), schema, name, root, depth)

    def _plain(self, kind: str, schema: Mapping[str, object], name: str, root: Mapping[str, object], depth: int) -> str:
        if kind == "array" and isinstance(schema.get("items"), Mapping):
            return f"list[{self.of(schema['items'], f'{name}Item', root, depth + 1)}]"
        if kind == "object" and (properties := _mapping(schema.get("properties"))):
            return self._class(name, schema, properties, root, depth)
        return _PLAIN.get(kind, "Any")

    def _class(
        self,
        name: str,
        schema: Mapping[str, object],
        properties: Mapping[str, object],
        root: Mapping[str, object],
        depth: int,
    ) -> str:
        if not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", key) and not keyword.iskeyword(key) for key in properties):
            return "dict[str, Any]"
        unique = identifier(name, self._names)
        self._names.add(unique)
        needed = schema.get("required")
        required = set(map(str, needed)) if isinstance(needed, list) else set()
        lines = [f"class {unique}(TypedDict):"]
        for key, value in properties.items():
            inner = self.of(value, f"{unique}{_title(key)}", root, depth + 1)
            lines.append(f"    {key}: {inner if key in required else f'NotRequired[{inner}]'}")
        self.written += ["", *lines, ""]
        return unique


def _union(types: Iterable[str]) -> str:
    unique = list(dict.fromkeys(types))
    return "Any" if "Any" in unique or not unique else " | ".join(unique)


def _resolved(reference: str, root: Mapping[str, object]) -> object:
    match = re.fullmatch(r"#/(\$defs|definitions)/([^/]+)", reference)
    return _mapping(root.get(match[1])).get(match[2]) if match else None


def _title(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in identifier(name).split("_"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
