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

KINDS = "kinds"
"""The set of words that a session's tokens are written with."""
_LABEL_FIELDS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something entered the session: the event, the path of the part, the transform made there (or "")."""

    event: str = ""
    path: str = ""
    transform: str = ""


_NOWHERE = Origin()


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
        self.listed: list[Known] = []  # oldest first
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
                self._take(key, self._read(sealed))
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
        self.listed.clear()
        self.fresh.clear()
        self._stamp = None

    def tokenise(
        self,
        data_class: DataClass,
        text: str,
        *,
        number: bool = False,
        labels: Iterable[Label] = (),
        origin: Origin = _NOWHERE,
    ) -> str:
        """Return the session's token for a value, the same one for the same value for as long as the session lives.

        Where the value is new, it is written down together with its `labels` and its origin.
        """
        known = self._by_text.get(text)
        if known is not None and known.token:
            return known.token
        kind = self._kind_of(data_class)
        number_given = self._store.take_number(self._scope, f"token/{kind}")
        if number_given == 1:
            self._store.add(self._scope, KINDS, [kind.encode()])
        token = write_token(kind, number_given)
        if known is None:
            known = self._put(text, token, frozenset(labels), number=number, origin=origin)
        if not known.token:
            self._give(known, self._store.put(self._scope, "token", self._key(text), token.encode()).decode())
        return known.token

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex, stable over the session and of no use outside it."""
        return self._seal.digest(b"transform", text).hex()[:32]

    def note(self, text: str, labels: Iterable[Label], origin: Origin, *, number: bool = False) -> Known:
        """Remember that a value carries `labels`, and where it entered if it is new."""
        known = self._by_text.get(text)
        labels = frozenset(labels)
        if known is None:
            known = self._put(text, "", labels, number=number, origin=origin)
        new = labels - known.labels
        if new:
            prefix = self._key(text).hex().encode() + b"\n"
            self._store.add(self._scope, "seen", [prefix + _write_label(label) for label in new])
            known.labels |= new
        return known

    def adopt(self, known: Known) -> None:
        """Write down what another session knew of a value, its token included: they share a workspace."""
        self._put(known.text, known.token, known.labels, number=known.number, origin=known.origin)

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

    def _put(self, text: str, token: str, labels: frozenset[Label], *, number: bool, origin: Origin) -> Known:
        """Write a value down, with all that is known of it in one row; return what another worker wrote before, if so.

        What is learnt of it later stands in tables of their own: what was put once stays.
        """
        key = self._key(text)
        told = [[label.data_class, label.state, label.source] for label in labels]
        record = orjson.dumps([text, number, origin.event, origin.path, origin.transform, token, told])
        sealed = self._seal.seal(record, b"value")
        kept = self._store.put(self._scope, "value", key, sealed)
        known = Known(text, number, origin, token, labels) if kept == sealed else self._read(kept)
        self._take(key, known)
        return known

    def _read(self, sealed: bytes) -> Known:
        text, number, event, path, transform, *more = orjson.loads(self._seal.open(sealed, b"value"))
        token, told = more or ("", ())
        return Known(text, number, Origin(event, path, transform), token, frozenset(map(_label_of, told)))

    def _take(self, key: bytes, known: Known) -> None:
        self._known[key] = known
        self._by_text[known.text] = known
        if known.token:
            self._by_token[known.token] = known
        self.listed.append(known)
        self.fresh.append(known)

    def _give(self, known: Known, token: str) -> None:
        known.token = token
        self._by_token[token] = known


def _write_label(label: Label) -> bytes:
    return orjson.dumps([label.data_class, label.state, label.source])


def _read_label(data: bytes) -> Label:
    return _label_of(orjson.loads(data))


def _label_of(fields: Any) -> Label:
    if not isinstance(fields, list) or len(fields) != _LABEL_FIELDS:
        raise StoreError("the store holds a label that cannot be read; restore the store")
    return Label(DataClass(fields[0]), State(fields[1]), fields[2])
