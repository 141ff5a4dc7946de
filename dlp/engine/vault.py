"""What a session has hidden, and which values it has seen in the clear: values, their tokens and their labels."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from dlp.core.errors import StoreError
from dlp.core.label import TOKENISED, DataClass, Label, State
from dlp.core.ports import Store
from dlp.core.token import write_token
from dlp.engine.keys import Seal

_LABEL_FIELDS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something entered the session: the event, the path of the part, the transform made there (or "")."""

    event: str = ""
    path: str = ""
    transform: str = ""


@dataclass(slots=True)
class Known:
    """A value that this session knows. `token` is "" while it was only seen in the clear; then it may get one later."""

    text: str = field(repr=False)
    number: bool
    origin: Origin
    token: str = ""
    labels: frozenset[Label] = frozenset()

    @property
    def hidden(self) -> bool:
        """Whether the sandbox was never given this value in the clear."""
        return bool(self.token) and all(label.state == TOKENISED for label in self.labels)


class Vault:
    """One session's values. What it writes is durable when the store's batch around it ends.

    INVARIANT: a value has at most one token, and a token stands for one value, on every worker: both go through the
    store's put-if-absent. The memory here is a copy that is dropped (`forget`) whenever a batch fails.
    """

    def __init__(self, store: Store, scope: str, seal: Seal, kind_of: Callable[[DataClass], str]) -> None:
        self._store = store
        self._scope = scope
        self._seal = seal
        self._kind_of = kind_of
        self._known: dict[bytes, Known] = {}
        self._by_text: dict[str, Known] = {}
        self._by_token: dict[str, Known] = {}
        self._stamp: object = None
        self.fresh: list[Known] = []  # values that an index of them has not taken up yet; `matching` empties it

    def __len__(self) -> int:
        """How many values are known."""
        return len(self._known)

    def refresh(self, stamp: object) -> bool:
        """Take up what other workers wrote; return whether an index over the values must be built anew."""
        if stamp == self._stamp:
            return False
        anew = self._stamp is None
        tokens = dict(self._store.items(self._scope, "token"))
        for key, sealed in self._store.items(self._scope, "value"):
            if key not in self._known:
                text, number, event, path, transform = orjson.loads(self._seal.open(sealed, b"value"))
                self._take(key, Known(text, number, Origin(event, path, transform)))
        for key, token in tokens.items():
            self._give(self._entry(key), token.decode())
        for member in self._store.members(self._scope, "seen"):
            key, _, label = member.partition(b"\n")
            known = self._entry(bytes.fromhex(key.decode()))
            known.labels |= {_read_label(label)}
        self._stamp = stamp
        return anew

    def forget(self) -> None:
        """Drop the copy in memory: what was written last may not have become durable."""
        self._known.clear()
        self._by_text.clear()
        self._by_token.clear()
        self.fresh.clear()
        self._stamp = None

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:
        """Return the session's token for a value, the same one for the same value for as long as the session lives."""
        known = self._by_text.get(text)
        if known is None:
            known = self._put(text, number=number, origin=Origin())
        if not known.token:
            kind = self._kind_of(data_class)
            token = write_token(kind, self._store.take_number(self._scope, f"token/{kind}"))
            self._give(known, self._store.put(self._scope, "token", self._key(text), token.encode()).decode())
        return known.token

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex, stable over the session and of no use outside it."""
        return self._seal.digest(b"transform", text).hex()[:32]

    def note(self, text: str, labels: Iterable[Label], origin: Origin, *, number: bool = False) -> Known:
        """Remember that a value carries `labels`, and where it entered if it is new."""
        known = self._by_text.get(text)
        if known is None:
            known = self._put(text, number=number, origin=origin)
        new = frozenset(labels) - known.labels
        if new:
            prefix = self._key(text).hex().encode() + b"\n"
            self._store.add(self._scope, "seen", [prefix + _write_label(label) for label in new])
            known.labels |= new
        return known

    def of_token(self, token: str) -> Known | None:
        """Return the value behind one of this session's own tokens."""
        return self._by_token.get(token)

    def of_text(self, text: str) -> Known | None:
        """Return what is known of exactly this value."""
        return self._by_text.get(text)

    def values(self) -> Iterable[Known]:
        """Return every value, oldest first."""
        return self._known.values()

    @property
    def tokens(self) -> int:
        """How many tokens this session has."""
        return len(self._by_token)

    def _key(self, text: str) -> bytes:
        return self._seal.digest(b"value", text)

    def _entry(self, key: bytes) -> Known:
        known = self._known.get(key)
        if known is None:
            raise StoreError("the store holds a token or a label of a value that it does not hold; restore the store")
        return known

    def _put(self, text: str, *, number: bool, origin: Origin) -> Known:
        key = self._key(text)
        known = Known(text, number, origin)
        record = orjson.dumps([text, number, origin.event, origin.path, origin.transform])
        self._store.put(self._scope, "value", key, self._seal.seal(record, b"value"))
        self._take(key, known)
        return known

    def _take(self, key: bytes, known: Known) -> None:
        self._known[key] = known
        self._by_text[known.text] = known
        self.fresh.append(known)

    def _give(self, known: Known, token: str) -> None:
        known.token = token
        self._by_token[token] = known


def _write_label(label: Label) -> bytes:
    return orjson.dumps([label.data_class, label.state, label.source])


def _read_label(data: bytes) -> Label:
    fields: Any = orjson.loads(data)
    if not isinstance(fields, list) or len(fields) != _LABEL_FIELDS:
        raise StoreError("the store holds a label that cannot be read; restore the store")
    return Label(DataClass(fields[0]), State(fields[1]), fields[2])
