"""What one session has behind it, held together: its taint, its values, and the index over them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from dlp.core.label import DataClass
from dlp.core.ports import Store
from dlp.engine.keys import Seal
from dlp.engine.ledger import Ledger
from dlp.engine.lookup import Lookup
from dlp.engine.pieces import Sent
from dlp.engine.vault import Vault

_KEPT = 4096
"""Up to how many values the other thread's index is kept from one message to the next: memory is bounded."""


@dataclass
class _Second:
    """An index of its own for the one other thread, which takes up values there."""

    index: Lookup = field(default_factory=Lookup)
    taken: int = 0


class Past:
    """One session's ledger and vault in this worker's memory; the store has the truth."""

    def __init__(self, store: Store, scope: str, seal: Seal, kind_of: Callable[[DataClass], str]) -> None:
        self._store = store
        self.seal = seal
        self.ledger = Ledger(store, scope)
        self.vault = Vault(store, scope, seal, kind_of)
        self._index = Lookup()
        self._second = _Second()
        self._is_apart = False
        self.sent = Sent()
        self.glanced: dict[object, tuple[int, str]] = {}
        """Blocks that come again and hold nothing: how many values were looked for in them, and in what."""

    def refresh(self, stamp: object = None) -> None:
        """Take up what other workers wrote, or all of it after `forget`; `stamp` is the store's if it is at hand."""
        if stamp is None:
            stamp = self._store.stamp()
        self.ledger.refresh(stamp)
        if self.vault.refresh(stamp):
            self._start_anew()

    def apart(self, before: "Past | None" = None) -> "Past":
        """Return what is behind the session as of now, for one other thread; what it adds to an index is its own.

        `before` is what was returned for the same message: its index only has to take up what is new.
        """
        _ = self.index  # what this may have to write is written here
        if self._second.taken > _KEPT:
            self._second = _Second()
        there = copy.copy(self)
        if before is not None and before._index is self._index:  # noqa: SLF001 - one of its own
            there._second = before._second  # noqa: SLF001 - one of its own
        there.vault = copy.copy(self.vault)
        there.vault.listed = list(self.vault.listed)
        there._is_apart = True  # noqa: SLF001 - a copy of this very thing
        there.glanced = {}
        return there

    def forget(self) -> None:
        """Drop what memory holds: the last batch may not have become durable."""
        self.ledger.forget()
        self.vault.forget()
        self._start_anew()

    def _start_anew(self) -> None:
        self._index = Lookup()
        self._second = _Second()  # what is being done in the other thread keeps the one it has
        self.glanced.clear()

    @property
    def index(self) -> Lookup:
        """The values of this session, ready to be looked for."""
        if self._is_apart:
            second, values = self._second, self.vault.listed
            while second.taken < len(values):
                second.index.add(values[second.taken])
                second.taken += 1
            return second.index
        fresh = self.vault.fresh
        if fresh:
            for known in fresh:
                self._index.add(known)
            fresh.clear()
            if self._index.crowded:  # memory is bounded without forgetting: the session carries these
                classes = {label.data_class for known in self._index.crowded for label in known.labels}
                self.ledger.mark("coarse", [data_class.encode() for data_class in classes])
        return self._index
