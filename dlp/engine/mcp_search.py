"""Finding a tool by keyword, so that a model reads the definitions it needs and not all there are."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

type Tool = Mapping[str, object]
"""A tool's definition, as `tools/list` gives it."""

NAME = "search_tools"
LEVELS = ("name", "description", "full_schema")
MOST = 50
USUAL = 10

DEFINITION: Tool = {
    "name": NAME,
    "title": "Search tools",
    "description": (
        "Find tools of all servers by keyword, best match first. Ask for names or descriptions to look around, and for "
        "full_schema once you know which tool you want to call."
    ),
    "inputSchema": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Keywords, such as `post message`."},
            "detail_level": {"type": "string", "enum": list(LEVELS), "default": "description"},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    "outputSchema": {
        "type": "object",
        "properties": {
            "tools": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            "total": {"type": "integer", "description": "How many tools match."},
        },
        "required": ["tools", "total"],
    },
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}
"""The gateway's own tool, as it lists it."""

# How much a word says, by where it stands: a name is chosen with care, a description is written in passing.
_WEIGHTS = {"name": 4.0, "title": 3.0, "description": 1.0, "parameters": 1.0}
_WORD = re.compile(r"[a-z]+|[0-9]+|[^\W\d_]+")
_SATURATION = 1.2
_SHORTEST_STEM = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call of `search_tools` asks for."""

    query: str
    level: str = "description"
    limit: int = USUAL


def read_call(arguments: object) -> Asked:
    """Return what the arguments of a call ask for.

    Raises:
        ValueError: they are not as the definition says.

    """
    given = arguments if isinstance(arguments, Mapping) else {}
    unknown = sorted(map(str, given.keys() - {"query", "detail_level", "limit"}))
    if unknown:
        raise ValueError(f"{NAME}: unknown argument; known: query, detail_level, limit")
    query, level = given.get("query"), given.get("detail_level", "description")
    limit = given.get("limit", USUAL)
    if not isinstance(query, str):
        raise ValueError(f"{NAME}: query: expected a text")  # noqa: TRY004 - told to the caller like the others
    if level not in LEVELS:
        raise ValueError(f"{NAME}: detail_level: expected one of {', '.join(LEVELS)}")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise ValueError(f"{NAME}: limit: expected a whole number from 1 to {MOST}")
    return Asked(query, str(level), limit)


class Index:
    """The words of some tools, counted once; searching looks words up."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        self._words = [_words_of(tool) for tool in self.tools]
        spread: Counter[str] = Counter(word for words in self._words for word in words)
        many = len(self.tools)
        self._rare = {word: math.log(1 + (many - n + 0.5) / (n + 0.5)) for word, n in spread.items()}

    def search(self, query: str) -> list[Tool]:
        """Return the tools in which a word of the query stands, best match first; without a word, all of them."""
        wanted = {stem(word) for word in _split(query)}
        if not wanted:
            return list(self.tools)
        scored = [
            (-sum(self._rare[word] * _counted(words[word]) for word in wanted if word in words), number)
            for number, words in enumerate(self._words)
        ]
        return [self.tools[number] for score, number in sorted(scored) if score < 0]

    def answer(self, asked: Asked) -> dict[str, object]:
        """Return the structured content of the answer to a call."""
        found = self.search(asked.query)
        return {"tools": [told(tool, asked.level) for tool in found[: asked.limit]], "total": len(found)}


def told(tool: Tool, level: str) -> Tool:
    """Return as much of a tool as a level says."""
    keys = {"name": ("name",), "description": ("name", "description")}.get(level)
    return tool if keys is None else {key: tool[key] for key in keys if key in tool}


def stem(word: str) -> str:
    """Return a word without what an English plural or verb form adds: `messages` and `message` are one."""
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM - 1:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def _counted(weight: float) -> float:
    return weight * (_SATURATION + 1) / (weight + _SATURATION)


def _split(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return _WORD.findall(spaced.lower())


def _words_of(tool: Tool) -> dict[str, float]:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    texts = {
        "name": str(tool.get("name", "")),
        "title": str(tool.get("title") or ""),
        "description": str(tool.get("description") or ""),
        "parameters": " ".join(properties) if isinstance(properties, Mapping) else "",
    }
    weights: dict[str, float] = {}
    for where, text in texts.items():
        for word in {stem(word) for word in _split(text)}:
            weights[word] = weights.get(word, 0.0) + _WEIGHTS[where]
    return weights
