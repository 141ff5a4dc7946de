"""The hooks: which tables there are, where their values may be, and what is found there."""

import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dlp.core.errors import ConfigError
from dlp.core.exact import Known, Table, load
from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Kind, Message
from dlp.core.ports import Hits, Pattern
from dlp.hooks.spec import hookimpl

_KEYS = ("key", "tables")
_NOTHING = Pattern("none", "\x01no table\x01", finds="dlp_exact without a table")


@dataclass(frozen=True, slots=True)
class _State:
    tables: tuple[Table, ...]
    known: Known


_state: list[_State] = []


@hookimpl
def configure(settings: Mapping[str, object]) -> None:
    """Take `tables`, a folder that `dlp classify table` fills, and `key`, the file with the state's key."""
    if unknown := sorted(set(settings) - set(_KEYS)):
        raise ConfigError(f"plugin dlp_exact: unknown setting {', '.join(unknown)}; known: {', '.join(_KEYS)}")
    folder, key_file = settings.get("tables"), settings.get("key")
    for name, value in (("tables", folder), ("key", key_file)):
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"plugin dlp_exact: {name}: expected a path, got {type(value).__name__}")
    files = sorted(Path(str(folder)).glob("*.table")) if folder else []
    if files and not key_file:
        raise ConfigError("plugin dlp_exact: key: expected the file of the key that the tables were made under")
    key = _derived(Path(str(key_file))) if files else b""
    tables = tuple(_loaded(file, key) for file in files)
    _state[:] = [_State(tables, Known(tables, key))]


@hookimpl
def patterns() -> Iterable[Pattern]:
    """Say where values of the tables' kinds may be; each class only where a policy has it."""
    found = {
        (table.data_class, expression): Pattern(f"{table.data_class} {expression}", expression, finds=table.data_class)
        for table in _current().tables
        for expression in table.patterns
    }
    return list(found.values()) or [_NOTHING]  # a classifier without patterns would see every message


@hookimpl
def classify(message: Message, hits: Hits) -> Iterator[Finding]:
    """Report values of the tables, as their classes: sure of what has several words or a digit."""
    known = _current().known
    for index in dict.fromkeys(hit.part for hit in hits):
        part = message.parts[index]
        if part.kind is not Kind.KEY:
            for start, end, data_class, sure in known.find(part.text):
                confidence = Confidence.HIGH if sure else Confidence.MEDIUM
                yield Finding(index, start, end, DataClass(data_class), "dlp_exact/table", confidence)


def _current() -> _State:
    if not _state:
        configure({})
    return _state[0]


def _derived(file: Path) -> bytes:
    """Return the key of the tables, derived from the state's as `dlp classify table` does."""
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"plugin dlp_exact: {file}: cannot read the key: {error.strerror}") from error
    return HKDF(SHA256(), 32, salt=None, info=b"dlp exact").derive(secret)


def _loaded(file: Path, key: bytes) -> Table:
    try:
        with file.open("rb") as opened:
            return load(memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)), key)
    except OSError as error:
        raise ConfigError(f"plugin dlp_exact: {file}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        why = str(error) if type(error) is ValueError else "its header is damaged"
        raise ConfigError(f"plugin dlp_exact: {file}: {why}; make it anew with `dlp classify table`") from error
