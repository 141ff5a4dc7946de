"""What a session has seen: its taint, and what upstreams gave it or got from it."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import orjson

from dlp.core.label import DataClass, Label, State
from dlp.core.ports import Store
from dlp.engine.vault import Origin

_KINDS = ("issued", "own", "touched", "sent", "exposed", "escaped", "coarse", "read", "prints")


class Ledger:
    """One session's taint. It only grows; what it writes is durable when the store's batch around it ends.

    INVARIANT: `labels` is complete as of `refresh`, which every message calls before it is judged: the copy in memory
    is kept only while nobody else has written to the store.
    """

    def __init__(self, store: Store, scope: str) -> None:
        self._store = store
        self._scope = scope
        self._stamp: object = None
        self._taint: dict[Label, Origin] = {}
        self._marks: dict[str, set[bytes]] = {kind: set() for kind in _KINDS}

    def refresh(self, stamp: object) -> None:
        """Take up what other workers wrote; `stamp` is the store's, taken for this message."""
        if stamp == self._stamp:
            return
        for key, value in self._store.items(self._scope, "taint"):
            data_class, state, source = orjson.loads(key)
            event, path, transform = orjson.loads(value)
            self._taint.setdefault(Label(DataClass(data_class), State(state), source), Origin(event, path, transform))
        for kind, members in self._marks.items():
            members.update(self._store.members(self._scope, kind))
        self._stamp = stamp

    def forget(self) -> None:
        """Drop the copy in memory: what was written last may not have become durable."""
        self._stamp = None
        self._taint = {}
        self._marks = {kind: set() for kind in _KINDS}

    @property
    def labels(self) -> Iterable[Label]:
        """Every label the session carries."""
        return self._taint.keys()

    def origin(self, label: Label) -> Origin:
        """Return where a label first entered the session."""
        return self._taint.get(label, Origin())

    def taint(self, label: Label, origin: Origin) -> None:
        """Add a label, for as long as the session lives."""
        if label not in self._taint:
            key = orjson.dumps([label.data_class, label.state, label.source])
            self._store.put(self._scope, "taint", key, orjson.dumps([origin.event, origin.path, origin.transform]))
            self._taint[label] = origin

    def marked(self, kind: str, mark: bytes) -> bool:
        """Return whether something was marked.

        Kinds: `issued` by an upstream, or the session's `own` that it sent there, upstreams that were `touched` by
        labelled data, `sent` as a token, `exposed` as a
        short value, `escaped` on entry, `coarse`, a class of which there were too many values to follow one by one, and
        what `engine.combining` keeps: `read`, and `prints` of it.
        """
        return mark in self._marks[kind]

    def marks(self, kind: str) -> AbstractSet[bytes]:
        """Return all that was marked so."""
        return self._marks[kind]

    def any_marked(self, kind: str) -> bool:
        """Return whether anything was marked so."""
        return bool(self._marks[kind])

    def mark(self, kind: str, marks: Iterable[bytes]) -> None:
        """Mark, for as long as the session lives."""
        new = set(marks) - self._marks[kind]
        if new:
            self._store.add(self._scope, kind, new)
            self._marks[kind] |= new
