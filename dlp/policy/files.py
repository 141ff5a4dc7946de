"""The files of one policy: the one that is loaded and those it uses, read once each."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dlp.policy import services
from dlp.strict_yaml import Node, YamlError, expect_list, expect_map, expect_text, fail, load, nearest, plain

KEYS = (
    "policy",
    "version",
    "mode",
    "ner",
    "use",
    "otherwise",
    "trusted",
    "facts",
    "lists",
    "classes",
    "recipes",
    "sources",
    "destinations",
    "rules",
    "exceptions",
    "agents",
    "purposes",
    "limits",
    *services.KEYS,
)
_ROOT_ONLY = ("mode", "ner", "otherwise")
_PACK = re.compile(r"[a-z][a-z0-9_-]*")

type Read = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True)
class Document:
    """One file, taken apart into its top keys."""

    path: Path
    keys: dict[str, Node]
    content: object


def read_documents(path: Path, packs: Path, read: Read, catalogs: Iterable[Path] = ()) -> tuple[Document, ...]:
    """Return the policy's own file first, then those it uses, in the order in which they are named, then `catalogs`.

    Raises:
        YamlError: a file cannot be read or is not a policy, `use:` names none, or a plugin's catalog has rules.

    """
    documents: dict[Path, Document] = {}
    _collect(path, packs, read, documents)
    for catalog in catalogs:
        if catalog.resolve() not in documents:
            _collect(catalog, packs, read, documents)
            keys = documents[catalog.resolve()].keys
            for key in ("rules", "exceptions", *services.RULES):
                if key in keys:
                    fail(keys[key], "rules belong into a policy: a plugin's catalog only says what there is")
    expanded = services.expand(document.keys for document in documents.values())
    return tuple(replace(document, keys=keys) for document, keys in zip(documents.values(), expanded, strict=True))


def _collect(path: Path, packs: Path, read: Read, documents: dict[Path, Document]) -> None:
    try:
        data = read(path)
    except OSError as error:
        raise YamlError(f"{path}:1:1: cannot be read: {error.strerror or type(error).__name__}") from None
    root = load(data, str(path))
    keys = expect_map(root, "policy file", KEYS)
    if documents:
        for key in _ROOT_ONLY:
            if key in keys:
                fail(keys[key], f"{key} belongs into the policy that is loaded, not into a file that it uses")
        if "exceptions" in keys and path.parent.resolve() == packs.resolve():
            fail(keys["exceptions"], "exceptions belong into a policy of yours: a pack only adds")
    documents[path.resolve()] = Document(path, keys, plain(root))
    if "use" not in keys:
        return
    for node in expect_list(keys["use"], "use"):
        used = _locate(node, path, packs)
        if used.resolve() not in documents:
            _collect(used, packs, read, documents)


def _locate(node: Node, path: Path, packs: Path) -> Path:
    name = expect_text(node, "use")
    if name.endswith(".yaml"):
        used = path.parent / name
        if not used.is_file():
            fail(node, f"use: there is no file {name} beside this one")
        return used
    used = packs / f"{name}.yaml"
    if not _PACK.fullmatch(name) or not used.is_file():
        shipped = [pack.stem for pack in packs.glob("*.yaml")]
        fail(node, f"use: unknown pack {name}{nearest(name, shipped)}; a file of yours is written ./{name}.yaml")
    return used


def digest_of(documents: tuple[Document, ...]) -> str:
    """Return the SHA-256 of what the files say: comments and layout do not count, order does (it names places)."""
    contents = [[document.path.name, document.content] for document in documents]
    return hashlib.sha256(json.dumps(contents, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
