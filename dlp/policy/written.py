"""A policy as it is written: every entry with its place and its own words, for tools that speak about the file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlp.core.errors import PolicyError
from dlp.policy.files import Document, Read, read_documents
from dlp.strict_yaml import Map, Mark, Node, Scalar, Sequence, YamlError, plain

SECTIONS = ("classes", "recipes", "sources", "destinations", "lists", "agents", "purposes", "trusted", "facts")
"""The sections whose entries have a name as their key."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: its name, where it begins, and what is written under it."""

    name: str
    place: str
    keys: Mapping[str, object]
    value: object = None
    nodes: Mapping[str, Node] = field(default_factory=dict, repr=False)

    def place_of(self, key: str) -> str:
        """Return where one of its keys stands, or the entry itself."""
        node = self.nodes.get(key)
        return self.place if node is None else place(node.mark)


@dataclass(frozen=True, slots=True)
class Written:
    """All files of a policy, taken together. `sections` holds the named entries by section, first definition first."""

    files: tuple[Path, ...]
    root: Mapping[str, object]
    sections: Mapping[str, Mapping[str, Item]]
    rules: Mapping[str, Item]
    exceptions: tuple[Item, ...]

    def of(self, section: str) -> Mapping[str, Item]:
        """Return the entries of a section, none where it is not there."""
        return self.sections.get(section, {})


def read_written(path: Path, *, packs: Path, read: Read = Path.read_bytes, catalogs: Iterable[Path] = ()) -> Written:
    """Return the policy in `path` and the files it uses, as written.

    Raises:
        PolicyError: a file cannot be read or is no policy.

    """
    try:
        documents = read_documents(path, packs, read, catalogs)
    except YamlError as error:
        raise PolicyError(str(error)) from None
    sections: dict[str, dict[str, Item]] = {section: {} for section in SECTIONS}
    rules: dict[str, Item] = {}
    exceptions: list[Item] = []
    for document in documents:
        for section, found in sections.items():
            node = document.keys.get(section)
            for entry in node.entries if isinstance(node, Map) else ():
                found.setdefault(entry.key, _item(entry.key, entry.node, entry.mark))
        for item in _listed(document, "rules"):
            rules.setdefault(item.name, item)
        exceptions += _listed(document, "exceptions")
    root = {key: plain(node) for key, node in documents[0].keys.items() if isinstance(node, Scalar)}
    return Written(tuple(document.path for document in documents), root, sections, rules, tuple(exceptions))


def place(mark: Mark) -> str:
    """Return a place as rules tell it: file and line."""
    return f"{mark.file}:{mark.line}"


def _listed(document: Document, key: str) -> list[Item]:
    node = document.keys.get(key)
    items = node.items if isinstance(node, Sequence) else ()
    return [_item("", item, item.mark) for item in items]


def _item(name: str, node: Node, mark: Mark) -> Item:
    nodes = {entry.key: entry.node for entry in node.entries} if isinstance(node, Map) else {}
    keys = {key: plain(value) for key, value in nodes.items()}
    return Item(name or str(keys.get("name", "")), place(mark), keys, plain(node), nodes)


def words(value: object) -> str:
    """Return a value as people read it: `a`, `a, b`, `state anonymised; to slack`."""
    match value:
        case dict():
            return "; ".join(f"{key} {words(one)}" for key, one in value.items())
        case list() | tuple():
            return ", ".join(f"({words(one)})" if isinstance(one, dict) else words(one) for one in value)
        case bool():
            return "yes" if value else "no"
        case None:
            return "nothing"
        case _:
            return str(value)
